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
    /// For handlers that ask for their context.
    /// Boxed, since every call's future would have room for them.
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
    /// Whether its handler, or a layer around it, may look at the head of the request. It may have to be waited for.
    pub(crate) fn takes_head(&self, shared: &Shared) -> bool {
        self.target.needs.parts || !shared.server.layers.is_empty()
    }

    /// Starts the call. What its handler does not ask for is neither moved nor made; layers get what they could ask for.
    pub(crate) async fn start<'a, R: RequestHead>(
        mut self,
        shared: &'a Arc<Shared>,
        request: &mut R,
    ) -> Result<PendingCall<'a>, Box<Rejection>> {
        if !self.takes_head(shared) {
            return self.start_without_head(shared, request);
        }
        let endpoint_url = self.endpoint_url(shared, request)?;
        match self.take_head(shared, request).await {
            Ok(parts) => Ok(self.start_with(shared, endpoint_url, Some(Box::new(parts)))),
            Err(rejection) => Err(self.seat.refuse(rejection)),
        }
    }

    /// The same where nothing has to be waited for.
    pub(crate) fn start_without_head<'a, R: RequestHead>(
        mut self,
        shared: &'a Arc<Shared>,
        request: &R,
    ) -> Result<PendingCall<'a>, Box<Rejection>> {
        let endpoint_url = self.endpoint_url(shared, request)?;
        Ok(self.start_with(shared, endpoint_url, None))
    }

    fn endpoint_url(&mut self, shared: &Shared, request: &impl RequestHead) -> Result<Option<String>, Box<Rejection>> {
        if !self.target.needs.endpoint_url {
            return Ok(None);
        }
        shared.config.endpoint_url(request).map_err(|rejection| self.seat.refuse(rejection))
    }

    async fn take_head<R: RequestHead>(&self, shared: &Shared, request: &mut R) -> Result<Parts, Box<Rejection>> {
        let layered = !shared.server.layers.is_empty();
        let wanted = if layered { WantedExtensions::ALL } else { &self.target.needs.extensions };
        let limit = self.target.timeout.unwrap_or(shared.config.tool_timeout);
        match self.one_of_many {
            true => copy(request, wanted, limit, &shared.lifespan).await,
            false => take(request, wanted, limit, &shared.lifespan).await,
        }
    }

    fn start_with(
        mut self,
        shared: &Arc<Shared>,
        endpoint_url: Option<String>,
        parts: Option<Box<Parts>>,
    ) -> PendingCall<'_> {
        let (server, needs) = (&shared.server, &self.target.needs);
        let recording = Recording::of(shared, self.session, self.revision).filter(|_| !self.on_line);
        let queue = (needs.context && self.accepts.sse).then(|| {
            // Who has no primer does not know to come back for what has not begun.
            let closable = recording.is_some_and(|recording| recording.primer.is_some());
            let limits = if self.on_line { shared.config.queue.patient() } else { shared.config.queue };
            Arc::new(Outbound::new(limits).closable(closable))
        });
        let context = self.facts.map(|facts| {
            let uri = match &self.arguments {
                Arguments::Named(named) => named.uri.clone(),
                Arguments::Json(_) => None,
            };
            Context::new(Arc::clone(&self.target), uri, *facts, queue.clone(), server)
        });
        let call = Call {
            states: (needs.optional_states || !needs.states.is_empty()).then(|| Arc::clone(&server.states)),
            arguments: self.arguments,
            parts,
            endpoint_url,
            principal: self.principal,
            context,
            held: self.target.blocking.then(|| self.seat.lend_permit()),
            optional: false,
            target: self.target,
        };
        let running =
            Running::start(call, &server.layers, self.revision, shared.config.tool_timeout, self.trace.as_ref());
        let session = self.session.map(|key| Tie::new(key, self.on_line));
        let work = Work::new(running, session, self.revision, self.retried, self.seat);
        PendingCall::new(shared, work, queue, recording, self.accepts, self.on_disconnect)
    }
}
