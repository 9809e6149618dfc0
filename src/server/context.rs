//! What a handler knows of its call, and what it can tell the client while it runs.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::call::CallFacts;
use super::outbound::Outbound;
use crate::auth::Principal;
use crate::protocol::implementation::Implementation;
use crate::protocol::notifications::{self, LogLevel};
use crate::protocol::revision::Revision;
use crate::protocol::session::client_info;

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
    tool: String,
    facts: CallFacts,
    /// `None` where the client cannot be told anything before the answer.
    outbound: Option<Arc<Outbound>>,
    ended: CancellationToken,
}

impl Context {
    pub(crate) fn new(tool: &str, facts: CallFacts, outbound: Option<Arc<Outbound>>) -> Self {
        let shared = Shared { tool: tool.to_owned(), facts, outbound, ended: CancellationToken::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Tells the client how far the call is: a number that grows, in a unit of your choice. `.await` the result to send
    /// it.
    ///
    /// Nothing is sent if the client did not ask for progress, or if the number is not greater than the last one
    /// (2026-07-28, basic/patterns/progress). While the client's queue is full, it waits.
    ///
    /// ```
    /// # async fn example(ctx: mcp_mount::Context) {
    /// ctx.progress(30.0).total(100.0).message("30 of 100 files").await;
    /// # }
    /// ```
    pub fn progress(&self, progress: f64) -> Progress<'_> {
        Progress { context: self, progress, total: None, message: None }
    }

    /// Sends a log message (any serialisable value) to the client, if it asked for messages this grave. What goes here
    /// leaves the server: no secrets.
    pub async fn log<T: Serialize + Sync>(&self, level: LogLevel, data: T) {
        take_turns().await;
        let Some(outbound) = &self.shared.outbound else { return };
        if self.is_cancelled() || self.shared.facts.policy.log_floor.is_none_or(|floor| level < floor) {
            return;
        }
        match notifications::message(level, &self.shared.tool, &data) {
            Ok(message) => outbound.send(message, None).await,
            Err(error) => tracing::warn!(%error, tool = self.tool(), "a log message could not be written as JSON"),
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

    /// The tool's name.
    #[must_use]
    pub fn tool(&self) -> &str {
        &self.shared.tool
    }

    /// What the client says it is: for display, never for decisions.
    #[must_use]
    pub fn client_info(&self) -> Option<Implementation> {
        let json = self.shared.facts.client_info.as_deref()?;
        client_info(std::str::from_utf8(json).ok()?)
    }

    /// Marks the call as over when dropped.
    pub(crate) fn end_guard(&self) -> tokio_util::sync::DropGuard {
        self.shared.ended.clone().drop_guard()
    }
}

/// Lets others have a turn now and then. What is sent seldom has to wait, and what nobody wants never has: a handler that
/// awaits nothing else would keep its thread, and neither its timeout nor its cancellation could reach it.
async fn take_turns() {
    tokio::task::coop::consume_budget().await;
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("tool", &self.shared.tool).finish_non_exhaustive()
    }
}

/// A progress notification to be sent: from [`Context::progress`].
#[derive(Debug)]
#[must_use = "progress is sent when it is awaited"]
pub struct Progress<'a> {
    context: &'a Context,
    progress: f64,
    total: Option<f64>,
    message: Option<String>,
}

impl Progress<'_> {
    /// What the number will be at the end, if known.
    pub fn total(mut self, total: f64) -> Self {
        self.total = Some(total);
        self
    }

    /// What goes on, for people.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    async fn send(self) {
        take_turns().await;
        let shared = &self.context.shared;
        let (Some(outbound), Some(token)) = (&shared.outbound, &shared.facts.progress_token) else { return };
        if shared.ended.is_cancelled() || !self.progress.is_finite() {
            return;
        }
        let total = self.total.filter(|total| total.is_finite());
        let message = notifications::progress(token, self.progress, total, self.message.as_deref());
        outbound.send(message, Some(self.progress)).await;
    }
}

impl<'a> IntoFuture for Progress<'a> {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
