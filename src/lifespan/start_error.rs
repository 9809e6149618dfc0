//! Why the server has not started.

use std::error::Error;
use std::sync::Arc;
use std::{fmt, io};

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// A start hook that failed, or that the end came before: see [`Lifespan::on_start`](crate::Lifespan::on_start).
///
/// Its text names the hook and is fit for clients. What went wrong is its [`source`](Error::source), and has been logged.
/// A clone is cheap and stands for the same failure.
///
/// It becomes a [`std::io::Error`], which is what most web servers fail with, by `?` and in
/// [`Lifespan::drive`](crate::Lifespan::drive).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::error::Error as _;
///
/// let lifespan = mcp_mount::Lifespan::new();
/// lifespan.on_start("licence", || async { Err::<(), _>("it has expired") });
/// let error = lifespan.start().await.unwrap_err();
/// assert_eq!(error.to_string(), "the server has not started: its start hook `licence` failed");
/// assert_eq!(error.source().unwrap().to_string(), "it has expired");
/// # }
/// ```
#[derive(Clone)]
pub struct StartError(Arc<Inner>);

struct Inner {
    hook: String,
    /// `None` if the server was ending.
    cause: Option<BoxError>,
}

impl StartError {
    pub(super) fn failed(hook: impl Into<String>, cause: BoxError) -> Self {
        Self(Arc::new(Inner { hook: hook.into(), cause: Some(cause) }))
    }

    pub(super) fn too_late(hook: impl Into<String>) -> Self {
        Self(Arc::new(Inner { hook: hook.into(), cause: None }))
    }

    pub(super) fn is_too_late(&self) -> bool {
        self.0.cause.is_none()
    }

    /// The name of the hook that failed, or that the end came before.
    #[must_use]
    pub fn hook(&self) -> &str {
        &self.0.hook
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hook = self.hook();
        if self.is_too_late() {
            write!(f, "the server is shutting down, and its start hook `{hook}` has not run")
        } else {
            write!(f, "the server has not started: its start hook `{hook}` failed")
        }
    }
}

/// With all causes, since this is what a `main` that returns an error prints.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StartError({self}")?;
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        f.write_str(")")
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl From<StartError> for io::Error {
    fn from(error: StartError) -> Self {
        Self::other(error)
    }
}
