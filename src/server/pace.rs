//! How fast progress is sent: a burst, and then so many a second. Whoever shows it cannot make use of more (2026-07-28,
//! basic/patterns/progress, «Implementation Notes»).

use std::future::Future as _;
use std::pin::Pin;
use std::task::Context as TaskContext;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use super::run::past_budget;

/// How many may follow each other at once.
const BURST: u32 = 32;

/// After that, the time between two.
const INTERVAL: Duration = Duration::from_millis(50);

/// The pace of one call's progress, and what came too fast: the newest of it waits.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the burst will be whole again.
    whole: Option<Instant>,
    late: Option<Bytes>,
    /// When the time of `late` comes.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// Whether progress can be sent at once. What waits is outdated then.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        if self.whole.is_some_and(|whole| whole > now + INTERVAL * (BURST - 1)) {
            return false;
        }
        self.clear();
        self.count(now);
        true
    }

    /// Lets progress wait in place of what waits. Answers whether anything waited before.
    pub(super) fn hold(&mut self, message: Bytes) -> bool {
        self.late.replace(message).is_some()
    }

    pub(super) fn holds(&self) -> bool {
        self.late.is_some()
    }

    /// What waits, whether its time has come or not.
    pub(super) fn take(&mut self, now: Instant) -> Option<Bytes> {
        let late = self.late.take()?;
        self.timer = None;
        self.count(now);
        Some(late)
    }

    /// What waits, and the time, if that has come; else the reader is woken when it comes.
    pub(super) fn poll(&mut self, cx: &mut TaskContext<'_>) -> Option<(Bytes, Instant)> {
        self.late.as_ref()?;
        let due = self.whole.and_then(|whole| whole.checked_sub(INTERVAL * (BURST - 1)));
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due.unwrap_or_else(Instant::now))));
        if past_budget(cx, |cx| timer.as_mut().poll(cx)).is_pending() {
            return None;
        }
        let now = Instant::now();
        self.take(now).map(|message| (message, now))
    }

    pub(super) fn clear(&mut self) {
        (self.late, self.timer) = (None, None);
    }

    fn count(&mut self, now: Instant) {
        self.whole = Some(self.whole.unwrap_or(now).max(now) + INTERVAL);
    }
}
