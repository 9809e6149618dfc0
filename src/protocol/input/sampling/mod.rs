//! What a server may ask a client's model.

use serde::Serialize;
use serde_json::Value;

mod content;
mod message;
mod result;
mod revisions;
mod rules;
#[cfg(test)]
mod tests;
mod tool;

pub use content::SamplingContent;
pub use message::SamplingMessage;
pub use result::CreateMessageResult;
pub use tool::{SamplingTool, ToolChoice};

/// A request to the client's model (2025-11-25, client/sampling, «Creating Messages»).
///
/// The client decides which model answers, may show the request to its user first, and may change it.
///
/// ```
/// use mcp_mount::{CreateMessageRequest, ModelPreferences};
///
/// let request = CreateMessageRequest::new(100)
///     .system_prompt("Answer in one word.")
///     .model_preferences(ModelPreferences::new().hint("small").cost_priority(0.9))
///     .user("What is the capital of France?");
/// # let _ = request;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateMessageRequest {
    messages: Vec<SamplingMessage>,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_preferences: Option<ModelPreferences>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_context: Option<IncludeContext>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<SamplingTool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
}

impl CreateMessageRequest {
    /// A request without messages yet, for an answer of at most so many tokens.
    #[must_use]
    pub fn new(max_tokens: u32) -> Self {
        Self {
            messages: Vec::new(),
            max_tokens,
            system_prompt: None,
            temperature: None,
            stop_sequences: Vec::new(),
            model_preferences: None,
            include_context: None,
            tools: Vec::new(),
            tool_choice: None,
            metadata: None,
        }
    }

    /// Adds what the user says.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(SamplingMessage::user(text.into()))
    }

    /// Adds what the model said.
    #[must_use]
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message(SamplingMessage::assistant(text.into()))
    }

    /// Adds a message.
    #[must_use]
    pub fn message(mut self, message: impl Into<SamplingMessage>) -> Self {
        self.messages.push(message.into());
        self
    }

    /// Adds messages, such as those of a conversation so far.
    #[must_use]
    pub fn messages(mut self, messages: impl IntoIterator<Item = SamplingMessage>) -> Self {
        self.messages.extend(messages);
        self
    }

    /// What the model is told before all messages.
    #[must_use]
    pub fn system_prompt(mut self, prompt: impl Into<String>) -> Self {
        self.system_prompt = Some(prompt.into());
        self
    }

    /// How much chance there is in the answer; the scale is the model's.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Texts at which the answer ends.
    #[must_use]
    pub fn stop_sequences(mut self, sequences: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.stop_sequences = sequences.into_iter().map(Into::into).collect();
        self
    }

    /// What the model should be like.
    #[must_use]
    pub fn model_preferences(mut self, preferences: ModelPreferences) -> Self {
        self.model_preferences = Some(preferences);
        self
    }

    /// Which servers' context the client is to add; none unless said. Servers should use it only with clients that
    /// declare `sampling.context`, and it is to go away (2025-11-25, client/sampling, «Capabilities»).
    #[must_use]
    pub fn include_context(mut self, context: IncludeContext) -> Self {
        self.include_context = Some(context);
        self
    }

    /// The tools that the model may ask for, since 2025-11-25. It is the server that runs them, and asks again with
    /// what came of it. The client must declare `sampling.tools`.
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = SamplingTool>) -> Self {
        self.tools = tools.into_iter().collect();
        self
    }

    /// Whether the model may, must or must not use the tools; it may unless said.
    #[must_use]
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = Some(choice);
        self
    }

    /// What is handed to the model's provider as it is: a JSON object, which each provider reads in its own way.
    #[must_use]
    pub fn metadata(mut self, metadata: Value) -> Self {
        self.metadata = Some(metadata);
        self
    }
}

/// Whose context the client adds to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum IncludeContext {
    /// No one's.
    None,
    /// This server's.
    ThisServer,
    /// That of all servers the client talks to.
    AllServers,
}

/// What a model should be like, for the client to weigh (2025-11-25, client/sampling, «Model Preferences»).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelPreferences {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<ModelHint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_priority: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed_priority: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intelligence_priority: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ModelHint {
    name: String,
}

impl ModelPreferences {
    /// No preferences.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part of a model's name, such as `sonnet`. The first hint that fits counts.
    #[must_use]
    pub fn hint(mut self, name: impl Into<String>) -> Self {
        self.hints.push(ModelHint { name: name.into() });
        self
    }

    /// How much it matters that it is cheap, 0 to 1.
    #[must_use]
    pub fn cost_priority(mut self, priority: f64) -> Self {
        self.cost_priority = Some(priority);
        self
    }

    /// How much it matters that it is fast, 0 to 1.
    #[must_use]
    pub fn speed_priority(mut self, priority: f64) -> Self {
        self.speed_priority = Some(priority);
        self
    }

    /// How much it matters that it is capable, 0 to 1.
    #[must_use]
    pub fn intelligence_priority(mut self, priority: f64) -> Self {
        self.intelligence_priority = Some(priority);
        self
    }

    /// The priorities, each with its name.
    fn priorities(&self) -> [(&'static str, Option<f64>); 3] {
        [
            ("costPriority", self.cost_priority),
            ("speedPriority", self.speed_priority),
            ("intelligencePriority", self.intelligence_priority),
        ]
    }
}
