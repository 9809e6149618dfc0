//! A store that replicas share, as each of them sees it, and what their streams tell.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use mcp_mount::{
    McpService, Memory, Store,
    stores::{
        Appended, Cap, Expect, Key, LogEntry, LogKey, LogLimits, LogPage, LogWatcher, Reserved, StoreError,
        StoreFuture, Stored,
    },
};

use crate::{
    rig::{Session, session},
    support::Live,
    told::{everything, listening, server_with, told},
};

/// What replicas share, as one of them sees it.
#[derive(Clone)]
pub struct Handle {
    pub store: Arc<Inner>,
    /// Whether it can be reached from here.
    pub down: Arc<AtomicBool>,
    pub reads: Arc<AtomicUsize>,
    pub operations: Arc<AtomicUsize>,
}

pub struct Inner {
    memory: Memory,
    shared: bool,
    pub epoch: AtomicU64,
    /// Whether logs expire although they are kept alive.
    pub forgets: AtomicBool,
    groups: Mutex<HashSet<u128>>,
}

impl Handle {
    pub fn new(shared: bool) -> Self {
        let store = Inner {
            memory: Memory::new(),
            shared,
            epoch: AtomicU64::new(7),
            forgets: AtomicBool::new(false),
            groups: Mutex::default(),
        };
        Self { store: Arc::new(store), down: Arc::default(), reads: Arc::default(), operations: Arc::default() }
    }

    /// The same store, for another replica.
    pub fn replica(&self) -> Self {
        Self { store: self.store.clone(), down: Arc::default(), reads: Arc::default(), operations: Arc::default() }
    }

    pub fn server(&self) -> McpService {
        server_with(|mcp| mcp.store(self.clone()))
    }

    /// All logs are gone.
    pub fn lose(&self) {
        let groups = std::mem::take(&mut *self.store.groups.lock().unwrap());
        for group in groups {
            drop(self.store.memory.forget(group));
        }
    }

    fn ask<'a, T: Send + 'a>(&'a self, operation: impl FnOnce(&'a Memory) -> StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        self.operations.fetch_add(1, SeqCst);
        if self.down.load(SeqCst) {
            return StoreFuture::Boxed(Box::pin(async { Err(StoreError::new("out of reach")) }));
        }
        operation(&self.store.memory)
    }
}

impl Store for Handle {
    fn is_shared(&self) -> bool {
        self.store.shared
    }

    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        self.store.memory.get(key, touch)
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        self.store.memory.put(key, value, ttl, expect)
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        self.store.memory.take(key)
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        self.store.memory.reserve(key, value, ttl, cap)
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        self.store.groups.lock().unwrap().insert(log.group);
        self.ask(|memory| memory.append(log, entry, limits))
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        self.reads.fetch_add(1, SeqCst);
        self.ask(|memory| memory.read(log, after, max))
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        let forgets = self.store.forgets.load(SeqCst);
        self.ask(|memory| if forgets { StoreFuture::ready(true) } else { memory.keep(log, ttl) })
    }

    fn watch(&self, watcher: LogWatcher) {
        self.operations.fetch_add(1, SeqCst);
        self.store.memory.watch(watcher);
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        self.ask(|memory| memory.tell(log, word))
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        let epoch = self.store.epoch.load(SeqCst);
        self.ask(|_| StoreFuture::ready(epoch))
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        self.ask(|memory| memory.forget(group))
    }
}

/// Two replicas, and what each has of their store.
pub fn two() -> ([McpService; 2], [Handle; 2]) {
    let one = Handle::new(true);
    let handles = [one.replica(), one.replica()];
    (handles.each_ref().map(Handle::server), handles)
}

/// The same session, on another replica.
pub fn moved(session: &Session, mcp: &McpService) -> Session {
    let mut moved = session.clone();
    moved.mcp = mcp.clone();
    moved
}

/// A GET stream that asked for `test://a`, and a `subscriptions/listen`.
pub async fn streams(mcp: &McpService) -> [Live; 2] {
    let session = session(mcp).await;
    session.subscribed("test://a").await;
    [session.stream().await, listening(mcp, 1, everything()).await]
}

pub async fn sorted(stream: &mut Live) -> Vec<String> {
    let mut told = told(stream).await;
    told.sort();
    told
}

/// What a GET stream is told when everything may have changed.
pub const ALL: [&str; 4] = ["prompts", "resources", "test://a", "tools"];
