"""FastMCP, run by its own `mcp.run`: one process, and no log of each request."""

import asyncio
import os

from fastmcp import Context, FastMCP
from fastmcp.server.middleware import Middleware
from starlette.responses import Response

mcp = FastMCP("bench", version="1.0.0")
sessions = []


@mcp.tool
async def echo(message: str) -> str:
    """Say it again."""
    return message


@mcp.tool
async def count(events: int, yields: bool, ctx: Context) -> str:
    """Report progress, as often as is asked for."""
    for index in range(events):
        await ctx.report_progress(index)
        if yields:
            await asyncio.sleep(0)
    return f"counted to {events}"


for index in range(2, int(os.environ.get("TOOLS", "2"))):
    mcp.tool(echo, name=f"tool_{index}")


class KeepSessions(Middleware):
    """FastMCP keeps no list of its sessions for the application."""

    async def on_initialize(self, context, call_next):
        result = await call_next(context)
        sessions.append(context.fastmcp_context.session)
        return result


@mcp.custom_route("/announce", methods=["POST"])
async def announce(_request):
    """Tells all open streams that the tools have changed."""
    # One after the other, which is several times faster than `asyncio.gather` here.
    for session in sessions:
        await session.send_tool_list_changed()
    return Response(status_code=204)


if "ANNOUNCE" in os.environ:
    mcp.add_middleware(KeepSessions())
stateless = {"stateless_http": True, "json_response": True} if os.environ.get("MODE") == "legacy" else {}
mcp.run(
    transport="http",
    host="127.0.0.1",
    port=int(os.environ["PORT"]),
    show_banner=False,
    log_level="warning",
    **stateless,
)
