//! What is still there: calls, streams, and the web servers that carry them.

use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(feature = "actix-web")]
use std::time::Duration;

use tokio::sync::Notify;
#[cfg(feature = "actix-web")]
use tokio::time::{sleep, sleep_until};

use super::Lifespan;

/// How long a call that has just been counted in may take to its first wait, from which on it counts as lasting.
#[cfg(feature = "actix-web")]
const FIRST_TURN: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct Counts {
    calls: AtomicUsize,
    streams: AtomicUsize,
    /// Calls that go on when their client leaves, so that no web server waits for them then.
    lasting: AtomicUsize,
    servers: AtomicUsize,
    calls_finished: AtomicUsize,
    calls_cut: AtomicUsize,
    streams_ended: AtomicUsize,
    changed: Notify,
}

impl Counts {
    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            if holds(self) {
                return;
            }
            changed.await;
        }
    }
}

impl Lifespan {
    /// Counts a call in, until [`leave_call`](Self::leave_call). Answers `false` if the drain has begun.
    pub(crate) fn enter_call(&self) -> bool {
        self.count_in(&self.shared.counts.calls)
    }

    /// Counts a call out that was counted in, and whether it came to its end.
    pub(crate) fn leave_call(&self, ended: bool) {
        let counts = &self.shared.counts;
        if self.has_drain_begun() {
            let cut = !ended || self.shared.cut.is_cancelled();
            let outcome = if cut { &counts.calls_cut } else { &counts.calls_finished };
            outcome.fetch_add(1, Ordering::AcqRel);
        }
        self.count_out(&counts.calls);
    }

    /// Counts a call as one that goes on when its client leaves.
    pub(crate) fn enter_lasting(&self) -> LastingGuard {
        self.shared.counts.lasting.fetch_add(1, Ordering::SeqCst);
        LastingGuard { lifespan: self.clone() }
    }

    /// In a drain, waits until no call is left that goes on when its client leaves, but for `reserve` before the deadline.
    #[cfg(feature = "actix-web")]
    pub(crate) async fn no_lasting_calls(&self, reserve: Duration) {
        let deadline = self.times().deadline;
        let counts = &self.shared.counts;
        let none_lasts = async {
            if counts.calls.load(Ordering::SeqCst) > 0 {
                sleep(FIRST_TURN).await;
            }
            counts.until(|counts| counts.lasting.load(Ordering::SeqCst) == 0).await;
        };
        tokio::select! {
            () = none_lasts => {}
            () = sleep_until(deadline.checked_sub(reserve).unwrap_or(deadline)) => {}
            () = self.shared.cut.cancelled() => {}
        }
    }

    /// Counts a stream in, unless the drain has begun.
    pub(crate) fn enter_stream(&self) -> Option<StreamGuard> {
        self.count_in(&self.shared.counts.streams).then(|| StreamGuard { lifespan: self.clone() })
    }

    /// Counts a stream in that comes to its end by itself, as long as there is anybody to wait for it.
    pub(crate) fn enter_ending_stream(&self) -> Option<StreamGuard> {
        let streams = &self.shared.counts.streams;
        streams.fetch_add(1, Ordering::SeqCst);
        let over = self.shared.cut.is_cancelled() || self.shared.drained.is_cancelled();
        if over {
            self.count_out(streams);
        }
        (!over).then(|| StreamGuard { lifespan: self.clone() })
    }

    fn count_in(&self, count: &AtomicUsize) -> bool {
        count.fetch_add(1, Ordering::SeqCst);
        // Looked at after counting, so that a drain either sees the count or is seen here.
        let accepted = !self.is_draining();
        if !accepted {
            self.count_out(count);
        }
        accepted
    }

    fn count_out(&self, count: &AtomicUsize) {
        count.fetch_sub(1, Ordering::SeqCst);
        if self.has_drain_begun() {
            self.shared.counts.changed.notify_waiters();
        }
    }

    /// Calls that finished and that were cut, and streams that ended, since the drain began.
    pub(super) fn outcomes(&self) -> (usize, usize, usize) {
        let counts = &self.shared.counts;
        let [finished, cut, ended] = [&counts.calls_finished, &counts.calls_cut, &counts.streams_ended]
            .map(|count| count.load(Ordering::Acquire));
        (finished, cut, ended)
    }

    /// Waits until no call and no stream is left.
    pub(super) async fn empty(&self) {
        let none = |count: &AtomicUsize| count.load(Ordering::SeqCst) == 0;
        self.shared.counts.until(|counts| none(&counts.calls) && none(&counts.streams)).await;
    }

    /// Counts a web server as there.
    pub(super) fn enter_server(&self) -> ServerGuard {
        self.shared.counts.servers.fetch_add(1, Ordering::SeqCst);
        ServerGuard { lifespan: self.clone() }
    }

    pub(super) fn is_driven(&self) -> bool {
        self.shared.counts.servers.load(Ordering::SeqCst) > 0
    }

    /// Waits until no web server is left.
    pub(super) async fn not_driven(&self) {
        self.shared.counts.until(|_| !self.is_driven()).await;
    }
}

/// A stream that counts as open.
#[derive(Debug)]
pub(crate) struct StreamGuard {
    lifespan: Lifespan,
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        let counts = &self.lifespan.shared.counts;
        if self.lifespan.has_drain_begun() {
            counts.streams_ended.fetch_add(1, Ordering::AcqRel);
        }
        self.lifespan.count_out(&counts.streams);
    }
}

/// A call that goes on when its client leaves.
#[derive(Debug)]
pub(crate) struct LastingGuard {
    lifespan: Lifespan,
}

impl Drop for LastingGuard {
    fn drop(&mut self) {
        self.lifespan.count_out(&self.lifespan.shared.counts.lasting);
    }
}

/// A web server that is being driven.
#[derive(Debug)]
pub(super) struct ServerGuard {
    lifespan: Lifespan,
}

impl Drop for ServerGuard {
    fn drop(&mut self) {
        let counts = &self.lifespan.shared.counts;
        counts.servers.fetch_sub(1, Ordering::SeqCst);
        counts.changed.notify_waiters();
    }
}
