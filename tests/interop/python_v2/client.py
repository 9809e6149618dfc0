"""The client of the Python SDK 2.x (package `mcp` 2.*) against a running `axum_mount`: `client.py URL`.

SDK 2.x knows both eras and chooses by `Client(mode=..)`:
- "auto" (its default) asks `server/discover` first and falls back to `initialize`;
- "2026-07-28" begins with whatever the caller asks, without any opening;
- "legacy" opens a session by `initialize`, offering the newest revision that still has sessions.
"""

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import common  # noqa: E402
import httpx2  # noqa: E402
from mcp import Client, MCPError  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402
from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION  # noqa: E402

# `ping` is gone from 2026-07-28; here it is sent to sessions only.
warnings.filterwarnings("ignore", message="ping is removed")


async def connection(mode, url, checks):
    checks.context = f"mode {mode}"
    recorder = common.Recorder(httpx2)
    session_era = mode == "legacy"
    version = LATEST_HANDSHAKE_VERSION if session_era else LATEST_MODERN_VERSION
    async with recorder.client() as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            seen = client.protocol_version
            checks.ok(seen == version, f"speaks {version}", seen)
            if mode != version:  # whoever skips the opening knows nothing of the server yet
                checks.ok(client.server_info and client.server_info.name, "the server has a name", client.server_info)
                checks.ok(client.server_capabilities.tools is not None, "it has tools", client.server_capabilities)
            await exercise(client, recorder, mode, session_era, checks)

    if session_era:
        session = common.check_session_headers(checks, recorder, version)
        await common.check_session_is_gone(checks, recorder, url, session, version)
    else:
        check_stateless(checks, recorder, mode, version)


async def exercise(client, recorder, mode, session_era, checks):
    async def call(name, arguments, on_progress=None):
        return common.wire(await client.call_tool(name, arguments, progress_callback=on_progress))

    if session_era:
        await client.send_ping()
        checks.ok(True, "ping is answered")
    # The client may answer a repeated tools/list from its cache (ttlMs); the first one goes to the server.
    common.check_tools(checks, common.wire(await client.list_tools()))
    await common.check_calls(checks, call, f"v2-{mode}")
    await common.check_unknown_tool(checks, call, MCPError)
    await common.check_progress(checks, recorder, call)


def check_stateless(checks, recorder, mode, version):
    """What the stateless era looks like on the wire."""
    opening = recorder.exchanges[0].rpc
    if mode == "auto":
        checks.ok(opening == "server/discover", "the first request is server/discover", opening)
        checks.ok(recorder.exchanges[0].status == 200, "which is answered", recorder.exchanges[0])
    else:
        checks.ok(opening == "tools/list", "the first request is the caller's own", opening)
    only_posts = all(e.method == "POST" for e in recorder.exchanges)
    checks.ok(only_posts and not recorder.posts("initialize"), "no GET, no DELETE, no initialize", recorder.exchanges)
    sessions = [e for e in recorder.exchanges if common.SESSION_ID in e.response_headers]
    checks.ok(not sessions, "no session id is ever given", sessions)
    checks.ok(
        all(
            e.headers.get(common.VERSION) == version and e.headers.get("mcp-method") == e.rpc
            for e in recorder.exchanges
        ),
        "every request names its version and method in the headers",
        recorder.exchanges,
    )
    # The unknown tool too: clients read a 400 as "this server is of the other era".
    refused = [e for e in recorder.exchanges if e.status != 200]
    checks.ok(not refused, "and is answered 200", refused)


async def main(checks):
    [url] = sys.argv[1:]
    for mode in ["legacy", "auto", LATEST_MODERN_VERSION]:
        await connection(mode, url, checks)


common.Checks("python mcp 2.x").run(main)
