//! A line: a conversation whose messages share one way in and one way out, as over stdio and over HTTP+SSE of 2024-11-05.
//!
//! From where its headers would have been read on, a message takes the way of a POST, and what HTTP would have answered
//! goes out on the line, message by message. One session at most is opened on a line, and what changes is told there, too.

mod events;
mod head;
mod running;
mod session;

use std::future::Future as _;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, header};
use http_body_util::{BodyExt as _, Full};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use self::events::Events;
pub(crate) use self::head::LineHead;
use self::running::{Manner, Place, Running};
use self::session::Opened;
use super::accept::Accepts;
use super::batch;
use super::body::Body;
use super::headers::Field;
use super::pending::PendingCall;
use super::post::{self, Inbound};
use super::read;
use super::received::{Accepted, Posted};
use super::rejection::Rejection;
use super::service::Shared;
use super::sse::listen::Entered;
use crate::auth::Principal;
use crate::protocol::id::RequestId;
use crate::protocol::jsonrpc::{Kind, Message};
use crate::protocol::method::Notification;
use crate::server::outbound::{Outbound, Read};

/// How long a request waits for room among those that run, before it is refused.
const BURST: Duration = Duration::from_secs(1);

/// One conversation.
pub(crate) struct Line {
    shared: Arc<Shared>,
    /// Whose it is.
    principal: Option<Principal>,
    /// What has not been read at the other end.
    out: Outbound,
    running: Running,
    opened: Mutex<Opened>,
    /// Cancelled when nobody wants to be told of changes any more.
    deaf: CancellationToken,
}

/// What became of a message.
pub(crate) enum Taken {
    /// What it is answered with goes out on the line.
    Accepted,
    /// It has no answer of its own, and this is what HTTP says.
    Settled(Response<Body>),
    /// It cannot be read, and this is what HTTP says.
    Unreadable(Response<Body>),
}

/// What a message is, as far as its line has to know.
enum Peeked {
    /// A request, or several of them, which have no id together.
    Request(Option<RequestId>, Manner),
    Cancellation(RequestId),
    WithoutAnswer,
    Unreadable,
}

impl Line {
    /// `entered` is its place among the open streams, until a session's own stream takes it.
    pub(crate) fn new(shared: &Arc<Shared>, principal: Option<Principal>, entered: Option<Entered>) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(shared),
            principal,
            out: Outbound::new(shared.config.queue),
            running: Running::default(),
            opened: Mutex::new(Opened::new(entered)),
            deaf: CancellationToken::new(),
        })
    }

    pub(crate) fn belongs_to(&self, principal: Option<&Principal>) -> bool {
        self.principal.as_ref().map(Principal::id) == principal.map(Principal::id)
    }

    /// Takes a message that has come by the line. `initialize` has been answered when this returns, so that what comes after
    /// it finds its session; other requests run beside each other.
    pub(crate) async fn take(
        self: &Arc<Self>,
        text: Bytes,
        principal: Option<Principal>,
        mut request: LineHead,
    ) -> Taken {
        if self.running.is_over() {
            // Nothing would be read any more.
            return Taken::Settled(Rejection::no_such_line().into_response());
        }
        let peeked = peek(&self.shared, &text);
        match peeked {
            Peeked::Request(id, manner) => {
                // The beginning of a burst is answered while the rest of it is taken in. What comes behind it never waits for
                // long, be it the answer that a call waits for.
                if manner != Manner::Listens {
                    let _ = timeout(BURST, self.running.room()).await;
                }
                match Running::begin(self, id.clone(), manner) {
                    Ok(place) => self.run(place, text, principal, request),
                    Err(rejection) => self.refuse(rejection.of(id.as_ref())).await,
                }
                if manner == Manner::Initializes {
                    self.running.has_initialized().await;
                }
                return Taken::Accepted;
            }
            // Before the session hears of it: what the call answers then is dropped.
            Peeked::Cancellation(ref id) => self.running.cancel(id),
            Peeked::WithoutAnswer | Peeked::Unreadable => {}
        }
        let answer = self.answer(text, principal, &mut request, None).await;
        let response = answer.unwrap_or_else(|rejection| rejection.into_response());
        match peeked {
            Peeked::Unreadable => Taken::Unreadable(response),
            _ => Taken::Settled(response),
        }
    }

    /// Has a request answered beside the others.
    fn run(self: &Arc<Self>, place: Place, text: Bytes, principal: Option<Principal>, mut request: LineHead) {
        let line = Arc::clone(self);
        self.shared.lifespan.adopt(async move {
            if place.manner() == Manner::Initializes {
                return line.initialize(text, principal, request, &place).await;
            }
            let answering = async {
                let answer = line.answer(text, principal, &mut request, Some(&place)).await;
                let response = answer.unwrap_or_else(|rejection| rejection.of(place.id()).into_response());
                line.forward_until_cancelled(response, Some(&place)).await;
            };
            let mut answering = pin!(answering);
            tokio::select! {
                biased;
                () = place.cancelled() => {
                    // A call that has begun ends now, whatever its policy, and withdraws what it has asked of its client.
                    if place.has_calls() {
                        answering.await;
                    }
                }
                () = &mut answering => {}
            }
        });
    }

    /// What HTTP would answer.
    async fn answer(
        &self,
        text: Bytes,
        principal: Option<Principal>,
        request: &mut LineHead,
        place: Option<&Place>,
    ) -> Result<Response<Body>, Box<Rejection>> {
        let (shared, tie) = (&self.shared, self.tie());
        let head = tie.head();
        let text = pin!(Full::new(text));
        let (body, share) = read::body(text, Field::default(), &shared.config.read)?.await?;
        let accepts = Accepts { json: true, sse: shared.server.identity.streams };
        let inbound = Inbound { shared, principal, head: &head, accepts, body: &body, share };
        let posted = post::receive(inbound)?.posted().await?;
        let arrived = || place.into_iter().for_each(Place::has_arrived);
        let begun = |call: &mut PendingCall| {
            if let Some(place) = place {
                call.cancelled_by(|id| place.begin_call(id));
            }
        };
        match posted {
            Posted::Message(received) => {
                let mut accepted = received.accept(shared, request).await?;
                if let Accepted::Call(call) = &mut accepted {
                    begun(call);
                }
                arrived();
                Ok(match accepted {
                    Accepted::Reply(response) => *response,
                    Accepted::Call(call) => call.await,
                })
            }
            Posted::Batch(batch) => {
                // Its calls have copies of what is theirs.
                drop(body);
                arrived();
                Ok(batch.answer(shared, request, begun).await)
            }
        }
    }

    /// Says every message of an HTTP response.
    pub(crate) async fn forward(&self, response: Response<Body>) {
        self.forward_until_cancelled(response, None).await;
    }

    /// The same, until the request is cancelled.
    async fn forward_until_cancelled(&self, response: Response<Body>, place: Option<&Place>) {
        let is_stream = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "text/event-stream");
        let mut body = response.into_body();
        let mut events = Events::default();
        // None is cut: a call on a line waits for the line, which is cut itself if it is not read.
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else { continue };
            if !is_stream {
                self.say_until_cancelled(data, place).await;
                continue;
            }
            events.push(&data);
            while let Some(message) = events.next_message() {
                self.say_until_cancelled(message, place).await;
            }
        }
    }

    pub(crate) async fn refuse(&self, rejection: Box<Rejection>) {
        self.forward(rejection.into_response()).await;
    }

    /// Says what belongs to a request. Once that is cancelled nothing more is said for it (2026-07-28,
    /// basic/transports/stdio, «Cancellation»), but that its questions need no answers.
    async fn say_until_cancelled(&self, message: Bytes, place: Option<&Place>) {
        let Some(place) = place else { return self.say(message).await };
        let cancelled = tokio::select! {
            biased;
            () = place.cancelled() => true,
            () = self.say(message.clone()) => false,
        };
        if cancelled && is_cancellation(&message) {
            self.say(message).await;
        }
    }

    /// Queues a message, and waits for room if there is none.
    async fn say(&self, message: Bytes) {
        self.out.send(events::in_one_line(message)).await;
    }

    /// Resolves when the other end is gone, or has not read for too long.
    pub(crate) async fn unread(&self) {
        self.out.watch().await;
    }

    /// Waits until what has come is known to the server: a drain would refuse what has not arrived.
    pub(crate) async fn all_arrived(&self) {
        self.running.all_arrived().await;
    }

    /// Ends the line as soon as every request has been answered. No other is taken.
    pub(crate) fn close(&self) {
        self.running.close();
    }

    /// Resolves when the line was closed and every request has been answered.
    pub(crate) fn over(&self) -> WaitForCancellationFutureOwned {
        self.running.over()
    }

    /// Ends what never ends by itself: nobody wants to know of changes any more.
    pub(crate) fn stop_listening(&self) {
        self.deaf.cancel();
        self.running.cancel_listening();
    }

    /// Ends everything of it.
    pub(crate) async fn end(&self) {
        self.let_go();
        self.end_session().await;
    }

    /// Ends everything of it but its session.
    fn let_go(&self) {
        self.close();
        self.deaf.cancel();
        self.running.cancel_all();
        self.give_place_back();
    }
}

/// A line whose end is that of who serves it, even if they are dropped.
pub(crate) struct Served(Option<Arc<Line>>);

impl Served {
    pub(crate) fn new(line: &Arc<Line>) -> Self {
        Self(Some(Arc::clone(line)))
    }

    pub(crate) async fn end(mut self) {
        if let Some(line) = &self.0 {
            line.end().await;
        }
        self.0 = None;
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let Some(line) = self.0.take() else { return };
        line.let_go();
        line.shared.lifespan.clone().adopt(async move { line.end_session().await });
    }
}

/// The other end, where what is said is read.
pub(crate) struct Reader {
    line: Arc<Line>,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Reader {
    pub(crate) fn new(line: &Arc<Line>) -> Self {
        Self { line: Arc::clone(line), over: Box::pin(line.over()) }
    }

    /// Reads all that waits, or waits for more; ends when the line is over and nothing is left.
    pub(crate) fn poll_read(&mut self, cx: &mut TaskContext<'_>) -> Poll<Read> {
        // Asked first: what was said before it was over is still found.
        let over = self.over.as_mut().poll(cx).is_ready();
        match self.line.out.poll_read(cx) {
            Poll::Pending if over => Poll::Ready(Read::End),
            poll => poll,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.line.out.close();
    }
}

fn is_cancellation(message: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(message) else { return false };
    let mut message = Message::default();
    matches!(message.parse(text), Ok(Kind::Notification))
        && Notification::parse(message.method()) == Notification::Cancelled
}

fn peek(shared: &Shared, text: &[u8]) -> Peeked {
    let Ok(text) = std::str::from_utf8(text) else { return Peeked::Unreadable };
    let mut message = Message::default();
    let Ok(kind) = post::parse(shared, &mut message, text) else {
        return if batch::is_array(text) { Peeked::Request(None, Manner::Plain) } else { Peeked::Unreadable };
    };
    match kind {
        Kind::Request(id) => Peeked::Request(Some(id), Manner::of(message.method())),
        Kind::Notification if Notification::parse(message.method()) == Notification::Cancelled => {
            message.params().request_id.to_request_id().map_or(Peeked::WithoutAnswer, Peeked::Cancellation)
        }
        Kind::Notification | Kind::Response => Peeked::WithoutAnswer,
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("running", &self.running).finish_non_exhaustive()
    }
}
