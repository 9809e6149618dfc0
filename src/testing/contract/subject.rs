//! The store that is held to the rules: as its users see it, but that a failure ends the test.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use super::StoreFixture;
use crate::Store;
use crate::stores::{
    Appended, Cap, Expect, Key, Kind, LogEntry, LogKey, LogLimits, LogNews, LogPage, LogPlace, LogWatcher, Reserved,
    StoreError, Stored,
};

/// What all logs may take where a rule is not about it.
const AMPLE: usize = 64 << 20;

/// How long the lives are that no rule sees the end of, in steps.
const LONG: u32 = 1_000;

#[derive(Clone)]
pub(super) struct Subject {
    pub(super) store: Arc<dyn Store>,
    /// Long enough for what a rule is not about.
    pub(super) long: Duration,
}

pub(super) async fn subject(fixture: &mut impl StoreFixture) -> Subject {
    subject_with(fixture, AMPLE).await
}

pub(super) async fn subject_with(fixture: &mut impl StoreFixture, log_budget: usize) -> Subject {
    Subject { store: fixture.store(log_budget).await, long: fixture.step() * LONG }
}

fn done<T>(what: &str, outcome: Result<T, StoreError>) -> T {
    outcome.unwrap_or_else(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        panic!("Store::{what} failed: {error}: {cause}")
    })
}

pub(super) fn key(id: u128) -> Key {
    Key::new(Kind::Session, id)
}

pub(super) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(super) fn first(text: &str) -> LogEntry {
    LogEntry::new(bytes(text), LogPlace::First)
}

pub(super) fn next(text: &str) -> LogEntry {
    LogEntry::new(bytes(text), LogPlace::Next)
}

pub(super) fn last(text: &str) -> LogEntry {
    LogEntry::new(bytes(text), LogPlace::Last)
}

pub(super) fn only(text: &str) -> LogEntry {
    LogEntry::new(bytes(text), LogPlace::Only)
}

impl Subject {
    /// As another process has it.
    pub(super) async fn another(&self, fixture: &mut impl StoreFixture) -> Self {
        Self { store: fixture.another(&self.store).await, long: self.long }
    }

    /// Waits until it answers (again), for a few seconds.
    pub(super) async fn recovers(&self) {
        for _ in 0..100 {
            if self.store.get(key(u128::MAX), None).await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("StoreFixture::lose: the store does not answer any more");
    }

    pub(super) async fn get(&self, key: Key) -> Option<Stored> {
        done("get", self.store.get(key, None).await)
    }

    /// The value alone.
    pub(super) async fn value(&self, key: Key) -> Option<Bytes> {
        self.get(key).await.map(|stored| stored.value)
    }

    pub(super) async fn touch(&self, key: Key, ttl: Duration) -> Option<Stored> {
        done("get with touch", self.store.get(key, Some(ttl)).await)
    }

    /// Puts a value that the rule does not see the end of.
    pub(super) async fn put(&self, key: Key, text: &str, expect: Expect) -> bool {
        self.put_for(key, bytes(text), self.long, expect).await
    }

    pub(super) async fn put_for(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> bool {
        done("put", self.store.put(key, value, ttl, expect).await)
    }

    pub(super) async fn take(&self, key: Key) -> Option<Stored> {
        done("take", self.store.take(key).await)
    }

    pub(super) async fn reserve(&self, key: Key, cap: Cap) -> Reserved {
        self.reserve_for(key, self.long, cap).await
    }

    pub(super) async fn reserve_for(&self, key: Key, ttl: Duration, cap: Cap) -> Reserved {
        done("reserve", self.store.reserve(key, bytes("v"), ttl, cap).await)
    }

    /// Appends within limits that the rule does not reach.
    pub(super) async fn append(&self, log: LogKey, entry: LogEntry) -> Appended {
        self.append_within(log, entry, LogLimits::new(1_000, 4 << 20, self.long)).await
    }

    pub(super) async fn append_within(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> Appended {
        done("append", self.store.append(log, entry, limits).await)
    }

    pub(super) fn append_at_once(&self, log: LogKey, entries: &[LogEntry]) -> Option<Appended> {
        self.store.append_at_once(log, entries, LogLimits::new(1_000, 4 << 20, self.long))
    }

    /// All that is kept of a log.
    pub(super) async fn read(&self, log: LogKey) -> Option<LogPage> {
        self.page(log, 0, usize::MAX).await
    }

    pub(super) async fn page(&self, log: LogKey, after: u64, max: usize) -> Option<LogPage> {
        done("read", self.store.read(log, after, max).await)
    }

    /// The numbers and the values of what is kept of a log, as text.
    pub(super) async fn kept(&self, log: LogKey) -> Option<Vec<(u64, String)>> {
        let page = self.read(log).await?;
        let text = |value: &Bytes| String::from_utf8_lossy(value).into_owned();
        Some(page.entries.iter().map(|(number, value)| (*number, text(value))).collect())
    }

    /// How many bytes of these logs can be read.
    pub(super) async fn readable(&self, logs: impl IntoIterator<Item = LogKey>) -> usize {
        let mut sum = 0;
        for log in logs {
            let entries = self.read(log).await.map(|page| page.entries).unwrap_or_default();
            sum += entries.iter().map(|(_, value)| value.len()).sum::<usize>();
        }
        sum
    }

    pub(super) async fn keep(&self, log: LogKey, ttl: Duration) -> bool {
        done("keep", self.store.keep(log, ttl).await)
    }

    pub(super) fn watch(&self, told: impl Fn(LogNews) -> bool + Send + Sync + 'static) {
        self.store.watch(LogWatcher::new(told));
    }

    pub(super) async fn tell(&self, log: LogKey, word: u64) {
        done("tell", self.store.tell(log, word).await);
    }

    pub(super) async fn epoch(&self) -> u64 {
        done("epoch", self.store.epoch().await)
    }

    pub(super) async fn forget(&self, group: u128) {
        done("forget", self.store.forget(group).await);
    }
}
