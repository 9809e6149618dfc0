//! How the server lives and ends: what is running is counted, adopted and, at the deadline, cancelled.
//!
//! This is the only file that spawns.

use std::future::{Future, IntoFuture};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long a drain waits for calls by default.
const GRACE: Duration = Duration::from_secs(10);

/// How long after the deadline the answers of calls that were cut may take to leave, and how long a web server may hold
/// on to a socket that nobody reads.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest that anything waits: a year. A clock that is moved further may overflow.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// The life of one or more services: a handle that the host shares.
///
/// Nothing has to be started. To end, the host calls [`shutdown`](Self::shutdown), or lets [`drive`](Self::drive) or
/// `serve` do it on SIGINT or SIGTERM.
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
    /// Whether the drain has begun; read by every call, which the token's own lock would slow down.
    draining: AtomicBool,
    /// Cancelled when the drain begins: nothing new is accepted, idle streams end.
    drain: CancellationToken,
    /// Cancelled at the deadline: what still runs is cancelled.
    cut: CancellationToken,
    deadline: OnceLock<(Instant, Instant)>,
    calls: AtomicUsize,
    streams: AtomicUsize,
    calls_finished: AtomicUsize,
    calls_cut: AtomicUsize,
    streams_ended: AtomicUsize,
    changed: Notify,
    signals: AtomicBool,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            grace_ms: AtomicU64::new(millis(GRACE)),
            draining: AtomicBool::new(false),
            drain: CancellationToken::new(),
            cut: CancellationToken::new(),
            deadline: OnceLock::new(),
            calls: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            calls_finished: AtomicUsize::new(0),
            calls_cut: AtomicUsize::new(0),
            streams_ended: AtomicUsize::new(0),
            changed: Notify::new(),
            signals: AtomicBool::new(false),
        }
    }
}

/// What a drain came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Calls that ended by themselves after the drain had begun.
    pub finished: usize,
    /// Calls that were cancelled at the deadline.
    pub cut: usize,
    /// Open streams that were ended.
    pub streams: usize,
    /// How long it took, from the beginning of the drain.
    pub elapsed: Duration,
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

    pub(crate) fn is_ready(&self) -> bool {
        !self.is_draining()
    }
    /// Whether the drain has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::SeqCst)
    }

    /// Ends the service: new sessions, streams and calls get 503, open streams end at once, running calls may finish
    /// until the deadline and are cancelled and answered with an error then. May be called more than once.
    pub async fn shutdown(&self) -> DrainReport {
        self.begin();
        let (_, deadline) = *self.shared.deadline.get().expect("`begin` has set it");
        tokio::select! {
            () = self.empty() => {}
            () = sleep_until(deadline) => self.shared.cut.cancel(),
            // Somebody is in a hurry.
            () = self.shared.cut.cancelled() => {}
        }
        let _ = timeout(PATIENCE, self.empty()).await;
        self.report()
    }

    fn report(&self) -> DrainReport {
        let began = self.shared.deadline.get().map(|(began, _)| *began);
        DrainReport {
            finished: self.shared.calls_finished.load(Ordering::Acquire),
            cut: self.shared.calls_cut.load(Ordering::Acquire),
            streams: self.shared.streams_ended.load(Ordering::Acquire),
            elapsed: began.map_or(Duration::ZERO, |began| began.elapsed()),
        }
    }

    /// Waits for SIGINT or SIGTERM, and begins the drain: for a web server's own graceful shutdown. Open streams never
    /// end by themselves, so they must end inside this, before the server waits for its connections. It also ends when
    /// somebody else has begun the drain.
    pub fn until_signal(&self) -> impl Future<Output = ()> + Send + use<> {
        self.shared.signals.store(true, Ordering::Relaxed);
        self.until(signal())
    }

    /// Waits for `future`, whatever it comes to, and begins the drain: [`until_signal`](Self::until_signal) for hosts
    /// that know better when to end.
    pub fn until<F: Future + Send>(&self, future: F) -> impl Future<Output = ()> + Send + use<F> {
        let lifespan = self.clone();
        async move {
            tokio::select! {
                _ = future => {}
                () = lifespan.shared.drain.cancelled() => {}
            }
            lifespan.begin();
            // The deadline must come even if nobody drives.
            lifespan.clone().adopt(async move {
                lifespan.shutdown().await;
            });
        }
    }

    /// Runs a web server to its end: gives up on it one second after the drain's deadline, since a socket that nobody
    /// reads would hold it for ever. After [`until_signal`](Self::until_signal), a second signal cuts the drain short.
    ///
    /// # Errors
    ///
    /// The server's own.
    pub async fn drive<S, T, E>(&self, server: S) -> Result<DrainReport, E>
    where
        S: IntoFuture<Output = Result<T, E>>,
    {
        let server = server.into_future();
        let to_the_end = async {
            server.await?;
            // The connections are gone; calls of sessions may still run.
            Ok(self.shutdown().await)
        };
        tokio::select! {
            report = to_the_end => report,
            () = self.overdue() => {
                tracing::warn!("something was still open one second after the deadline: giving up on it");
                Ok(self.report())
            }
        }
    }

    /// Resolves one second after the deadline, or after a second signal.
    async fn overdue(&self) {
        self.shared.drain.cancelled().await;
        let (_, deadline) = *self.shared.deadline.get().expect("set before the token is cancelled");
        tokio::select! {
            () = sleep_until(deadline) => {}
            () = self.second_signal() => {}
        }
        self.shared.cut.cancel();
        tokio::time::sleep(PATIENCE).await;
    }

    async fn second_signal(&self) {
        if self.shared.signals.load(Ordering::Relaxed) {
            signal().await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    fn begin(&self) {
        let grace = Duration::from_millis(self.shared.grace_ms.load(Ordering::Relaxed));
        self.shared.deadline.get_or_init(|| {
            let now = Instant::now();
            (now, now + grace)
        });
        self.shared.draining.store(true, Ordering::SeqCst);
        self.shared.drain.cancel();
    }

    /// Waits until no call and no stream is left.
    async fn empty(&self) {
        loop {
            let changed = self.shared.changed.notified();
            if self.shared.calls.load(Ordering::SeqCst) == 0 && self.shared.streams.load(Ordering::SeqCst) == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Runs `work` to its end, whoever drops the request that it came from. Without a runtime it is dropped.
    pub(crate) fn adopt(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(work);
        }
    }

    /// Counts a call in, until [`leave_call`](Self::leave_call). Answers `false` if the drain has begun.
    pub(crate) fn enter_call(&self) -> bool {
        self.count_in(&self.shared.calls)
    }

    /// Counts a call out that was counted in.
    pub(crate) fn leave_call(&self) {
        let shared = &self.shared;
        if self.is_draining() {
            let outcome = if shared.cut.is_cancelled() { &shared.calls_cut } else { &shared.calls_finished };
            outcome.fetch_add(1, Ordering::AcqRel);
        }
        shared.calls.fetch_sub(1, Ordering::SeqCst);
        if self.is_draining() {
            shared.changed.notify_waiters();
        }
    }

    /// Counts a stream in, unless the drain has begun.
    pub(crate) fn enter_stream(&self) -> Option<StreamGuard> {
        self.count_in(&self.shared.streams).then(|| StreamGuard { lifespan: self.clone() })
    }

    fn count_in(&self, count: &AtomicUsize) -> bool {
        count.fetch_add(1, Ordering::SeqCst);
        // Looked at after counting, so that a drain either sees the count or is seen here.
        let accepted = !self.is_draining();
        if !accepted {
            count.fetch_sub(1, Ordering::SeqCst);
            self.shared.changed.notify_waiters();
        }
        accepted
    }

    /// Resolves when the drain begins.
    pub(crate) fn drain_begun(&self) -> WaitForCancellationFutureOwned {
        self.shared.drain.clone().cancelled_owned()
    }

    /// Resolves when what still runs has to stop.
    pub(crate) fn cut(&self) -> WaitForCancellationFutureOwned {
        self.shared.cut.clone().cancelled_owned()
    }
}

/// A stream that counts as open.
#[derive(Debug)]
pub(crate) struct StreamGuard {
    lifespan: Lifespan,
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        let shared = &self.lifespan.shared;
        if self.lifespan.is_draining() {
            shared.streams_ended.fetch_add(1, Ordering::AcqRel);
        }
        shared.streams.fetch_sub(1, Ordering::SeqCst);
        if self.lifespan.is_draining() {
            shared.changed.notify_waiters();
        }
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                () = interrupt() => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be watched; SIGINT still ends the server");
            interrupt().await;
        }
    }
}

#[cfg(not(unix))]
async fn signal() {
    interrupt().await;
}

async fn interrupt() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!(%error, "SIGINT cannot be watched");
        std::future::pending::<()>().await;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn on_thread<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = Result<T, Box<dyn std::any::Any + Send>>> + Send {
    async move { Ok(future.await) }
}
