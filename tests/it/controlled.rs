//! A store that replicas in one process share, that fails as it is told, and that counts what it is asked.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use mcp_mount::{
    Mcp, McpService, Memory, Store, Tool,
    stores::{
        Appended, Cap, Expect, Key, LogEntry, LogKey, LogLimits, LogNews, LogPage, LogWatcher, Reserved, StoreError,
        StoreFuture, Stored,
    },
};

use crate::{
    rig::{Session, owned, patient, server_with},
    support::{pass, secs},
};

#[derive(Clone)]
pub struct Controlled(Arc<Inner>);

struct Inner {
    memory: Memory,
    shared: bool,
    fault: Mutex<Fault>,
    counts: Mutex<BTreeMap<&'static str, usize>>,
    turn: AtomicU64,
    watchers: Mutex<Vec<LogWatcher>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fault {
    #[default]
    None,
    Fails,
    Hangs,
    /// Nobody is told any news.
    Silent,
    /// There is no room for another log.
    Full,
    /// Each operation takes some milliseconds, before it is done and after, another number each time.
    Slow,
    /// Who writes a value, or takes it, learns of it a second later.
    LateWrites,
    /// Who takes a value never learns of it.
    LostTakes,
    /// Nothing is there.
    Empty,
    /// Who reads a log learns a second later what was there.
    LateReads,
    /// Of each log the entries behind this one are gone, as after a crash.
    Behind(u64),
}

impl Fault {
    /// Whether the outcome of this operation is told late.
    fn delays(self, operation: &str) -> bool {
        matches!((self, operation), (Self::LateWrites, "put" | "reserve" | "take") | (Self::LateReads, "read"))
    }
}

impl Controlled {
    /// One that replicas share.
    pub fn new() -> Self {
        Self::of(true)
    }

    /// One that only one process has.
    pub fn alone() -> Self {
        Self::of(false)
    }

    fn of(shared: bool) -> Self {
        let (fault, counts, turn, watchers) = Default::default();
        Self(Arc::new(Inner { memory: Memory::new(), shared, fault, counts, turn, watchers }))
    }

    /// Has all replicas told that they may have missed something.
    pub fn has_missed_something(&self) {
        let watchers = self.0.watchers.lock().unwrap().clone();
        watchers.iter().for_each(|watcher| assert!(watcher.tell(LogNews::Missed)));
    }

    pub fn set(&self, fault: Fault) {
        *self.0.fault.lock().unwrap() = fault;
    }

    /// How often each operation was asked for since the last time.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        std::mem::take(&mut *self.0.counts.lock().unwrap())
    }

    /// Servers with these tools, to whom users are principals.
    pub fn replicas(&self, tools: impl Fn() -> Vec<Tool>) -> [McpService; 2] {
        self.replicas_with(tools, |mcp| mcp)
    }

    pub fn replicas_with(&self, tools: impl Fn() -> Vec<Tool>, set: impl Fn(Mcp) -> Mcp) -> [McpService; 2] {
        let replica = |()| {
            server_with(tools(), |mcp| {
                set(owned(mcp.store(self.clone()).limits(patient())).request_state_keys(["k".repeat(32)]))
            })
        };
        [(), ()].map(replica)
    }

    fn run<'a, T: Send + Unpin + 'static>(
        &self,
        name: &'static str,
        operation: impl FnOnce() -> StoreFuture<'a, T> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        *self.0.counts.lock().unwrap().entry(name).or_default() += 1;
        let turn = self.0.turn.fetch_add(1, SeqCst);
        let fault = *self.0.fault.lock().unwrap();
        match fault {
            Fault::Fails => StoreFuture::Boxed(Box::pin(async { Err(StoreError::new("out of order")) })),
            Fault::Hangs => StoreFuture::Boxed(Box::pin(std::future::pending())),
            Fault::Slow => StoreFuture::Boxed(Box::pin(async move {
                pass(Duration::from_millis(turn * 7 % 5)).await;
                let outcome = operation().await;
                // Longer, so that outcomes come in another order than they came about.
                pass(Duration::from_millis(turn * 11 % 29)).await;
                outcome
            })),
            late if late.delays(name) => StoreFuture::Boxed(Box::pin(async move {
                let outcome = operation().await;
                pass(secs(1)).await;
                outcome
            })),
            Fault::LostTakes if name == "take" => StoreFuture::Boxed(Box::pin(async move {
                operation().await?;
                std::future::pending().await
            })),
            _ => operation(),
        }
    }
}

impl Store for Controlled {
    fn is_shared(&self) -> bool {
        self.0.shared
    }

    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        if *self.0.fault.lock().unwrap() == Fault::Empty {
            return StoreFuture::ready(None);
        }
        self.run("get", move || self.0.memory.get(key, touch))
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        self.run("put", move || self.0.memory.put(key, value, ttl, expect))
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        self.run("take", move || self.0.memory.take(key))
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        self.run("reserve", move || self.0.memory.reserve(key, value, ttl, cap))
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        if *self.0.fault.lock().unwrap() == Fault::Full {
            return StoreFuture::ready(Appended::Full);
        }
        self.run("append", move || self.0.memory.append(log, entry, limits))
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        let fault = *self.0.fault.lock().unwrap();
        let Fault::Behind(newest) = fault else {
            return self.run("read", move || self.0.memory.read(log, after, max));
        };
        StoreFuture::Boxed(Box::pin(async move {
            let page = self.0.memory.read(log, after, max).await?;
            Ok(page.map(|mut page| {
                page.entries.retain(|(seq, _)| *seq <= newest);
                LogPage::new(page.entries, page.first, page.last.min(newest), false).about(page.about)
            }))
        }))
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        self.run("keep", move || self.0.memory.keep(log, ttl))
    }

    fn watch(&self, watcher: LogWatcher) {
        let inner = Arc::clone(&self.0);
        self.0.watchers.lock().unwrap().push(watcher.clone());
        self.0.memory.watch(LogWatcher::new(move |news| {
            let silent = *inner.fault.lock().unwrap() == Fault::Silent;
            silent || watcher.tell(news)
        }));
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        self.run("tell", move || self.0.memory.tell(log, word))
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        self.run("epoch", move || self.0.memory.epoch())
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        self.run("forget", move || self.0.memory.forget(group))
    }
}

impl Session {
    /// The same session, with a load balancer that leads to this replica.
    pub fn at(&self, replica: &McpService) -> Self {
        let mut session = self.clone();
        session.mcp = replica.clone();
        session
    }
}
