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
        """What is kept of each stream, by its name in the ids of events: numbers and messages, the oldest first. The
        name is what its key ends with."""
        return self._read_logs("XRANGE", "-", "+")

    def newest(self):
        """The same, but only what was said last of each."""
        return self._read_logs("XREVRANGE", "+", "-", "COUNT", 1)

    def _read_logs(self, command, *which):
        logs = {}
        with Connection(self.port) as connection:
            for key in connection.keys("stream"):
                name = key[-32:].decode(errors="replace")
                entries = connection.ask(command, key, *which)
                logs[name] = [(int(number.split(b"-")[0]), message_of(fields)) for number, fields in entries]
        return logs

    def connections(self):
        return len(self.ask("CLIENT", "LIST").splitlines())


def message_of(fields):
    """The message of an entry: whatever its field is called, an empty one is what a stream begins with."""
    return max(fields[1::2], key=len, default=b"")


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

    def keys(self, kind):
        """All keys of a type."""
        cursor, found = b"0", []
        while True:
            cursor, keys = self.ask("SCAN", cursor, "COUNT", 1000, "TYPE", kind)
            found += keys
            if cursor == b"0":
                return sorted(set(found))

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
