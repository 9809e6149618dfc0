//! What outlives a request: one trait, with the memory of this process behind it by default.
//!
//! Values are small and expire: a session's record is a few hundred bytes. Logs are appended to and expire: what a stream
//! has said. Everything a [`Store`] keeps is bounded, by the cap that [`Store::reserve`] is called with, by the limits
//! that [`Store::append`] is called with, by what the store allows all logs together, and by time.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

pub(crate) mod digest;
mod from_url;
pub(crate) mod in_time;
mod log;
mod memory;
#[cfg(feature = "redis")]
mod redis;
pub(crate) mod signals;
#[cfg(feature = "sqlite")]
mod sqlite;
mod value;

pub use from_url::{StoreUrlError, store_from_url};
pub use log::{Appended, LogEntry, LogKey, LogLimits, LogNews, LogPage, LogPlace, LogWatcher};
pub(crate) use memory::LOG_BUDGET;
pub use memory::Memory;
#[cfg(feature = "redis")]
pub use redis::{Redis, RedisBuilder, RedisError};
#[cfg(feature = "sqlite")]
pub use sqlite::{Sqlite, SqliteBuilder, SqliteError};
pub use value::{Cap, Expect, GroupCap, Key, Kind, Reserved, Stored};

/// Where values that outlive a request are kept.
///
/// [`Memory`] is the default, and its source the model. A store for several processes implements the same operations; each
/// of them is atomic, but for [`append_at_once`](Self::append_at_once), which is several. [`Mcp::store`](crate::Mcp::store) takes it. `testing::store_contract!`, which comes with the feature
/// `testing`, holds a store to what is said here.
///
/// What has expired is not there, whether or not it takes space still; a time that is longer than a store can count is as
/// long as it can count. What is refused changes nothing. An operation whose future is dropped happens or does not. A store
/// is used from several runtimes, and goes on when one of them has ended.
pub trait Store: Send + Sync + 'static {
    /// Whether other processes may use it, too. Default: yes.
    fn is_shared(&self) -> bool {
        true
    }

    /// Reads a value. With `touch`, a value that is there lives that long from now on, which is no write: its version stays.
    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>>;

    /// Writes a value that expires after `ttl`, if what is there is what the caller `expect`s. Answers whether it wrote. No
    /// version of a key is used twice, whatever became of its value meanwhile.
    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool>;

    /// Reads a value and removes it.
    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>>;

    /// Writes a new value, where at most [`Cap::max`] values of its [`Kind`] may be at a time, and of these at most
    /// [`GroupCap::max`] in its group. A value that is there stays as it is, and nothing gives way to it: [`Reserved::There`].
    /// At a cap the value that has not been written or touched for the longest time gives way, if that time is at least
    /// [`Cap::idle`]: one of the group at the group's cap, else one of all. Where more are there than may be, since an earlier
    /// cap was larger, it is the same: one gives way, and the new one takes its place. So they do not become more, and with
    /// each that expires or is taken they become fewer, until there is room again.
    ///
    /// A value stays in the group that it was reserved in until it is gone; one that was [put](Self::put) counts, and is in
    /// none.
    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved>;

    /// Appends to a log. How much all logs may take together is set where the store is made, as by
    /// [`Memory::with_log_budget`]; one group must not be able to take more than half of it, nor have more than 1,024 logs.
    /// What was answered with a number is kept until the limits, the time or a lack of room end it. For lack of room logs
    /// that have ended give way, and the oldest entries of others; the newest entry of a log that has not ended never does.
    /// An entry that there is no room for is refused, which may be remembered for a second.
    ///
    /// Numbers grow by one, whoever appends. Who does not learn the outcome appends the same entry again: with
    /// [`LogEntry::after`] it is appended once.
    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended>;

    /// Appends entries in a row, as [`append`](Self::append) does each, until one is refused: what was appended before it
    /// stays, and what comes after it is not tried. Answers what became of the last that was tried. They are not appended as
    /// one: who reads meanwhile may find a part of them, and others may append in between.
    ///
    /// For a store that has the outcome at hand: it must not block. `None`, and nothing is appended, where they are to be
    /// appended one by one: the default.
    fn append_at_once(&self, log: LogKey, entries: &[LogEntry], limits: LogLimits) -> Option<Appended> {
        let _ = (log, entries, limits);
        None
    }

    /// Reads at most `max` entries of a log, the oldest that are kept of those that come after number `after`. `None` if there
    /// is no such log. It lives no longer for being read.
    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>>;

    /// Lets a log live this long from now on. Answers whether it is there.
    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool>;

    /// Tells `watcher` of each log that is appended to or forgotten from now on, and of each [word](Self::tell), here or in
    /// another process; what it is told of can be read by then. One watcher serves all readers of a process. What it is told
    /// of may come twice. When some of it may have been lost, or what was kept, it is told [`LogNews::Missed`] as soon as it
    /// is told anything again. One that wants to know no more is let go when it is told the next time.
    fn watch(&self, watcher: LogWatcher);

    /// Has all watchers, here and in other processes, told a word about a log, which need not be there. Nothing is kept. Words
    /// come in any order, to each watcher in another one if need be; where something fails they may come twice, or be lost
    /// with a [`LogNews::Missed`].
    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()>;

    /// A number that is another one as soon as logs that were appended to may be gone before their time: a client that
    /// comes back with the old one is told that something is missing. It is the same in all processes, and in each as long
    /// as nothing is lost; none comes twice.
    fn epoch(&self) -> StoreFuture<'_, u64>;

    /// Removes all logs of a group. They may begin anew.
    fn forget(&self, group: u128) -> StoreFuture<'_, ()>;
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn is_shared(&self) -> bool {
        (**self).is_shared()
    }

    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        (**self).get(key, touch)
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        (**self).put(key, value, ttl, expect)
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        (**self).take(key)
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        (**self).reserve(key, value, ttl, cap)
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        (**self).append(log, entry, limits)
    }

    fn append_at_once(&self, log: LogKey, entries: &[LogEntry], limits: LogLimits) -> Option<Appended> {
        (**self).append_at_once(log, entries, limits)
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        (**self).read(log, after, max)
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        (**self).keep(log, ttl)
    }

    fn watch(&self, watcher: LogWatcher) {
        (**self).watch(watcher);
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        (**self).tell(log, word)
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        (**self).epoch()
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        (**self).forget(group)
    }
}

/// The outcome of an operation of a [`Store`]: at hand, or to be waited for.
///
/// [`Memory`] never allocates for one.
#[must_use = "futures do nothing unless awaited"]
pub enum StoreFuture<'a, T> {
    /// At hand.
    Ready(Option<Result<T, StoreError>>),
    /// To be waited for.
    Boxed(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>),
}

impl<T> StoreFuture<'_, T> {
    /// An outcome that is at hand.
    pub fn ready(value: T) -> Self {
        Self::Ready(Some(Ok(value)))
    }
}

impl<T: Unpin> Future for StoreFuture<'_, T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Ready(outcome) => Poll::Ready(outcome.take().expect("polled after it was ready")),
            Self::Boxed(future) => future.as_mut().poll(cx),
        }
    }
}

impl<T> fmt::Debug for StoreFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "StoreFuture::Ready",
            Self::Boxed(_) => "StoreFuture::Boxed",
        })
    }
}

/// A store could not do what it was asked. Requests that need it are answered with 503.
#[derive(Debug, thiserror::Error)]
#[error("the store failed")]
pub struct StoreError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl StoreError {
    /// A failure with its cause, which is logged and never sent to a client.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Has a table that was large once, and is nearly empty by now, give back the room that it has taken; one that is empty, all
/// of it.
pub(crate) fn shrink<K: Eq + Hash, V, S: BuildHasher>(table: &mut HashMap<K, V, S>) {
    if table.is_empty() || (table.capacity() > SMALL && table.len() < table.capacity() / 8) {
        table.shrink_to(table.len() * 2);
    }
}

/// A table of so many is not worth shrinking.
const SMALL: usize = 16;

/// Hashes what contains a random id of this server's own making: the id's bits are the hash.
#[derive(Debug, Default)]
pub(crate) struct RandomId(u64);

impl RandomId {
    fn add(&mut self, bits: u64) {
        self.0 = self.0.rotate_left(5) ^ bits;
    }
}

impl Hasher for RandomId {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.add(u64::from(*byte)));
    }

    fn write_u128(&mut self, id: u128) {
        // The shard is picked by the low bits, so the high half leads.
        self.add((id >> 64) as u64 ^ (id as u64).rotate_left(32));
    }

    fn write_isize(&mut self, kind: isize) {
        self.add(kind.cast_unsigned() as u64);
    }
}
