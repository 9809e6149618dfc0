//! SIGINT and SIGTERM.

use std::sync::atomic::Ordering;

use super::Lifespan;

impl Lifespan {
    /// Resolves at a signal, if the host lets signals end the server: the first one has begun the end.
    pub(super) async fn second_signal(&self) {
        if self.shared.signals.load(Ordering::Relaxed) {
            signal().await;
        } else {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
pub(super) async fn signal() {
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
pub(super) async fn signal() {
    interrupt().await;
}

async fn interrupt() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!(%error, "SIGINT cannot be watched");
        std::future::pending::<()>().await;
    }
}
