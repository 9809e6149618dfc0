//! The task of the feed: appends what is queued, reads on, and tells who watches.
//!
//! What is told here comes back by the log, as what is told elsewhere does, so that all replicas tell all changes in one
//! order and under the same numbers. An entry of which it is not known whether it was appended is appended again: the same
//! change is told twice then, which a client cannot tell from two changes.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep_until};

use super::entry::Entry;
use super::feed::{CaughtUp, Feed, Running};
use super::history::CHANGES;
use super::{Changes, lock, random};
use crate::error::Causes;
use crate::store::signals::Listener;
use crate::store::{Appended, LogEntry, LogKey, LogLimits, LogPage, LogPlace, StoreError};

/// How much of the feed is kept: what a history has room for.
const LIMITS: LogLimits = LogLimits { entries: CHANGES, bytes: 128 << 10, ttl: Duration::from_secs(24 * 3600) };

/// How often the feed is kept alive while nothing changes.
const KEEP: Duration = Duration::from_secs(3600);

/// How often the feed is looked at without news, which may be lost, and the store is asked whether it has lost something.
const LOOK: Duration = Duration::from_secs(15);

/// How long a failing store is left alone: at first, and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// The most that is appended before the feed is read again, and the most that is read at a time.
const PIECE: usize = 100;

/// How long is appended before the feed is read again, if the store is slow.
const TURN: Duration = Duration::from_secs(1);

/// The most pieces that are read in a row.
const PIECES: usize = 100;

/// The one that reads the feed for a process, and writes to it.
pub(super) struct Task {
    running: Running,
    changes: Weak<Changes>,
    /// The feed's log. A store that has lost something has another epoch, and the feed another log then: the numbers of what
    /// is lost could be given out again.
    log: LogKey,
    listener: Listener,
    /// When the store is asked for its epoch, and the feed is read in any case.
    look: Instant,
    kept: Instant,
    /// How long to leave the store alone, if it fails.
    pause: Option<Duration>,
}

impl Task {
    pub(super) fn new(running: Running, changes: Weak<Changes>) -> Self {
        let (log, now) = (LogKey::new(running.0.group, 0), Instant::now());
        let listener = running.0.signals.listen(log);
        Self { running, changes, log, listener, look: now, kept: now, pause: None }
    }

    pub(super) async fn run(mut self) {
        loop {
            let ends = self.feed().is_closed();
            let waiting = std::mem::take(&mut lock(&self.feed().pending).waiting);
            let outcome = self.turn(waiting).await;
            if ends {
                return;
            }
            self.note(outcome);
            self.rest().await;
        }
    }

    fn feed(&self) -> &Feed {
        &self.running.0
    }

    /// Appends what is queued, and reads what is new.
    async fn turn(&mut self, waiting: Vec<CaughtUp>) -> Result<(), Arc<StoreError>> {
        let (mut appended, mut read) = (Ok(()), self.find().await);
        if read.is_ok() {
            appended = self.append_queued().await;
            read = self.read_on().await;
        }
        let read = read.map_err(Arc::new);
        for one in waiting {
            // Who does not wait any more is not told.
            drop(one.send(read.clone()));
        }
        read.and(appended.map_err(Arc::new))
    }

    /// Finds out which log it is.
    async fn find(&mut self) -> Result<(), StoreError> {
        if Instant::now() < self.look {
            return Ok(());
        }
        let epoch = self.feed().store.epoch().await?;
        let log = LogKey::new(self.feed().group, epoch.into());
        if log != self.log {
            self.listener = self.feed().signals.listen(log);
            self.log = log;
        }
        self.look = Instant::now() + LOOK;
        Ok(())
    }

    async fn append_queued(&mut self) -> Result<(), StoreError> {
        let begun = Instant::now();
        for _ in 0..PIECE {
            if begun.elapsed() >= TURN {
                break;
            }
            let Some(entry) = lock(&self.feed().pending).queue.next() else { break };
            if let Err(error) = self.append(&entry).await {
                lock(&self.feed().pending).queue.put_back(entry);
                return Err(error);
            }
        }
        if !lock(&self.feed().pending).queue.is_empty() {
            self.feed().wake.notify_one();
        }
        if self.kept.elapsed() >= KEEP {
            // If it is gone, that is seen when it is read.
            self.feed().store.keep(self.log, LIMITS.ttl).await?;
            self.kept = Instant::now();
        }
        Ok(())
    }

    async fn append(&self, entry: &Entry) -> Result<(), StoreError> {
        let entry = LogEntry::new(entry.encode(), LogPlace::Next);
        for _ in 0..2 {
            match self.feed().store.append(self.log, entry.clone(), LIMITS).await? {
                Appended::Seq(_) => return Ok(()),
                Appended::Closed => self.make().await?,
                refused => return Err(StoreError::new(format!("the feed of changes takes nothing: {refused:?}"))),
            }
        }
        Err(StoreError::new("the feed of changes is gone as soon as it is made"))
    }

    /// Makes the log, unless another replica does.
    async fn make(&self) -> Result<(), StoreError> {
        let about = Bytes::copy_from_slice(&random().to_be_bytes());
        let first = LogEntry::new(Entry::Nothing.encode(), LogPlace::First).about(about);
        match self.feed().store.append(self.log, first, LIMITS).await? {
            Appended::Seq(_) | Appended::Closed => Ok(()),
            refused => Err(StoreError::new(format!("the feed of changes cannot be made: {refused:?}"))),
        }
    }

    /// Reads what has come since, and tells of it.
    async fn read_on(&mut self) -> Result<(), StoreError> {
        // What is new by now is read now.
        let _ = self.listener.news().now_or_never();
        for _ in 0..PIECES {
            let Some(known) = self.changes.upgrade().map(|changes| changes.known()) else { return Ok(()) };
            let mut page = self.feed().store.read(self.log, known.number, PIECE).await?;
            let others = |page: &LogPage| epoch(page) != known.epoch;
            if known.number > 0 && page.as_ref().is_some_and(others) {
                // It has begun anew, under numbers of its own.
                page = self.feed().store.read(self.log, 0, PIECE).await?;
            }
            let Some(page) = page else {
                self.make().await?;
                continue;
            };
            let Some(changes) = self.changes.upgrade() else { return Ok(()) };
            changes.take(epoch(&page), &page);
            if page.entries.len() < PIECE {
                return Ok(());
            }
        }
        self.feed().wake.notify_one();
        Ok(())
    }

    fn note(&mut self, outcome: Result<(), Arc<StoreError>>) {
        let Err(error) = outcome else {
            if self.pause.take().is_some() {
                tracing::info!("the feed of changes goes on");
            }
            return;
        };
        if self.pause.is_none() {
            tracing::warn!(error = %Causes(&*error), "the feed of changes is interrupted: clients are told of them later");
        }
        let [first, longest] = PAUSES;
        self.pause = Some(self.pause.map_or(first, |pause| (pause * 2).min(longest)));
        self.look = Instant::now();
    }

    /// Waits until there is something to do.
    async fn rest(&mut self) {
        let Self { running: Running(feed), listener, look, pause, .. } = self;
        let until = pause.map_or(*look, |pause| Instant::now() + pause);
        let has_work = || {
            let pending = lock(&feed.pending);
            let may_append = pause.is_none() && !pending.queue.is_empty();
            may_append || !pending.waiting.is_empty() || feed.is_closed()
        };
        loop {
            tokio::select! {
                () = listener.news() => return,
                () = feed.wake.notified() => {
                    if has_work() {
                        return;
                    }
                }
                () = sleep_until(until) => return,
            }
        }
    }
}

/// Whose numbers a log's are: each log that is made has others.
fn epoch(page: &LogPage) -> u64 {
    page.about.as_ref().try_into().map_or(0, u64::from_be_bytes)
}
