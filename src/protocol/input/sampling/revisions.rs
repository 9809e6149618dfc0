//! A request to a model, as each revision has it.

use serde_json::{Value, json};

use super::content::SamplingContent;
use super::message::SamplingMessage;
use super::{CreateMessageRequest, ToolChoice};
use crate::protocol::input::NotInRevision;
use crate::protocol::revision::Revision;

impl CreateMessageRequest {
    /// Whether only clients with `sampling.tools` understand it.
    pub(crate) fn uses_tools(&self) -> bool {
        let of_tools = |message: &SamplingMessage| message.content.iter().any(SamplingContent::is_of_tools);
        !self.tools.is_empty() || self.tool_choice.is_some() || self.messages.iter().any(of_tools)
    }

    /// All that was said of it, whether a revision has it or not.
    pub(crate) fn written(&self) -> Value {
        serde_json::to_value(self).expect("a request has string keys, so it is JSON")
    }

    /// The `params` of `sampling/createMessage`, as the given revision writes them.
    pub(crate) fn params(&self, revision: Revision) -> Result<Value, NotInRevision> {
        if self.uses_tools() && revision < Revision::V2025_11_25 {
            return Err(NotInRevision::new("sampling with tools, which came with 2025-11-25,", revision));
        }
        let mut messages = Vec::with_capacity(self.messages.len());
        for message in &self.messages {
            let blocks = message.content.iter().map(|block| written(block, revision)).collect::<Result<Vec<_>, _>>()?;
            let role = message.role;
            match <[Value; 1]>::try_from(blocks) {
                Ok([block]) => messages.push(json!({ "role": role, "content": block })),
                Err(blocks) if revision < Revision::V2025_11_25 => {
                    messages.extend(blocks.into_iter().map(|block| json!({ "role": role, "content": block })));
                }
                Err(blocks) => messages.push(json!({ "role": role, "content": blocks })),
            }
        }
        let mut params = Self { messages: Vec::new(), ..self.clone() }.written();
        params["messages"] = messages.into();
        Ok(params)
    }

    /// Whether the model was told to ask for a tool, or may.
    pub(super) fn may_use_tools(&self) -> bool {
        !matches!(self.tool_choice, None | Some(ToolChoice::None))
    }
}

/// One block, as the given revision has it.
fn written(block: &SamplingContent, revision: Revision) -> Result<Value, NotInRevision> {
    let mut block = block.clone();
    match &mut block {
        SamplingContent::Audio { .. } if revision < Revision::V2025_03_26 => {
            return Err(NotInRevision::new("sound in a message, which came with 2025-03-26,", revision));
        }
        SamplingContent::Text { annotations, .. }
        | SamplingContent::Image { annotations, .. }
        | SamplingContent::Audio { annotations, .. } => {
            *annotations = annotations.take().map(|annotations| annotations.for_revision(revision));
        }
        SamplingContent::ToolResult { structured_content: Some(value), .. }
            if revision < Revision::V2026_07_28 && !value.is_object() =>
        {
            *value = json!({ "result": value.take() });
        }
        SamplingContent::ToolUse { .. } | SamplingContent::ToolResult { .. } | SamplingContent::Other(_) => {}
    }
    Ok(serde_json::to_value(block).expect("a block has string keys, so it is JSON"))
}
