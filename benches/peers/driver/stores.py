"""A plain call in a session, with the sessions in each store. A redis-server is started for it, on its own port."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import build
from .contestants import SESSION, rotated
from .server import LOAD_CORE, Failed, Server, free_port, pinned

PACKAGE = "mount-stores"
STORES = ("memory", "sqlite", "redis")
# Redis has the load generator's core, which must not spin on it then; and as for one store, so for all.
OPTIONS = {"sleeps": "true"}


def stores(rounds, seconds, record):
    for round_ in range(rounds):
        for store in rotated(STORES, round_, rounds):
            for experiment, scenario, env in (("calls", "calls", {}), ("opens", "opens", {"SESSIONS": "10000000"})):
                result = {"contestant": store, "experiment": f"store {experiment}", "mode": SESSION, "round": round_}
                try:
                    with place(store) as url:
                        log = build.LOGS / f"{store}.log"
                        with Server([str(build.binary(PACKAGE))], {"STORE": url, **env}, log) as server:
                            load = build.binary("load")
                            measured = server.load(load, scenario, SESSION, "/mcp", {"seconds": seconds, **OPTIONS})
                    record({**result, **measured})
                except Failed as failure:
                    record({**result, "failed": str(failure)})


@contextlib.contextmanager
def place(store):
    """The URL of a store, which is gone after the block."""
    if store == "memory":
        yield "memory://"
        return
    with tempfile.TemporaryDirectory() as folder:
        if store == "sqlite":
            yield f"sqlite://{Path(folder, 'store.sqlite')}"
        else:
            with redis(folder) as url:
                yield url


@contextlib.contextmanager
def redis(folder):
    command = shutil.which("redis-server")
    if not command:
        raise Failed("redis-server is not installed")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
    # Beside the load generator, which waits for it: on the server's core it would take the server's time.
    process = subprocess.Popen([command, *options], stdout=subprocess.DEVNULL, preexec_fn=pinned(LOAD_CORE))
    try:
        for _ in range(200):
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.02)
        else:
            raise Failed("redis-server does not listen")
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
