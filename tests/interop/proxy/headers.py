"""What a replica gets from nginx, and how often: replicas that are made here, and write down what they are asked."""

import http.server
import json
import threading

from client import Front, call
from hosts import FORGED, PUBLIC
from nginx import free_ports


class Replica(http.server.ThreadingHTTPServer):
    """Answers with what it was asked, or closes the connection without an answer if `mute`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.mute = False
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = {
            "version": self.request_version,
            "path": self.path,
            "from": self.client_address,
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }
        self.server.asked.append(asked)
        if self.server.mute:
            self.close_connection = True
            return
        body = json.dumps(asked).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


def check(checks, proxy):
    replicas = [Replica(), Replica()]
    [nobody] = free_ports(1)
    ports = [replica.server_port for replica in replicas]
    try:
        with proxy.before(*ports) as nginx:
            check_head(checks, proxy.front(nginx, "/api"), "/api")
            check_head(checks, proxy.front(nginx, ""), "")
            check_kept(checks, proxy.front(nginx, ""))
            check_own(checks, proxy.front(nginx, "/api"), replicas)
            check_twice(checks, proxy.front(nginx, ""), replicas)
        checks.context = "a replica that cannot be reached"
        with proxy.before(ports[0], nobody) as nginx:
            front = proxy.front(nginx, "")
            statuses = {front.call("echo").status for _ in range(10)}
            checks.ok(statuses == {200}, "no request fails because of it", statuses)
    finally:
        for replica in replicas:
            replica.shutdown()
            replica.server_close()


def check_head(checks, front, prefix):
    """The head of a request, whose client has forged whatever it can."""
    checks.context = f"what a replica gets, at {prefix}/mcp"
    seen = json.loads(front.call("echo", headers={**FORGED, "Authorization": "Bearer 1", "Origin": "null"}).body)
    headers = seen["headers"]
    checks.ok(seen["version"] == "HTTP/1.1", "HTTP/1.1", seen)
    checks.ok(seen["path"] == "/mcp", "the path without the prefix", seen)
    checks.ok("connection" not in headers, "no `Connection`", headers)
    expected = {
        "host": PUBLIC,
        "x-forwarded-host": PUBLIC,
        "x-forwarded-proto": "https",
        "x-forwarded-prefix": prefix or None,
        "x-forwarded-for": "127.0.0.1",
        "forwarded": None,
        "authorization": "Bearer 1",
        "origin": "null",
        "mcp-method": "tools/call",
    }
    for name, value in expected.items():
        what = f"`{name}: {value}`" if value else f"no `{name}`"
        checks.ok(headers.get(name) == value, what, headers)


def check_kept(checks, front):
    checks.context = "what a replica gets"
    ports = {json.loads(front.call("echo").body)["from"][1] for _ in range(20)}
    # Four, or twice as many if the machine was so busy that they were idle for too long: nginx has two worker processes
    # here, and there are two replicas.
    checks.ok(len(ports) <= 8, f"20 requests on {len(ports)} connections, which are used again", ports)


def check_own(checks, front, replicas):
    """What nginx answers by itself, as a page in HTML; 413, 421, 502 and 504 are seen elsewhere."""
    checks.context = "nginx's own answers"
    for replica in replicas:
        replica.asked.clear()
    message, headers = call("echo")
    long = {"Authorization": f"Bearer {'x' * 8192}"}
    above = Front(front.port, front.host, "/api", front.tls)
    for expected, what, reply in (
        (400, "a header of more than 8 KiB", front.ask("POST", message, {**headers, **long})),
        (414, "a path of more than 8 KiB", front.ask("GET", below=f"?{'x' * 8192}")),
        (301, "the prefix without its slash", above.ask("POST", message, headers)),
    ):
        html = reply.headers.get("content-type") == "text/html"
        checks.ok(reply.status == expected and html, f"{what}: {expected}, a page", reply)
    asked = [replica.asked for replica in replicas]
    checks.ok(not any(asked), "no replica was asked", asked)


def check_twice(checks, front, replicas):
    """A replica that closes without an answer may have done what it was asked."""
    checks.context = "a replica that vanishes"
    for replica in replicas:
        replica.mute = True
        replica.asked.clear()

    def asked():
        count = sum(len(replica.asked) for replica in replicas)
        for replica in replicas:
            replica.asked.clear()
        return count

    message, headers = call("echo")
    failed = front.ask("POST", message, headers)
    count = asked()
    checks.ok(failed.status == 502 and count == 1, "a POST is a 502, and is not sent again", (failed, count))
    failed = front.ask("GET")
    count = asked()
    checks.ok(failed.status == 502 and count == 2, "a GET is tried at the other one", (failed, count))
    for replica in replicas:
        replica.mute = False
