"""A client that shows what goes over the wire: HTTP/1.1 by `http.client`, with TLS or without, and both eras of MCP.

`Front` is an endpoint as a client sees it. Where it connects to, which name it asks for and which path are apart from
each other, so that the public URL can be asked for on any port, and a wrong name too.
"""

import contextlib
import http.client
import json
import socket
import ssl
import time

TIMEOUT = 75
BOTH = "application/json, text/event-stream"
STATELESS = "2026-07-28"
SESSION = "2025-11-25"
META = {
    "io.modelcontextprotocol/protocolVersion": STATELESS,
    "io.modelcontextprotocol/clientInfo": {"name": "proxy", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


class NothingCame(ConnectionError):
    """The connection was closed before the first byte of an answer."""


class Response(http.client.HTTPResponse):
    """Tells an answer that broke off from one that never began."""

    def begin(self):
        try:
            first = self.fp.peek(1)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise NothingCame("nothing came back") from error
        if not first:
            raise NothingCame("nothing came back")
        super().begin()


class Connection(http.client.HTTPConnection):
    """To `port` of 127.0.0.1, with TLS for a name if there is a context for it."""

    response_class = Response

    def __init__(self, port, tls=None, sni=None, timeout=TIMEOUT):
        super().__init__("127.0.0.1", port, timeout=timeout)
        self.tls = tls
        self.sni = sni

    def connect(self):
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            self.sock = self.tls.wrap_socket(self.sock, server_hostname=self.sni)


class Reply:
    """A whole response."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def message(self):
        """The JSON-RPC answer, whether it is all of the body or the last event of a stream."""
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            data = [line[5:] for line in self.body.decode().splitlines() if line.startswith("data:")]
            return json.loads(data[-1])
        return json.loads(self.body)

    @property
    def text(self):
        """The text of a tool's result."""
        return "\n".join(block.get("text", "") for block in self.message["result"]["content"])

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"


class Front:
    """An endpoint: `tls` is a context for https, `sni` the name of the handshake, by default `host`."""

    def __init__(self, port, host, path, tls=None, sni=None):
        self.port = port
        self.host = host
        self.path = path
        self.tls = tls
        self.sni = sni or host

    def asking(self, host):
        """The same, with another `Host`. The handshake is as before."""
        return Front(self.port, host, self.path, self.tls, self.sni)

    def connection(self, timeout=TIMEOUT):
        return Connection(self.port, self.tls, self.sni, timeout)

    def send(self, connection, method, message=None, headers=None, below=""):
        """Sends a request and gives its response, of which the head has been read."""
        body = None if message is None else encoded(message)
        common = {"Host": self.host, "Accept": BOTH}
        if body is not None:
            common["Content-Type"] = "application/json"
        # Where the server closes before it has read all, its answer may be there to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            connection.request(method, self.path + below, body, {**common, **(headers or {})})
        return connection.getresponse()

    def ask(self, method, message=None, headers=None, below=""):
        """A whole request on a connection of its own."""
        connection = self.connection()
        try:
            return Reply(self.send(connection, method, message, {"Connection": "close", **(headers or {})}, below))
        finally:
            connection.close()

    def call(self, tool, arguments=None, headers=None):
        """A whole call of the stateless era."""
        message, needed = call(tool, arguments)
        return self.ask("POST", message, {**needed, **(headers or {})})

    def stream(self, message, headers=None):
        """A request of which the answer is read event by event."""
        connection = self.connection()
        return Stream(connection, self.send(connection, "POST", message, headers))


def encoded(message):
    return json.dumps(message).encode()


def call(tool, arguments=None, progress=None):
    """A `tools/call` of 2026-07-28: the message, and the headers that must agree with it."""
    meta = META if progress is None else {**META, "progressToken": progress}
    params = {"name": tool, "arguments": arguments or {}, "_meta": meta}
    return request("tools/call", params), stateless_headers("tools/call", tool)


def listen(**wanted):
    """A `subscriptions/listen` of 2026-07-28."""
    message = request("subscriptions/listen", {"notifications": wanted, "_meta": META})
    return message, stateless_headers("subscriptions/listen")


def stateless_headers(method, name=None):
    headers = {"MCP-Protocol-Version": STATELESS, "Mcp-Method": method}
    return {**headers, "Mcp-Name": name} if name else headers


def request(method, params=None, id=1):
    message = {"jsonrpc": "2.0", "id": id, "method": method}
    return message if params is None else {**message, "params": params}


class Session:
    """A session of 2025-11-25."""

    def __init__(self, front):
        self.front = front
        params = {"protocolVersion": SESSION, "capabilities": {}, "clientInfo": {"name": "proxy", "version": "1"}}
        self.initialize = front.ask("POST", request("initialize", params))
        session = self.initialize.headers.get("mcp-session-id", "")
        self.headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": SESSION}
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        self.initialized = front.ask("POST", note, self.headers)

    def call(self, tool, arguments=None):
        return self.ask("tools/call", {"name": tool, "arguments": arguments or {}})

    def ask(self, method, params=None):
        return self.front.ask("POST", request(method, params), self.headers)

    def stream(self, message):
        return self.front.stream(message, self.headers)

    def listen(self):
        """The GET stream."""
        connection = self.front.connection()
        headers = {**self.headers, "Accept": "text/event-stream"}
        return Stream(connection, self.front.send(connection, "GET", headers=headers))

    def delete(self):
        return self.front.ask("DELETE", headers=self.headers)


class Stream:
    """A response that is read line by line: events and comments, with the times at which they came."""

    def __init__(self, connection, response):
        self.connection = connection
        self.response = response
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.comments = []
        self.unread = b""

    def message(self):
        """The next JSON-RPC message and when it came; None at the end of a stream that was ended properly.

        Where the last chunk is missing, it is an IncompleteRead.
        """
        while (line := self._line()) is not None:
            now = time.monotonic()
            if line.startswith(b":"):
                self.comments.append(now)
            elif line.startswith(b"data:") and line[5:].strip():
                return now, json.loads(line[5:])
        return None

    def _line(self):
        # Not `readline`: it takes a stream that broke off for one that has ended.
        while b"\n" not in self.unread:
            piece = self.response.read1()
            if not piece:
                return None
            self.unread += piece
        line, self.unread = self.unread.split(b"\n", 1)
        return line

    def until(self, wanted):
        """The first message for which `wanted(message)` is true, and when it came."""
        while (found := self.message()) is not None:
            if wanted(found[1]):
                return found
        raise AssertionError("the stream ended before the message that was waited for")

    def longest_gap(self, begin, end):
        """The longest time without a byte, but for comments."""
        times = [begin, *self.comments, end]
        return max(after - before for before, after in zip(times, times[1:]))

    def close(self):
        self.connection.close()
        self.response.close()
