"""What the interop clients share: a counter of checks, a recorder of the wire, and the checks themselves.

The official Python SDK changed its attribute names between 1.x (`inputSchema`) and 2.x (`input_schema`), so every
check here looks at the JSON form of a result, which is the form of the wire. `Recorder` sits below the SDK, at the HTTP
client: it notes each request with its headers, its status and the times at which pieces of its body came in. That is
how "progress arrives while the call runs" is told from "all of it arrived at the end".
"""

import asyncio
import json
import re
import sys
import time
import traceback

SESSION_ID = "mcp-session-id"
VERSION = "mcp-protocol-version"


class Checks:
    """Counts what was checked; the first failure ends the script."""

    def __init__(self, client):
        self.client = client
        self.context = ""
        self.count = 0

    def ok(self, condition, what, seen=None):
        what = f"{self.context}: {what}" if self.context else what
        if not condition:
            raise AssertionError(f"{what}; seen: {seen!r}")
        self.count += 1
        print(f"ok {what}", flush=True)

    def run(self, main):
        """Runs `main(self)` to its end; a failure is printed without the SDK's nest of task groups around it."""
        try:
            asyncio.run(main(self))
        except BaseException as error:
            for cause in causes(error):
                traceback.print_exception(type(cause), cause, cause.__traceback__.tb_next or cause.__traceback__)
            sys.exit(f"{self.client}: FAILED after {self.count} checks")
        print(f"{self.client}: {self.count} checks passed", flush=True)


def causes(error):
    """The errors inside an ExceptionGroup, however deep."""
    inner = getattr(error, "exceptions", None)
    return [cause for each in inner for cause in causes(each)] if inner else [error]


class Exchange:
    """One HTTP request and what came back."""

    def __init__(self, method, url, headers, body):
        self.method = method
        self.url = url
        self.headers = headers
        try:
            self.message = json.loads(body) if body else {}
        except ValueError:
            self.message = {}
        self.status = None
        self.response_headers = {}
        self.chunks = []

    @property
    def rpc(self):
        return self.message.get("method")

    def __repr__(self):
        return f"{self.method} {self.rpc or ''} -> {self.status}"


class Recorder:
    """Makes HTTP clients of `httpx` (SDK 1.x) or `httpx2` (SDK 2.x) whose traffic is written down."""

    def __init__(self, httpx):
        self.httpx = httpx
        self.exchanges = []

    def client(self, **options):
        recorder = self
        httpx = self.httpx

        class Body(httpx.AsyncByteStream):
            def __init__(self, inner, exchange):
                self.inner = inner
                self.exchange = exchange

            async def __aiter__(self):
                async for chunk in self.inner:
                    self.exchange.chunks.append((time.monotonic(), bytes(chunk)))
                    yield chunk

            async def aclose(self):
                await self.inner.aclose()

        class Transport(httpx.AsyncHTTPTransport):
            async def handle_async_request(self, request):
                exchange = Exchange(request.method, str(request.url), dict(request.headers), await request.aread())
                recorder.exchanges.append(exchange)
                response = await super().handle_async_request(request)
                exchange.status = response.status_code
                exchange.response_headers = dict(response.headers)
                response.stream = Body(response.stream, exchange)
                return response

        # A proxy named in the environment must not be asked for a server on this machine.
        timeout = httpx.Timeout(30, read=120)
        return httpx.AsyncClient(**{"timeout": timeout, **options}, transport=Transport(), trust_env=False)

    def posts(self, rpc):
        return [e for e in self.exchanges if e.method == "POST" and e.rpc == rpc]

    def of(self, method):
        return [e for e in self.exchanges if e.method == method]


def wire(model):
    """The JSON form of an SDK object, whatever its attributes are called in this version of the SDK."""
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)


def text_of(result):
    return "\n".join(block.get("text", "") for block in result.get("content", []))


def check_tools(checks, listed, structured=True):
    tools = {tool["name"]: tool for tool in listed["tools"]}
    expected = {"search_bookmarks", "add_bookmark", "import_bookmarks"}
    checks.ok(expected <= set(tools), "tools/list names the three tools", sorted(tools))
    for name in sorted(expected):
        tool = tools[name]
        checks.ok(tool["inputSchema"].get("type") == "object", f"{name}: the input schema is an object", tool)
        checks.ok(bool(tool.get("description")), f"{name}: has a description", tool)
    search = tools["search_bookmarks"]["inputSchema"]
    checks.ok("query" in search["properties"], "search_bookmarks takes `query`", search)
    checks.ok(search.get("required") == ["query"], "only `query` is required", search)
    add = tools["add_bookmark"]["inputSchema"]
    checks.ok({"url", "title", "tags"} <= set(add["properties"]), "add_bookmark takes url, title, tags", add)
    checks.ok({"url", "title"} <= set(add.get("required", [])), "url and title are required", add)
    output = tools["add_bookmark"].get("outputSchema")
    if structured:
        checks.ok(output and output.get("type") == "object", "add_bookmark has an output schema", output)
    else:
        checks.ok(output is None, "no output schema, which this revision does not know", output)


async def check_calls(checks, call, unique, structured=True):
    """`call(name, arguments)` gives the wire form of the result; `unique` keeps runs on one server apart."""
    url = f"https://interop.example/{unique}"
    title = f"Interop {unique}"
    # No tools/list between: the SDKs check structured content against the output schema by themselves.
    added = await call("add_bookmark", {"url": url, "title": title, "tags": ["interop", unique]})
    checks.ok(not added.get("isError"), "add_bookmark succeeds", added)
    content = added.get("structuredContent")
    if structured:
        checks.ok(isinstance(content, dict), "add_bookmark gives structured content", added)
        checks.ok(url in json.dumps(content), "the structured content names the URL", content)
    else:
        checks.ok(content is None, "no structured content, which this revision does not know", content)
    checks.ok(url in text_of(added), "a text block carries the same for older clients", added)

    found = await call("search_bookmarks", {"query": unique})
    checks.ok(not found.get("isError") and url in json.dumps(found), "search_bookmarks finds it", found)
    nothing = await call("search_bookmarks", {"query": f"absent-{unique}-absent"})
    checks.ok(not nothing.get("isError") and url not in json.dumps(nothing), "and not by another word", nothing)

    bad = await call("add_bookmark", {"url": url, "title": title, "tags": ["fine", 5]})
    checks.ok(bad.get("isError") is True, "a bad argument is a tool error", bad)
    checks.ok(re.search(r"tags\W?1", text_of(bad)), "which names the path tags[1]", text_of(bad))
    missing = await call("search_bookmarks", {})
    checks.ok(missing.get("isError") is True, "a missing argument is a tool error", missing)
    checks.ok("query" in text_of(missing), "which names `query`", text_of(missing))


async def check_unknown_tool(checks, call, error_type):
    try:
        result = await call("no_such_tool", {})
    except error_type as error:
        checks.ok(error.error.code == -32602, "an unknown tool is refused with -32602", error.error)
        checks.ok("no_such_tool" in error.error.message, "by its name", error.error)
    else:
        checks.ok(False, "an unknown tool is refused", result)


async def check_progress(checks, recorder, call):
    """Progress must reach the client while the call runs: by the callbacks and by the bytes of the wire."""
    # A client that is not scheduled in time, on a busy machine, finds all pieces of the stream at once.
    for _ in range(5):
        exchange = await watched_import(checks, recorder, call)
        # The SDK hands out callbacks one by one even if all of them came in one piece, so look below it.
        first = next((at for at, chunk in exchange.chunks if b"notifications/progress" in chunk), None)
        last = next((at for at, chunk in exchange.chunks if b'"result"' in chunk), None)
        if first and last and first < last and len(exchange.chunks) >= 3:
            break
    checks.ok(first and last and first < last, "on the wire too: progress came in an earlier piece", exchange.chunks)
    checks.ok(len(exchange.chunks) >= 3, f"the stream came in {len(exchange.chunks)} pieces", exchange.chunks)
    token = exchange.message["params"]["_meta"]["progressToken"]
    events = b"".join(chunk for _, chunk in exchange.chunks).decode()
    tokens = {
        message["params"]["progressToken"]
        for message in messages(events)
        if message.get("method") == "notifications/progress"
    }
    checks.ok(tokens == {token}, "every notification carries the token of the call", tokens)


async def watched_import(checks, recorder, call):
    """Calls `import_bookmarks`, checks what the SDK tells of its progress, and gives what went over the wire."""
    seen = []

    async def on_progress(progress, total, message):
        seen.append((time.monotonic(), progress, total, message))

    before = len(recorder.exchanges)
    result = await call("import_bookmarks", {}, on_progress)
    finished = time.monotonic()
    checks.ok(not result.get("isError"), "import_bookmarks succeeds", result)
    checks.ok(len(seen) >= 3, f"{len(seen)} progress callbacks came before the result", seen)
    checks.ok(seen[0][0] < finished, f"the first {1000 * (finished - seen[0][0]):.1f} ms before it", seen[0])
    values = [progress for _, progress, _, _ in seen]
    increasing = all(a < b for a, b in zip(values, values[1:]))
    checks.ok(increasing, "progress only ever increases", values)

    [exchange] = [e for e in recorder.exchanges[before:] if e.rpc == "tools/call"]
    kind = exchange.response_headers.get("content-type", "")
    checks.ok(kind.startswith("text/event-stream"), "the reply is an event stream", kind)
    return exchange


def messages(stream):
    """The JSON-RPC messages of an event stream. The first event over HTTP+SSE is none, but a path."""
    for line in stream.splitlines():
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data.startswith(("{", "[")):
            yield json.loads(data)


def requests(exchange):
    """The methods of the server's requests on the stream of this exchange so far."""
    # Behind the last end of a line there is what has not come yet.
    lines, _, _ = b"".join(chunk for _, chunk in exchange.chunks).rpartition(b"\n")
    return [message["method"] for message in messages(lines.decode()) if "method" in message and "id" in message]


def check_session_headers(checks, recorder, version):
    """What a session looks like on the wire, once it is over."""
    [initialize] = recorder.posts("initialize")
    session = initialize.response_headers.get(SESSION_ID)
    checks.ok(session, "initialize gives a session id", initialize.response_headers)
    checks.ok(all(0x21 <= ord(c) <= 0x7E for c in session), "of visible ASCII", session)
    [initialized] = recorder.posts("notifications/initialized")
    checks.ok(initialized.status == 202, "notifications/initialized is answered 202", initialized)
    later = [e for e in recorder.exchanges if e is not initialize]
    checks.ok(all(e.headers.get(SESSION_ID) == session for e in later), "every later request names it", later)
    checks.ok(all(e.headers.get(VERSION) == version for e in later), f"and the version {version}", later)
    [get] = recorder.of("GET")
    kind = get.response_headers.get("content-type", "")
    checks.ok(get.status == 200 and kind.startswith("text/event-stream"), "the GET stream opens", (get, kind))
    [delete] = recorder.of("DELETE")
    checks.ok(delete.status in (200, 204), "DELETE ends the session", delete)
    return session


async def check_session_is_gone(checks, recorder, url, session, version):
    headers = {SESSION_ID: session, VERSION: version, "accept": "application/json, text/event-stream"}
    async with recorder.client() as http:
        response = await http.post(url, headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    checks.ok(response.status_code == 404, "after which it is unknown: 404", response.status_code)
