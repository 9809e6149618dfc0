//! The thread that has the file, and the way to it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use rusqlite::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use super::database::{Database, Done, Operation, Work, wall_clock};
use super::error::SqliteError;
use crate::lifespan::spawner;
use crate::store::log::Watchers;
use crate::store::{LogWatcher, StoreError, StoreFuture};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How many operations wait for the thread at a time; others wait for their turn to.
const WAITING: usize = 1_024;

/// How often what others do is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// How many operations are written together at the most.
const TOGETHER: usize = 64;

enum Job {
    Write(Box<dyn Operation>),
    /// Anything else.
    Other(Box<dyn FnOnce(&mut Database) + Send>),
}

/// The way to the thread, which ends when this is dropped, and all has been done that was asked for.
pub(super) struct Thread {
    jobs: Sender<Job>,
    turns: Arc<Semaphore>,
    watchers: Arc<Watchers>,
    path: Arc<Path>,
    #[cfg(feature = "testing")]
    shift: Arc<AtomicU64>,
}

impl Thread {
    /// Starts the thread, which opens the file. `boot` is what is another one after each start of the machine, or `""`.
    pub(super) async fn start(path: Arc<Path>, boot: String, budget: usize) -> std::result::Result<Self, SqliteError> {
        let (jobs, todo) = mpsc::channel();
        let (opened, open) = oneshot::channel();
        let (watchers, shift) = (Arc::<Watchers>::default(), Arc::<AtomicU64>::default());
        let (of, by, told) = (Arc::clone(&path), Arc::clone(&shift), Arc::clone(&watchers));
        let thread = spawner::thread("mcp-sqlite", move || match Database::open(of, &boot, budget, by, told) {
            Ok(database) => {
                if opened.send(Ok(())).is_ok() {
                    run(database, &todo);
                }
            }
            Err(error) => drop(opened.send(Err(error))),
        });
        // It is not waited for: it ends by itself.
        drop(thread.map_err(|error| SqliteError::new(&path, error))?);
        open.await.unwrap_or_else(|_| Err(SqliteError::new(&path, ENDED)))?;
        let turns = Arc::new(Semaphore::new(WAITING));
        Ok(Self {
            jobs,
            turns,
            watchers,
            path,
            #[cfg(feature = "testing")]
            shift,
        })
    }

    pub(super) fn read<T: Send + Unpin + 'static>(
        &self,
        work: impl FnOnce(&Work<'_>) -> Result<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        self.ask(|reply| {
            Job::Other(Box::new(|database| {
                // Who has given up meanwhile is not in the way of others.
                if !reply.answer.is_closed() {
                    let outcome = database.read(work);
                    reply.send(outcome);
                }
            }))
        })
    }

    pub(super) fn write<T: Send + Unpin + 'static>(
        &self,
        work: impl FnOnce(&mut Work<'_>) -> Result<Done<T>> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        self.ask(|reply| Job::Write(Box::new(Write { work: Some(work), outcome: None, reply })))
    }

    fn ask<T: Send + Unpin + 'static>(&self, job: impl FnOnce(Reply<T>) -> Job + Send + 'static) -> StoreFuture<'_, T> {
        StoreFuture::Boxed(Box::pin(async move {
            let failed = |cause| StoreError::new(SqliteError::new(&self.path, cause));
            let ended = || failed(BoxError::from(ENDED));
            let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| ended())?;
            let (answer, outcome) = oneshot::channel();
            self.jobs.send(job(Reply { answer, _turn: turn })).map_err(|_| ended())?;
            let outcome = outcome.await.map_err(|_| ended())?;
            outcome.map_err(|error| failed(error.into()))
        }))
    }

    pub(super) fn watch(&self, watcher: LogWatcher) {
        self.watchers.add(watcher);
        let since = wall_clock();
        // If the thread is gone, so is all that there could be news of.
        drop(self.jobs.send(Job::Other(Box::new(move |database| database.watch(since)))));
    }

    #[cfg(feature = "testing")]
    pub(super) fn advance(&self, by: Duration) {
        use std::sync::atomic::Ordering::Relaxed;

        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let shift = |shift: u64| Some(shift.saturating_add(by));
        // It always adds.
        let _ = self.shift.fetch_update(Relaxed, Relaxed, shift);
    }
}

const ENDED: &str = "the thread of the store has ended, or an operation panicked";

/// Who waits for an operation, which takes one of the turns until it is answered.
struct Reply<T> {
    answer: oneshot::Sender<Result<T>>,
    _turn: OwnedSemaphorePermit,
}

impl<T> Reply<T> {
    fn send(self, outcome: Result<T>) {
        // Nobody may wait any more.
        drop(self.answer.send(outcome));
    }
}

/// An operation that writes, for who waits for it.
struct Write<T, W> {
    work: Option<W>,
    outcome: Option<Result<T>>,
    reply: Reply<T>,
}

impl<T: Send, W: FnOnce(&mut Work<'_>) -> Result<Done<T>> + Send> Operation for Write<T, W> {
    fn run(&mut self, work: &mut Work<'_>) -> bool {
        // Who has given up meanwhile is not in the way of others.
        let Some(run) = self.work.take().filter(|_| !self.reply.answer.is_closed()) else { return false };
        let (outcome, keep) = match run(work) {
            Ok(Done::Keep(done)) => (Ok(done), true),
            Ok(Done::Undo(done)) => (Ok(done), false),
            Err(error) => (Err(error), false),
        };
        self.outcome = Some(outcome);
        keep
    }

    fn finish(self: Box<Self>, failed: Option<Error>) {
        match (self.outcome, failed) {
            // What it has met with itself says more.
            (Some(Err(error)), _) | (_, Some(error)) => self.reply.send(Err(error)),
            (Some(outcome), None) => self.reply.send(outcome),
            (None, None) => {}
        }
    }
}

/// Does what it is asked to, until nobody is left to ask.
fn run(mut database: Database, todo: &Receiver<Job>) {
    let mut looked = Instant::now();
    let mut next = None;
    loop {
        let job = match next.take() {
            Some(job) => Some(job),
            None if database.news.is_watching() => match todo.recv_timeout(LOOK.saturating_sub(looked.elapsed())) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            },
            None => match todo.recv() {
                Ok(job) => Some(job),
                Err(_) => return,
            },
        };
        // What was begun is undone when it panics.
        drop(catch_unwind(AssertUnwindSafe(|| {
            match job {
                Some(Job::Write(operation)) => {
                    let operations;
                    (operations, next) = together(operation, todo);
                    database.write(operations);
                }
                Some(Job::Other(job)) => job(&mut database),
                None => {}
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                database.look();
            }
        })));
    }
}

/// What waits to be written behind an operation that is, and what comes after that.
fn together(first: Box<dyn Operation>, todo: &Receiver<Job>) -> (Vec<Box<dyn Operation>>, Option<Job>) {
    let mut operations = vec![first];
    while operations.len() < TOGETHER {
        match todo.try_recv() {
            Ok(Job::Write(operation)) => operations.push(operation),
            Ok(other) => return (operations, Some(other)),
            Err(_) => break,
        }
    }
    (operations, None)
}
