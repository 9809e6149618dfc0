//! A server's line to the store that it shares with others, which breaks as it is told.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use mcp_mount::{
    Store,
    stores::{
        Appended, Cap, Expect, Key, Kind, LogEntry, LogKey, LogLimits, LogNews, LogPage, LogWatcher, Reserved,
        StoreError, StoreFuture, Stored,
    },
};
use tokio::{sync::watch, time::Instant};

use crate::{rig::Session, suite::replicated::Shared, support::secs};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fault {
    #[default]
    None,
    /// Everything fails.
    Down,
    /// Everything waits until this is over, as in a process that is stopped.
    Frozen,
    /// So many entries are appended, and it is said that they were not.
    AppendsInSecret(usize),
    /// Only reading works; what else is asked for waits.
    Mute,
    /// Only reading works; what else is asked for fails.
    ReadOnly,
    /// What is written takes this many milliseconds, and is not written if nobody waits for so long.
    SlowWrites(u64),
    /// The sign of life gets through every four seconds.
    SlowHeart,
    /// It does not get through, and all else does.
    NoHeart,
}

/// What comes of the news.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Hears {
    #[default]
    All,
    Nothing,
    /// Its own words at once, and those of others later.
    OthersLate,
    /// The words of others at once, and its own later.
    OwnLate,
    /// No words, but that something was missed.
    ThatItMissedWords,
}

#[derive(Clone)]
pub struct Line(Arc<Inner>);

struct Inner {
    shared: Shared,
    fault: watch::Sender<Fault>,
    beats: AtomicUsize,
    beat: Mutex<Option<Instant>>,
    hears: Mutex<Hears>,
    /// The words that were told by it.
    told: Mutex<HashSet<(LogKey, u64)>>,
    /// How often it was written down who reads a stream.
    claims: AtomicUsize,
    /// Added to the store's.
    epoch: AtomicU64,
    watchers: Mutex<Vec<LogWatcher>>,
    is_shared: bool,
}

impl Line {
    pub fn to(shared: &Shared) -> Self {
        Self::made(shared, true)
    }

    /// One that says that there are no others.
    pub fn alone() -> Self {
        Self::made(&Shared::new(), false)
    }

    fn made(shared: &Shared, is_shared: bool) -> Self {
        Self(Arc::new(Inner {
            shared: shared.clone(),
            fault: watch::Sender::new(Fault::None),
            beats: AtomicUsize::new(0),
            beat: Mutex::default(),
            hears: Mutex::default(),
            told: Mutex::default(),
            claims: AtomicUsize::new(0),
            epoch: AtomicU64::new(0),
            watchers: Mutex::default(),
            is_shared,
        }))
    }

    pub fn set(&self, fault: Fault) {
        self.0.fault.send_replace(fault);
    }

    /// How many signs of life have come since this was asked last.
    pub fn beats(&self) -> usize {
        self.0.beats.swap(0, SeqCst)
    }

    pub fn hears(&self, hears: Hears) {
        *self.0.hears.lock().unwrap() = hears;
    }

    pub fn hears_nothing(&self, deaf: bool) {
        self.hears(if deaf { Hears::Nothing } else { Hears::All });
    }

    /// How often it was written down who reads a stream, since this was asked last.
    pub fn claims(&self) -> usize {
        self.0.claims.swap(0, SeqCst)
    }

    /// Has a watcher told, or not. Answers whether it wants to know more.
    fn tell_on(&self, watcher: &LogWatcher, news: LogNews) -> bool {
        let hears = *self.0.hears.lock().unwrap();
        let own = match news {
            LogNews::Told(log, word) => Some(self.0.told.lock().unwrap().contains(&(log, word))),
            _ => None,
        };
        match (hears, own) {
            (Hears::Nothing, _) => true,
            (Hears::OthersLate, Some(false)) | (Hears::OwnLate, Some(true)) => {
                let watcher = watcher.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    watcher.tell(news)
                });
                true
            }
            (Hears::ThatItMissedWords, Some(_)) => watcher.tell(LogNews::Missed),
            _ => watcher.tell(news),
        }
    }

    pub fn new_epoch(&self) {
        self.0.epoch.fetch_add(1, SeqCst);
    }

    pub fn has_missed_something(&self) {
        let watchers = self.0.watchers.lock().unwrap().clone();
        watchers.iter().for_each(|watcher| assert!(watcher.tell(LogNews::Missed)));
    }

    async fn pass(&self, writes: bool) -> Result<(), StoreError> {
        let mut fault = self.0.fault.subscribe();
        let fault = *fault.wait_for(|fault| *fault != Fault::Frozen).await.expect("the line is there");
        match fault {
            Fault::Down => Err(StoreError::new("down")),
            Fault::Mute if writes => std::future::pending().await,
            Fault::ReadOnly if writes => Err(StoreError::new("read-only")),
            Fault::SlowWrites(ms) if writes => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether what has been done is kept a secret.
    fn in_secret(&self) -> bool {
        self.0.fault.send_if_modified(|fault| match fault {
            Fault::AppendsInSecret(more @ 1..) => {
                *more -= 1;
                true
            }
            _ => false,
        })
    }

    fn beats_too_early(&self) -> bool {
        match *self.0.fault.borrow() {
            Fault::SlowHeart => {}
            Fault::NoHeart => return true,
            _ => return false,
        }
        let mut last = self.0.beat.lock().unwrap();
        let early = last.is_some_and(|last| last.elapsed() < secs(4));
        if !early {
            *last = Some(Instant::now());
        }
        early
    }
}

macro_rules! through {
    ($this:ident, $writes:expr, $operation:ident($($argument:ident),*)) => {
        StoreFuture::Boxed(Box::pin(async move {
            $this.pass($writes).await?;
            $this.0.shared.$operation($($argument),*).await
        }))
    };
}

impl Store for Line {
    fn is_shared(&self) -> bool {
        self.0.is_shared
    }

    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        through!(self, false, get(key, touch))
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        if key.kind == Kind::Replica {
            self.0.beats.fetch_add(1, SeqCst);
            if self.beats_too_early() {
                return StoreFuture::ready(true);
            }
        }
        if key.kind == Kind::Reader {
            self.0.claims.fetch_add(1, SeqCst);
        }
        through!(self, true, put(key, value, ttl, expect))
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        through!(self, true, take(key))
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        through!(self, true, reserve(key, value, ttl, cap))
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        StoreFuture::Boxed(Box::pin(async move {
            self.pass(true).await?;
            let appended = self.0.shared.append(log, entry, limits).await?;
            if self.in_secret() { Err(StoreError::new("who knows")) } else { Ok(appended) }
        }))
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        through!(self, false, read(log, after, max))
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        through!(self, true, keep(log, ttl))
    }

    fn watch(&self, watcher: LogWatcher) {
        self.0.watchers.lock().unwrap().push(watcher.clone());
        let line = self.clone();
        self.0.shared.watch(LogWatcher::new(move |news| line.tell_on(&watcher, news)));
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        self.0.told.lock().unwrap().insert((log, word));
        through!(self, true, tell(log, word))
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        StoreFuture::Boxed(Box::pin(async move {
            self.pass(false).await?;
            Ok(self.0.shared.epoch().await?.wrapping_add(self.0.epoch.load(SeqCst)))
        }))
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        through!(self, true, forget(group))
    }
}

/// The log that an event is of, in the session of nobody in particular.
pub fn log_of(session: &Session, event: &str) -> LogKey {
    let stream = event.split('-').nth(1).expect("an id of ours");
    let [session, id] = [&session.id, stream].map(|hex| u128::from_str_radix(hex, 16).expect("a number"));
    LogKey::new(session ^ of_the_rig(), id)
}

/// What the name of the server under test adds to the ids of its sessions (FNV-1a).
fn of_the_rig() -> u128 {
    let hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    b"server rig"
        .iter()
        .fold(hash, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b))
}

/// All that a log has, and whether it has ended.
pub async fn kept(shared: &Shared, log: LogKey) -> (Vec<String>, bool) {
    let page = shared.read(log, 0, 1_000).await.unwrap().expect("a log");
    let text = |(_, value): (u64, Bytes)| String::from_utf8(value.to_vec()).expect("JSON");
    (page.entries.into_iter().map(text).collect(), page.closed)
}
