"""The client of the Python SDK 2.x (package `mcp` 2.*) against `everything`.

`everything.py URL PAGED_URL CUT_URL SERVER`. It knows both eras; here it is told which to speak by `mode`, "legacy" for
sessions and "auto" for 2026-07-28.
"""

import contextlib
import functools
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import asking  # noqa: E402
import common  # noqa: E402
import exercise  # noqa: E402
import httpx2  # noqa: E402
import mcp_types as types  # noqa: E402
from mcp import Client, ClientSession, MCPError, StdioServerParameters  # noqa: E402
from mcp.client.stdio import stdio_client  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402
from mcp.shared.exceptions import MCPDeprecationWarning  # noqa: E402
from mcp.shared.message import ClientMessageMetadata  # noqa: E402
from over import HTTP, STDIO, Launch, Tap  # noqa: E402
from side import SESSION, STATELESS, Report, Side, equal, until  # noqa: E402

# What 2026-07-28 has dropped is called here in sessions only.
warnings.filterwarnings("ignore", category=MCPDeprecationWarning)


class V2(Side):
    error = MCPError

    def __init__(self, era, over, server, recorder, client):
        super().__init__(recorder)
        self.era = era
        self.over = over
        self.server = server
        self.client = client

    async def opened(self):
        return {
            "protocolVersion": self.client.protocol_version,
            "serverInfo": common.wire(self.client.server_info),
            "capabilities": common.wire(self.client.server_capabilities),
            "instructions": self.client.instructions,
        }

    async def ping(self):
        return common.wire(await self.client.send_ping())

    async def call(self, name, arguments, on_progress=None):
        return common.wire(await self.client.call_tool(name, arguments, progress_callback=on_progress))

    async def page(self, method, cursor=None):
        lists = {
            "tools/list": self.client.list_tools,
            "resources/list": self.client.list_resources,
            "resources/templates/list": self.client.list_resource_templates,
            "prompts/list": self.client.list_prompts,
        }
        return common.wire(await lists[method](cursor=cursor))

    async def read(self, uri):
        return common.wire(await self.client.read_resource(uri))

    async def prompt(self, name, arguments):
        return common.wire(await self.client.get_prompt(name, arguments))

    async def complete(self, ref, argument, context=None):
        kind = {"ref/prompt": types.PromptReference, "ref/resource": types.ResourceTemplateReference}[ref["type"]]
        return common.wire(await self.client.complete(kind(**ref), argument, context))

    @contextlib.asynccontextmanager
    async def watching(self, uri=None):
        if self.era == SESSION:
            await self.listening()
            if uri:
                await self.client.subscribe_resource(uri)
            yield
            if uri:
                await self.client.unsubscribe_resource(uri)
            return
        # The events also reach `message_handler`, and so the inbox.
        async with self.client.listen(
            tools_list_changed=True,
            prompts_list_changed=True,
            resources_list_changed=True,
            resource_subscriptions=[uri] if uri else [],
        ) as subscription:
            equal(bool(subscription.honored.tools_list_changed), True, "what the server agreed to")
            yield
        if self.over == STDIO:
            # The SDK sends the end of it beside what it is told to send next.
            listening = self.recorder.posts("subscriptions/listen")[-1].message["id"]

            async def ended():
                cancelled = self.recorder.posts("notifications/cancelled")
                return any(each.message["params"]["requestId"] == listening for each in cancelled)

            await until(ended, "the end of the subscription")

    @contextlib.asynccontextmanager
    async def attached(self, headers, inbox):
        async def on_message(message):
            if isinstance(message, types.ServerNotification):
                inbox.put(common.wire(message))

        async with self.recorder.client(headers=headers) as http:
            transport = streamable_http_client(self.server, http_client=http, terminate_on_close=False)
            async with transport as (read, write):
                async with ClientSession(read, write, message_handler=on_message) as session:

                    async def call(name, token=None, on_token=None):
                        request = types.CallToolRequest(params=types.CallToolRequestParams(name=name))
                        metadata = ClientMessageMetadata(token, on_token)
                        result = await session.send_request(request, types.CallToolResult, metadata=metadata)
                        return common.wire(result)

                    yield call


@contextlib.asynccontextmanager
async def streams(over, server, recorder):
    """What the SDK reads from and writes to."""
    if over == STDIO:
        async with stdio_client(StdioServerParameters(**server.server)) as (read, write):
            yield read, recorder.on(write)
    else:
        async with recorder.client() as http:
            async with streamable_http_client(server, http_client=http) as (read, write):
                yield read, write


@contextlib.asynccontextmanager
async def connect(era, over, server, answers):
    recorder = Tap() if over == STDIO else common.Recorder(httpx2)
    sides = []

    async def on_message(message):
        if isinstance(message, types.ServerNotification):
            sides[0].inbox.put(common.wire(message))

    mode = "legacy" if era == SESSION else "auto"
    options = {"mode": mode, "message_handler": on_message, "log_level": "info", **asking.callbacks(answers, types)}
    async with Client(streams(over, server, recorder), **options) as client:
        sides.append(V2(era, over, server, recorder, client))
        if era == SESSION:
            await client.set_logging_level("info")
        yield sides[0]


async def main(url, paged_url, cut_url, binary):
    for era in (SESSION, STATELESS):
        for over, servers in [
            (HTTP, [url, paged_url, cut_url]),
            (STDIO, [Launch(binary), Launch(binary, PAGE_SIZE="5")]),
        ]:
            report = Report("Python SDK", version("mcp"))
            await exercise.run(report, functools.partial(connect, era, over), servers)


exercise.main(main)
