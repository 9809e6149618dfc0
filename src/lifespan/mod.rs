//! How the server lives and ends: its start hooks, what is running, and the way down.
//!
//! ```text
//! serving ──shutdown, signal, host's token──> lame duck ──> drain ──deadline──> cut ──> shutdown hooks
//!   phase        who begins the end, and when the next step comes
//!   end          the steps of the end, one task's work, whoever waits for it
//!   count        calls, streams and web servers that are still there
//!   start_hooks, shutdown_hooks, start_error
//!   drive        a web server's own shutdown, tied to this one
//!   host         an end that a host's own token begins
//!   one_run      work that many wait for and that is done once
//!   spawner      the only place that starts tasks and threads
//! ```

mod count;
mod drive;
mod end;
mod host;
mod one_run;
mod phase;
mod shutdown_hooks;
mod signal;
pub(crate) mod spawner;
mod start_error;
mod start_hooks;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub(crate) use self::count::{LastingGuard, StreamGuard};
pub use self::end::DrainReport;
pub use self::start_error::StartError;

use self::count::Counts;
use self::host::Host;
use self::one_run::OneRun;
use self::phase::{Phase, Times};
use self::shutdown_hooks::ShutdownHooks;
use self::start_hooks::StartHooks;

/// How long a drain waits for calls by default.
const GRACE: Duration = Duration::from_secs(10);

/// How long after the deadline the answers of calls that were cut may take to leave, how long a web server may hold on
/// to a socket that nobody reads, and the least that a shutdown hook gets.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much work may go on at a time though whoever asked for it has left.
const SEEN_THROUGH: usize = 1_024;

/// The longest that anything waits: a year. A clock that is moved further may overflow.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// The life of one or more services: a handle that the host shares.
///
/// Nothing has to be started. To end, the host calls [`shutdown`](Self::shutdown), or lets [`drive`](Self::drive) or
/// `serve` do it on SIGINT or SIGTERM, or cancels [a token of its own](Self::from_token). The end has these steps:
///
/// 1. The lame duck, if there is [one](Self::lame_duck): [`is_ready`](Self::is_ready) says no, all else is as before.
/// 2. The drain: new sessions, streams and calls get 503, open streams end at once, running calls may finish.
/// 3. The deadline, [`grace`](Self::grace) after the drain began: what still runs is cancelled and answered with an
///    error.
/// 4. The [shutdown hooks](Self::on_shutdown).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), mcp_mount::BuildError> {
/// use mcp_mount::{Lifespan, Mcp};
/// use std::time::Duration;
///
/// let lifespan = Lifespan::new().grace(Duration::from_secs(5));
/// let mcp = Mcp::new("demo", "1.0.0").lifespan(&lifespan).build()?;
/// // .. serve, and when the application ends:
/// let report = lifespan.shutdown().await;
/// assert_eq!(report.cut, 0);
/// # let _ = mcp; Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lifespan {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    grace_ms: AtomicU64,
    lame_duck_ms: AtomicU64,
    /// Read by every call, which the tokens' own locks would slow down.
    phase: Phase,
    times: OnceLock<Times>,
    /// Cancelled when the end begins: nobody should be sent here any more.
    ending: CancellationToken,
    /// Cancelled when the drain begins: nothing new is accepted, idle streams end.
    drain: CancellationToken,
    /// Cancelled at the deadline: what still runs is cancelled.
    cut: CancellationToken,
    /// Cancelled when calls and streams are gone.
    drained: CancellationToken,
    counts: Counts,
    start_hooks: StartHooks,
    shutdown_hooks: ShutdownHooks,
    end: OneRun,
    report: OnceLock<DrainReport>,
    host: Option<Host>,
    /// Places for work that goes on though whoever asked for it has left.
    seen_through: Arc<Semaphore>,
    /// Whether the host waits for signals, so that a second one means something.
    signals: AtomicBool,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            grace_ms: AtomicU64::new(millis(GRACE)),
            lame_duck_ms: AtomicU64::new(0),
            phase: Phase::default(),
            times: OnceLock::new(),
            ending: CancellationToken::new(),
            drain: CancellationToken::new(),
            cut: CancellationToken::new(),
            drained: CancellationToken::new(),
            counts: Counts::default(),
            start_hooks: StartHooks::default(),
            shutdown_hooks: ShutdownHooks::default(),
            end: OneRun::default(),
            report: OnceLock::new(),
            host: None,
            seen_through: Arc::new(Semaphore::new(SEEN_THROUGH)),
            signals: AtomicBool::new(false),
        }
    }
}

impl Lifespan {
    /// A new life, to be shared with [`Mcp::lifespan`](crate::Mcp::lifespan).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a drain waits for running calls before it cancels them. Default: 10 s; at most a year.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        self.shared.grace_ms.store(millis(grace.min(LONGEST_WAIT)), Ordering::Relaxed);
        self
    }

    /// How long the server goes on as before when its end has begun, except that [`is_ready`](Self::is_ready) says no:
    /// time for a load balancer to notice, and to send its requests elsewhere. Default: 0; at most a year.
    ///
    /// The [`grace`](Self::grace) begins when it is over. A second signal ends it early, and so does a web server that
    /// ends by itself.
    ///
    /// ```
    /// use mcp_mount::Lifespan;
    /// use std::time::Duration;
    ///
    /// // A little more than the balancer needs to miss two probes, one every 5 s.
    /// let lifespan = Lifespan::new().lame_duck(Duration::from_secs(12));
    /// assert!(lifespan.is_ready());
    /// ```
    #[must_use]
    pub fn lame_duck(self, lame_duck: Duration) -> Self {
        self.shared.lame_duck_ms.store(millis(lame_duck.min(LONGEST_WAIT)), Ordering::Relaxed);
        self
    }

    /// Whether requests should be sent here: the start hooks have run, or there are none, and the end has not begun.
    /// This is for readiness probes; who is sent here all the same is served until the drain begins.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let lifespan = mcp_mount::Lifespan::new();
    /// assert!(lifespan.is_ready());
    /// lifespan.shutdown().await;
    /// assert!(!lifespan.is_ready());
    /// # }
    /// ```
    #[must_use]
    pub fn is_ready(&self) -> bool {
        // Asked first: it looks at the host's token.
        let draining = self.is_draining();
        !draining && !self.has_ending_begun() && !self.has_to_start()
    }

    /// Whether the drain has begun. A lame duck does not drain yet.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.phase.is_draining().unwrap_or_else(|| self.look())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
