//! Keeps what a call says, before its connection says it: so nothing that a client was sent is missing when it comes back.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep_until, timeout};

use super::Recording;
use super::about::{About, not_kept};
use super::event_id::{EventId, StreamName};
use super::persistence::{Owed, Persistence, Refused};
use crate::protocol::id::RequestId;
use crate::server::outbound::Outbound;
use crate::server::outbound::recorded::Said;
use crate::store::{Appended, LogEntry, LogKey, LogPlace, Store, StoreFuture};
use crate::transport::service::Shared;
use crate::transport::sse::event;

/// How long a store may take for all that is said at a time, so that one that is slow, hangs or is down does not withhold
/// it: long enough for one that is restarted.
const PATIENCE: Duration = Duration::from_secs(10);

/// How soon a log is kept alive that could not be.
const KEEP_AGAIN: Duration = Duration::from_secs(1);

/// How long after its call what is owed to a stream is tried.
const OWED: Duration = Duration::from_secs(60);

/// The only writer of a stream's log, but for its end when this process seems to have stopped.
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    recording: Recording,
    /// `None` where nobody else may have to end the stream: in memory.
    request: Option<RequestId>,
    log: LogKey,
    name: Naming,
    state: State,
    /// When it took what it gives the store: all of it has [so much time](PATIENCE) from then on.
    turn: Instant,
    /// When the log has to be kept alive, if nothing is said until then.
    keep: Instant,
    /// What has to be done about a log that could not be written on.
    owed: Option<Owed>,
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
    /// With the number of the newest entry.
    Begun(u64),
    /// The log takes no more. What comes has no ids, so that nobody comes back for a log with a hole.
    Broken,
}

impl Recorder {
    /// A recorder for the new stream of a request.
    pub(crate) fn new(shared: &Arc<Shared>, recording: Recording, request: Option<RequestId>) -> Self {
        let (stream, now) = (shared.sessions.stream_ids.next(), Instant::now());
        Self {
            shared: Arc::clone(shared),
            recording,
            request,
            log: LogKey::new(recording.group, stream),
            name: Naming { stream, epoch: Arc::default() },
            state: State::New,
            turn: now,
            keep: now,
            owed: None,
        }
    }

    pub(crate) fn log(&self) -> LogKey {
        self.log
    }

    pub(crate) fn name(&self) -> Naming {
        self.name.clone()
    }

    /// Records a whole stream, what was said and its answer, and writes its events, if the store does so at once. If it has
    /// not, or not all of it, that remains to be [waited for](Self::whole), which finds what is there.
    pub(crate) fn at_once(&mut self, messages: &VecDeque<Bytes>) -> Option<Bytes> {
        let Shared { sessions, config, .. } = &*self.shared;
        if sessions.replicas.is_some() {
            return None;
        }
        let StoreFuture::Ready(Some(Ok(epoch))) = sessions.store.epoch() else { return None };
        let primer = self.recording.primer.map(|_| Bytes::new());
        let mut entries: Vec<_> = primer.into_iter().chain(messages.iter().cloned()).zip(0..).map(next_entry).collect();
        let last = entries.len() as u64;
        if let Some(first) = entries.first_mut() {
            (first.place, first.after, first.about) = (LogPlace::First, None, self.about());
        }
        // Another one than the first: something was said before the answer.
        if let Some(end) = entries.last_mut() {
            end.place = LogPlace::Last;
        }
        let appended = sessions.store.append_at_once(self.log, &entries, config.log);
        if appended != Some(Appended::Seq(last)) {
            return None;
        }
        self.name.epoch.get_or_init(|| epoch);
        let mut numbers = 1..=last;
        let primer = if self.recording.primer.is_some() { numbers.next() } else { None };
        let mut out = self.begin_events(primer, messages);
        for (number, message) in numbers.zip(messages) {
            event::write(&mut out, self.name.event(number), message);
        }
        Some(out.freeze())
    }

    /// Records a whole stream, and writes its events.
    pub(crate) async fn whole(mut self, messages: VecDeque<Bytes>) -> Bytes {
        self.begin().await;
        let primer = if self.recording.primer.is_some() { self.append(Bytes::new(), false).await } else { None };
        let mut out = self.begin_events(primer, &messages);
        let mut left = messages.len();
        for message in messages {
            left -= 1;
            let seq = self.append(message.clone(), left == 0).await;
            event::write(&mut out, seq.and_then(|seq| self.name.event(seq)), &message);
        }
        self.leave();
        out.freeze()
    }

    /// What a whole stream begins with, and room for the rest.
    fn begin_events(&self, primer: Option<u64>, messages: &VecDeque<Bytes>) -> BytesMut {
        let frames = event::USUAL_FRAME * (messages.len() + 1);
        let mut out = BytesMut::with_capacity(messages.iter().map(Bytes::len).sum::<usize>() + frames);
        if let (Some(retry), Some(id)) = (self.recording.primer, primer.and_then(|seq| self.name.event(seq))) {
            event::write_primer(&mut out, id, retry);
        }
        out
    }

    /// Records what is said, until the answer.
    pub(crate) async fn run(mut self, queue: &Outbound) {
        // From now on, since the handler goes first.
        self.turn = Instant::now();
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
            self.turn = Instant::now();
            let mut left = messages.len();
            for message in messages {
                left -= 1;
                let answer = answered && left == 0;
                let seq = self.append(message.clone(), answer).await;
                queue.give_back(seq, message, answer);
            }
            if answered {
                self.leave();
                return;
            }
            if close {
                self.close(queue);
            }
        }
    }

    /// Waits for what is said next, and keeps the log alive meanwhile, and this process in the eyes of others.
    async fn said(&mut self, queue: &Outbound) -> Said {
        loop {
            let shared = &self.shared;
            let alive = async {
                match &shared.sessions.replicas {
                    Some(replicas) => replicas.stay_alive(&shared.lifespan).await,
                    None => pending().await,
                }
            };
            let kept = async {
                match self.state {
                    State::Begun(_) => sleep_until(self.keep).await,
                    State::New | State::Broken => pending().await,
                }
                shared.sessions.store.keep(self.log, shared.config.log.ttl).await
            };
            let kept = tokio::select! {
                biased;
                said = poll_fn(|cx| queue.poll_said(cx)) => return said,
                () = pay(&mut self.owed) => continue,
                () = alive => continue,
                kept = kept => kept,
            };
            match kept {
                Ok(true) => self.keep = Instant::now() + shared.config.log.ttl / 2,
                Ok(false) => {
                    self.state = State::Broken;
                    queue.cannot_be_resumed();
                }
                Err(error) => {
                    tracing::debug!(%error, "a stream's log could not be kept alive");
                    self.keep = Instant::now() + KEEP_AGAIN;
                }
            }
        }
    }

    /// Ends the connection, if the client can come back for the rest.
    fn close(&self, queue: &Outbound) {
        let Shared { lifespan, sessions, .. } = &*self.shared;
        if !matches!(self.state, State::Begun(_)) {
            tracing::debug!("the stream is not closed: it could not be recorded");
        } else if lifespan.is_draining() {
            tracing::debug!("the stream is not closed: in a shutdown its client could not come back");
        } else {
            queue.close_connection();
            sessions.readers.close(self.log);
            if sessions.store.is_shared() {
                // What is said next does not wait for it.
                let (shared, log) = (Arc::clone(&self.shared), self.log);
                lifespan.adopt(async move { shared.sessions.close_elsewhere(log).await });
            }
        }
    }

    /// Learns what the stream's events are called.
    async fn begin(&mut self) {
        let Shared { lifespan, sessions, .. } = &*self.shared;
        if let Some(replicas) = &sessions.replicas {
            replicas.come_alive(lifespan).await;
        }
        match self.persistence().epoch().await {
            Some(epoch) => {
                self.name.epoch.get_or_init(|| epoch);
            }
            None => self.state = State::Broken,
        }
    }

    fn persistence(&self) -> Persistence<'_> {
        let store: &dyn Store = &*self.shared.sessions.store;
        Persistence { store, log: self.log, limits: self.shared.config.log, until: self.turn + PATIENCE }
    }

    /// Appends a message. Answers its number, if it was kept.
    async fn append(&mut self, message: Bytes, answer: bool) -> Option<u64> {
        let entry = match (self.state, answer) {
            (State::Broken, _) => return None,
            (State::New, _) => {
                let place = if answer { LogPlace::Only } else { LogPlace::First };
                LogEntry::new(message, place).about(self.about())
            }
            (State::Begun(last), false) => LogEntry::new(message, LogPlace::Next).after(last),
            (State::Begun(last), true) => LogEntry::new(message, LogPlace::Last).after(last),
        };
        match self.persistence().append(entry).await {
            Ok(seq) => {
                self.state = State::Begun(seq);
                self.keep = self.turn + self.shared.config.log.ttl / 2;
                Some(seq)
            }
            Err(refused) => {
                self.give_up(refused);
                None
            }
        }
    }

    /// Who else may have to end the log finds out how.
    fn about(&self) -> Bytes {
        let replicas = self.shared.sessions.replicas.as_ref();
        replicas
            .map_or_else(Bytes::new, |replicas| About { writer: replicas.id(), request: self.request.clone() }.encode())
    }

    /// Nothing more is recorded. A log that is open, and whose client may come back for it, has to be ended.
    fn give_up(&mut self, refused: Refused) {
        tracing::debug!(?refused, "a stream is not recorded any more");
        if let (State::Begun(last), Refused::NotInTime | Refused::Misplaced) = (self.state, refused) {
            let store = Arc::clone(&self.shared.sessions.store);
            let end = LogEntry::new(not_kept(self.request.as_ref()), LogPlace::Last).after(last);
            self.owed = Some(Box::pin(super::persistence::end(store, self.log, end, self.shared.config.log)));
        }
        self.state = State::Broken;
    }

    /// The call is over: what is owed does not hold it up.
    fn leave(self) {
        if let Some(owed) = self.owed {
            self.shared.lifespan.adopt(async {
                if timeout(OWED, owed).await.is_err() {
                    tracing::debug!("a stream that could not be recorded is left without an end");
                }
            });
        }
    }
}

/// An entry behind the one with this number.
fn next_entry((message, after): (Bytes, u64)) -> LogEntry {
    LogEntry::new(message, LogPlace::Next).after(after)
}

/// Does what is owed, once; never resolves if nothing is.
async fn pay(owed: &mut Option<Owed>) {
    match owed {
        Some(paying) => paying.await,
        None => pending().await,
    }
    *owed = None;
}
