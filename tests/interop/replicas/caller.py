"""Clients of 2025-11-25 that come back: `Client` is a session, `Call` a call in it that is followed to its end over as
many connections as it takes."""

import http.client
import json
import socket
import ssl
import threading
import time

from client import BOTH, SESSION, Reply, encoded, request

BROKEN = (http.client.HTTPException, OSError, ssl.SSLError)
TIMEOUT = 20
# What the server asks for by `retry`, in seconds, until it has said something.
RETRY = 1.0
# These are nginx's, or a replica's that cannot serve now: the client tries again.
AGAIN = (502, 503, 504)
# How soon a stream ends behind the answer to its call.
END_WITHIN = 1
ASKING = {"elicitation": {}, "sampling": {}, "roots": {}}


class Event:
    """One event of a stream: its id, its JSON-RPC message (None if it has no data), and when it came."""

    __slots__ = ("id", "data", "message", "at")

    def __init__(self, id, data, at):
        self.id = id
        self.data = data
        self.message = json.loads(data) if data else None
        self.at = at

    @property
    def stream(self):
        return self.id.split("-")[1]

    @property
    def seq(self):
        return int(self.id.split("-")[2])

    @property
    def counted(self):
        """The data of a log message of `count_in_log`."""
        message = self.message or {}
        return message["params"]["data"] if message.get("method") == "notifications/message" else None

    @property
    def answers(self):
        return self.message is not None and ("result" in self.message or "error" in self.message)


class Reading:
    """A response that is read event by event. What broke off in the middle of an event is no event.

    `deadline`: until when it is read, whatever comes. `patience`: how long it may be without a byte, comments included.
    After either it is a TimeoutError, and nothing more can be read.
    """

    def __init__(self, front, headers, message=None, method="POST", timeout=TIMEOUT):
        self.connection = front.connection(timeout)
        self.sent = time.monotonic()
        self.deadline = None
        self.patience = timeout
        self.retry = None
        self.comments = 0
        self.unread = b""
        self.lines = []
        try:
            self.connection.connect()
            # `getresponse` may take it from the connection.
            self.socket = self.connection.sock
            self.sent = time.monotonic()
            self.response = front.send(self.connection, method, message, headers)
        except BaseException:
            self.connection.close()
            raise
        self.headed = time.monotonic()
        self.status = self.response.status
        self.headers = {name.lower(): value for name, value in self.response.getheaders()}

    @property
    def streams(self):
        return self.headers.get("content-type", "").startswith("text/event-stream")

    def event(self):
        """The next one; None at the end of a stream that was ended properly. What breaks off is one of BROKEN."""
        while True:
            while b"\n" in self.unread:
                line, self.unread = self.unread.split(b"\n", 1)
                if line.startswith(b":"):
                    self.comments += 1
                elif line:
                    self.lines.append(line)
                elif self.lines:
                    return self._made()
            self._prepare()
            piece = self.response.read1()
            if not piece:
                return None
            self.unread += piece

    def _prepare(self):
        left = None if self.deadline is None else self.deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError("it is read no longer")
        self.socket.settimeout(min((limit for limit in (left, self.patience) if limit is not None), default=None))

    def _made(self):
        fields = {}
        for line in self.lines:
            name, _, value = line.partition(b":")
            fields.setdefault(name, []).append(value.removeprefix(b" "))
        self.lines = []
        if b"retry" in fields:
            self.retry = int(fields[b"retry"][-1]) / 1000
        id = fields[b"id"][-1].decode() if b"id" in fields else None
        return Event(id, b"\n".join(fields.get(b"data", [])), time.monotonic())

    def until(self, wanted, within=TIMEOUT):
        """The first event for which `wanted(message)` is true."""
        self.deadline = time.monotonic() + within
        try:
            while (event := self.event()) is not None:
                if event.message is not None and wanted(event.message):
                    return event
        except TimeoutError:
            raise AssertionError(f"what was waited for did not come within {within} s") from None
        raise AssertionError("the stream ended before the message that was waited for")

    def during(self, seconds):
        """The messages that come in a time; whether the stream ended in it, or broke off."""
        self.deadline, messages = time.monotonic() + seconds, []
        try:
            while (event := self.event()) is not None:
                if event.message is not None:
                    messages.append(event.message)
        except TimeoutError:
            return messages, False
        except BROKEN:
            pass
        return messages, True

    def body(self):
        return self.response.read()

    def cut(self):
        """Ends the connection, whoever reads from it."""
        # Not `SSLSocket.shutdown`, which would pull TLS from under the reader.
        try:
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self.connection.close()


class Client:
    """A session. `at` is where a request goes, where that is another front than the session's own."""

    def __init__(self, front, user=None, capabilities=None):
        self.front = front
        self.headers = {"Authorization": f"Bearer {user}"} if user else {}
        self.id = 0
        params = {"protocolVersion": SESSION, "capabilities": ASKING if capabilities is None else capabilities}
        params["clientInfo"] = {"name": "replicas", "version": "1"}
        opened = self.post(request("initialize", params))
        if opened.status != 200 or "mcp-session-id" not in opened.headers:
            raise AssertionError(f"initialize was answered {opened}")
        self.headers |= {"Mcp-Session-Id": opened.headers["mcp-session-id"], "MCP-Protocol-Version": SESSION}
        noted = self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        if noted.status != 202:
            raise AssertionError(f"notifications/initialized was answered {noted}")

    def next_id(self):
        self.id += 1
        return self.id

    def post(self, message, at=None, headers=None):
        return (at or self.front).ask("POST", message, headers or self.headers)

    def ask(self, method, params=None, at=None):
        return self.post(request(method, params, self.next_id()), at)

    def call(self, tool, arguments=None, at=None):
        return self.ask("tools/call", {"name": tool, "arguments": arguments or {}}, at)

    def stream(self, tool, arguments=None, at=None, timeout=TIMEOUT, id=None):
        """A call whose answer is read event by event."""
        message = request("tools/call", {"name": tool, "arguments": arguments or {}}, id or self.next_id())
        return Reading(at or self.front, self.headers, message, timeout=timeout)

    def get(self, last=None, at=None, headers=None, timeout=TIMEOUT):
        headers = {**(headers or self.headers), "Accept": "text/event-stream"}
        if last:
            headers["Last-Event-ID"] = last
        return Reading(at or self.front, headers, None, "GET", timeout)

    def notify(self, method, params, at=None):
        return self.post({"jsonrpc": "2.0", "method": method, "params": params}, at)

    def delete(self, at=None):
        return (at or self.front).ask("DELETE", headers=self.headers)


class Comeback:
    """A GET of a client that came back: when it was sent, and how long its head and its first event took. `behind` is
    how many events the client had."""

    def __init__(self, reading, behind):
        self.behind = behind
        self.sent = reading.sent
        self.head = reading.headed - reading.sent
        self.first = None


class Call(threading.Thread):
    """A call of `count_in_log`, to its end: its answer or an error, or a 404 of its session.

    `first` is where the POST goes, `then` where the GETs go; both can be changed while it runs. `patience`: how long a
    connection may say nothing before it is given up, for clients that look after that.
    """

    def __init__(self, client, arguments, first=None, then=None, within=60, patience=None):
        super().__init__(daemon=True)
        self.client = client
        self.arguments = arguments
        self.first = first or client.front
        self.then = then or client.front
        self.patience = patience
        self.began = time.monotonic()
        self.deadline = self.began + within
        self.events = []
        self.numbers = []
        self.process = None
        self.comebacks = []
        # How long it was without a connection, in seconds.
        self.absent = 0
        # The statuses of GETs that had to be tried again, and when they came.
        self.refused = []
        # What the client was told about something that is missing: (what, the number it had got to).
        self.told = []
        # How its connections ended: `ended`, `broke` or `cut` (by the client).
        self.ends = []
        # What is wrong with how the stream went on behind its answer.
        self.tail = None
        self.outcome = None
        self.failure = None
        self.retry = RETRY
        self.reading = None
        self.is_cut = False
        self.may_return = threading.Event()
        self.may_return.set()
        self.start()

    def cut(self):
        """Ends the client's connection, which comes back after `back`."""
        self.may_return.clear()
        self.is_cut = True
        if self.reading:
            self.reading.cut()

    def back(self):
        self.may_return.set()

    def run(self):
        try:
            self._follow()
        except BROKEN as error:
            self.failure = f"before its first event: {error!r}"
        except Exception as error:
            self.failure = repr(error)

    def _follow(self):
        self.id = self.client.next_id()
        message = request("tools/call", {"name": "count_in_log", "arguments": self.arguments}, self.id)
        reading = Reading(self.first, self.client.headers, message, timeout=self.patience or TIMEOUT)
        if reading.status != 200 or not reading.streams:
            raise AssertionError(f"the call was answered {reading.status} {reading.body()[:300]!r}")
        while reading is not None:
            self._read(reading)
            reading = None if self.outcome else self._come_back()

    def _read(self, reading):
        self.reading = reading
        comeback = self.comebacks[-1] if self.comebacks else None
        # Who has come back waits as long as it takes.
        reading.patience = None if comeback else self.patience
        reading.deadline = self.deadline
        end = "broke"
        try:
            while not self.is_cut:
                event = reading.event()
                if event is None:
                    end = "ended"
                    break
                if comeback and comeback.first is None:
                    comeback.first = event.at - reading.sent
                self._take(event)
                if self.outcome:
                    end = "ended"
                    break
        except BROKEN:
            if time.monotonic() > self.deadline:
                raise AssertionError(f"hangs: {self._state()}") from None
        finally:
            if reading.retry:
                self.retry = reading.retry
            if self.outcome:
                self._read_tail(reading)
            reading.close()
        self.ends.append("cut" if self.is_cut else end)

    def _read_tail(self, reading):
        """Behind its answer a stream ends properly, soon, and with nothing before."""
        reading.patience, reading.deadline = None, time.monotonic() + END_WITHIN
        try:
            event = reading.event()
            self.tail = event and f"goes on behind its answer: {event.id} {event.data[:200]!r}"
        except TimeoutError:
            self.tail = f"does not end within {END_WITHIN} s behind its answer"
        except BROKEN as error:
            if not self.is_cut:
                self.tail = f"breaks off behind its answer: {error!r}"

    def _take(self, event):
        self.events.append(event)
        if event.counted:
            self.numbers.append(event.counted["number"])
            self.process = event.counted["process"]
        if event.answers:
            if event.message.get("id") != self.id:
                raise AssertionError(f"the answer to another request came: {event.message}")
            self.outcome = event

    def _come_back(self):
        """A GET for the rest. None if the session is gone."""
        last = next((event.id for event in reversed(self.events) if event.id), None)
        if last is None:
            raise AssertionError("the connection ended before an event had an id")
        left = time.monotonic()
        if not self.may_return.wait(max(0, self.deadline - time.monotonic())):
            raise AssertionError("it was not let back")
        self.is_cut = False
        while time.monotonic() < self.deadline:
            time.sleep(self.retry)
            try:
                reading = self.client.get(last, self.then, timeout=self.patience or TIMEOUT)
            except BROKEN:
                continue
            if reading.status in AGAIN:
                self.refused.append((reading.status, reading.headed))
                reading.close()
                continue
            if reading.status == 404:
                self.told.append(("404", self._number()))
                reading.close()
                return None
            if reading.status != 200 or not reading.streams:
                raise AssertionError(f"a GET for the rest was answered {reading.status} {reading.body()[:300]!r}")
            begins = reading.headers.get("last-event-id")
            if begins != last:
                self.told.append((begins, self._number()))
            self.comebacks.append(Comeback(reading, len(self.events)))
            self.absent += reading.headed - left
            return reading
        raise AssertionError(f"was not let back for the rest: {self._state()}")

    def _number(self):
        return self.numbers[-1] if self.numbers else 0

    def _state(self):
        said = f"{len(self.events)} events, up to number {self._number()}, connections {self.ends}, told {self.told}"
        return f"{said}, absent for {self.absent:.1f} s"

    @property
    def stream(self):
        return next(event.stream for event in self.events if event.id)

    @property
    def epoch(self):
        return next(event.id.split("-")[0] for event in self.events if event.id)

    @property
    def error(self):
        return self.outcome.message.get("error") if self.outcome else None

    @property
    def text(self):
        result = self.outcome.message.get("result") if self.outcome else None
        return result["content"][0]["text"] if result else None


def in_parallel(jobs):
    """Calls all at a time; gives what they gave. The first error is raised."""
    results = [None] * len(jobs)

    def run(number):
        try:
            results[number] = (True, jobs[number]())
        except Exception as error:
            results[number] = (False, error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for good, result in results:
        if not good:
            raise result
    return [result for _, result in results]


def wait_until(condition, within, what):
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(0.01)


class Listener(threading.Thread):
    """Keeps the messages of a stream as they come, and knows whether it has ended."""

    def __init__(self, reading):
        super().__init__(daemon=True)
        if reading.status != 200 or not reading.streams:
            raise AssertionError(f"a stream was answered {reading.status} {reading.body()[:300]!r}")
        self.reading = reading
        self.events = []
        # When it ended.
        self.over_at = None
        reading.patience = None
        self.start()

    def run(self):
        try:
            while (event := self.reading.event()) is not None:
                self.events.append(event)
        except BROKEN:
            pass
        self.over_at = time.monotonic()

    @property
    def over(self):
        return self.over_at is not None

    def of(self, method):
        return [event.message for event in list(self.events) if (event.message or {}).get("method") == method]

    @property
    def answer(self):
        return next((event.message for event in list(self.events) if event.answers), None)

    @property
    def last(self):
        return next((event.id for event in reversed(list(self.events)) if event.id), None)

    def close(self):
        self.reading.cut()
        self.join()
        self.reading.close()
