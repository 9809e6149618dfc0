"""The client of the Python SDK 1.x (package `mcp` 1.*) against `everything`.

`everything.py URL PAGED_URL CUT_URL SERVER`. SDK 1.x knows the session era only, and over HTTP+SSE it is also made to
speak the oldest revision.
"""

import contextlib
import functools
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import asking  # noqa: E402
import common  # noqa: E402
import exercise  # noqa: E402
import httpx  # noqa: E402
import mcp.types as types  # noqa: E402
from mcp import ClientSession, McpError, StdioServerParameters  # noqa: E402
from mcp.client.sse import sse_client  # noqa: E402
from mcp.client.stdio import stdio_client  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402
from mcp.shared.message import ClientMessageMetadata  # noqa: E402
from over import HTTP, HTTP_SSE, STDIO, Launch, Tap  # noqa: E402
from pydantic import AnyUrl  # noqa: E402
from side import SESSION, Report, Side, equal, true  # noqa: E402


OLDEST, NEWEST = "2024-11-05", types.LATEST_PROTOCOL_VERSION
CANNOT = {
    "withdrawn": "the SDK reads no message, and so no withdrawal, while its handler of a question runs",
}


# What is no feature of the oldest revision.
LATER = {
    "structured": "since 2025-06-18",
    **dict.fromkeys(["elicit", "forms", "joined", "rounds", "prompt_asks", "withdrawn"], "since 2025-06-18"),
    **dict.fromkeys(["elicit_url", "sample_tools"], "since 2025-11-25"),
}


class V1(Side):
    era = SESSION
    error = McpError

    def __init__(self, older, over, server, recorder, session, opened):
        super().__init__(recorder)
        self.older = older
        self.over = over
        self.server = server
        self.session = session
        self.opening = opened

    async def opened(self):
        return common.wire(self.opening)

    async def ping(self):
        return common.wire(await self.session.send_ping())

    async def call(self, name, arguments, on_progress=None):
        return common.wire(await self.session.call_tool(name, arguments, progress_callback=on_progress))

    async def page(self, method, cursor=None):
        lists = {
            "tools/list": self.session.list_tools,
            "resources/list": self.session.list_resources,
            "resources/templates/list": self.session.list_resource_templates,
            "prompts/list": self.session.list_prompts,
        }
        return common.wire(await lists[method](params=types.PaginatedRequestParams(cursor=cursor)))

    async def read(self, uri):
        return common.wire(await self.session.read_resource(AnyUrl(uri)))

    async def prompt(self, name, arguments):
        return common.wire(await self.session.get_prompt(name, arguments))

    async def complete(self, ref, argument, context=None):
        kind = {"ref/prompt": types.PromptReference, "ref/resource": types.ResourceTemplateReference}[ref["type"]]
        return common.wire(await self.session.complete(kind(**ref), argument, context))

    @contextlib.asynccontextmanager
    async def watching(self, uri=None):
        await self.listening()
        if uri:
            await self.session.subscribe_resource(AnyUrl(uri))
        yield
        if uri:
            await self.session.unsubscribe_resource(AnyUrl(uri))

    @contextlib.asynccontextmanager
    async def attached(self, headers, inbox):
        async def on_message(message):
            if isinstance(message, types.ServerNotification):
                inbox.put(common.wire(message))

        async with self.recorder.client(headers=headers) as http:
            transport = streamable_http_client(self.server, http_client=http, terminate_on_close=False)
            async with transport as (read, write, _session_id):
                async with ClientSession(read, write, message_handler=on_message) as session:

                    async def call(name, token=None, on_token=None):
                        params = types.CallToolRequestParams(name=name)
                        request = types.ClientRequest(types.CallToolRequest(params=params))
                        metadata = ClientMessageMetadata(token, on_token)
                        result = await session.send_request(request, types.CallToolResult, metadata=metadata)
                        return common.wire(result)

                    yield call

    async def cancel(self, task, name):
        # This SDK has no call for it: the notification is sent by hand, with the id seen on the wire.
        [request] = [e for e in self.recorder.posts("tools/call") if e.message["params"]["name"] == name][-1:]
        params = types.CancelledNotificationParams(requestId=request.message["id"])
        await self.session.send_notification(types.ClientNotification(types.CancelledNotification(params=params)))


class Older(exercise.Exercise):
    """Where the oldest revision has less of a feature."""

    async def open(self):
        opened = await self.side.opened()
        equal(opened["protocolVersion"], OLDEST, "the revision")
        true(opened["instructions"].startswith("For tests only"), opened)
        # Since 2025-03-26.
        true("completions" not in opened["capabilities"], opened)

    async def content(self):
        result = await self.side.call("test_multiple_content_types", {})
        equal([block["type"] for block in result["content"]], ["text", "image", "resource"])
        # Since 2025-03-26; before, there is a text in its place.
        [audio] = (await self.side.call("test_audio_content", {}))["content"]
        equal(audio["type"], "text")
        true("audio/wav" in audio["text"], audio)

    async def complete(self):
        prompt = {"type": "ref/prompt", "name": "test_prompt_with_arguments"}
        found = await self.side.complete(prompt, {"name": "arg1", "value": "pa"})
        equal(found["completion"]["values"], ["paris", "park", "party"])


@contextlib.asynccontextmanager
async def streams(over, server, recorder):
    """What the SDK reads from and writes to."""
    if over == STDIO:
        async with stdio_client(StdioServerParameters(**server.server)) as (read, write):
            yield read, recorder.on(write)
    elif over == HTTP_SSE:
        async with sse_client(f"{server}/sse", httpx_client_factory=recorder.client) as (read, write):
            yield read, write
    else:
        async with recorder.client() as http:
            async with streamable_http_client(server, http_client=http) as (read, write, _session_id):
                yield read, write


@contextlib.asynccontextmanager
async def connect(older, over, server, answers):
    recorder = Tap() if over == STDIO else common.Recorder(httpx)
    sides = []

    async def on_message(message):
        if isinstance(message, types.ServerNotification):
            sides[0].inbox.put(common.wire(message))

    async with streams(over, server, recorder) as (read, write):
        options = {"message_handler": on_message, **asking.callbacks(answers, types)}
        async with ClientSession(read, write, **options) as session:
            # It is read at each `initialize`.
            types.LATEST_PROTOCOL_VERSION = older or NEWEST
            sides.append(V1(older, over, server, recorder, session, await session.initialize()))
            await session.set_logging_level("info")
            yield sides[0]


async def main(url, paged_url, cut_url, binary):
    for older, over, servers in [
        (None, HTTP, [url, paged_url, cut_url]),
        (None, HTTP_SSE, [url, paged_url]),
        (OLDEST, HTTP_SSE, [url, paged_url]),
        (None, STDIO, [Launch(binary), Launch(binary, PAGE_SIZE="5")]),
    ]:
        report = Report("Python SDK", version("mcp"))
        connecting = functools.partial(connect, older, over)
        if older:
            await exercise.run(report, connecting, servers, LATER, Older)
        else:
            await exercise.run(report, connecting, servers, CANNOT)


exercise.main(main)
