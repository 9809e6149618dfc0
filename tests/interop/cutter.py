"""A TCP proxy between a client and a server that cuts connections, as a network does: `Cutter(url)`.

It looks at nothing but bytes. Once after a client has said `cut the count` it ends the connection on which `3 of ..`
is told, in the middle of that event. Once after one has said `cut in the question` or `cut after the question` it ends
the connection on which a question says the same, in the middle of that event or behind it. When one says `cut the
stream` it ends the connection of every GET. `cuts` counts them, so that nobody passes whose connections were left
alone. Only the standard library is used.
"""

import asyncio
import collections
import re
import threading
from urllib.parse import urlsplit

CALL, QUESTION, STREAM = "call", "question", "stream"
ARMS = re.compile(rb"cut the count|cut (in|after) the question")
CUT_HERE = re.compile(rb"3 of \d+|cut (?P<when>in|after) the question")
EVENT_END = re.compile(rb"\n\n")
CUT_STREAMS = re.compile(rb"cut the stream")
# The longest of what is searched for.
LONGEST = 64
READ = 65536


class Search:
    """Finds a pattern in what is read in pieces, also where it is split between two of them."""

    def __init__(self, pattern):
        self.pattern = pattern
        self.before = b""

    def find(self, piece):
        """The first match that ends in this piece, and where in the piece it begins: at 0 if it began before."""
        known = len(self.before)
        text = self.before + piece
        self.before = text[-LONGEST:]
        for match in self.pattern.finditer(text):
            if match.end() > known:
                return match, max(0, match.start() - known)
        return None, None


class Cutter:
    def __init__(self, url):
        self.server = urlsplit(url)
        self.cuts = collections.Counter()
        self.armed = False
        self.streams = set()
        self.loop = asyncio.new_event_loop()
        self.listening = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def url(self):
        host, port = self.listening.sockets[0].getsockname()
        return f"http://{host}:{port}{self.server.path}"

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.listening.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        # What was cancelled has to be told so.
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    async def _serve(self, reader, writer):
        upstream_reader, upstream_writer = await asyncio.open_connection(self.server.hostname, self.server.port)
        ends = (writer, upstream_writer)
        copying = [
            asyncio.ensure_future(self._requests(reader, upstream_writer, ends)),
            asyncio.ensure_future(self._replies(upstream_reader, writer)),
        ]
        try:
            await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.streams.discard(ends)
            for each in copying:
                each.cancel()
            await asyncio.gather(*copying, return_exceptions=True)
            for end in ends:
                end.close()

    async def _requests(self, reader, writer, ends):
        arms, cut_streams = Search(ARMS), Search(CUT_STREAMS)
        while data := await reader.read(READ):
            if data.startswith(b"GET "):
                self.streams.add(ends)
            elif data.startswith(b"POST "):
                self.streams.discard(ends)
            self.armed |= bool(arms.find(data)[0])
            if cut_streams.find(data)[0]:
                for client, server in self.streams - {ends}:
                    self.cuts[STREAM] += 1
                    client.close()
                    server.close()
                self.streams -= self.streams - {ends}
            writer.write(data)
            await writer.drain()

    async def _replies(self, reader, writer):
        cut_here, event_end = Search(CUT_HERE), None
        while data := await reader.read(READ):
            rest = data
            here, at = cut_here.find(data)
            if here and self.armed:
                self.armed = False
                self.cuts[QUESTION if here["when"] else CALL] += 1
                if here["when"] != b"after":
                    writer.write(data[:at])
                    await writer.drain()
                    return
                event_end, rest = Search(EVENT_END), data[at:]
            writer.write(data)
            await writer.drain()
            if event_end and event_end.find(rest)[0]:
                return
