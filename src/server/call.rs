//! One call of a handler: what its extractors read from, and what it comes to.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderMap};
use serde_json::Value;

use super::ask::Asking;
use super::completion::CompletionRequest;
use super::context::Context;
use super::method::MethodResult;
use super::state::States;
use super::target::Target;
use crate::auth::Principal;
use crate::protocol::capabilities::ClientCapabilities;
use crate::protocol::completion::Completion;
use crate::protocol::error::{ErrorCode, RpcError};
use crate::protocol::id::RequestId;
use crate::protocol::notifications::LogLevel;
use crate::protocol::prompts::GetPromptResult;
use crate::protocol::resources::ReadResourceResult;
use crate::protocol::revision::Revision;
use crate::protocol::tools::CallToolResult;
use crate::protocol::trace_context::TraceParent;

/// A call on its way to the handler: what [`FromCall`](crate::FromCall) reads from, and what a layer of
/// [`Mcp::layer`](crate::Mcp::layer) sees.
///
/// ```
/// use mcp_mount::{Call, Mcp, tool_fn};
/// use tower::util::MapRequestLayer;
///
/// /// Writes down who calls what.
/// fn audit(call: Call) -> Call {
///     let user = call.principal().map_or("nobody", |principal| principal.id());
///     println!("{user}: {} {}", call.method(), call.name());
///     call
/// }
///
/// # fn main() -> Result<(), mcp_mount::BuildError> {
/// let mcp = Mcp::new("demo", "1.0.0")
///     .tool(tool_fn("work", "Work", || "done"))
///     .layer(MapRequestLayer::new(audit))
///     .build()?;
/// # let _ = mcp; Ok(()) }
/// ```
pub struct Call {
    pub(crate) target: Arc<Target>,
    pub(crate) arguments: Arguments,
    /// For handlers that ask for one.
    pub(crate) states: Option<Arc<States>>,
    /// The head of the HTTP request, for handlers that ask for it or for a part of it.
    pub(crate) parts: Option<Box<Parts>>,
    pub(crate) principal: Option<Principal>,
    /// For handlers that ask for it.
    pub(crate) endpoint_url: Option<String>,
    /// For handlers that ask for it.
    pub(crate) context: Option<Context>,
    /// What a handler holds that runs on a thread of its own: its place among the calls.
    pub(crate) held: Option<Box<dyn Any + Send>>,
    /// Whether what the next extractor does not find may be missing.
    pub(crate) optional: bool,
}

/// What a call was given.
#[derive(Clone, Debug)]
pub(crate) enum Arguments {
    /// `arguments` as it was sent, a slice of the request's body; `params` of a method of the application's own.
    Json(Option<Bytes>),
    Named(Box<Named>),
}

/// The arguments of a prompt or the variables of a template, which are strings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    pub(crate) strings: Vec<(String, String)>,
    /// The resource that is read.
    pub(crate) uri: Option<String>,
    pub(crate) completion: Option<CompletionRequest>,
}

impl Call {
    /// The method: `tools/call`, `resources/read`, `prompts/get`, `completion/complete`, or one of
    /// [`Mcp::method`](crate::Mcp::method).
    #[must_use]
    pub fn method(&self) -> &str {
        self.target.method()
    }

    /// The name of the tool, the resource or the prompt; in `completion/complete` the prompt's name or the template; that
    /// of a method of your own.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.target.name
    }

    /// The URI that is read, in `resources/read`.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.named().and_then(|named| named.uri.as_deref())
    }

    /// What is to be completed, in `completion/complete`; [`name`](Self::name) is the prompt's name or the template then.
    #[must_use]
    pub fn completes(&self) -> Option<&CompletionRequest> {
        self.completion()
    }

    /// The arguments of the tool or the prompt, or the variables of the resource's template, which are strings; in
    /// `completion/complete`, the other arguments that are filled in already. Read anew each time.
    #[must_use]
    pub fn arguments(&self) -> Value {
        match &self.arguments {
            // Where there are layers it has been read before, strictly.
            Arguments::Json(Some(json)) => serde_json::from_slice(json).unwrap_or_default(),
            Arguments::Json(None) => Value::Object(serde_json::Map::new()),
            Arguments::Named(named) => {
                named.strings.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
            }
        }
    }

    /// The headers of the HTTP request, in a layer, or if [`Needs::headers`](crate::Needs::headers) was asked for.
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.parts.as_ref().map(|parts| &parts.headers)
    }

    /// The extensions of the HTTP request, in a layer, or if [`Needs::extensions`](crate::Needs::extensions) was asked
    /// for.
    #[must_use]
    pub fn extensions(&self) -> Option<&Extensions> {
        self.parts.as_ref().map(|parts| &parts.extensions)
    }

    /// The same, to be changed: what a layer puts here is found by [`Extension<T>`](crate::Extension).
    pub fn extensions_mut(&mut self) -> Option<&mut Extensions> {
        self.parts.as_mut().map(|parts| &mut parts.extensions)
    }

    /// Who is asking, if the host said so.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    /// Lets go of what its handler has been given: headers and extensions must not live as long as it runs.
    pub(super) fn release(&mut self) {
        match &mut self.arguments {
            Arguments::Json(json) => *json = None,
            Arguments::Named(named) => (named.strings, named.completion) = (Vec::new(), None),
        }
        (self.states, self.parts, self.principal) = (None, None, None);
        (self.endpoint_url, self.held) = (None, None);
    }

    /// The arguments of a tool, as they were sent.
    #[cfg(feature = "jsonschema")]
    pub(super) fn json_arguments(&self) -> Option<&[u8]> {
        match &self.arguments {
            Arguments::Json(json) => json.as_deref(),
            Arguments::Named(_) => None,
        }
    }

    fn named(&self) -> Option<&Named> {
        match &self.arguments {
            Arguments::Named(named) => Some(named),
            Arguments::Json(_) => None,
        }
    }

    pub(crate) fn completion(&self) -> Option<&CompletionRequest> {
        self.named().and_then(|named| named.completion.as_ref())
    }
}

impl fmt::Debug for Call {
    /// Without arguments and headers, which are the caller's and may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method()).field("name", &self.name()).finish_non_exhaustive()
    }
}

/// What a call comes to: what a layer of [`Mcp::layer`](crate::Mcp::layer) gets back, or answers itself.
///
/// ```
/// use mcp_mount::{Call, CallError, Reply};
///
/// /// What a layer answers in place of a handler.
/// fn refuse(call: &Call) -> Reply {
///     Reply::Error(CallError::invalid_params(format!("{} is closed on Sundays", call.name())))
/// }
/// # let _ = refuse;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// Of `tools/call`. A tool that failed is such a result, with `isError`.
    Tool(CallToolResult),
    /// Of `resources/read`.
    Resource(ReadResourceResult),
    /// Of `prompts/get`.
    Prompt(GetPromptResult),
    /// Of `completion/complete`.
    Completion(Completion),
    /// Of a method of your own.
    Method(MethodResult),
    /// A JSON-RPC error.
    Error(CallError),
}

impl Reply {
    /// Whether the call failed, be it by an error or by a result that says so.
    #[must_use]
    pub fn is_error(&self) -> bool {
        match self {
            Self::Tool(result) => result.is_error,
            Self::Error(_) => true,
            Self::Resource(_) | Self::Prompt(_) | Self::Completion(_) | Self::Method(_) => false,
        }
    }
}

/// A JSON-RPC error that answers a call.
#[derive(Clone, Debug)]
pub struct CallError(pub(crate) RpcError);

impl CallError {
    /// -32602: the caller asked for something that it cannot have.
    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self(RpcError::invalid_params(message.into()))
    }

    /// -32603: the server failed. The text reaches the client.
    pub fn internal(message: impl Into<String>) -> Self {
        Self(RpcError::new(ErrorCode::Internal, message.into()))
    }

    /// The code, as 2026-07-28 writes it.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.0.code.number()
    }

    /// The text.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

/// What a call's era and request mean for everybody who must not know the era.
pub(crate) struct CallFacts {
    pub(crate) revision: Revision,
    pub(crate) principal: Option<Principal>,
    /// `clientInfo`, as JSON text.
    pub(crate) client_info: Option<Bytes>,
    pub(crate) capabilities: ClientCapabilities,
    /// The extensions that the client declared when it opened its session; else they are in its message.
    pub(crate) extensions: Option<Bytes>,
    pub(crate) progress_token: Option<RequestId>,
    pub(crate) trace_parent: Option<TraceParent>,
    /// The whole message, for what is seldom asked for.
    pub(crate) message: Bytes,
    pub(crate) policy: CallPolicy,
    pub(crate) asking: Asking,
}

/// What the era decides about a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallPolicy {
    /// How the client can be asked something.
    pub(crate) can_ask: CanAsk,
    /// What the client's going away means.
    pub(crate) on_disconnect: OnDisconnect,
    /// The least grave log message that the client wants; none at all without it.
    pub(crate) log_floor: Option<LogLevel>,
    /// Whether a capability that is missing has an error code of its own.
    pub(crate) names_capabilities: bool,
}

/// How the client of a call can be asked something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CanAsk {
    /// By a request of the server's, which another message answers.
    InSession,
    /// By a result, after which the client sends its request again.
    InRounds,
    /// There is no session in which it could answer.
    Never,
}

/// What happens to a running call when its client goes away.
///
/// By default 2026-07-28 cancels (closing the response is the cancellation), and sessions finish (a disconnection should
/// not be taken for a cancellation).
///
/// [`Cancel`](Self::Cancel) is about the connection that the call came by. Once that was
/// [closed](crate::Context::close_stream) by the server, or its client has come back for the stream on another, the call
/// runs to its end. Over stdio and over HTTP+SSE a call ends with its conversation, whatever this says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnDisconnect {
    /// The call runs to its end.
    Finish,
    /// The handler is dropped.
    Cancel,
}
