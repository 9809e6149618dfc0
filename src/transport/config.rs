//! The settings, as the pipeline reads them.

mod state;

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;

use super::cors::Cors;
use super::forwarded::Proxies;
use super::guard::Guard;
use super::public::Public;
use super::read::{Budget, ReadLimits};
use super::route::Routes;
use crate::auth::Principal;
use crate::error::BuildError;
use crate::lifespan::LONGEST_WAIT;
use crate::protocol::revision::Revisions;
use crate::server::outbound::QueueLimits;
use crate::server::principal_state::StateLimits;
use crate::store::{LOG_BUDGET, LogLimits};

type Find = Arc<dyn Fn(&Extensions) -> Option<Principal> + Send + Sync>;

/// Finds the principal among what the host's middleware put into the request.
#[derive(Clone)]
pub(crate) struct FindPrincipal {
    pub(crate) find: Find,
    /// What it looks at, for hosts that have to be told what to hand on.
    pub(crate) extension: (TypeId, &'static str),
}

/// Every setting of the transport.
pub(crate) struct Config {
    pub(crate) revisions: Revisions,
    pub(crate) guard: Guard,
    pub(crate) cors: Option<Cors>,
    pub(crate) proxies: Proxies,
    pub(crate) public: Public,
    pub(crate) read: ReadLimits,
    pub(crate) queue: QueueLimits,
    pub(crate) log: LogLimits,
    pub(crate) keep_alive: Duration,
    pub(crate) silence: Duration,
    pub(crate) tool_timeout: Duration,
    pub(crate) ask_timeout: Duration,
    pub(crate) principal: Option<FindPrincipal>,
    pub(crate) routes: Routes,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("revisions", &self.revisions).field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// The bounds of what clients may take: each has a safe default.
///
/// ```
/// use mcp_mount::Limits;
/// use std::time::Duration;
///
/// let limits = Limits::new().body_bytes(64 * 1024).tool_timeout(Duration::from_secs(300));
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    body_bytes: usize,
    body_deadline: Duration,
    body_budget: usize,
    pub(crate) calls_in_flight: usize,
    pub(crate) open_streams: usize,
    tool_timeout: Duration,
    ask_timeout: Duration,
    keep_alive: Duration,
    silence: Duration,
    stream_events: usize,
    stream_bytes: usize,
    stream_stall: Duration,
    log_events: usize,
    log_bytes: usize,
    pub(crate) log_budget: usize,
    log_ttl: Duration,
    state: StateLimits,
}

impl Limits {
    /// The defaults, which each method names.
    #[must_use]
    pub fn new() -> Self {
        Self {
            body_bytes: 4 << 20,
            body_deadline: Duration::from_secs(30),
            body_budget: 256 << 20,
            calls_in_flight: 1024,
            open_streams: 10_000,
            tool_timeout: Duration::from_secs(60),
            ask_timeout: Duration::from_secs(600),
            keep_alive: Duration::from_secs(15),
            silence: Duration::from_secs(10),
            stream_events: 256,
            stream_bytes: 1 << 20,
            stream_stall: Duration::from_secs(30),
            log_events: 1_000,
            log_bytes: 1 << 20,
            log_budget: LOG_BUDGET,
            log_ttl: Duration::from_secs(5 * 60),
            state: StateLimits::DEFAULT,
        }
    }

    /// The largest body of a request, in bytes. Default: 4 MiB. A larger one gets 413.
    #[must_use]
    pub fn body_bytes(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// How long a body may take to arrive. Default: 30 s. A slower one gets 408.
    #[must_use]
    pub fn body_deadline(mut self, deadline: Duration) -> Self {
        self.body_deadline = deadline;
        self
    }

    /// How many bytes the bodies of all requests may hold together, those of up to 4 KiB not counted. Default: 256 MiB.
    /// Beyond it requests get 503.
    #[must_use]
    pub fn body_budget(mut self, bytes: usize) -> Self {
        self.body_budget = bytes;
        self
    }

    /// How many calls may run at a time, those on threads of their own included. Default: 1,024. Beyond it calls get 503.
    #[must_use]
    pub fn calls_in_flight(mut self, calls: usize) -> Self {
        self.calls_in_flight = calls;
        self
    }

    /// How many streams may be open at a time beside the replies of calls: GET streams of sessions, among them those that
    /// resume the stream of a call or stand in for one that is not known, `subscriptions/listen`, and conversations of
    /// [HTTP+SSE](crate::Mcp::legacy_sse) or [by lines](crate::McpService::serve_lines). Default: 10,000. Beyond it they
    /// get 503.
    #[must_use]
    pub fn open_streams(mut self, streams: usize) -> Self {
        self.open_streams = streams;
        self
    }

    /// How long a call may take, unless its tool, resource or prompt has a timeout of its own, and a
    /// [route](crate::Mcp::route). Default: 60 s. Then a tool fails (`isError`), any other call is answered with -32603, and
    /// a route with 500.
    #[must_use]
    pub fn tool_timeout(mut self, timeout: Duration) -> Self {
        self.tool_timeout = timeout;
        self
    }

    /// How long a client may take to answer what a handler [asks](crate::Context#asking-the-client), while the call's own
    /// timeout stands still. Default: 10 min. In 2026-07-28 the `requestState` expires then. At least 1 s. A call in a session
    /// keeps its place among the [`calls_in_flight`](Self::calls_in_flight) for as long.
    ///
    /// ```
    /// use mcp_mount::Limits;
    /// use std::time::Duration;
    ///
    /// let limits = Limits::new().ask_timeout(Duration::from_secs(120));
    /// # let _ = limits;
    /// ```
    #[must_use]
    pub fn ask_timeout(mut self, timeout: Duration) -> Self {
        self.ask_timeout = timeout;
        self
    }

    /// How long a stream may be quiet before a comment is sent, so that proxies do not close it. Default: 15 s. Open
    /// streams and running calls keep their session alive at this interval, or every 15 s if that is shorter.
    #[must_use]
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        self.keep_alive = interval;
        self
    }

    /// How long a call may be silent before its reply becomes a stream, so that proxies see its beginning. Default: 10 s.
    #[must_use]
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// How many messages of a call may wait for its client. Default: 256. A handler that sends more waits.
    #[must_use]
    pub fn stream_events(mut self, events: usize) -> Self {
        self.stream_events = events;
        self
    }

    /// How many bytes of messages of a call may wait for its client. Default: 1 MiB. A handler that sends more waits.
    #[must_use]
    pub fn stream_bytes(mut self, bytes: usize) -> Self {
        self.stream_bytes = bytes;
        self
    }

    /// How long messages of a call may wait unread before the stream is cut. Default: 30 s.
    #[must_use]
    pub fn stream_stall(mut self, stall: Duration) -> Self {
        self.stream_stall = stall;
        self
    }

    /// How many messages of a call in a session are kept for a client that comes back. Default: 1,000. The oldest give
    /// way, and who comes back for them is told that some are missing.
    ///
    /// ```
    /// use mcp_mount::Limits;
    /// use std::time::Duration;
    ///
    /// let of_a_call = Limits::new().log_events(200).log_bytes(256 * 1024).log_ttl(Duration::from_secs(60));
    /// let limits = of_a_call.log_budget(16 * 1024 * 1024); // of all calls
    /// # let _ = limits;
    /// ```
    #[must_use]
    pub fn log_events(mut self, events: usize) -> Self {
        self.log_events = events;
        self
    }

    /// How many bytes of messages of a call in a session are kept for a client that comes back. Default: 1 MiB. The
    /// oldest messages give way, but for the last, which may be larger.
    #[must_use]
    pub fn log_bytes(mut self, bytes: usize) -> Self {
        self.log_bytes = bytes;
        self
    }

    /// How many bytes of messages of all sessions are kept for clients that come back, with 64 more for each message.
    /// Default: 64 MiB. One session may take an eighth of it, or [`log_bytes`](Self::log_bytes) if that is more: of its
    /// calls those that ended first give way, then its oldest messages. When all of it is taken, the sessions that take
    /// the most give way in the same manner.
    ///
    /// It is the budget of the [`Memory`](crate::Memory) that is there by default. A [store](crate::Mcp::store) that is
    /// given has its own, such as [`Memory::with_log_budget`](crate::Memory::with_log_budget), and this one does nothing; in
    /// the URL of [`store_from_url`](crate::store_from_url) it is `?log_budget=BYTES`.
    #[must_use]
    pub fn log_budget(mut self, bytes: usize) -> Self {
        self.log_budget = bytes;
        self
    }

    /// How long the messages of a call are kept after its last one. Default: 5 min.
    #[must_use]
    pub fn log_ttl(mut self, ttl: Duration) -> Self {
        self.log_ttl = ttl;
        self
    }

    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let zero = [
            ("body_bytes", self.body_bytes == 0),
            ("body_deadline", self.body_deadline.is_zero()),
            ("body_budget", self.body_budget < self.body_bytes),
            ("calls_in_flight", self.calls_in_flight == 0),
            ("open_streams", self.open_streams == 0),
            ("tool_timeout", self.tool_timeout.is_zero()),
            ("keep_alive", self.keep_alive.is_zero()),
            ("ask_timeout", self.ask_timeout < Duration::from_secs(1)),
            ("stream_events", self.stream_events == 0),
            ("stream_bytes", self.stream_bytes == 0),
            ("stream_stall", self.stream_stall.is_zero()),
            ("log_events", self.log_events == 0),
            ("log_bytes", self.log_bytes == 0),
            ("log_ttl", self.log_ttl.is_zero()),
        ];
        match zero.iter().chain(&self.state.zero()).find(|(_, wrong)| *wrong) {
            Some(("body_budget", _)) => Err(BuildError::setting("limits: body_budget is less than body_bytes")),
            Some(("ask_timeout", _)) => Err(BuildError::setting("limits: ask_timeout is less than a second")),
            Some((name, _)) => Err(BuildError::setting(format!("limits: {name} is zero; nothing could be served"))),
            None => Ok(()),
        }
    }

    /// Of the store that is there by default.
    pub(crate) fn check_log_budget(&self) -> Result<(), BuildError> {
        if self.log_budget < self.log_bytes {
            return Err(BuildError::setting("limits: log_budget is less than log_bytes"));
        }
        Ok(())
    }

    pub(crate) fn into_config(self, settings: Settings) -> Config {
        // «Never» is written as `Duration::MAX`, which no clock can be moved by.
        let soon = |duration: Duration| duration.min(LONGEST_WAIT);
        Config {
            revisions: settings.revisions,
            guard: settings.guard,
            cors: settings.cors,
            proxies: settings.proxies,
            public: settings.public,
            read: ReadLimits {
                bytes: self.body_bytes,
                deadline: soon(self.body_deadline),
                budget: Budget::new(self.body_budget),
            },
            queue: QueueLimits { events: self.stream_events, bytes: self.stream_bytes, stall: soon(self.stream_stall) },
            log: LogLimits::new(self.log_events, self.log_bytes, soon(self.log_ttl)),
            keep_alive: soon(self.keep_alive),
            silence: soon(self.silence),
            tool_timeout: self.tool_timeout,
            ask_timeout: soon(self.ask_timeout),
            principal: settings.principal,
            routes: settings.routes,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// What is set beside the limits.
pub(crate) struct Settings {
    pub(crate) revisions: Revisions,
    pub(crate) guard: Guard,
    pub(crate) cors: Option<Cors>,
    pub(crate) proxies: Proxies,
    pub(crate) public: Public,
    pub(crate) principal: Option<FindPrincipal>,
    pub(crate) routes: Routes,
}
