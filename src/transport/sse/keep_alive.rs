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
    /// When something was written, if that was since the sleep began.
    written: Option<Instant>,
}

impl KeepAlive {
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, sleep: None, written: None }
    }

    /// Something was written: the interval begins anew. The sleep is not disturbed, which would cost more than to sleep on when
    /// it ends.
    pub(crate) fn reset(&mut self) {
        if self.sleep.is_some() {
            self.written = Some(Instant::now());
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let every = self.every;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + every)));
        while sleep.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let next = self.written.take().map_or(now, |written| written + every);
            if next <= now {
                sleep.as_mut().reset(now + every);
                return Poll::Ready(());
            }
            sleep.as_mut().reset(next);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_beats_an_interval_after_what_was_written_last() {
        let (every, began) = (Duration::from_secs(15), Instant::now());
        let mut beat = KeepAlive::new(every);
        let quiet = async |beat: &mut KeepAlive, seconds| {
            tokio::time::timeout(Duration::from_secs(seconds), poll_fn(|cx| beat.poll(cx))).await.is_err()
        };
        assert!(quiet(&mut beat, 10).await);
        beat.reset();
        assert!(quiet(&mut beat, 14).await, "it was reset");
        poll_fn(|cx| beat.poll(cx)).await;
        assert_eq!(began.elapsed(), Duration::from_secs(25));
        poll_fn(|cx| beat.poll(cx)).await;
        assert_eq!(began.elapsed(), Duration::from_secs(40), "and again when nothing is written");
    }
}
