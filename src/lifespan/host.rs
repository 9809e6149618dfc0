//! An end that a host's own token begins.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use tokio_util::sync::{CancellationToken, DropGuard};

use super::phase::Phase;
use super::{Lifespan, Shared};

#[derive(Debug)]
pub(super) struct Host {
    /// A child of the host's token.
    token: CancellationToken,
    watched: AtomicBool,
    /// Ends the watch when nobody has the lifespan any more.
    _gone: DropGuard,
}

impl Lifespan {
    /// A life whose end the host begins by cancelling `token`, as [`shutdown`](Self::shutdown) would: for applications
    /// that end by a token already. The lifespan never cancels it.
    ///
    /// Nothing is started here. From the first call, stream, `start`, `until` or `drive` on a task waits for the token;
    /// without any of them its being cancelled is seen by whoever asks.
    ///
    /// ```
    /// use mcp_mount::{Lifespan, Mcp};
    /// use tokio_util::sync::CancellationToken;
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let stop = CancellationToken::new(); // the application's own
    /// let lifespan = Lifespan::from_token(stop.clone());
    /// let mcp = Mcp::new("demo", "1.0.0").lifespan(&lifespan).build()?;
    /// stop.cancel();
    /// assert!(lifespan.is_draining());
    /// # let _ = mcp; Ok(()) }
    /// ```
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "the lifespan takes part in the token's tree")]
    pub fn from_token(token: CancellationToken) -> Self {
        let token = token.child_token();
        let host = Host { _gone: token.clone().drop_guard(), token, watched: AtomicBool::new(false) };
        Self { shared: Arc::new(Shared { phase: Phase::hosted(), host: Some(host), ..Shared::default() }) }
    }

    /// Has a task wait for the host's token, if there is one.
    pub(super) fn watch_the_host(&self) {
        if self.shared.phase.is_draining().is_none() {
            self.look();
        }
    }

    pub(super) fn look_at_the_host(&self) {
        let Some(host) = &self.shared.host else { return };
        if host.token.is_cancelled() {
            self.begin();
        } else if !host.watched.load(Ordering::Relaxed) && !host.watched.swap(true, Ordering::Relaxed) {
            let watch = Watch { shared: Arc::downgrade(&self.shared) };
            let token = host.token.clone();
            self.adopt(async move {
                token.cancelled().await;
                watch.token_was_cancelled();
            });
        }
    }
}

/// What a waiting task has of the lifespan: not its life.
struct Watch {
    shared: Weak<Shared>,
}

impl Watch {
    fn token_was_cancelled(&self) {
        if let Some(shared) = self.shared.upgrade() {
            Lifespan { shared }.begin();
        }
    }
}

impl Drop for Watch {
    /// The task may have ended with its runtime, or never begun without one.
    fn drop(&mut self) {
        if let Some(host) = self.shared.upgrade().as_ref().and_then(|shared| shared.host.as_ref()) {
            host.watched.store(false, Ordering::Relaxed);
        }
    }
}
