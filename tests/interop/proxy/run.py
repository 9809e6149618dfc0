"""The examples behind nginx, with docs/deploy: `run.py AXUM_MOUNT ACTIX_MOUNT EVERYTHING`.

The three are the binaries. nginx terminates TLS with a certificate made here, under the prefix /api and without one.
The streams and calls that are quiet for 90 seconds run beside all the rest, so that the whole takes little more. Needs
nginx, openssl and curl; of Python only the standard library.
"""

import contextlib
import ssl
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import headers  # noqa: E402
import hosts  # noqa: E402
import http2  # noqa: E402
import quiet  # noqa: E402
import rolling  # noqa: E402
import script  # noqa: E402
import talking  # noqa: E402
from client import Front  # noqa: E402
from common import Checks  # noqa: E402
from nginx import Nginx, certificate, servers  # noqa: E402
from server import Failure, Server  # noqa: E402

HOSTS = ("axum", "actix-web")
PREFIXES = ("/api", "")
BELIEVED = "127.0.0.1"


class Proxy:
    """Where each nginx has its folder, and the certificate that all of them have."""

    def __init__(self, folder):
        self.folder = folder
        self.cafile = certificate(folder)
        self.tls = ssl.create_default_context(cafile=self.cafile)
        self.count = 0
        self.lock = threading.Lock()

    def new_folder(self):
        with self.lock:
            self.count += 1
            return self.folder / str(self.count)

    def front(self, nginx, prefix, host=hosts.PUBLIC):
        return Front(nginx.port, host, f"{prefix}/mcp", self.tls)

    @contextlib.contextmanager
    def before(self, *ports):
        nginx = Nginx(self.new_folder(), self.folder, servers(*ports))
        try:
            nginx.start()
            yield nginx
        except BaseException:
            print(f"nginx said:\n{nginx.errors()}", file=sys.stderr)
            raise
        finally:
            nginx.stop()


@contextlib.contextmanager
def serving(binary, **environment):
    """The port of a server, which must exit 0 on SIGTERM when all was well."""
    server = Server(binary, **environment)
    try:
        yield urlsplit(server.url()).port
        server.stop()
    except BaseException:
        print(f"{binary} {environment} said:\n{server.said()}", file=sys.stderr)
        raise
    finally:
        server.kill()


def bookmarks(checks, proxy, binary):
    """One of the two programs with a mount, under the prefix and without."""
    for prefix in PREFIXES:
        checks.context = f"{binary.name} at {prefix}/mcp"
        with (
            serving(binary, BASE_URL=f"https://{hosts.PUBLIC}{prefix}", TRUSTED_PROXIES=BELIEVED) as port,
            proxy.before(port) as nginx,
        ):
            front = proxy.front(nginx, prefix)
            talking.bookmarks(checks, front)
            hosts.check(checks, front, "search_bookmarks", {"query": ""})


def everything(checks, proxy, binary, host):
    """`everything` in one of the two hosts, under the prefix and without."""
    for prefix in PREFIXES:
        checks.context = f"everything in {host} at {prefix}/mcp"
        base = f"https://{hosts.PUBLIC}{prefix}"
        with serving(binary, HOST=host, BASE_URL=base, TRUSTED_PROXIES=BELIEVED) as port, proxy.before(port) as nginx:
            front = proxy.front(nginx, prefix)
            talking.everything(checks, front)
            http2.check(checks, nginx, front, proxy.cafile)
            hosts.check(checks, front, "echo", {"message": "hello"})
            hosts.check_url(checks, front, prefix)
            hosts.check_direct(checks, port, believed=True)
    checks.context = f"everything in {host}, which believes nobody"
    with serving(binary, HOST=host, BASE_URL=f"https://{hosts.PUBLIC}/api") as port, proxy.before(port) as nginx:
        hosts.check_direct(checks, port, believed=False)
        # With this configuration, `Host` is the public name.
        front = proxy.front(nginx, "/api")
        hosts.check(checks, front, "echo", {"message": "hello"})
        hosts.check_url(checks, front, "/api")
    checks.context = f"everything in {host} without BASE_URL"
    with serving(binary, HOST=host, TRUSTED_PROXIES=BELIEVED) as port, proxy.before(port) as nginx:
        for prefix in PREFIXES:
            hosts.check_forwarded_url(checks, proxy.front(nginx, prefix, host="localhost"), prefix)


def silence(checks, proxy, binary, host):
    checks.context = f"everything in {host}, quiet"
    base = f"https://{hosts.PUBLIC}/api"
    with serving(binary, HOST=host, BASE_URL=base, TRUSTED_PROXIES=BELIEVED) as port, proxy.before(port) as nginx:
        quiet.check(checks, proxy.front(nginx, "/api"))


def restart(checks, proxy, binary, host):
    checks.context = f"two replicas in {host}"
    rolling.check(checks, binary, host, proxy.new_folder(), proxy.folder, lambda nginx: proxy.front(nginx, "/api"))


class Group(threading.Thread):
    """Checks that are made one after the other, beside other groups."""

    def __init__(self, name, *steps):
        super().__init__(name=name)
        self.steps = steps
        self.checks = Checks(name)
        self.failed = False
        self.start()

    def run(self):
        try:
            for step, *arguments in self.steps:
                step(self.checks, *arguments)
        except BaseException as error:
            self.failed = True
            where = "".join(traceback.format_exception(error))
            print(f"FAILED after {self.checks.count} checks, {self.checks.context}:\n{where}", file=sys.stderr)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    axum_mount, actix_mount, everything_ = (Path(argument).resolve() for argument in sys.argv[1:])
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="proxy-") as folder:
        folder = Path(folder)
        # The worker processes of an nginx that root starts are somebody else's.
        folder.chmod(0o755)
        try:
            proxy = Proxy(folder)
        except Failure as failure:
            sys.exit(f"FAILED: {failure}")

        groups = [Group(f"silence in {host}", (silence, proxy, everything_, host)) for host in HOSTS]
        mounts = [(bookmarks, proxy, binary) for binary in (axum_mount, actix_mount)]
        talks = [(everything, proxy, everything_, host) for host in HOSTS]
        background = [(script.check_background, proxy, everything_)]
        restarts = [(restart, proxy, everything_, host) for host in HOSTS]
        groups.append(Group("talk, restart", (headers.check, proxy), *mounts, *talks, *background, *restarts))
        for group in groups:
            group.join()
    count = sum(group.checks.count for group in groups)
    if any(group.failed for group in groups):
        sys.exit(f"FAILED: {[group.name for group in groups if group.failed]}")
    print(f"proxy: {count} checks passed in {time.monotonic() - began:.0f} s", flush=True)


main()
