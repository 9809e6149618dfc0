"""The MCP Inspector's command line against `everything`: `everything.py NODE INSPECTOR URL PAGED_URL CUT_URL SERVER`.

Each command is a process of its own, with a connection of its own, which prints the result of one request. NODE runs
INSPECTOR, the Inspector's launcher. Only the standard library is used.
"""

import asyncio
import contextlib
import functools
import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import common  # noqa: E402
import exercise  # noqa: E402
from asking import WORKSPACE  # noqa: E402
from side import SESSION, STATELESS, Report, Side, equal, true  # noqa: E402

COMMAND_WITHIN = 20
NOT_SHOWN = "the command line shows only the answer, no notifications"
NO_USER = "the command line does not offer elicitation"
CANNOT = {
    "ping": "the command line has no `ping`",
    "unknown_tool": "the command line looks a tool up in the list, and asks for no other",
    "progress": NOT_SHOWN,
    "log": NOT_SHOWN,
    "cancel": "the command line cancels nothing",
    "subscribe": NOT_SHOWN,
    "list_changed": NOT_SHOWN,
    "complete": "the command line has no `completion/complete`",
    "cache": "every command is a connection of its own",
    "elicit": NO_USER,
    "forms": NO_USER,
    "elicit_url": NO_USER,
    "sample": "the command line does not offer sampling",
    "sample_tools": "the command line does not offer sampling",
    "joined": NO_USER,
    "rounds": NO_USER,
    "prompt_asks": NO_USER,
    "withdrawn": NO_USER,
    "resume": "the command line asks for no progress, in whose midst a connection could be cut",
    "again": "the command line asks for no progress, in whose midst a connection could be cut",
    "asked": NO_USER,
    "away": NOT_SHOWN,
    "by_token": "every command is a connection of its own",
    "end": "the command line does not show its session",
}


class Refused(Exception):
    """A command that failed; the text is the server's."""


class Cli(Side):
    error = Refused

    def __init__(self, command, era, url):
        super().__init__(None)
        self.era = era
        protocol = "legacy" if era == SESSION else "modern"
        server = {"type": "streamable-http", "url": url, "roots": [WORKSPACE]}
        config = Path(os.environ["HOME"], f"{era}-{url.rpartition(':')[2].partition('/')[0]}.json")
        config.write_text(json.dumps({"mcpServers": {"everything": server}}))
        server = ["--config", config, "--server", "everything", "--protocol-era", protocol]
        self.command = [*command, "--cli", *server, "--format", "json", "--quiet"]

    async def run(self, method, *options):
        process = await asyncio.create_subprocess_exec(
            *self.command,
            "--method",
            method,
            *options,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(COMMAND_WITHIN):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        # 5 is how it says that the result of a tool is an error, which is a result.
        if process.returncode not in (0, 5) or not out:
            raise Refused(err.decode(errors="replace"))
        return json.loads(out)["result"]

    async def opened(self):
        return await self.run("initialize")

    async def call(self, name, arguments, on_progress=None):
        return await self.run("tools/call", "--tool-name", name, "--tool-args-json", json.dumps(arguments))

    async def page(self, method, cursor=None):
        return await self.run(method)

    async def read(self, uri):
        return await self.run("resources/read", "--uri", uri)

    async def prompt(self, name, arguments):
        pairs = [f"{key}={value}" for key, value in arguments.items()]
        return await self.run("prompts/get", "--prompt-name", name, *(["--prompt-args", *pairs] if pairs else []))


class Exercise(exercise.Exercise):
    """Where one command is less than one connection."""

    async def call(self):
        result = await self.side.call("echo", {"message": "Grüße \U0001f980"})
        equal(common.text_of(result), "Grüße \U0001f980")

    async def header(self):
        # Without the header the server would refuse the call.
        result = await self.side.call("test_custom_header", {"region": "Zürich"})
        equal(common.text_of(result), "The region is Zürich.")

    async def unknown_resource(self):
        try:
            result = await self.side.read("test://nothing-here")
        except Refused as error:
            true("test://nothing-here" in str(error), error)
        else:
            raise AssertionError(f"was answered: {result!r}")

    async def roots(self):
        result = await self.side.call("test_input_required_result_list_roots", {})
        equal(common.text_of(result), "The client works in file:///workspace.")

    async def unasked(self):
        for tool, arguments, capability in [
            ("test_elicitation", {"message": "Who are you?"}, "elicitation"),
            ("test_sampling", {"prompt": "Who are you?"}, "sampling"),
        ]:
            needs = f"this needs the client capability `{capability}`, which the client does not offer"
            try:
                result = await self.side.call(tool, arguments)
            except Refused as error:
                equal(self.side.era, STATELESS, "who refuses")
                true(needs in str(error), error)
            else:
                equal((result["isError"], common.text_of(result)), (True, needs))

    async def polling(self):
        # The SDK that it stands on comes back by itself.
        result = await self.side.call("test_reconnection", {})
        equal(common.text_of(result), "The client came back for this.")

    async def pages(self):
        # It walks through the pages by itself.
        whole, walked = [await side.page("tools/list") for side in (self.side, self.paged)]
        equal([t["name"] for t in walked["tools"]], [t["name"] for t in whole["tools"]])


@contextlib.asynccontextmanager
async def connect(command, era, url, _answers):
    yield Cli(command, era, url)


async def main(node, inspector, url, paged_url, cut_url, _binary):
    package = Path(inspector).parents[3] / "package.json"
    version = json.loads(package.read_text())["version"]
    with tempfile.TemporaryDirectory() as home:
        # It keeps a catalogue of servers there.
        os.environ["HOME"] = home

        async def era(name):
            report = Report("MCP Inspector", version)
            connecting = functools.partial(connect, [node, inspector], name)
            await exercise.run(report, connecting, [url, paged_url, cut_url], CANNOT, Exercise)

        await asyncio.gather(era(SESSION), era(STATELESS))


exercise.main(main)
