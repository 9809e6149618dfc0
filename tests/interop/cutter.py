"""A TCP proxy between a client and a server that cuts connections, as a network does: `Cutter(url)`.

It looks at nothing but bytes. Once after each call of the tool `count` it ends the connection on which `3 of ..` is
told, in the middle of that event. When a client says `cut the stream` it ends the connection of every GET. It counts
what it cut, so that nobody passes whose connections were left alone. Only the standard library is used.
"""

import asyncio
import re
import threading
from urllib.parse import urlsplit

COUNTS = re.compile(rb'"name":\s*"count"')
CUT_HERE = re.compile(rb"3 of \d+")
CUT_STREAMS = re.compile(rb"cut the stream")
READ = 65536


class Cutter:
    def __init__(self, url):
        self.server = urlsplit(url)
        self.calls_cut = 0
        self.streams_cut = 0
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
        while data := await reader.read(READ):
            if data.startswith(b"GET "):
                self.streams.add(ends)
            elif data.startswith(b"POST "):
                self.streams.discard(ends)
            self.armed |= bool(COUNTS.search(data))
            if CUT_STREAMS.search(data):
                for client, server in self.streams - {ends}:
                    self.streams_cut += 1
                    client.close()
                    server.close()
                self.streams -= self.streams - {ends}
            writer.write(data)
            await writer.drain()

    async def _replies(self, reader, writer):
        while data := await reader.read(READ):
            here = CUT_HERE.search(data) if self.armed else None
            writer.write(data[: here.start()] if here else data)
            await writer.drain()
            if here:
                self.armed = False
                self.calls_cut += 1
                return
