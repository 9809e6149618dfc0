//! Streams of changes: the GET stream of a session, and `subscriptions/listen` of 2026-07-28. Open until the client goes,
//! the session ends, another stream takes its place, or the server drains.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::event;
use super::keep_alive::KeepAlive;
use crate::lifespan::StreamGuard;
use crate::protocol::jsonrpc::RequestId;
use crate::protocol::params::Filter;
use crate::protocol::subscriptions::{self, ChangedList};
use crate::server::changes::{News, Watcher};
use crate::transport::rejection::Rejection;
use crate::transport::service::{OpenStream, Shared};
use crate::transport::session::live::StreamSeat;
use crate::transport::session::pulse::Pulse;
use crate::transport::session::record::Record;

/// When a client whose stream was ended by a shutdown may come back: time for the next process to start.
const RETRY: Duration = Duration::from_secs(1);

/// A stream that tells of changes.
pub(crate) struct ListenStream {
    watcher: Arc<Watcher>,
    keep_alive: KeepAlive,
    drain: Pin<Box<WaitForCancellationFutureOwned>>,
    /// `None` once it has ended.
    entered: Option<Entered>,
    /// What is said first.
    first: Option<Bytes>,
    /// What is said last, when the server ends it.
    last: Bytes,
    /// The request that every message names.
    subscription: Option<RequestId>,
    session: Option<SessionTie>,
}

/// What ties a GET stream to its session.
pub(crate) struct SessionTie {
    pub(crate) seat: StreamSeat,
    pub(crate) pulse: Pulse,
}

/// A place among the open streams.
pub(crate) struct Entered {
    _counted: StreamGuard,
    _permit: OpenStream,
}

/// Takes a place among the open streams, or says why there is none.
pub(crate) fn enter(shared: &Arc<Shared>) -> Result<Entered, Box<Rejection>> {
    let permit = OpenStream::take(shared).ok_or_else(Rejection::too_many_streams)?;
    let counted = shared.lifespan.enter_stream().ok_or_else(Rejection::draining)?;
    Ok(Entered { _counted: counted, _permit: permit })
}

impl ListenStream {
    pub(crate) fn new(shared: &Shared, watcher: Arc<Watcher>, entered: Entered) -> Self {
        Self {
            watcher,
            keep_alive: KeepAlive::new(shared.config.keep_alive),
            drain: Box::pin(shared.lifespan.drain_begun()),
            entered: Some(entered),
            first: None,
            last: event::retry(RETRY),
            subscription: None,
            session: None,
        }
    }

    /// The stream of a session.
    pub(crate) fn of_session(self, session: SessionTie) -> Self {
        Self { session: Some(session), ..self }
    }

    /// The stream of a `subscriptions/listen` request, which begins with its acknowledgment and ends with its result.
    pub(crate) fn of_subscription(self, id: &RequestId, filter: &Filter, result: Bytes) -> Self {
        Self {
            first: Some(event::join([subscriptions::acknowledged(id, filter)])),
            last: event::join([result]),
            subscription: Some(id.clone()),
            ..self
        }
    }

    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.is_done() {
            return Poll::Ready(None);
        }
        self.watcher.register(cx);
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        if self.poll_session(cx).is_ready() {
            self.entered = None;
            return Poll::Ready(None);
        }
        if let Some(news) = self.watcher.news() {
            self.keep_alive.reset();
            return Poll::Ready(Some(self.tell(&news)));
        }
        if self.drain.as_mut().poll(cx).is_ready() {
            self.entered = None;
            return Poll::Ready(Some(std::mem::take(&mut self.last)));
        }
        self.keep_alive.poll(cx).map(|()| Some(event::KEEP_ALIVE))
    }

    /// Resolves when the session has ended, be it elsewhere, or another stream has taken the place of this one.
    fn poll_session(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(SessionTie { seat, pulse }) = &mut self.session else { return Poll::Pending };
        if seat.poll_taken(cx) {
            return Poll::Ready(());
        }
        // Another request has changed the subscriptions.
        if self.watcher.take_outdated() {
            pulse.hurry();
        }
        let ended = pulse.poll(cx);
        if let Some(record) = pulse.take_seen().and_then(Record::decode) {
            self.watcher.set_subscriptions(record.subscriptions());
        }
        ended
    }

    fn tell(&self, news: &News) -> Bytes {
        let subscription = self.subscription.as_ref();
        let lists = [
            (news.tools, ChangedList::Tools),
            (news.resources, ChangedList::Resources),
            (news.prompts, ChangedList::Prompts),
        ];
        let lists = lists.into_iter().filter(|(changed, _)| *changed);
        let lists = lists.map(|(_, list)| subscriptions::list_changed(list, subscription));
        let updated = news.uris.iter().map(|uri| subscriptions::resource_updated(uri, subscription));
        event::join(lists.chain(updated))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.entered.is_none()
    }
}
