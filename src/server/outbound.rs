//! What a running call says before its answer: a bounded queue between the handler and whoever reads the reply.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::pace::Pace;

/// How much may wait in a queue, and how long it may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) stall: Duration,
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Messages may come.
    Open,
    /// The answer is the last in the queue.
    Answered,
    /// The reader went away; what is sent is dropped.
    Gone,
    /// The reader did not read for too long; the reply breaks off.
    Cut,
}

/// What the reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// All that waits, and whether more can come.
    Messages { messages: VecDeque<Bytes>, last: bool },
    /// Nothing more comes.
    End,
    /// The reply broke off, because nobody read it.
    Cut,
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
        };
        Self { state: Mutex::new(state), room: Notify::new(), gone: Notify::new(), limits }
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
                *state.unread.get_or_insert_with(Instant::now) + self.limits.stall
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
            let reader = state.push(message);
            drop(state);
            wake(reader);
        }
    }

    /// Resolves when nobody will read what is sent: the reader went away or was cut off.
    pub(crate) async fn left(&self) {
        loop {
            let gone = self.gone.notified();
            if matches!(self.lock().end, End::Gone | End::Cut) {
                return;
            }
            gone.await;
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
        let reader = if self.has_room(&state, message.len()) && state.pace.admits() {
            state.push(message)
        } else if state.pace.hold(message) {
            None
        } else {
            // So that it looks at the clock.
            state.reader.take()
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

    /// Resolves when something waits, without taking it.
    pub(crate) fn poll_message(&self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut state = self.lock();
        state.poll_late_progress(cx);
        if state.queue.is_empty() {
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
        state.end = End::Gone;
        let reader = state.clear();
        drop(state);
        drop(reader);
        self.room.notify_waiters();
        self.gone.notify_waiters();
    }

    /// Watches over the reader: resolves when it went away, has read the answer, or was cut off since it did not read
    /// for too long.
    pub(crate) async fn watch(&self) {
        loop {
            let gone = self.gone.notified();
            let look_again = {
                let mut state = self.lock();
                match state.end {
                    End::Gone | End::Cut => return,
                    End::Answered if state.queue.is_empty() => return,
                    // A quiet handler is not a slow reader.
                    End::Open | End::Answered if state.queue.is_empty() => Instant::now() + self.limits.stall,
                    End::Open | End::Answered => *state.unread.get_or_insert_with(Instant::now) + self.limits.stall,
                }
            };
            if timeout_at(look_again, gone).await.is_err() {
                self.cut_if_stalled();
            }
        }
    }

    fn has_room(&self, state: &State, bytes: usize) -> bool {
        // A message larger than the whole budget passes alone.
        state.queue.is_empty() || (state.queue.len() < self.limits.events && state.bytes + bytes <= self.limits.bytes)
    }

    fn cut_if_stalled(&self) {
        let mut state = self.lock();
        let stalled = state.unread.is_some_and(|since| since.elapsed() >= self.limits.stall);
        if !stalled || state.queue.is_empty() || !matches!(state.end, End::Open | End::Answered) {
            return;
        }
        tracing::debug!(stall_ms = self.limits.stall.as_millis(), "a stream was not read for too long: cutting it");
        state.end = End::Cut;
        let reader = state.clear();
        drop(state);
        wake(reader);
        self.room.notify_waiters();
        self.gone.notify_waiters();
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

    /// Answers who is to be woken.
    #[must_use]
    fn push(&mut self, message: Bytes) -> Option<Waker> {
        // From now on somebody has to read.
        self.unread.get_or_insert_with(Instant::now);
        self.bytes += message.len();
        self.queue.push_back(message);
        self.reader.take()
    }

    /// Moves progress that waits to the queue. Whoever calls this is going to wake the reader, or is the reader.
    fn push_late_progress(&mut self) {
        if let Some(message) = self.pace.take() {
            self.reader = self.push(message);
        }
    }

    /// The same for the reader, once its time has come.
    fn poll_late_progress(&mut self, cx: &mut TaskContext<'_>) {
        if let Some(message) = self.pace.poll(cx) {
            self.reader = self.push(message);
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
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use super::*;

    fn queue() -> Arc<Outbound> {
        Arc::new(Outbound::new(QueueLimits { events: 2, bytes: 10, stall: Duration::from_secs(30) }))
    }

    fn message(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_waits_for_its_reader_and_loses_nothing() {
        let queue = queue();
        let writer = {
            let queue = Arc::clone(&queue);
            async move {
                for text in ["one", "two", "three", "four"] {
                    queue.send(message(text)).await;
                }
                queue.finish(message("answer"));
            }
        };
        let reader = async {
            let mut read = Vec::new();
            while let Read::Messages { messages, last } = poll_fn(|cx| queue.poll_read(cx)).await {
                read.extend(messages);
                if last {
                    break;
                }
            }
            read
        };
        let ((), read) = tokio::join!(writer, reader);
        assert_eq!(read, ["one", "two", "three", "four", "answer"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_nobody_reads_is_cut_after_the_stall() {
        let queue = queue();
        let began = Instant::now();
        for text in ["one", "two", "three"] {
            queue.send(message(text)).await;
        }
        assert_eq!(began.elapsed(), Duration::from_secs(30));
        queue.watch().await;
        assert_eq!(poll_fn(|cx| queue.poll_read(cx)).await, Read::Cut);
        queue.send(message("dropped")).await;
        assert!(queue.take().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn progress_never_goes_back() {
        let queue = queue();
        queue.send_progress(message("6"), 6.0);
        queue.send_progress(message("5"), 5.0);
        assert_eq!(queue.take(), [message("6")]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_message_that_nobody_reads_is_cut_too() {
        let queue = queue();
        queue.send(message("one")).await;
        let began = Instant::now();
        queue.watch().await;
        assert_eq!(began.elapsed(), Duration::from_secs(30));
        assert_eq!(poll_fn(|cx| queue.poll_read(cx)).await, Read::Cut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_comes_back_in_time_keeps_its_stream() {
        let queue = queue();
        queue.send(message("one")).await;
        queue.send(message("two")).await;
        let late = async {
            tokio::time::sleep(Duration::from_secs(29)).await;
            poll_fn(|cx| queue.poll_read(cx)).await
        };
        let (read, ()) = tokio::join!(late, queue.send(message("three")));
        assert_eq!(read, Read::Messages { messages: [message("one"), message("two")].into(), last: false });
        assert_eq!(queue.take(), [message("three")]);
    }
}
