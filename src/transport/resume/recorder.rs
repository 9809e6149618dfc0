//! Keeps what a call says, before its connection says it: so nothing that a client was sent is missing when it comes back.

use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use super::Recording;
use super::event_id::{EventId, StreamName};
use crate::server::outbound::Outbound;
use crate::server::outbound::recorded::Said;
use crate::store::{Appended, LogEntry, LogKey, LogPlace, StoreError, StoreFuture};
use crate::transport::service::Shared;
use crate::transport::sse::event;

/// How long a store may take for all that is said at a time, so that one that is slow or hangs does not withhold it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The only writer of a stream's log.
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    recording: Recording,
    log: LogKey,
    name: Naming,
    state: State,
    /// Until when the store may take for what it was given last.
    patience: Instant,
}

/// The name of a stream, which is complete before it has an event: the reply begins without waiting for the store.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    stream: u128,
    epoch: Arc<OnceLock<u64>>,
}

impl Naming {
    /// What the event with this number is called.
    pub(crate) fn event(&self, seq: u64) -> Option<EventId> {
        let name = StreamName { epoch: *self.epoch.get()?, stream: self.stream };
        Some(name.event(seq))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Begun,
    /// The log takes no more. What comes has no ids, so that nobody comes back for a log with a hole.
    Broken,
}

impl Recorder {
    /// A recorder for a new stream.
    pub(crate) fn new(shared: &Arc<Shared>, recording: Recording) -> Self {
        // Not 0, which is the session's own stream.
        let stream = Uuid::new_v4().as_u128();
        Self {
            shared: Arc::clone(shared),
            recording,
            log: LogKey::new(recording.group, stream),
            name: Naming { stream, epoch: Arc::default() },
            state: State::New,
            patience: Instant::now() + PATIENCE,
        }
    }

    pub(crate) fn log(&self) -> LogKey {
        self.log
    }

    pub(crate) fn name(&self) -> Naming {
        self.name.clone()
    }

    /// Records a whole stream, and writes its events.
    pub(crate) async fn whole(mut self, messages: impl IntoIterator<Item = Bytes>) -> Bytes {
        let mut out = BytesMut::new();
        self.patience = Instant::now() + PATIENCE;
        self.begin().await;
        if let Some(retry) = self.recording.primer
            && let Some(id) = self.append(Bytes::new(), false).await.and_then(|seq| self.name.event(seq))
        {
            event::write_primer(&mut out, id, retry);
        }
        let mut messages = messages.into_iter().peekable();
        while let Some(message) = messages.next() {
            let seq = self.append(message.clone(), messages.peek().is_none()).await;
            event::write(&mut out, seq.and_then(|seq| self.name.event(seq)), &message);
        }
        out.freeze()
    }

    /// Records what is said, until the answer.
    pub(crate) async fn run(mut self, queue: &Outbound) {
        // From now on, since the handler goes first.
        self.patience = Instant::now() + PATIENCE;
        self.begin().await;
        if self.recording.primer.is_some()
            && let Some(seq) = self.append(Bytes::new(), false).await
        {
            queue.begin(seq);
        }
        loop {
            if self.state == State::Broken {
                queue.cannot_be_resumed();
            }
            let Said { messages, answered, close } = self.said(queue).await;
            self.patience = Instant::now() + PATIENCE;
            let mut left = messages.len();
            for message in messages {
                left -= 1;
                let answer = answered && left == 0;
                let seq = self.append(message.clone(), answer).await;
                queue.give_back(seq, message, answer);
            }
            if answered {
                return;
            }
            if close {
                self.close(queue);
            }
        }
    }

    /// Waits for what is said next, and keeps the log alive meanwhile.
    async fn said(&mut self, queue: &Outbound) -> Said {
        let ttl = self.shared.config.log.ttl;
        loop {
            if let Ok(said) = timeout(ttl / 2, poll_fn(|cx| queue.poll_said(cx))).await {
                return said;
            }
            if self.state == State::Begun {
                match timeout(PATIENCE, self.shared.sessions.store.keep(self.log, ttl)).await {
                    Ok(Ok(true)) => {}
                    Ok(Ok(false)) => {
                        self.state = State::Broken;
                        queue.cannot_be_resumed();
                    }
                    Ok(Err(error)) => tracing::debug!(%error, "a stream's log could not be kept alive"),
                    Err(_) => tracing::debug!("a stream's log could not be kept alive in time"),
                }
            }
        }
    }

    /// Ends the connection, if the client can come back for the rest.
    fn close(&self, queue: &Outbound) {
        if self.state != State::Begun {
            tracing::debug!("the stream is not closed: it could not be recorded");
        } else if self.shared.lifespan.is_draining() {
            tracing::debug!("the stream is not closed: in a shutdown its client could not come back");
        } else {
            queue.close_connection();
            self.shared.sessions.readers.close(self.log);
        }
    }

    /// Learns what the stream's events are called.
    async fn begin(&mut self) {
        let shared = Arc::clone(&self.shared);
        match self.in_time(shared.sessions.store.epoch()).await {
            Some(epoch) => {
                self.name.epoch.get_or_init(|| epoch);
            }
            None => self.state = State::Broken,
        }
    }

    /// What comes of an operation of the store, if it comes in time.
    async fn in_time<T: Unpin>(&self, operation: StoreFuture<'_, T>) -> Option<T> {
        match timeout_at(self.patience, operation).await {
            Ok(outcome) => outcome.inspect_err(cannot_record).ok(),
            Err(_) => {
                tracing::warn!(
                    waited_ms = PATIENCE.as_millis(),
                    "a stream could not be recorded in time: its client cannot come back for what it misses"
                );
                None
            }
        }
    }

    /// Appends a message. Answers its number, if it was kept.
    async fn append(&mut self, message: Bytes, answer: bool) -> Option<u64> {
        if self.state == State::Broken {
            return None;
        }
        let place = match (self.state, answer) {
            (State::New, false) => LogPlace::First,
            (State::New, true) => LogPlace::Only,
            (_, false) => LogPlace::Next,
            (_, true) => LogPlace::Last,
        };
        let entry = LogEntry::new(message, place);
        match self.in_time(self.shared.sessions.store.append(self.log, entry, self.shared.config.log)).await {
            Some(Appended::Seq(seq)) => {
                self.state = State::Begun;
                return Some(seq);
            }
            Some(refused) => tracing::debug!(?refused, "a stream is not recorded any more"),
            None => {}
        }
        self.state = State::Broken;
        None
    }
}

fn cannot_record(error: &StoreError) {
    let error = crate::error::Causes(error);
    tracing::warn!(%error, "a stream could not be recorded: its client cannot come back for what it misses");
}
