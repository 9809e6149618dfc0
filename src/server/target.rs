//! What a call runs: a handler with what is known of it when the server is built.

use std::fmt;
use std::future::ready;
use std::time::Duration;

use super::call::{Call, CallError, OnDisconnect, Reply};
use super::extract::Needs;
use super::handler::{ErasedHandler, HandlerFuture};
use super::mirror::HeaderParam;
use super::result::mask;
#[cfg(feature = "jsonschema")]
use super::validate::Check;
use crate::lifespan::spawner::on_thread;
use crate::protocol::caching::CacheHints;
use crate::protocol::method::Method;
use crate::protocol::tools::CallToolResult;

/// The handler of a tool, a resource, a prompt, a completion, or of a method of the application's own.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    /// For logs and errors.
    pub(crate) name: String,
    pub(crate) needs: Needs,
    pub(crate) handler: ErasedHandler,
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_disconnect: Option<OnDisconnect>,
    /// Whether it runs on a thread of its own.
    pub(crate) blocking: bool,
    /// What the arguments must be, beyond what their type says.
    #[cfg(feature = "jsonschema")]
    pub(crate) check: Option<Check>,
}

/// What the handler serves, with what only that has.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Tool {
        /// [`ToolDefinition::wraps_output`](crate::protocol::tools::ToolDefinition), looked at by every call.
        wraps_output: bool,
        /// The arguments that headers mirror.
        mirrored: Vec<HeaderParam>,
    },
    Resource {
        hints: CacheHints,
        mime_type: Option<String>,
    },
    Prompt,
    Completion,
    /// A method of the application's own.
    Custom,
}

impl Target {
    pub(crate) fn new(kind: Kind, name: String, needs: Needs, handler: ErasedHandler) -> Self {
        Self {
            kind,
            name,
            needs,
            handler,
            timeout: None,
            on_disconnect: None,
            blocking: false,
            #[cfg(feature = "jsonschema")]
            check: None,
        }
    }

    /// The method that calls it.
    pub(crate) fn method(&self) -> &str {
        match self.kind {
            Kind::Tool { .. } => Method::ToolsCall.as_str(),
            Kind::Resource { .. } => Method::ResourcesRead.as_str(),
            Kind::Prompt => Method::PromptsGet.as_str(),
            Kind::Completion => Method::Complete.as_str(),
            Kind::Custom => &self.name,
        }
    }

    /// Whether its handler may ask the client (2026-07-28, basic/patterns/mrtr, «Supported Requests»).
    pub(crate) const fn may_ask(&self) -> bool {
        matches!(self.kind, Kind::Tool { .. } | Kind::Resource { .. } | Kind::Prompt)
    }

    /// What it is, for people: the word before its name.
    pub(crate) const fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Tool { .. } => "tool",
            Kind::Resource { .. } => "resource",
            Kind::Prompt => "prompt",
            Kind::Completion => "completion",
            Kind::Custom => "method",
        }
    }

    /// Runs the handler, on a thread of its own if it blocks.
    #[inline]
    pub(crate) fn run(&self, mut call: Call) -> HandlerFuture {
        #[cfg(feature = "jsonschema")]
        if let Some(check) = &self.check
            && let Some(fault) = check.fault(call.json_arguments())
        {
            return Box::pin(ready(Ok(Reply::Tool(CallToolResult::error(fault)))));
        }
        if !self.blocking {
            return self.handler.call(call);
        }
        let held = call.held.take();
        let handler = self.handler.clone();
        let thread = on_thread(async move {
            let outcome = handler.call(call).await;
            // The thread goes on when its caller is gone, and counts as running for so long.
            drop(held);
            outcome
        });
        match thread {
            Ok(thread) => Box::pin(async move { thread.await.and_then(|outcome| outcome) }),
            Err(error) => Box::pin(ready(Ok(self.masked(&format_args!("no thread could be started: {error}"))))),
        }
    }

    /// Fills in what an answer leaves open, and bounds it: what the handler returned, or a layer in its place.
    pub(crate) fn complete(&self, mut reply: Reply, uri: Option<&str>) -> Reply {
        match (&mut reply, &self.kind) {
            (Reply::Resource(result), Kind::Resource { mime_type, .. }) => {
                result.complete(uri.unwrap_or_default(), mime_type.as_deref());
            }
            (Reply::Completion(completion), Kind::Completion) => completion.bound(),
            _ => {}
        }
        reply
    }

    /// An answer that tells the caller why the call failed: the tool's own failure, or an error.
    pub(crate) fn failed(&self, text: String) -> Reply {
        match self.kind {
            Kind::Tool { .. } => Reply::Tool(CallToolResult::error(text)),
            _ => Reply::Error(CallError::internal(text)),
        }
    }

    /// An answer that tells the caller where to look: the cause is logged, and none of its business.
    pub(crate) fn masked(&self, cause: &dyn fmt::Display) -> Reply {
        self.failed(mask(self.noun(), &self.name, cause))
    }
}
