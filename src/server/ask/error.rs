//! Why a client did not answer.

use std::time::Duration;

use crate::server::context::MissingCapability;

/// Why a question got no answer: from [`Context::elicit`](crate::Context::elicit) and its like. That a user declines is an
/// answer.
///
/// In a handler's `?` it fails the call with its text, where the client is at fault; what is a mistake in the handler is
/// masked and logged, as other errors are. A client that lacks the capability is told which (-32021 in 2026-07-28), and a
/// malformed answer is -32602.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The client does not offer what is asked for. Nothing was sent.
    #[error("{0}")]
    MissingCapability(#[source] MissingCapability),
    /// This client cannot be asked at all.
    #[error("the client cannot be asked `{key}`: {reason}")]
    Unreachable {
        /// The question.
        key: String,
        /// Why not.
        reason: &'static str,
    },
    /// The client's revision has no words for the question.
    #[error("the client cannot be asked `{key}`: {fault}")]
    NotInRevision {
        /// The question.
        key: String,
        /// What the revision lacks.
        fault: String,
    },
    /// The answer is not what the question asked for.
    #[error("the answer to `{key}` is malformed: {fault}")]
    Malformed {
        /// The question.
        key: String,
        /// What is wrong, and where.
        fault: String,
    },
    /// The client answered with an error: what it cannot or will not do. Only in sessions.
    #[error("the client refused `{key}`: {message} ({code})")]
    Refused {
        /// The question.
        key: String,
        /// The JSON-RPC error code.
        code: i64,
        /// The client's own words, of which the first 200 characters are kept.
        message: String,
    },
    /// The client did not answer in time: [`Limits::ask_timeout`](crate::Limits::ask_timeout). Only in sessions.
    #[error("`{key}` was not answered within {} ms", .after.as_millis())]
    TimedOut {
        /// The question.
        key: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The key was used before in this run: an answer could not be told from the other.
    #[error("`{key}` is asked twice in one run of the handler; every question needs a key of its own")]
    KeyUsedTwice {
        /// The question.
        key: String,
    },
    /// The question was asked in a spawned task, or on another thread as those of `blocking` handlers, where its answer
    /// could never arrive.
    #[error(
        "`{key}` is asked outside of the handler's own task: await it in the handler itself, which must not be `blocking`"
    )]
    OutsideHandler {
        /// The question.
        key: String,
    },
    /// The question cannot be asked as it is.
    #[error("`{key}` cannot be asked: {fault}")]
    Invalid {
        /// The question.
        key: String,
        /// What is wrong with it.
        fault: String,
    },
}

impl AskError {
    /// Whether its text is for the client to see: where the fault is the client's, and the text is made of its answers.
    pub(crate) const fn is_clients(&self) -> bool {
        match self {
            Self::MissingCapability(_)
            | Self::Unreachable { .. }
            | Self::NotInRevision { .. }
            | Self::Malformed { .. }
            | Self::Refused { .. }
            | Self::TimedOut { .. } => true,
            Self::KeyUsedTwice { .. } | Self::OutsideHandler { .. } | Self::Invalid { .. } => false,
        }
    }
}
