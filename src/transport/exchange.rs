//! A call on its way: what it was asked with, what it holds, and how its outcome is written.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;

use super::read::Share;
use super::rejection::Rejection;
use super::service::Shared;
use super::session::live::CallKey;
use super::session::pulse::Pulse;
use crate::protocol::caching::CacheHints;
use crate::protocol::encode;
use crate::protocol::error::{ErrorCode, RpcError};
use crate::protocol::id::RequestId;
use crate::protocol::revision::Revision;
use crate::server::ask::rounds::InputRequired;
use crate::server::call::{CallError, Reply};
use crate::server::run::{CancelHandle, Outcome, Running, past_budget};
use crate::server::target::Kind;
use crate::store::Key;

/// Whoever ended the session, it was not by cancelling the call.
const SESSION_GONE: &str = "the session has ended or was lost; whether the call had an effect is not known";

/// What a call holds while it runs: its place among the calls of the server and of its session, and its body's share of
/// the budget. All of it is given back when it is dropped.
pub(crate) struct Seat {
    shared: Arc<Shared>,
    id: RequestId,
    session: Option<u128>,
    body_bytes: usize,
    taken: bool,
    /// Whether the permit is this seat's to give back.
    permit: bool,
    /// Whether the call came to its end, be it a bad one.
    ended: bool,
}

/// A permit that a thread holds for as long as it runs.
struct LentPermit(Arc<Shared>);

impl Drop for LentPermit {
    fn drop(&mut self) {
        self.0.permits.give_back();
    }
}

impl Seat {
    /// Takes a place, or says why there is none. In a session the call is listed, so that it can be cancelled.
    pub(crate) fn take(
        shared: &Arc<Shared>,
        id: RequestId,
        session: Option<u128>,
        share: Share<'_>,
    ) -> Result<Self, Box<Rejection>> {
        if !shared.permits.take() {
            return Err(Rejection::too_many_calls());
        }
        if !shared.lifespan.enter_call() {
            shared.permits.give_back();
            return Err(Rejection::draining());
        }
        let body_bytes = share.into_bytes();
        let mut seat =
            Self { shared: Arc::clone(shared), id, session: None, body_bytes, taken: true, permit: true, ended: false };
        if let Some(session) = session {
            if !shared.sessions.live.begin_call(CallKey { session, id: seat.id.clone() }) {
                return Err(Rejection::invalid("id: a request with this id is still running in this session"));
            }
            seat.session = Some(session);
        }
        Ok(seat)
    }

    /// Ends the call before it has begun.
    pub(super) fn refuse(&mut self, rejection: Box<Rejection>) -> Box<Rejection> {
        self.ended = true;
        rejection.of(Some(&self.id))
    }

    /// Lends the permit to a thread, which may run for longer than the call.
    pub(super) fn lend_permit(&mut self) -> Box<dyn Any + Send> {
        self.permit = false;
        Box::new(LentPermit(Arc::clone(&self.shared)))
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn key(&self) -> Option<CallKey> {
        self.session.map(|session| CallKey { session, id: self.id.clone() })
    }

    /// Gives the place back. The call still counts as running, until its answer is on its way.
    fn give_back(&mut self) {
        if !std::mem::take(&mut self.taken) {
            return;
        }
        let shared = &self.shared;
        if let Some(key) = self.key() {
            shared.sessions.live.end_call(&key);
        }
        if self.body_bytes > 0 {
            shared.config.read.budget.give_back(self.body_bytes);
        }
        if self.permit {
            shared.permits.give_back();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.give_back();
        // Last, so that a drain goes on when all else is given back.
        self.shared.lifespan.leave_call(self.ended);
    }
}

/// A running call that ends with the text of its answer.
pub(crate) struct Work {
    running: Running,
    session: Option<Tie>,
    /// What else than its session ends it, until it waits.
    cancel: Option<CancelHandle>,
    /// Whether it has been polled in vain.
    waits: bool,
    /// Whether it came with answers: what comes of it must not be cached (2026-07-28, server/utilities/caching).
    retried: bool,
    revision: Revision,
    /// Last, so that it is given back when the handler is gone.
    seat: Seat,
}

/// What ties a running call to its session.
pub(super) struct Tie {
    key: Key,
    on_line: bool,
    /// The call keeps the session alive while it runs.
    /// Boxed, since a call that never waits would have room for it.
    pulse: Option<Box<Pulse>>,
    /// The call's cancellation, should it come to another replica.
    letter: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Tie {
    pub(super) fn new(key: Key, on_line: bool) -> Self {
        Self { key, on_line, pulse: None, letter: None }
    }
}

impl Work {
    #[inline]
    pub(super) fn new(running: Running, session: Option<Tie>, revision: Revision, retried: bool, seat: Seat) -> Self {
        Self { running, session, cancel: None, waits: false, retried, revision, seat }
    }

    pub(crate) fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Finished> {
        match self.running.poll(cx, &self.seat.shared.lifespan) {
            Poll::Ready(outcome) => Poll::Ready(self.finish(&outcome)),
            Poll::Pending => {
                if !self.waits {
                    self.waits = true;
                    self.wait(cx);
                }
                if let Some(Tie { key, pulse, .. }) = &mut self.session {
                    let pulse = pulse.get_or_insert_with(|| Box::new(Pulse::new(&self.seat.shared.sessions, *key)));
                    // The session was ended elsewhere, or while this call was on its way to its place; or it has expired while
                    // the store was down, or was lost with it.
                    if past_budget(cx, |cx| pulse.poll(cx)).is_ready() {
                        return Poll::Ready(self.fail(SESSION_GONE));
                    }
                    self.poll_letter(cx);
                }
                Poll::Pending
            }
        }
    }

    /// Lets what `cancel` gives for its id end the call, too.
    pub(crate) fn cancelled_by(&mut self, cancel: impl FnOnce(&RequestId) -> CancelHandle) {
        self.cancel = Some(cancel(&self.seat.id));
    }

    /// What comes of a cancellation on another replica is the same as here.
    fn poll_letter(&mut self, cx: &mut TaskContext<'_>) {
        let Some(Tie { letter, .. }) = &mut self.session else { return };
        if letter.as_mut().is_some_and(|letter| past_budget(cx, |cx| letter.as_mut().poll(cx)).is_ready()) {
            *letter = None;
            if let Some(key) = self.seat.key() {
                self.seat.shared.sessions.live.cancel_call(&key);
            }
        }
    }

    fn wait(&mut self, cx: &TaskContext<'_>) {
        if let Some(Tie { key, on_line, letter, .. }) = &mut self.session
            && let Some(inbox) = self.seat.shared.sessions.inbox(*key, *on_line)
        {
            let mut awaited = inbox.expect_cancellation(&self.seat.id);
            *letter = Some(Box::pin(async move { awaited.cancellation().await }));
        }
        let (cancel, key) = (self.cancel.take(), self.seat.key());
        if cancel.is_none() && key.is_none() {
            return;
        }
        let cancel = cancel.unwrap_or_default();
        if let Some(key) = key {
            self.seat.shared.sessions.live.wait(&key, &cancel);
        }
        self.running.cancelled_by(cancel, cx);
    }

    /// Ends the handler and gives back what it held, all but the call's being counted, which ends with the seat.
    pub(crate) fn end(self) -> Seat {
        let mut seat = self.into_seat();
        seat.give_back();
        seat
    }

    /// Ends the handler, and keeps its place for as long as its reply takes.
    pub(crate) fn into_seat(self) -> Seat {
        let Self { running, seat, .. } = self;
        drop(running);
        seat
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.seat.shared()
    }

    /// The id that others, too, may have to end the call's stream with, if it is recorded.
    pub(crate) fn recorded_request(&self) -> Option<RequestId> {
        self.shared().sessions.replicas.as_ref().map(|_| self.seat.id.clone())
    }

    /// Gives the call up, since its client is gone.
    pub(crate) fn abandon(&mut self) -> Finished {
        self.finish(&Outcome::Cancelled)
    }

    fn finish(&mut self, outcome: &Outcome) -> Finished {
        let message = match outcome {
            Outcome::Reply(reply) => self.encode(reply),
            Outcome::InputRequired(questions) => self.input_required(questions),
            Outcome::Cancelled => return self.fail("the request was cancelled by its client"),
            Outcome::Cut => {
                return self.fail("the server is shutting down and could not wait for this call any longer");
            }
        };
        self.seat.ended = true;
        let missing = |error: &RpcError| error.code == ErrorCode::MissingCapability;
        let missing_capability = matches!(outcome, Outcome::Reply(Reply::Error(error)) if missing(&error.0));
        Finished { message, missing_capability }
    }

    /// Ends the call without an answer of its handler's.
    fn fail(&mut self, text: &'static str) -> Finished {
        self.seat.ended = true;
        let message = encode::error(Some(&self.seat.id), &RpcError::new(ErrorCode::Internal, text));
        Finished { message, missing_capability: false }
    }

    fn input_required(&self, questions: &InputRequired) -> Bytes {
        let InputRequired { requests, state } = questions;
        match state {
            Ok(state) => {
                let requests = requests.iter().filter_map(|(key, request)| {
                    // Those that cannot be written have failed when they were asked.
                    Some((&**key, request.method(), request.params(self.revision).ok()?))
                });
                self.seat.shared.server.encoder.input_required(&self.seat.id, requests, state)
            }
            Err(fault) => {
                tracing::warn!(name = self.running.target().name, "{fault}");
                self.encode(&Reply::Error(CallError::internal(fault.to_string())))
            }
        }
    }

    fn encode(&self, reply: &Reply) -> Bytes {
        let (id, revision, target) = (&self.seat.id, self.revision, self.running.target());
        let encoder = &self.seat.shared.server.encoder;
        match (reply, &target.kind) {
            (Reply::Tool(result), Kind::Tool { wraps_output, .. }) => encoder.call(id, revision, result, *wraps_output),
            (Reply::Resource(result), Kind::Resource { hints, .. }) => {
                let hints = if self.retried { CacheHints::default() } else { result.hints(*hints) };
                encoder.read(id, revision, result, hints)
            }
            (Reply::Prompt(result), Kind::Prompt) => encoder.prompt(id, revision, result),
            (Reply::Completion(result), Kind::Completion) => encoder.completion(id, revision, result),
            (Reply::Method(result), Kind::Custom) => encoder.custom(id, revision, &result.members, &result.meta),
            (Reply::Error(error), _) => encode::error_in(revision, id, &error.0),
            // `masked` answers with the right kind.
            _ => self.encode(&target.masked(&"a layer answered with the reply of another method")),
        }
    }
}

/// A call that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) message: Bytes,
    /// Whether it failed for a capability that the client does not offer.
    pub(crate) missing_capability: bool,
}
