//! `Mcp::layer`: layers that hold calls up, give up on them, or break.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context as TaskContext, Poll},
};

use mcp_mount::{
    Args, Call, CallService, CallToolResult, Capability, Context, Limits, Mcp, OnDisconnect, Reply, State, tool_fn,
};
use serde_json::json;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt as _, limit::ConcurrencyLimitLayer, timeout::TimeoutLayer};

use crate::{
    layered::{BoxError, Log, around, callable, calls, failure, said},
    rig::{Echo, Probe, patient, server_with, session},
    support::{call, call_with_progress, legacy, message, modern, modern_call, notification, pass, secs, soon},
};

#[tokio::test(start_paused = true)]
async fn towers_timeout_ends_a_call_and_its_handler() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool(), probe.speaking_tool()], |mcp| {
        mcp.limits(patient()).layer(TimeoutLayer::new(secs(5)))
    });
    let session = session(&mcp).await;
    for ask in [
        session.post(call("stuck", json!({}))),
        modern_call("stuck", json!({})),
        session.post(call_with_progress("speak", json!({}))),
    ] {
        let begun = Instant::now();
        let reply = soon("the timeout", ask.to(&mcp)).await;
        assert_eq!(begun.elapsed(), secs(5));
        reply.tool_error();
        probe.dropped().await;
    }
    assert_eq!(probe.finished(), 0);
}

#[tokio::test(start_paused = true)]
async fn towers_concurrency_limit_lets_so_many_in() {
    let probe = Probe::new();
    let limit = ConcurrencyLimitLayer::new(2);
    let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(patient()).layer(limit));
    let session = session(&mcp).await;
    let running: Vec<_> = (0..6)
        .map(|n| {
            let ask = match n % 2 {
                0 => modern_call("wait", json!({})),
                _ => session.post(message(n, "tools/call", json!({"name": "wait"}))),
            };
            tokio::spawn(ask.owned_to(&mcp))
        })
        .collect();
    for ended in 0..6 {
        pass(secs(1)).await;
        assert_eq!(probe.starts(), (2 + ended).min(6), "so many have started while {ended} have ended");
        probe.release();
    }
    for call in running {
        assert_eq!(soon("the call", call).await.expect("no panic").text(), "done");
    }
    assert_eq!(modern("tools/list", json!({})).to(&mcp).await.status, 200, "lists do not wait");
}

#[tokio::test(start_paused = true)]
async fn waiting_in_a_layer_is_a_part_of_the_calls_time() {
    let probe = Probe::new();
    let limits = Limits::new().tool_timeout(secs(20)).calls_in_flight(2);
    let mcp = server_with([probe.silent_tool().timeout(secs(3600)), probe.stuck_tool()], |mcp| {
        mcp.limits(limits).layer(ConcurrencyLimitLayer::new(1))
    });
    let first = tokio::spawn(modern_call("wait", json!({})).owned_to(&mcp));
    probe.started().await;
    let begun = Instant::now();
    let second = tokio::spawn(modern_call("stuck", json!({})).owned_to(&mcp));
    pass(secs(1)).await;
    let third = modern_call("stuck", json!({})).to(&mcp).await;
    assert_eq!(third.status, 503, "who waits counts among the calls in flight\n{third}");
    let reply = soon("the timeout", second).await.expect("no panic");
    assert_eq!(begun.elapsed(), secs(20));
    assert!(reply.tool_error().contains("20000 ms"), "{reply}");
    probe.release();
    assert_eq!(soon("the first", first).await.expect("no panic").text(), "done");
    assert_eq!(probe.drops(), 0, "the second has never begun");
}

/// Whoever is cancelled gives back what it holds and what it waits for, wherever it is.
#[tokio::test(start_paused = true)]
async fn a_cancelled_call_leaves_its_layers() {
    let probe = Probe::new();
    let limits = patient().calls_in_flight(2);
    let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(limits).layer(ConcurrencyLimitLayer::new(1)));
    let session = session(&mcp).await;
    let wait = |id: u64| session.post(message(id, "tools/call", json!({"name": "wait"})));
    let cancel = |id: u64| session.post(notification("notifications/cancelled", json!({"requestId": id})));
    for round in 0..3 {
        let running = tokio::spawn(wait(1).owned_to(&mcp));
        probe.started().await;
        let waiting = tokio::spawn(wait(2).owned_to(&mcp));
        pass(secs(1)).await;
        assert_eq!(cancel(2).to(&mcp).await.status, 202);
        assert!(soon("the waiting one", waiting).await.expect("no panic").json().get("error").is_some(), "{round}");
        assert_eq!(probe.drops(), 0, "it has never begun");
        assert_eq!(cancel(1).to(&mcp).await.status, 202);
        probe.dropped().await;
        assert!(soon("the running one", running).await.expect("no panic").json().get("error").is_some(), "{round}");
    }
    probe.release();
    assert_eq!(wait(1).to(&mcp).await.text(), "done", "the place is free, and so is the id");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_leaves_the_layers_too() {
    let probe = Probe::new();
    let tools = [probe.silent_tool(), probe.stuck_tool().on_disconnect(OnDisconnect::Cancel)];
    let mcp = server_with(tools, |mcp| mcp.limits(patient()).layer(ConcurrencyLimitLayer::new(1)));
    let session = session(&mcp).await;
    for ask in [modern_call("wait", json!({})), session.post(call("stuck", json!({})))] {
        let left = tokio::spawn(ask.owned_to(&mcp));
        probe.started().await;
        let also = tokio::spawn(modern_call("wait", json!({})).owned_to(&mcp));
        pass(secs(1)).await;
        also.abort();
        left.abort();
        probe.dropped().await;
    }
    probe.release();
    assert_eq!(modern_call("wait", json!({})).to(&mcp).await.text(), "done");
    assert_eq!(probe.drops(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_cuts_what_is_held_up_in_a_layer() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.limits(patient()).layer(ConcurrencyLimitLayer::new(1)));
    let first = tokio::spawn(modern_call("stuck", json!({})).owned_to(&mcp));
    probe.started().await;
    let second = tokio::spawn(legacy(call("stuck", json!({}))).owned_to(&mcp));
    pass(secs(1)).await;
    let report = soon("the drain", mcp.lifespan().shutdown()).await;
    assert_eq!((report.finished, report.cut), (0, 2));
    for call in [first, second] {
        let reply = soon("an answer", call).await.expect("no panic");
        assert_eq!(reply.code(), -32603, "{reply}");
    }
}

#[tokio::test]
async fn what_a_layer_fails_with_is_masked() {
    let failing = || around(|_, _| async { Err::<Reply, BoxError>("the password is secret".into()) });
    let (mcp, ran) = callable(|mcp| mcp.layer(failing()));
    for (kind, old, new, _) in calls() {
        for ask in [old, new] {
            let reply = ask.to(&mcp).await;
            failure(kind, &reply);
            assert!(!reply.to_string().contains("secret"), "{kind}\n{reply}");
        }
    }
    assert_eq!(ran.take(), [""; 0]);
    // A layer further out sees the error itself, and may make of it what it likes.
    let seen = Log::default();
    let noting = around({
        let seen = seen.clone();
        move |call: Call, inner: CallService| {
            let seen = seen.clone();
            async move { inner.oneshot(call).await.inspect_err(|error| seen.note(error.to_string())) }
        }
    });
    let (mcp, _) = callable(|mcp| mcp.layer(failing()).layer(noting));
    modern_call("echo", json!({"text": "x"})).to(&mcp).await.tool_error();
    assert_eq!(seen.take(), ["the password is secret"]);
}

#[tokio::test]
async fn a_layer_that_panics_fails_its_call_only() {
    let before = || around(|_, _| -> std::future::Ready<Result<Reply, BoxError>> { panic!("the password is secret") });
    let within = || around(|_, _| async { panic!("the password is secret") });
    let after = || {
        around(|call: Call, inner: CallService| async move {
            inner.oneshot(call).await.ok();
            panic!("the password is secret")
        })
    };
    for layer in [before(), within(), after()] {
        let (mcp, _) = callable(|mcp| mcp.layer(layer));
        for (kind, old, new, _) in calls() {
            for ask in [old, new] {
                let reply = ask.to(&mcp).await;
                failure(kind, &reply);
                assert!(!reply.to_string().contains("secret"), "{kind}\n{reply}");
            }
        }
    }
}

/// A layer that is not ready for every second call, and says why.
#[derive(Clone)]
struct Moody {
    asked: Arc<AtomicUsize>,
    inner: Option<CallService>,
}

impl Layer<CallService> for Moody {
    type Service = Self;

    fn layer(&self, inner: CallService) -> Self {
        Self { asked: self.asked.clone(), inner: Some(inner) }
    }
}

impl Service<Call> for Moody {
    type Response = Reply;
    type Error = BoxError;
    type Future = <CallService as Service<Call>>::Future;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), BoxError>> {
        match self.asked.fetch_add(1, SeqCst) % 2 {
            0 => self.inner.as_mut().expect("layered").poll_ready(cx),
            _ => Poll::Ready(Err("secretly tired".into())),
        }
    }

    fn call(&mut self, call: Call) -> Self::Future {
        self.inner.as_mut().expect("layered").call(call)
    }
}

#[tokio::test]
async fn readiness_is_asked_for_and_its_error_is_masked() {
    let moody = Moody { asked: Arc::default(), inner: None };
    let (mcp, ran) = callable(|mcp| mcp.layer(moody));
    for (kind, old, new, expected) in calls() {
        assert_eq!(said(&old.to(&mcp).await), expected, "{kind}");
        assert_eq!(ran.take(), [kind]);
        let reply = new.to(&mcp).await;
        failure(kind, &reply);
        assert!(!reply.to_string().contains("secret"), "{kind}\n{reply}");
        assert_eq!(ran.take(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn handlers_are_what_they_are_without_layers() {
    let pass_on = || around(|call: Call, inner: CallService| inner.oneshot(call));
    let probe = Probe::new();
    let mcp = Mcp::new("layered", "1.2.3")
        .state("the state".to_owned())
        .tool(tool_fn("state", "State", |State(state): State<String>| state))
        .tool(tool_fn("asks", "Ask", |ctx: Context| ctx.require(Capability::Sampling).map(|()| "could ask")))
        .tool(tool_fn("who", "Context", |ctx: Context| format!("{} {:?}", ctx.name(), ctx.revision())))
        .tool(probe.speaking_tool())
        .layer(pass_on())
        .layer(ConcurrencyLimitLayer::new(1))
        .layer(pass_on())
        .build()
        .expect("builds");
    for _ in 0..3 {
        assert_eq!(modern_call("state", json!({})).to(&mcp).await.text(), "the state");
        assert_eq!(modern_call("who", json!({})).to(&mcp).await.text(), "who V2026_07_28");
    }
    let refused = modern_call("asks", json!({})).to(&mcp).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, -32021), "{refused}");
    let mut live = legacy(call_with_progress("speak", json!({}))).open(&mcp).await;
    let first = soon("progress", live.message()).await.expect("open");
    assert_eq!(first["method"], json!("notifications/progress"), "it streams through layers\n{first}");
    probe.release();
    let last = soon("the result", live.message()).await.expect("open");
    assert_eq!(last["result"]["content"][0]["text"], json!("done"), "{last}");
}

/// On the real clock: threads do not wait for a paused one.
#[tokio::test]
async fn blocking_handlers_run_within_layers() {
    let mcp = Mcp::new("layered", "1.2.3")
        .tool(tool_fn("blocks", "Block", |Args(a): Args<Echo>| a.text).blocking(true))
        .tool(tool_fn("panics", "Panic", || -> &'static str { panic!("secret") }).blocking(true))
        .limits(Limits::new().calls_in_flight(1))
        .layer(around(|call: Call, inner: CallService| inner.oneshot(call)))
        .layer(ConcurrencyLimitLayer::new(1))
        .build()
        .expect("builds");
    for ask in [modern_call("blocks", json!({"text": "x"})), legacy(call("blocks", json!({"text": "x"})))] {
        assert_eq!(ask.to(&mcp).await.text(), "x");
        let reply = modern_call("panics", json!({})).to(&mcp).await;
        assert!(!reply.tool_error().contains("secret"), "{reply}");
    }
    // One that a layer has answered in its place gives its place back as well.
    let instead = around(|_, _| async { Ok(Reply::Tool(CallToolResult::text("instead"))) });
    let blocks = tool_fn("blocks", "Block", || "x").blocking(true);
    let mcp = server_with([blocks], |mcp| mcp.limits(Limits::new().calls_in_flight(1)).layer(instead));
    for _ in 0..3 {
        assert_eq!(modern_call("blocks", json!({})).to(&mcp).await.text(), "instead");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_layer_holds_goes_with_the_call() {
    // It holds the call for a while, and is dropped with it.
    let held = Arc::new(AtomicUsize::new(0));
    struct Held(Arc<AtomicUsize>);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }
    let slow = around({
        let held = held.clone();
        move |call: Call, inner: CallService| {
            held.fetch_add(1, SeqCst);
            let holding = Held(held.clone());
            async move {
                pass(secs(9)).await;
                let reply = inner.oneshot(call).await;
                drop(holding);
                reply
            }
        }
    });
    let (mcp, ran) = callable(|mcp| mcp.layer(slow));
    let begun = Instant::now();
    assert_eq!(modern_call("echo", json!({"text": "x"})).to(&mcp).await.text(), "x");
    assert_eq!((begun.elapsed(), held.load(SeqCst), ran.take()), (secs(9), 0, vec!["tool".to_owned()]));
    let left = tokio::spawn(modern_call("echo", json!({"text": "x"})).owned_to(&mcp));
    pass(secs(1)).await;
    assert_eq!(held.load(SeqCst), 1);
    left.abort();
    assert!(left.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!((held.load(SeqCst), ran.take()), (0, vec![]));
}
