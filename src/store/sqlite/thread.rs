//! The thread that has the file, and the way to it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use super::database::{Database, Done, Work, wall_clock};
use super::error::SqliteError;
use super::news::News;
use crate::lifespan::spawner;
use crate::store::log::Watchers;
use crate::store::{LogWatcher, StoreError, StoreFuture};

/// How many operations wait for the thread at a time; others wait for their turn to.
const WAITING: usize = 1_024;

/// How often what others do is looked for.
const LOOK: Duration = Duration::from_millis(100);

type Job = Box<dyn FnOnce(&mut Database) + Send>;

/// The way to the thread, which ends when this is dropped, and all has been done that was asked for.
pub(super) struct Thread {
    jobs: Sender<Job>,
    turns: Arc<Semaphore>,
    watchers: Arc<Watchers>,
    path: Arc<Path>,
    shift: Arc<AtomicU64>,
}

impl Thread {
    /// Starts the thread, which opens the file. Answers the file's epoch, too.
    pub(super) async fn start(path: Arc<Path>, budget: usize) -> Result<(Self, u64), SqliteError> {
        let (jobs, todo) = mpsc::channel();
        let (opened, open) = oneshot::channel();
        let (watchers, shift) = (Arc::<Watchers>::default(), Arc::<AtomicU64>::default());
        let (of, by, news) = (Arc::clone(&path), Arc::clone(&shift), News::new(Arc::clone(&watchers)));
        let thread = spawner::thread("mcp-sqlite", move || match Database::open(of, budget, by, news) {
            Ok((database, epoch)) => {
                if opened.send(Ok(epoch)).is_ok() {
                    run(database, &todo);
                }
            }
            Err(error) => drop(opened.send(Err(error))),
        });
        // It is not waited for: it ends by itself.
        drop(thread.map_err(|error| SqliteError::new(&path, error))?);
        let epoch = open.await.unwrap_or_else(|_| Err(SqliteError::new(&path, ENDED)))?;
        Ok((Self { jobs, turns: Arc::new(Semaphore::new(WAITING)), watchers, path, shift }, epoch))
    }

    pub(super) fn read<T: Send + Unpin + 'static>(
        &self,
        work: impl FnOnce(&Work<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        self.run(|database| database.read(work))
    }

    pub(super) fn write<T: Send + Unpin + 'static>(
        &self,
        work: impl FnOnce(&mut Work<'_>) -> rusqlite::Result<Done<T>> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        self.run(|database| database.write(work))
    }

    fn run<T: Send + Unpin + 'static>(
        &self,
        operation: impl FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        StoreFuture::Boxed(Box::pin(async move {
            let ended = || StoreError::new(SqliteError::new(&self.path, ENDED));
            let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| ended())?;
            let (answer, outcome) = oneshot::channel();
            let job = Box::new(move |database: &mut Database| {
                // Who has given up meanwhile is not in the way of others.
                if !answer.is_closed() {
                    drop(answer.send(operation(database)));
                }
                drop(turn);
            });
            self.jobs.send(job).map_err(|_| ended())?;
            outcome.await.unwrap_or_else(|_| Err(ended()))
        }))
    }

    pub(super) fn watch(&self, watcher: LogWatcher) {
        self.watchers.add(watcher);
        let since = wall_clock();
        // If the thread is gone, so is all that there could be news of.
        drop(self.jobs.send(Box::new(move |database| database.watch(since))));
    }

    #[cfg(feature = "testing")]
    pub(super) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let shift = |shift: u64| Some(shift.saturating_add(by));
        // It always adds.
        let _ = self.shift.fetch_update(Ordering::Relaxed, Ordering::Relaxed, shift);
    }
}

const ENDED: &str = "the thread of the store has ended, or an operation panicked";

/// Does what it is asked to, until nobody is left to ask.
fn run(mut database: Database, todo: &Receiver<Job>) {
    let mut looked = Instant::now();
    loop {
        let job = if database.news.is_watched() {
            match todo.recv_timeout(LOOK.saturating_sub(looked.elapsed())) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        } else {
            match todo.recv() {
                Ok(job) => Some(job),
                Err(_) => return,
            }
        };
        // Watchers are foreign code, and what was begun is undone when it panics.
        drop(catch_unwind(AssertUnwindSafe(|| {
            if let Some(job) = job {
                job(&mut database);
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                database.look();
            }
        })));
    }
}
