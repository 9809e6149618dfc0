//! What one task does for all who wait for it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Work that one task does at a time.
///
/// A task ends with the runtime that it was started in. A host may have several, as actix-web has one for each worker: so
/// whoever waits sees to it that the work is begun anew.
#[derive(Debug, Default)]
pub(super) struct Errand {
    runs: AtomicBool,
    ended: Notify,
}

impl Errand {
    /// The right to do the work, if nobody does it at present.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Running> {
        (!self.runs.swap(true, Ordering::AcqRel)).then(|| Running(Arc::clone(self)))
    }

    /// Resolves when the work ends after this was called.
    pub(super) fn ended(&self) -> impl Future<Output = ()> {
        self.ended.notified()
    }
}

/// Held by the task that does the work.
#[derive(Debug)]
pub(super) struct Running(Arc<Errand>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.runs.store(false, Ordering::Release);
        self.0.ended.notify_waiters();
    }
}
