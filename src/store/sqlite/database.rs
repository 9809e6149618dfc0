//! The open file, as the thread has it: one operation is one transaction.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use uuid::Uuid;

use super::error::SqliteError;
use super::file::{self, LOCKED};
use super::news::News;
use super::room;
use crate::store::{LogNews, StoreError};

/// How long a file is waited for that was locked for too long just before.
const STILL_LOCKED: Duration = Duration::from_millis(100);

/// How often what has expired is looked for, in ms, while nothing is found.
const SWEEP_MS: i64 = 1_000;

/// What was done, and whether it is to be kept.
pub(super) enum Done<T> {
    /// Keeps what was written.
    Keep(T),
    /// Nothing was written, or nothing of it is to stay.
    Undo(T),
}

/// What an operation works with.
pub(super) struct Work<'a> {
    pub(super) connection: &'a Connection,
    /// ms since 1970.
    pub(super) now: i64,
    /// What all logs may cost.
    pub(super) budget: usize,
    /// Until when nothing is looked for that gives way to others.
    pub(super) full_until: &'a mut i64,
    /// What watchers are told, here and in other processes, once it is done.
    pub(super) news: Vec<LogNews>,
}

pub(super) struct Database {
    connection: Connection,
    path: Arc<Path>,
    budget: usize,
    /// What was added to the clock, in ms.
    shift: Arc<AtomicU64>,
    full_until: i64,
    sweep_at: i64,
    /// How long a lock is waited for now.
    patience: Duration,
    pub(super) news: News,
}

impl Database {
    /// Opens the file. Answers its epoch, too.
    pub(super) fn open(
        path: Arc<Path>,
        budget: usize,
        shift: Arc<AtomicU64>,
        news: News,
    ) -> Result<(Self, u64), SqliteError> {
        let (connection, epoch) = file::open(&path).map_err(|error| SqliteError::new(&path, error))?;
        let (full_until, sweep_at, patience) = (0, 0, LOCKED);
        Ok((Self { connection, path, budget, shift, full_until, sweep_at, patience, news }, epoch))
    }

    /// Reads, all at one moment.
    pub(super) fn read<T>(&mut self, work: impl FnOnce(&Work<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Deferred, |work_of| work(work_of).map(Done::Undo))
    }

    /// Writes, all or nothing, and tells.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Work<'_>) -> rusqlite::Result<Done<T>>,
    ) -> Result<T, StoreError> {
        self.transact(TransactionBehavior::Immediate, work)
    }

    fn transact<T>(
        &mut self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&mut Work<'_>) -> rusqlite::Result<Done<T>>,
    ) -> Result<T, StoreError> {
        let outcome = self.try_transact(behavior, work);
        let locked = matches!(&outcome, Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
        let patience = if locked { STILL_LOCKED } else { LOCKED };
        if patience != self.patience && self.connection.busy_timeout(patience).is_ok() {
            // What waits behind this one has waited with it.
            self.patience = patience;
        }
        outcome.map_err(|error| StoreError::new(SqliteError::new(&self.path, error)))
    }

    fn try_transact<T>(
        &mut self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&mut Work<'_>) -> rusqlite::Result<Done<T>>,
    ) -> rusqlite::Result<T> {
        let now = wall_clock().saturating_add_unsigned(self.shift.load(Ordering::Relaxed));
        let writes = matches!(behavior, TransactionBehavior::Immediate);
        let transaction = Transaction::new(&mut self.connection, behavior)?;
        let full_until = &mut self.full_until;
        let mut scope = Work { connection: &transaction, now, budget: self.budget, full_until, news: Vec::new() };
        let done = match work(&mut scope)? {
            Done::Undo(done) => return Ok(done),
            Done::Keep(done) => done,
        };
        if writes && now >= self.sweep_at {
            let all = room::sweep(&mut scope)?;
            self.sweep_at = if all { now.saturating_add(SWEEP_MS) } else { now };
        }
        let news = scope.news;
        self.news.publish(&transaction, &news)?;
        transaction.commit()?;
        self.news.tell(&news);
        Ok(done)
    }

    /// Tells what other processes have done.
    pub(super) fn look(&mut self) {
        self.news.look(&self.connection, &self.path);
    }

    /// Begins to tell what other processes do.
    pub(super) fn watch(&mut self, since: i64) {
        self.news.watch(&self.connection, since);
    }
}

/// ms since 1970. The file outlives the process, and so has to what its times are counted from.
pub(super) fn wall_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The time after `duration`.
pub(super) fn later(now: i64, duration: Duration) -> i64 {
    now.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// How long until then.
pub(super) fn until(then: i64, now: i64) -> Duration {
    Duration::from_millis(then.saturating_sub(now).max(0).cast_unsigned())
}

/// A name for this handle that no other has.
pub(super) fn random() -> i64 {
    Uuid::new_v4().as_u64_pair().1.cast_signed()
}
