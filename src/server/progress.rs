//! Progress, on its way to the client.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use super::context::{Context, take_turns};
use crate::protocol::notifications;

/// A progress notification to be sent: from [`Context::progress`].
#[derive(Debug)]
#[must_use = "progress is sent when it is awaited"]
pub struct Progress<'a> {
    context: &'a Context,
    progress: f64,
    total: Option<f64>,
    message: Option<String>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(context: &'a Context, progress: f64) -> Self {
        Self { context, progress, total: None, message: None }
    }

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
        let token = &self.context.facts().progress_token;
        let (Some(outbound), Some(token)) = (self.context.outbound(), token) else { return };
        if self.context.is_cancelled() || !self.progress.is_finite() {
            return;
        }
        let total = self.total.filter(|total| total.is_finite());
        let message = notifications::progress(token, self.progress, total, self.message.as_deref());
        outbound.send_progress(message, self.progress);
    }
}

impl<'a> IntoFuture for Progress<'a> {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
