//! What a handler knows of its call, and what it can tell the client while it runs.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::ask::Asks;
use super::call::CallFacts;
use super::changes::Notify;
use super::dispatch::Server;
use super::outbound::Outbound;
use super::principal_state::StateRoom;
use super::progress::Progress;
use super::target::Target;
use crate::auth::Principal;
use crate::protocol::capabilities::Capability;
use crate::protocol::implementation::Implementation;
use crate::protocol::meta;
use crate::protocol::notifications::{self, LogLevel};
use crate::protocol::revision::Revision;
use crate::protocol::session::client_info;
use crate::protocol::trace_context::TraceParent;

/// The call that a handler serves: ask for it as a parameter.
///
/// A clone stands for the same call; after the call has ended it is [cancelled](Self::is_cancelled) and silent.
///
/// ```
/// use mcp_mount::Context;
///
/// async fn copy(ctx: Context) -> &'static str {
///     for file in 1..=3 {
///         // .. copy it
///         ctx.progress(f64::from(file)).total(3.0).message("copied a file").await;
///     }
///     ctx.info("all files copied").await;
///     "done"
/// }
/// # let _ = mcp_mount::tool_fn("copy", "Copy files", copy);
/// ```
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
}

struct Shared {
    target: Arc<Target>,
    uri: Option<String>,
    facts: CallFacts,
    /// `None` where the client cannot be told anything before the answer.
    outbound: Option<Arc<Outbound>>,
    notify: Notify,
    state: Arc<StateRoom>,
    missing: OnceLock<Capability>,
    asks: Asks,
    ended: CancellationToken,
}

/// What a call failed for: see [`Context::require`].
pub(crate) struct Missing {
    pub(crate) capability: Capability,
    /// Whether the client's revision has an error code for it.
    pub(crate) has_code: bool,
}

impl Context {
    pub(crate) fn new(
        target: Arc<Target>,
        uri: Option<String>,
        facts: CallFacts,
        outbound: Option<Arc<Outbound>>,
        server: &Server,
    ) -> Self {
        let (notify, state) = (server.notify(), Arc::clone(&server.state));
        let (missing, asks, ended) = (OnceLock::new(), Asks::default(), CancellationToken::new());
        Self { shared: Arc::new(Shared { target, uri, facts, outbound, notify, state, missing, asks, ended }) }
    }

    /// Tells the client how far the call is: a number that grows, in a unit of your choice. `.await` the result to send
    /// it.
    ///
    /// Nothing is sent if the client did not ask for progress, or if the number is not greater than the last one
    /// (2026-07-28, basic/patterns/progress). After a burst of 32, at most 20 a second are sent: what comes faster, or
    /// while the client's queue is full, is replaced by what comes next. The last one is always sent before the answer.
    ///
    /// ```
    /// # async fn example(ctx: mcp_mount::Context) {
    /// ctx.progress(30.0).total(100.0).message("30 of 100 files").await;
    /// # }
    /// ```
    pub fn progress(&self, progress: f64) -> Progress<'_> {
        Progress::new(self, progress)
    }

    /// Sends a log message (any serialisable value) to the client, if it asked for messages this grave. What goes here
    /// leaves the server: no secrets.
    pub async fn log<T: Serialize + Sync>(&self, level: LogLevel, data: T) {
        take_turns().await;
        let Some(outbound) = &self.shared.outbound else { return };
        if self.is_cancelled() || self.shared.facts.policy.log_floor.is_none_or(|floor| level < floor) {
            return;
        }
        match notifications::message(level, self.name(), &data) {
            Ok(message) => outbound.send(message).await,
            Err(error) => tracing::warn!(%error, name = self.name(), "a log message could not be written as JSON"),
        }
    }

    /// Sends a log message of level [`Debug`](LogLevel::Debug).
    pub async fn debug<T: Serialize + Sync>(&self, data: T) {
        self.log(LogLevel::Debug, data).await;
    }

    /// Sends a log message of level [`Info`](LogLevel::Info).
    pub async fn info<T: Serialize + Sync>(&self, data: T) {
        self.log(LogLevel::Info, data).await;
    }

    /// Sends a log message of level [`Warning`](LogLevel::Warning).
    pub async fn warning<T: Serialize + Sync>(&self, data: T) {
        self.log(LogLevel::Warning, data).await;
    }

    /// Sends a log message of level [`Error`](LogLevel::Error).
    pub async fn error<T: Serialize + Sync>(&self, data: T) {
        self.log(LogLevel::Error, data).await;
    }

    /// Ends the connection that carries the reply, and not the call: the client comes back for what is said from now on,
    /// the answer included, when [`Sessions::retry_interval`](crate::Sessions::retry_interval) has passed. A long call need
    /// not hold a connection (2025-11-25, basic/transports, «Sending Messages to the Server»). Messages that were sent
    /// before still go out. From then on the call is not cancelled when its client goes away, not even with
    /// [`OnDisconnect::Cancel`](crate::OnDisconnect::Cancel): the client is expected to be away.
    ///
    /// It does nothing, but for a line in the log at debug level, where the client does not know to come back, or has
    /// nothing to come back for: outside of 2025-11-25, without a session, without an
    /// [event log](crate::Sessions::event_log), in a shutdown, or if the client takes no stream. A handler that ends right
    /// after it answers on the connection that is there. Doing it twice is fine.
    ///
    /// ```
    /// use mcp_mount::Context;
    /// use std::time::Duration;
    ///
    /// async fn render(ctx: Context) -> &'static str {
    ///     ctx.info("rendering, which takes a minute").await;
    ///     ctx.close_stream().await;
    ///     tokio::time::sleep(Duration::from_secs(55)).await;
    ///     "rendered"
    /// }
    /// # let _ = mcp_mount::tool_fn("render", "Render", render);
    /// ```
    pub async fn close_stream(&self) {
        take_turns().await;
        let closes = self.shared.outbound.as_ref().is_some_and(|outbound| outbound.ask_to_close());
        if !closes {
            tracing::debug!(name = self.name(), "the stream is not closed: its client could not come back for it");
        }
    }

    /// Whether the call is over: cancelled by its client, timed out, cut by a shutdown, or answered.
    ///
    /// The handler itself is dropped then; this is for what it started elsewhere.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.ended.is_cancelled()
    }

    /// Resolves when the call is over: see [`is_cancelled`](Self::is_cancelled).
    pub async fn cancelled(&self) {
        self.shared.ended.cancelled().await;
    }

    /// The revision of the protocol that the client speaks.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.shared.facts.revision
    }

    /// Who is asking, if the host said so.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.shared.facts.principal.as_ref()
    }

    /// The name of the tool, the resource or the prompt; where something is completed, of the argument.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.target.name
    }

    /// The URI that is read, where a resource is.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.shared.uri.as_deref()
    }

    /// Whether the client offers a capability, and its revision has it. A client without a session, before 2026-07-28,
    /// offers none.
    #[must_use]
    pub fn supports(&self, capability: Capability) -> bool {
        self.shared.facts.capabilities.has(capability) && self.shared.facts.revision >= capability.since()
    }

    /// Goes on only if the client offers a capability. A handler that fails after this has failed is answered with -32021
    /// and the name of what is missing (2026-07-28, basic/index, «Error Codes»; earlier revisions have no such code and get a
    /// failed tool, or -32603), unless it fails with a text of its own ([`ToolError::expose`](crate::ToolError::expose)),
    /// which is what the client sees then. To choose between two ways, ask [`supports`](Self::supports).
    ///
    /// Ask for it first: once the handler has spoken and waited, its reply is a stream that has begun with status 200.
    ///
    /// ```
    /// use mcp_mount::{Capability, Context, ToolError};
    ///
    /// async fn summarize(ctx: Context) -> Result<String, ToolError> {
    ///     ctx.require(Capability::Sampling)?;
    ///     // .. ask the client's model
    ///     Ok("a summary".to_owned())
    /// }
    /// # let _ = mcp_mount::tool_fn("summarize", "Summarize", summarize);
    /// ```
    ///
    /// # Errors
    ///
    /// When the client does not offer it.
    pub fn require(&self, capability: Capability) -> Result<(), MissingCapability> {
        if self.supports(capability) {
            return Ok(());
        }
        // The first is what the handler fails for.
        self.shared.missing.get_or_init(|| capability);
        Err(MissingCapability(capability))
    }

    pub(crate) fn missing_capability(&self) -> Option<Missing> {
        let has_code = self.shared.facts.policy.names_capabilities;
        self.shared.missing.get().map(|capability| Missing { capability: *capability, has_code })
    }

    /// What the client says of an extension that it supports: its settings, an object that may be empty. `None` if it does
    /// not support it. Some clients of earlier revisions than 2026-07-28 declare theirs when they open a session, and 1 KiB
    /// of it is kept.
    ///
    /// ```
    /// async fn show(ctx: mcp_mount::Context) -> &'static str {
    ///     match ctx.client_extension("io.modelcontextprotocol/ui") {
    ///         Some(_) => "shown on a page",
    ///         None => "told in words",
    ///     }
    /// }
    /// # let _ = mcp_mount::tool_fn("show", "Show it", show);
    /// ```
    #[must_use]
    pub fn client_extension(&self, identifier: &str) -> Option<Value> {
        let declared: Option<Map<String, Value>> = match &self.shared.facts.extensions {
            Some(kept) => serde_json::from_slice(kept).ok(),
            None => {
                let capabilities: Value = self.meta_value(meta::CLIENT_CAPABILITIES).ok()??;
                capabilities.get("extensions").and_then(Value::as_object).cloned()
            }
        };
        declared?.remove(identifier).filter(Value::is_object)
    }

    /// Tells clients of changes: the same as [`McpService::notify`](crate::McpService::notify).
    #[must_use]
    pub fn notify(&self) -> Notify {
        self.shared.notify.clone()
    }

    /// What the client says it is: for display, never for decisions.
    #[must_use]
    pub fn client_info(&self) -> Option<Implementation> {
        let json = self.shared.facts.client_info.as_deref()?;
        client_info(std::str::from_utf8(json).ok()?)
    }

    pub(crate) fn facts(&self) -> &CallFacts {
        &self.shared.facts
    }

    pub(super) fn state_room(&self) -> &StateRoom {
        &self.shared.state
    }

    /// `None` where the client cannot be told anything before the answer.
    pub(crate) fn outbound(&self) -> Option<&Outbound> {
        self.shared.outbound.as_deref()
    }

    /// What this run of the handler has asked.
    pub(crate) fn asks(&self) -> &Asks {
        &self.shared.asks
    }

    /// What no other living call has.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.shared).addr()
    }

    /// The request's `_meta`: what its client says beside the parameters. Read anew each time.
    #[must_use]
    pub fn meta(&self) -> Option<Value> {
        serde_json::from_str(self.meta_text()?).ok()
    }

    /// One member of the request's `_meta`, read into a `T`; `None` where there is none of this key.
    ///
    /// ```
    /// use mcp_mount::{Context, ToolError};
    ///
    /// async fn greet(ctx: Context) -> Result<String, ToolError> {
    ///     let name: Option<String> = ctx.meta_value("com.example/name").map_err(ToolError::expose)?;
    ///     Ok(format!("Hello, {}", name.as_deref().unwrap_or("you")))
    /// }
    /// # let _ = mcp_mount::tool_fn("greet", "Greet", greet);
    /// ```
    ///
    /// # Errors
    ///
    /// When what is there is no `T`.
    pub fn meta_value<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, serde_json::Error> {
        match self.meta() {
            Some(Value::Object(mut members)) => members.remove(key).map(serde_json::from_value).transpose(),
            _ => Ok(None),
        }
    }

    /// The trace that the call belongs to, in the form of W3C Trace Context: `_meta.traceparent`, or the request's header of
    /// that name. `None` where there is none, or none that is valid. The call's own span has it as `trace_id` and
    /// `parent_span_id`.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.shared.facts.trace_parent.as_ref().map(TraceParent::as_str)
    }

    fn meta_text(&self) -> Option<&str> {
        meta::of_message(std::str::from_utf8(&self.shared.facts.message).ok()?)
    }

    /// Marks the call as over when dropped.
    pub(crate) fn end_guard(&self) -> tokio_util::sync::DropGuard {
        self.shared.ended.clone().drop_guard()
    }
}

/// Lets others have a turn now and then. What is sent seldom has to wait, and what nobody wants never has: a handler that
/// awaits nothing else would keep its thread, and neither its timeout nor its cancellation could reach it.
pub(super) async fn take_turns() {
    tokio::task::coop::consume_budget().await;
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// The client does not offer something that the call needs: from [`Context::require`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this needs the client capability `{}`, which the client does not offer", .0.as_str())]
pub struct MissingCapability(Capability);

impl MissingCapability {
    /// What is missing.
    #[must_use]
    pub fn capability(self) -> Capability {
        self.0
    }
}
