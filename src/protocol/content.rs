//! Content blocks: what a tool's answer is made of.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::revision::Revision;

/// One block of content (2026-07-28, server/tools, «Tool Result»).
///
/// ```
/// use mcp_mount::Content;
///
/// let text = Content::text("four");
/// let link = Content::resource_link("file:///report.pdf", "report");
/// # let _ = (text, link);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Content {
    /// Text.
    Text {
        /// The text.
        text: String,
        /// Hints for the client.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        annotations: Option<Annotations>,
    },
    /// A picture.
    Image {
        /// The bytes, in standard Base64.
        data: String,
        /// The media type, as `image/png`.
        mime_type: String,
        /// Hints for the client.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        annotations: Option<Annotations>,
    },
    /// Sound, since 2025-03-26.
    Audio {
        /// The bytes, in standard Base64.
        data: String,
        /// The media type, as `audio/wav`.
        mime_type: String,
        /// Hints for the client.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        annotations: Option<Annotations>,
    },
    /// The address of a resource, since 2025-06-18.
    ResourceLink {
        /// The resource's URI.
        uri: String,
        /// Its name.
        name: String,
        /// What it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// Its media type.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mime_type: Option<String>,
    },
    /// A resource itself: `{"uri", "mimeType", "text" | "blob"}`.
    Resource {
        /// The resource's contents.
        resource: Value,
    },
}

/// Hints for what a client does with a block.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Annotations {
    /// Whom it is for: `user`, `assistant`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// How much it matters, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// When it was last changed, in ISO 8601, as `2025-01-12T15:00:58Z`; since 2025-06-18.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

impl Annotations {
    /// No hints.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whom it is for: `user`, `assistant`.
    #[must_use]
    pub fn audience(mut self, audience: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.audience = audience.into_iter().map(Into::into).collect();
        self
    }

    /// How much it matters, 0 to 1.
    #[must_use]
    pub fn priority(mut self, priority: f64) -> Self {
        self.priority = Some(priority);
        self
    }

    /// When it was last changed, in ISO 8601.
    #[must_use]
    pub fn last_modified(mut self, when: impl Into<String>) -> Self {
        self.last_modified = Some(when.into());
        self
    }

    /// What no client could make sense of (2026-07-28, server/resources, «Annotations»).
    pub(crate) fn fault(&self) -> Option<String> {
        if let Some(other) = self.audience.iter().find(|one| !matches!(one.as_str(), "user" | "assistant")) {
            return Some(format!("the audience {other:?} is neither `user` nor `assistant`"));
        }
        let priority = self.priority?;
        (!(0.0..=1.0).contains(&priority)).then(|| format!("the priority {priority} is not between 0 and 1"))
    }

    /// What of them the given revision knows.
    pub(crate) fn for_revision(mut self, revision: Revision) -> Self {
        if revision < Revision::V2025_06_18 {
            self.last_modified = None;
        }
        self
    }
}

impl Content {
    /// A block of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), annotations: None }
    }

    /// A picture, from its bytes.
    pub fn image(bytes: impl AsRef<[u8]>, mime_type: impl Into<String>) -> Self {
        Self::Image { data: base64(bytes), mime_type: mime_type.into(), annotations: None }
    }

    /// A sound, from its bytes.
    pub fn audio(bytes: impl AsRef<[u8]>, mime_type: impl Into<String>) -> Self {
        Self::Audio { data: base64(bytes), mime_type: mime_type.into(), annotations: None }
    }

    /// The address of a resource.
    pub fn resource_link(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self::ResourceLink { uri: uri.into(), name: name.into(), description: None, mime_type: None }
    }

    /// A resource of text, embedded.
    pub fn text_resource(uri: &str, mime_type: &str, text: &str) -> Self {
        Self::Resource { resource: serde_json::json!({ "uri": uri, "mimeType": mime_type, "text": text }) }
    }

    /// A resource of bytes, embedded.
    pub fn blob_resource(uri: &str, mime_type: &str, bytes: impl AsRef<[u8]>) -> Self {
        Self::Resource { resource: serde_json::json!({ "uri": uri, "mimeType": mime_type, "blob": base64(bytes) }) }
    }
}

impl Content {
    /// What of a block the given revision knows, if it knows such blocks.
    pub(crate) fn for_revision(mut self, revision: Revision) -> Self {
        match &mut self {
            Self::Text { annotations, .. } | Self::Image { annotations, .. } | Self::Audio { annotations, .. } => {
                *annotations = annotations.take().map(|annotations| annotations.for_revision(revision));
            }
            Self::ResourceLink { .. } | Self::Resource { .. } => {}
        }
        self
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
