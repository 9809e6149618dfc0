//! A store whose answers are waited for, but not for ever.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::{
    Appended, Cap, Expect, Key, LogEntry, LogKey, LogLimits, LogPage, LogWatcher, Reserved, Store, StoreError,
    StoreFuture, Stored,
};

/// How long an operation may take, and a connection that is begun anew.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Gives up an operation that takes longer than [`PATIENCE`].
pub(crate) struct InTime(Arc<dyn Store>);

impl InTime {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}

/// Why it was given up.
pub(crate) fn late() -> StoreError {
    StoreError::new(format!("the store did not answer within {} ms", PATIENCE.as_millis()))
}

/// What is at hand needs no time.
fn in_time<T: Send + Unpin + 'static>(operation: StoreFuture<'_, T>) -> StoreFuture<'_, T> {
    match operation {
        StoreFuture::Ready(_) => operation,
        StoreFuture::Boxed(_) => {
            StoreFuture::Boxed(Box::pin(async { timeout(PATIENCE, operation).await.unwrap_or_else(|_| Err(late())) }))
        }
    }
}

impl Store for InTime {
    fn is_shared(&self) -> bool {
        self.0.is_shared()
    }

    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        in_time(self.0.get(key, touch))
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        in_time(self.0.put(key, value, ttl, expect))
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        in_time(self.0.take(key))
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        in_time(self.0.reserve(key, value, ttl, cap))
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        in_time(self.0.append(log, entry, limits))
    }

    fn append_at_once(&self, log: LogKey, entries: &[LogEntry], limits: LogLimits) -> Option<Appended> {
        self.0.append_at_once(log, entries, limits)
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        in_time(self.0.read(log, after, max))
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        in_time(self.0.keep(log, ttl))
    }

    fn watch(&self, watcher: LogWatcher) {
        self.0.watch(watcher);
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        in_time(self.0.tell(log, word))
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        in_time(self.0.epoch())
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        in_time(self.0.forget(group))
    }
}

impl fmt::Debug for InTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InTime(..)")
    }
}
