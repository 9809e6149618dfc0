//! A queue that is recorded before it is read, so that its reader may go away and come back elsewhere.
//!
//! The recorder takes what was said, keeps it, and gives it back with its number for the connection that is there. The
//! bounds count a message until it is read, or is recorded and nobody is there to read it. So a reader that is slow
//! holds the handler up as ever, and one that is gone does not.

use std::collections::VecDeque;
use std::mem;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use super::{End, Outbound, Read, State, wake};

/// What a connection reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// The stream begins, with this number.
    Primer { seq: u64 },
    /// A message, without a number if it could not be recorded.
    Message { seq: Option<u64>, message: Bytes },
    /// The connection ends before its stream does: when to come back.
    Retry,
}

impl Item {
    fn has_id(&self) -> bool {
        matches!(self, Self::Primer { .. } | Self::Message { seq: Some(_), .. })
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Message { message, .. } => message.len(),
            Self::Primer { .. } | Self::Retry => 0,
        }
    }
}

/// What the recorder finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) messages: VecDeque<Bytes>,
    /// Whether the last of them is the answer.
    pub(crate) answered: bool,
    /// Whether the connection is to end when they have been given back.
    pub(crate) close: bool,
}

#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// How many messages the recorder has taken, and not given back.
    taken: usize,
    ready: VecDeque<Item>,
    recorder: Option<Waker>,
    connection: Connection,
    /// Whether the answer is ready or was.
    sealed: bool,
    /// Whether it was the server that ended the connection.
    closed: bool,
    /// Whether an id has been read, by which the client can come back.
    told_id: bool,
    /// Whether no more is recorded.
    broken: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Connection {
    #[default]
    Open,
    /// Ends when what is ready has been read.
    Closing,
    Gone,
    Cut,
}

impl Recorded {
    /// How many messages count as waiting.
    pub(super) fn waiting(&self) -> usize {
        self.taken + if self.connection == Connection::Open { self.ready.len() } else { 0 }
    }

    pub(super) fn awaits_reader(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn is_read_out(&self) -> bool {
        match self.connection {
            Connection::Gone | Connection::Cut => true,
            Connection::Closing => self.ready.is_empty(),
            Connection::Open => self.sealed && self.ready.is_empty(),
        }
    }

    /// Whether nobody reads what is said, nor will come back for it.
    pub(super) fn is_left(&self) -> bool {
        match self.connection {
            Connection::Open => false,
            // Its client has been told to come back, or has done so.
            Connection::Closing => self.broken,
            Connection::Gone | Connection::Cut => self.broken || !self.told_id,
        }
    }

    pub(super) fn take_recorder(&mut self) -> Option<Waker> {
        self.recorder.take()
    }
}

impl State {
    /// Leaves an item to the connection, if there is one. Answers who is to be woken.
    #[must_use]
    fn ready(&mut self, item: Item) -> Option<Waker> {
        let recorded = self.recorded.as_mut().filter(|recorded| recorded.connection == Connection::Open)?;
        // From now on somebody has to read.
        self.unread.get_or_insert_with(Instant::now);
        self.bytes += item.bytes();
        recorded.ready.push_back(item);
        self.reader.take()
    }

    /// Ends the connection, and drops what is ready for it. Answers who is to be woken.
    pub(super) fn end_connection(&mut self, end: Connection) -> Option<Waker> {
        if let Some(recorded) = &mut self.recorded {
            if recorded.connection == Connection::Open {
                self.bytes = self.bytes.saturating_sub(recorded.ready.iter().map(Item::bytes).sum());
            }
            if recorded.connection != Connection::Cut {
                recorded.connection = end;
            }
            recorded.ready.clear();
        }
        self.unread = None;
        self.reader.take()
    }
}

impl Outbound {
    /// Puts a recorder between the queue and its reader, from now on.
    pub(crate) fn record(&self) {
        let mut state = self.lock();
        state.recorded = Some(Box::default());
        state.unread = None;
    }

    /// Has the connection end, if the queue is recorded or will be. Answers whether that can be.
    pub(crate) fn ask_to_close(&self) -> bool {
        if !self.closable {
            return false;
        }
        let mut state = self.lock();
        if state.end == End::Open {
            state.close_asked = true;
            let waker = match &mut state.recorded {
                Some(recorded) => recorded.take_recorder(),
                None => state.reader.take(),
            };
            drop(state);
            wake(waker);
        }
        true
    }

    /// For the recorder: takes all that was said, or waits for more.
    pub(crate) fn poll_said(&self, cx: &mut TaskContext<'_>) -> Poll<Said> {
        let mut state = self.lock();
        // It waits for room as for its time: a reader that is slow gets the newest.
        if self.has_room(&state, 0) {
            state.poll_late_progress(cx);
        }
        let close = mem::take(&mut state.close_asked);
        let messages = mem::take(&mut state.queue);
        let answered = state.end == End::Answered && !messages.is_empty();
        let Some(recorded) = &mut state.recorded else { return Poll::Pending };
        if messages.is_empty() && !close {
            recorded.recorder = Some(cx.waker().clone());
            return Poll::Pending;
        }
        recorded.taken += messages.len();
        Poll::Ready(Said { messages, answered, close })
    }

    /// For the recorder: the stream begins, before anything is said.
    pub(crate) fn begin(&self, seq: u64) {
        let mut state = self.lock();
        let reader = state.ready(Item::Primer { seq });
        drop(state);
        wake(reader);
    }

    /// For the recorder: gives back what it took, in the same order. The answer `seals` the stream.
    pub(crate) fn give_back(&self, seq: Option<u64>, message: Bytes, seals: bool) {
        let mut state = self.lock();
        if let Some(recorded) = &mut state.recorded {
            recorded.taken = recorded.taken.saturating_sub(1);
            recorded.sealed |= seals;
        }
        // It is counted anew where it waits to be read.
        state.bytes = state.bytes.saturating_sub(message.len());
        let reader = state.ready(Item::Message { seq, message });
        drop(state);
        wake(reader);
        self.room.notify_waiters();
    }

    /// For the recorder: what is said from now on is not kept for who comes back.
    pub(crate) fn cannot_be_resumed(&self) {
        if let Some(recorded) = &mut self.lock().recorded {
            recorded.broken = true;
        }
        self.gone.notify_waiters();
    }

    /// For the recorder: the connection ends when what is ready has been read, and nothing waits for that.
    pub(crate) fn close_connection(&self) {
        let mut state = self.lock();
        let reader = state.ready(Item::Retry);
        let State { recorded, bytes, .. } = &mut *state;
        if let Some(recorded) = recorded
            && recorded.connection == Connection::Open
        {
            (recorded.connection, recorded.closed) = (Connection::Closing, true);
            *bytes = bytes.saturating_sub(recorded.ready.iter().map(Item::bytes).sum());
        }
        drop(state);
        wake(reader);
        self.room.notify_waiters();
        self.gone.notify_waiters();
    }

    /// The stream goes on in another connection; this one ends, and what was not read is read there.
    pub(crate) fn hand_over(&self) {
        let mut state = self.lock();
        if let Some(recorded) = &mut state.recorded
            && matches!(recorded.connection, Connection::Open | Connection::Closing)
        {
            recorded.closed = true;
            let reader = state.end_connection(Connection::Closing);
            drop(state);
            wake(reader);
            self.room.notify_waiters();
            self.gone.notify_waiters();
        }
    }

    /// Whether the client left, of its own accord or since it did not read.
    pub(crate) fn was_left(&self) -> bool {
        self.lock().recorded.as_ref().is_none_or(|recorded| !recorded.closed)
    }

    /// Reads all that is ready, or waits for more.
    pub(crate) fn poll_recorded(&self, cx: &TaskContext<'_>) -> Poll<Read<VecDeque<Item>>> {
        let mut state = self.lock();
        let Some(recorded) = &mut state.recorded else { return Poll::Pending };
        if recorded.connection == Connection::Cut {
            return Poll::Ready(Read::Cut);
        }
        let last = match recorded.connection {
            Connection::Open => recorded.sealed,
            Connection::Closing => true,
            Connection::Gone | Connection::Cut => return Poll::Ready(Read::End),
        };
        if recorded.ready.is_empty() {
            if last {
                return Poll::Ready(Read::End);
            }
            state.wait(cx);
            return Poll::Pending;
        }
        let counted = recorded.connection == Connection::Open;
        let messages = mem::take(&mut recorded.ready);
        recorded.told_id |= messages.iter().any(Item::has_id);
        if counted {
            state.bytes = state.bytes.saturating_sub(messages.iter().map(Item::bytes).sum());
        }
        state.unread = None;
        // There is room now for what waits for it.
        let recorder = state.holds_progress().then(|| state.taker()).flatten();
        drop(state);
        wake(recorder);
        self.room.notify_waiters();
        if last {
            self.gone.notify_waiters();
        }
        Poll::Ready(Read::Messages { messages, last })
    }
}

#[cfg(test)]
mod tests;
