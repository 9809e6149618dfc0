//! The store that is a file on this machine.
//!
//! One thread does all that is done with the file, so that nothing of a runtime waits for a disk or a lock.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use self::error::SqliteError;
use self::thread::Thread;
use super::memory::LOG_BUDGET;
use super::{
    Appended, Cap, Expect, Key, LogEntry, LogKey, LogLimits, LogNews, LogPage, LogWatcher, Reserved, Store,
    StoreFuture, Stored,
};

mod database;
mod error;
mod file;
mod logs;
mod news;
mod room;
mod thread;
mod values;

/// Keeps values and logs in a file, by SQLite: a [`Store`] that outlives the process, and that several processes of one
/// machine may share, as while one takes over from another.
///
/// Its logs may take as much as those of [`Memory`](super::Memory), and give way in the same manner:
/// [`SqliteBuilder::log_budget`]. The file is made if it is not there, for its owner only (0600), since it has in it what
/// streams have said. It must be on a disk of this machine, not on a network's. It does not shrink: what is free is used
/// again. Beside it SQLite keeps two more, with the endings `-wal` and `-shm`, which belong to it.
///
/// What was done is kept when the process ends, however it does. When the machine loses its power, the last moments may be
/// lost, and the [epoch](Store::epoch) is another one then. That is noticed where it can be told that the machine was started
/// anew: on Linux, by `/proc/sys/kernel/random/boot_id`, which must be there for the process (a unit of systemd with
/// `ProcSubset=pid` hides it), and not on other systems. Who removes the file while a process has it open parts the processes
/// from each other.
///
/// News of other processes is looked for ten times a second, while somebody watches. A file that somebody else has locked is
/// waited for, three seconds at the most.
pub struct Sqlite {
    thread: Thread,
    path: Arc<Path>,
}

impl Sqlite {
    /// Opens the store in this file, or makes it.
    ///
    /// ```
    /// use mcp_mount::{Mcp, Sqlite};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = std::env::temp_dir().join(format!("mcp-mount-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// # let path = directory.join("sessions.db");
    /// let mcp = Mcp::new("demo", "1.0.0").store(Sqlite::open(path).await?).build()?;
    /// # drop(mcp);
    /// # std::fs::remove_dir_all(directory)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the file cannot be made, read or written, is damaged or something else, or was written by a later version. The
    /// error names the path and the cause.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, SqliteError> {
        Self::builder(path).open().await
    }

    /// The store in this file, to be set before it is [opened](SqliteBuilder::open).
    pub fn builder(path: impl AsRef<Path>) -> SqliteBuilder {
        SqliteBuilder { path: path.as_ref().to_owned(), log_budget: LOG_BUDGET }
    }

    /// Lets time pass for this handle, as the clock would. For tests: other handles to the file have clocks of their own.
    ///
    /// ```
    /// use mcp_mount::Sqlite;
    /// use std::time::Duration;
    ///
    /// fn after_lunch(store: &Sqlite) {
    ///     store.advance(Duration::from_secs(3_600));
    /// }
    /// ```
    #[cfg(feature = "testing")]
    pub fn advance(&self, by: Duration) {
        self.thread.advance(by);
    }
}

/// A store in a file that is not open yet: from [`Sqlite::builder`].
#[derive(Clone, Debug)]
#[must_use = "it is opened by `open`"]
pub struct SqliteBuilder {
    path: PathBuf,
    log_budget: usize,
}

impl SqliteBuilder {
    /// How many bytes all logs may take together. Default: 64 MiB. Each process that opens the file should say the same.
    ///
    /// ```
    /// use mcp_mount::Sqlite;
    ///
    /// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Sqlite::builder("/var/lib/app/mcp.db").log_budget(256 << 20).open().await?;
    /// # drop(store); Ok(()) }
    /// ```
    pub fn log_budget(self, bytes: usize) -> Self {
        Self { log_budget: bytes, ..self }
    }

    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// As [`Sqlite::open`].
    pub async fn open(self) -> Result<Sqlite, SqliteError> {
        self.open_at(file::boot()).await
    }

    /// Opens the file after this start of the machine, which is not known if `boot` is empty.
    async fn open_at(self, boot: String) -> Result<Sqlite, SqliteError> {
        // A path from here on: what SQLite takes for something else, like `:memory:`, is a name like others.
        let path: Arc<Path> = match std::path::absolute(&self.path) {
            Ok(path) => path.into(),
            Err(error) => return Err(SqliteError::new(&self.path, error)),
        };
        let thread = Thread::start(Arc::clone(&path), boot, self.log_budget).await?;
        Ok(Sqlite { thread, path })
    }
}

impl Store for Sqlite {
    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        match touch {
            None => self.thread.read(move |work| values::get(work, key)),
            Some(ttl) => self.thread.write(move |work| values::touch(work, key, ttl)),
        }
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        self.thread.write(move |work| values::put(work, key, &value, ttl, expect))
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        self.thread.write(move |work| values::take(work, key))
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        self.thread.write(move |work| values::reserve(work, key, &value, ttl, cap))
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        self.thread.write(move |work| logs::append(work, log, &entry, limits))
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        self.thread.read(move |work| logs::read(work, log, after, max))
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        self.thread.write(move |work| logs::keep(work, log, ttl))
    }

    fn watch(&self, watcher: LogWatcher) {
        self.thread.watch(watcher);
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        self.thread.write(move |work| {
            work.news.push(LogNews::Told(log, word));
            Ok(database::Done::Keep(()))
        })
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        self.thread.read(|work| database::epoch(work.connection).map(i64::cast_unsigned))
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        self.thread.write(move |work| logs::forget(work, group))
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
