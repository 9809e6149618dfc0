//! Subscriptions that meet something else of their session, where its store takes its time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use mcp_mount::{
    Memory, Store,
    stores::{Cap, Expect, Key, Reserved, StoreFuture, Stored},
};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{
    rig::session,
    suite::log_stores::logs_in,
    support::{pass, secs, soon},
    told::{server_with, told},
};

const NOTHING: [&str; 0] = [];

/// A store in another place: each answer takes its time, and reads can be held up.
#[derive(Clone, Default)]
struct Far(Arc<FarStore>);

struct FarStore {
    memory: Memory,
    /// Whether the next read is.
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

    logs_in!(self => self.0.memory);
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

#[tokio::test(start_paused = true)]
async fn one_that_meets_a_takeover_is_not_lost() {
    let store = Far::default();
    let mcp = server_with(|mcp| mcp.store(store.clone()));
    let session = session(&mcp).await;
    let mut first = session.stream().await;
    store.0.hold.store(true, SeqCst);
    let opening = tokio::spawn({
        let (get, mcp) = (session.get(), mcp.clone());
        async move { get.open(&mcp).await }
    });
    soon("the GET has read its session", store.0.held.acquire()).await.expect("never closed").forget();
    session.subscribed("test://a").await;
    // If it reads once more, it is held up there.
    store.0.hold.store(true, SeqCst);
    store.0.release.add_permits(1);
    pass(secs(1)).await;
    mcp.notify().resource_updated("test://a");
    store.0.release.add_permits(1);
    let mut second = soon("the stream", opening).await.expect("no panic");
    let mut heard = told(&mut first).await;
    heard.extend(told(&mut second).await);
    assert_eq!(heard, ["test://a"], "one of the two tells it");
}
