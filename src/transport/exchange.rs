//! A call on its way: what it was asked with, what it holds, and how its outcome is written.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::request::Parts;

use super::accept::Accepts;
use super::pending::PendingCall;
use super::read::Share;
use super::service::{Permit, Shared};
use super::session::Session;
use super::session::live::RunningCall;
use super::session::pulse::Pulse;
use crate::lifespan::CallGuard;
use crate::protocol::encode;
use crate::protocol::error::{ErrorCode, RpcError};
use crate::protocol::jsonrpc::RequestId;
use crate::protocol::revision::Revision;
use crate::server::call::{Call, CallFacts, OnDisconnect};
use crate::server::context::Context;
use crate::server::outbound::Outbound;
use crate::server::run::{Outcome, Running};
use crate::server::tool::Tool;
use crate::store::Key;

/// A call that has passed every check.
pub(crate) struct StartCall {
    pub(crate) id: RequestId,
    pub(crate) tool: Arc<Tool>,
    pub(crate) arguments: Option<Bytes>,
    pub(crate) revision: Revision,
    pub(crate) on_disconnect: OnDisconnect,
    /// For handlers that ask for their context.
    pub(crate) facts: Option<CallFacts>,
    pub(crate) accepts: Accepts,
    pub(crate) session: Option<Session>,
    pub(crate) running: Option<RunningCall>,
    pub(crate) permit: Permit,
    pub(crate) guard: CallGuard,
    pub(crate) share: Share,
}

impl StartCall {
    /// Starts the call. What its handler does not ask for is neither moved nor made.
    pub(crate) fn start<'a>(self, shared: &'a Arc<Shared>, parts: &mut Parts) -> PendingCall<'a> {
        let needs = &self.tool.needs;
        let queue = (needs.context && self.accepts.sse).then(|| Arc::new(Outbound::new(shared.config.queue)));
        let context = self.facts.map(|facts| Context::new(self.tool.name(), facts, queue.clone()));
        let call = Call {
            states: Arc::clone(&shared.server.states),
            arguments: self.arguments,
            headers: needs.headers.then(|| std::mem::take(&mut parts.headers)),
            extensions: needs.extensions.then(|| std::mem::take(&mut parts.extensions)),
            context,
            tool: self.tool,
        };
        let mut running = Running::start(call, self.revision, shared.config.tool_timeout, shared.lifespan.clone());
        if let Some(seat) = &self.running {
            running.cancelled_by(seat.cancel.clone());
        }
        let held = Held { _running: self.running, _permit: self.permit, _share: self.share, _guard: self.guard };
        let session = self.session.map(|session| session.key);
        let work = Work {
            running,
            session,
            pulse: None,
            shared: Arc::clone(shared),
            id: self.id,
            revision: self.revision,
            _held: held,
        };
        PendingCall::new(shared, work, queue, self.accepts, self.on_disconnect)
    }
}

/// A running call that ends with the text of its answer. What it holds is given back when it is dropped.
pub(crate) struct Work {
    running: Running,
    /// The session that the call keeps alive while it runs.
    session: Option<Key>,
    pulse: Option<Pulse>,
    shared: Arc<Shared>,
    id: RequestId,
    revision: Revision,
    _held: Held,
}

struct Held {
    _running: Option<RunningCall>,
    _permit: Permit,
    _share: Share,
    /// Last, so that a drain goes on when all else is given back.
    _guard: CallGuard,
}

impl Work {
    pub(crate) fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Bytes> {
        match Pin::new(&mut self.running).poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(self.encode(&outcome)),
            Poll::Pending => {
                if let Some(key) = self.session {
                    self.pulse.get_or_insert_with(|| Pulse::new(&self.shared.sessions, key)).poll(cx);
                }
                Poll::Pending
            }
        }
    }

    fn encode(&self, outcome: &Outcome) -> Bytes {
        let fail = |text| encode::error(Some(&self.id), &RpcError::new(ErrorCode::Internal, text));
        match outcome {
            Outcome::Result(result) => self.shared.server.encoder.call(&self.id, self.revision, result),
            Outcome::Cancelled => fail("the request was cancelled by its client"),
            Outcome::Cut => fail("the server is shutting down and could not wait for this call any longer"),
        }
    }
}
