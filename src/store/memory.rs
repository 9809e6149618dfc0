//! The store that is this process's memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use self::logs::Logs;
use super::{
    Appended, Cap, Expect, Key, LogEntry, LogKey, LogLimits, LogPage, LogWatcher, RandomId, Reserved, Store,
    StoreFuture, Stored,
};

mod logs;

/// A power of two, so that a shard is picked by the low bits of an id.
const SHARDS: usize = 64;

/// What all logs may take, in bytes, unless it is set.
pub(crate) const LOG_BUDGET: usize = 64 << 20;

/// Keeps values and logs in memory: the default [`Store`]. What it holds is lost when the process ends.
///
/// Its logs, which are what streams have said, may take 64 MiB together. Each message counts 64 bytes beside its own.
/// The logs of one session may take an eighth of that, or as much as one log if that is more; beyond it those of its
/// calls that ended first give way, and then the oldest messages of the others. When there is no room left for all, the
/// sessions that take the most give way in the same manner.
///
/// What has expired goes when it is asked for, or when room is needed; there is no task that sweeps.
pub struct Memory {
    shards: Box<[Mutex<Shard>; SHARDS]>,
    /// How many values there are, expired ones included.
    count: AtomicUsize,
    /// Until when (in ms since `origin`) a full store need not be searched again for a value that may give way.
    full_until: AtomicU64,
    versions: AtomicU64,
    origin: Instant,
    logs: Logs,
}

type Shard = HashMap<Key, Entry, BuildHasherDefault<RandomId>>;

struct Entry {
    value: Bytes,
    version: u64,
    /// ms since the store's origin.
    touched: u64,
    /// ms since the store's origin.
    expires: u64,
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
            shards: Box::new(std::array::from_fn(|_| Mutex::default())),
            count: AtomicUsize::new(0),
            full_until: AtomicU64::new(0),
            versions: AtomicU64::new(0),
            origin: Instant::now(),
            logs: Logs::new(bytes),
        }
    }

    fn shard(&self, key: Key) -> MutexGuard<'_, Shard> {
        let index = key.id as usize % SHARDS;
        lock(&self.shards[index])
    }

    fn now(&self) -> u64 {
        millis(self.origin.elapsed())
    }

    fn entry(&self, value: Bytes, now: u64, ttl: Duration) -> Entry {
        let version = self.versions.fetch_add(1, Ordering::Relaxed) + 1;
        Entry { value, version, touched: now, expires: now.saturating_add(millis(ttl)) }
    }

    /// There will be room at this time, which may be earlier than a search has found.
    fn room_at(&self, expires: u64) {
        if expires < self.full_until.load(Ordering::Relaxed) {
            self.full_until.fetch_min(expires, Ordering::Relaxed);
        }
    }

    /// Takes one place of at most `max`.
    fn claim(&self, max: usize) -> bool {
        let claim = |count| (count < max).then_some(count + 1);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim).is_ok()
    }

    /// Removes what has expired, and finds what has been left alone the longest, and when the next one expires.
    fn sweep(&self, now: u64) -> (Option<(Key, u64)>, u64) {
        let mut oldest: Option<(Key, u64)> = None;
        let mut expiry = u64::MAX;
        for shard in self.shards.iter() {
            let mut shard = lock(shard);
            let before = shard.len();
            shard.retain(|_, entry| entry.expires > now);
            self.count.fetch_sub(before - shard.len(), Ordering::Relaxed);
            for (key, entry) in shard.iter() {
                expiry = expiry.min(entry.expires);
                if oldest.is_none_or(|(_, touched)| entry.touched < touched) {
                    oldest = Some((*key, entry.touched));
                }
            }
        }
        (oldest, expiry)
    }

    fn insert(&self, key: Key, entry: Entry) {
        // The place was counted by `claim`; a key that was there already gives its own back.
        if self.shard(key).insert(key, entry).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn make_room(&self, now: u64, cap: Cap) -> Reserved {
        if now < self.full_until.load(Ordering::Relaxed) {
            return Reserved::Full(Duration::from_millis(self.full_until.load(Ordering::Relaxed).saturating_sub(now)));
        }
        let (oldest, expiry) = self.sweep(now);
        if self.claim(cap.max) {
            return Reserved::Free;
        }
        let Some((key, touched)) = oldest else { return Reserved::Full(cap.idle) };
        let idle_at = touched.saturating_add(millis(cap.idle));
        if idle_at > now {
            let free_at = idle_at.min(expiry);
            self.full_until.store(free_at, Ordering::Relaxed);
            return Reserved::Full(Duration::from_millis(free_at - now));
        }
        // Its place goes to the new value: the count stays.
        let mut shard = self.shard(key);
        match shard.entry(key) {
            // Only if nobody touched it since it was found.
            Place::Occupied(place) if place.get().touched == touched => {
                place.remove();
                Reserved::Evicted(key)
            }
            _ => Reserved::Full(Duration::from_secs(1)),
        }
    }
}

impl Store for Memory {
    fn is_shared(&self) -> bool {
        false
    }

    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        let now = self.now();
        let mut shard = self.shard(key);
        let Some(entry) = shard.get_mut(&key) else { return StoreFuture::ready(None) };
        if entry.expires <= now {
            shard.remove(&key);
            self.count.fetch_sub(1, Ordering::Relaxed);
            return StoreFuture::ready(None);
        }
        if let Some(ttl) = touch {
            entry.touched = now;
            entry.expires = now.saturating_add(millis(ttl));
            self.room_at(entry.expires);
        }
        StoreFuture::ready(Some(Stored { value: entry.value.clone(), version: entry.version }))
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        let now = self.now();
        let entry = self.entry(value, now, ttl);
        self.room_at(entry.expires);
        let mut shard = self.shard(key);
        let there = shard.get(&key).filter(|there| there.expires > now);
        let wanted = match expect {
            Expect::Any => true,
            Expect::Absent => there.is_none(),
            Expect::Version(version) => there.is_some_and(|there| there.version == version),
        };
        if wanted && shard.insert(key, entry).is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        StoreFuture::ready(wanted)
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        let now = self.now();
        let Some(entry) = self.shard(key).remove(&key) else { return StoreFuture::ready(None) };
        self.count.fetch_sub(1, Ordering::Relaxed);
        // There is room now, whatever an earlier search found.
        self.full_until.store(0, Ordering::Relaxed);
        let live = entry.expires > now;
        StoreFuture::ready(live.then_some(Stored { value: entry.value, version: entry.version }))
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        let now = self.now();
        let reserved = if self.claim(cap.max) { Reserved::Free } else { self.make_room(now, cap) };
        if !matches!(reserved, Reserved::Full(_)) {
            self.insert(key, self.entry(value, now, ttl));
        }
        StoreFuture::ready(reserved)
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        StoreFuture::ready(self.logs.append(log, &entry, limits, self.now()))
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
        f.debug_struct("Memory").field("count", &self.count).finish_non_exhaustive()
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
        assert_eq!(store.count.load(Ordering::Relaxed), 0);
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
        let cap = Cap { max: 2, idle: IDLE };
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
        let cap = Cap { max: 1, idle: IDLE };
        store.reserve(Key::session(1, None), value("v"), TTL, cap).await.unwrap();
        assert_eq!(store.reserve(Key::session(2, None), value("v"), TTL, cap).await.unwrap(), Reserved::Full(IDLE));
        store.get(Key::session(1, None), Some(Duration::from_secs(5))).await.unwrap();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(store.reserve(Key::session(2, None), value("v"), TTL, cap).await.unwrap(), Reserved::Free);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_expired_leaves_room() {
        let store = Memory::new();
        let cap = Cap { max: 100, idle: IDLE };
        for id in 0..100 {
            store.reserve(Key::session(id, None), value("v"), Duration::from_secs(5), cap).await.unwrap();
        }
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(store.reserve(Key::session(1000, None), value("v"), TTL, cap).await.unwrap(), Reserved::Free);
        assert_eq!(store.count.load(Ordering::Relaxed), 1);
    }
}
