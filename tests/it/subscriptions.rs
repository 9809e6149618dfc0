//! `resources/subscribe` and `resources/unsubscribe` of sessions (2025-11-25, server/resources, «Subscriptions»).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use mcp_mount::{
    Memory, Resource, Sessions, Store,
    stores::{Cap, Expect, Key, Reserved, StoreFuture, Stored},
};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{
    rig::{Session, server as server_of, session},
    support::{LATEST_SESSION, SESSION_REVISIONS, initialize, legacy, message, modern, pass, secs, soon},
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

/// A store in another place: each answer takes its time, and the next read can be held up.
#[derive(Clone, Default)]
struct Far(Arc<FarStore>);

struct FarStore {
    memory: Memory,
    hold: AtomicBool,
    held: Semaphore,
    release: Semaphore,
}

impl Default for FarStore {
    fn default() -> Self {
        let gate = || Semaphore::new(0);
        Self { memory: Memory::new(), hold: AtomicBool::new(false), held: gate(), release: gate() }
    }
}

const LATENCY: Duration = Duration::from_millis(3);

impl Store for Far {
    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        StoreFuture::Boxed(Box::pin(async move {
            let found = self.0.memory.get(key, touch).await;
            pass(LATENCY).await;
            if self.0.hold.swap(false, SeqCst) {
                self.0.held.add_permits(1);
                self.0.release.acquire().await.expect("never closed").forget();
            }
            found
        }))
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        StoreFuture::Boxed(Box::pin(async move {
            pass(LATENCY).await;
            self.0.memory.put(key, value, ttl, expect).await
        }))
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        self.0.memory.take(key)
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        self.0.memory.reserve(key, value, ttl, cap)
    }
}

/// As a client does that follows all files of a folder at once.
#[tokio::test(start_paused = true)]
async fn many_at_the_same_time_are_all_kept() {
    let mcp = server_with(|mcp| mcp.store(Far::default()));
    let session = session(&mcp).await;
    let mut stream = session.stream().await;
    let uris: Vec<_> = (0..20).map(|n| format!("item://{n}")).collect();
    let asked = uris.iter().map(|uri| session.subscribe(uri).owned_to(&mcp));
    for reply in soon("all of them", futures::future::join_all(asked)).await {
        assert_eq!(reply.result(), json!({}), "{reply}");
    }
    stream.listen(secs(60)).await;
    for uri in &uris {
        mcp.notify().resource_updated(uri);
    }
    assert_eq!(told(&mut stream).await, uris);
}

#[tokio::test(start_paused = true)]
async fn one_that_meets_the_opening_of_the_stream_is_not_lost() {
    let store = Far::default();
    let mcp = server_with(|mcp| mcp.store(store.clone()));
    let session = session(&mcp).await;
    store.0.hold.store(true, SeqCst);
    let opening = tokio::spawn({
        let (get, mcp) = (session.get(), mcp.clone());
        async move { get.open(&mcp).await }
    });
    soon("the GET has read its session", store.0.held.acquire()).await.expect("never closed").forget();
    session.subscribed("test://a").await;
    store.0.release.add_permits(1);
    let mut stream = soon("the stream", opening).await.expect("no panic");
    mcp.notify().resource_updated("test://a");
    assert_eq!(told(&mut stream).await, ["test://a"], "it was confirmed before the change");
}

#[tokio::test(start_paused = true)]
async fn one_that_meets_the_streams_look_at_its_session_is_not_lost() {
    let store = Far::default();
    let mcp = server_with(|mcp| mcp.store(store.clone()));
    let session = session(&mcp).await;
    let mut stream = session.stream().await;
    stream.listen(secs(1)).await;
    store.0.hold.store(true, SeqCst);
    let heard = tokio::spawn(async move {
        stream.listen(secs(20)).await;
        (told(&mut stream).await, stream)
    });
    soon("the stream has read its session", store.0.held.acquire()).await.expect("never closed").forget();
    session.subscribed("test://a").await;
    store.0.release.add_permits(1);
    pass(secs(6)).await;
    let notify = mcp.notify();
    let (heard, mut stream) = soon("the stream", heard).await.expect("no panic");
    assert_eq!(heard, NOTHING);
    notify.resource_updated("test://a");
    assert_eq!(told(&mut stream).await, ["test://a"]);
}
