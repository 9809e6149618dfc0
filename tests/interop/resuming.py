"""What a client does when a connection ends before its time: the features of `exercise.py` about resumption. In
sessions the server keeps what it has sent, and a client that comes back is told what it has missed."""

import asyncio

import common
from side import REVISION, SESSION, Inbox, equal, stream_opened, true


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

        equal(common.text_of(await self.cut.call("count", {"n": 6, "every_ms": 50}, on_progress)), "counted to 6")
        equal(seen, [(number, f"{number} of 6") for number in range(1, 7)], "the progress")
        [again] = comebacks(self.cut.recorder)[before:]
        equal(again.status, 200, "the status of the GET that goes on with it")
        counted = [post for post in self.cut.recorder.posts("tools/call") if post.message["params"]["name"] == "count"]
        equal(len(counted), 1, "how often it was asked for")

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

        async with self.side.attached(headers, inbox) as call:
            first = asyncio.create_task(call("test_tool_with_logging", on_token=on_token))
            await inbox.expect("notifications/message")
        # What it waits for does not come any more, and not every SDK tells it so.
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        heard = len(inbox.of("notifications/message"))
        true(heard < 3, inbox.messages)
        async with self.side.attached(headers, inbox) as call:
            result = await call("test_tool_with_logging", token=tokens[-1])
        equal(common.text_of(result), "Three messages were logged.")
        logs = [log["params"]["data"] for log in inbox.of("notifications/message")]
        equal(logs, ["Tool execution started", "Tool processing data", "Tool execution completed"], "the messages")
