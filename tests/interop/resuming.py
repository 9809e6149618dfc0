"""What a client does when a connection ends before its time: the features of `exercise.py` about resumption. In
sessions the server keeps what it has sent, and a client that comes back is told what it has missed."""

import asyncio

import common
from asking import ELICIT, accept
from side import REVISION, SESSION, Inbox, equal, refused, stream_opened, true, until

CONNECTION_CLOSED = -32000


def comebacks(recorder):
    return [get for get in recorder.of("GET") if "last-event-id" in get.headers]


class Resuming:
    """Each method that does not begin with `_` is a feature, named by `FEATURES`. `cut` is a side whose connections
    are cut on the way, see `cutter.py`."""

    async def resume(self):
        before = len(comebacks(self.cut.recorder))
        seen = []

        async def on_progress(progress, total, message):
            seen.append((progress, message))

        await self.cut.call("echo", {"message": "cut the count"})
        equal(common.text_of(await self.cut.call("count", {"n": 6, "every_ms": 50}, on_progress)), "counted to 6")
        equal(seen, [(number, f"{number} of 6") for number in range(1, 7)], "the progress")
        [again] = comebacks(self.cut.recorder)[before:]
        equal(again.status, 200, "the status of the GET that goes on with it")
        counted = [post for post in self.cut.recorder.posts("tools/call") if post.message["params"]["name"] == "count"]
        equal(len(counted), 1, "how often it was asked for")

    async def again(self):
        """Where nothing is resumed, a call whose connection has ended is lost, and may be made again."""
        before = len(self.cut.recorder.posts("tools/call"))
        count, seen = {"n": 6, "every_ms": 50}, []

        async def on_progress(progress, total, message):
            seen.append(progress)

        await self.cut.call("echo", {"message": "cut the count"})
        await refused(self.cut, CONNECTION_CLOSED, self.cut.call("count", count, on_progress))
        equal(common.text_of(await self.cut.call("count", count, on_progress)), "counted to 6")
        equal(seen, [1, 2, 1, 2, 3, 4, 5, 6], "the progress of both")
        equal(len(self.cut.recorder.posts("tools/call")), before + 3, "how often it called")
        equal(self.cut.recorder.of("GET"), [], "what was to go on with it")

    async def asked(self):
        answers, recorder = self.cut.answers, self.cut.recorder
        for when in ("in", "after"):
            before, message = len(comebacks(recorder)), f"cut {when} the question"

            async def back():
                return [get.status for get in comebacks(recorder)[before:]] == [200]

            async def answer(_params):
                # Not before: the call must go on where the client is not to be found for a while.
                await until(back, "the client's comeback")
                return accept(username="Ada", email="ada@example.com")

            answers.give({ELICIT: answer})
            result = await self.cut.call("test_elicitation", {"message": message})
            true(common.text_of(result).startswith("User response: action=accept"), result)
            equal([(method, params["message"]) for method, params in answers.asked], [(ELICIT, message)], message)
            equal(await back(), True, "that it came back once")

    async def polling(self):
        before = len(comebacks(self.side.recorder))
        result = await self.side.call("test_reconnection", {})
        equal(common.text_of(result), "The client came back for this.")
        [again] = comebacks(self.side.recorder)[before:]
        equal(again.status, 200, "the status of the GET that fetched it")

    async def away(self):
        changed = "notifications/tools/list_changed"
        await stream_opened(self.cut.recorder)
        told, opened = len(self.cut.inbox.of(changed)), len(self.cut.recorder.of("GET"))
        await self.cut.call("echo", {"message": "cut the stream"})
        await self.cut.call("test_trigger_tool_change", {})
        await self.cut.inbox.expect(changed, told + 1)
        [again] = self.cut.recorder.of("GET")[opened:]
        true("last-event-id" in again.headers, again.headers)
        equal(len(self.cut.inbox.of(changed)), told + 1, "how often it was told")

    async def by_token(self):
        """As a client that was started anew, and has kept the session's id and the last event's."""
        session = self.side.recorder.posts("tools/call")[0].headers[common.SESSION_ID]
        headers = {common.SESSION_ID: session, common.VERSION: REVISION[SESSION]}
        inbox, tokens = Inbox(), []

        async def on_token(token):
            tokens.append(token)

        logs = "notifications/message"
        async with self.side.attached(headers, inbox) as call:
            first = asyncio.create_task(call("await_touch", on_token=on_token))
            await inbox.expect(logs)
        # What it waits for does not come any more, and not every SDK tells it so.
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        # It runs on, and says the rest while nobody is there.
        await self.side.call("touch", {})
        async with self.side.attached(headers, inbox) as call:
            result = await call("await_touch", token=tokens[-1])
        equal(common.text_of(result), "It was touched.")
        equal([log["params"]["data"] for log in inbox.of(logs)], ["waiting", "touched"], "the messages")
