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
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Connection {
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

    pub(super) fn take_recorder(&mut self) -> Option<Waker> {
        self.recorder.take()
    }

    pub(super) fn leave(&mut self) {
        if self.connection != Connection::Cut {
            self.connection = Connection::Gone;
        }
    }

    pub(super) fn cut(&mut self) {
        self.connection = Connection::Cut;
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

    /// Drops what is ready. Answers who is to be woken.
    pub(super) fn forget_ready(&mut self) -> Option<Waker> {
        if let Some(recorded) = &mut self.recorded {
            self.bytes -= recorded.ready.drain(..).map(|item| item.bytes()).sum::<usize>().min(self.bytes);
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
        state.poll_late_progress(cx);
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
            if recorded.connection == Connection::Open {
                recorded.connection = Connection::Closing;
            } else {
                // Its bytes do not count any more.
                recorded.ready.clear();
            }
            let reader = state.forget_ready();
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
        if counted {
            state.bytes = state.bytes.saturating_sub(messages.iter().map(Item::bytes).sum());
        }
        state.unread = None;
        drop(state);
        self.room.notify_waiters();
        if last {
            self.gone.notify_waiters();
        }
        Poll::Ready(Read::Messages { messages, last })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::super::QueueLimits;
    use super::*;

    fn queue() -> Outbound {
        let queue = Outbound::new(QueueLimits { events: 2, bytes: 10, stall: Duration::from_secs(30) }).closable(true);
        queue.record();
        queue
    }

    fn message(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn item(seq: u64, text: &'static str) -> Item {
        Item::Message { seq: Some(seq), message: message(text) }
    }

    async fn record(queue: &Outbound, seq: u64) -> Said {
        let said = poll_fn(|cx| queue.poll_said(cx)).await;
        for (seq, message) in (seq..).zip(&said.messages) {
            queue.give_back(Some(seq), message.clone(), said.answered && seq == said.messages.len() as u64);
        }
        said
    }

    fn read(messages: impl IntoIterator<Item = Item>, last: bool) -> Read<VecDeque<Item>> {
        Read::Messages { messages: messages.into_iter().collect(), last }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_counts_until_it_is_read() {
        let queue = queue();
        queue.send(message("one")).await;
        record(&queue, 1).await;
        queue.send(message("two")).await;
        let began = Instant::now();
        let reading = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            poll_fn(|cx| queue.poll_recorded(cx)).await
        };
        let ((), first) = tokio::join!(queue.send(message("three")), reading);
        assert_eq!((first, began.elapsed()), (read([item(1, "one")], false), Duration::from_secs(5)));
        record(&queue, 2).await;
        assert_eq!(poll_fn(|cx| queue.poll_recorded(cx)).await, read([item(2, "two"), item(3, "three")], false));
        assert_eq!(queue.lock().bytes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_gone_holds_nobody_up_and_what_is_said_is_recorded() {
        for leave in [Outbound::close, Outbound::hand_over, Outbound::close_connection] {
            let queue = queue();
            queue.send(message("one")).await;
            record(&queue, 1).await;
            leave(&queue);
            let began = Instant::now();
            for (seq, text) in [(2, "two"), (3, "three"), (4, "four")] {
                queue.send(message(text)).await;
                assert_eq!(record(&queue, seq).await.messages, [message(text)]);
            }
            queue.finish(message("answer"));
            assert!(record(&queue, 1).await.answered);
            assert_eq!((began.elapsed(), queue.lock().bytes), (Duration::ZERO, 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_does_not_read_is_cut_and_the_recorder_goes_on() {
        let queue = queue();
        queue.send(message("one")).await;
        record(&queue, 1).await;
        queue.watch().await;
        assert_eq!(poll_fn(|cx| queue.poll_recorded(cx)).await, Read::Cut);
        assert!(queue.was_left());
        queue.send(message("two")).await;
        assert_eq!(record(&queue, 2).await.messages, [message("two")]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_recorder_is_no_slow_reader() {
        let queue = queue();
        for text in ["one", "two"] {
            queue.send(message(text)).await;
        }
        let late = async {
            tokio::time::sleep(Duration::from_secs(100)).await;
            record(&queue, 1).await
        };
        let began = Instant::now();
        let ((), said) = tokio::join!(queue.send(message("three")), late);
        assert_eq!(said.messages.len(), 2);
        assert_eq!(
            began.elapsed(),
            Duration::from_secs(130),
            "from when on it was the reader's turn, who did not come"
        );
        assert_eq!(poll_fn(|cx| queue.poll_recorded(cx)).await, Read::Cut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_closed_is_read_to_its_end() {
        let queue = queue();
        queue.send(message("one")).await;
        assert!(queue.ask_to_close());
        assert!(record(&queue, 1).await.close);
        queue.close_connection();
        queue.close_connection();
        assert_eq!(poll_fn(|cx| queue.poll_recorded(cx)).await, read([item(1, "one"), Item::Retry], true));
        assert_eq!(poll_fn(|cx| queue.poll_recorded(cx)).await, Read::End);
        queue.watch().await;
        queue.close();
        assert!(!queue.was_left(), "it was the server that ended it");
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_is_the_end() {
        let queue = queue();
        queue.begin(1);
        queue.finish(message("answer"));
        let said = poll_fn(|cx| queue.poll_said(cx)).await;
        assert_eq!(said, Said { messages: [message("answer")].into(), answered: true, close: false });
        queue.give_back(Some(2), message("answer"), true);
        assert_eq!(
            poll_fn(|cx| queue.poll_recorded(cx)).await,
            read([Item::Primer { seq: 1 }, item(2, "answer")], true)
        );
        queue.watch().await;
    }
}
