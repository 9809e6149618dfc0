//! The GET stream of a session: open until the session ends, another one takes its place, or the server drains.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::event;
use super::keep_alive::KeepAlive;
use crate::lifespan::StreamGuard;
use crate::transport::session::live::StreamSeat;
use crate::transport::session::pulse::Pulse;

/// When a client whose stream was ended by a shutdown may come back: time for the next process to start.
const RETRY: Duration = Duration::from_secs(1);

/// A stream without messages of its own.
pub(crate) struct ListenStream {
    pub(crate) seat: StreamSeat,
    pub(crate) pulse: Pulse,
    pub(crate) keep_alive: KeepAlive,
    pub(crate) drain: Pin<Box<WaitForCancellationFutureOwned>>,
    pub(crate) guard: Option<StreamGuard>,
}

impl ListenStream {
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.is_done() {
            return Poll::Ready(None);
        }
        if self.seat.poll_taken(cx) {
            self.guard = None;
            return Poll::Ready(None);
        }
        if self.drain.as_mut().poll(cx).is_ready() {
            self.guard = None;
            return Poll::Ready(Some(event::retry(RETRY)));
        }
        // Ended elsewhere, or between this stream's own look-up and its taking the seat.
        if self.pulse.poll(cx).is_ready() {
            self.guard = None;
            return Poll::Ready(None);
        }
        self.keep_alive.poll(cx).map(|()| Some(event::KEEP_ALIVE))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.guard.is_none()
    }
}
