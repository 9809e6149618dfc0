//! Sessions whose end meets something else: a long interval, another process, a request on its way.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use mcp_mount::{
    Limits, Mcp, Memory, Sessions, Store,
    stores::{Cap, Expect, Key, Reserved, StoreFuture, Stored},
};
use serde_json::json;
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    logs::Log,
    rig::{Probe, patient, rig_with, server_with, session},
    suite::log_stores::logs_in,
    support::{LATEST_SESSION, call, initialize, pass, secs, soon},
};

/// The interval of sessions' signs of life, unless told otherwise.
const BEAT: u64 = 15;

#[tokio::test(start_paused = true)]
async fn a_long_keep_alive_does_not_make_live_sessions_evictable() {
    let limits = Limits::new().keep_alive(secs(60));
    let rig = rig_with(|mcp| mcp.limits(limits).sessions(Sessions::new().max(1)));
    let owner = session(&rig.mcp).await;
    let mut stream = owner.get().open(&rig.mcp).await;
    stream.listen(secs(45)).await;
    let newcomer = initialize(LATEST_SESSION).to(&rig.mcp).await;
    assert_eq!(newcomer.status, 503, "the one place is in use\n{newcomer}");
    assert!(owner.is_alive().await);
    stream.listen(secs(45)).await;
    assert!(!stream.ended, "the stream is the session's still");
    assert_eq!(owner.post(call("echo", json!({"text": "here"}))).to(&rig.mcp).await.text(), "here");
    drop(stream);
    pass(secs(31)).await;
    let newcomer = initialize(LATEST_SESSION).to(&rig.mcp).await;
    assert_eq!(newcomer.status, 200, "left alone, it gives way\n{newcomer}");
}

#[tokio::test(start_paused = true)]
async fn a_long_keep_alive_does_not_make_running_calls_evictable() {
    let probe = Probe::new();
    let limits = patient().keep_alive(secs(60));
    let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(limits).sessions(Sessions::new().max(1)));
    let owner = session(&mcp).await;
    let running = tokio::spawn(owner.post(call("wait", json!({}))).owned_to(&mcp));
    probe.started().await;
    pass(secs(45)).await;
    let newcomer = initialize(LATEST_SESSION).to(&mcp).await;
    assert_eq!(newcomer.status, 503, "the one place is in use\n{newcomer}");
    probe.release();
    assert_eq!(soon("the call", running).await.expect("no panic").text(), "done");
    assert!(owner.is_alive().await);
}

/// A store that other processes use too: the test sees its keys, takes records out of it, and can make reading slow.
#[derive(Clone, Default)]
struct Elsewhere(Arc<Inner>);

#[derive(Default)]
struct Inner {
    memory: Memory,
    keys: Mutex<Vec<Key>>,
    /// Whether the next read is held back on its way to whoever asked.
    hold: AtomicBool,
    held: Gate,
    release: Gate,
}

struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Gate {
    fn open(&self) {
        self.0.add_permits(1);
    }

    async fn pass(&self) {
        self.0.acquire().await.expect("never closed").forget();
    }
}

impl Elsewhere {
    fn keys(&self) -> MutexGuard<'_, Vec<Key>> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As another process would: nobody here is told.
    async fn remove_all(&self) {
        let keys = std::mem::take(&mut *self.keys());
        assert!(!keys.is_empty(), "there is no session to remove");
        for key in keys {
            assert!(self.0.memory.take(key).await.expect("memory never fails").is_some(), "{key:?} was there");
        }
    }

    fn hold_next_read(&self) {
        self.0.hold.store(true, SeqCst);
    }
}

impl Store for Elsewhere {
    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        if !self.0.hold.swap(false, SeqCst) {
            return self.0.memory.get(key, touch);
        }
        StoreFuture::Boxed(Box::pin(async move {
            let stored = self.0.memory.get(key, touch).await;
            self.0.held.open();
            self.0.release.pass().await;
            stored
        }))
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        self.0.memory.put(key, value, ttl, expect)
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        self.0.memory.take(key)
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        self.keys().push(key);
        self.0.memory.reserve(key, value, ttl, cap)
    }

    logs_in!(self => self.0.memory);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_a_session_that_ended_elsewhere() {
    let store = Elsewhere::default();
    let rig = rig_with(|mcp| mcp.store(store.clone()));
    let session = session(&rig.mcp).await;
    let mut stream = session.get().open(&rig.mcp).await;
    stream.listen(secs(100)).await;
    assert!(!stream.ended, "the session is there");
    store.remove_all().await;
    let begun = Instant::now();
    assert!(stream.ends_within(secs(2 * 3600)).await, "the stream ends");
    assert!(begun.elapsed() <= secs(BEAT + 1), "within one beat: {:?}", begun.elapsed());
    assert!(!session.is_alive().await, "and nobody brought the session back");
    let report = soon("the drain", rig.mcp.lifespan().shutdown()).await;
    assert_eq!(report.streams, 0, "it is not counted as open any more");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_opens_while_its_session_ends_is_not_left_open() {
    let store = Elsewhere::default();
    let rig = rig_with(|mcp| mcp.store(store.clone()));
    let session = session(&rig.mcp).await;
    store.hold_next_read();
    let ask = session.get();
    let opening = tokio::spawn({
        let mcp = rig.mcp.clone();
        async move { ask.open(&mcp).await }
    });
    soon("the GET has found its session", store.0.held.pass()).await;
    assert_eq!(session.delete().to(&rig.mcp).await.status, 204);
    store.0.release.open();
    let begun = Instant::now();
    let mut stream = soon("an answer", opening).await.expect("no panic");
    assert!(matches!(stream.status.as_u16(), 200 | 404), "{}", stream.status);
    assert!(stream.ends_within(secs(2 * 3600)).await, "the stream of a session that is gone ends");
    assert!(begun.elapsed() <= secs(BEAT + 1), "within one beat: {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_begins_while_its_session_ends_is_not_left_running() {
    let (store, probe) = (Elsewhere::default(), Probe::new());
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.store(store.clone()).limits(patient()));
    let session = session(&mcp).await;
    store.hold_next_read();
    let calling = tokio::spawn(session.post(call("stuck", json!({}))).owned_to(&mcp));
    soon("the POST has found its session", store.0.held.pass()).await;
    assert_eq!(session.delete().to(&mcp).await.status, 204);
    store.0.release.open();
    let begun = Instant::now();
    let reply = soon("an answer", calling).await.expect("no panic");
    assert!(begun.elapsed() <= secs(BEAT + 1), "within one beat: {:?}", begun.elapsed());
    let text = reply.json()["error"]["message"].as_str().map(str::to_owned);
    assert_eq!(
        text.as_deref(),
        Some("the session has ended or was lost; whether the call had an effect is not known"),
        "{reply}"
    );
}

#[tokio::test]
async fn a_store_that_others_use_is_worth_a_warning_without_keys_that_others_have() {
    let warned = |configure: &dyn Fn(Mcp) -> Mcp| {
        let log = Log::default();
        let guard = log.listen();
        configure(Mcp::new("demo", "1.0.0")).build().expect("a server");
        drop(guard);
        log.text().lines().any(|line| line.contains("WARN") && line.contains("request_state_keys"))
    };
    assert!(warned(&|mcp| mcp.store(Elsewhere::default())));
    assert!(!warned(&|mcp| mcp.store(Elsewhere::default()).request_state_keys(["one that all of the replicas have"])));
    assert!(!warned(&|mcp| mcp.store(Memory::new())));
    assert!(!warned(&|mcp| mcp));
}
