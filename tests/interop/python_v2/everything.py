"""The client of the Python SDK 2.x (package `mcp` 2.*) against `everything`: `everything.py URL PAGED_URL CUT_URL`.

It knows both eras; here it is told which to speak by `mode`, "legacy" for sessions and "auto" for 2026-07-28.
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
from mcp import Client, ClientSession, MCPError  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402
from mcp.shared.exceptions import MCPDeprecationWarning  # noqa: E402
from mcp.shared.message import ClientMessageMetadata  # noqa: E402
from side import SESSION, STATELESS, Report, Side, equal, stream_opened  # noqa: E402

# What 2026-07-28 has dropped is called here in sessions only.
warnings.filterwarnings("ignore", category=MCPDeprecationWarning)


class V2(Side):
    error = MCPError

    def __init__(self, url, recorder, client, era):
        super().__init__(recorder)
        self.url = url
        self.client = client
        self.era = era

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
            await stream_opened(self.recorder)
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

    @contextlib.asynccontextmanager
    async def attached(self, headers, inbox):
        async def on_message(message):
            if isinstance(message, types.ServerNotification):
                inbox.put(common.wire(message))

        async with self.recorder.client(headers=headers) as http:
            transport = streamable_http_client(self.url, http_client=http, terminate_on_close=False)
            async with transport as (read, write):
                async with ClientSession(read, write, message_handler=on_message) as session:

                    async def call(name, token=None, on_token=None):
                        request = types.CallToolRequest(params=types.CallToolRequestParams(name=name))
                        metadata = ClientMessageMetadata(token, on_token)
                        result = await session.send_request(request, types.CallToolResult, metadata=metadata)
                        return common.wire(result)

                    yield call


def handlers(answers):
    """What the SDK is given to ask; without it, the client offers nothing that could be asked."""
    if answers is None:
        return {}

    async def elicit(_context, params):
        return types.ElicitResult(**await answers.answer(asking.ELICIT, common.wire(params)))

    async def sample(_context, params):
        return types.CreateMessageResult(**await answers.answer(asking.SAMPLE, common.wire(params)))

    async def roots(_context):
        return types.ListRootsResult(**await answers.answer(asking.ROOTS, {}))

    return {"elicitation_callback": elicit, "sampling_callback": sample, "list_roots_callback": roots}


@contextlib.asynccontextmanager
async def connect(era, url, answers):
    recorder = common.Recorder(httpx2)
    sides = []

    async def on_message(message):
        if isinstance(message, types.ServerNotification):
            sides[0].inbox.put(common.wire(message))

    mode = "legacy" if era == SESSION else "auto"
    async with recorder.client() as http:
        transport = streamable_http_client(url, http_client=http)
        options = {"mode": mode, "message_handler": on_message, "log_level": "info", **handlers(answers)}
        async with Client(transport, **options) as client:
            sides.append(V2(url, recorder, client, era))
            if era == SESSION:
                await client.set_logging_level("info")
            yield sides[0]


async def main(*urls):
    for era in (SESSION, STATELESS):
        report = Report("Python SDK", version("mcp"))
        await exercise.run(report, functools.partial(connect, era), urls)


exercise.main(main)
