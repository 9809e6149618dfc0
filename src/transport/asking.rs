//! How the handler of a call can ask its client: what the era has decided, with what came in the request.

use std::sync::Arc;

use super::incoming::Incoming;
use super::service::Shared;
use crate::auth::Principal;
use crate::protocol::error::RpcError;
use crate::protocol::params::Params;
use crate::server::ask::rounds::Rounds;
use crate::server::ask::state::Binding;
use crate::server::ask::{Asking, Conversation, Unaskable};
use crate::server::call::{Arguments, CanAsk};
use crate::server::target::Target;

/// How this call can ask.
///
/// # Errors
///
/// When what came with the request for an earlier round's questions is not what this server made.
pub(super) fn of(
    shared: &Shared,
    on_line: bool,
    incoming: &Incoming,
    params: &Params<'_>,
    target: &Arc<Target>,
    arguments: &Arguments,
    principal: Option<&Principal>,
) -> Result<Asking, RpcError> {
    if !target.may_ask() {
        return Ok(Asking::Never(Unaskable::Method));
    }
    match (incoming.policy.can_ask, &incoming.session) {
        (CanAsk::InSession, Some(session)) => Ok(Asking::Session(Conversation {
            id: session.id,
            answers: Arc::clone(&shared.server.answers),
            inbox: shared.sessions.inbox(session.key, on_line),
            patience: shared.config.ask_timeout,
        })),
        (CanAsk::InRounds, _) => {
            let binding =
                Binding { principal: principal.cloned(), target: Arc::clone(target), arguments: arguments.clone() };
            let state = params.request_state()?;
            let rounds = Rounds::read(&shared.server.seals, binding, params.input_responses(), state.as_deref());
            rounds.map(|rounds| Asking::Rounds(Box::new(rounds)))
        }
        _ => Ok(Asking::Never(Unaskable::NoSession)),
    }
}
