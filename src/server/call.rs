//! One call of a tool: what a handler's extractors read from.

use std::fmt;
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

/// A call on its way to the handler: what [`FromCall`](crate::FromCall) reads from.
pub struct Call {
    pub(crate) tool: Arc<Tool>,
    /// `arguments` as it was sent, a slice of the request's body.
    pub(crate) arguments: Option<Bytes>,
    /// For handlers that ask for one.
    pub(crate) states: Option<Arc<States>>,
    /// The request's headers, for handlers that ask for them.
    pub(crate) headers: Option<HeaderMap>,
    /// The request's extensions, for handlers that ask for them.
    pub(crate) extensions: Option<Extensions>,
    /// For handlers that ask for it.
    pub(crate) context: Option<Context>,
}

impl Call {
    /// The tool's name.
    #[must_use]
    pub fn tool(&self) -> &str {
        self.tool.name()
    }

    /// The headers of the HTTP request, if [`Needs::headers`](crate::Needs::headers) was asked for.
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.headers.as_ref()
    }

    /// The extensions of the HTTP request, if [`Needs::extensions`](crate::Needs::extensions) was asked for.
    #[must_use]
    pub fn extensions(&self) -> Option<&Extensions> {
        self.extensions.as_ref()
    }
}

impl fmt::Debug for Call {
    /// Without arguments and headers, which are the caller's and may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("tool", &self.tool.name()).finish_non_exhaustive()
    }
}

/// What a call's era and request mean for everybody who must not know the era.
#[derive(Clone)]
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
