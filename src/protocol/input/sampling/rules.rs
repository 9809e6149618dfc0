//! What is checked before a request is sent: no client could make sense of the rest.

use std::collections::BTreeSet;

use super::content::SamplingContent;
use super::message::SamplingMessage;
use super::{CreateMessageRequest, ModelPreferences};
use crate::protocol::content::Annotations;
use crate::protocol::prompts::Role;

impl CreateMessageRequest {
    /// Why the request cannot be sent, if it cannot.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.messages.is_empty() {
            return Some("the request has no message".to_owned());
        }
        if self.temperature.is_some_and(|temperature| !temperature.is_finite()) {
            return Some("the temperature is not a finite number".to_owned());
        }
        if self.metadata.as_ref().is_some_and(|metadata| !metadata.is_object()) {
            return Some("the metadata are not a JSON object".to_owned());
        }
        self.model_preferences
            .as_ref()
            .and_then(ModelPreferences::fault)
            .or_else(|| self.tools_fault())
            .or_else(|| self.messages_fault())
    }

    fn tools_fault(&self) -> Option<String> {
        if self.tools.is_empty() && self.may_use_tools() {
            return Some("the tool choice wants tools, and there are none".to_owned());
        }
        let mut names = BTreeSet::new();
        self.tools.iter().find_map(|tool| {
            let name = &tool.name;
            if name.is_empty() {
                return Some("a tool has no name".to_owned());
            }
            if tool.input_schema.get("type").is_none_or(|kind| kind != "object") {
                return Some(format!("the tool `{name}`: its schema must have `\"type\": \"object\"` at its top"));
            }
            (!names.insert(name)).then(|| format!("there are two tools `{name}`"))
        })
    }

    /// 2025-11-25, client/sampling, «Message Content Constraints».
    fn messages_fault(&self) -> Option<String> {
        let mut asked: Vec<&str> = Vec::new();
        for (index, message) in self.messages.iter().enumerate() {
            let fault = message.fault().or_else(|| message.answers(&asked));
            if let Some(fault) = fault {
                return Some(format!("message {index}: {fault}"));
            }
            asked = message.tool_uses().collect();
        }
        asked.first().map(|id| format!("the tool use {id:?} is not answered by a message after it"))
    }
}

impl ModelPreferences {
    fn fault(&self) -> Option<String> {
        self.priorities().into_iter().find_map(|(name, priority)| {
            let priority = priority?;
            (!(0.0..=1.0).contains(&priority)).then(|| format!("`{name}` is {priority}, not between 0 and 1"))
        })
    }
}

impl SamplingMessage {
    fn tool_uses(&self) -> impl Iterator<Item = &str> {
        self.content.iter().filter_map(|block| match block {
            SamplingContent::ToolUse { id, .. } => Some(id.as_str()),
            _ => None,
        })
    }

    fn tool_results(&self) -> impl Iterator<Item = &str> {
        self.content.iter().filter_map(|block| match block {
            SamplingContent::ToolResult { tool_use_id, .. } => Some(tool_use_id.as_str()),
            _ => None,
        })
    }

    /// What is wrong with it, whatever stands before.
    fn fault(&self) -> Option<String> {
        if self.content.is_empty() {
            return Some("it says nothing".to_owned());
        }
        let results = self.tool_results().count();
        match self.role {
            Role::User if self.tool_uses().next().is_some() => {
                return Some("only the assistant uses tools".to_owned());
            }
            Role::User if results > 0 && results < self.content.len() => {
                return Some("tool results and other content cannot be in one message".to_owned());
            }
            Role::Assistant if results > 0 => return Some("tool results are in messages of the user".to_owned()),
            Role::User | Role::Assistant => {}
        }
        let mut ids = BTreeSet::new();
        if let Some(id) = self.tool_uses().find(|id| !ids.insert(*id)) {
            return Some(format!("there are two tool uses {id:?}"));
        }
        self.content.iter().find_map(SamplingContent::fault)
    }

    /// Why it does not answer the tool uses in the message before it, if it does not. Each is answered once, and
    /// nothing else is.
    fn answers(&self, asked: &[&str]) -> Option<String> {
        if let Some(id) = asked.iter().find(|id| self.tool_results().filter(|answered| answered == *id).count() != 1) {
            return Some(format!("the tool use {id:?} before it is to be answered here, once"));
        }
        let id = self.tool_results().find(|id| !asked.contains(id))?;
        Some(format!("it answers the tool use {id:?}, which is not in the message before it"))
    }
}

impl SamplingContent {
    fn fault(&self) -> Option<String> {
        match self {
            Self::Text { annotations, .. } | Self::Image { annotations, .. } | Self::Audio { annotations, .. } => {
                annotations.as_ref().and_then(Annotations::fault)
            }
            Self::ToolUse { .. } | Self::ToolResult { .. } | Self::Other(_) => None,
        }
    }
}
