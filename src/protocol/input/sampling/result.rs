//! What a client's model answers.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::content::SamplingContent;
use crate::protocol::prompts::Role;
use crate::protocol::text::Object;

/// What a client's model answered (2025-11-25, schema, «CreateMessageResult»).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreateMessageResult {
    /// Who speaks: the model.
    pub role: Role,
    /// What it says; one block before 2025-11-25.
    #[serde(deserialize_with = "one_or_several")]
    pub content: Vec<SamplingContent>,
    /// The name of the model.
    pub model: String,
    /// Why it ended: `endTurn`, `stopSequence`, `maxTokens`, `toolUse`, or what its provider calls it.
    #[serde(default)]
    pub stop_reason: Option<String>,
}

impl CreateMessageResult {
    /// The texts among the blocks, joined.
    #[must_use]
    pub fn text(&self) -> String {
        let texts = self.content.iter().filter_map(|block| match block {
            SamplingContent::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// Reads it from the client's answer. A fault names the member.
    pub(crate) fn read(json: &str) -> Result<Self, String> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let read: Result<Object<Self>, _> = serde_path_to_error::deserialize(&mut reader);
        read.map(|Object(result)| result).map_err(|error| format!("the model's answer cannot be read: {error}"))
    }
}

fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SamplingContent>, D::Error> {
    use serde::de::Error as _;
    match Value::deserialize(deserializer)? {
        Value::Array(blocks) => {
            let blocks = blocks.into_iter().map(serde_json::from_value);
            blocks.collect::<Result<_, _>>().map_err(D::Error::custom)
        }
        block => Ok(vec![serde_json::from_value(block).map_err(D::Error::custom)?]),
    }
}
