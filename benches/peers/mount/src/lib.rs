//! This crate's server, for both hosts. Every default is on.

use mcp_mount::{Args, Context, Mcp, Sessions, tool, tool_fn, tools};
use settings::Settings;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Echo {
    message: String,
}

/// Say it again.
#[tool]
#[expect(clippy::unused_async, reason = "as in the first example of the README")]
async fn echo(message: String) -> String {
    message
}

/// Report progress, as often as is asked for.
#[tool]
async fn count(events: u32, yields: bool, ctx: Context) -> String {
    for index in 0..events {
        ctx.progress(index.into()).await;
        if yields {
            tokio::task::yield_now().await;
        }
    }
    format!("counted to {events}")
}

/// Log a number, as often as is asked for. Progress is sent twenty times a second after a burst, log messages all.
#[tool(name = "count")]
async fn log(events: u32, yields: bool, ctx: Context) -> String {
    for index in 0..events {
        ctx.info(index).await;
        if yields {
            tokio::task::yield_now().await;
        }
    }
    format!("counted to {events}")
}

/// The server, still to be built.
pub fn mcp(settings: &Settings) -> Mcp {
    let mcp = Mcp::new("bench", "1.0.0");
    let mut mcp = if settings.log { mcp.tools(tools![echo, log]) } else { mcp.tools(tools![echo, count]) };
    for name in settings.more_tools() {
        mcp = mcp.tool(tool_fn(&name, "Say it again.", |Args(echo): Args<Echo>| async move { echo.message }));
    }
    match settings.sessions {
        Some(sessions) => mcp.sessions(Sessions::new().max(sessions)),
        None => mcp,
    }
}
