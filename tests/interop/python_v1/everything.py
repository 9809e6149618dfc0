"""The client of the Python SDK 1.x (package `mcp` 1.*) against `everything`: `everything.py URL PAGED_URL CUT_URL`.

SDK 1.x knows the session era only.
"""

import contextlib
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import asking  # noqa: E402
import common  # noqa: E402
import exercise  # noqa: E402
import httpx  # noqa: E402
import mcp.types as types  # noqa: E402
from mcp import ClientSession, McpError  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402
from mcp.shared.message import ClientMessageMetadata  # noqa: E402
from pydantic import AnyUrl  # noqa: E402
from side import SESSION, Report, Side, stream_opened  # noqa: E402


CANNOT = {
    "withdrawn": "the SDK reads no message, and so no withdrawal, while its handler of a question runs",
}


class V1(Side):
    era = SESSION
    error = McpError

    def __init__(self, url, recorder, session, opened):
        super().__init__(recorder)
        self.url = url
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
        await stream_opened(self.recorder)
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
            transport = streamable_http_client(self.url, http_client=http, terminate_on_close=False)
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
async def connect(url, answers):
    recorder = common.Recorder(httpx)
    sides = []

    async def on_message(message):
        if isinstance(message, types.ServerNotification):
            sides[0].inbox.put(common.wire(message))

    async with recorder.client() as http:
        async with streamable_http_client(url, http_client=http) as (read, write, _session_id):
            async with ClientSession(read, write, message_handler=on_message, **handlers(answers)) as session:
                sides.append(V1(url, recorder, session, await session.initialize()))
                await session.set_logging_level("info")
                yield sides[0]


async def main(*urls):
    report = Report("Python SDK", version("mcp"))
    await exercise.run(report, connect, urls, CANNOT)


exercise.main(main)
