"""Clients that call without a pause while replicas are restarted.

Most open a connection for each call, over HTTP/1.1 or HTTP/2. Others keep theirs, as clients do, and for these HTTP has
one case that no server can avoid: the server may close an idle connection at the moment when the client sends a request
on it (RFC 9112, 9.3.1), as nginx's old worker processes do. Then nothing at all comes back on a connection that was
used before, and a client may send the request again on a new one if it knows that it does no harm (RFC 9110, 9.2.2);
`echo` is such a tool, and says so (`readOnlyHint`). It is counted, and never done twice for a call.

Over HTTP/2 that happens on new connections too: a worker process that ends as one is made says GOAWAY, with 0 as the
last stream that it has taken. Such a request was not processed, and may be sent again whatever it does (RFC 9113, 8.7).
"""

import contextlib
import http.client
import json
import socket
import threading
import time

from client import NothingCame, Reply, Stream, call, listen
from http2 import post
from server import Failure

FRESH, FRESH_HTTP2, KEPT, SLOW, LISTENING, LISTENING_HTTP2 = 3, 1, 2, 2, 2, 1
# How long a call of a slow client takes, in milliseconds: there are always some that run while a replica ends.
SLEEP = 700
# How long a stream over HTTP/2 may be open: longer than the restart of a replica.
OPEN_WITHIN = 120


class Load:
    """Clients in closed loops, each with a thread of its own, until `stop`."""

    def __init__(self, front, cafile):
        self.front = front
        self.cafile = cafile
        self.over = threading.Event()
        self.failures = []
        self.calls = 0
        self.calls_http2 = 0
        self.longest = 0
        self.again = 0
        self.again_http2 = 0
        self.listened = 0
        self.listened_http2 = 0
        self.sockets = []
        self.curls = []
        self.lock = threading.Lock()
        work = [self.fresh] * FRESH + [self.kept] * KEPT + [self.slow] * SLOW + [self.listening] * LISTENING
        work += [self.fresh_http2] * FRESH_HTTP2 + [self.listening_http2] * LISTENING_HTTP2
        self.threads = [threading.Thread(target=self._run, args=(one, n)) for n, one in enumerate(work)]
        for thread in self.threads:
            thread.start()

    def _run(self, work, number):
        count = 0
        connection = None
        while not self.over.is_set():
            count += 1
            began = time.monotonic()
            try:
                connection = work(connection, f"{number}.{count}")
            except Exception as error:  # Whatever it is, it is a failed request.
                self.failures.append(f"{work.__name__} {number}.{count}: {error!r}")
                connection = None
            if work in (self.fresh, self.kept):
                with self.lock:
                    self.longest = max(self.longest, time.monotonic() - began)
        if connection:
            connection.close()

    def judge(self, reply, text):
        if reply.status != 200 or reply.text != text:
            raise AssertionError(f"answered {reply}")
        with self.lock:
            self.calls += 1

    def fresh(self, _, text):
        self.judge(self.front.call("echo", {"message": text}), text)

    def fresh_http2(self, _, text):
        said = self._http2(*call("echo", {"message": text}))
        if said is None:
            return
        if json.loads(said)["result"]["content"][0]["text"] != text:
            raise AssertionError(f"answered {said}")
        with self.lock:
            self.calls += 1
            self.calls_http2 += 1

    def slow(self, *_):
        self.judge(self.front.call("sleep", {"ms": SLEEP}), f"slept for {SLEEP} ms")

    def kept(self, connection, text):
        message, headers = call("echo", {"message": text})
        used = connection is not None
        connection = connection or self.front.connection()
        try:
            response = self.front.send(connection, "POST", message, headers)
        except NothingCame:
            if not used:
                raise
            with self.lock:
                self.again += 1
            connection.close()
            connection = self.front.connection()
            response = self.front.send(connection, "POST", message, headers)
        reply = Reply(response)
        self.judge(reply, text)
        if reply.headers.get("connection") == "close":
            connection.close()
            return None
        return connection

    def listening(self, _, __):
        """A `subscriptions/listen`, to its end: with its result if the server ends it, never broken off."""
        connection = self.front.connection()
        connection.connect()
        self.sockets.append(connection.sock)
        try:
            if self.over.is_set():
                return
            stream = Stream(connection, self.front.send(connection, "POST", *listen(toolsListChanged=True)))
            if stream.status != 200:
                raise AssertionError(f"a stream was answered {stream.status}")
            stream.until(lambda message: "result" in message)
            if stream.message() is not None:
                raise AssertionError("a stream goes on after its result")
            with self.lock:
                self.listened += 1
        except (OSError, http.client.HTTPException):
            if not self.over.is_set():
                raise
        finally:
            connection.close()

    def listening_http2(self, _, __):
        """The same over HTTP/2: curl fails if the stream is reset."""
        said = self._http2(*listen(toolsListChanged=True))
        if said is None:
            return
        data = [line[5:] for line in said.splitlines() if line.startswith("data:")]
        if not data or "result" not in json.loads(data[-1]):
            raise AssertionError(f"a stream ended with {said!r}")
        with self.lock:
            self.listened_http2 += 1

    def _http2(self, message, headers):
        """What curl was answered; None at the end of the load."""
        for tried in range(2):
            running = post(self.front, self.cafile, message, headers, OPEN_WITHIN)
            self.curls.append(running)
            if self.over.is_set():
                running.terminate()
            said, error = running.communicate()
            if self.over.is_set():
                return None
            if running.returncode == 0:
                return said
            if tried or said or error.split()[-1] != "000":
                break
            with self.lock:
                self.again_http2 += 1
        raise AssertionError(f"curl ended with {running.returncode}: {said} {error}")

    def wait_for(self, more):
        """Until so many more calls were answered, or one has failed."""
        wanted = self.calls + more
        deadline = time.monotonic() + 30
        while self.calls < wanted and not self.failures:
            if time.monotonic() > deadline:
                raise Failure(f"{self.calls} calls were answered, expected {wanted}")
            time.sleep(0.05)

    def stop(self):
        self.over.set()
        # Who listens reads, and would do so for ever.
        for listener in self.sockets:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
        for curl in self.curls:
            curl.terminate()
        for thread in self.threads:
            thread.join()
