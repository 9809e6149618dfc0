"""How long a server takes from its start to its first answer, what it takes of memory then, and how large it is."""

import json
import time

from . import build
from .contestants import MODERN, rotated
from .server import Failed, Server

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
TIMES = 7


def starting(contestants, record, times=TIMES):
    for round_ in range(times):
        for contestant in rotated(contestants, round_, times):
            result = {"contestant": contestant.name, "experiment": "starting", "mode": MODERN, "round": round_}
            log = build.LOGS / f"{contestant.name}.log"
            try:
                with Server(build.command(contestant), {"MODE": MODERN, **contestant.env}, log) as server:
                    call(server, contestant.path)
                    took = time.perf_counter() - server.began
                    time.sleep(0.2)
                    result |= {"seconds": took, "resident": server.resident()}
                if contestant.package:
                    result["bytes"] = build.binary(contestant.package).stat().st_size
                record(result)
            except Failed as failure:
                record({**result, "failed": str(failure)})


def call(server, path):
    """The answer to a call, as far as it has come when its text is there."""
    params = {"name": "echo", "arguments": {"message": "hello"}, "_meta": META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    headers = {
        "host": f"127.0.0.1:{server.port}",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "echo",
        "content-length": len(body),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    server.connection.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n{body}".encode())
    answer = b""
    while b'"text":"hello"' not in answer:
        more = server.connection.recv(65536)
        if not more:
            raise Failed(f"no answer: {answer[:300]!r}")
        answer += more
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise Failed(f"not the answer: {answer[:300]!r}")
    return answer
