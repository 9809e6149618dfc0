"""Runs every client against the `everything` server: `clients.py SERVER FOLDER [--write]`.

FOLDER is where `scripts/test` has installed the clients. Each client is given two servers of its own, the second with
short pages, and a way to the first on which connections are cut (see `cutter.py`); others it launches itself. It does
with them whatever it can (see `exercise.py`), and tells of each feature in a line of JSON. What came of it are the
tables in `docs/clients.md`, which `--write` writes; without it, the file must be what would be written. The servers
inherit `HOST`, the framework that they are mounted in.
Only the standard library is used.
"""

import concurrent.futures
import difflib
import json
import subprocess
import sys
import time
from pathlib import Path

from cutter import CALL, QUESTION, STREAM, Cutter
from over import HTTP, HTTP_SSE, STDIO, way
from server import Failure, Server
from side import SESSION, STATELESS

HERE = Path(__file__).resolve().parent
TABLE = HERE.parent.parent / "docs" / "clients.md"
CLIENT_WITHIN = 180
PAGE_SIZE = "5"
AT_A_TIME = 2
INSPECTOR = "typescript/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"

# The rows of the tables, in order, by the names that the clients use.
FEATURES = {
    "open": "opening: revision, server, capabilities, instructions",
    "ping": "`ping`",
    "list_tools": "`tools/list`",
    "call": "`tools/call`",
    "structured": "structured output",
    "content": "text, images, audio, embedded resources",
    "tool_error": "errors of tools",
    "bad_arguments": "arguments of the wrong type",
    "unknown_tool": "unknown tool",
    "header": "`Mcp-Param-*` headers",
    "progress": "progress",
    "log": "log messages",
    "cancel": "cancellation",
    "list_resources": "`resources/list`",
    "list_templates": "`resources/templates/list`",
    "read": "`resources/read`: text, bytes, template",
    "unknown_resource": "unknown resource",
    "subscribe": "a resource's updates",
    "list_changed": "changes of the lists",
    "list_prompts": "`prompts/list`",
    "get_prompt": "`prompts/get`",
    "complete": "completion, with context",
    "pages": "pages",
    "cache": "caching by `ttlMs`",
    "elicit": "elicitation: a form, accepted, declined, cancelled",
    "forms": "forms with defaults, and every kind of choice",
    "elicit_url": "elicitation: a URL",
    "sample": "sampling",
    "sample_tools": "sampling with tools",
    "roots": "roots",
    "joined": "user, model and roots asked at once",
    "rounds": "one question after another",
    "prompt_asks": "a prompt that asks",
    "withdrawn": "a question withdrawn, as its call is cancelled",
    "unasked": "nothing asked that is not offered",
    "resume": "a call whose connection is cut: progress and answer, once each",
    "again": "a call whose connection is cut, and that is called again",
    "asked": "a question whose connection is cut: asked once, and answered",
    "polling": "a call whose connection the server ends",
    "away": "changes while the stream was cut",
    "by_token": "a call resumed by a new connection",
    "end": "end of the session, or of the process",
}

HEAD = """\
# Clients

Each column is a client in one of the two eras of MCP: `session` is 2025-11-25, `stateless` is 2026-07-28. "yes" means
that the client did it with the server in `examples/everything`, on axum and on actix-web alike, when `scripts/test` ran
last: it runs all of them on both, and fails where the tables of the two differ.
What a client has no way to do is "-", with the reason below. `scripts/test --write` writes this file; without
`--write`, `scripts/test` fails if it is not up to date.

## Over HTTP
"""
OTHERS = """
## Over HTTP+SSE and stdio

HTTP+SSE is the transport of 2024-11-05; see `Mcp::legacy_sse`. The SDKs agree on 2025-11-25 over it, and one of them is
also made to speak the revision that it comes from. Over stdio the client launches the server; see
`McpService::serve_stdio`.
"""
TAIL = """
## Older revisions, and Rust

The older revisions, 2024-11-05 to 2025-06-18, are tried with the Python SDK 1.x against `examples/axum_mount`, and the
official Rust SDK (rmcp), in every revision, by the crate's own tests: `tests/it/rmcp.rs`, and
`tests/it/rmcp/asking.rs`, `changes.rs` and `resuming.rs` for what it is asked, is told, and comes back for.
"""


class Client:
    def __init__(self, name, ways, *command):
        self.name = name
        self.ways = [way(*each) for each in ways]
        self.command = command

    def run(self, binary, folder):
        """Its lines, and the seconds it took."""
        command = [str(each).format(here=HERE, folder=folder) for each in self.command]
        began = time.monotonic()
        servers = [Server(binary), Server(binary, PAGE_SIZE=PAGE_SIZE)]
        cutter = None
        try:
            urls = [server.url() for server in servers]
            cutter = Cutter(urls[0])
            command += [*urls, cutter.url(), binary]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_WITHIN)
            lines = self.lines(ran)
            was_cut(lines, cutter)
            for server in servers:
                server.stop()
        except subprocess.TimeoutExpired as late:
            raise Failure(f"{self.name} did not end within {CLIENT_WITHIN} s; it said {late.stdout!r}") from None
        except Failure as failure:
            said = "".join(server.said() for server in servers)
            raise Failure(f"{self.name}: {failure}\nthe servers' stderr:\n{said or '(nothing)'}") from None
        finally:
            for server in servers:
                server.kill()
            if cutter:
                cutter.stop()
        return lines, time.monotonic() - began

    def lines(self, ran):
        """What it told, checked: every feature in every way, once each."""
        said = f"what it said:\n{ran.stdout}{ran.stderr}"
        try:
            lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
        except ValueError:
            raise Failure(f"it wrote a line that is no JSON; {said}") from None
        told = sorted((line["way"], line["feature"]) for line in lines)
        if told != sorted((each, feature) for each in self.ways for feature in FEATURES):
            raise Failure(f"it did not tell of every feature once in each way {self.ways}; {said}")
        if ran.returncode != 0:
            raise Failure(f"it ended with {ran.returncode}; {said}")
        wrong = [line for line in lines if line["ok"] is False or (line["ok"] is None and not line["note"])]
        if wrong:
            told = "\n".join(f"  {line['way']}: {line['feature']}: {line['note']}" for line in wrong)
            raise Failure(f"{len(wrong)} features failed:\n{told}\n{ran.stderr}")
        return lines


def was_cut(lines, cutter):
    """A connection that was not cut proves nothing."""
    for kind, features, each in [(CALL, ("resume", "again"), 1), (QUESTION, ("asked",), 2), (STREAM, ("away",), 1)]:
        done = sum(line["feature"] in features and line["ok"] is True for line in lines)
        if cutter.cuts[kind] != each * done:
            raise Failure(f"{features}: {done} times done, and {cutter.cuts[kind]} connections cut")


OVER_HTTP = [(SESSION, HTTP), (STATELESS, HTTP)]
OVER_ALL = [(SESSION, HTTP), (SESSION, HTTP_SSE), (SESSION, STDIO)]
OVER_OLDEST = [(SESSION, HTTP), (SESSION, HTTP_SSE), ("2024-11-05", HTTP_SSE), (SESSION, STDIO)]
OVER_TWO = [(SESSION, HTTP), (SESSION, STDIO), (STATELESS, HTTP), (STATELESS, STDIO)]
CLIENTS = [
    Client("python_v1", OVER_OLDEST, "{folder}/python_v1/bin/python", "{here}/python_v1/everything.py"),
    Client("python_v2", OVER_TWO, "{folder}/python_v2/bin/python", "{here}/python_v2/everything.py"),
    Client("python_fastmcp", OVER_HTTP, "{folder}/python_fastmcp/bin/python", "{here}/python_fastmcp/everything.py"),
    # Node.js looks for packages beside the script, so `scripts/test` has copied these.
    Client("typescript v1", OVER_ALL, "{folder}/node", "{folder}/typescript/v1.mjs"),
    Client("typescript v2", OVER_TWO, "{folder}/node", "{folder}/typescript/v2.mjs"),
    Client(
        "inspector",
        OVER_HTTP,
        sys.executable,
        "{here}/inspector/everything.py",
        "{folder}/node",
        f"{{folder}}/{INSPECTOR}",
    ),
]


def table(columns, notes):
    heads = [f"{lines[0]['client']} {lines[0]['version']}, {lines[0]['way']}" for lines in columns]
    told = [{line["feature"]: line for line in lines} for lines in columns]

    def cell(line):
        if line["ok"]:
            return "yes"
        return f"- ({notes.setdefault(line['note'], len(notes) + 1)})"

    rows = [["", *heads], ["---"] * (len(heads) + 1)]
    rows += [[title, *(cell(features[name]) for features in told)] for name, title in FEATURES.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows).replace("|  |", "| |", 1)


def page(columns):
    """The text of the tables' file; `columns` has the lines of each client in each way."""
    notes = {}
    today = table([lines for lines in columns if lines[0]["way"] in (SESSION, STATELESS)], notes)
    others = table([lines for lines in columns if lines[0]["way"] not in (SESSION, STATELESS)], notes)
    reasons = "\n".join(f"{number}. {note}" for note, number in notes.items())
    return f"{HEAD}\n{today}\n{OTHERS}\n{others}\n\n## Reasons\n\n{reasons}\n{TAIL}"


def compare(text, write):
    before = TABLE.read_text() if TABLE.exists() else ""
    if text == before:
        print(f"{TABLE.name} is up to date")
    elif write:
        TABLE.write_text(text)
        print(f"{TABLE.name} is written")
    else:
        difference = difflib.unified_diff(before.splitlines(), text.splitlines(), "committed", "now", lineterm="")
        raise Failure("\n".join([f"{TABLE} is not up to date; write it with --write:", *difference]))


def run(binary, folder, write):
    columns, failures = [], []
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        running = [pool.submit(client.run, binary, folder) for client in CLIENTS]
        for client, ran in zip(CLIENTS, running):
            try:
                lines, took = ran.result()
            except Failure as failure:
                failures.append(str(failure))
                continue
            done = sum(line["ok"] is True for line in lines)
            print(f"ok {client.name}: {done} features done, {len(lines) - done} it has not, {took:.1f} s", flush=True)
            columns += [[line for line in lines if line["way"] == each] for each in client.ways]
    if failures:
        raise Failure("\n".join(failures))
    compare(page(columns), write)


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    try:
        run(*arguments, write="--write" in sys.argv)
    except Failure as failure:
        sys.exit(f"FAILED: {failure}")


main()
