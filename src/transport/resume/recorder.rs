//! Keeps what a call says, before its connection says it: so nothing that a client was sent is missing when it comes back.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::time::timeout;
use uuid::Uuid;

use super::Recording;
use super::event_id::StreamName;
use crate::server::outbound::Outbound;
use crate::server::outbound::recorded::Said;
use crate::store::{Appended, LogEntry, LogKey, LogPlace, StoreError};
use crate::transport::service::Shared;
use crate::transport::sse::event;

/// The only writer of a stream's log.
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    recording: Recording,
    log: LogKey,
    name: StreamName,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Begun,
    /// The log takes no more. What comes has no ids, so that nobody comes back for a log with a hole.
    Broken,
}

impl Recorder {
    /// A recorder for a new stream. `None` if the store fails.
    pub(crate) async fn new(shared: &Arc<Shared>, recording: Recording) -> Option<Self> {
        let epoch = shared.sessions.store.epoch().await.inspect_err(cannot_record).ok()?;
        // Not 0, which is the session's own stream.
        let stream = Uuid::new_v4().as_u128();
        Some(Self {
            shared: Arc::clone(shared),
            recording,
            log: LogKey::new(recording.group, stream),
            name: StreamName { epoch, stream },
            state: State::New,
        })
    }

    pub(crate) fn log(&self) -> LogKey {
        self.log
    }

    pub(crate) fn name(&self) -> StreamName {
        self.name
    }

    /// Records a whole stream, and writes its events.
    pub(crate) async fn whole(mut self, messages: impl IntoIterator<Item = Bytes>) -> Bytes {
        let mut out = BytesMut::new();
        if let Some(retry) = self.recording.primer
            && let Some(seq) = self.append(Bytes::new(), false).await
        {
            event::write_primer(&mut out, self.name.event(seq), retry);
        }
        let mut messages = messages.into_iter().peekable();
        while let Some(message) = messages.next() {
            let seq = self.append(message.clone(), messages.peek().is_none()).await;
            event::write(&mut out, seq.map(|seq| self.name.event(seq)), &message);
        }
        out.freeze()
    }

    /// Records what is said, until the answer.
    pub(crate) async fn run(mut self, queue: &Outbound) {
        if self.recording.primer.is_some()
            && let Some(seq) = self.append(Bytes::new(), false).await
        {
            queue.begin(seq);
        }
        loop {
            let Said { messages, answered, close } = self.said(queue).await;
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
                match self.shared.sessions.store.keep(self.log, ttl).await {
                    Ok(true) => {}
                    Ok(false) => self.state = State::Broken,
                    Err(error) => tracing::debug!(%error, "a stream's log could not be kept alive"),
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
        match self.shared.sessions.store.append(self.log, entry, self.shared.config.log).await {
            Ok(Appended::Seq(seq)) => {
                self.state = State::Begun;
                return Some(seq);
            }
            Ok(refused) => tracing::debug!(?refused, "a stream is not recorded any more"),
            Err(error) => cannot_record(&error),
        }
        self.state = State::Broken;
        None
    }
}

fn cannot_record(error: &StoreError) {
    let error = crate::error::Causes(error);
    tracing::warn!(%error, "a stream could not be recorded: its client cannot come back for what it misses");
}
