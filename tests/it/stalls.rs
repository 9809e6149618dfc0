//! When the time of a reader that does not read begins: with the first message that waits for it.

use std::time::Duration;

use mcp_mount::{Context, McpService, Tool, tool_fn};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    rig::{Probe, patient, server_with, session},
    support::{Ask, call_with_progress, modern, pass, secs, soon},
};

/// How long a reader may take, by default.
const STALL: u64 = 30;

/// The reply is a stream after one second of silence; the one message comes a second later.
fn one_message_later(probe: &Probe) -> Tool {
    let probe = probe.clone();
    tool_fn("later", "Say one thing, then nothing", move |ctx: Context| {
        let probe = probe.clone();
        async move {
            let _guard = probe.start();
            pass(secs(2)).await;
            ctx.progress(1.0).await;
            std::future::pending::<&'static str>().await
        }
    })
}

fn served(tool: Tool) -> McpService {
    server_with([tool], |mcp| mcp.limits(patient().silence(secs(1))))
}

fn modern_later() -> Ask {
    modern("tools/call", json!({"name": "later", "arguments": {}, "_meta": {"progressToken": "token"}}))
}

fn is_about(took: Duration, seconds: u64) -> bool {
    took >= secs(seconds - 1) && took <= secs(seconds + 1)
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_empty_at_first_is_cut_in_time_too() {
    let probe = Probe::new();
    let mcp = served(one_message_later(&probe));
    let live = soon("the stream opens", modern_later().open(&mcp)).await;
    assert!(live.is_sse(), "a second of silence");
    let opened = Instant::now();
    probe.dropped().await;
    let took = opened.elapsed();
    assert!(is_about(took, STALL + 1), "{STALL} s after the message, not {took:?} after the stream was opened");
    drop(live);
}

#[tokio::test(start_paused = true)]
async fn the_reader_is_there_until_then_and_not_after() {
    for (seconds, arrives) in [(STALL - 1, true), (STALL + 3, false)] {
        let probe = Probe::new();
        let mcp = served(one_message_later(&probe));
        let session = session(&mcp).await;
        for ask in [modern_later(), session.post(call_with_progress("later", json!({})))] {
            let mut live = soon("the stream opens", ask.open(&mcp)).await;
            pass(secs(seconds)).await;
            // Whatever it is, it is there already.
            let message = tokio::time::timeout(Duration::from_millis(1), live.message()).await;
            let message = message.expect("the message, or the end");
            assert_eq!(message.is_some(), arrives, "after {seconds} s: {message:?}");
        }
    }
}

/// Each time anew: what was read is no reason to cut the stream.
#[tokio::test(start_paused = true)]
async fn the_time_begins_with_each_message_that_waits() {
    let probe = Probe::new();
    let tool = {
        let probe = probe.clone();
        tool_fn("later", "Say something now and then", move |ctx: Context| {
            let probe = probe.clone();
            async move {
                let _guard = probe.start();
                for step in 1..=5_u32 {
                    pass(secs(20)).await;
                    ctx.progress(f64::from(step)).await;
                }
                std::future::pending::<&'static str>().await
            }
        })
    };
    let mcp = served(tool);
    let mut live = soon("the stream opens", modern_later().open(&mcp)).await;
    let begun = Instant::now();
    for step in 1..=4 {
        let message: Value = soon("a message", live.message()).await.expect("still open");
        assert_eq!(message["params"]["progress"].as_u64(), Some(step));
    }
    // The fifth comes 100 s after the call began, which is 99 s after the stream opened, and nobody reads it.
    assert_eq!(probe.drops(), 0, "a quiet handler is not a slow reader");
    probe.dropped().await;
    let took = begun.elapsed();
    assert!(is_about(took, 99 + STALL), "{STALL} s after the fifth message, not {took:?}");
}
