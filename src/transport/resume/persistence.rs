//! Asks a store again that fails or hangs, so that what is appended is there once.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::store::{Appended, LogEntry, LogKey, LogLimits, Store, StoreError};

/// How long to wait before a store that failed is asked again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));

/// The end of a log that has to be written.
pub(super) type Owed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A log, and until when its store may take.
pub(super) struct Persistence<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) log: LogKey,
    pub(super) limits: LogLimits,
    pub(super) until: Instant,
}

/// Why an entry was not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Whether it was is not known.
    NotInTime,
    /// The log has ended, by the hand of another, or is gone.
    Closed,
    /// There is another entry in its place, or none before it.
    Misplaced,
    Full,
}

impl Persistence<'_> {
    /// The store's epoch, if it says it in time.
    pub(super) async fn epoch(&self) -> Option<u64> {
        let mut attempts = Attempts::until(self.until);
        loop {
            if let Some(epoch) = attempts.outcome(self.store.epoch()).await {
                return Some(epoch);
            }
            if !attempts.again().await {
                return None;
            }
        }
    }

    /// Appends an entry once, however often it takes. Answers its number.
    pub(super) async fn append(&self, entry: LogEntry) -> Result<u64, Refused> {
        let mut attempts = Attempts::until(self.until);
        loop {
            let refused = match attempts.outcome(self.store.append(self.log, entry.clone(), self.limits)).await {
                Some(Appended::Seq(seq)) => return Ok(seq),
                Some(Appended::Full) => return Err(Refused::Full),
                Some(Appended::Misplaced(_)) => Some(Refused::Misplaced),
                Some(_) => Some(Refused::Closed),
                None => None,
            };
            // An earlier attempt may have been heard, whose outcome was not.
            if let Some(refused) = refused
                && let Some(there) = attempts.outcome(self.is_there(&entry)).await
            {
                return there.ok_or(refused);
            }
            if !attempts.again().await {
                return Err(Refused::NotInTime);
            }
        }
    }

    /// Which number the entry has, if it is in its place.
    async fn is_there(&self, entry: &LogEntry) -> Result<Option<u64>, StoreError> {
        let before = entry.after.unwrap_or(0);
        let Some(page) = self.store.read(self.log, before, 1).await? else { return Ok(None) };
        let there = page.entries.first().filter(|(seq, value)| *seq == before + 1 && *value == entry.value);
        let same = !entry.place.begins() || page.about == entry.about;
        Ok(there.map(|(seq, _)| *seq).filter(|_| same))
    }
}

/// Asks a store again and again.
struct Attempts {
    until: Instant,
    pause: Duration,
    failed: bool,
}

impl Attempts {
    fn until(until: Instant) -> Self {
        Self { until, pause: PAUSES.0, failed: false }
    }

    /// What comes of an operation, if it comes in time.
    async fn outcome<T>(&mut self, operation: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
        let mut operation = pin!(operation);
        // What is at hand needs no timer.
        let outcome = match poll_fn(|cx| Poll::Ready(operation.as_mut().poll(cx))).await {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => timeout_at(self.until, operation).await.ok()?,
        };
        outcome.inspect_err(|error| self.note(error)).ok()
    }

    fn note(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.failed, true) {
            let error = crate::error::Causes(error);
            tracing::warn!(%error, "a stream could not be recorded: it is tried again");
        }
    }

    /// Waits for the next attempt. Answers `false` if there is no time for one.
    async fn again(&mut self) -> bool {
        let next = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(PAUSES.1);
        if next < self.until {
            sleep_until(next).await;
            return true;
        }
        tracing::warn!("a stream could not be recorded in time: its client cannot come back for what it misses");
        false
    }
}

/// Ends a log as soon as its store answers, whatever of it has been appended meanwhile.
pub(super) async fn end(store: Arc<dyn Store>, log: LogKey, mut end: LogEntry, limits: LogLimits) {
    loop {
        match store.append(log, end.clone(), limits).await {
            Ok(Appended::Misplaced(newest)) => end = end.after(newest),
            Ok(_) => return,
            Err(error) => tracing::debug!(%error, "a stream that could not be recorded has no end yet"),
        }
        sleep(PAUSES.1).await;
    }
}
