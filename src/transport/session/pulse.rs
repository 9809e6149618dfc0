//! The sign of life of a session that has a stream open or a call running.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{ENDED, SessionRoom, record_word};
use crate::store::signals::Listener;
use crate::store::{Key, Store};

/// How long until it is touched again if the store has failed, or has not answered yet: who seems to be idle gives way to
/// others as soon as the store is back.
const AGAIN: Duration = Duration::from_secs(1);

/// How many touches may be on their way. The store answers each within seconds, or it has failed.
const MOST_AT_A_TIME: usize = 5;

/// Touches a session in the store at each beat, while it is polled, and when another replica says something of it.
pub(crate) struct Pulse {
    store: Arc<dyn Store>,
    key: Key,
    idle: Duration,
    beat: Duration,
    state: State,
    /// Where there are other replicas.
    told: Option<Box<Listener>>,
    /// The record as it was last seen, until somebody asks for it.
    seen: Option<Bytes>,
}

enum State {
    /// To be touched at once: what runs must not outlive a session that ended while it was on its way.
    New,
    Waiting(Pin<Box<Sleep>>),
    Touching(Touching),
}

/// Touches that are on their way, the first of which counts that the store answers.
struct Touching {
    touches: Vec<Touch>,
    /// When there will be one more.
    again: Option<Pin<Box<Sleep>>>,
}

type Touch = Pin<Box<dyn Future<Output = Touched> + Send>>;

/// What became of a touch.
enum Touched {
    There(Bytes),
    Gone,
    /// The store failed.
    Unknown,
}

impl Pulse {
    /// Of what has to end with its session, and hears of nothing else.
    pub(crate) fn new(room: &SessionRoom, key: Key) -> Self {
        let told = room.store.is_shared().then(|| room.signals.listen_for(record_word(key), ENDED));
        Self::told_by(told, room, key)
    }

    /// Of what hears of each change of its session.
    pub(crate) fn of_changes(room: &SessionRoom, key: Key) -> Self {
        Self::told_by(room.store.is_shared().then(|| room.signals.listen(record_word(key))), room, key)
    }

    fn told_by(told: Option<Listener>, room: &SessionRoom, key: Key) -> Self {
        Self {
            store: Arc::clone(&room.store),
            key,
            idle: room.settings.idle,
            beat: room.beat,
            state: State::New,
            told: told.map(Box::new),
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
            let touched = match &mut self.state {
                State::New => {
                    let mut touch = touch(&self.store, self.key, self.idle);
                    match touch.as_mut().poll(cx) {
                        Poll::Ready(touched) => touched,
                        Poll::Pending => {
                            self.state = State::Touching(Touching { touches: vec![touch], again: None });
                            continue;
                        }
                    }
                }
                State::Waiting(sleep) => {
                    // Not while it is being touched: what is told then may not have been read.
                    let told = self.told.as_mut().is_some_and(|told| told.poll(cx).is_ready());
                    if !told && sleep.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    self.state = State::New;
                    continue;
                }
                State::Touching(touching) => match touching.poll(cx) {
                    Poll::Ready(touched) => touched,
                    Poll::Pending if touching.is_due(cx) => {
                        touching.touches.push(touch(&self.store, self.key, self.idle));
                        continue;
                    }
                    Poll::Pending => return Poll::Pending,
                },
            };
            let pause = match touched {
                Touched::Gone => {
                    self.state = State::New;
                    return Poll::Ready(());
                }
                Touched::There(record) => {
                    self.seen = Some(record);
                    self.beat
                }
                // The session has its idle time left to be touched again.
                Touched::Unknown => AGAIN.min(self.beat),
            };
            self.state = State::Waiting(Box::pin(sleep_until(Instant::now() + pause)));
        }
    }
}

impl Touching {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Touched> {
        let mut outcome = Poll::Pending;
        self.touches.retain_mut(|touch| match touch.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(Touched::Unknown) => false,
            known @ Poll::Ready(_) => {
                outcome = known;
                false
            }
        });
        if outcome.is_pending() && self.touches.is_empty() { Poll::Ready(Touched::Unknown) } else { outcome }
    }

    /// Whether it is time for one more.
    fn is_due(&mut self, cx: &mut Context<'_>) -> bool {
        let again = self.again.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + AGAIN)));
        if self.touches.len() >= MOST_AT_A_TIME || again.as_mut().poll(cx).is_pending() {
            return false;
        }
        again.as_mut().reset(Instant::now() + AGAIN);
        true
    }
}

fn touch(store: &Arc<dyn Store>, key: Key, idle: Duration) -> Touch {
    let store = Arc::clone(store);
    Box::pin(async move {
        match store.get(key, Some(idle)).await {
            Ok(Some(stored)) => Touched::There(stored.value),
            Ok(None) => Touched::Gone,
            Err(error) => {
                tracing::debug!(%error, "a session could not be touched");
                Touched::Unknown
            }
        }
    })
}

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pulse").field("beat", &self.beat).finish_non_exhaustive()
    }
}
