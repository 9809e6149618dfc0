//! Work that many wait for and that is done once, whoever of them goes away.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};

use super::spawner;

/// The run that is under way, or the last one.
#[derive(Default)]
pub(super) struct OneRun(Mutex<Option<Run>>);

/// Gives `false` if it was lost with its runtime.
pub(super) type Run = Shared<BoxFuture<'static, bool>>;

impl OneRun {
    /// Begins a run, unless one is under way, and gives what waits for it. In a runtime the run is a task, and goes on
    /// if nobody waits.
    pub(super) fn begin<W>(&self, work: impl FnOnce() -> W) -> Run
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = last.as_ref().filter(|run| run.peek().is_none()) {
            return run.clone();
        }
        // What was lost goes on in the hands of those who wait: a runtime that is ending would lose it for ever.
        let lost = last.as_ref().is_some_and(|run| run.peek() == Some(&false));
        let run = if lost { work().map(|()| true).boxed() } else { spawner::detached(work()).boxed() };
        last.insert(run.shared()).clone()
    }

    /// Waits for the run that is under way, or for a new one. A lost run is done again, so it has to be work that goes
    /// on where it stopped.
    pub(super) async fn done<W>(&self, work: impl Fn() -> W)
    where
        W: Future<Output = ()> + Send + 'static,
    {
        while !self.begin(&work).await {}
    }

    /// Waits for the run that is under way, if there is one.
    pub(super) async fn settled(&self) {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(run) = last {
            run.await;
        }
    }
}

impl fmt::Debug for OneRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneRun")
    }
}
