"""A contestant's process, pinned to one core, and the load generator on the other."""

import json
import os
import resource
import socket
import subprocess
import time
from pathlib import Path


def two_cores():
    """The server's and the load generator's: of those that this process may use, and not two threads of one core."""
    may = sorted(os.sched_getaffinity(0))
    return may[0], next((core for core in may if core not in siblings(may[0])), may[-1])


def siblings(core):
    """The processors of one physical core, as the kernel sees them."""
    try:
        listed = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").read_text()
    except OSError:
        return {core}
    ends = [[int(end) for end in part.split("-")] for part in listed.strip().split(",")]
    return {one for part in ends for one in range(part[0], part[-1] + 1)}


SERVER_CORE, LOAD_CORE = two_cores()
DESCRIPTORS = 65_536
# Some retain what they serve. The machine shall live.
MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
PATIENCE = 60


def pinned(core):
    """What a child does before it becomes another program."""

    def prepare():
        os.sched_setaffinity(0, {core})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

    return prepare


def prepare_server():
    pinned(SERVER_CORE)()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Failed(Exception):
    """The server or the load generator said why."""


class Server:
    """Runs until the `with` block ends."""

    def __init__(self, command, env, log):
        self.command = command
        self.port = free_port()
        self.env = {**os.environ, **env, "PORT": str(self.port)}
        self.log = log

    def __enter__(self):
        self.output = open(self.log, "wb")
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            self.command,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            preexec_fn=prepare_server,
        )
        try:
            self.connection = self.connect()
        except Failed:
            self.__exit__()
            raise
        return self

    def connect(self):
        """The first connection that it accepts."""
        while time.perf_counter() - self.began < PATIENCE:
            if self.process.poll() is not None:
                raise Failed(f"the server ended: {self.last_words()}")
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
            except ConnectionRefusedError:
                time.sleep(0.0002)
        raise Failed("the server does not listen")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.output.close()

    def last_words(self):
        self.output.flush()
        with open(self.log, "rb") as log:
            return log.read().decode(errors="replace").strip()[-300:]

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def load(self, load, scenario, mode, path, options):
        """What the load generator has measured."""
        self.connection.close()
        given = {"port": self.port, "pid": self.process.pid, "mode": mode, "path": path, **options}
        command = [load, scenario, *(word for name, value in given.items() for word in (f"--{name}", str(value)))]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, preexec_fn=pinned(LOAD_CORE))
        except subprocess.TimeoutExpired:
            raise Failed("not done after five minutes") from None
        if done.returncode != 0:
            raise Failed(done.stderr.strip()[:500] or f"the load generator ended with {done.returncode}")
        return json.loads(done.stdout)
