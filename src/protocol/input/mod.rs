//! What a server may ask its client for, and what clients answer.
//!
//! A question is the same in every revision; [`InputRequest::params`] is the only place that knows how each writes it.

use std::fmt;

use serde_json::{Value, json};

use self::sampling::CreateMessageRequest;
use super::canonical::canonical;
use super::capabilities::Capability;
use super::revision::Revision;

pub(crate) mod elicitation;
pub(crate) mod form;
mod older;
pub(crate) mod responses;
pub(crate) mod roots;
pub(crate) mod sampling;
#[cfg(test)]
mod tests;

/// One question to a client (2026-07-28, schema, «InputRequest»).
#[derive(Clone, Debug)]
pub(crate) enum InputRequest {
    /// A form for its user; the schema has passed [`form::check_form`].
    Form { message: String, schema: Value },
    /// A page for its user to visit. The id is what `notifications/elicitation/complete` names in 2025-11-25.
    Url { message: String, url: String, id: String },
    /// A message of its model.
    Sample(Box<CreateMessageRequest>),
    /// The folders it works in.
    Roots,
}

impl InputRequest {
    /// The method of the request.
    pub(crate) const fn method(&self) -> &'static str {
        match self {
            Self::Form { .. } | Self::Url { .. } => "elicitation/create",
            Self::Sample(_) => "sampling/createMessage",
            Self::Roots => "roots/list",
        }
    }

    /// What the client must offer, all of it, before it may be asked.
    pub(crate) fn capabilities(&self) -> Vec<Capability> {
        match self {
            Self::Form { .. } => vec![Capability::Elicitation],
            Self::Url { .. } => vec![Capability::ElicitationUrl],
            Self::Sample(request) if request.uses_tools() => vec![Capability::Sampling, Capability::SamplingTools],
            Self::Sample(_) => vec![Capability::Sampling],
            Self::Roots => vec![Capability::Roots],
        }
    }

    /// The request's `params`, as the given revision writes them.
    pub(crate) fn params(&self, revision: Revision) -> Result<Value, NotInRevision> {
        match self {
            Self::Form { .. } if revision < Revision::V2025_06_18 => {
                Err(NotInRevision::new("elicitation, which came with 2025-06-18,", revision))
            }
            Self::Form { message, schema } if revision < Revision::V2025_11_25 => {
                Ok(json!({ "message": message, "requestedSchema": older::form(schema, revision)? }))
            }
            Self::Form { message, schema } => {
                Ok(json!({ "mode": "form", "message": message, "requestedSchema": schema }))
            }
            Self::Url { message, url, id } => match revision {
                Revision::V2026_07_28 => Ok(json!({ "mode": "url", "message": message, "url": url })),
                Revision::V2025_11_25 => {
                    Ok(json!({ "mode": "url", "message": message, "url": url, "elicitationId": id }))
                }
                _ => Err(NotInRevision::new("elicitation by URL, which came with 2025-11-25,", revision)),
            },
            Self::Sample(request) => request.params(revision),
            Self::Roots => Ok(json!({})),
        }
    }

    /// The question as one text: equal for two that are the same question, whatever the revision and the order in which
    /// their members were written. The id of a URL is not part of it: 2026-07-28 has none, and it may be drawn anew
    /// each time the handler runs.
    pub(crate) fn digest_text(&self) -> String {
        let question = match self {
            Self::Form { message, schema } => json!({ "message": message, "requestedSchema": schema }),
            Self::Url { message, url, .. } => json!({ "message": message, "url": url }),
            Self::Sample(request) => request.written(),
            Self::Roots => json!({}),
        };
        format!("{} {}", self.method(), canonical(&question))
    }
}

/// A question that cannot be asked in the client's revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotInRevision {
    what: String,
    revision: Revision,
}

impl NotInRevision {
    /// `what` begins the sentence "what is not in 2025-06-18".
    fn new(what: impl Into<String>, revision: Revision) -> Self {
        Self { what: what.into(), revision }
    }
}

impl fmt::Display for NotInRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not in {}, the revision of this client", self.what, self.revision)
    }
}

impl std::error::Error for NotInRevision {}
