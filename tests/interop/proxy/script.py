"""docs/deploy/restart as it is, and what it does where something is wrong."""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from nginx import DEPLOY, free_ports, servers
from server import Failure

HERE = Path(__file__).resolve().parent
SCRIPT = DEPLOY / "restart"
LAME_DUCK = 3
GRACE = 5
RESTART_WITHIN = 120


def run(nginx, *addresses, **environment):
    """Gives its exit code and what it said."""
    environment = {
        **os.environ,
        "SERVERS": str(nginx.folder / "servers.conf"),
        "LAME_DUCK": str(LAME_DUCK),
        "NGINX_COMMAND": " ".join(nginx.command),
        "NGINX_PID": str(nginx.folder / "nginx.pid"),
        **environment,
    }
    # `bash` by its path, as there is a check without a PATH. Both outputs in one, as they are seen in a terminal.
    command = [shutil.which("bash"), SCRIPT, *addresses]
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    try:
        ran = subprocess.run(command, env=environment, timeout=RESTART_WITHIN, **kept)
    except subprocess.TimeoutExpired as over:
        raise Failure(f"restart did not end within {RESTART_WITHIN} s: {over.stdout}") from None
    return ran.returncode, ran.stdout.strip()


def by_control(replicas):
    """The replicas are processes of the test."""
    return {"REPLICA": str(HERE / "replica"), "CONTROL": f"127.0.0.1:{replicas.control.server_port}"}


def by_systemctl(replicas):
    """The same processes, which the script takes for units of systemd."""
    path = f"{HERE / 'stub'}:{os.environ['PATH']}"
    return {"REPLICA": "", "PATH": path, "CONTROL": f"127.0.0.1:{replicas.control.server_port}"}


def check_failures(checks, nginx, front, replicas):
    """It takes away no replica that is the last one, stops where requests may be lost, and puts right what is left."""
    first, second = replicas.addresses
    untouched = replicas.servers[first]
    listed = nginx.folder / "servers.conf"
    as_it_was = listed.read_text()

    def is_untouched():
        return replicas.running(first) and replicas.servers[first] is untouched

    replicas.servers[second].kill()
    replicas.start_without_lame_duck(second)
    code, said = run(nginx, second, first, **by_control(replicas))
    named = f"{second} ended without a lame duck: set LAME_DUCK in the replica; requests may have been refused"
    checks.ok(code == 1 and named in said, "a replica without a lame duck is an error", (code, said))
    checks.ok(is_untouched() and listed.read_text() == as_it_was, "after which nothing else is touched", said)

    listed.write_text(as_it_was.replace(f"{second} max_fails=0", f"{second} max_fails=0 down"))
    code, said = run(nginx, first, second, **by_control(replicas))
    checks.ok(code == 1 and "no other replica" in said, "the last replica is not taken away", (code, said))
    checks.ok(is_untouched(), "and is as it was")
    code, said = run(nginx, first, "127.0.0.1:1", **by_control(replicas))
    checks.ok(code == 1 and "127.0.0.1:1" in said, "a server that is not listed is an error", (code, said))
    code, said = run(nginx, first, second, **{**by_control(replicas), "PATH": "/nonexistent"})
    checks.ok(code == 1 and "curl is missing" in said, "a command that is missing is an error", (code, said))
    with SCRIPT.open() as script:
        fcntl.flock(script, fcntl.LOCK_EX)
        code, said = run(nginx, first, second, **by_control(replicas))
    checks.ok(code == 1 and "another one" in said, "only one is at work at a time", (code, said))

    code, said = run(nginx, second, first, **by_systemctl(replicas))
    checks.ok(code == 0, "from the one that was gone on, it succeeds, through systemd", (code, said))
    checks.ok(listed.read_text() == as_it_was, "and both are listed as before", listed.read_text())
    statuses = {front.call("echo", {"message": "again"}).status for _ in range(4)}
    checks.ok(statuses == {200} and replicas.servers[first] is not untouched, "both serve again", statuses)


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def check_background(checks, proxy, everything):
    """Replicas that nobody supervises, started in the background by the script itself, and one of them by IPv6."""
    checks.context = "restart with replicas in the background"
    ports = free_ports(2)
    hosts = ["127.0.0.1", "[::1]" if has_ipv6() else "127.0.0.1"]
    addresses = [f"{host}:{port}" for host, port in zip(hosts, ports)]
    folder = proxy.new_folder()
    folder.mkdir()
    environment = {
        "REPLICA": str(HERE / "stub/background"),
        "PROGRAM": str(everything),
        "FOLDER": str(folder),
        "BASE_URL": "https://example.com/api",
        "GRACE": str(GRACE),
    }
    pids = []
    with proxy.before(*ports) as nginx:
        front = proxy.front(nginx, "/api")
        listed = nginx.folder / "servers.conf"
        listed.write_text(servers(*ports).replace(f"127.0.0.1:{ports[1]}", addresses[1]))
        try:
            for what in ("starts", "restarts"):
                code, said = run(nginx, *addresses, **environment)
                checks.ok(code == 0, f"it {what} {' and '.join(addresses)}", (code, said))
                pids.append([int(file.read_text()) for file in sorted(folder.glob("*.pid"))])
                statuses = {front.call("echo", {"message": what}).status for _ in range(4)}
                checks.ok(statuses == {200}, "which serve", statuses)
            checks.ok(len({*pids[0], *pids[1]}) == 4, "as two processes each time", pids)
        finally:
            for file in folder.glob("*.pid"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(file.read_text()), signal.SIGKILL)
