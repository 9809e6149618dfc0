//! Logs: what a stream has said, kept for a client that comes back for it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::value::fingerprint;

/// The name of a log.
///
/// A log belongs to a group, and whoever does not know the group cannot ask for it: of a session's streams the group has
/// the session's id and its owner in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LogKey {
    /// Whose log it is.
    pub group: u128,
    /// Which one of the group.
    pub id: u128,
}

impl LogKey {
    /// The log `id` of `group`.
    #[must_use]
    pub fn new(group: u128, id: u128) -> Self {
        Self { group, id }
    }

    /// The group of the logs through which the replicas of the service with this name tell each other what has changed.
    pub(crate) fn group_of_changes(name: &str) -> u128 {
        fingerprint(&format!("changes {name}"))
    }
}

impl fmt::Debug for LogKey {
    /// Without the ids, which open a stream to whoever has them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogKey(..)")
    }
}

/// How much of a log is kept, and for how long. How much of all logs together is the store's own matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLimits {
    /// The most entries of one log. The oldest give way, but for the newest. The limits of what was appended last hold.
    pub entries: usize,
    /// The most bytes of one log. The oldest entries give way, but for the newest, which may be larger.
    pub bytes: usize,
    /// How long a log lives after what was appended last.
    pub ttl: Duration,
}

impl LogLimits {
    /// At most this many entries and bytes in one log, for this long.
    #[must_use]
    pub fn new(entries: usize, bytes: usize, ttl: Duration) -> Self {
        Self { entries, bytes, ttl }
    }
}

/// What is appended to a log.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry {
    /// What is kept.
    pub value: Bytes,
    /// Where in its log it belongs.
    pub place: LogPlace,
    /// The number of the entry that it comes right behind, if it must not be appended anywhere else. Of an entry that makes
    /// its log it means nothing.
    pub after: Option<u64>,
    /// Of an entry that makes its log: what is known of the log, which is kept as long as the log is, and takes room
    /// as what it says does. Those of the server's own logs say at most 1 KiB.
    pub about: Bytes,
}

/// Where in its log an entry belongs.
///
/// Only [`First`](Self::First) and [`Only`](Self::Only) make a log. Any other entry is refused by a log that is not there
/// (any more): a log that was forgotten must not begin anew in the middle, under numbers that were used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogPlace {
    /// It makes the log.
    First,
    /// Others came before it, and others may come.
    Next,
    /// Others came before it, and it ends the log.
    Last,
    /// It makes the log and ends it.
    Only,
}

impl LogPlace {
    /// Whether an entry makes its log.
    #[must_use]
    pub fn begins(self) -> bool {
        matches!(self, Self::First | Self::Only)
    }

    /// Whether an entry ends its log.
    #[must_use]
    pub fn ends(self) -> bool {
        matches!(self, Self::Last | Self::Only)
    }
}

impl LogEntry {
    /// An entry with its place.
    ///
    /// ```
    /// use mcp_mount::stores::{LogEntry, LogPlace};
    ///
    /// let entry = LogEntry::new("said first".into(), LogPlace::First);
    /// assert!(entry.place.begins() && !entry.place.ends());
    /// ```
    #[must_use]
    pub fn new(value: Bytes, place: LogPlace) -> Self {
        Self { value, place, after: None, about: Bytes::new() }
    }

    /// The same, to be appended right behind the entry with this number only.
    #[must_use]
    pub fn after(self, number: u64) -> Self {
        Self { after: Some(number), ..self }
    }

    /// The same, with what is known of the log that it makes.
    #[must_use]
    pub fn about(self, about: Bytes) -> Self {
        Self { about, ..self }
    }
}

impl fmt::Debug for LogEntry {
    /// Without the value, which is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogEntry").field("bytes", &self.value.len()).field("place", &self.place).finish_non_exhaustive()
    }
}

/// What became of [`Store::append`](super::Store::append).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Appended {
    /// Appended, as the entry with this number. The first of a log has 1.
    Seq(u64),
    /// Not appended: the log has ended, or is not there (any more), or is there already, for an entry that would make it.
    Closed,
    /// Not appended: the entry would not come right behind the one that it has to. The number is that of the log's newest.
    Misplaced(u64),
    /// Not appended: there is no room. The group has as many logs as it may have, and none of them has ended; or nothing
    /// that may give way is as large as the entry.
    Full,
}

/// A part of a log.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogPage {
    /// Entries with their numbers, which grow by one.
    pub entries: Vec<(u64, Bytes)>,
    /// The number of the oldest entry that is kept. While none is, that of the next one.
    pub first: u64,
    /// The number of the newest entry there was, kept or not.
    pub last: u64,
    /// Whether nothing more is appended.
    pub closed: bool,
    /// What the log's first entry said [about](LogEntry::about) it.
    pub about: Bytes,
}

impl LogPage {
    /// These entries of a log that keeps `first` to `last`.
    #[must_use]
    pub fn new(entries: Vec<(u64, Bytes)>, first: u64, last: u64, closed: bool) -> Self {
        Self { entries, first, last, closed, about: Bytes::new() }
    }

    /// The same, with what the log's first entry said about it.
    #[must_use]
    pub fn about(self, about: Bytes) -> Self {
        Self { about, ..self }
    }
}

impl fmt::Debug for LogPage {
    /// Without the entries, which are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogPage")
            .field("entries", &self.entries.len())
            .field("first", &self.first)
            .field("last", &self.last)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

/// What watchers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogNews {
    /// A log was appended to or forgotten.
    Touched(LogKey),
    /// A word about a log: from [`Store::tell`](super::Store::tell).
    Told(LogKey, u64),
    /// Some news may have been lost: whoever waits for any has to look.
    Missed,
}

/// Who wants to know which logs are appended to: given to [`Store::watch`](super::Store::watch).
#[derive(Clone)]
pub struct LogWatcher(Arc<dyn Fn(LogNews) -> bool + Send + Sync>);

impl LogWatcher {
    /// `told` is called with all news, and answers whether it wants to go on. It must not block.
    pub fn new(told: impl Fn(LogNews) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    /// Tells. `false` if nobody wants to know any more: the store lets go of the watcher then.
    #[must_use]
    pub fn tell(&self, news: LogNews) -> bool {
        (self.0)(news)
    }
}

impl fmt::Debug for LogWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogWatcher(..)")
    }
}

/// The watchers of a store.
#[derive(Debug, Default)]
pub(crate) struct Watchers(Mutex<Arc<[LogWatcher]>>);

impl Watchers {
    pub(crate) fn add(&self, watcher: LogWatcher) {
        let mut watchers = self.lock();
        *watchers = watchers.iter().cloned().chain([watcher]).collect();
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Watchers are foreign code: called without the lock, and one that panics is in nobody's way, nor in that of what it is
    /// told next.
    pub(crate) fn tell(&self, news: LogNews) {
        let watchers = Arc::clone(&self.lock());
        let goes_on = |watcher: &LogWatcher| catch_unwind(AssertUnwindSafe(|| watcher.tell(news))).unwrap_or(true);
        let gone: Vec<_> = watchers.iter().filter(|watcher| !goes_on(watcher)).collect();
        if !gone.is_empty() {
            let stays = |watcher: &&LogWatcher| !gone.iter().any(|gone| Arc::ptr_eq(&gone.0, &watcher.0));
            let mut watchers = self.lock();
            *watchers = watchers.iter().filter(stays).cloned().collect();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<[LogWatcher]>> {
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
