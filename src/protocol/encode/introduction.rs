//! What a server says of itself: the answers to `initialize` and `server/discover`.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::to_json;
use crate::protocol::caching::CacheHints;
use crate::protocol::capabilities::{Beside, ServerCapabilities};
use crate::protocol::implementation::Implementation;
use crate::protocol::revision::{Revision, Revisions};

/// Who the server is, and how its lists may be cached.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) implementation: Implementation,
    pub(crate) instructions: Option<String>,
    pub(crate) revisions: Revisions,
    pub(crate) hints: CacheHints,
    /// What it supports beyond the protocol, by identifier.
    pub(crate) extensions: Map<String, Value>,
    /// Whether there are sessions, and so GET streams.
    pub(crate) sessions: bool,
    /// Whether a reply can be a stream of events.
    pub(crate) streams: bool,
}

impl Identity {
    /// `capabilities`, with the extensions: earlier revisions than 2026-07-28 have no place of their own for them, and
    /// `experimental` for what they do not know.
    fn declare(&self, capabilities: ServerCapabilities, revision: Revision, changes: bool) -> Value {
        let mut declared = capabilities.to_json(revision, Beside { logging: self.streams, changes });
        if !self.extensions.is_empty() {
            let member = if revision >= Revision::V2026_07_28 { "extensions" } else { "experimental" };
            declared[member] = Value::Object(self.extensions.clone());
        }
        declared
    }
}

/// The members of both answers, encoded once for what the server offers at present.
#[derive(Debug)]
pub(crate) struct Introduction {
    pub(crate) capabilities: ServerCapabilities,
    /// By revision.
    pub(super) initialize: [Bytes; Revision::ALL.len()],
    pub(super) discover: Bytes,
}

impl Introduction {
    pub(crate) fn new(identity: &Identity, capabilities: ServerCapabilities) -> Self {
        Self {
            capabilities,
            initialize: Revision::ALL.map(|revision| initialize(identity, capabilities, revision)),
            discover: discover(identity, capabilities),
        }
    }
}

fn initialize(identity: &Identity, capabilities: ServerCapabilities, revision: Revision) -> Bytes {
    members(with_instructions(
        identity,
        json!({
            "protocolVersion": revision.as_str(),
            "capabilities": identity.declare(capabilities, revision, identity.streams && identity.sessions),
            "serverInfo": identity.implementation.for_revision(revision),
        }),
    ))
}

fn discover(identity: &Identity, capabilities: ServerCapabilities) -> Bytes {
    let result = members(with_instructions(
        identity,
        json!({
            "supportedVersions": identity.revisions.newest_first().map(Revision::as_str).collect::<Vec<_>>(),
            "capabilities": identity.declare(capabilities, Revision::V2026_07_28, identity.streams),
        }),
    ));
    let mut out = result.to_vec();
    out.extend_from_slice(&identity.hints.members());
    Bytes::from(out)
}

fn with_instructions(identity: &Identity, mut result: Value) -> Value {
    if let Some(instructions) = &identity.instructions {
        result["instructions"] = json!(instructions);
    }
    result
}

/// An object without its braces.
#[expect(clippy::needless_pass_by_value, reason = "made for this")]
fn members(object: Value) -> Bytes {
    let text = to_json(&object);
    text.slice(1..text.len() - 1)
}
