"""What the drivers here run on: a store, replicas of `everything` that share it, and nginx in front of them with the
configuration of docs/deploy, whose replicas take turns."""

import contextlib
import shutil
import signal
import ssl
import sys
import tempfile
import time
from pathlib import Path

from client import Front
from nginx import Nginx, certificate, free_ports, servers
from redis_server import RedisServer
from server import Failure, Server

PUBLIC = "example.com"
READY_WITHIN = 20
# Replicas are in both frameworks, one after the other: what they share is the store and nothing else.
HOSTS = ("axum", "actix-web")
# Whom the replicas tell apart, see examples/everything. Who is none of them is nobody.
USERS = ("ada", "bo")
# For tests only. Each replica can open what another one has sealed.
REQUEST_STATE_KEYS = "a key of 32 bytes and more that is no secret"


class Stage:
    """`with Stage(..) as stage`. Whatever comes, everything that was started has ended afterwards.

    `store`: a `redis` of its own, or an `sqlite` file. `durable` is what RedisServer takes.
    """

    def __init__(self, binary, replicas=2, store="redis", durable=False, lame_duck=0, grace=5):
        self.binary = binary
        self.folder = Path(tempfile.mkdtemp(prefix="replicas-"))
        # The worker processes of an nginx that root starts are somebody else's.
        self.folder.chmod(0o755)
        self.failed = False
        self.ended = []
        self.servers = []
        self.nginx = None
        self.ports = free_ports(replicas)
        self.lame_duck = lame_duck
        self.redis = RedisServer(self.folder / "redis", durable) if store == "redis" else None
        self.environment = {
            "BASE_URL": f"https://{PUBLIC}/api",
            "TRUSTED_PROXIES": "127.0.0.1",
            "LAME_DUCK": str(lame_duck),
            "GRACE": str(grace),
            "STORE": self.redis.url if self.redis else f"sqlite://{self.folder}/store.sqlite",
            "USERS": ",".join(USERS),
            "REQUEST_STATE_KEYS": REQUEST_STATE_KEYS,
        }

    def __enter__(self):
        # As Ctrl-C, so that nothing is left behind.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        try:
            cafile = certificate(self.folder)
            self.tls = ssl.create_default_context(cafile=cafile)
            self.cafile = cafile
            if self.redis:
                self.redis.start()
            self.servers = [None] * len(self.ports)
            for number in range(len(self.ports)):
                self.start(number, wait=False)
            for number in range(len(self.ports)):
                self.wait_ready(number)
            self.nginx = Nginx(self.folder / "nginx", self.folder, servers(*self.ports))
            self.nginx.start()
        except BaseException:
            self.failed = True
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        self.failed |= bool(error and error[0])
        # The last one first, and each whatever comes of the others.
        with contextlib.ExitStack() as stack:
            stack.callback(self._tidy)
            if self.redis:
                stack.callback(self.redis.kill)
            for server in filter(None, self.servers):
                # SIGKILL ends what stands still, too.
                stack.callback(server.kill)
            if self.nginx:
                stack.callback(self.nginx.stop)

    def _tidy(self):
        if self.failed:
            self.keep()
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self):
        """Writes down what the replicas said, next to what nginx and Redis did."""
        for count, server in enumerate([*self.ended, *filter(None, self.servers)]):
            (self.folder / f"replica-{count}-{server.process.pid}.log").write_text(server.said())
        print(f"   what was said is kept in {self.folder}", file=sys.stderr, flush=True)

    def host(self, number):
        return HOSTS[number % len(HOSTS)]

    @property
    def addresses(self):
        return [f"127.0.0.1:{port}" for port in self.ports]

    @property
    def front(self):
        """The endpoint as the world sees it."""
        return Front(self.nginx.port, PUBLIC, "/api/mcp", self.tls)

    def direct(self, number):
        """The endpoint of one replica, past nginx."""
        return Front(self.ports[number], self.addresses[number], "/mcp")

    def start(self, number, wait=True):
        if self.servers[number]:
            self.ended.append(self.servers[number])
        self.servers[number] = Server(
            self.binary, ADDR=self.addresses[number], HOST=self.host(number), **self.environment
        )
        if wait:
            self.wait_ready(number)

    def wait_ready(self, number):
        self.servers[number].url()
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if self.direct(number).ask("GET", below="/ready").status == 200:
                    return
            time.sleep(0.05)
        raise Failure(f"replica {number} is not ready within {READY_WITHIN} s")

    def pid(self, number):
        return self.servers[number].process.pid

    def kill(self, number):
        """SIGKILL; gives when."""
        self.servers[number].process.kill()
        at = time.monotonic()
        self.servers[number].process.wait()
        return at

    def freeze(self, number):
        self.servers[number].process.send_signal(signal.SIGSTOP)
        return time.monotonic()

    def thaw(self, number):
        self.servers[number].process.send_signal(signal.SIGCONT)

    def check_alive(self):
        """Nobody has ended that was not ended here."""
        for number, server in enumerate(self.servers):
            code = server.process.poll()
            if code is not None:
                raise Failure(f"replica {number} ended by itself with {code}")
