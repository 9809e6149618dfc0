//! Tools that a model may ask for while it answers.

use serde::Serialize;
use serde_json::Value;

/// A tool that the client's model may ask the server to run (2025-11-25, client/sampling, «Sampling with Tools»).
///
/// It need not be one of the tools that the server lists.
///
/// ```
/// use mcp_mount::SamplingTool;
/// use serde_json::json;
///
/// let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
/// let weather = SamplingTool::new("weather", "The weather in a city.", schema);
/// assert_eq!(weather.name(), "weather");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SamplingTool {
    pub(super) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    pub(super) input_schema: Value,
}

impl SamplingTool {
    /// A tool with arguments of this JSON Schema, which has `"type": "object"` at its top.
    pub fn new(name: impl Into<String>, description: impl Into<String>, input_schema: Value) -> Self {
        Self { name: name.into(), description: description.into(), input_schema }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Whether a model uses the tools it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
#[non_exhaustive]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// At least one, before it ends.
    Required,
    /// None.
    None,
}
