"""Runs interop clients against a real server process: `drive.py SERVER PYTHON CLIENT [PYTHON CLIENT ..]`.

SERVER is the `axum_mount` or the `actix_mount` binary. It is started on a free port, its URL is read from the line it
prints, each CLIENT script is run as `PYTHON CLIENT URL`, and in the end it must exit 0 on SIGTERM, even with a stream
still open. Only the standard library is used, so that any python3 can run this file.
"""

import http.client
import json
import subprocess
import sys
from urllib.parse import urlsplit

from server import Failure, Server

CLIENT_WITHIN = 180


def try_commands(commands):
    """Runs each printed command as printed, in a shell."""
    for command, expected in zip(
        commands, ('"search_bookmarks"', '"structuredContent"', '"progress":500'), strict=True
    ):
        ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=CLIENT_WITHIN)
        if ran.returncode != 0 or expected not in ran.stdout or '"result"' not in ran.stdout:
            raise Failure(f"{command}\nended with {ran.returncode}: {ran.stdout} {ran.stderr}")
        print(f"ok a printed command works as printed, and gives {expected}")


def open_stream(url):
    """A session with its GET stream, left open: a client that does not go away by itself."""
    where = urlsplit(url)
    common = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    opening = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "drive", "version": "1"},
        },
    }
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=10)
    connection.request("POST", where.path, json.dumps(opening), common)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise Failure(f"initialize was answered {response.status}: {body!r}")
    headers = {
        **common,
        "Mcp-Session-Id": response.getheader("mcp-session-id", ""),
        "MCP-Protocol-Version": "2025-11-25",
    }
    connection.request("POST", where.path, '{"jsonrpc":"2.0","method":"notifications/initialized"}', headers)
    response = connection.getresponse()
    response.read()
    if response.status != 202:
        raise Failure(f"notifications/initialized was answered {response.status}")
    connection.request("GET", where.path, headers=headers)
    response = connection.getresponse()
    if response.status != 200:
        raise Failure(f"the GET stream was answered {response.status}")
    return connection, response


def run(binary, clients):
    server = Server(binary)
    try:
        url = server.url()
        print(f"the server listens on {url}", flush=True)
        try_commands(server.commands(3))
        for python, script in clients:
            print(f"--- {script}", flush=True)
            try:
                code = subprocess.run([python, script, url], timeout=CLIENT_WITHIN).returncode
            except subprocess.TimeoutExpired:
                raise Failure(f"{script} did not end within {CLIENT_WITHIN} s") from None
            if code != 0:
                raise Failure(f"{script} failed with {code}")
        print("--- SIGTERM", flush=True)
        held = open_stream(url)
        took = server.stop()
        print(f"ok the server exited 0 in {took:.1f} s, with a GET stream open", flush=True)
        del held
    except Failure as failure:
        print(f"FAILED: {failure}\nthe server's stderr:\n{server.said() or '(nothing)'}", file=sys.stderr)
        return 1
    finally:
        server.kill()
    return 0


def main():
    binary, *rest = sys.argv[1:]
    if not rest or len(rest) % 2:
        sys.exit(__doc__)
    sys.exit(run(binary, list(zip(rest[::2], rest[1::2]))))


if __name__ == "__main__":
    main()
