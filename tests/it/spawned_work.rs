//! What a handler started elsewhere: it speaks while the call runs, and neither speaks nor waits afterwards.

use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mcp_mount::{Context, Limits, McpService, Tool, tool_fn};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    rig::{patient, server_with, session},
    support::{Ask, Live, call_with_progress, modern, notification, pass, secs, soon},
};

/// Both eras, each asking for progress and for log messages.
async fn both(mcp: &McpService, tool: &str) -> [(&'static str, Ask); 2] {
    let session = session(mcp).await;
    let meta = json!({"progressToken": "token", "io.modelcontextprotocol/logLevel": "debug"});
    [
        ("a session", session.post(call_with_progress(tool, json!({})))),
        ("2026-07-28", modern("tools/call", json!({"name": tool, "arguments": {}, "_meta": meta}))),
    ]
}

async fn the_rest(live: &mut Live) -> Vec<Value> {
    let mut messages = Vec::new();
    while let Some(message) = soon("a message or the end", live.message()).await {
        messages.push(message);
    }
    messages
}

#[tokio::test(start_paused = true)]
async fn progress_from_a_spawned_task_arrives_at_once() {
    let tool = tool_fn("spawns", "Report from a task that goes on", |ctx: Context| async move {
        let worker = tokio::spawn(async move {
            ctx.progress(1.0).message("from elsewhere").await;
            pass(secs(3600)).await;
        });
        worker.await.expect("the worker does not panic");
        "done"
    });
    let mcp = server_with([tool], |mcp| mcp.limits(patient()));
    for (era, ask) in both(&mcp, "spawns").await {
        let begun = Instant::now();
        let mut live = soon("the stream opens", ask.open(&mcp)).await;
        assert_eq!(begun.elapsed(), Duration::ZERO, "{era}: the stream opens when something is said");
        let first = soon("progress", live.message()).await.expect("a message");
        assert_eq!(begun.elapsed(), Duration::ZERO, "{era}: and what was said is in it");
        assert_eq!(first["params"]["message"], json!("from elsewhere"), "{era}: {first}");
        let rest = the_rest(&mut live).await;
        assert_eq!((rest.len(), begun.elapsed().as_secs()), (1, 3600), "{era}: {rest:?}");
        assert_eq!(rest[0]["result"]["content"][0]["text"], json!("done"), "{era}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_message_from_a_spawned_task_arrives_at_once() {
    let tool = tool_fn("spawns", "Log from a task that nobody waits for", |ctx: Context| async move {
        tokio::spawn(async move {
            pass(secs(2)).await;
            ctx.error("from elsewhere").await;
        });
        pending::<&'static str>().await
    });
    let mcp = server_with([tool], |mcp| mcp.limits(patient()));
    for (era, ask) in both(&mcp, "spawns").await {
        let begun = Instant::now();
        let mut live = soon("the stream opens", ask.open(&mcp)).await;
        let first = soon("the log message", live.message()).await.expect("a message");
        assert_eq!(first["params"]["data"], json!("from elsewhere"), "{era}: {first}");
        assert_eq!(begun.elapsed().as_secs(), 2, "{era}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_messages_from_a_spawned_task_do_not_stall() {
    const MESSAGES: u32 = 300;
    let tool = tool_fn("spawns", "Log often from a task", |ctx: Context| async move {
        let worker = tokio::spawn(async move {
            for step in 1..=MESSAGES {
                ctx.info(step).await;
            }
        });
        worker.await.expect("the worker does not panic");
        "done"
    });
    for limits in [patient(), patient().stream_events(8), patient().stream_events(1)] {
        let mcp = server_with([tool.clone()], |mcp| mcp.limits(limits));
        for (era, ask) in both(&mcp, "spawns").await {
            let begun = Instant::now();
            let mut live = soon("the stream opens", ask.open(&mcp)).await;
            let messages = the_rest(&mut live).await;
            let (last, reports) = messages.split_last().expect("messages");
            assert_eq!(begun.elapsed(), Duration::ZERO, "{era}: nobody waits for a reader that reads");
            assert_eq!(last["result"]["content"][0]["text"], json!("done"), "{era}");
            let steps: Vec<_> = reports.iter().map(|report| report["params"]["data"].as_u64()).collect();
            assert_eq!(steps, (1..=u64::from(MESSAGES)).map(Some).collect::<Vec<_>>(), "{era}");
        }
    }
}

/// Keeps a handler's context beyond its call, in a task that waits to be let go.
#[derive(Clone)]
struct Keeper {
    gate: Arc<Semaphore>,
    kept: Arc<Semaphore>,
    outcome: Arc<Mutex<Option<Outcome>>>,
    done: Arc<Semaphore>,
}

#[derive(Clone, Copy, Debug)]
struct Outcome {
    took: Duration,
    cancelled: bool,
}

impl Keeper {
    fn new() -> Self {
        let semaphore = || Arc::new(Semaphore::new(0));
        Self { gate: semaphore(), kept: semaphore(), outcome: Arc::default(), done: semaphore() }
    }

    /// In the handler.
    fn keep(&self, ctx: Context) {
        let keeper = self.clone();
        tokio::spawn(async move {
            keeper.kept.add_permits(1);
            keeper.gate.acquire().await.expect("never closed").forget();
            let begun = Instant::now();
            for step in 0..1_000_u32 {
                ctx.error("a word too late").await;
                ctx.info("a word too late").await;
                ctx.progress(f64::from(step) + 10.0).message("a word too late").await;
            }
            ctx.cancelled().await;
            let outcome = Outcome { took: begun.elapsed(), cancelled: ctx.is_cancelled() };
            *keeper.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            keeper.done.add_permits(1);
        });
    }

    /// In the test, after the call: says a lot.
    async fn speak(&self, case: &str) {
        soon("the task starts", self.kept.acquire()).await.expect("never closed").forget();
        self.gate.add_permits(1);
        let spoken = soon("the task says what it has to say", self.done.acquire()).await;
        spoken.expect("never closed").forget();
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take().expect("it is done");
        assert!(outcome.cancelled, "{case}: the call is over");
        assert_eq!(outcome.took, Duration::ZERO, "{case}: there is nobody to wait for");
    }

    fn tools(&self) -> [Tool; 3] {
        let [quiet, speaking, late] = [self, self, self].map(Clone::clone);
        [
            tool_fn("quiet", "Keep the context and return", move |ctx: Context| {
                let keeper = quiet.clone();
                async move {
                    keeper.keep(ctx);
                    "done"
                }
            }),
            tool_fn("speaking", "Report, keep the context, and return", move |ctx: Context| {
                let keeper = speaking.clone();
                async move {
                    ctx.progress(1.0).await;
                    pass(secs(1)).await;
                    keeper.keep(ctx);
                    "done"
                }
            }),
            tool_fn("late", "Keep the context and never return", move |ctx: Context| {
                let keeper = late.clone();
                async move {
                    ctx.progress(1.0).await;
                    keeper.keep(ctx);
                    pending::<&'static str>().await
                }
            })
            .timeout(secs(2)),
        ]
    }
}

fn words_too_late(messages: &[Value]) -> usize {
    messages.iter().filter(|message| message.to_string().contains("a word too late")).count()
}

#[tokio::test(start_paused = true)]
async fn a_context_that_outlives_its_call_says_nothing_and_waits_for_nothing() {
    let keeper = Keeper::new();
    let mcp = server_with(keeper.tools(), |mcp| mcp.limits(Limits::new().stream_events(16)));
    for tool in ["quiet", "speaking", "late"] {
        for (era, ask) in both(&mcp, tool).await {
            let case = format!("{tool} in {era}");
            let mut live = soon("the reply begins", ask.clone().open(&mcp)).await;
            if !live.is_sse() {
                let reply = live.collect().await;
                keeper.speak(&case).await;
                assert_eq!(reply.text(), "done", "{case}\n{reply}");
                continue;
            }
            let messages = the_rest(&mut live).await;
            keeper.speak(&case).await;
            assert_eq!((words_too_late(&messages), live.ended), (0, true), "{case}: {messages:?}");
            // The same with the answer still unread.
            let mut unread = soon("the reply begins", ask.open(&mcp)).await;
            pass(secs(5)).await;
            keeper.speak(&case).await;
            let messages = the_rest(&mut unread).await;
            let answer = messages.last().expect("the answer is the last thing said");
            assert!(answer.get("result").is_some(), "{case}: {answer}");
            assert_eq!((words_too_late(&messages), messages.len()), (0, 2), "{case}: {messages:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_leaves_a_silent_context_too() {
    let keeper = Keeper::new();
    let kept = keeper.clone();
    let tool = tool_fn("stuck", "Keep the context and never return", move |ctx: Context| {
        let keeper = kept.clone();
        async move {
            keeper.keep(ctx);
            pending::<&'static str>().await
        }
    });
    let mcp = server_with([tool], |mcp| mcp.limits(patient().stream_events(16)));
    let session = session(&mcp).await;
    let running = tokio::spawn(session.post(call_with_progress("stuck", json!({}))).owned_to(&mcp));
    pass(secs(1)).await;
    let cancel = notification("notifications/cancelled", json!({"requestId": 1}));
    assert_eq!(session.post(cancel).to(&mcp).await.status, 202);
    let reply = soon("the reply", running).await.expect("no panic");
    keeper.speak("cancelled").await;
    assert_eq!(words_too_late(&reply.messages()), 0, "{reply}");
}
