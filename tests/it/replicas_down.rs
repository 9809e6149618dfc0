//! A store that is down: what needs it is refused and says why, what does not goes on, and nothing waits for ever.

use http::Method;
use mcp_mount::McpService;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    reply::Reply,
    rig::{Probe, Session, session},
    suite::controlled::{Controlled, Fault},
    support::{
        Ask, LATEST_SESSION, bare, call, initialize, legacy, message, modern, modern_call, notification, pass, secs,
        soon,
    },
};

const DOWN: [Fault; 2] = [Fault::Fails, Fault::Hangs];

/// How long an operation of the store may take.
const PATIENCE: u64 = 5;

fn server(store: &Controlled, probe: &Probe) -> McpService {
    let tools = || vec![probe.silent_tool(), mcp_mount::tool_fn("add", "Add", || "3")];
    let [mcp, _] = store.replicas_with(tools, |mcp| mcp.health().route(Method::GET, "/report", |_| async { "fine" }));
    mcp
}

async fn in_time(ask: Ask, mcp: &McpService) -> Reply {
    let began = Instant::now();
    let reply = soon("a reply", ask.to(mcp)).await;
    assert!(began.elapsed() <= secs(PATIENCE), "{:?}: {reply}", began.elapsed());
    reply
}

fn of_session(session: &Session) -> Vec<(&'static str, Ask)> {
    vec![
        ("a call", session.post(call("add", json!({})))),
        ("a list", session.post(message(1, "tools/list", json!({})))),
        ("ping", session.post(message(1, "ping", json!({})))),
        ("a level", session.post(message(1, "logging/setLevel", json!({"level": "info"})))),
        ("a notification", session.post(notification("notifications/initialized", json!({})))),
        ("a cancellation", session.post(notification("notifications/cancelled", json!({"requestId": 1})))),
        ("an answer", session.post(json!({"jsonrpc": "2.0", "id": "x", "result": {}}))),
        ("a stream", session.get()),
        ("a stream again", session.get().header("last-event-id", "1-2-3")),
        ("the end", session.delete()),
        ("a new session", initialize(LATEST_SESSION)),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_needs_the_store_says_that_it_is_not_there() {
    for fault in DOWN {
        let store = Controlled::new();
        let mcp = server(&store, &Probe::new());
        let session = session(&mcp).await;
        store.set(fault);
        for (name, ask) in of_session(&session) {
            let reply = in_time(ask, &mcp).await;
            assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (503, Some("1")), "{name}: {reply}");
            let text = reply.error()["message"].as_str().unwrap().to_owned();
            assert!(text.contains("store of sessions is not available"), "{name}: {text}");
            assert!(!text.contains("out of order"), "its cause is for the log: {text}");
        }
        store.set(Fault::None);
        // Nothing has to be started anew.
        assert!(session.is_alive().await);
        for (name, ask) in of_session(&session).into_iter().filter(|(name, _)| !name.starts_with("a stream")) {
            assert!(ask.to(&mcp).await.status.is_success(), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_need_it_goes_on() {
    for fault in DOWN {
        let store = Controlled::new();
        let mcp = server(&store, &Probe::new());
        session(&mcp).await;
        store.set(fault);
        let began = Instant::now();
        for (name, ask) in [
            ("a call", modern_call("add", json!({}))),
            ("a list", modern("tools/list", json!({}))),
            ("discovery", modern("server/discover", json!({}))),
            ("a call without a session", legacy(call("add", json!({})))),
            ("a list without a session", legacy(message(1, "tools/list", json!({})))),
            ("a notification without a session", legacy(notification("notifications/initialized", json!({})))),
            ("health", bare(Method::GET, "").at("/health")),
            ("readiness", bare(Method::GET, "").at("/ready")),
            ("a route", bare(Method::GET, "").at("/report")),
        ] {
            let reply = ask.to(&mcp).await;
            assert!(reply.status.is_success(), "{name}: {reply}");
        }
        assert_eq!(began.elapsed().as_millis(), 0, "none of it asks the store");
    }
}

#[tokio::test(start_paused = true)]
async fn running_calls_and_open_streams_outlive_it() {
    for fault in DOWN {
        let (store, probe) = (Controlled::new(), Probe::new());
        let mcp = server(&store, &probe);
        let session = session(&mcp).await;
        let mut stream = session.stream().await;
        let ask = session.post(call("wait", json!({}))).header("accept", "application/json");
        let running = tokio::spawn(ask.owned_to(&mcp));
        probe.started().await;
        store.set(fault);
        stream.listen(secs(120)).await;
        assert!(!stream.ended);
        probe.release();
        let began = Instant::now();
        assert_eq!(soon("the answer", running).await.expect("no panic").text(), "done");
        assert_eq!(began.elapsed().as_millis(), 0);
        store.set(Fault::None);
        stream.listen(secs(20)).await;
        assert!(!stream.ended && session.is_alive().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_end_was_refused_is_ended_later() {
    let store = Controlled::new();
    let mcp = server(&store, &Probe::new());
    let session = session(&mcp).await;
    let mut stream = session.stream().await;
    store.set(Fault::Hangs);
    assert_eq!(in_time(session.delete(), &mcp).await.status, 503);
    stream.listen(secs(1)).await;
    assert!(!stream.ended, "it goes on");
    store.set(Fault::None);
    pass(secs(5)).await;
    assert_eq!(session.delete().to(&mcp).await.status, 204);
    assert!(stream.ends_within(secs(1)).await);
}
