//! Sessions belong to who opened them.

use mcp_mount::{Context, McpService, tool_fn};
use serde_json::json;

use crate::{
    rig::{Probe, Rig, Session, owned, rig, rig_with, server_with},
    support::{
        Ask, LATEST_SESSION, Reply, call, initialize, legacy, message, modern_call, notification, pass, secs, soon,
    },
};

fn owned_rig() -> Rig {
    rig_with(owned)
}

async fn alice(mcp: &McpService) -> Session {
    Session::open(mcp, LATEST_SESSION, Some("alice")).await
}

/// Every way to touch a session by its id.
fn touches(session: &Session) -> Vec<(&'static str, Ask)> {
    vec![
        ("call", session.post(call("echo", json!({"text": "x"})))),
        ("list", session.post(message(1, "tools/list", json!({})))),
        ("ping", session.post(message(1, "ping", json!({})))),
        ("set level", session.post(message(1, "logging/setLevel", json!({"level": "debug"})))),
        ("unknown method", session.post(message(1, "x", json!({})))),
        ("notification", session.post(notification("notifications/initialized", json!({})))),
        ("cancellation", session.post(notification("notifications/cancelled", json!({"requestId": 1})))),
        ("response", session.post(json!({"jsonrpc": "2.0", "id": 1, "result": {}}))),
        ("GET", session.get()),
        ("GET, resuming", session.get().header("last-event-id", "1")),
        ("DELETE", session.delete()),
    ]
}

/// As nobody: without what the host's login put on the request.
fn anonymous(ask: Ask) -> Ask {
    let mut request = ask.request();
    request.extensions_mut().clear();
    Ask::from(request)
}

fn same_refusal(name: &str, refused: &Reply, unknown: &Reply) {
    assert_eq!((refused.status.as_u16(), refused.code()), (404, -32600), "{name}\n{refused}");
    assert_eq!(refused.status, unknown.status, "{name}\n{refused}\n{unknown}");
    assert_eq!(refused.body, unknown.body, "{name}: tells that the session exists\n{refused}\n{unknown}");
    assert_eq!(refused.headers, unknown.headers, "{name}\n{refused}\n{unknown}");
}

#[tokio::test]
async fn a_session_of_somebody_else_looks_like_none() {
    let rig = owned_rig();
    let session = alice(&rig.mcp).await;
    let unknown = "f".repeat(32);
    for (name, ask) in touches(&session) {
        for (who, ask) in [("bob", ask.clone().user("bob")), ("nobody", anonymous(ask.clone()))] {
            let refused = ask.clone().to(&rig.mcp).await;
            let never = ask.header("mcp-session-id", &unknown).to(&rig.mcp).await;
            same_refusal(&format!("{name} by {who}"), &refused, &never);
        }
    }
    assert_eq!(rig.runs(), 0);
    assert!(session.is_alive().await, "the owner notices nothing");
}

#[tokio::test]
async fn an_anonymous_session_is_nobody_elses_either() {
    let rig = owned_rig();
    let session = Session::open(&rig.mcp, LATEST_SESSION, None).await;
    assert!(session.is_alive().await, "it is the session of whoever is not logged in");
    for (name, ask) in touches(&session) {
        let refused = ask.clone().user("alice").to(&rig.mcp).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (404, -32600), "{name}\n{refused}");
    }
    assert!(session.is_alive().await);
}

#[tokio::test]
async fn initialize_with_an_id_of_somebody_else_tells_nothing() {
    let rig = owned_rig();
    let session = alice(&rig.mcp).await;
    for id in [session.id.as_str(), &"f".repeat(32)] {
        let reply = initialize(LATEST_SESSION).user("bob").header("mcp-session-id", id).to(&rig.mcp).await;
        assert_eq!(reply.status, 200, "{reply}");
        let own = reply.header("mcp-session-id").unwrap_or_else(|| panic!("no id\n{reply}"));
        assert_ne!(own, session.id, "{reply}");
    }
    assert!(session.is_alive().await);
}

#[tokio::test]
async fn the_owner_is_the_principal_not_the_extension() {
    let rig = owned_rig();
    let session = alice(&rig.mcp).await;
    // Another request, another `User` value, the same principal.
    for _ in 0..3 {
        let reply = session.post(call("echo", json!({"text": "x"}))).user("alice").to(&rig.mcp).await;
        assert_eq!(reply.text(), "x");
    }
    let second = alice(&rig.mcp).await;
    assert_ne!(session.id, second.id, "one principal may have several sessions");
    assert_eq!(second.delete().to(&rig.mcp).await.status, 204);
    assert!(session.is_alive().await);
}

#[tokio::test]
async fn without_an_owner_the_extension_means_nothing() {
    let rig = rig();
    let session = alice(&rig.mcp).await;
    let reply = session.post(call("echo", json!({"text": "x"}))).user("bob").to(&rig.mcp).await;
    assert_eq!(reply.text(), "x", "no principal_from_extension was configured");
}

#[tokio::test(start_paused = true)]
async fn nobody_takes_over_a_stream_of_somebody_else() {
    let rig = owned_rig();
    let session = alice(&rig.mcp).await;
    let mut stream = session.get().open(&rig.mcp).await;
    stream.listen(secs(20)).await;
    for ask in
        [session.get().user("bob"), anonymous(session.get()), session.delete().user("bob"), anonymous(session.delete())]
    {
        assert_eq!(ask.to(&rig.mcp).await.status, 404);
    }
    assert!(!stream.ends_within(secs(60)).await, "the owner's stream goes on");
    let mut own = session.get().open(&rig.mcp).await;
    assert!(stream.ends_within(secs(1)).await, "the owner's next one takes over");
    assert!(!own.ends_within(secs(20)).await);
}

#[tokio::test(start_paused = true)]
async fn nobody_cancels_a_call_of_somebody_else() {
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool()], owned);
    let session = alice(&mcp).await;
    let running = tokio::spawn(session.post(call("wait", json!({}))).owned_to(&mcp));
    probe.started().await;
    let cancel = || session.post(notification("notifications/cancelled", json!({"requestId": 1})));
    let bobs = Session::open(&mcp, LATEST_SESSION, Some("bob")).await;
    let from_bobs = bobs.post(notification("notifications/cancelled", json!({"requestId": 1})));
    for (ask, status) in [(cancel().user("bob"), 404), (anonymous(cancel()), 404), (from_bobs, 202)] {
        assert_eq!(ask.to(&mcp).await.status, status);
    }
    pass(secs(1)).await;
    assert_eq!(probe.drops(), 0);
    probe.release();
    assert_eq!(soon("the call ends", running).await.expect("no panic").text(), "done");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_does_not_keep_a_session_alive() {
    let rig = owned_rig();
    let session = alice(&rig.mcp).await;
    for _ in 0..7 {
        pass(secs(5 * 60)).await;
        assert_eq!(session.post(message(1, "ping", json!({}))).user("bob").to(&rig.mcp).await.status, 404);
    }
    assert!(!session.is_alive().await, "35 minutes without its owner");
}

#[tokio::test]
async fn a_tool_knows_its_caller() {
    let tool = tool_fn("who", "Say who asks", |ctx: Context| async move {
        ctx.principal().map_or_else(|| "nobody".to_owned(), |principal| principal.id().to_owned())
    });
    let mcp = server_with([tool], owned);
    let session = alice(&mcp).await;
    let who = call("who", json!({}));
    let asks: [(&str, Ask); 5] = [
        ("alice", session.post(who.clone())),
        ("alice", modern_call("who", json!({})).user("alice")),
        ("bob", legacy(who.clone()).user("bob")),
        ("nobody", modern_call("who", json!({}))),
        ("nobody", legacy(who)),
    ];
    for (expected, ask) in asks {
        assert_eq!(ask.to(&mcp).await.text(), expected);
    }
}
