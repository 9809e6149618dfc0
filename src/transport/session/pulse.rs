//! The sign of life of a session that has a stream open or a call running.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::SessionRoom;
use crate::store::{Key, Store};

/// Touches a session in the store at each beat, while it is polled.
pub(crate) struct Pulse {
    store: Arc<dyn Store>,
    key: Key,
    idle: Duration,
    beat: Duration,
    state: State,
}

enum State {
    New,
    Waiting(Pin<Box<Sleep>>),
    Touching(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Pulse {
    pub(crate) fn new(room: &SessionRoom, key: Key) -> Self {
        Self { store: Arc::clone(&room.store), key, idle: room.settings.idle, beat: room.beat, state: State::New }
    }

    /// Goes on, and sees to it that `cx` is woken for the next beat.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) {
        loop {
            match &mut self.state {
                State::New => self.state = State::Waiting(Box::pin(sleep_until(Instant::now() + self.beat))),
                State::Waiting(sleep) => {
                    if sleep.as_mut().poll(cx).is_pending() {
                        return;
                    }
                    self.state = State::Touching(Box::pin(touch(Arc::clone(&self.store), self.key, self.idle)));
                }
                State::Touching(touch) => match touch.as_mut().poll(cx) {
                    Poll::Pending => return,
                    Poll::Ready(()) => self.state = State::New,
                },
            }
        }
    }
}

async fn touch(store: Arc<dyn Store>, key: Key, idle: Duration) {
    if let Err(error) = store.get(key, Some(idle)).await {
        // The session has its idle time left to be touched again.
        tracing::debug!(%error, "a session could not be touched");
    }
}

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pulse").field("beat", &self.beat).finish_non_exhaustive()
    }
}
