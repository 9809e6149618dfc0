//! Clients that read slowly, or never: bounded queues, and nobody waits for ever.

use mcp_mount::{Context, Limits, McpService, Tool, tool_fn};
use serde_json::{Value, json};

use crate::{
    rig::{Probe, rig, server_with, session},
    support::{Ask, Live, call, modern, pass, secs, soon},
};

const REPORTS: u32 = 2_000;

/// Logs without end in sight, then says how it ended.
fn flood(probe: &Probe) -> Tool {
    let probe = probe.clone();
    tool_fn("flood", "Log very often", move |ctx: Context| {
        let probe = probe.clone();
        async move {
            let guard = probe.start();
            for step in 1..=REPORTS {
                ctx.info(step).await;
                tokio::task::yield_now().await;
            }
            guard.done();
            "done"
        }
    })
}

fn flood_modern() -> Ask {
    let meta = json!({"io.modelcontextprotocol/logLevel": "info"});
    modern("tools/call", json!({"name": "flood", "arguments": {}, "_meta": meta}))
}

fn narrow(probe: &Probe) -> McpService {
    let limits = || Limits::new().stream_events(8);
    server_with([flood(probe)], |mcp| mcp.limits(limits()))
}

async fn all_messages(mut live: Live) -> Vec<Value> {
    let mut messages = Vec::new();
    while let Some(message) = soon("the next message or the end", live.message()).await {
        messages.push(message);
    }
    messages
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_everything_in_order_through_a_narrow_queue() {
    let probe = Probe::new();
    let mcp = narrow(&probe);
    let session = session(&mcp).await;
    for ask in [session.post(call("flood", json!({}))), flood_modern()] {
        let messages = all_messages(ask.open(&mcp).await).await;
        let (last, reports) = messages.split_last().expect("messages");
        assert_eq!(last["result"]["content"][0]["text"], json!("done"), "{last}");
        let steps: Vec<_> = reports.iter().map(|report| report["params"]["data"].as_u64()).collect();
        let expected: Vec<_> = (1..=u64::from(REPORTS)).map(Some).collect();
        assert_eq!(steps, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn who_never_reads_is_cut_after_thirty_seconds() {
    let probe = Probe::new();
    let mcp = narrow(&probe);
    let live = soon("the stream opens", flood_modern().open(&mcp)).await;
    assert!(live.is_sse());
    pass(secs(25)).await;
    assert_eq!((probe.drops(), probe.finished()), (0, 0), "not yet 30 s");
    pass(secs(15)).await;
    probe.dropped().await;
    assert_eq!(probe.finished(), 0, "in 2026-07-28 the handler is cancelled, not finished");
    let messages = all_messages(live).await;
    assert!(messages.len() <= 16, "8 events are kept, not {}", messages.len());
    let answered = messages.iter().any(|message| message.get("result").is_some());
    assert!(!answered, "the stream was cut before the result");
}

#[tokio::test(start_paused = true)]
async fn a_session_lets_the_call_finish_without_its_reader() {
    let probe = Probe::new();
    let mcp = narrow(&probe);
    let session = session(&mcp).await;
    let live = soon("the stream opens", session.post(call("flood", json!({}))).open(&mcp)).await;
    pass(secs(50)).await;
    assert_eq!(probe.finished(), 1, "what nobody hears holds nobody up");
    let messages = all_messages(live).await;
    assert!(messages.len() <= 16, "8 events are kept, not {}", messages.len());
    assert!(session.is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_one_that_never_reads() {
    let probe = Probe::new();
    let mcp = narrow(&probe);
    let mut live = soon("the stream opens", flood_modern().open(&mcp)).await;
    for _ in 0..5 {
        pass(secs(8)).await;
        assert!(soon("a frame", live.frame()).await, "still open");
    }
    assert_eq!(probe.drops(), 0);
    let messages = all_messages(live).await;
    assert!(messages.last().is_some_and(|last| last.get("result").is_some()), "the result arrives");
}

#[tokio::test(start_paused = true)]
async fn the_stall_time_is_a_setting() {
    let probe = Probe::new();
    let mcp = server_with([flood(&probe)], |mcp| mcp.limits(Limits::new().stream_events(8).stream_stall(secs(3))));
    let live = soon("the stream opens", flood_modern().open(&mcp)).await;
    pass(secs(5)).await;
    let messages = all_messages(live).await;
    assert!(messages.len() <= 16, "cut after 3 s, with {} messages", messages.len());
    probe.dropped().await;
    assert_eq!(probe.finished(), 0);
}

#[tokio::test(start_paused = true)]
async fn large_events_are_bounded_by_their_bytes() {
    let tool = tool_fn("heavy", "Log large things", |ctx: Context| async move {
        let large = "x".repeat(100 << 10);
        for _ in 0..200 {
            ctx.error(large.as_str()).await;
            tokio::task::yield_now().await;
        }
        "done"
    });
    let mcp = server_with([tool], |mcp| mcp.limits(Limits::new().stream_bytes(1 << 20)));
    let session = session(&mcp).await;
    let mut live = soon("the stream opens", session.post(call("heavy", json!({}))).open(&mcp)).await;
    // Before the stall time is over: what waits is the whole queue.
    pass(secs(20)).await;
    assert!(soon("the queue", live.frame()).await, "still open");
    let bytes = live.unread();
    assert!(bytes > 500 << 10, "what fits is kept: {bytes}");
    assert!(bytes <= (1 << 20) + (300 << 10), "1 MiB is kept, not {bytes}");
    let messages = all_messages(live).await;
    assert_eq!(messages.len(), 201, "a reader that comes back in time gets the rest and the answer");
}

#[tokio::test(start_paused = true)]
async fn an_unread_get_stream_holds_up_nobody() {
    let rig = rig();
    let session = session(&rig.mcp).await;
    let unread = session.get().open(&rig.mcp).await;
    pass(secs(5 * 60)).await;
    let mut next = session.get().open(&rig.mcp).await;
    next.listen(secs(20)).await;
    assert!(!next.ended, "the seat was taken over, whether the first one knows it or not");

    // It still counts as open, since nobody polls it: the drain waits for it no longer than for anything else.
    let began = tokio::time::Instant::now();
    let report = rig.mcp.lifespan().shutdown().await;
    assert!(began.elapsed() <= secs(11), "{:?}", began.elapsed());
    assert_eq!(report.cut, 0, "no call was running");
    drop((unread, next));
}
