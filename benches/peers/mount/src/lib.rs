//! This crate's server, for both hosts. Every default is on.

use mcp_mount::{Args, Context, Mcp, Sessions, tool, tool_fn, tools};
use settings::Settings;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Echo {
    message: String,
}

/// Say it again.
#[tool]
async fn echo(message: String) -> String {
    message
}

/// Log a number, as often as is asked for.
#[tool]
async fn count(events: u32, yields: bool, ctx: Context) -> String {
    for index in 0..events {
        ctx.info(index).await;
        if yields {
            tokio::task::yield_now().await;
        }
    }
    format!("counted to {events}")
}

/// The server, still to be built.
#[must_use]
pub fn mcp(settings: &Settings) -> Mcp {
    let mut mcp = Mcp::new("bench", "1.0.0").tools(tools![echo, count]);
    for name in settings.more_tools() {
        mcp = mcp.tool(tool_fn(&name, "Say it again.", |Args(echo): Args<Echo>| async move { echo.message }));
    }
    match settings.sessions {
        Some(sessions) => mcp.sessions(Sessions::new().max(sessions)),
        None => mcp,
    }
}
