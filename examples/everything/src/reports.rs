//! Tools that tell something before they answer: progress, log messages, and what they need of the client.

use std::process;
use std::time::Duration;

use mcp_mount::{Capability, Context, State, Tool, ToolError, tool, tools};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::resources::Watched;

/// How long a tool works between two reports.
const WORK: Duration = Duration::from_millis(50);

/// The most bytes that a message of `count_in_log` is made longer by.
const MOST_PADDING: usize = 4_096;

pub(crate) fn tools() -> Vec<Tool> {
    tools![
        test_tool_with_progress,
        test_tool_with_logging,
        test_logging_tool,
        test_streaming_elicitation,
        test_missing_capability,
        count,
        count_in_log,
        test_reconnection,
        await_touch,
    ]
}

/// Report progress three times, then answer.
#[tool(read_only)]
async fn test_tool_with_progress(ctx: Context) -> &'static str {
    for progress in [0.0, 50.0, 100.0] {
        ctx.progress(progress).total(100.0).await;
        sleep(WORK).await;
    }
    "Progress was reported three times."
}

/// Send three log messages, then answer.
#[tool(read_only)]
async fn test_tool_with_logging(ctx: Context) -> &'static str {
    for message in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        ctx.info(message).await;
        sleep(WORK).await;
    }
    "Three messages were logged."
}

/// Send one log message, if the client asked for such, then answer.
#[tool(read_only)]
async fn test_logging_tool(ctx: Context) -> &'static str {
    ctx.info("A message for those who want it").await;
    "A message was logged, for those who want it."
}

/// Send a notification on the call's own stream, then answer.
#[tool(read_only)]
async fn test_streaming_elicitation(ctx: Context) -> &'static str {
    ctx.progress(1.0).total(1.0).message("about to answer").await;
    "The stream carried a notification and this answer."
}

/// Answer only to a client that offers sampling.
#[tool(read_only)]
fn test_missing_capability(ctx: Context) -> Result<&'static str, ToolError> {
    ctx.require(Capability::Sampling)?;
    Ok("Success")
}

/// Count to `n`, and report each number as progress.
#[tool(read_only)]
async fn count(
    /// How far to count.
    n: u32,
    /// How long each number takes, in milliseconds.
    every_ms: u64,
    ctx: Context,
) -> String {
    for number in 1..=n {
        sleep(Duration::from_millis(every_ms)).await;
        ctx.progress(f64::from(number)).total(f64::from(n)).message(format!("{number} of {n}")).await;
    }
    format!("counted to {n}")
}

/// What `count_in_log` logs.
#[derive(Serialize)]
struct Counted {
    number: u32,
    of: u32,
    /// The id of the process that counts: behind a proxy, which replica it is.
    process: u32,
    /// How long the call has run, in milliseconds: who reads it can tell how late it comes.
    elapsed_ms: u128,
    padding: String,
}

/// Count to `n`, and log each number. Progress is limited in its rate, and these are not.
#[tool(read_only)]
async fn count_in_log(
    /// How far to count.
    n: u32,
    /// How long each number takes, in milliseconds.
    every_ms: u64,
    /// How many bytes to make each message longer, up to 4,096.
    padding: Option<usize>,
    ctx: Context,
) -> String {
    let padding = "x".repeat(padding.unwrap_or(0).min(MOST_PADDING));
    let began = Instant::now();
    for number in 1..=n {
        sleep(Duration::from_millis(every_ms)).await;
        let elapsed_ms = began.elapsed().as_millis();
        ctx.info(Counted { number, of: n, process: process::id(), elapsed_ms, padding: padding.clone() }).await;
    }
    format!("counted to {n}")
}

/// End the connection, and answer when the client is away.
#[tool(read_only)]
async fn test_reconnection(ctx: Context) -> &'static str {
    ctx.close_stream().await;
    sleep(2 * WORK).await;
    "The client came back for this."
}

/// Log a message, wait until the tool `touch` is called, log another, then answer.
#[tool(read_only)]
async fn await_touch(State(watched): State<Watched>, ctx: Context) -> &'static str {
    // Asked for before the message, so that a client may touch as soon as it has read it.
    let touched = watched.touched();
    ctx.info("waiting").await;
    touched.await;
    ctx.info("touched").await;
    "It was touched."
}
