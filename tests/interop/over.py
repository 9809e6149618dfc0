"""What a client talks to a server over, beside the HTTP of today: HTTP+SSE, the transport of 2024-11-05, and stdio."""

import os
import tempfile
from pathlib import Path

HTTP, HTTP_SSE, STDIO = "HTTP", "HTTP+SSE", "stdio"


def way(era, over):
    """The name of a column."""
    return era if over == HTTP else f"{era} over {over}"


class Launch:
    """A server that its client launches, and how it ended."""

    def __init__(self, binary, **environment):
        self.folder = tempfile.TemporaryDirectory()
        self.exit = Path(self.folder.name, "exit")
        self.server = {
            "command": "/bin/sh",
            "args": ["-c", '"$0" --stdio; echo $? > "$1"', str(Path(binary).resolve()), str(self.exit)],
            # One of the tools panics: where, is not the question.
            "env": {**os.environ, "RUST_BACKTRACE": "0", **environment},
        }

    def code(self):
        """What it exited with; None while it runs."""
        return int(self.exit.read_text()) if self.exit.exists() else None


class Tap:
    """Notes what a client sends, where there is no HTTP below the SDK that could be recorded."""

    def __init__(self):
        self.sent = []

    def on(self, stream):
        tap = self

        class Tapped:
            def __getattr__(self, name):
                return getattr(stream, name)

            async def __aenter__(self):
                await stream.__aenter__()
                return self

            async def __aexit__(self, *error):
                return await stream.__aexit__(*error)

            async def send(self, item):
                tap.sent.append(Sent(item.message.model_dump(by_alias=True, mode="json", exclude_none=True)))
                await stream.send(item)

        return Tapped()

    def posts(self, rpc):
        return [sent for sent in self.sent if sent.message.get("method") == rpc]

    def of(self, _method):
        return []


class Sent:
    def __init__(self, message):
        self.message = message
