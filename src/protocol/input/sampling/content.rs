//! Blocks of a message to or from a model.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::protocol::content::{Annotations, Content, base64};

/// One block of a message to or from a model (2025-11-25, schema, «SamplingMessageContentBlock»).
///
/// ```
/// use mcp_mount::{SamplingContent, SamplingMessage};
///
/// let question = SamplingMessage::user("What is in this picture?")
///     .and(SamplingContent::image([0x89, b'P', b'N', b'G'], "image/png"));
/// # let _ = question;
/// ```
// Read and written by the impls below, which add what is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum SamplingContent {
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
    /// The model asks for a tool, since 2025-11-25.
    ToolUse {
        /// What the result names.
        id: String,
        /// The tool's name.
        name: String,
        /// The arguments.
        input: Map<String, Value>,
        /// What the client wants to see again with this block (`_meta`).
        #[serde(default, rename = "_meta", skip_serializing_if = "Option::is_none")]
        meta: Option<Map<String, Value>>,
    },
    /// What came of a tool, since 2025-11-25.
    ToolResult {
        /// The `id` of the block that asked.
        tool_use_id: String,
        /// What it answered.
        content: Vec<Content>,
        /// The same as JSON; for revisions before 2026-07-28 a value that is not an object is wrapped as
        /// `{"result": ..}`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        structured_content: Option<Value>,
        /// Whether it failed.
        #[serde(default)]
        is_error: bool,
    },
    /// A block of another `type`, as it came: one that is younger than this crate.
    #[serde(skip)]
    Other(Value),
}

/// The types that are no [`SamplingContent::Other`].
const KNOWN: [&str; 5] = ["text", "image", "audio", "tool_use", "tool_result"];

impl SamplingContent {
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

    /// What came of the tool that the block with this id asked for.
    pub fn tool_result(tool_use_id: impl Into<String>, content: impl IntoIterator<Item = Content>) -> Self {
        Self::ToolResult {
            tool_use_id: tool_use_id.into(),
            content: content.into_iter().collect(),
            structured_content: None,
            is_error: false,
        }
    }

    /// That the tool failed which the block with this id asked for, and why: for the model to read.
    pub fn tool_error(tool_use_id: impl Into<String>, text: impl Into<String>) -> Self {
        Self::ToolResult {
            tool_use_id: tool_use_id.into(),
            content: vec![Content::text(text)],
            structured_content: None,
            is_error: true,
        }
    }

    /// Whether it belongs to the use of tools.
    pub(super) const fn is_of_tools(&self) -> bool {
        matches!(self, Self::ToolUse { .. } | Self::ToolResult { .. })
    }
}

impl Serialize for SamplingContent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Other(block) => block.serialize(serializer),
            known => Self::serialize(known, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for SamplingContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let block = Map::deserialize(deserializer)?;
        let known = match block.get("type").map(Value::as_str) {
            Some(Some(name)) => KNOWN.contains(&name),
            Some(None) => return Err(D::Error::custom("`type` is not a string")),
            None => return Err(D::Error::missing_field("type")),
        };
        let block = Value::Object(block);
        if known { Self::deserialize(block).map_err(D::Error::custom) } else { Ok(Self::Other(block)) }
    }
}

impl From<String> for SamplingContent {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for SamplingContent {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}
