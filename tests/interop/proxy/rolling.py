"""Two replicas of `everything` behind nginx in the stateless era: whose turn it is, and a rolling restart under load.

The restart is that of docs/deploy/restart, which is run as it is. Of the calls meanwhile not one may fail: each is
answered 200, with its own text. load.py says which may be sent again, and when.
"""

import time

import script
from client import call
from http2 import HTTP2
from load import FRESH_HTTP2, KEPT, LISTENING_HTTP2, Load
from nginx import Nginx, free_ports, servers
from replicas import Replicas
from script import GRACE, LAME_DUCK
from server import Failure
from talking import open_session

# So many calls are seen before and after the restart, at least.
ENOUGH = 40


def check(checks, everything, host, folder, keys, front_at):
    """`front_at(nginx)` gives the endpoint as a client sees it."""
    ports = free_ports(2)
    environment = {"HOST": host, "LAME_DUCK": str(LAME_DUCK), "GRACE": str(GRACE)}
    environment |= {"BASE_URL": "https://example.com/api", "TRUSTED_PROXIES": "127.0.0.1"}
    replicas = Replicas(everything, ports, **environment)
    nginx = None
    try:
        replicas.start_all()
        nginx = Nginx(folder, keys, servers(*ports))
        nginx.start()
        front = front_at(nginx)
        check_turns(checks, nginx, front, replicas)
        check_refusals(checks, front, replicas)
        served = len(nginx.accesses(20 + 4 * len(replicas.addresses)))
        check_restart(checks, nginx, front, keys / "fullchain.pem", replicas, served)
        script.check_failures(checks, nginx, front, replicas)
        nginx.stop()
        nginx = Nginx(folder.with_name(f"{folder.name}-pinned"), keys, "ip_hash;\n" + servers(*ports))
        nginx.start()
        check_pinned(checks, nginx, front_at(nginx))
    except BaseException:
        print(f"the replicas' stderr:\n{replicas.said()}\nnginx:\n{nginx and nginx.errors()}")
        raise
    finally:
        if nginx:
            nginx.stop()
        replicas.stop()


def check_turns(checks, nginx, front, replicas):
    for _ in range(20):
        said = front.call("echo", {"message": "whose turn?"})
        checks.ok(said.status == 200, "a call", said)
    hit = answered_by(nginx.accesses(20))
    checks.ok(hit == {address: 10 for address in replicas.addresses}, "the replicas took turns, ten calls each", hit)


def check_refusals(checks, front, replicas):
    """A client whose requests go wrong takes no replica away from the others, and gets its own answer.

    The replica refuses a page of another site for its head, and reads the body all the same: nginx, which still writes
    it, would make a 502 of a closed connection.
    """
    message, headers = call("echo", {"message": "x" * 3_000_000})
    for _ in range(2 * len(replicas.addresses)):
        refused = front.ask("POST", message, {**headers, "Origin": "https://foreign.example"})
        checks.ok(refused.status == 403, "a large request is refused", refused)
        said = front.call("echo", {"message": "are you there?"})
        checks.ok(said.status == 200, f"after a {refused.status} the next request is served", said)


def answered_by(accesses):
    """How many requests each replica answered."""
    hit = {}
    for *_, replica in accesses:
        hit[replica] = hit.get(replica, 0) + 1
    return hit


def check_restart(checks, nginx, front, cafile, replicas, served):
    """`served` is how many requests nginx has had before."""
    first = {address: server.process.pid for address, server in replicas.servers.items()}
    load = Load(front, cafile)
    try:
        load.wait_for(ENOUGH)
        began = time.monotonic()
        said = restart(nginx, replicas)
        took = time.monotonic() - began
        restarted = len(nginx.accesses())
        load.wait_for(ENOUGH)
    finally:
        load.stop()
    failed = f"{len(load.failures)} of {load.calls} calls failed in a rolling restart of {took:.1f} s"
    checks.ok(not load.failures, failed, load.failures)
    print(f"   {said.replace(chr(10), chr(10) + '   ')}")
    print(f"   the slowest `echo` took {load.longest:.2f} s", flush=True)
    # nginx closes the idle connection of a client once when it is reloaded.
    reloads = 2 * len(replicas.addresses)
    for again, clients, what in (
        (load.again, KEPT, "on a connection that was used before"),
        (load.again_http2, FRESH_HTTP2 + LISTENING_HTTP2, "over HTTP/2"),
    ):
        checks.ok(again <= reloads * clients, f"{again} calls {what} got no answer, and were sent again", again)
    checks.ok(load.listened > 0, f"{load.listened} streams were ended by their server, each with its result")
    http2 = (load.calls_http2, load.listened_http2)
    logged = len(nginx.accesses(sum(http2), protocol=HTTP2))
    checks.ok(all(http2) and logged >= sum(http2), "over HTTP/2, {} calls and {} streams".format(*http2), logged)
    codes = [server.process.returncode for server in replicas.ended]
    checks.ok(codes == [0, 0], "both processes exited 0", codes)
    second = {address: server.process.pid for address, server in replicas.servers.items()}
    checks.ok(all(first[one] != second[one] for one in first), "both are others now", (first, second))
    statuses = {status for _, _, _, status, _ in nginx.accesses()[served:]} - {"499"}
    checks.ok(statuses == {"200"}, "nginx answered nothing but 200", statuses)
    both = answered_by(nginx.accesses()[restarted:])
    checks.ok(set(replicas.addresses) <= set(both), "afterwards both get requests again", both)
    listed = (nginx.folder / "servers.conf").read_text()
    checks.ok("down" not in listed and listed.count("server ") == 2, "and both are listed as before", listed)


def restart(nginx, replicas):
    """Runs docs/deploy/restart; gives what it said."""
    code, said = script.run(nginx, *replicas.addresses, **script.by_control(replicas))
    if code != 0:
        raise Failure(f"restart ended with {code}: {said}")
    return said


def check_pinned(checks, nginx, front):
    """Sessions with two replicas, where nginx always asks the same one for an address of a client."""
    session = open_session(checks, front)
    said = {session.call("echo", {"message": "still there?"}).status for _ in range(10)}
    hit = answered_by(nginx.accesses(12))
    checks.ok(said == {200} and len(hit) == 1, "all ten calls of a session go where it is", (said, hit))
    session.delete()
