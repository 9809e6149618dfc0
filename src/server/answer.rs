//! From what a handler returns to the answer of its method.

use serde_json::Value;

use super::call::{Call, CallError, Reply};
use super::context::Context;
use super::refusal::Refusal;
use super::result::{IntoToolResult, ToolError};
use super::target::Target;
use crate::protocol::completion::Completion;
use crate::protocol::error::RpcError;
use crate::protocol::prompts::GetPromptResult;
use crate::protocol::resources::ReadResourceResult;
use crate::protocol::tools::CallToolResult;

/// What is needed of a call once its handler has returned.
#[derive(Debug)]
pub struct About<'a> {
    target: &'a Target,
    context: Option<&'a Context>,
    uri: Option<&'a str>,
}

impl<'a> About<'a> {
    pub(crate) fn new(call: &'a Call) -> Self {
        Self { target: &call.target, context: call.context.as_ref(), uri: call.uri() }
    }

    /// The answer of a handler that failed.
    pub(super) fn failure(&self, error: &ToolError) -> Reply {
        // A handler that went on without what it could not have, and fails for a reason that it wants to be seen.
        let own = error.ask().is_none() && !error.is_missing_capability();
        if own && let Ok(text) = error.exposed() {
            return self.target.failed(text);
        }
        // Whatever other error type the failed `Context::require` has travelled through.
        if let Some(missing) = self.context.and_then(Context::missing_capability) {
            // Should it have failed for another reason, that must not be lost.
            if !error.is_missing_capability() {
                tracing::warn!(name = self.target.name, cause = %error.causes(), "failed after a failed `require`");
            }
            let error = RpcError::missing_capability(missing.capability);
            return if missing.has_code {
                Reply::Error(CallError(error))
            } else {
                self.target.failed(error.message.into_owned())
            };
        }
        // The same of a malformed answer of the client's.
        if let Some(fault) = self.context.and_then(|context| context.asks().malformed()) {
            if error.ask().is_none() {
                tracing::warn!(name = self.target.name, cause = %error.causes(), "failed after a malformed answer");
            }
            return Reply::Error(CallError::invalid_params(fault));
        }
        if let Some(error) = error.ask().filter(|error| error.is_clients()) {
            return self.target.failed(error.to_string());
        }
        match error.exposed() {
            Ok(text) => self.target.failed(text),
            Err(causes) => self.target.masked(&causes),
        }
    }
}

/// The answer of a method that runs a handler.
pub trait Answer: Sized + Send + 'static {
    #[doc(hidden)]
    fn reply(returned: Result<Self, ToolError>, about: &About<'_>) -> Reply;

    #[doc(hidden)]
    fn refused(refusal: Refusal) -> Reply {
        let Refusal { reason, internal, .. } = refusal;
        Reply::Error(if internal { CallError::internal(reason) } else { CallError::invalid_params(reason) })
    }
}

impl Answer for CallToolResult {
    fn reply(returned: Result<Self, ToolError>, about: &About<'_>) -> Reply {
        returned.map_or_else(|error| about.failure(&error), Reply::Tool)
    }

    /// A failure that the model sees and may correct (2026-07-28, server/tools, «Error Handling»).
    fn refused(refusal: Refusal) -> Reply {
        Reply::Tool(Self::error(refusal.reason))
    }
}

/// `None` where there is no such resource.
impl Answer for Option<ReadResourceResult> {
    fn reply(returned: Result<Self, ToolError>, about: &About<'_>) -> Reply {
        let uri = about.uri.unwrap_or_default();
        match returned {
            Ok(Some(result)) => about.target.complete(Reply::Resource(result), Some(uri)),
            Ok(None) => Reply::Error(CallError(RpcError::resource_not_found(uri))),
            Err(error) => about.failure(&error),
        }
    }
}

impl Answer for GetPromptResult {
    fn reply(returned: Result<Self, ToolError>, about: &About<'_>) -> Reply {
        returned.map_or_else(|error| about.failure(&error), Reply::Prompt)
    }
}

impl Answer for Completion {
    fn reply(returned: Result<Self, ToolError>, about: &About<'_>) -> Reply {
        match returned {
            Ok(completion) => about.target.complete(Reply::Completion(completion), None),
            Err(error) => about.failure(&error),
        }
    }
}

/// What a handler may return for an answer: the many traits of the API as one.
pub trait Returns<A> {
    #[doc(hidden)]
    fn into_answer(self) -> Result<A, ToolError>;

    #[doc(hidden)]
    fn output_schema() -> Option<Value> {
        None
    }
}

impl<T: IntoToolResult> Returns<CallToolResult> for T {
    fn into_answer(self) -> Result<CallToolResult, ToolError> {
        self.into_tool_result()
    }

    fn output_schema() -> Option<Value> {
        T::output_schema()
    }
}
