//! The beat of a quiet stream.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Beats whenever nothing has been written for an interval.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    every: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl KeepAlive {
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, sleep: None }
    }

    /// Something was written: the interval begins anew.
    pub(crate) fn reset(&mut self) {
        if let Some(sleep) = &mut self.sleep {
            sleep.as_mut().reset(Instant::now() + self.every);
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let every = self.every;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + every)));
        if sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        sleep.as_mut().reset(Instant::now() + every);
        Poll::Ready(())
    }
}
