//! What outlives a request: one trait, with the memory of this process behind it by default.
//!
//! Values are small and expire: a session's record is a few hundred bytes. Logs are appended to and expire: what a stream
//! has said. Everything a [`Store`] keeps is bounded, by the cap that [`Store::reserve`] is called with, by the limits
//! that [`Store::append`] is called with, by what the store allows all logs together, and by time.

use std::fmt;
use std::future::Future;
use std::hash::Hasher;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

mod log;
mod memory;

pub use log::{Appended, LogEntry, LogKey, LogLimits, LogPage, LogPlace, LogWatcher};
pub(crate) use memory::LOG_BUDGET;
pub use memory::Memory;

/// Where values that outlive a request are kept.
///
/// [`Memory`] is the default, and its source the model. A store for several processes implements the same operations; each
/// of them is atomic. [`Mcp::store`](crate::Mcp::store) takes it.
pub trait Store: Send + Sync + 'static {
    /// Whether other processes may use it, too. Default: yes.
    fn is_shared(&self) -> bool {
        true
    }

    /// Reads a value. With `touch`, a value that is there lives that long from now on.
    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>>;

    /// Writes a value that expires after `ttl`, if what is there is what the caller `expect`s. Answers whether it wrote.
    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool>;

    /// Reads a value and removes it.
    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>>;

    /// Writes a new value, where at most [`Cap::max`] values of its [`Kind`] may be at a time. At the cap the value that
    /// has not been written or touched for the longest time gives way, if that time is at least [`Cap::idle`].
    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved>;

    /// Appends to a log, which one writer does at a time. How much all logs may take together is set where the store is
    /// made, as by [`Memory::with_log_budget`]; one group must not be able to take all of it. What was answered with a
    /// number is kept until the limits, the time or a lack of room end it: an entry that there is no room for is refused.
    /// All that a call says at a time has five seconds together; then the stream goes on, and is not recorded from there on.
    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended>;

    /// Reads at most `max` entries of a log, those that come after number `after`. `None` if there is no such log.
    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>>;

    /// Lets a log live this long from now on. Answers whether it is there.
    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool>;

    /// Tells `watcher` of each log that is appended to or forgotten from now on, here or in another process. One watcher
    /// serves all readers of a process. What it is told of may come twice, and after a fault not at all: readers look now
    /// and then by themselves.
    fn watch(&self, watcher: LogWatcher);

    /// A number that is another one as soon as logs that were appended to may be gone before their time: a client that
    /// comes back with the old one is told that something is missing.
    fn epoch(&self) -> StoreFuture<'_, u64>;

    /// Removes all logs of a group.
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

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        (**self).read(log, after, max)
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        (**self).keep(log, ttl)
    }

    fn watch(&self, watcher: LogWatcher) {
        (**self).watch(watcher);
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        (**self).epoch()
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        (**self).forget(group)
    }
}

/// The name of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Key {
    /// What kind of value it is.
    pub kind: Kind,
    /// Which one of its kind.
    pub id: u128,
}

impl Key {
    /// The record of a session of this principal: a store cannot be asked for somebody else's by the session's id alone.
    pub(crate) fn session(id: u128, principal: Option<&str>) -> Self {
        Self { kind: Kind::Session, id: id ^ principal.map_or(0, fingerprint) }
    }
}

impl fmt::Debug for Key {
    /// Without the id, which opens a session to whoever has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// FNV-1a in 128 bits: the same in every build and on every machine, as replicas that share a store need it. It is no
/// protection; the owner that a record names is.
fn fingerprint(text: &str) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

/// The kinds of value that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The record of a session.
    Session,
}

/// A value, and how often it has been written.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// The value.
    pub value: Bytes,
    /// Another number after each write.
    pub version: u64,
}

impl fmt::Debug for Stored {
    /// Without the value, which is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("bytes", &self.value.len()).field("version", &self.version).finish()
    }
}

impl Stored {
    /// A value with its version.
    #[must_use]
    pub fn new(value: Bytes, version: u64) -> Self {
        Self { value, version }
    }
}

/// What must be there for [`Store::put`] to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// Anything or nothing.
    Any,
    /// Nothing.
    Absent,
    /// The value with this version.
    Version(u64),
}

/// How many values of a kind may be kept, and which may give way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cap {
    /// The most that may be kept.
    pub max: usize,
    /// How long a value must have been left alone before it may give way to a new one.
    pub idle: Duration,
}

impl Cap {
    /// At most `max` values, of which those left alone for `idle` may give way.
    #[must_use]
    pub fn new(max: usize, idle: Duration) -> Self {
        Self { max, idle }
    }
}

/// What became of [`Store::reserve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reserved {
    /// Written; there was room.
    Free,
    /// Written, in the place of this one.
    Evicted(Key),
    /// Not written: every value is in use. The first may give way after this time.
    Full(Duration),
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
