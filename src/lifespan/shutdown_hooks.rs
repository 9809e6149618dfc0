//! What has to be done when the server has ended.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join};
use tokio::time::sleep;

use super::spawner;
use super::{Lifespan, PATIENCE};

#[derive(Default)]
pub(super) struct ShutdownHooks(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<Hook>,
    running: Option<String>,
    failed: Vec<String>,
    /// Whether no other one will be run.
    over: bool,
}

struct Hook {
    name: String,
    work: BoxFuture<'static, ()>,
}

impl Lifespan {
    /// Has `hook` run once at the end, when calls and streams are gone: flush, say goodbye, close the pool. Hooks run one
    /// after the other, the one that was registered last first, and only if the server has [started](Self::on_start) or
    /// had nothing to start.
    ///
    /// Each has until the deadline, and at least 1 s, or just this second after a second signal. One that takes longer,
    /// or panics, is given up: it is logged by its `name`, and listed in [`DrainReport::failed_hooks`].
    ///
    /// They are a part of [`shutdown`](Self::shutdown). Under [`drive`](Self::drive) and `serve` they also wait for the
    /// web server, whose other routes may need what they close. A hook that is registered when they have run is not run,
    /// which is logged.
    ///
    /// [`DrainReport::failed_hooks`]: crate::DrainReport::failed_hooks
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let lifespan = mcp_mount::Lifespan::new();
    /// let (said, heard) = tokio::sync::oneshot::channel();
    /// lifespan.on_shutdown("goodbye", || async {
    ///     let _ = said.send("goodbye");
    /// });
    /// lifespan.shutdown().await;
    /// assert_eq!(heard.await, Ok("goodbye"));
    /// # }
    /// ```
    pub fn on_shutdown<H, F>(&self, name: impl Into<String>, hook: H)
    where
        H: FnOnce() -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let hook = Hook { name: name.into(), work: async move { hook().await }.boxed() };
        let mut hooks = self.shared.shutdown_hooks.lock();
        if hooks.over {
            tracing::warn!(hook = hook.name, "a shutdown hook was registered after the shutdown and is not run");
        } else {
            hooks.waiting.push(hook);
        }
    }

    /// The last step of the end.
    pub(super) async fn run_shutdown_hooks(&self) {
        let hooks = &self.shared.shutdown_hooks;
        // A start that is still under way may come to its end first.
        let started = tokio::select! {
            biased;
            started = self.has_started() => started,
            () = self.out_of_time() => false,
        };
        if !started && hooks.give_up() {
            tracing::info!("the shutdown hooks are not run: the server has not started");
        }
        while let Some(hook) = hooks.next() {
            let limit = join(sleep(PATIENCE), self.out_of_time());
            let failure = tokio::select! {
                biased;
                outcome = spawner::apart(hook.work) => outcome.err().map(|panic| spawner::panic_text(&*panic)),
                _ = limit => Some("did not finish in its time".to_owned()),
            };
            hooks.end(failure);
        }
    }

    pub(super) fn failed_hooks(&self) -> Vec<String> {
        self.shared.shutdown_hooks.lock().failed.clone()
    }
}

impl ShutdownHooks {
    /// Runs no other hook, and tells whether there was one.
    fn give_up(&self) -> bool {
        let mut state = self.lock();
        state.over = true;
        !state.waiting.is_empty()
    }

    fn next(&self) -> Option<Hook> {
        let mut state = self.lock();
        if let Some(lost) = state.running.take() {
            state.fail(lost, "its runtime has ended before it");
        }
        let next = if state.over { None } else { state.waiting.pop() };
        state.over = next.is_none();
        state.running = next.as_ref().map(|hook| hook.name.clone());
        next
    }

    fn end(&self, failure: Option<String>) {
        let mut state = self.lock();
        let hook = state.running.take().unwrap_or_default();
        match failure {
            None => tracing::debug!(hook, "the shutdown hook has run"),
            Some(cause) => state.fail(hook, &cause),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fail(&mut self, hook: String, cause: &str) {
        tracing::error!(hook, cause, "the shutdown hook failed and is given up");
        self.failed.push(hook);
    }
}

impl fmt::Debug for ShutdownHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let waiting: Vec<_> = state.waiting.iter().map(|hook| &hook.name).collect();
        f.debug_struct("ShutdownHooks")
            .field("waiting", &waiting)
            .field("running", &state.running)
            .finish_non_exhaustive()
    }
}
