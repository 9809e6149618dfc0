//! What has to be done before the server serves.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::Lifespan;
use super::one_run::{OneRun, Run};
use super::spawner;
use super::start_error::{BoxError, StartError};

#[derive(Default)]
pub(super) struct StartHooks {
    /// Whether hooks wait, run, or have failed: read before every request.
    outstanding: AtomicBool,
    state: Mutex<State>,
    run: OneRun,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Hook>,
    running: Option<String>,
    failed: Option<StartError>,
    /// Whether all the hooks that there were have run, once.
    started: bool,
}

struct Hook {
    name: String,
    work: BoxFuture<'static, Result<(), BoxError>>,
}

impl Lifespan {
    /// Has `hook` run once before the server serves: connect to the database, migrate it, warm a cache. Hooks run one
    /// after the other, in the order in which they were registered, in a task of their own:
    ///
    /// - at [`start`](Self::start), for hosts that want to decide;
    /// - under [`drive`](Self::drive) and `serve`, before the web server is polled: a failure is their error;
    /// - at the first poll of [`until`](Self::until) or [`until_signal`](Self::until_signal), in the background;
    /// - else before the first request to the endpoint or to the readiness probe, which waits for them.
    ///
    /// After a hook that fails or panics no other one runs, and the server is never ready: the failure stays, is logged
    /// with its cause, and every request to the endpoint gets 503 with the hook's `name`, without the cause. Preflights,
    /// the liveness probe and the application's own [routes](crate::Mcp::route) are answered all the same.
    ///
    /// A hook that is registered when the others have run is run by the next `start` or before the next request; one
    /// that is registered when the drain has begun is not run, which is logged. A hook must not wait for `start`, nor for
    /// a request to this server, which would wait for the hook.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// let lifespan = mcp_mount::Lifespan::new();
    /// lifespan.on_start("cache directory", || async {
    ///     std::fs::create_dir_all(std::env::temp_dir().join("mcp-mount-example"))
    /// });
    /// assert!(!lifespan.is_ready());
    /// lifespan.start().await?; // or `serve` or `drive`, which do it
    /// assert!(lifespan.is_ready());
    /// # Ok(()) }
    /// ```
    pub fn on_start<H, F, E>(&self, name: impl Into<String>, hook: H)
    where
        H: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let hook = Hook { name: name.into(), work: async move { hook().await.map_err(Into::into) }.boxed() };
        if self.is_draining() {
            tracing::warn!(hook = hook.name, "a start hook was registered during shutdown and is not run");
        }
        self.shared.start_hooks.push(hook);
    }

    /// Runs the [start hooks](Self::on_start), or waits for those who do, and tells how it went. Once they have run it
    /// does nothing. Who stops waiting does not stop the hooks.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let lifespan = mcp_mount::Lifespan::new();
    /// lifespan.on_start("licence", || async { Err::<(), _>("it has expired") });
    /// let error = lifespan.start().await.unwrap_err();
    /// assert_eq!(error.hook(), "licence");
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The hook that failed, the same one every time; or the one that the drain began before.
    pub async fn start(&self) -> Result<(), StartError> {
        self.watch_the_host();
        while self.has_to_start() {
            self.shared.start_hooks.check(self.is_draining())?;
            tokio::select! {
                biased;
                () = self.shared.start_hooks.run.done(|| self.clone().run_start_hooks()) => {}
                () = self.shared.drain.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Whether requests have to wait for [`start`](Self::start).
    pub(crate) fn has_to_start(&self) -> bool {
        self.shared.start_hooks.outstanding.load(Ordering::Acquire)
    }

    /// Has the hooks run in the background.
    pub(crate) fn begin_start(&self) {
        if self.has_to_start() && !self.is_draining() {
            let _run: Run = self.shared.start_hooks.run.begin(|| self.clone().run_start_hooks());
        }
    }

    /// Waits for the hooks that run, if they do, and tells whether the server has started, or had nothing to start.
    pub(super) async fn has_started(&self) -> bool {
        self.shared.start_hooks.run.settled().await;
        let state = self.shared.start_hooks.lock();
        state.started || (state.waiting.is_empty() && state.running.is_none() && state.failed.is_none())
    }

    async fn run_start_hooks(self) {
        let hooks = &self.shared.start_hooks;
        while let Some(hook) = hooks.next() {
            let outcome = match spawner::apart(hook.work).await {
                Ok(outcome) => outcome,
                Err(panic) => Err(spawner::panic_text(&*panic).into()),
            };
            hooks.end(outcome);
        }
    }
}

impl StartHooks {
    fn push(&self, hook: Hook) {
        let mut state = self.lock();
        state.waiting.push_back(hook);
        self.outstanding.store(true, Ordering::Release);
    }

    /// Whether it makes sense to run the hooks, or to wait for them.
    fn check(&self, draining: bool) -> Result<(), StartError> {
        let state = self.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        let next = state.running.as_ref().or_else(|| state.waiting.front().map(|hook| &hook.name));
        match next {
            Some(next) if draining => Err(StartError::too_late(next)),
            _ => Ok(()),
        }
    }

    fn next(&self) -> Option<Hook> {
        let mut state = self.lock();
        if let Some(lost) = state.running.take() {
            state.fail(lost, "its runtime has ended before it".into());
        }
        if state.failed.is_some() {
            return None;
        }
        let next = state.waiting.pop_front();
        state.running = next.as_ref().map(|hook| hook.name.clone());
        if next.is_none() {
            state.started = true;
            self.outstanding.store(false, Ordering::Release);
        }
        next
    }

    fn end(&self, outcome: Result<(), BoxError>) {
        let mut state = self.lock();
        let hook = state.running.take().unwrap_or_default();
        match outcome {
            Ok(()) => tracing::debug!(hook, "the start hook has run"),
            Err(cause) => state.fail(hook, cause),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fail(&mut self, hook: String, cause: BoxError) {
        tracing::error!(hook, error = &*cause as &(dyn std::error::Error + 'static), "the start hook failed");
        self.failed = Some(StartError::failed(hook, cause));
    }
}

impl fmt::Debug for StartHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let waiting: Vec<_> = state.waiting.iter().map(|hook| &hook.name).collect();
        f.debug_struct("StartHooks").field("waiting", &waiting).field("running", &state.running).finish_non_exhaustive()
    }
}
