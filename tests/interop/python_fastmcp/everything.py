"""The client of FastMCP against `everything`: `everything.py URL PAGED_URL CUT_URL SERVER`.

It stands on the Python SDK 2.x, and so knows both eras; which one to speak it is told by `mode`.
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
import httpx2  # noqa: E402
import mcp_types as types  # noqa: E402
from fastmcp import Client  # noqa: E402
from fastmcp.client.transports import StreamableHttpTransport  # noqa: E402
from mcp import MCPError  # noqa: E402
from side import SESSION, STATELESS, Report, Side, true  # noqa: E402

CANNOT = {
    SESSION: {
        "subscribe": "FastMCP's client has no `resources/subscribe`",
        "by_token": "FastMCP's client does not tell the ids of events",
    },
    STATELESS: {
        "subscribe": "FastMCP's client has no `subscriptions/listen`",
        "list_changed": "FastMCP's client has no `subscriptions/listen`",
    },
}


class FastMCP(Side):
    error = MCPError
    caches = ("prompts/list",)

    def __init__(self, recorder, client, era):
        super().__init__(recorder)
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
        return {} if await self.client.ping() else None

    async def call(self, name, arguments, on_progress=None):
        # Not `call_tool_mcp`, so that FastMCP makes a type of the output schema, and `data` by it.
        result = await self.client.call_tool(name, arguments, progress_handler=on_progress, raise_on_error=False)
        answer = {"content": [common.wire(block) for block in result.content], "isError": result.is_error}
        if result.structured_content is None:
            return answer
        true(result.data is not None, result)
        return {**answer, "structuredContent": result.structured_content}

    async def page(self, method, cursor=None):
        lists = {
            "tools/list": self.client.list_tools_mcp,
            "resources/list": self.client.list_resources_mcp,
            "resources/templates/list": self.client.list_resource_templates_mcp,
            "prompts/list": self.client.list_prompts_mcp,
        }
        return common.wire(await lists[method](cursor=cursor))

    async def read(self, uri):
        return common.wire(await self.client.read_resource_mcp(uri))

    async def prompt(self, name, arguments):
        return common.wire(await self.client.get_prompt_mcp(name, arguments))

    async def complete(self, ref, argument, context=None):
        kind = {"ref/prompt": types.PromptReference, "ref/resource": types.ResourceTemplateReference}[ref["type"]]
        return common.wire(await self.client.complete_mcp(kind(**ref), argument, context))

    @contextlib.asynccontextmanager
    async def watching(self, uri=None):
        await self.listening()
        yield


def handlers(answers):
    """What FastMCP is given to ask; without it, the client offers nothing that could be asked."""
    if answers is None:
        return {}

    async def elicit(_message, _type, params, _context):
        return types.ElicitResult(**await answers.answer(asking.ELICIT, common.wire(params)))

    async def sample(_messages, params, _context):
        return asking.sampled(await answers.answer(asking.SAMPLE, common.wire(params)), types)

    async def roots(_context):
        return [types.Root(**root) for root in (await answers.answer(asking.ROOTS, {}))["roots"]]

    return {
        "elicitation_handler": elicit,
        "sampling_handler": sample,
        "sampling_capabilities": asking.with_tools(types),
        "roots": roots,
    }


@contextlib.asynccontextmanager
async def connect(era, url, answers):
    recorder = common.Recorder(httpx2)
    sides = []

    async def on_message(message):
        if isinstance(message, types.ServerNotification):
            sides[0].inbox.put(common.wire(message))

    def http(**options):
        return recorder.client(**options)

    mode = "legacy" if era == SESSION else "auto"
    transport = StreamableHttpTransport(url, httpx_client_factory=http)
    # Unlike the SDK below it, it keeps nothing unless it is told to.
    async with Client(transport, mode=mode, message_handler=on_message, cache=True, **handlers(answers)) as client:
        sides.append(FastMCP(recorder, client, era))
        if era == SESSION:
            await client.set_logging_level("info")
        yield sides[0]


async def main(url, paged_url, cut_url, _binary):
    for era in (SESSION, STATELESS):
        report = Report("FastMCP", version("fastmcp-slim"))
        await exercise.run(report, functools.partial(connect, era), [url, paged_url, cut_url], CANNOT[era])


exercise.main(main)
