//! A call that has passed every check, and is started.

use std::sync::Arc;

use http::request::Parts;

use super::accept::Accepts;
use super::exchange::{Seat, Tie, Work};
use super::pending::PendingCall;
use super::rejection::Rejection;
use super::request::{RequestHead, copy, take};
use super::resume::Recording;
use super::service::Shared;
use crate::auth::Principal;
use crate::protocol::revision::Revision;
use crate::protocol::trace_context::TraceParent;
use crate::server::call::{Arguments, Call, CallFacts, OnDisconnect};
use crate::server::context::Context;
use crate::server::extract::WantedExtensions;
use crate::server::outbound::Outbound;
use crate::server::run::Running;
use crate::server::target::Target;
use crate::store::Key;

/// A call that has passed every check.
pub(crate) struct StartCall {
    pub(crate) seat: Seat,
    pub(crate) target: Arc<Target>,
    pub(crate) arguments: Arguments,
    pub(crate) revision: Revision,
    pub(crate) on_disconnect: OnDisconnect,
    /// For handlers that ask for it.
    pub(crate) principal: Option<Principal>,
    /// For handlers that ask for their context. Boxed, since they are large, and most do not.
    pub(crate) facts: Option<Box<CallFacts>>,
    /// For the call's span, if it has one.
    pub(crate) trace: Option<TraceParent>,
    pub(crate) accepts: Accepts,
    pub(crate) session: Option<Key>,
    /// Whether it has come by a line: nobody can come back for its stream, and a slow reader is the line's to judge.
    pub(crate) on_line: bool,
    /// Whether answers came with it, on which what comes of it depends.
    pub(crate) retried: bool,
    /// Whether there are others in the same request.
    pub(crate) one_of_many: bool,
}

impl StartCall {
    /// Whether its handler, or a layer around it, looks at the head of the request. It may have to be waited for.
    pub(crate) fn takes_head(&self) -> bool {
        self.target.needs.endpoint_url || self.needs_parts()
    }

    fn needs_parts(&self) -> bool {
        self.target.needs.parts || self.is_layered()
    }

    fn is_layered(&self) -> bool {
        !self.seat.shared().server.layers.is_empty()
    }

    /// Starts the call with the head of its request. What its handler does not ask for is neither moved nor made; layers get
    /// what they could ask for.
    pub(crate) async fn start<R: RequestHead>(
        mut self: Box<Self>,
        shared: &Arc<Shared>,
        request: &mut R,
    ) -> Result<Box<PendingCall>, Box<Rejection>> {
        let endpoint_url = match self.target.needs.endpoint_url {
            true => shared.config.endpoint_url(request).map_err(|rejection| self.seat.refuse(rejection))?,
            false => None,
        };
        let parts = match self.needs_parts() {
            true => Some(self.take_head(shared, request).await.map_err(|rejection| self.seat.refuse(rejection))?),
            false => None,
        };
        Ok(self.start_with(endpoint_url, parts.map(Box::new)))
    }

    async fn take_head<R: RequestHead>(&self, shared: &Shared, request: &mut R) -> Result<Parts, Box<Rejection>> {
        let wanted = if self.is_layered() { WantedExtensions::ALL } else { &self.target.needs.extensions };
        let limit = self.target.timeout.unwrap_or(shared.config.tool_timeout);
        match self.one_of_many {
            true => copy(request, wanted, limit, &shared.lifespan).await,
            false => take(request, wanted, limit, &shared.lifespan).await,
        }
    }

    /// Starts the call. A part of whoever calls it, so that nothing is moved on its way into its place.
    #[inline]
    pub(crate) fn start_with(self, endpoint_url: Option<String>, parts: Option<Box<Parts>>) -> Box<PendingCall> {
        let Self { mut seat, target, arguments, revision, accepts, session, on_line, .. } = self;
        let held = target.blocking.then(|| seat.lend_permit());
        let Shared { server, config, .. } = &**seat.shared();
        let recording = Recording::of(seat.shared(), session, revision).filter(|_| !on_line);
        let queue = (target.needs.context && accepts.sse).then(|| {
            // Who has no primer does not know to come back for what has not begun.
            let closable = recording.is_some_and(|recording| recording.primer.is_some());
            let limits = if on_line { config.queue.patient() } else { config.queue };
            Arc::new(Outbound::new(limits).closable(closable))
        });
        let context = self.facts.map(|facts| {
            let uri = match &arguments {
                Arguments::Named(named) => named.uri.clone(),
                Arguments::Json(_) => None,
            };
            Context::new(Arc::clone(&target), uri, *facts, queue.clone(), server)
        });
        let needs_states = target.needs.optional_states || !target.needs.states.is_empty();
        let states = needs_states.then(|| Arc::clone(&server.states));
        let principal = self.principal;
        let call = Call { target, arguments, states, parts, principal, endpoint_url, context, held, optional: false };
        let running = Running::start(call, &server.layers, revision, config.tool_timeout, self.trace.as_ref());
        let tie = session.map(|key| Tie::new(key, on_line));
        let work = Work::new(running, tie, revision, self.retried, seat);
        PendingCall::new(work, queue, recording, accepts, self.on_disconnect)
    }
}
