//! How many sessions a principal may have, and which of them give way.

use mcp_mount::{Limits, Mcp, McpService, Sessions};
use serde_json::json;

use crate::{
    reply::Reply,
    rig::{Probe, Session, owned, server_with},
    suite::{
        controlled::Controlled,
        resuming::{Gate, next},
    },
    support::{LATEST_SESSION, call, initialize, pass, secs, soon},
};

fn server(sessions: Sessions) -> McpService {
    server_with([], |mcp| owned(mcp.sessions(sessions)))
}

async fn open(mcp: &McpService, user: &'static str) -> Session {
    Session::open(mcp, LATEST_SESSION, Some(user)).await
}

async fn refused(mcp: &McpService, user: &'static str) -> Reply {
    let reply = initialize(LATEST_SESSION).user(user).to(mcp).await;
    assert_eq!(reply.status, 503, "{reply}");
    reply
}

#[tokio::test(start_paused = true)]
async fn a_principal_has_a_share_and_no_more() {
    let mcp = server(Sessions::new().max(10).max_per_principal(2));
    let alices = [open(&mcp, "alice").await, open(&mcp, "alice").await];
    let reply = refused(&mcp, "alice").await;
    let text = reply.error()["message"].as_str().unwrap().to_owned();
    assert!(text.contains("Sessions::max_per_principal") && text.contains("Sessions::max`"), "{text}");
    assert_eq!(reply.header("retry-after"), Some("30"), "when the first of them may give way");
    // Others have theirs, and who is nobody in particular shares what all have.
    let bobs = [open(&mcp, "bob").await, open(&mcp, "bob").await];
    for _ in 0..6 {
        Session::open(&mcp, LATEST_SESSION, None).await;
    }
    let full = initialize(LATEST_SESSION).to(&mcp).await;
    assert_eq!(full.status, 503, "{full}");
    let text = full.error()["message"].as_str().unwrap().to_owned();
    assert!(text.contains("Sessions::max`") && !text.contains("per_principal"), "{text}");
    for session in alices.iter().chain(&bobs) {
        assert!(session.is_alive().await);
    }
    assert_eq!(alices[0].delete().to(&mcp).await.status, 204);
    open(&mcp, "alice").await;
    refused(&mcp, "alice").await;
}

#[tokio::test(start_paused = true)]
async fn a_principals_own_idle_session_gives_way() {
    let mcp = server(Sessions::new().max_per_principal(2));
    let bobs = open(&mcp, "bob").await;
    pass(secs(10)).await;
    let oldest = open(&mcp, "alice").await;
    pass(secs(1)).await;
    let used_last = open(&mcp, "alice").await;
    pass(secs(1)).await;
    assert!(oldest.is_alive().await);
    refused(&mcp, "alice").await;
    pass(secs(30)).await;
    let third = open(&mcp, "alice").await;
    assert!(!used_last.is_alive().await, "it was left alone for the longest time");
    assert!(oldest.is_alive().await && third.is_alive().await);
    assert!(bobs.is_alive().await, "it was idle for longer, but it is another's");
}

#[tokio::test(start_paused = true)]
async fn what_runs_never_gives_way() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], |mcp| {
        let limits = Limits::new().tool_timeout(secs(10_000));
        owned(mcp.limits(limits).sessions(Sessions::new().max_per_principal(2)))
    });
    let (listens, calls) = (open(&mcp, "alice").await, open(&mcp, "alice").await);
    let mut stream = listens.stream().await;
    let running = tokio::spawn(calls.post(call("stuck", json!({}))).owned_to(&mcp));
    probe.started().await;
    for _ in 0..10 {
        stream.listen(secs(30)).await;
        refused(&mcp, "alice").await;
    }
    assert!(!stream.ended && probe.drops() == 0);
    assert_eq!(calls.delete().to(&mcp).await.status, 204);
    soon("the end of the call", running).await.expect("no panic");
    open(&mcp, "alice").await;
    assert!(listens.is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn the_share_is_of_all_replicas_and_nothing_is_left_of_who_gave_way() {
    let (store, gate) = (Controlled::new(), Gate::new());
    let sessions = Sessions::new().max_per_principal(2);
    let [a, b] = store.replicas_with(|| vec![gate.tool()], |mcp| mcp.sessions(sessions));
    let (first, second) = (open(&a, "alice").await, open(&b, "alice").await);
    refused(&a, "alice").await;
    refused(&b, "alice").await;
    let mut talking = first.talk("mm").open(&a).await;
    let id = next(&mut talking).await.id.unwrap();
    while talking.next().await.is_some() {}
    pass(secs(1)).await;
    assert!(second.is_alive().await);
    pass(secs(30)).await;
    store.counts();
    open(&b, "alice").await;
    let counts = store.counts();
    assert_eq!((counts["forget"], counts["tell"]), (2, 1), "{counts:?}");
    assert_eq!(first.resume(&id).await.status, 404);
    assert!(!first.is_alive().await && second.at(&a).is_alive().await);
}

#[test]
fn a_share_of_nothing_is_a_mistake() {
    let built = Mcp::new("demo", "1").sessions(Sessions::new().max_per_principal(0)).build();
    let error = built.map(drop).expect_err("nobody could open a session").to_string();
    assert!(error.contains("max_per_principal"), "{error}");
    let disabled = Sessions::disabled().max_per_principal(0);
    assert!(Mcp::new("demo", "1").sessions(disabled).build().is_ok(), "nothing needs it");
}
