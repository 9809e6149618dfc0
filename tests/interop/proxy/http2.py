"""Calls by curl, which speaks HTTP/2 to the proxy."""

import json
import subprocess
import time

from client import BOTH, call

HTTP2 = "HTTP/2.0"
MAX_TIME = 30


def post(front, cafile, message, headers, max_time=MAX_TIME):
    """A running curl, which has a connection of its own.

    Events are in its stdout as they come. The last word of its stderr is the status, 000 if there was none.
    """
    headers = {"Content-Type": "application/json", "Accept": BOTH, **headers}
    command = ["curl", "--silent", "--show-error", "--no-buffer", "--http2", "--max-time", str(max_time)]
    command += ["--fail", "--write-out", "%{stderr} %{http_code}", "--cacert", str(cafile)]
    # As if nginx listened on 443: without a port in the URL, and in the authority of the request.
    command += ["--connect-to", f"{front.host}:443:127.0.0.1:{front.port}", "--noproxy", "*"]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    command += ["--data", json.dumps(message), f"https://{front.host}{front.path}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check(checks, nginx, front, cafile):
    """A call with progress."""
    running = post(front, cafile, *call("count", {"n": 4, "every_ms": 250}, progress="p"))
    seen = [(time.monotonic(), json.loads(line[5:])) for line in running.stdout if line.startswith("data:")]
    code = running.wait()
    checks.ok(code == 0 and seen, "a call over HTTP/2", (code, running.stderr.read()))
    progress = [at for at, message in seen if message.get("method") == "notifications/progress"]
    answered, answer = seen[-1]
    checks.ok("result" in answer and len(progress) == 4, "four reports of progress and an answer", seen)
    earlier = answered - progress[0]
    checks.ok(earlier >= 0.6, f"the first one {earlier:.2f} s before the answer", earlier)
    logged = [access[:4] for access in nginx.accesses(1, protocol=HTTP2)]
    checks.ok(logged == [(HTTP2, "POST", front.path, "200")], "it was HTTP/2, by nginx's log", logged)
