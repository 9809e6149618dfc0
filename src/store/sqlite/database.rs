//! The open file, as the thread has it: an operation is done as a whole or not at all.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Error, ErrorCode, Result, Transaction, TransactionBehavior};
use uuid::Uuid;

use super::error::SqliteError;
use super::file::{self, LOCKED};
use super::news::News;
use super::room;
use crate::store::LogNews;
use crate::store::log::Watchers;

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

/// An operation that writes.
pub(super) trait Operation: Send {
    /// Does it, if anybody waits for it still. Answers whether what it has written is to be kept.
    fn run(&mut self, work: &mut Work<'_>) -> bool;

    /// Answers who waits for it, once what it has written is there, or that it is not.
    fn finish(self: Box<Self>, failed: Option<Error>);
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
    /// Opens the file. `boot` is what is another one after each start of the machine, or `""`.
    pub(super) fn open(
        path: Arc<Path>,
        boot: &str,
        budget: usize,
        shift: Arc<AtomicU64>,
        watchers: Arc<Watchers>,
    ) -> std::result::Result<Self, SqliteError> {
        let failed = |error| SqliteError::new(&path, error);
        let connection = file::open(&path, boot).map_err(failed)?;
        let news = News::new(watchers, epoch(&connection).map_err(|error| failed(error.into()))?);
        let (full_until, sweep_at, patience) = (0, 0, LOCKED);
        Ok(Self { connection, path, budget, shift, full_until, sweep_at, patience, news })
    }

    /// Reads, all at one moment.
    pub(super) fn read<T>(&mut self, work: impl FnOnce(&Work<'_>) -> Result<T>) -> Result<T> {
        let now = self.now();
        // Readers wait for nobody who writes.
        let transaction = Transaction::new(&mut self.connection, TransactionBehavior::Deferred)?;
        let full_until = &mut self.full_until;
        work(&Work { connection: &transaction, now, budget: self.budget, full_until, news: Vec::new() })
    }

    /// Writes what has come together, each operation all or nothing; and the file is written to once.
    pub(super) fn write(&mut self, mut operations: Vec<Box<dyn Operation>>) {
        let outcome = self.try_write(&mut operations);
        let locked = matches!(&outcome, Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
        // What waits behind these has waited with them.
        let patience = if locked { STILL_LOCKED } else { LOCKED };
        if patience != self.patience && self.connection.busy_timeout(patience).is_ok() {
            self.patience = patience;
        }
        for operation in operations {
            operation.finish(outcome.as_ref().err().map(same));
        }
    }

    fn try_write(&mut self, operations: &mut [Box<dyn Operation>]) -> Result<()> {
        let now = self.now();
        let transaction = Transaction::new(&mut self.connection, TransactionBehavior::Immediate)?;
        let full_until = &mut self.full_until;
        let mut work = Work { connection: &transaction, now, budget: self.budget, full_until, news: Vec::new() };
        for operation in operations {
            let told = work.news.len();
            transaction.prepare_cached("SAVEPOINT operation")?.execute(())?;
            if !operation.run(&mut work) {
                work.news.truncate(told);
                // Fails where SQLite has undone all of the transaction, as for lack of room.
                transaction.prepare_cached("ROLLBACK TO operation")?.execute(())?;
            }
            transaction.prepare_cached("RELEASE operation")?.execute(())?;
        }
        // Also if the clock was set back meanwhile.
        if !(1..=SWEEP_MS).contains(&(self.sweep_at - now)) {
            let all = room::sweep(&mut work)?;
            self.sweep_at = if all { now.saturating_add(SWEEP_MS) } else { now };
        }
        let news = work.news;
        self.news.publish(&transaction, &news)?;
        transaction.commit()?;
        self.news.tell(&news);
        Ok(())
    }

    /// ms since 1970, as far as this handle is concerned.
    fn now(&self) -> i64 {
        wall_clock().saturating_add_unsigned(self.shift.load(Ordering::Relaxed))
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

/// What is another one when something may be lost. It is in the file, for whoever has it open.
pub(super) fn epoch(connection: &Connection) -> Result<i64> {
    connection.prepare_cached("SELECT epoch FROM store")?.query_row((), |row| row.get(0))
}

/// The same error once more, for another operation.
fn same(error: &Error) -> Error {
    match error {
        Error::SqliteFailure(code, text) => Error::SqliteFailure(*code, text.clone()),
        error => Error::ToSqlConversionFailure(error.to_string().into()),
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

/// A number that no other is, as a name.
pub(super) fn random() -> i64 {
    Uuid::new_v4().as_u64_pair().1.cast_signed()
}
