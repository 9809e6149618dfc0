//! One call of a tool: what a handler's extractors read from.

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, HeaderMap};

use super::context::Context;
use super::state::States;
use super::tool::Tool;
use crate::auth::Principal;
use crate::protocol::jsonrpc::RequestId;
use crate::protocol::notifications::LogLevel;
use crate::protocol::revision::Revision;

/// A call on its way to the handler.
#[derive(Debug)]
pub struct Call {
    pub(crate) tool: Arc<Tool>,
    /// `arguments` as it was sent, a slice of the request's body.
    pub(crate) arguments: Option<Bytes>,
    pub(crate) states: Arc<States>,
    /// The request's headers, for handlers that ask for them.
    pub(crate) headers: Option<HeaderMap>,
    /// The request's extensions, for handlers that ask for them.
    pub(crate) extensions: Option<Extensions>,
    /// For handlers that ask for it.
    pub(crate) context: Option<Context>,
}

/// What a call's era and request mean for everybody who must not know the era.
#[derive(Clone, Debug)]
pub(crate) struct CallFacts {
    pub(crate) revision: Revision,
    pub(crate) principal: Option<Principal>,
    /// `clientInfo`, as JSON text.
    pub(crate) client_info: Option<Bytes>,
    pub(crate) progress_token: Option<RequestId>,
    pub(crate) policy: CallPolicy,
}

/// What the era decides about a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallPolicy {
    /// What the client's going away means.
    pub(crate) on_disconnect: OnDisconnect,
    /// The least grave log message that the client wants; none at all without it.
    pub(crate) log_floor: Option<LogLevel>,
}

/// What happens to a running call when its client goes away.
///
/// By default 2026-07-28 cancels (closing the response is the cancellation), and sessions finish (a disconnection should
/// not be taken for a cancellation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnDisconnect {
    /// The call runs to its end.
    Finish,
    /// The handler is dropped.
    Cancel,
}
