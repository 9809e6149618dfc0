//! A session's requests that meet its end, on several threads.
//!
//! Not in the home of actix-web, which never moves a request to another thread: it would be four requests on one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use mcp_mount::{McpService, Tool, tool_fn};
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::{
    rig::{patient, server_with, session},
    support::{Live, Reply, call, message},
};

/// Calls that run, counted.
#[derive(Clone, Default)]
struct Running(Arc<AtomicUsize>);

struct Counted(Running);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, SeqCst);
    }
}

impl Running {
    fn tool(&self) -> Tool {
        let running = self.clone();
        tool_fn("stuck", "Never answer", move || {
            let running = running.clone();
            async move {
                running.0.fetch_add(1, SeqCst);
                let _counted = Counted(running);
                std::future::pending::<&'static str>().await
            }
        })
    }
}

/// One session; its stream, a call, a ping and its end, all at the same time.
async fn race(mcp: &McpService, round: usize) -> (Live, Reply) {
    let session = session(mcp).await;
    let (get, post, delete) = (session.get(), session.post(call("stuck", json!({}))), session.delete());
    let opened = {
        let mcp = mcp.clone();
        tokio::spawn(async move { get.open(&mcp).await })
    };
    let called = tokio::spawn(post.owned_to(mcp));
    let pinged = tokio::spawn(session.post(message("ping", "ping", json!({}))).owned_to(mcp));
    // Every round meets them at another place.
    for _ in 0..round % 8 {
        tokio::task::yield_now().await;
    }
    let deleted = tokio::spawn(delete.owned_to(mcp));
    let bounded = Duration::from_secs(1);
    let what = |what: &str| format!("round {round}: {what} was left open");
    let deleted = timeout(bounded, deleted).await.unwrap_or_else(|_| panic!("{}", what("DELETE")));
    assert_eq!(deleted.expect("no panic").status, 204, "round {round}");
    let pinged = timeout(bounded, pinged).await.unwrap_or_else(|_| panic!("{}", what("a ping")));
    assert!(matches!(pinged.expect("no panic").status.as_u16(), 200 | 404), "round {round}");
    let called = timeout(bounded, called).await.unwrap_or_else(|_| panic!("{}", what("a call")));
    let opened = timeout(bounded, opened).await.unwrap_or_else(|_| panic!("{}", what("GET")));
    (opened.expect("no panic"), called.expect("no panic"))
}

/// On the real clock, so that the requests do meet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn delete_may_meet_anything_else_of_its_session() {
    let running = Running::default();
    let mcp = server_with([running.tool()], |mcp| mcp.limits(patient()));
    for round in 0..200 {
        let (mut stream, reply) = race(&mcp, round).await;
        assert!(matches!(stream.status.as_u16(), 200 | 404), "round {round}: {}", stream.status);
        assert!(stream.ends_within(Duration::from_secs(1)).await, "round {round}: the stream was left open");
        assert!(reply.json().get("error").is_some(), "round {round}: the call ends with an error\n{reply}");
    }
    let begun = Instant::now();
    while running.0.load(SeqCst) > 0 && begun.elapsed() < Duration::from_secs(1) {
        tokio::task::yield_now().await;
    }
    assert_eq!(running.0.load(SeqCst), 0, "calls that run on");
}
