//! How far the end has come, and who takes it a step further.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::Lifespan;

/// Only ever goes up.
#[derive(Debug, Default)]
pub(super) struct Phase(AtomicU8);

/// Nothing to look at but this.
const SERVING: u8 = 0;
/// The host's token has to be looked at.
const HOSTED: u8 = 1;
/// The end has begun; the clock has to be looked at.
const ENDING: u8 = 2;
const DRAINING: u8 = 3;

impl Phase {
    /// The phase of a life that a host's token may end.
    pub(super) fn hosted() -> Self {
        Self(AtomicU8::new(HOSTED))
    }

    /// Whether the drain has begun, if that can be told without looking at anything else.
    pub(super) fn is_draining(&self) -> Option<bool> {
        // Ordered with the counts of calls and streams: see `count_in`.
        match self.0.load(Ordering::SeqCst) {
            SERVING => Some(false),
            DRAINING => Some(true),
            _ => None,
        }
    }

    fn has_come_to(&self, phase: u8) -> bool {
        self.0.load(Ordering::SeqCst) >= phase
    }

    fn go_to(&self, phase: u8) {
        self.0.fetch_max(phase, Ordering::SeqCst);
    }
}

/// When the steps of the end come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) began: Instant,
    pub(super) drain: Instant,
    pub(super) deadline: Instant,
}

impl Lifespan {
    /// Begins the end. It goes on by itself, if there is a runtime.
    pub(super) fn begin(&self) {
        self.begin_after(Duration::from_millis(self.shared.lame_duck_ms.load(Ordering::Relaxed)));
    }

    /// Begins the end without a lame duck, or ends the lame duck.
    pub(crate) fn begin_at_once(&self) {
        self.begin_after(Duration::ZERO);
        self.begin_drain();
    }

    fn begin_after(&self, lame_duck: Duration) {
        let shared = &self.shared;
        shared.times.get_or_init(|| {
            let began = Instant::now();
            let drain = began + lame_duck;
            let grace = Duration::from_millis(shared.grace_ms.load(Ordering::Relaxed));
            Times { began, drain, deadline: drain + grace }
        });
        shared.phase.go_to(ENDING);
        shared.ending.cancel();
        self.look_at_the_clock();
        // The next steps must come even if nobody waits for them.
        self.go_on_ending();
    }

    pub(super) fn begin_drain(&self) {
        self.shared.phase.go_to(DRAINING);
        self.shared.drain.cancel();
    }

    /// The deadline has come, or somebody is in a hurry.
    pub(super) fn begin_cut(&self) {
        // In this order, so that calls that are cut count as such.
        self.begin_drain();
        self.shared.cut.cancel();
    }

    /// Whether the drain has begun: what a task that nobody has started, or that has no turn yet, would know.
    #[cold]
    pub(super) fn look(&self) -> bool {
        if !self.has_ending_begun() {
            self.look_at_the_host();
        }
        self.look_at_the_clock();
        self.has_drain_begun()
    }

    fn look_at_the_clock(&self) {
        if self.shared.times.get().is_some_and(|times| times.drain <= Instant::now()) {
            self.begin_drain();
        }
    }

    /// As far as is known.
    pub(super) fn has_ending_begun(&self) -> bool {
        self.shared.phase.has_come_to(ENDING)
    }

    /// As far as is known.
    pub(super) fn has_drain_begun(&self) -> bool {
        self.shared.phase.has_come_to(DRAINING)
    }

    pub(super) fn times(&self) -> Times {
        *self.shared.times.get().expect("set before anything says that the end has begun")
    }

    /// Resolves when the drain begins.
    pub(crate) fn drain_begun(&self) -> WaitForCancellationFutureOwned {
        self.shared.drain.clone().cancelled_owned()
    }

    /// Resolves when what still runs has to stop.
    pub(crate) fn cut(&self) -> WaitForCancellationFutureOwned {
        self.shared.cut.clone().cancelled_owned()
    }
}
