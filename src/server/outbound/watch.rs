//! Watches over the one who reads a queue.

use tokio::time::{Instant, timeout_at};

use super::recorded::Connection;
use super::{End, Outbound, State, wake};

impl Outbound {
    /// Resolves when nobody will read what is sent: the reader went away or was cut off, and cannot come back.
    pub(crate) async fn left(&self) {
        loop {
            let gone = self.gone.notified();
            if self.lock().is_left() {
                return;
            }
            gone.await;
        }
    }

    /// Watches over the reader: resolves when it went away, has read the answer, or was cut off since it did not read
    /// for too long.
    pub(crate) async fn watch(&self) {
        loop {
            let gone = self.gone.notified();
            let look_again = {
                let mut state = self.lock();
                if state.is_read_out() {
                    return;
                }
                // A quiet handler is not a slow reader.
                let since = if state.awaits_reader() { state.unread_since() } else { Instant::now() };
                since + self.limits.stall
            };
            if timeout_at(look_again, gone).await.is_err() {
                self.cut_if_stalled();
            }
        }
    }

    pub(super) fn cut_if_stalled(&self) {
        let mut state = self.lock();
        let stalled = state.unread.is_some_and(|since| since.elapsed() >= self.limits.stall);
        if !stalled || !state.awaits_reader() {
            return;
        }
        tracing::debug!(stall_ms = self.limits.stall.as_millis(), "a stream was not read for too long: cutting it");
        let reader = if state.recorded.is_some() {
            state.end_connection(Connection::Cut)
        } else {
            state.end = End::Cut;
            state.clear()
        };
        drop(state);
        wake(reader);
        self.room.notify_waiters();
        self.gone.notify_waiters();
    }
}

impl State {
    fn is_left(&self) -> bool {
        match &self.recorded {
            Some(recorded) => recorded.is_left(),
            None => matches!(self.end, End::Gone | End::Cut),
        }
    }
}
