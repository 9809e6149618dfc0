"""Two replicas of `everything` behind nginx in the stateless era: whose turn it is, and a rolling restart under load.

The restart is that of docs/deploy/restart, which is run as it is. Of the calls meanwhile not one may fail: each is
answered 200, with its own text.

Most clients open a connection for each call. The others keep theirs, as clients do, and for these HTTP has one case
that no server can avoid: the server may close an idle connection at the moment when the client sends a request on it
(RFC 9112, 9.3.1), as nginx's old worker processes do. Then nothing at all comes back on a connection that was used
before, and a client may send the request again on a new one if it knows that it does no harm (RFC 9110, 9.2.2); `echo`
is such a tool, and says so (`readOnlyHint`). It is counted, and never done twice for a call.
"""

import contextlib
import http.client
import http.server
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

from client import Reply, Stream, call, listen
from nginx import DEPLOY, Nginx, free_ports, servers
from server import Failure, Server
from talking import open_session

LAME_DUCK = 3
GRACE = 5
RESTART_WITHIN = 120
FRESH, KEPT, SLOW, LISTENING = 3, 2, 2, 2
# How long a call of a slow client takes, in milliseconds: there are always some that run while a replica ends.
SLEEP = 700
# So many calls are seen before and after the restart, at least.
ENOUGH = 40


class Replicas:
    """The processes, by address. It answers to the script `replica`: `GET /VERB/ADDRESS`, 404 where that is a no."""

    def __init__(self, binary, ports, **environment):
        self.binary = binary
        self.environment = environment
        self.addresses = [f"127.0.0.1:{port}" for port in ports]
        self.servers = {}
        self.ended = []
        replicas = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                _, verb, address = self.path.split("/")
                done = {"terminate": replicas.terminate, "running": replicas.running, "start": replicas.start}[verb]
                self.send_response(204 if done(address) else 404)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.control.daemon_threads = True
        threading.Thread(target=self.control.serve_forever, daemon=True).start()
        for address in self.addresses:
            self.start(address)
        for server in self.servers.values():
            server.url()

    def start(self, address):
        self.servers[address] = Server(self.binary, ADDR=address, **self.environment)
        return True

    def terminate(self, address):
        self.servers[address].process.send_signal(signal.SIGTERM)
        return True

    def running(self, address):
        server = self.servers[address]
        if server.process.poll() is None:
            return True
        if server not in self.ended:
            self.ended.append(server)
        return False

    def stop(self):
        self.control.shutdown()
        for server in [*self.ended, *self.servers.values()]:
            server.kill()

    def said(self):
        return "\n".join(server.said() for server in [*self.ended, *self.servers.values()])


class Load:
    """Clients in closed loops, each with a thread of its own, until `stop`."""

    def __init__(self, front):
        self.front = front
        self.over = threading.Event()
        self.failures = []
        self.calls = 0
        self.longest = 0
        self.again = 0
        self.listened = 0
        self.sockets = []
        self.lock = threading.Lock()
        work = [self.fresh] * FRESH + [self.kept] * KEPT + [self.slow] * SLOW + [self.listening] * LISTENING
        self.threads = [threading.Thread(target=self._run, args=(one, n)) for n, one in enumerate(work)]
        for thread in self.threads:
            thread.start()

    def _run(self, work, number):
        count = 0
        connection = None
        while not self.over.is_set():
            count += 1
            began = time.monotonic()
            try:
                connection = work(connection, f"{number}.{count}")
            except Exception as error:  # Whatever it is, it is a failed request.
                self.failures.append(f"{work.__name__} {number}.{count}: {error!r}")
                connection = None
            if work in (self.fresh, self.kept):
                with self.lock:
                    self.longest = max(self.longest, time.monotonic() - began)
        if connection:
            connection.close()

    def judge(self, reply, text):
        if reply.status != 200 or reply.text != text:
            raise AssertionError(f"answered {reply}")
        with self.lock:
            self.calls += 1

    def fresh(self, _, text):
        self.judge(self.front.call("echo", {"message": text}), text)

    def slow(self, *_):
        self.judge(self.front.call("sleep", {"ms": SLEEP}), f"slept for {SLEEP} ms")

    def kept(self, connection, text):
        message, headers = call("echo", {"message": text})
        used = connection is not None
        connection = connection or self.front.connection()
        try:
            response = self.front.send(connection, "POST", message, headers)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):  # RemoteDisconnected among them
            if not used:
                raise
            with self.lock:
                self.again += 1
            connection.close()
            connection = self.front.connection()
            response = self.front.send(connection, "POST", message, headers)
        reply = Reply(response)
        self.judge(reply, text)
        if reply.headers.get("connection") == "close":
            connection.close()
            return None
        return connection

    def listening(self, _, __):
        """A `subscriptions/listen`, to its end: with its result if the server ends it, never broken off."""
        connection = self.front.connection()
        connection.connect()
        self.sockets.append(connection.sock)
        try:
            stream = Stream(connection, self.front.send(connection, "POST", *listen(toolsListChanged=True)))
            if stream.status != 200:
                raise AssertionError(f"a stream was answered {stream.status}")
            stream.until(lambda message: "result" in message)
            if stream.message() is not None:
                raise AssertionError("a stream goes on after its result")
            with self.lock:
                self.listened += 1
        except (OSError, http.client.HTTPException):
            if not self.over.is_set():
                raise
        finally:
            connection.close()

    def wait_for(self, more):
        """Until so many more calls were answered, or one has failed."""
        wanted = self.calls + more
        deadline = time.monotonic() + 30
        while self.calls < wanted and not self.failures:
            if time.monotonic() > deadline:
                raise Failure(f"{self.calls} calls were answered, expected {wanted}")
            time.sleep(0.05)

    def stop(self):
        self.over.set()
        # Who listens reads, and would do so for ever.
        for listener in self.sockets:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()


def check(checks, everything, host, folder, keys, front_at):
    """`front_at(nginx)` gives the endpoint as a client sees it."""
    ports = free_ports(2)
    environment = {"HOST": host, "LAME_DUCK": str(LAME_DUCK), "GRACE": str(GRACE)}
    environment |= {"BASE_URL": "https://example.com/api", "TRUSTED_PROXIES": "127.0.0.1"}
    replicas = Replicas(everything, ports, **environment)
    nginx = None
    try:
        nginx = Nginx(folder, keys, servers(*ports))
        nginx.start()
        front = front_at(nginx)
        check_turns(checks, nginx, front, replicas)
        check_refusals(checks, front, replicas)
        served = len(nginx.accesses(20 + 4 * len(replicas.addresses)))
        check_restart(checks, nginx, front, replicas, served)
        check_again(checks, nginx, front, replicas)
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

    The replica refuses a page of another site for its head, and reads the body all the same: nginx, which still writes it,
    would make a 502 of a closed connection.
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


def check_restart(checks, nginx, front, replicas, served):
    """`served` is how many requests nginx has had before."""
    first = {address: server.process.pid for address, server in replicas.servers.items()}
    load = Load(front)
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
    print(f"   the slowest `echo` took {load.longest:.2f} s, and {load.again} calls were sent again", flush=True)
    checks.ok(load.listened > 0, f"{load.listened} streams were ended by their server, each with its result")
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


def check_again(checks, nginx, front, replicas):
    """`restart` takes away no replica that is the last one, and puts right what a failure has left."""
    first, second = replicas.addresses
    untouched = replicas.servers[first]
    replicas.servers[second].stop()
    listed = nginx.folder / "servers.conf"
    listed.write_text(listed.read_text().replace(f"{second} max_fails=0", f"{second} max_fails=0 down"))
    code, said = run_restart(nginx, replicas, first, second)
    checks.ok(code == 1 and "no other replica" in said, "the last replica is not taken away", (code, said))
    checks.ok(replicas.running(first) and replicas.servers[first] is untouched, "and is as it was")
    code, said = run_restart(nginx, replicas, first, "127.0.0.1:1")
    checks.ok(code == 1 and "127.0.0.1:1" in said, "a server that is not listed is an error", (code, said))
    code, said = run_restart(nginx, replicas, second, first)
    checks.ok(code == 0, "from the one that was gone on, it succeeds", (code, said))
    text = listed.read_text()
    checks.ok("down" not in text and text.count("server ") == 2, "and both are listed as before", text)
    statuses = {front.call("echo", {"message": "again"}).status for _ in range(4)}
    checks.ok(statuses == {200} and replicas.servers[first] is not untouched, "both serve again", statuses)


def restart(nginx, replicas):
    """Runs docs/deploy/restart; gives what it said."""
    code, said = run_restart(nginx, replicas, *replicas.addresses)
    if code != 0:
        raise Failure(f"restart ended with {code}: {said}")
    return said


def run_restart(nginx, replicas, *addresses):
    environment = {
        **os.environ,
        "SERVERS": str(nginx.folder / "servers.conf"),
        "LAME_DUCK": str(LAME_DUCK),
        "NGINX_COMMAND": " ".join(nginx.command),
        "NGINX_PID": str(nginx.folder / "nginx.pid"),
        "REPLICA": str(Path(__file__).resolve().parent / "replica"),
        "CONTROL": f"127.0.0.1:{replicas.control.server_port}",
    }
    command = [DEPLOY / "restart", *addresses]
    # Both outputs in one, as they are seen in a terminal.
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    try:
        ran = subprocess.run(command, env=environment, timeout=RESTART_WITHIN, **kept)
    except subprocess.TimeoutExpired as over:
        raise Failure(f"restart did not end within {RESTART_WITHIN} s: {over.stdout}") from None
    return ran.returncode, ran.stdout.strip()


def check_pinned(checks, nginx, front):
    """Sessions with two replicas, where nginx always asks the same one for an address of a client."""
    session = open_session(checks, front)
    said = {session.call("echo", {"message": "still there?"}).status for _ in range(10)}
    hit = answered_by(nginx.accesses(12))
    checks.ok(said == {200} and len(hit) == 1, "all ten calls of a session go where it is", (said, hit))
    session.delete()
