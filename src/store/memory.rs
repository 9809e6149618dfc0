//! The store that is this process's memory.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use self::logs::Logs;
use self::values::{Entry, Values};
use super::{
    Appended, Cap, Expect, Key, Kind, LogEntry, LogKey, LogLimits, LogNews, LogPage, LogWatcher, Reserved, Store,
    StoreFuture, Stored,
};

mod logs;
mod values;

/// A power of two, so that a shard is picked by the low bits of an id.
const SHARDS: usize = 64;

/// What all logs may take, in bytes, unless it is set.
pub(crate) const LOG_BUDGET: usize = 64 << 20;

/// Keeps values and logs in memory: the default [`Store`]. What it holds is lost when the process ends.
///
/// Its logs, which are what streams have said, may take 64 MiB together. Each message counts 64 bytes beside its own.
/// The logs of one session may take an eighth of that, or as much as one log if that is more; beyond it those of its
/// calls that ended first give way, and then the oldest messages of the others. When there is no room left for all, the
/// sessions that take the most give way in the same manner. What counts as one byte may take three, since buffers and
/// tables have room to grow; 1 KiB for each session that has logs comes on top, and 512 bytes for each log that is being
/// written.
///
/// What has expired is not there, and goes when it is asked for, when room is needed, or, a part of it at a time, as new
/// ones of its kind are made; there is no task that sweeps.
pub struct Memory {
    sessions: Values,
    /// Made when there is something to keep, since most servers have nothing.
    replicas: OnceLock<Values>,
    readers: OnceLock<Values>,
    states: OnceLock<Values>,
    versions: AtomicU64,
    origin: Instant,
    logs: Logs,
}

impl Memory {
    /// An empty store, whose logs may take 64 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_log_budget(LOG_BUDGET)
    }

    /// An empty store, whose logs may take this many bytes together.
    ///
    /// ```
    /// use mcp_mount::{Mcp, Memory};
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = Mcp::new("demo", "1.0.0").store(Memory::with_log_budget(256 << 20)).build()?;
    /// # let _ = mcp;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_log_budget(bytes: usize) -> Self {
        Self {
            sessions: Values::new(),
            replicas: OnceLock::new(),
            readers: OnceLock::new(),
            states: OnceLock::new(),
            versions: AtomicU64::new(0),
            origin: Instant::now(),
            logs: Logs::new(bytes),
        }
    }

    fn values(&self, kind: Kind) -> &Values {
        match kind {
            Kind::Session => &self.sessions,
            Kind::Replica => self.replicas.get_or_init(Values::new),
            Kind::Reader => self.readers.get_or_init(Values::new),
            Kind::State => self.states.get_or_init(Values::new),
        }
    }

    fn now(&self) -> u64 {
        millis(self.origin.elapsed())
    }

    fn entry(&self, value: Bytes, now: u64, ttl: Duration) -> Entry {
        let version = self.versions.fetch_add(1, Ordering::Relaxed) + 1;
        Entry { value, version, touched: now, expires: now.saturating_add(millis(ttl)), group: 0 }
    }
}

impl Store for Memory {
    fn is_shared(&self) -> bool {
        false
    }

    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        StoreFuture::ready(self.values(key.kind).get(key.id, touch, self.now()))
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        let now = self.now();
        StoreFuture::ready(self.values(key.kind).put(key.id, self.entry(value, now, ttl), expect, now))
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        StoreFuture::ready(self.values(key.kind).take(key.id, self.now()))
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        let now = self.now();
        StoreFuture::ready(self.values(key.kind).reserve(key, self.entry(value, now, ttl), cap, now))
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        StoreFuture::ready(self.logs.append(log, &entry, limits, self.now()))
    }

    fn append_at_once(&self, log: LogKey, entries: &[LogEntry], limits: LogLimits) -> Option<Appended> {
        Some(self.logs.append_all(log, entries, limits, self.now()))
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        StoreFuture::ready(self.logs.read(log, after, max, self.now()))
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        StoreFuture::ready(self.logs.keep(log, ttl, self.now()))
    }

    fn watch(&self, watcher: LogWatcher) {
        self.logs.watch(watcher);
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        self.logs.tell(LogNews::Told(log, word));
        StoreFuture::ready(())
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        StoreFuture::ready(self.logs.epoch())
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        self.logs.forget(group);
        StoreFuture::ready(())
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("sessions", &self.sessions.count()).finish_non_exhaustive()
    }
}

fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under the lock, so what a poisoned one holds is whole.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);
    const IDLE: Duration = Duration::from_secs(30);

    fn value(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[tokio::test(start_paused = true)]
    async fn a_touched_value_lives_on_and_an_untouched_one_expires() {
        let store = Memory::new();
        store.put(Key::session(1, None), value("a"), TTL, Expect::Absent).await.unwrap();
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(store.get(Key::session(1, None), Some(TTL)).await.unwrap().is_some());
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(store.get(Key::session(1, None), None).await.unwrap().is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(store.get(Key::session(1, None), None).await.unwrap().is_none());
        assert_eq!(store.sessions.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_expects_another_version_does_not_write() {
        let store = Memory::new();
        let key = Key::session(1, None);
        assert!(store.put(key, value("a"), TTL, Expect::Absent).await.unwrap());
        assert!(!store.put(key, value("b"), TTL, Expect::Absent).await.unwrap());
        let first = store.get(key, None).await.unwrap().unwrap();
        assert!(store.put(key, value("b"), TTL, Expect::Version(first.version)).await.unwrap());
        assert!(!store.put(key, value("c"), TTL, Expect::Version(first.version)).await.unwrap());
        assert_eq!(store.take(key).await.unwrap().unwrap().value, value("b"));
        assert!(store.take(key).await.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_cap_only_what_is_idle_gives_way() {
        let store = Memory::new();
        let cap = Cap::new(2, IDLE);
        for id in [1, 2] {
            assert_eq!(store.reserve(Key::session(id, None), value("v"), TTL, cap).await.unwrap(), Reserved::Free);
        }
        assert_eq!(store.reserve(Key::session(3, None), value("v"), TTL, cap).await.unwrap(), Reserved::Full(IDLE));
        tokio::time::advance(Duration::from_secs(20)).await;
        store.get(Key::session(1, None), Some(TTL)).await.unwrap();
        tokio::time::advance(Duration::from_secs(10)).await;
        let evicted = store.reserve(Key::session(3, None), value("v"), TTL, cap).await.unwrap();
        assert_eq!(evicted, Reserved::Evicted(Key::session(2, None)));
        assert!(store.get(Key::session(1, None), None).await.unwrap().is_some());
        assert!(matches!(store.reserve(Key::session(4, None), value("v"), TTL, cap).await.unwrap(), Reserved::Full(_)));
        store.take(Key::session(1, None)).await.unwrap();
        assert_eq!(store.reserve(Key::session(4, None), value("v"), TTL, cap).await.unwrap(), Reserved::Free);
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_that_expires_earlier_than_it_seemed_leaves_room_then() {
        let store = Memory::new();
        let cap = Cap::new(1, IDLE);
        store.reserve(Key::session(1, None), value("v"), TTL, cap).await.unwrap();
        assert_eq!(store.reserve(Key::session(2, None), value("v"), TTL, cap).await.unwrap(), Reserved::Full(IDLE));
        store.get(Key::session(1, None), Some(Duration::from_secs(5))).await.unwrap();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(store.reserve(Key::session(2, None), value("v"), TTL, cap).await.unwrap(), Reserved::Free);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_expired_leaves_room() {
        let store = Memory::new();
        let cap = Cap::new(100, IDLE);
        for id in 0..100 {
            store.reserve(Key::session(id, None), value("v"), Duration::from_secs(5), cap).await.unwrap();
        }
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(store.reserve(Key::session(1000, None), value("v"), TTL, cap).await.unwrap(), Reserved::Free);
        assert_eq!(store.sessions.count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_has_a_cap_of_its_own() {
        let store = Memory::new();
        let cap = |group| Cap::new(5, IDLE).in_group(group, 2);
        let reserve =
            async |id, group| store.reserve(Key::session(id, None), value("v"), TTL, cap(group)).await.unwrap();
        assert_eq!((reserve(1, 1).await, reserve(2, 1).await), (Reserved::Free, Reserved::Free));
        assert_eq!(reserve(3, 1).await, Reserved::Full(IDLE));
        assert_eq!((reserve(4, 2).await, reserve(5, 0).await), (Reserved::Free, Reserved::Free));
        tokio::time::advance(Duration::from_secs(20)).await;
        store.get(Key::session(1, None), Some(TTL)).await.unwrap();
        assert_eq!(reserve(3, 1).await, Reserved::Full(Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(reserve(3, 1).await, Reserved::Evicted(Key::session(2, None)), "its own that was idle the longest");
        store.take(Key::session(1, None)).await.unwrap();
        assert_eq!(reserve(6, 1).await, Reserved::Free);
        tokio::time::advance(TTL).await;
        assert_eq!((reserve(7, 1).await, reserve(8, 1).await), (Reserved::Free, Reserved::Free));
        assert_eq!(store.sessions.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_stays_in_its_group_and_a_refusal_takes_no_place() {
        let store = Memory::new();
        let cap = Cap::new(2, IDLE).in_group(1, 2);
        let [one, other, more] = [1, 2, 3].map(|id| Key::session(id, None));
        assert_eq!(store.reserve(one, value("v"), TTL, cap).await.unwrap(), Reserved::Free);
        assert!(store.put(one, value("w"), TTL, Expect::Any).await.unwrap());
        assert_eq!(store.reserve(one, value("x"), TTL, cap).await.unwrap(), Reserved::There);
        assert_eq!(store.reserve(other, value("v"), TTL, Cap::new(2, IDLE)).await.unwrap(), Reserved::Free);
        assert!(
            matches!(store.reserve(more, value("v"), TTL, cap).await.unwrap(), Reserved::Full(_)),
            "no place for all"
        );
        store.take(other).await.unwrap();
        assert_eq!(store.reserve(more, value("v"), TTL, cap).await.unwrap(), Reserved::Free);
        assert!(matches!(
            store.reserve(other, value("v"), TTL, Cap::new(3, IDLE).in_group(1, 2)).await.unwrap(),
            Reserved::Full(_)
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_gives_way_to_what_is_refused() {
        let store = Memory::new();
        let group = Cap::new(2, IDLE).in_group(1, 1);
        let [one, other, more] = [1, 2, 3].map(|id| Key::session(id, None));
        assert_eq!(store.reserve(one, value("v"), TTL, group).await.unwrap(), Reserved::Free);
        for key in [other, more] {
            assert!(store.put(key, value("v"), TTL, Expect::Any).await.unwrap());
        }
        tokio::time::advance(IDLE).await;
        // One gives way, though there are more than there may be in all.
        let reserved = store.reserve(Key::session(4, None), value("v"), TTL, group).await.unwrap();
        assert_eq!(reserved, Reserved::Evicted(one));
        assert_eq!(store.sessions.count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_there_stays_and_nothing_gives_way_to_a_second_one() {
        let store = Memory::new();
        let cap = Cap::new(2, IDLE).in_group(1, 1);
        let [one, other] = [1, 2].map(|id| Key::session(id, None));
        assert_eq!(store.reserve(one, value("first"), TTL, cap).await.unwrap(), Reserved::Free);
        assert_eq!(store.reserve(other, value("v"), TTL, Cap::new(2, IDLE)).await.unwrap(), Reserved::Free);
        tokio::time::advance(IDLE).await;
        assert_eq!(store.reserve(one, value("second"), TTL, cap).await.unwrap(), Reserved::There);
        assert_eq!(store.get(one, None).await.unwrap().unwrap().value, value("first"));
        assert!(store.get(other, None).await.unwrap().is_some());
        tokio::time::advance(IDLE).await;
        assert_eq!(store.reserve(one, value("third"), TTL, cap).await.unwrap(), Reserved::Free, "it had expired");
    }

    #[tokio::test(start_paused = true)]
    async fn kinds_do_not_take_each_others_places() {
        let store = Memory::new();
        let cap = Cap::new(1, Duration::MAX);
        for &kind in Kind::ALL {
            assert_eq!(store.reserve(Key::new(kind, 1), value("v"), TTL, cap).await.unwrap(), Reserved::Free);
        }
        tokio::time::advance(TTL / 2).await;
        let full = store.reserve(Key::new(Kind::State, 2), value("v"), TTL, cap).await.unwrap();
        assert_eq!(full, Reserved::Full(TTL / 2), "none gives way");
    }
}
