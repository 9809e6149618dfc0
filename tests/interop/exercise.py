"""What every Python client does with the `everything` server, each feature once, in the eras that the client speaks.

A client script writes a `Side`, the few calls in which its SDK differs from the others, and hands it to `run`. Each
feature gives one line of JSON on standard output: `{"client", "version", "way", "feature", "ok", "note"}`, where `ok`
is null for what the client cannot do, and `note` says why. `clients.py` reads them. Results are compared in the JSON
form of the wire, which is the same for all SDKs.
"""

import asyncio
import contextlib
import json
import sys

import common
from asking import Answers, Asking
from over import HTTP, HTTP_SSE, STDIO
from resuming import Resuming
from side import REVISION, SESSION, STATELESS, equal, refused, true, until

WATCHED = "test://watched-resource"


class Exercise(Asking, Resuming):
    """Each method that does not begin with `_` is a feature, named by `FEATURES`."""

    def __init__(self, side, paged, cut):
        self.side = side
        self.paged = paged
        self.cut = cut

    async def open(self):
        opened = await self.side.opened()
        equal(opened["protocolVersion"], self.side.revision(), "the revision")
        equal(opened["serverInfo"]["name"], "everything", "the server's name")
        true(opened["instructions"].startswith("For tests only"), opened)
        for capability in ("tools", "resources", "prompts"):
            equal(opened["capabilities"][capability]["listChanged"], True, capability)
        equal(opened["capabilities"]["resources"]["subscribe"], True, "resources.subscribe")
        true("completions" in opened["capabilities"], opened)

    async def ping(self):
        equal(await self.side.ping(), {}, "the answer")

    async def list_tools(self):
        listed = await self.side.page("tools/list")
        equal(listed["tools"][0]["name"], "test_simple_text", "the first tool")
        tools = {tool["name"]: tool for tool in listed["tools"]}
        equal(tools["echo"]["inputSchema"]["required"], ["message"], "what echo needs")
        true(all(tool.get("description") for tool in listed["tools"]), listed)

    async def call(self):
        result = await self.side.call("echo", {"message": "Grüße \U0001f980"})
        equal(common.text_of(result), "Grüße \U0001f980")
        # A second one, beside a slow one: calls do not wait for each other.
        slow = asyncio.create_task(self.side.call("sleep", {"ms": 600}))
        equal(common.text_of(await self.side.call("echo", {"message": "quick"})), "quick")
        true(not slow.done(), "the slow call ended first")
        equal(common.text_of(await slow), "slept for 600 ms")

    async def structured(self):
        result = await self.side.call("add", {"a": 1, "b": 2})
        equal(result["structuredContent"], {"sum": 3})
        equal(json.loads(common.text_of(result)), {"sum": 3}, "the text")

    async def content(self):
        result = await self.side.call("test_multiple_content_types", {})
        equal([block["type"] for block in result["content"]], ["text", "image", "resource"])
        equal(result["content"][1]["mimeType"], "image/png")
        [audio] = (await self.side.call("test_audio_content", {}))["content"]
        equal((audio["type"], audio["mimeType"]), ("audio", "audio/wav"))

    async def tool_error(self):
        result = await self.side.call("test_error_handling", {})
        equal(result["isError"], True, "isError")
        equal(common.text_of(result), "This tool intentionally returns an error for testing")
        panicked = await self.side.call("panic", {})
        equal(panicked["isError"], True, "isError after a panic")
        true("panics whenever" not in common.text_of(panicked), panicked)

    async def bad_arguments(self):
        result = await self.side.call("add", {"a": 1, "b": "two"})
        equal(result["isError"], True, "isError")
        true("b" in common.text_of(result), result)

    async def unknown_tool(self):
        error = await refused(self.side, -32602, self.side.call("no_such_tool", {}))
        true("no_such_tool" in error.message, error)

    async def header(self):
        # The SDK learns from the list which parameters are to be repeated in headers.
        await self.side.page("tools/list")
        for region, sent in [("eu-west", "eu-west"), ("Zürich", "=?base64?WsO8cmljaA==?=")]:
            result = await self.side.call("test_custom_header", {"region": region})
            equal(common.text_of(result), f"The region is {region}.")
            equal(self.side.recorder.posts("tools/call")[-1].headers.get("mcp-param-region"), sent, "the header")

    async def progress(self):
        seen = []

        async def on_progress(progress, total, message):
            seen.append((progress, total, message))

        async def begun():
            return seen

        call = asyncio.create_task(self.side.call("count", {"n": 5, "every_ms": 100}, on_progress))
        await until(begun, "progress")
        true(not call.done(), "the progress came with the answer")
        equal(common.text_of(await call), "counted to 5")
        equal(seen, [(number, 5, f"{number} of 5") for number in range(1, 6)], "the progress")

    async def log(self):
        await self.side.call("test_tool_with_logging", {})
        logs = await self.side.inbox.expect("notifications/message", 3)
        equal([log["params"]["level"] for log in logs], ["info"] * 3, "the levels")
        expected = ["Tool execution started", "Tool processing data", "Tool execution completed"]
        equal([log["params"]["data"] for log in logs], expected, "the messages")

    async def cancel(self):
        async def sleepers():
            # Not every revision has structured output.
            return json.loads(common.text_of(await self.side.call("sleepers", {})))["now"]

        async def asleep():
            return await sleepers() == 1

        async def awake():
            return await sleepers() == 0

        task = asyncio.create_task(self.side.call("sleep", {"ms": 60_000}))
        await until(asleep, "the call")
        await self.side.cancel(task, "sleep")
        await until(awake, "the end of the call")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def list_resources(self):
        listed = await self.side.page("resources/list")
        uris = [resource["uri"] for resource in listed["resources"]]
        equal(uris, ["test://static-text", "test://static-binary", WATCHED])
        equal(listed["resources"][0]["mimeType"], "text/plain")

    async def list_templates(self):
        listed = await self.side.page("resources/templates/list")
        [template] = listed["resourceTemplates"]
        equal(template["uriTemplate"], "test://template/{id}/data")

    async def read(self):
        [text] = (await self.side.read("test://static-text"))["contents"]
        equal(text["text"], "This is the content of the static text resource.")
        equal((text["uri"], text["mimeType"]), ("test://static-text", "text/plain"))
        [blob] = (await self.side.read("test://static-binary"))["contents"]
        true(blob["blob"].startswith("iVBOR"), blob)
        [made] = (await self.side.read("test://template/123/data"))["contents"]
        equal(made["uri"], "test://template/123/data")
        equal(json.loads(made["text"])["id"], "123")

    async def unknown_resource(self):
        code = {SESSION: -32002, STATELESS: -32602}[self.side.era]
        error = await refused(self.side, code, self.side.read("test://nothing-here"))
        equal(error.data["uri"], "test://nothing-here", "the error's data")

    async def subscribe(self):
        inbox, updated = self.side.inbox, "notifications/resources/updated"
        async with self.side.watching(WATCHED):
            touched = common.text_of(await self.side.call("touch", {}))
            [message] = await inbox.expect(updated)
            equal(message["params"]["uri"], WATCHED)
            [contents] = (await self.side.read(WATCHED))["contents"]
            equal(contents["text"], touched)
        await self.side.call("touch", {})
        async with self.side.watching():
            # What is told later must come later, so that a wrong message would be here by then.
            before = len(inbox.of("notifications/tools/list_changed"))
            await self.side.call("test_trigger_tool_change", {})
            await inbox.expect("notifications/tools/list_changed", before + 1)
        equal(len(inbox.of(updated)), 1, "how many updates came")

    async def list_changed(self):
        inbox = self.side.inbox
        async with self.side.watching():
            for tool, what in [
                ("test_trigger_tool_change", "tools"),
                ("test_trigger_prompt_change", "prompts"),
                ("trigger_resource_change", "resources"),
            ]:
                method = f"notifications/{what}/list_changed"
                before = len(inbox.of(method))
                await self.side.call(tool, {})
                await inbox.expect(method, before + 1)

    async def list_prompts(self):
        listed = await self.side.page("prompts/list")
        prompts = {prompt["name"]: prompt for prompt in listed["prompts"]}
        arguments = prompts["test_prompt_with_arguments"]["arguments"]
        equal([(each["name"], each["required"]) for each in arguments], [("arg1", True), ("arg2", True)])

    async def get_prompt(self):
        [message] = (await self.side.prompt("test_prompt_with_arguments", {"arg1": "x", "arg2": "y"}))["messages"]
        equal(message["role"], "user")
        equal(message["content"]["text"], "Prompt with arguments: arg1='x', arg2='y'")
        messages = (await self.side.prompt("test_prompt_with_image", {}))["messages"]
        equal([message["content"]["type"] for message in messages], ["image", "text"])
        embedded = await self.side.prompt("test_prompt_with_embedded_resource", {"resourceUri": "test://mine"})
        equal(embedded["messages"][0]["content"]["resource"]["uri"], "test://mine")

    async def complete(self):
        prompt = {"type": "ref/prompt", "name": "test_prompt_with_arguments"}
        found = await self.side.complete(prompt, {"name": "arg1", "value": "pa"})
        equal(found["completion"]["values"], ["paris", "park", "party"])
        found = await self.side.complete(prompt, {"name": "arg2", "value": ""}, {"arg1": "park"})
        equal(found["completion"]["values"], ["park-too"])
        template = {"type": "ref/resource", "uri": "test://template/{id}/data"}
        completion = (await self.side.complete(template, {"name": "id", "value": ""}))["completion"]
        equal((len(completion["values"]), completion["total"], completion["hasMore"]), (100, 250, True))

    async def pages(self):
        whole = [tool["name"] for tool in (await self.side.page("tools/list"))["tools"]]
        names, cursor, count = [], None, 0
        while count == 0 or cursor is not None:
            page = await self.paged.page("tools/list", cursor)
            names += [tool["name"] for tool in page["tools"]]
            cursor, count = page.get("nextCursor"), count + 1
        equal(names, whole, "the names on all pages")
        true(count > 2, f"{count} pages")
        await refused(self.paged, -32602, self.paged.page("tools/list", "no-such-cursor"))

    async def cache(self):
        # Both stay fresh for a minute.
        asks = {
            "resources/read": lambda: self.side.read("test://static-text"),
            "prompts/list": lambda: self.side.page("prompts/list"),
        }
        for method in self.side.caches:
            await asks[method]()
            before = len(self.side.recorder.posts(method))
            await asks[method]()
            equal(len(self.side.recorder.posts(method)), before, f"how often the server was asked for {method}")


# In this order they run. `end` comes last, when the connection is closed.
FEATURES = [name for each in (Exercise, Asking, Resuming) for name in vars(each) if not name.startswith("_")]


def not_resumed(why, but=()):
    return {name: why for name in vars(Resuming) if not name.startswith("_") and name not in but}


# What is no feature of an era, whatever the client.
NOT_IN_ERA = {
    SESSION: {
        "header": "since 2026-07-28",
        "cache": "since 2026-07-28",
        "again": "in a session a call goes on, see the row above",
    },
    STATELESS: {
        "ping": "not in 2026-07-28",
        "withdrawn": "in 2026-07-28 no call runs while the client is asked",
        **not_resumed("2026-07-28 resumes no streams", but=["again"]),
        "end": "2026-07-28 has no sessions",
    },
}
NOT_OVER = {
    HTTP: {},
    HTTP_SSE: {
        **not_resumed("HTTP+SSE resumes no streams"),
    },
    STDIO: {
        **not_resumed("over stdio there is no connection that could be cut"),
        "header": "headers are of HTTP",
    },
}


def lacking(side):
    """Of what is no feature, whatever the client, the reasons."""
    found = {**NOT_IN_ERA[side.era], **NOT_OVER[side.over]}
    if side.over == STDIO:
        # Here it is the process that ends, in both eras.
        found.pop("end", None)
    return found


async def run(report, connect, servers, cannot=None, exercise=Exercise):
    """`connect(server, answers)` is a context that gives a `Side`, which can be asked nothing if `answers` is None. The
    `servers` are one, one with short pages, and, if connections can be cut, the way to the first on which they are.
    `cannot` says of features why the client lacks them."""
    async with contextlib.AsyncExitStack() as stack:
        asked = [Answers(), None, Answers()]
        sides = [await stack.enter_async_context(connect(*each)) for each in zip(servers, asked)]
        for each, answers in zip(sides, asked):
            each.answers = answers
        side, paged, cut = sides if len(sides) == 3 else [*sides, None]
        report.begin(side)
        cannot = {**(cannot or {}), **lacking(side)}
        checks = exercise(side, paged, cut)
        for feature in FEATURES:
            if feature in cannot:
                report.cannot(feature, cannot[feature])
            else:
                await report.check(feature, getattr(checks, feature))
    if "end" in cannot:
        report.cannot("end", cannot["end"])
    else:
        await report.check("end", lambda: ended(side, servers[0]))


async def ended(side, server):
    """The session was ended by its client, and is unknown from then on; or the process ended when its input did."""
    if side.over == STDIO:
        equal(server.code(), 0, "what the server exited with")
        return
    if side.over == HTTP_SSE:
        # Here a session is as long as its stream.
        url, headers = side.recorder.of("POST")[-1].url, {}
        await until(lambda: unknown(side.recorder, url, headers), "the end of the session")
        return
    [delete] = side.recorder.of("DELETE")
    true(delete.status in (200, 204), delete)
    headers = {
        common.SESSION_ID: delete.headers[common.SESSION_ID],
        common.VERSION: REVISION[SESSION],
        "accept": "application/json, text/event-stream",
    }
    true(await unknown(side.recorder, server, headers), "a request in it is answered")


async def unknown(recorder, url, headers):
    """Whether a request in the session is told that there is none."""
    async with recorder.client() as http:
        response = await http.post(url, headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    return response.status_code == 404


def main(run_all):
    """Runs the script's own main function with the arguments of the command line."""
    asyncio.run(run_all(*sys.argv[1:]))
