//! `resources/subscribe` and `resources/unsubscribe` of sessions (2025-11-25, server/resources, «Subscriptions»).

use mcp_mount::{Resource, Sessions};
use serde_json::json;

use crate::{
    rig::{Session, server as server_of, session},
    support::{LATEST_SESSION, SESSION_REVISIONS, initialize, legacy, message, modern, secs},
    told::{messages, server, server_with, told},
};

const NOTHING: [&str; 0] = [];

#[tokio::test(start_paused = true)]
async fn only_what_was_subscribed_to_is_told() {
    let mcp = server();
    for revision in SESSION_REVISIONS {
        let session = Session::open(&mcp, revision, None).await;
        let mut stream = session.stream().await;
        session.subscribed("test://a").await;
        for uri in ["test://b", "test://a", "test://A", "test://a/", "test://", "item://1"] {
            mcp.notify().resource_updated(uri);
        }
        let updated = json!({
            "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "test://a"},
        });
        assert_eq!(messages(&mut stream).await, [updated], "{revision}");
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_stream_and_while_it_is_open() {
    let mcp = server();
    let session = session(&mcp).await;
    session.subscribed("test://a").await;
    let mut stream = session.stream().await;
    mcp.notify().resource_updated("test://a");
    mcp.notify().resource_updated("test://b");
    assert_eq!(told(&mut stream).await, ["test://a"]);
    session.subscribed("test://b").await;
    // At once: the confirmation is the promise.
    mcp.notify().resource_updated("test://b");
    assert_eq!(told(&mut stream).await, ["test://b"]);
    session.unsubscribed("test://a").await;
    mcp.notify().resource_updated("test://a");
    mcp.notify().resource_updated("test://b");
    assert_eq!(told(&mut stream).await, ["test://b"]);
    // It holds for longer than the stream's next look at what is stored.
    stream.listen(secs(120)).await;
    mcp.notify().resource_updated("test://a");
    mcp.notify().resource_updated("test://b");
    assert_eq!(told(&mut stream).await, ["test://b"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_unsubscribed_from_before_it_was_read_is_not_told() {
    let mcp = server();
    let session = session(&mcp).await;
    session.subscribed("test://a").await;
    session.subscribed("test://b").await;
    let mut stream = session.stream().await;
    mcp.notify().resource_updated("test://a");
    mcp.notify().resource_updated("test://b");
    session.unsubscribed("test://a").await;
    assert_eq!(told(&mut stream).await, ["test://b"]);
}

#[tokio::test(start_paused = true)]
async fn twice_is_once() {
    let mcp = server();
    let session = session(&mcp).await;
    let mut stream = session.stream().await;
    for _ in 0..3 {
        session.subscribed("test://a").await;
    }
    mcp.notify().resource_updated("test://a");
    assert_eq!(told(&mut stream).await, ["test://a"]);
    session.unsubscribed("test://a").await;
    mcp.notify().resource_updated("test://a");
    assert_eq!(told(&mut stream).await, NOTHING, "one word ends it");
    session.unsubscribed("test://a").await;
    session.unsubscribed("test://nowhere").await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_a_template_can_be_subscribed_to() {
    let mcp = server();
    let session = session(&mcp).await;
    let mut stream = session.stream().await;
    for uri in ["item://7", "item://h%C3%A9", "item://a%22b"] {
        session.subscribed(uri).await;
        mcp.notify().resource_updated(uri);
        mcp.notify().resource_updated("item://8");
        assert_eq!(told(&mut stream).await, [uri], "as it was written");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_resource_cannot_be() {
    let mcp = server();
    for revision in SESSION_REVISIONS {
        let session = Session::open(&mcp, revision, None).await;
        let mut stream = session.stream().await;
        for uri in ["test://c", "", "item://", "test://a/"] {
            let reply = session.subscribe(uri).to(&mcp).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (200, -32002), "{revision} {uri:?}\n{reply}");
            assert_eq!(reply.error()["data"], json!({"uri": uri}), "{revision}\n{reply}");
            assert_eq!(reply.json()["id"], json!("subscribe"), "{reply}");
            mcp.notify().resource_updated(uri);
        }
        assert_eq!(told(&mut stream).await, NOTHING, "{revision}");
    }
}

#[tokio::test]
async fn parameters_that_are_none() {
    let mcp = server();
    let session = session(&mcp).await;
    for method in ["resources/subscribe", "resources/unsubscribe"] {
        for params in [json!({}), json!({"uri": 1}), json!({"uri": null}), json!({"uri": ["test://a"]})] {
            let reply = session.post(message(1, method, params.clone())).to(&mcp).await;
            assert_eq!(reply.code(), -32602, "{method} {params}\n{reply}");
            assert!(reply.error()["message"].as_str().is_some_and(|text| text.contains("params.uri")), "{reply}");
        }
    }
}

#[tokio::test]
async fn there_is_no_such_method_where_it_was_not_declared() {
    let mcp = server_of([mcp_mount::tool_fn("one", "One", || "1")]);
    let session = session(&mcp).await;
    let reply = session.subscribe("test://a").to(&mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (200, -32601), "{reply}");
    for method in ["resources/subscribe", "resources/unsubscribe"] {
        let reply = modern(method, json!({"uri": "test://a"})).to(&server()).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (404, -32601), "2026-07-28 has none\n{reply}");
    }
}

#[tokio::test]
async fn who_has_no_session_has_no_subscription() {
    let mcp = server();
    for method in ["resources/subscribe", "resources/unsubscribe"] {
        let reply = legacy(message(1, method, json!({"uri": "test://a"}))).to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32600), "{method}\n{reply}");
        assert_eq!(reply.json()["id"], json!(1), "{method}\n{reply}");
    }
}

/// 2025-11-25, basic/lifecycle, «Capability Negotiation»: what is declared can be used.
#[tokio::test]
async fn a_server_without_sessions_does_not_offer_them() {
    let mcp = server_with(|mcp| mcp.sessions(Sessions::disabled()));
    let reply = initialize(LATEST_SESSION).to(&mcp).await;
    let capabilities = reply.result()["capabilities"].clone();
    for (kind, declared) in [("tools", json!({})), ("resources", json!({})), ("prompts", json!({}))] {
        assert_eq!(capabilities[kind], declared, "nothing carries changes to such a client\n{reply}");
    }
    let reply = legacy(message(1, "resources/subscribe", json!({"uri": "test://a"}))).to(&mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (200, -32601), "{reply}");
    let reply = modern("server/discover", json!({})).to(&mcp).await;
    let offered = json!({"listChanged": true, "subscribe": true});
    assert_eq!(reply.result()["capabilities"]["resources"], offered, "2026-07-28 has subscriptions/listen\n{reply}");
}

#[tokio::test(start_paused = true)]
async fn there_is_a_bound_which_is_the_sessions_own() {
    let mcp = server();
    let (greedy, other) = (session(&mcp).await, session(&mcp).await);
    let mut stream = greedy.stream().await;
    let uri = |n: usize| format!("item://{n}{}", "x".repeat(200));
    let mut taken = 0;
    let refused = loop {
        let reply = greedy.subscribe(&uri(taken)).to(&mcp).await;
        if reply.json().get("error").is_some() {
            break reply;
        }
        taken += 1;
        assert!(taken < 1_000, "200 KB of one session's subscriptions and no end");
    };
    assert!(taken >= 20, "a client may follow a few: {taken}");
    assert!(refused.error()["message"].as_str().is_some_and(|text| text.contains("subscriptions")), "{refused}");
    assert_eq!(refused.json()["id"], json!("subscribe"), "{refused}");
    let huge = greedy.subscribe(&format!("item://{}", "x".repeat(100_000))).to(&mcp).await;
    assert!(huge.json().get("error").is_some(), "{huge}");
    greedy.subscribed(&uri(0)).await; // it has this one already
    mcp.notify().resource_updated(uri(0));
    mcp.notify().resource_updated(uri(taken));
    assert_eq!(told(&mut stream).await, [uri(0)], "what it has, it keeps");
    other.subscribed(&uri(taken)).await;
    greedy.unsubscribed(&uri(1)).await;
    greedy.subscribed(&uri(taken)).await;
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_gone_can_be_unsubscribed_from() {
    let mcp = server();
    let session = session(&mcp).await;
    let mut stream = session.stream().await;
    session.subscribed("test://a").await;
    assert!(mcp.resources().remove("test://a"));
    mcp.notify().resource_updated("test://a");
    assert_eq!(told(&mut stream).await, ["resources", "test://a"], "that it is gone is a change");
    session.unsubscribed("test://a").await;
    let reply = session.subscribe("test://a").to(&mcp).await;
    assert_eq!(reply.code(), -32002, "{reply}");
    mcp.resources().add(Resource::text("test://a", "a", "A again")).expect("added");
    session.subscribed("test://a").await;
    mcp.notify().resource_updated("test://a");
    assert_eq!(told(&mut stream).await, ["resources", "test://a"]);
}
