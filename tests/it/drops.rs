//! Handlers that panic when they are dropped: their caller is answered, and the server goes on.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use mcp_mount::{Context, Lifespan, Limits, Mcp, McpService, Tool, tool_fn};
use serde_json::{Value, json};

use crate::{
    rig::{server_with, session},
    support::{Ask, Reply, call, call_with_progress, modern, modern_call, notification, pass, secs, soon},
};

/// How many handlers panicked when they were dropped.
#[derive(Clone, Default)]
struct Panics(Arc<AtomicUsize>);

struct Bomb(Panics);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, SeqCst);
        // A second panic on the way out of one ends the process, which would be the test's fault.
        assert!(std::thread::panicking(), "a handler that panics when it is dropped");
    }
}

impl Panics {
    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    /// Never end; the second one reports before.
    fn tools(&self) -> [Tool; 3] {
        let (silent, speaking) = (self.clone(), self.clone());
        [
            tool_fn("silent", "Never answer", move || {
                let bomb = Bomb(silent.clone());
                async move {
                    let _bomb = bomb;
                    pending::<&'static str>().await
                }
            }),
            tool_fn("speaking", "Report, and never answer", move |ctx: Context| {
                let bomb = Bomb(speaking.clone());
                async move {
                    let _bomb = bomb;
                    ctx.progress(1.0).await;
                    pending::<&'static str>().await
                }
            }),
            tool_fn("fine", "Answer", || async { "fine" }),
        ]
    }
}

/// Room for one call at a time, so that one that is not given back is missed.
fn narrow(panics: &Panics, configure: impl FnOnce(Mcp) -> Mcp) -> McpService {
    let limits = Limits::new().calls_in_flight(1).tool_timeout(secs(30));
    server_with(panics.tools(), |mcp| configure(mcp.limits(limits)))
}

async fn goes_on(mcp: &McpService, case: &str) {
    let reply = soon("a following call", modern_call("fine", json!({})).to(mcp)).await;
    assert_eq!(reply.status, 200, "{case}: the place of the call was given back\n{reply}");
    assert_eq!(reply.text(), "fine", "{case}");
}

fn with_progress(tool: &str) -> Ask {
    modern("tools/call", json!({"name": tool, "arguments": {}, "_meta": {"progressToken": "token"}}))
}

fn answer_of(case: &str, reply: &Reply) -> Value {
    let answer = reply.json();
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(1)), "{case}\n{reply}");
    answer
}

#[tokio::test(start_paused = true)]
async fn at_its_timeout() {
    for tool in ["silent", "speaking"] {
        let panics = Panics::default();
        let mcp = narrow(&panics, |mcp| mcp);
        let session = session(&mcp).await;
        for (era, ask) in
            [("a session", session.post(call_with_progress(tool, json!({})))), ("2026-07-28", with_progress(tool))]
        {
            let case = format!("{tool} in {era}");
            let running = tokio::spawn(ask.owned_to(&mcp));
            let reply = soon("the reply", running).await.unwrap_or_else(|error| panic!("{case}: {error}"));
            answer_of(&case, &reply);
            assert!(reply.tool_error().contains("timeout"), "{case}\n{reply}");
            goes_on(&mcp, &case).await;
        }
        assert_eq!(panics.count(), 2, "{tool}: both were dropped");
        assert!(session.is_alive().await);
    }
}

/// Before the reply is a stream: with `silence` out of the way the timeout comes first.
#[tokio::test(start_paused = true)]
async fn at_its_timeout_before_the_reply_has_begun() {
    let panics = Panics::default();
    let mcp = server_with(panics.tools().map(|tool| tool.timeout(secs(3))), |mcp| {
        mcp.limits(Limits::new().calls_in_flight(1))
    });
    let session = session(&mcp).await;
    for (era, ask) in
        [("a session", session.post(call("silent", json!({})))), ("2026-07-28", modern_call("silent", json!({})))]
    {
        let running = tokio::spawn(ask.owned_to(&mcp));
        let reply = soon("the reply", running).await.unwrap_or_else(|error| panic!("{era}: {error}"));
        assert!(!reply.is_sse(), "{era}\n{reply}");
        answer_of(era, &reply);
        assert!(reply.tool_error().contains("timeout"), "{era}\n{reply}");
        goes_on(&mcp, era).await;
    }
    assert_eq!(panics.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn cancelled_by_its_client() {
    for tool in ["silent", "speaking"] {
        let panics = Panics::default();
        let mcp = narrow(&panics, |mcp| mcp);
        let session = session(&mcp).await;
        let running = tokio::spawn(session.post(call_with_progress(tool, json!({}))).owned_to(&mcp));
        pass(secs(1)).await;
        let cancel = notification("notifications/cancelled", json!({"requestId": 1}));
        assert_eq!(session.post(cancel).to(&mcp).await.status, 202);
        let reply = soon("the reply", running).await.unwrap_or_else(|error| panic!("{tool}: {error}"));
        let answer = answer_of(tool, &reply);
        assert!(answer.get("error").is_some() || answer["result"]["isError"] == json!(true), "{tool}\n{reply}");
        assert_eq!(panics.count(), 1, "{tool}");
        goes_on(&mcp, tool).await;
        assert!(session.is_alive().await);
    }
}

/// The one who drops the handler is the host's server then, which must not be hit by its panic.
#[tokio::test(start_paused = true)]
async fn abandoned_by_its_client() {
    let panics = Panics::default();
    let mcp = narrow(&panics, |mcp| mcp);
    let running = tokio::spawn(modern_call("silent", json!({})).owned_to(&mcp));
    pass(secs(1)).await;
    running.abort();
    let error = running.await.expect_err("it was aborted");
    assert!(error.is_cancelled(), "the panic stays in the service: {error}");
    assert_eq!(panics.count(), 1);
    goes_on(&mcp, "before the reply").await;

    let reader = mcp.clone();
    let reading = tokio::spawn(async move {
        let mut live = with_progress("speaking").open(&reader).await;
        soon("progress", live.message()).await.expect("a message");
        drop(live);
    });
    soon("the reader goes away", reading).await.expect("no panic reaches the reader");
    pass(secs(1)).await;
    assert_eq!(panics.count(), 2);
    goes_on(&mcp, "in the stream").await;
}

#[tokio::test(start_paused = true)]
async fn cut_by_a_shutdown() {
    for tool in ["silent", "speaking"] {
        let panics = Panics::default();
        let lifespan = Lifespan::new().grace(secs(2));
        let mcp = narrow(&panics, |mcp| mcp.lifespan(&lifespan));
        let running = tokio::spawn(with_progress(tool).owned_to(&mcp));
        pass(secs(1)).await;
        let report = soon("the drain", lifespan.shutdown()).await;
        assert_eq!((report.finished, report.cut, panics.count()), (0, 1, 1), "{tool}");
        let reply = soon("the reply", running).await.unwrap_or_else(|error| panic!("{tool}: {error}"));
        let answer = answer_of(tool, &reply);
        assert!(answer.get("error").is_some() || answer["result"]["isError"] == json!(true), "{tool}\n{reply}");
    }
}
