//! The sign of life of a session that has a stream open or a call running.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{SessionRoom, record_word};
use crate::store::signals::Listener;
use crate::store::{Key, Store};

/// Touches a session in the store at each beat, while it is polled, and when another replica says that it has changed.
pub(crate) struct Pulse {
    store: Arc<dyn Store>,
    key: Key,
    idle: Duration,
    beat: Duration,
    state: State,
    /// Where there are other replicas.
    told: Option<Listener>,
    /// The record as it was last seen, until somebody asks for it.
    seen: Option<Bytes>,
}

enum State {
    /// To be touched at once: what runs must not outlive a session that ended while it was on its way.
    New,
    Waiting(Pin<Box<Sleep>>),
    Touching(Pin<Box<dyn Future<Output = Touched> + Send>>),
}

/// What became of a touch.
enum Touched {
    There(Bytes),
    Gone,
    /// The store failed.
    Unknown,
}

impl Pulse {
    pub(crate) fn new(room: &SessionRoom, key: Key) -> Self {
        Self {
            store: Arc::clone(&room.store),
            key,
            idle: room.settings.idle,
            beat: room.beat,
            state: State::New,
            told: room.store.is_shared().then(|| room.signals.listen(record_word(key))),
            seen: None,
        }
    }

    /// Touches at the next poll, whenever the next beat would be.
    pub(crate) fn hurry(&mut self) {
        self.state = State::New;
    }

    /// The session's record, if it has been read since it was last asked for.
    pub(crate) fn take_seen(&mut self) -> Option<Bytes> {
        self.seen.take()
    }

    /// Goes on, and sees to it that `cx` is woken for the next beat. Resolves when the session is gone.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.state {
                State::New => {
                    self.state = State::Touching(Box::pin(touch(Arc::clone(&self.store), self.key, self.idle)));
                }
                State::Waiting(sleep) => {
                    // Not while it is being touched: what is told then may not have been read.
                    let told = self.told.as_ref().is_some_and(|told| told.poll(cx).is_ready());
                    if !told && sleep.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    self.state = State::New;
                }
                State::Touching(touch) => match touch.as_mut().poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Touched::Gone) => {
                        self.state = State::New;
                        return Poll::Ready(());
                    }
                    Poll::Ready(touched) => {
                        if let Touched::There(record) = touched {
                            self.seen = Some(record);
                        }
                        self.state = State::Waiting(Box::pin(sleep_until(Instant::now() + self.beat)));
                    }
                },
            }
        }
    }
}

async fn touch(store: Arc<dyn Store>, key: Key, idle: Duration) -> Touched {
    match store.get(key, Some(idle)).await {
        Ok(Some(stored)) => Touched::There(stored.value),
        Ok(None) => Touched::Gone,
        Err(error) => {
            // The session has its idle time left to be touched again.
            tracing::debug!(%error, "a session could not be touched");
            Touched::Unknown
        }
    }
}

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pulse").field("beat", &self.beat).finish_non_exhaustive()
    }
}
