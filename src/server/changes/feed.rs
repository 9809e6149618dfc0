//! The log through which all replicas of a service tell each other what has changed.
//!
//! Who tells of a change puts it into a queue and goes on. The [task](super::task) appends what is queued and reads what the
//! others append: one task a process, however many streams are open.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::queue::Queue;
use super::task::Task;
use super::{Change, Changes, lock};
use crate::lifespan::Lifespan;
use crate::store::in_time::PATIENCE;
use crate::store::signals::Signals;
use crate::store::{LogKey, Store, StoreError};

/// The feed of a service, as far as this process has to do with it.
pub(crate) struct Feed {
    pub(super) store: Arc<dyn Store>,
    /// Which are told of the store's news.
    pub(super) signals: Arc<Signals>,
    /// The group of its logs, which all replicas of the service know.
    pub(super) group: u128,
    lifespan: Lifespan,
    pub(super) pending: Mutex<Pending>,
    pub(super) wake: Notify,
    running: AtomicBool,
    closed: AtomicBool,
}

/// What the task has to do.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) queue: Queue,
    /// Who wants to know when the feed has been read. As many as streams are being opened.
    pub(super) waiting: Vec<CaughtUp>,
}

/// Tells one who waits that the feed has been read, or why it could not be.
pub(super) type CaughtUp = oneshot::Sender<Result<(), Arc<StoreError>>>;

impl Feed {
    /// The feed of the service with this name, which replicas have in common.
    pub(crate) fn new(name: &str, store: Arc<dyn Store>, signals: Arc<Signals>, lifespan: Lifespan) -> Self {
        Self {
            store,
            signals,
            group: LogKey::group_of_changes(name),
            lifespan,
            pending: Mutex::default(),
            wake: Notify::new(),
            running: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// Has all replicas told of a change, this one included. Never waits.
    pub(super) fn tell(self: &Arc<Self>, changes: &Arc<Changes>, change: Change) {
        lock(&self.pending).queue.put(change);
        self.start(changes);
        self.wake.notify_one();
    }

    /// Sees to it that what waits is appended, and that who watches is told.
    pub(super) fn go_on(self: &Arc<Self>, changes: &Arc<Changes>) {
        if !self.running.load(Ordering::Acquire) && (changes.is_watched() || !lock(&self.pending).queue.is_empty()) {
            self.start(changes);
        }
    }

    /// Waits until all that the feed has by now is known.
    pub(super) async fn catch_up(self: &Arc<Self>, changes: &Arc<Changes>) -> Result<(), Arc<StoreError>> {
        let caught_up = async {
            // Once more, since the runtime that the task was on may have ended, and the task with it.
            for _ in 0..2 {
                let (tell, told) = oneshot::channel();
                lock(&self.pending).waiting.push(tell);
                self.start(changes);
                self.wake.notify_one();
                if let Ok(outcome) = told.await {
                    return outcome;
                }
            }
            Err(Arc::new(StoreError::new("the feed of changes cannot be read without a runtime")))
        };
        timeout(PATIENCE, caught_up).await.unwrap_or_else(|_| {
            let text = format!("the feed of changes could not be read within {} ms", PATIENCE.as_millis());
            Err(Arc::new(StoreError::new(text)))
        })
    }

    /// Nobody here wants to know any more: the task appends what is queued, if it can, and ends.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Starts the task, unless it runs, or there is no runtime to start it in.
    fn start(self: &Arc<Self>, changes: &Arc<Changes>) {
        if self.running.load(Ordering::Acquire)
            || Handle::try_current().is_err()
            || self.running.swap(true, Ordering::AcqRel)
        {
            return;
        }
        let task = Task::new(Running(Arc::clone(self)), Arc::downgrade(changes));
        self.lifespan.adopt(task.run());
    }
}

/// A task that is there: when it is dropped, another may be started.
pub(super) struct Running(pub(super) Arc<Feed>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
        // After it, so that who is not told begins anew.
        let waiting = std::mem::take(&mut lock(&self.0.pending).waiting);
        drop(waiting);
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("running", &self.running).finish_non_exhaustive()
    }
}
