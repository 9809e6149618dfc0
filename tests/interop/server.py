"""A server process: started on a free port, asked for its URL, and ended by SIGTERM, on which it must exit 0."""

import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time

START_WITHIN = 30
EXIT_WITHIN = 15
URL_LINE = re.compile(r"^http://127\.0\.0\.1:\d+/mcp$")


class Failure(Exception):
    pass


class Server:
    def __init__(self, binary, **environment):
        self.stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [binary],
            # One of the tools panics: where, is not the question.
            env={**os.environ, "ADDR": "127.0.0.1:0", "RUST_BACKTRACE": "0", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            text=True,
        )
        self.lines = queue.Queue()
        # A thread keeps reading, so that the server never blocks on a full pipe.
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def url(self):
        deadline = time.monotonic() + START_WITHIN
        printed = []
        while True:
            try:
                line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise Failure(f"the server printed no URL within {START_WITHIN} s; it printed {printed}") from None
            if line is None:
                raise Failure(f"the server ended before it printed its URL; it printed {printed}")
            if URL_LINE.match(line.strip()):
                return line.strip()
            printed.append(line)

    def commands(self, count):
        """The commands that it prints for people to try."""
        found = []
        while len(found) < count:
            try:
                line = self.lines.get(timeout=START_WITHIN)
            except queue.Empty:
                line = None
            if line is None:
                raise Failure(f"the server printed {len(found)} commands to try, expected {count}")
            if line.startswith("curl "):
                found.append(line)
        return found

    def stop(self):
        """SIGTERM; gives the seconds until the exit, which must be 0."""
        if self.process.poll() is not None:
            raise Failure(f"the server ended by itself with {self.process.returncode}")
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(EXIT_WITHIN)
        except subprocess.TimeoutExpired:
            raise Failure(f"the server still runs {EXIT_WITHIN} s after SIGTERM") from None
        if code != 0:
            raise Failure(f"the server exited with {code} on SIGTERM, expected 0")
        return time.monotonic() - began

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def said(self):
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace")
