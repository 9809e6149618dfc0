"""One connection of a Python client to the `everything` server, and how it tells what came of each feature."""

import asyncio
import json
import traceback

import common
from over import HTTP, way

SESSION, STATELESS = "session", "stateless"
REVISION = {SESSION: "2025-11-25", STATELESS: "2026-07-28"}
FEATURE_WITHIN = 30
TOLD_WITHIN = 5


class Report:
    def __init__(self, client, version):
        self.client = client
        self.version = version
        self.way = None

    def tell(self, feature, ok, note=""):
        line = {"client": self.client, "version": self.version, "way": self.way}
        print(json.dumps({**line, "feature": feature, "ok": ok, "note": note}), flush=True)

    def begin(self, side):
        self.way = way(side.older or side.era, side.over)

    def cannot(self, feature, why):
        self.tell(feature, None, why)

    async def check(self, feature, checking):
        try:
            async with asyncio.timeout(FEATURE_WITHIN):
                await checking()
        except Exception as error:
            traceback.print_exception(error)
            told = [f"{type(cause).__name__}: {cause}" for cause in common.causes(error)]
            self.tell(feature, False, "; ".join(told) or repr(error))
        else:
            self.tell(feature, True)


class Inbox:
    """The notifications that came to a client, in their order."""

    def __init__(self):
        self.messages = []
        self.news = asyncio.Event()

    def put(self, message):
        self.messages.append(message)
        self.news.set()

    def of(self, method):
        return [message for message in self.messages if message["method"] == method]

    async def expect(self, method, count=1):
        """Waits until `count` of them have come."""
        try:
            async with asyncio.timeout(TOLD_WITHIN):
                while len(self.of(method)) < count:
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            raise AssertionError(f"no {method} came; what came: {self.messages}") from None
        return self.of(method)


class Side:
    """One connection of one client. What takes no `cursor` or `on_progress` here takes none in any SDK."""

    era = None
    # The revision that is spoken, if it is older than the newest of the era.
    older = None
    over = HTTP
    # What the SDK raises for a JSON-RPC error; it has `.error.code`.
    error = Exception
    # What it does not ask for again while it is fresh.
    caches = ("resources/read", "prompts/list")

    def __init__(self, recorder):
        self.recorder = recorder
        # What the client says when it is asked; see `asking.py`.
        self.answers = None
        self.inbox = Inbox()

    def revision(self):
        return self.older or REVISION[self.era]

    async def opened(self):
        """`{"protocolVersion", "serverInfo", "capabilities", "instructions"}`."""
        raise NotImplementedError

    async def ping(self):
        raise NotImplementedError

    async def call(self, name, arguments, on_progress=None):
        raise NotImplementedError

    async def page(self, method, cursor=None):
        """One page of a list, by its method's name."""
        raise NotImplementedError

    async def read(self, uri):
        raise NotImplementedError

    async def prompt(self, name, arguments):
        raise NotImplementedError

    async def complete(self, ref, argument, context=None):
        raise NotImplementedError

    def watching(self, uri=None):
        """A context in which the changes of lists, and those of `uri`, come to the inbox."""
        raise NotImplementedError

    async def listening(self):
        """What the server tells from now on arrives."""
        if self.over == HTTP:
            await stream_opened(self.recorder)

    def attached(self, headers, inbox):
        """A context with a connection to an open session, which these headers name. It gives `call(name)`, which takes
        `on_token`, told of each event's id, and `token`, to go on after that event with a call of before."""
        raise NotImplementedError

    async def cancel(self, task, name):
        """Gives up a running call of the tool `name`, so that the server knows."""
        task.cancel()


def equal(seen, expected, of="what came"):
    if seen != expected:
        raise AssertionError(f"{of}: {seen!r}, expected {expected!r}")


def true(condition, seen):
    if not condition:
        raise AssertionError(f"unexpected: {seen!r}")


async def until(ready, what):
    try:
        async with asyncio.timeout(TOLD_WITHIN):
            while not await ready():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not come to be within {TOLD_WITHIN} s") from None


async def stream_opened(recorder):
    """The GET stream is there: what the server tells from now on arrives."""

    async def opened():
        return any(get.status == 200 for get in recorder.of("GET"))

    await until(opened, "the GET stream")


async def refused(side, code, awaitable):
    try:
        result = await awaitable
    except side.error as error:
        equal(error.error.code, code, "the error's code")
        return error.error
    raise AssertionError(f"was answered: {result!r}")
