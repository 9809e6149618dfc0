"""The client of the Python SDK 1.x (package `mcp` 1.*) against a running `axum_mount`: `client.py URL`.

SDK 1.x knows the session era only. It always offers its newest revision, read from `mcp.types` at each `initialize`;
setting that constant makes the very same client speak each older revision.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import common  # noqa: E402
import httpx  # noqa: E402
import mcp.types  # noqa: E402
from mcp import ClientSession, McpError  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402

REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]


async def session_of(revision, url, checks):
    checks.context = revision
    mcp.types.LATEST_PROTOCOL_VERSION = revision
    recorder = common.Recorder(httpx)
    async with recorder.client() as http:
        async with streamable_http_client(url, http_client=http) as (read, write, _session_id):
            async with ClientSession(read, write) as client:
                opened = await client.initialize()
                checks.ok(opened.protocolVersion == revision, "initialize agrees on it", opened.protocolVersion)
                checks.ok(bool(opened.serverInfo.name), f"the server is {opened.serverInfo.name!r}", opened)
                checks.ok(opened.capabilities.tools is not None, "it has tools", opened.capabilities)
                await exercise(client, recorder, revision, checks)

    session = common.check_session_headers(checks, recorder, revision)
    await common.check_session_is_gone(checks, recorder, url, session, revision)


async def exercise(client, recorder, revision, checks):
    async def call(name, arguments, on_progress=None):
        return common.wire(await client.call_tool(name, arguments, progress_callback=on_progress))

    await client.send_ping()
    checks.ok(True, "ping is answered")
    # Structured output began with 2025-06-18.
    structured = revision >= "2025-06-18"
    common.check_tools(checks, common.wire(await client.list_tools()), structured)
    await common.check_calls(checks, call, f"v1-{revision}", structured)
    await common.check_unknown_tool(checks, call, McpError)
    await common.check_progress(checks, recorder, call)
    await client.send_ping()
    checks.ok(True, "ping is answered at the end too")


async def main(checks):
    [url] = sys.argv[1:]
    checks.ok(mcp.types.LATEST_PROTOCOL_VERSION == REVISIONS[-1], "the SDK's newest revision is as expected")
    for revision in REVISIONS:
        await session_of(revision, url, checks)


common.Checks("python mcp 1.x").run(main)
