//! The body that answers a client who came back: what it has missed, then what comes, until the stream is at its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::claim::{Claim, Place};
use super::elsewhere::Elsewhere;
use super::event_id::StreamName;
use super::readers::{Listing, Signal};
use crate::store::{LogKey, LogPage, Store, StoreError};
use crate::transport::body::StreamCut;
use crate::transport::service::Shared;
use crate::transport::session::pulse::Pulse;
use crate::transport::sse::event;
use crate::transport::sse::keep_alive::KeepAlive;
use crate::transport::sse::listen::Entered;

/// How many entries are read at a time.
const PAGE: usize = 64;

/// How soon a log is read again that could not be.
const AGAIN: Duration = Duration::from_millis(500);

/// How long after a shutdown's deadline the answer of a call that was cut may take to be there.
const LAST_WORD: Duration = Duration::from_millis(500);

/// A stream in a later connection than its first.
pub(crate) struct ResumedStream {
    source: Source,
    signal: Arc<Signal>,
    claim: Option<Box<Claim>>,
    _listing: Listing,
    pulse: Pulse,
    keep_alive: KeepAlive,
    /// `None` once it has ended.
    entered: Option<Entered>,
    first: Option<Bytes>,
    retry: Duration,
    /// The deadline for a stream that ends here, the drain for the others.
    shutdown: Pin<Box<WaitForCancellationFutureOwned>>,
    last_word: Option<Pin<Box<Sleep>>>,
}

/// Where a stream comes from.
pub(crate) enum Source {
    /// Nobody knows the stream: nothing comes. It stays open all the same, since a client comes back for a stream that
    /// ends without its answer, for ever.
    Lost,
    Log(Box<Replay>),
}

/// A log that is being read.
pub(crate) struct Replay {
    store: Arc<dyn Store>,
    log: LogKey,
    name: StreamName,
    /// The number of the entry that was read last.
    after: u64,
    reading: Option<Reading>,
    /// Whether there may be more to read.
    fresh: bool,
    /// When it is read again, if it could not be.
    again: Option<Pin<Box<Sleep>>>,
    /// Who writes it, if it is another process.
    elsewhere: Option<Box<Elsewhere>>,
    /// Whether all has been read there will ever be.
    done: bool,
}

impl Source {
    /// Whether what comes of it comes before this process ends: the call runs here, or is over.
    fn ends_here(&self) -> bool {
        matches!(self, Self::Log(replay) if replay.elsewhere.is_none())
    }
}

type Reading = Pin<Box<dyn Future<Output = Result<Option<LogPage>, StoreError>> + Send>>;

/// What comes of reading.
enum Piece {
    Events(Bytes),
    End,
    /// What came next has given way before it could be read, or is not what comes next any more.
    Gap,
}

impl Replay {
    /// Goes on behind entry `after`, where a page has been read already.
    pub(crate) fn new(
        shared: &Shared,
        log: LogKey,
        name: StreamName,
        after: u64,
        elsewhere: Option<Box<Elsewhere>>,
    ) -> Self {
        let store = Arc::clone(&shared.sessions.store);
        Self { store, log, name, after, reading: None, fresh: true, again: None, elsewhere, done: false }
    }

    /// Reads on, as far as there is something to read.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        loop {
            if self.done {
                return Poll::Ready(Piece::End);
            }
            if self.reading.is_none() {
                if !std::mem::take(&mut self.fresh) {
                    ready!(self.poll_fresh(cx));
                }
                self.again = None;
                let (store, log, after) = (Arc::clone(&self.store), self.log, self.after);
                self.reading = Some(Box::pin(async move { store.read(log, after, PAGE).await }));
            }
            let Some(reading) = &mut self.reading else { return Poll::Pending };
            let page = ready!(reading.as_mut().poll(cx));
            self.reading = None;
            match page {
                // Or the store has lost what has been told, and gives its numbers out again.
                Ok(Some(page)) if page.first > self.after + 1 || page.last < self.after => {
                    return Poll::Ready(Piece::Gap);
                }
                Ok(Some(page)) => {
                    let events = self.take(&page);
                    if !events.is_empty() {
                        return Poll::Ready(Piece::Events(events));
                    }
                }
                Ok(None) => return Poll::Ready(Piece::End),
                Err(error) => {
                    tracing::debug!(%error, "a stream's log could not be read");
                    self.again = Some(Box::pin(sleep_until(Instant::now() + AGAIN)));
                }
            }
        }
    }

    /// Resolves when there may be more to read, which nobody tells: the store may answer again, or its writer has stopped.
    fn poll_fresh(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match (&mut self.again, &mut self.elsewhere) {
            (Some(again), _) => again.as_mut().poll(cx),
            (None, Some(elsewhere)) => elsewhere.poll(cx, self.after),
            (None, None) => Poll::Pending,
        }
    }

    fn take(&mut self, page: &LogPage) -> Bytes {
        let mut out = BytesMut::new();
        for (seq, message) in &page.entries {
            self.after = *seq;
            // An entry without a message only began the stream.
            if !message.is_empty() {
                event::write(&mut out, Some(self.name.event(*seq)), message);
            }
        }
        let behind = self.after < page.last;
        // What has been touched while this page was on its way is touched still.
        self.fresh |= behind;
        self.done = page.closed && !behind;
        out.freeze()
    }
}

impl ResumedStream {
    pub(crate) fn new(
        shared: &Shared,
        source: Source,
        Place { listing, signal, claim }: Place,
        pulse: Pulse,
        entered: Entered,
    ) -> Self {
        let lifespan = &shared.lifespan;
        let shutdown = if source.ends_here() { lifespan.cut() } else { lifespan.drain_begun() };
        Self {
            source,
            signal,
            claim,
            _listing: listing,
            pulse,
            keep_alive: KeepAlive::new(shared.config.keep_alive),
            entered: Some(entered),
            first: None,
            retry: shared.sessions.settings.retry_interval,
            shutdown: Box::pin(shutdown),
            last_word: None,
        }
    }

    /// Begins with this.
    pub(crate) fn beginning_with(self, first: Option<Bytes>) -> Self {
        Self { first, ..self }
    }

    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamCut>>> {
        if self.is_done() {
            return Poll::Ready(None);
        }
        self.signal.register(cx);
        let taken_over = self.claim.as_mut().is_some_and(|claim| claim.poll(cx).is_ready());
        if taken_over || self.signal.has_ended() || self.pulse.poll(cx).is_ready() {
            return self.end(None);
        }
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if let Poll::Ready(piece) = self.poll_source(cx) {
            return match piece {
                Piece::Events(events) => {
                    self.keep_alive.reset();
                    Poll::Ready(Some(Ok(events)))
                }
                Piece::End => self.end(None),
                // The client learns it from the answer to its next request.
                Piece::Gap => self.end(Some(Err(StreamCut::new()))),
            };
        }
        let closed = self.signal.is_closing() && !self.is_reading();
        if closed || self.poll_shutdown(cx).is_ready() {
            let says = closed || !self.source.ends_here();
            let last = says.then(|| Ok(event::retry(self.retry)));
            return self.end(last);
        }
        self.keep_alive.poll(cx).map(|()| {
            // It may have been missed that there is more, or that it is read elsewhere.
            if let Source::Log(replay) = &mut self.source {
                replay.fresh = true;
            }
            if let Some(claim) = &self.claim {
                claim.doubt();
            }
            Some(Ok(event::KEEP_ALIVE))
        })
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let Source::Log(replay) = &mut self.source else { return Poll::Pending };
        replay.fresh |= self.signal.take_touched();
        replay.poll(cx)
    }

    fn is_reading(&self) -> bool {
        matches!(&self.source, Source::Log(replay) if replay.reading.is_some())
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.last_word.is_none() {
            ready!(self.shutdown.as_mut().poll(cx));
            if !self.source.ends_here() {
                return Poll::Ready(());
            }
        }
        let last_word = || Box::pin(sleep_until(Instant::now() + LAST_WORD));
        self.last_word.get_or_insert_with(last_word).as_mut().poll(cx)
    }

    fn end(&mut self, last: Option<Result<Bytes, StreamCut>>) -> Poll<Option<Result<Bytes, StreamCut>>> {
        self.entered = None;
        Poll::Ready(last)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.entered.is_none()
    }
}
