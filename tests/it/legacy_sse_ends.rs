//! HTTP+SSE of 2024-11-05: how a conversation ends, and what all of them may hold.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use mcp_mount::{
    Limits, Mcp, Memory, OnDisconnect, Sessions, Store,
    stores::{Cap, Expect, Key, Reserved, StoreFuture, Stored},
};
use serde_json::json;

use crate::{
    legacy_client::{Client, code, get, text, with},
    rig::{Probe, patient, server_with},
    suite::log_stores::logs_in,
    support::{LATEST_SESSION, call, message, notification, pass, secs},
};

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_leaves_nothing() {
    let probe = Probe::new();
    let tools = [probe.stuck_tool().on_disconnect(OnDisconnect::Finish)];
    let mcp = server_with(tools, |mcp| {
        mcp.legacy_sse().sessions(Sessions::new().max(1)).limits(patient().open_streams(1).calls_in_flight(1))
    });
    for _ in 0..3 {
        let client = Client::open(&mcp).await;
        client.say(call("stuck", json!({}))).await;
        probe.started().await;
        drop(client);
        probe.dropped().await;
    }
    assert_eq!(mcp.lifespan().shutdown().await.cut, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_left() {
    let probe = Probe::new();
    let limits = patient().stream_events(2);
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.legacy_sse().limits(limits));
    let client = Client::open(&mcp).await;
    client.say(call("stuck", json!({}))).await;
    probe.started().await;
    for id in 2..10 {
        client.say(message(id, "ping", json!({}))).await;
    }
    pass(secs(31)).await;
    probe.dropped().await;
    assert_eq!(client.post(message(99, "ping", json!({}))).to(&mcp).await.status, 404);
    let Client { mut live, .. } = client;
    while live.frame().await {}
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_are_bounded() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.legacy_sse().limits(patient()));
    let mut client = Client::open(&mcp).await;
    let stuck = |id: usize| message(id, "tools/call", json!({"name": "stuck"}));
    for id in 0..256 {
        client.say(stuck(id)).await;
    }
    let refused = client.ask(stuck(256)).await;
    assert_eq!((code(&refused), &refused["id"]), (-32603, &json!(256)));
    client.nothing_comes().await;
    client.say(notification("notifications/cancelled", json!({"requestId": 7}))).await;
    probe.dropped().await;
    client.say(stuck(256)).await;
    client.nothing_comes().await;
}

#[tokio::test(start_paused = true)]
async fn each_takes_one_place_among_the_open_streams() {
    let mcp = with(|mcp| mcp.limits(Limits::new().open_streams(1)));
    let full = async || get().to(&mcp).await.status == 503;
    let mut client = Client::connect(&mcp).await;
    assert!(full().await, "before it is initialized");
    client.initialize(LATEST_SESSION).await;
    assert!(full().await, "and after it");
    mcp.tools().remove("echo");
    assert_eq!(client.hear().await["method"], "notifications/tools/list_changed");
    drop(client);
    pass(secs(1)).await;
    let mut client = Client::connect(&mcp).await;
    // Whoever does not open a session in time makes room.
    pass(secs(59)).await;
    assert!(full().await);
    assert!(client.live.ends_within(secs(2)).await);
    assert!(!full().await);
}

/// A store that takes a second for the first read.
#[derive(Clone, Default)]
struct Slow {
    memory: Arc<Memory>,
    has_read: Arc<AtomicBool>,
}

impl Store for Slow {
    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        if self.has_read.swap(true, SeqCst) {
            return self.memory.get(key, touch);
        }
        StoreFuture::Boxed(Box::pin(async move {
            tokio::time::sleep(secs(1)).await;
            self.memory.get(key, touch).await
        }))
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        self.memory.put(key, value, ttl, expect)
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        self.memory.take(key)
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        self.memory.reserve(key, value, ttl, cap)
    }

    logs_in!(self => self.memory);
}

/// The session's stream is opened while others wait for a place.
#[tokio::test(start_paused = true)]
async fn the_place_of_a_conversation_passes_to_its_session() {
    let store = Slow::default();
    let mcp = with(|mcp| mcp.store(store.clone()).limits(Limits::new().open_streams(1)));
    let mut client = Client::connect(&mcp).await;
    assert!(client.begin(LATEST_SESSION).await["result"].is_object());
    pass(Duration::from_millis(500)).await;
    assert!(store.has_read.load(SeqCst), "its session is on its way");
    assert_eq!(get().to(&mcp).await.status, 503);
    pass(secs(1)).await;
    mcp.tools().remove("echo");
    assert_eq!(client.hear().await["method"], "notifications/tools/list_changed");
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_no_other_way_than_with_its_stream() {
    let mcp = with(|mcp| mcp.sessions(Sessions::new().max(1)));
    let mut client = Client::open(&mcp).await;
    assert_eq!(code(&Client::connect(&mcp).await.begin(LATEST_SESSION).await), -32603, "there is room for one");
    client.say(notification("notifications/initialized", json!({}))).await;
    assert_eq!(code(&client.ask(message(1, "initialize", json!({"protocolVersion": LATEST_SESSION}))).await), -32600);
    assert!(client.ask(message(1, "ping", json!({}))).await["result"].is_object());
}

#[tokio::test(start_paused = true)]
async fn a_drain_delivers_what_runs_and_ends_the_stream() {
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool()], Mcp::legacy_sse);
    let mut client = Client::open(&mcp).await;
    let mut idle = Client::open(&mcp).await;
    let mut begun = Client::connect(&mcp).await;
    client.say(call("wait", json!({}))).await;
    probe.started().await;
    let lifespan = mcp.lifespan();
    let mut draining = pin!(lifespan.shutdown());
    assert!(futures::poll!(&mut draining).is_pending());
    assert!(idle.live.ends_within(secs(1)).await);
    assert!(begun.live.ends_within(secs(1)).await);
    assert_eq!(get().to(&mcp).await.status, 503);
    assert_eq!(code(&client.ask(message(9, "tools/list", json!({}))).await), -32603);
    probe.release();
    assert_eq!(text(&client.hear().await), "done");
    assert!(client.live.ends_within(secs(1)).await);
    let report = draining.await;
    assert_eq!((report.finished, report.cut, report.streams), (1, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_a_call_is_cut_and_its_client_is_told() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], Mcp::legacy_sse);
    let mut client = Client::open(&mcp).await;
    client.say(call("stuck", json!({}))).await;
    probe.started().await;
    assert_eq!(mcp.lifespan().shutdown().await.cut, 1);
    assert_eq!(code(&client.hear().await), -32603);
    assert!(client.live.ends_within(secs(1)).await);
}

#[tokio::test(start_paused = true)]
async fn one_session_at_a_time_is_opened() {
    let mcp = with(|mcp| mcp);
    let mut client = Client::connect(&mcp).await;
    let info = json!({"name": "it", "version": "0.1"});
    let params = json!({"protocolVersion": LATEST_SESSION, "capabilities": {}, "clientInfo": info});
    let [one, other] = [1, 2].map(|id| client.say(message(id, "initialize", params.clone())));
    tokio::join!(one, other);
    let mut answers = [client.hear().await, client.hear().await];
    answers.sort_by_key(|answer| answer["id"].as_i64());
    assert!(answers[0]["result"].is_object(), "{answers:?}");
    assert_eq!(code(&answers[1]), -32600);
    assert!(client.ask(message(3, "ping", json!({}))).await["result"].is_object());
}
