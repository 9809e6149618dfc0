//! Why a handler does not get what it asks for.

#[cfg(any(feature = "axum", feature = "actix-web"))]
use std::fmt;
use std::marker::PhantomData;

/// How much of what an extractor refuses with is told: characters.
#[cfg(any(feature = "axum", feature = "actix-web"))]
pub(crate) const LONGEST_REFUSAL: usize = 1024;

/// Why a parameter cannot be had: from [`FromCall::from_call`](crate::FromCall::from_call). Its text reaches the caller.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(crate) reason: String,
    /// Whether the server is to blame for it, and not its caller.
    pub(crate) internal: bool,
    /// Whether there is nothing, rather than something that is wrong.
    pub(super) absent: bool,
}

impl Refusal {
    /// A refusal that says why.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), internal: false, absent: false }
    }

    /// A refusal because the call has nothing of the kind, for which an `Option` of the extractor is `None`. What is there
    /// and wrong is no such case: a login that has expired is not the same as none.
    pub fn absent(reason: impl Into<String>) -> Self {
        Self { absent: true, ..Self::new(reason) }
    }

    /// A refusal that the caller can do nothing about.
    pub(crate) fn internal(reason: impl Into<String>) -> Self {
        Self { internal: true, ..Self::new(reason) }
    }

    /// The same, because there is nothing.
    pub(crate) fn internal_absent(reason: impl Into<String>) -> Self {
        Self { absent: true, ..Self::internal(reason) }
    }

    /// What an extractor of the web framework's refuses with, as the response that it would have been: a 4xx, whose text is
    /// for the caller.
    #[cfg(any(feature = "axum", feature = "actix-web"))]
    pub(crate) fn of_response(status: &dyn fmt::Display, body: &[u8]) -> Self {
        let text: String = String::from_utf8_lossy(body).chars().take(LONGEST_REFUSAL).collect();
        Self::new(if text.is_empty() { status.to_string() } else { format!("{status}: {text}") })
    }

    /// The failure of an extractor, whose cause is for the log.
    #[cfg(any(feature = "axum", feature = "actix-web"))]
    pub(crate) fn failure(name: &str, status: &dyn fmt::Display, cause: &str) -> Self {
        tracing::error!(name, %status, cause, "an extractor failed");
        Self::internal(format!("{status}; the server's log says why"))
    }
}

/// Among a request's extensions, in place of a `T`: why the host has none.
pub(crate) struct Refused<T> {
    pub(super) refusal: Refusal,
    of: PhantomData<fn() -> T>,
}

impl<T> Refused<T> {
    #[cfg(feature = "actix-web")]
    pub(crate) fn new(refusal: Refusal) -> Self {
        Self { refusal, of: PhantomData }
    }
}

impl<T> Clone for Refused<T> {
    fn clone(&self) -> Self {
        Self { refusal: self.refusal.clone(), of: PhantomData }
    }
}
