"""A call with progress by curl, which speaks HTTP/2 to the proxy."""

import json
import subprocess
import time

from client import BOTH, call


def check(checks, nginx, front, cafile):
    message, headers = call("count", {"n": 4, "every_ms": 250}, progress="p")
    headers = {"Content-Type": "application/json", "Accept": BOTH, **headers}
    command = ["curl", "--silent", "--show-error", "--no-buffer", "--http2", "--max-time", "30"]
    command += ["--cacert", str(cafile)]
    # As if nginx listened on 443: without a port in the URL, and in the authority of the request.
    command += ["--connect-to", f"{front.host}:443:127.0.0.1:{front.port}", "--noproxy", "*"]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    command += ["--data", json.dumps(message), f"https://{front.host}{front.path}"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen = [(time.monotonic(), json.loads(line[5:])) for line in running.stdout if line.startswith("data:")]
    code = running.wait()
    checks.ok(code == 0 and seen, "a call over HTTP/2", (code, running.stderr.read()))
    progress = [at for at, message in seen if message.get("method") == "notifications/progress"]
    answered, answer = seen[-1]
    checks.ok("result" in answer and len(progress) == 4, "four reports of progress and an answer", seen)
    before = answered - progress[0]
    checks.ok(before >= 0.6, f"the first one {before:.2f} s before the answer", before)
    [*_, last] = nginx.accesses()
    checks.ok(last[0] == "HTTP/2.0", "it was HTTP/2", last)
