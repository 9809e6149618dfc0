//! What a running call says before its answer: a bounded queue between the handler and whoever reads the reply.
//!
//! A call whose stream can be resumed has a [recorder](recorded) in between.

pub(crate) mod recorded;
mod watch;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use self::recorded::{Connection, Recorded};
use super::pace::Pace;
use crate::lifespan::LONGEST_WAIT;

/// How much may wait in a queue, and how long it may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) stall: Duration,
}

impl QueueLimits {
    /// The same for a queue that is read in time by somebody who waits for a slow reader, and cuts that one off.
    pub(crate) fn patient(self) -> Self {
        Self { stall: LONGEST_WAIT, ..self }
    }
}

/// The queue of one call.
///
/// Its lock is held for a few moves of pointers only, never across an await.
#[derive(Debug)]
pub(crate) struct Outbound {
    state: Mutex<State>,
    /// There is room again, or nobody to make room for.
    room: Notify,
    /// The reader went away, was too slow, or has read the answer.
    gone: Notify,
    limits: QueueLimits,
    /// Whether the handler may end the connection before its answer.
    closable: bool,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Bytes>,
    bytes: usize,
    end: End,
    /// The greatest progress that was sent, or waits to be.
    progress: f64,
    /// Holds progress that came too fast, which is sent when its time comes, or before what follows it.
    pace: Pace,
    reader: Option<Waker>,
    /// Since when something waits that nobody has read.
    unread: Option<Instant>,
    /// Whether the handler wants the connection to end.
    close_asked: bool,
    /// What is between the queue and the reader, if the stream can be resumed.
    recorded: Option<Box<Recorded>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Messages may come.
    Open,
    /// The answer is the last in the queue.
    Answered,
    /// The reader went away; what is sent is dropped. Never so in a queue that is recorded.
    Gone,
    /// The reader did not read for too long; the reply breaks off. Never so in a queue that is recorded.
    Cut,
}

/// What the reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read<T = VecDeque<Bytes>> {
    /// All that waits, and whether more can come.
    Messages { messages: T, last: bool },
    /// Nothing more comes.
    End,
    /// The reply broke off, because nobody read it.
    Cut,
}

impl<T> Read<T> {
    /// The same, with the messages made into something else.
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Read<U> {
        match self {
            Self::Messages { messages, last } => Read::Messages { messages: make(messages), last },
            Self::End => Read::End,
            Self::Cut => Read::Cut,
        }
    }
}

impl Outbound {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        let state = State {
            queue: VecDeque::new(),
            bytes: 0,
            end: End::Open,
            progress: f64::NEG_INFINITY,
            pace: Pace::default(),
            reader: None,
            unread: None,
            close_asked: false,
            recorded: None,
        };
        Self { state: Mutex::new(state), room: Notify::new(), gone: Notify::new(), limits, closable: false }
    }

    /// Lets the handler end the connection before its answer, if `closable`.
    pub(crate) fn closable(self, closable: bool) -> Self {
        Self { closable, ..self }
    }

    /// Sends a message, waiting for room if the queue is full. A queue that nobody has read for too long is cut.
    pub(crate) async fn send(&self, message: Bytes) {
        loop {
            let room = self.room.notified();
            let patience = {
                let mut state = self.lock();
                if state.end != End::Open {
                    return;
                }
                if self.has_room(&state, message.len()) {
                    state.push_late_progress();
                    let reader = state.push(message);
                    drop(state);
                    wake(reader);
                    return;
                }
                state.unread_since() + self.limits.stall
            };
            if timeout_at(patience, room).await.is_err() {
                self.cut_if_stalled();
            }
        }
    }

    /// Sends a message of the few that must not wait, where there is room.
    pub(crate) fn send_now(&self, message: Bytes) {
        let mut state = self.lock();
        if state.end == End::Open && self.has_room(&state, message.len()) {
            state.push_late_progress();
            let reader = state.push(message);
            drop(state);
            wake(reader);
        }
    }

    /// Sends progress, which waits for nobody: where there is too much of it, or no room, the newest takes the place of
    /// what has not been sent yet (2026-07-28, basic/patterns/progress, «Implementation Notes»). A number that does not
    /// exceed what was sent before is dropped, whoever was faster.
    pub(crate) fn send_progress(&self, message: Bytes, progress: f64) {
        let mut state = self.lock();
        if state.end != End::Open || progress <= state.progress {
            return;
        }
        state.progress = progress;
        let now = Instant::now();
        let reader = if self.has_room(&state, message.len()) && state.pace.admits(now) {
            state.push_at(message, now)
        } else if state.pace.hold(message) {
            None
        } else {
            // So that it looks at the clock.
            state.taker()
        };
        drop(state);
        wake(reader);
    }

    /// Ends the queue with the answer, for which there is always room.
    pub(crate) fn finish(&self, answer: Bytes) {
        let mut state = self.lock();
        if state.end == End::Open {
            state.end = End::Answered;
            state.push_late_progress();
            let reader = state.push(answer);
            drop(state);
            wake(reader);
        }
    }

    /// Resolves when something waits, without taking it, or when the connection has to end.
    pub(crate) fn poll_message(&self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut state = self.lock();
        state.poll_late_progress(cx);
        if state.queue.is_empty() && !state.close_asked {
            state.wait(cx);
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Takes all that waits.
    pub(crate) fn take(&self) -> VecDeque<Bytes> {
        let mut state = self.lock();
        state.push_late_progress();
        state.bytes = 0;
        std::mem::take(&mut state.queue)
    }

    /// Reads all that waits, or waits for more.
    pub(crate) fn poll_read(&self, cx: &mut TaskContext<'_>) -> Poll<Read> {
        let mut state = self.lock();
        match state.end {
            End::Cut => return Poll::Ready(Read::Cut),
            End::Gone => return Poll::Ready(Read::End),
            End::Answered if state.queue.is_empty() => return Poll::Ready(Read::End),
            End::Open | End::Answered => {}
        }
        state.poll_late_progress(cx);
        if state.queue.is_empty() {
            state.wait(cx);
            return Poll::Pending;
        }
        let last = state.end == End::Answered;
        state.unread = None;
        state.bytes = 0;
        let messages = std::mem::take(&mut state.queue);
        drop(state);
        self.room.notify_waiters();
        if last {
            self.gone.notify_waiters();
        }
        Poll::Ready(Read::Messages { messages, last })
    }

    /// Nobody will read any more.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        if state.end == End::Cut {
            return;
        }
        let reader = if state.recorded.is_some() {
            state.end_connection(Connection::Gone)
        } else {
            state.end = End::Gone;
            state.clear()
        };
        drop(state);
        drop(reader);
        self.room.notify_waiters();
        self.gone.notify_waiters();
    }

    fn has_room(&self, state: &State, bytes: usize) -> bool {
        let waiting = state.queue.len() + state.recorded.as_ref().map_or(0, |recorded| recorded.waiting());
        // A message larger than the whole budget passes alone.
        waiting == 0 || (waiting < self.limits.events && state.bytes + bytes <= self.limits.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, cx: &TaskContext<'_>) {
        if !self.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            self.reader = Some(cx.waker().clone());
        }
    }

    /// Since when the reader is waited for, if it is.
    fn unread_since(&mut self) -> Instant {
        match &self.recorded {
            // The recorder is no slow reader.
            Some(recorded) if !recorded.awaits_reader() => Instant::now(),
            _ => *self.unread.get_or_insert_with(Instant::now),
        }
    }

    /// Whether something waits for the reader, who is there.
    fn awaits_reader(&self) -> bool {
        match &self.recorded {
            Some(recorded) => recorded.awaits_reader(),
            None => !self.queue.is_empty() && matches!(self.end, End::Open | End::Answered),
        }
    }

    /// Whether the reader has read all there will be, or will never read it.
    fn is_read_out(&self) -> bool {
        match (&self.recorded, self.end) {
            (Some(recorded), _) => recorded.is_read_out(),
            (None, End::Gone | End::Cut) => true,
            (None, End::Answered) => self.queue.is_empty(),
            (None, End::Open) => false,
        }
    }

    /// Answers who is to be woken.
    #[must_use]
    fn push(&mut self, message: Bytes) -> Option<Waker> {
        self.enqueue(message, Instant::now);
        self.taker()
    }

    /// The same, where the time is known.
    #[must_use]
    fn push_at(&mut self, message: Bytes, now: Instant) -> Option<Waker> {
        self.enqueue(message, || now);
        self.taker()
    }

    fn enqueue(&mut self, message: Bytes, now: impl FnOnce() -> Instant) {
        self.bytes += message.len();
        self.queue.push_back(message);
        if self.recorded.is_none() {
            // From now on somebody has to read.
            self.unread.get_or_insert_with(now);
        }
    }

    /// Who takes what is queued.
    fn taker(&mut self) -> Option<Waker> {
        match &mut self.recorded {
            Some(recorded) => recorded.take_recorder(),
            None => self.reader.take(),
        }
    }

    fn holds_progress(&self) -> bool {
        self.pace.holds()
    }

    /// Moves progress that waits to the queue. Whoever calls this is going to wake the one who takes it, or is that one.
    fn push_late_progress(&mut self) {
        if self.pace.holds() {
            let now = Instant::now();
            if let Some(message) = self.pace.take(now) {
                self.enqueue(message, || now);
            }
        }
    }

    /// The same for the one who takes it, once its time has come.
    fn poll_late_progress(&mut self, cx: &mut TaskContext<'_>) {
        if let Some((message, now)) = self.pace.poll(cx) {
            self.enqueue(message, || now);
        }
    }

    fn clear(&mut self) -> Option<Waker> {
        self.queue = VecDeque::new();
        self.pace.clear();
        self.bytes = 0;
        self.reader.take()
    }
}

/// A waker is foreign code: called without the lock.
fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}

#[cfg(test)]
mod tests;
