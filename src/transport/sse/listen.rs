//! Streams of changes: the GET stream of a session, and `subscriptions/listen` of 2026-07-28. Open until the client goes,
//! the session ends, another stream takes its place, or the server drains.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::event;
use super::keep_alive::KeepAlive;
use crate::lifespan::StreamGuard;
use crate::protocol::id::RequestId;
use crate::protocol::params::Filter;
use crate::protocol::subscriptions;
use crate::server::changes::{Change, News, Position, Watcher};
use crate::transport::rejection::Rejection;
use crate::transport::resume::event_id::StreamName;
use crate::transport::service::{OpenStream, Shared};
use crate::transport::session::live::StreamSeat;
use crate::transport::session::pulse::Pulse;
use crate::transport::session::record::Record;

/// A stream that tells of changes.
pub(crate) struct ListenStream {
    watcher: Arc<Watcher>,
    keep_alive: KeepAlive,
    drain: Pin<Box<WaitForCancellationFutureOwned>>,
    /// `None` once it has ended.
    entered: Option<Entered>,
    /// What is said first.
    first: Option<Bytes>,
    /// The request that every message names.
    subscription: Option<RequestId>,
    /// Boxed, since not every stream has room for one to spare.
    session: Option<Box<SessionTie>>,
}

/// What ties a GET stream to its session.
pub(crate) struct SessionTie {
    pub(crate) seat: StreamSeat,
    pub(crate) pulse: Pulse,
    /// Whether its events have ids, by which it can be resumed.
    pub(crate) named: bool,
    /// What it begins with: its position, and when to come back to it.
    pub(crate) primer: Option<Duration>,
}

/// A place among the open streams.
pub(crate) struct Entered {
    _counted: StreamGuard,
    permit: OpenStream,
}

/// Takes a place among the open streams, or says why there is none.
pub(crate) fn enter(shared: &Arc<Shared>) -> Result<Entered, Box<Rejection>> {
    let permit = OpenStream::take(shared).ok_or_else(Rejection::too_many_streams)?;
    let counted = shared.lifespan.enter_stream().ok_or_else(Rejection::draining)?;
    Ok(Entered { _counted: counted, permit })
}

/// The same for a stream that comes to its end by itself, and is served in a shutdown too.
pub(crate) fn enter_ending(shared: &Arc<Shared>) -> Result<Entered, Box<Rejection>> {
    let permit = OpenStream::take(shared).ok_or_else(Rejection::too_many_streams)?;
    let counted = shared.lifespan.enter_ending_stream().ok_or_else(Rejection::draining)?;
    Ok(Entered { _counted: counted, permit })
}

impl ListenStream {
    pub(crate) fn new(shared: &Shared, watcher: Arc<Watcher>, entered: Entered) -> Self {
        Self {
            watcher,
            keep_alive: KeepAlive::new(shared.config.keep_alive),
            drain: Box::pin(shared.lifespan.drain_begun()),
            entered: Some(entered),
            first: None,
            subscription: None,
            session: None,
        }
    }

    /// The stream of a session.
    pub(crate) fn of_session(self, session: SessionTie) -> Self {
        Self { session: Some(Box::new(session)), ..self }
    }

    /// The stream of a `subscriptions/listen` request, which begins with its acknowledgment and ends with its result.
    pub(crate) fn of_subscription(self, id: &RequestId, filter: &Filter) -> Self {
        let first = Some(event::join([subscriptions::acknowledged(id, filter)]));
        Self { first, subscription: Some(id.clone()), ..self }
    }

    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.is_done() {
            return Poll::Ready(None);
        }
        self.watcher.register(cx);
        if let Some(first) = self.first.take().or_else(|| self.primer()) {
            return Poll::Ready(Some(first));
        }
        if self.poll_session(cx).is_ready() {
            self.entered = None;
            return Poll::Ready(None);
        }
        let news = self.watcher.news();
        if !news.is_empty() {
            self.keep_alive.reset();
            return Poll::Ready(Some(self.tell(&news)));
        }
        if self.drain.as_mut().poll(cx).is_ready() {
            return Poll::Ready(self.entered.take().map(|entered| self.last(entered.permit.shared())));
        }
        self.keep_alive.poll(cx).map(|()| Some(event::KEEP_ALIVE))
    }

    /// Resolves when the session has ended, or another stream has taken the place of this one, be it elsewhere.
    fn poll_session(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(SessionTie { seat, pulse, .. }) = self.session.as_deref_mut() else { return Poll::Pending };
        if seat.poll_taken(cx) {
            return Poll::Ready(());
        }
        // Another request has changed the subscriptions.
        if self.watcher.take_outdated() {
            pulse.hurry();
        }
        let ended = pulse.poll(cx);
        if let Some(record) = pulse.take_seen().and_then(Record::decode) {
            if seat.is_older_than(record.generation()) {
                return Poll::Ready(());
            }
            self.watcher.set_subscriptions(record.subscriptions());
        }
        ended
    }

    /// The session's stream begins with its position, which is known once it is read: whose place it took has told its
    /// own by then.
    fn primer(&mut self) -> Option<Bytes> {
        let SessionTie { named, primer, .. } = self.session.as_deref_mut()?;
        let retry = primer.take().filter(|_| *named)?;
        let (epoch, position) = self.watcher.stand();
        let mut out = BytesMut::new();
        event::write_primer(&mut out, StreamName::own(epoch).at(position, self.watcher.id()), retry);
        Some(out.freeze())
    }

    /// What is said last, when the server ends it. Not made before: it would be kept for as long as the stream is open.
    fn last(&self, shared: &Shared) -> Bytes {
        match &self.subscription {
            Some(id) => event::join([shared.server.encoder.subscription_ended(id)]),
            // Time for the next process to start.
            None => event::retry(shared.sessions.settings.retry_interval),
        }
    }

    fn tell(&self, news: &[News]) -> Bytes {
        let subscription = self.subscription.as_ref();
        let named = self.session.as_ref().is_some_and(|session| session.named);
        let mut out = BytesMut::new();
        for News { number, epoch, everything, change } in news {
            let message = match change {
                Change::List(list) => subscriptions::list_changed(*list, subscription),
                Change::Resource(uri) => subscriptions::resource_updated(uri, subscription),
            };
            let name = StreamName::own(*epoch);
            let id = number.filter(|_| named).map(|number| match everything {
                false => name.event(number),
                true => name.at(Position::After(number), self.watcher.id()),
            });
            event::write(&mut out, id, &message);
        }
        out.freeze()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.entered.is_none()
    }
}
