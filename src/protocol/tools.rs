//! Tools as they are listed, and what a call answers.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::content::Content;
use super::implementation::Icon;
use super::meta::{OwnMeta, result_meta};
use super::revision::Revision;

/// A tool, as `tools/list` shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolDefinition {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    pub(crate) description: String,
    pub(crate) input_schema: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output_schema: Option<Value>,
    #[serde(skip_serializing_if = "ToolAnnotations::is_empty")]
    pub(crate) annotations: ToolAnnotations,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) icons: Vec<Icon>,
    #[serde(rename = "_meta", skip_serializing_if = "OwnMeta::is_empty")]
    pub(crate) meta: OwnMeta,
}

impl ToolDefinition {
    /// What of it the given revision knows.
    pub(crate) fn for_revision(&self, revision: Revision) -> Self {
        let mut known = self.clone();
        if revision < Revision::V2025_03_26 {
            known.annotations = ToolAnnotations::default();
        }
        if revision < Revision::V2025_06_18 {
            known.title = None;
            known.output_schema = None;
            known.meta = OwnMeta::default();
        }
        if revision < Revision::V2025_11_25 {
            known.icons.clear();
        }
        if revision < Revision::V2026_07_28 && self.wraps_output() {
            known.output_schema = known.output_schema.map(wrap_schema);
        }
        known
    }

    /// Whether `structuredContent` stands in `{"result": ..}` before 2026-07-28, when it had to be an object and its
    /// schema to say so. Decided by the schema alone, so that every value of it is wrapped or none.
    pub(crate) fn wraps_output(&self) -> bool {
        self.output_schema.as_ref().is_some_and(|schema| schema.get("type").is_none_or(|kind| kind != "object"))
    }
}

fn wrap_schema(mut schema: Value) -> Value {
    move_references(&mut schema);
    serde_json::json!({ "type": "object", "properties": { "result": schema }, "required": ["result"] })
}

/// References count from the root of the document, which is one level further up now.
fn move_references(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(target) if name == "$ref" && (target == "#" || target.starts_with("#/")) => {
                        target.insert_str(1, "/properties/result");
                    }
                    other => move_references(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(move_references),
        _ => {}
    }
}

/// Hints about what a tool does, for display and approval; not to be trusted (2026-07-28, server/tools).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToolAnnotations {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) read_only_hint: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) destructive_hint: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idempotent_hint: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open_world_hint: Option<bool>,
}

impl ToolAnnotations {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What changes nothing destroys nothing.
    pub(crate) fn contradict(&self) -> bool {
        self.read_only_hint == Some(true) && self.destructive_hint == Some(true)
    }
}

/// What a call of a tool answers.
///
/// Most handlers return something simpler: see [`IntoToolResult`](crate::IntoToolResult).
///
/// ```
/// use mcp_mount::{CallToolResult, Content};
///
/// let result = CallToolResult::new([Content::text("three found")])
///     .structured(&serde_json::json!({ "found": 3 }))
///     .unwrap();
/// # let _ = result;
/// ```
#[derive(Clone, Debug, Default)]
pub struct CallToolResult {
    pub(crate) content: Vec<Content>,
    pub(crate) structured: Option<Box<RawValue>>,
    pub(crate) is_error: bool,
    pub(crate) meta: OwnMeta,
}

impl CallToolResult {
    /// A result of these blocks.
    pub fn new(content: impl IntoIterator<Item = Content>) -> Self {
        Self { content: content.into_iter().collect(), structured: None, is_error: false, meta: OwnMeta::default() }
    }

    /// A result of one text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new([Content::text(text)])
    }

    /// A failure that the model is to see and may correct (`isError`).
    pub fn error(text: impl Into<String>) -> Self {
        Self { is_error: true, ..Self::text(text) }
    }

    /// The blocks.
    #[must_use]
    pub fn content(&self) -> &[Content] {
        &self.content
    }

    /// `structuredContent` as JSON text, if there is any.
    #[must_use]
    pub fn structured_content(&self) -> Option<&str> {
        self.structured.as_deref().map(RawValue::get)
    }

    /// Whether it says that the tool failed (`isError`).
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.is_error
    }

    /// The same result as a failure (`isError`).
    #[must_use]
    pub fn failed(mut self) -> Self {
        self.is_error = true;
        self
    }

    /// Adds `structuredContent`: any JSON value in 2026-07-28; for earlier revisions a value that is not an object is
    /// wrapped as `{"result": ..}`.
    ///
    /// # Errors
    ///
    /// When `value` cannot be written as JSON.
    pub fn structured<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, serde_json::Error> {
        self.structured = Some(serde_json::value::to_raw_value(value)?);
        Ok(self)
    }

    result_meta!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_follow_a_schema_that_is_wrapped() {
        let schema = serde_json::json!({
            "oneOf": [{ "$ref": "#/definitions/A" }, { "$ref": "#" }, { "$ref": "#anchor" }],
            "definitions": { "A": { "type": "string" } },
        });
        let wrapped = wrap_schema(schema);
        let of = |index: usize| wrapped["properties"]["result"]["oneOf"][index]["$ref"].as_str();
        assert_eq!(of(0), Some("#/properties/result/definitions/A"));
        assert!(wrapped.pointer("/properties/result/definitions/A").is_some());
        assert_eq!(of(1), Some("#/properties/result"));
        assert_eq!(of(2), Some("#anchor"));
    }
}
