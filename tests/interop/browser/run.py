"""A page of another origin against a real server, in headless Chromium: `run.py [--tool NAME --arguments JSON] SERVER`.

SERVER is a program that listens on ADDR, allows the origins in MCP_CORS_ORIGINS (a list with commas) by `cors(..)`, and
prints its URL; `--tool` is what the page calls. One web server here serves the page under three names, so that it has
three origins. None of them is the server's:

- `app.test` is listed in MCP_CORS_ORIGINS: it may do everything;
- `localhost` is let in by the server's guard, but may not read;
- `other.test` is not even let in.

Chromium finds the two made-up names by a rule that it is given. Only the standard library is used. Chromium is the first
of $CHROMIUM, `chromium`, `chromium-browser` and `google-chrome` that exists.
"""

import argparse
import http.server
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from server import Failure, Server  # noqa: E402

PAGES = {"app.test": "allowed", "localhost": "blocked", "other.test": "blocked"}
# Chromium's start on a busy machine, and a quiet stream.
PAGE_WITHIN = 120
EXIT_WITHIN = 10
FILES = {"/": ("page.html", "text/html"), "/page.js": ("page.js", "text/javascript")}


class PageServer:
    """Serves the page and its plan, by the name that it is asked under, and takes what it saw."""

    def __init__(self, plan):
        self.seen = queue.Queue()
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.headers["Host"].rsplit(":", 1)[0]
                if self.path == "/plan.json":
                    self.answer(200, "application/json", json.dumps(pages.plan(name, plan)).encode())
                elif self.path in FILES:
                    file, kind = FILES[self.path]
                    self.answer(200, f"{kind}; charset=utf-8", (HERE / file).read_bytes())
                else:
                    self.answer(404, "text/plain", b"")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                pages.seen.put((self.headers["Host"].rsplit(":", 1)[0], json.loads(body)))
                self.answer(204, None, b"")

            def answer(self, status, kind, body):
                self.send_response(status)
                if kind:
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, name):
        return f"http://{name}:{self.server.server_port}"

    def plan(self, name, plan):
        after = dict(zip(PAGES, list(PAGES)[1:]))
        following = after.get(name)
        return {**plan, "expect": PAGES[name], "next": following and f"{self.url(following)}/"}


def find_chromium():
    for name in (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"):
        found = name and shutil.which(name)
        if found:
            return found
    sys.exit("there is no Chromium: install chromium, or name it in $CHROMIUM")


class Chromium:
    def __init__(self, binary, url):
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        self.log = tempfile.TemporaryFile()
        names = ", ".join(f"MAP {name} 127.0.0.1" for name in PAGES)
        command = [binary, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        command += ["--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"]
        command += ["--disable-sync", "--no-proxy-server", f"--host-resolver-rules={names}"]
        command += [f"--user-data-dir={self.profile}", url]
        # In a group of its own, which ends as a whole.
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(EXIT_WITHIN)
        except subprocess.TimeoutExpired:
            pass
        deadline = time.monotonic() + EXIT_WITHIN
        # Its children may outlive it for a moment, and write to the profile.
        while time.monotonic() < deadline:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                break
            self.process.poll()
            time.sleep(0.05)
        shutil.rmtree(self.profile, ignore_errors=True)


def wait(pages, chromium, server):
    """What the next page saw."""
    deadline = time.monotonic() + PAGE_WITHIN
    while time.monotonic() < deadline:
        try:
            return pages.seen.get(timeout=0.5)
        except queue.Empty:
            if chromium.process.poll() is not None:
                raise Failure(f"Chromium ended with {chromium.process.returncode}:\n{chromium.said()}") from None
            if server.process.poll() is not None:
                raise Failure("the server ended by itself") from None
    raise Failure(f"no page reported within {PAGE_WITHIN} s; Chromium said:\n{chromium.said()}")


def report(name, checks):
    """Prints what a page checked; gives how many checks failed."""
    for check in checks:
        seen = "" if check["ok"] else f"; seen: {json.dumps(check['seen'])}"
        print(f"{'ok' if check['ok'] else 'FAILED'} {name}: {check['what']}{seen}", flush=True)
    return sum(not check["ok"] for check in checks)


def run(arguments):
    plan = {"tool": arguments.tool, "arguments": json.loads(arguments.arguments)}
    binary = find_chromium()
    pages = PageServer(plan)
    server = Server(arguments.server, MCP_CORS_ORIGINS=pages.url("app.test"))
    chromium = None
    try:
        plan["mcp"] = server.url()
        print(f"the server listens on {plan['mcp']}, the pages are at {pages.url('app.test')}", flush=True)
        chromium = Chromium(binary, f"{pages.url('app.test')}/")
        failed = count = 0
        for expected in PAGES:
            name, checks = wait(pages, chromium, server)
            if name != expected:
                raise Failure(f"{name} reported, expected {expected}")
            failed += report(name, checks)
            count += len(checks)
        if failed:
            raise Failure(f"{failed} of {count} checks")
        server.stop()
        print(f"browser: {count} checks passed", flush=True)
    except Failure as failure:
        print(f"FAILED: {failure}\nthe server's stderr:\n{server.said() or '(nothing)'}", file=sys.stderr)
        return 1
    finally:
        if chromium:
            chromium.stop()
        server.kill()
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default="echo")
    parser.add_argument("--arguments", default='{"message": "hello"}')
    parser.add_argument("server", metavar="SERVER")
    sys.exit(run(parser.parse_args()))


main()
