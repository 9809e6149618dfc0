"""A `redis-server` of its own: on a free port of the loopback, in a folder of its own."""

import shutil
import signal
import socket
import subprocess
import time

from nginx import free_ports
from server import Failure

START_WITHIN = 10
ANSWER_WITHIN = 10
# All logs at one moment, whatever the prefix. src/store/redis/logs.lua tells the layout: `{prefix}:m:GROUP:ID` is a
# hash with the numbers of the first and the last entry, and with `e` if the log has ended; `{prefix}:l:GROUP:ID` is the
# list of its entries.
READ_LOGS = """
local logs, cursor = {}, '0'
local seen = {}
repeat
  local page = redis.call('SCAN', cursor, 'MATCH', '*:m:*', 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    local prefix, group, id = key:match('^({.*}):m:(%x+):(%x+)$')
    if prefix and not seen[key] then
      seen[key] = true
      local log = redis.call('HMGET', key, 'f', 'l', 'e')
      local from = ARGV[1] == 'newest' and -1 or 0
      local entries = redis.call('LRANGE', prefix .. ':l:' .. group .. ':' .. id, from, -1)
      logs[#logs + 1] = { id, log[1], log[2], log[3] and 1 or 0, entries }
    end
  end
until cursor == '0'
return logs
"""


class RedisServer:
    """`durable`: every write is on disk before it is answered. Otherwise what it has ends with the process."""

    def __init__(self, folder, durable=False):
        self.folder = folder
        folder.mkdir()
        [self.port] = free_ports(1)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        binary = shutil.which("redis-server")
        if not binary:
            raise Failure("there is no redis-server: install Debian's package redis-server")
        self.command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        self.command += ["--appendonly", "yes" if durable else "no", "--appendfsync", "always"]
        self.process = None

    def start(self):
        with open(self.folder / "redis.log", "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_WITHIN
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.ask("PING") == b"PONG":
                    return
            # LOADING is an answer too.
            except (OSError, Failure):
                pass
            time.sleep(0.02)
        raise Failure(f"redis-server does not serve: {self.said()}")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """SIGKILL, which ends what stands still, too."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def said(self):
        log = self.folder / "redis.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def ask(self, *command):
        """What one command is answered with."""
        with Connection(self.port) as connection:
            return connection.ask(*command)

    def logs(self):
        """What is kept of each stream, by its name in the ids of events."""
        return self._read_logs("all")

    def newest(self):
        """The same, but only what was said last of each."""
        return self._read_logs("newest")

    def _read_logs(self, which):
        logs = {}
        for name, first, last, ended, entries in self.ask("EVAL", READ_LOGS, 0, which):
            logs[name.decode()] = Log(int(first), int(last), bool(ended), entries)
        if not logs:
            raise Failure("redis-server has no logs, where there have to be some: see src/store/redis/logs.lua")
        return logs

    def connections(self):
        return len(self.ask("CLIENT", "LIST").splitlines())


class Log:
    """What is kept of a stream: numbers and messages, the oldest first; and whether it has ended."""

    def __init__(self, first, last, closed, messages):
        self.first = first
        self.closed = closed
        self.entries = list(zip(range(last - len(messages) + 1, last + 1), messages))

    def __eq__(self, other):
        return (self.first, self.closed, self.entries) == (other.first, other.closed, other.entries)


class Connection:
    """Speaks RESP, as far as it is needed here."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_WITHIN)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def ask(self, *command):
        parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self._reply()

    def _reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("redis-server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Failure(f"redis-server: {rest.decode(errors='replace')}")
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if int(rest) < 0:
            return None
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2]
        return [self._reply() for _ in range(int(rest))]
