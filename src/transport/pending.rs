//! Lazy streaming: a call is one JSON body, unless it speaks before it answers, or is silent for too long.
//!
//! The handler is polled in place, with its queue beside it:
//!
//! - done, and nothing was said: JSON, without a task or a channel;
//! - done in the poll in which it spoke, or in its next turn: one whole body of events;
//! - pending after that, or silent for ten seconds: the lifespan adopts it as a task, and the reply is a stream that
//!   only reads the queue. (Were the handler polled by the body, it would stop whenever nobody reads.)
//!
//! What a call of a session says is recorded, so that its client may come back for it.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{FusedFuture as _, OptionFuture};
use http::Response;
use tokio::time::{Instant, Sleep, sleep_until};

use super::accept::Accepts;
use super::body::Body;
use super::exchange::{Finished, Seat, Work};
use super::rejection;
use super::reply;
use super::resume::Recording;
use super::resume::recorder::Recorder;
use super::service::Shared;
use super::sse::call::{CallStream, RecordedStream};
use super::sse::keep_alive::KeepAlive;
use crate::lifespan::LastingGuard;
use crate::protocol::id::RequestId;
use crate::server::call::OnDisconnect;
use crate::server::outbound::Outbound;
use crate::server::run::{CancelHandle, past_budget};

/// A call whose reply has not begun: the future of the reply.
///
/// Boxed where it is made: every step hands it on.
pub(crate) struct PendingCall {
    /// `None` once it is done or adopted.
    work: Option<Work>,
    queue: Option<Arc<Outbound>>,
    recording: Option<Recording>,
    accepts: Accepts,
    on_disconnect: OnDisconnect,
    /// From when on it has to be waited for, if it goes on without its client.
    lasting: Option<LastingGuard>,
    silence: Option<Pin<Box<Sleep>>>,
    /// Whether it has had one more turn after it spoke.
    had_its_turn: bool,
    /// The reply of a call that is done, which waits until what was said is recorded.
    whole: Option<Whole>,
}

type Whole = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

impl PendingCall {
    #[inline]
    pub(crate) fn new(
        work: Work,
        queue: Option<Arc<Outbound>>,
        recording: Option<Recording>,
        accepts: Accepts,
        on_disconnect: OnDisconnect,
    ) -> Box<Self> {
        Box::new(Self {
            work: Some(work),
            queue,
            recording,
            accepts,
            on_disconnect,
            lasting: None,
            silence: None,
            had_its_turn: false,
            whole: None,
        })
    }

    /// Lets what `cancel` gives for its id end the call.
    pub(crate) fn cancelled_by(&mut self, cancel: impl FnOnce(&RequestId) -> CancelHandle) {
        if let Some(work) = &mut self.work {
            work.cancelled_by(cancel);
        }
    }

    /// The reply of a call that is done.
    fn poll_reply(&mut self, answer: Finished, cx: &mut TaskContext<'_>) -> Poll<Response<Body>> {
        let Finished { message, missing_capability } = answer;
        let said = self.queue.take().map(|queue| {
            let said = queue.take();
            queue.close();
            said
        });
        match said.filter(|said| !said.is_empty() && !missing_capability) {
            Some(said) => self.poll_whole(said, message, cx),
            None => {
                self.work = None;
                Poll::Ready(match missing_capability {
                    // «The response status MUST be 400», whatever was said before it (2026-07-28, basic/index, «`_meta`»).
                    true => rejection::missing_capability(message),
                    false => reply::message(message, self.accepts),
                })
            }
        }
    }

    /// A reply of events that are all there.
    fn poll_whole(
        &mut self,
        mut messages: VecDeque<Bytes>,
        answer: Bytes,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Response<Body>> {
        messages.push_back(answer);
        let (Some(recording), Some(work)) = (self.recording, self.work.take()) else {
            return Poll::Ready(reply::events(messages));
        };
        let mut recorder = Recorder::new(work.shared(), recording, work.recorded_request());
        if let Some(events) = recorder.at_once(&messages) {
            return Poll::Ready(reply::stream(Body::full(events)));
        }
        // A store that takes its time holds up no more calls than may run.
        let whole = self.whole.insert(Box::pin(whole(recorder, messages, work.into_seat())));
        whole.as_mut().poll(cx)
    }

    /// Resolves when the reply has to begin before the call is done.
    fn poll_stream(&mut self, shared: &Shared, cx: &mut TaskContext<'_>) -> Poll<()> {
        if self.on_disconnect == OnDisconnect::Finish {
            self.lasting.get_or_insert_with(|| shared.lifespan.enter_lasting());
        }
        if self.queue.as_ref().is_some_and(|queue| queue.poll_message(cx).is_ready()) {
            if std::mem::replace(&mut self.had_its_turn, true) {
                return Poll::Ready(());
            }
            // Who only let others go first is done then, and all that it says leaves in one piece, without a task.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !self.accepts.sse {
            return Poll::Pending;
        }
        let after = shared.config.silence;
        let silence = self.silence.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + after)));
        past_budget(cx, |cx| silence.as_mut().poll(cx))
    }

    /// The reply of a call that goes on as a task.
    fn stream(&mut self, work: Work, shared: &Arc<Shared>) -> Response<Body> {
        let queue = self.queue.take().unwrap_or_else(|| Arc::new(Outbound::new(shared.config.queue)));
        let sessions = &shared.sessions;
        let recorder = self.recording.map(|recording| Recorder::new(shared, recording, work.recorded_request()));
        let recorded = recorder.as_ref().map(|recorder| {
            queue.record();
            let (listing, claim) = sessions.first_reader(recorder.log(), shared.config.log.ttl, &queue);
            let retry = sessions.settings.retry_interval;
            RecordedStream { name: recorder.name(), retry, _listing: listing, claim }
        });
        shared.lifespan.adopt(run(
            Box::new(work),
            Arc::clone(&queue),
            recorder,
            self.on_disconnect,
            self.lasting.take(),
        ));
        let keep_alive = KeepAlive::new(shared.config.keep_alive);
        reply::stream(Body::call(CallStream::new(queue, keep_alive, recorded)))
    }
}

impl Future for PendingCall {
    type Output = Response<Body>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Response<Body>> {
        let this = &mut *self;
        if let Some(whole) = &mut this.whole {
            return whole.as_mut().poll(cx);
        }
        // Nobody asks who has a reply.
        let Some(work) = &mut this.work else { return Poll::Pending };
        if let Poll::Ready(answer) = work.poll(cx) {
            return this.poll_reply(answer, cx);
        }
        let shared = Arc::clone(work.shared());
        ready!(this.poll_stream(&shared, cx));
        this.work.take().map_or(Poll::Pending, |work| Poll::Ready(this.stream(work, &shared)))
    }
}

impl Drop for PendingCall {
    /// The client went away before the reply began.
    fn drop(&mut self) {
        let Some(work) = self.work.take() else { return };
        let shared = Arc::clone(work.shared());
        let queue = self.queue.take().unwrap_or_else(|| Arc::new(Outbound::new(shared.config.queue)));
        queue.close();
        if self.on_disconnect == OnDisconnect::Finish {
            let lasting = self.lasting.take();
            // Nobody has an id to come back with.
            shared.lifespan.adopt(run(Box::new(work), queue, None, OnDisconnect::Finish, lasting));
        }
    }
}

/// A reply of events that are all there. The call keeps its place until they are recorded.
async fn whole(recorder: Recorder, messages: VecDeque<Bytes>, seat: Seat) -> Response<Body> {
    let events = recorder.whole(messages).await;
    drop(seat);
    reply::stream(Body::full(events))
}

/// Runs an adopted call to its end, or until its client is gone.
async fn run(
    mut work: Box<Work>,
    queue: Arc<Outbound>,
    recorder: Option<Recorder>,
    on_disconnect: OnDisconnect,
    lasting: Option<LastingGuard>,
) {
    let recorded = recorder.is_some();
    let mut record = pin!(OptionFuture::from(recorder.map(|recorder| recorder.run(&queue))).fuse());
    let mut watch = pin!(queue.watch());
    let mut watching = true;
    let answer = poll_fn(|cx| {
        if watching && watch.as_mut().poll(cx).is_ready() {
            watching = false;
            if on_disconnect == OnDisconnect::Cancel && queue.was_left() {
                return Poll::Ready(None);
            }
        }
        let answer = work.poll(cx);
        // After the handler's turn, so that what it said leaves at once.
        let _ = record.as_mut().poll(cx);
        answer.map(Some)
    });
    let answer = match answer.await {
        Some(answer) => answer,
        // Whoever comes back for it is told.
        None if recorded => work.abandon(),
        None => return,
    };
    // Who reads the answer may call again at once, and finds the place free.
    let seat = work.end();
    queue.finish(answer.message);
    if !record.is_terminated() {
        record.await;
    }
    drop(seat);
    drop(lasting);
    // Only the answer waits to be read, and not for ever.
    if watching {
        watch.await;
    }
}
