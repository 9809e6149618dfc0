//! Prompts as they are listed, and what getting one answers.

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::implementation::Icon;
use super::meta::{OwnMeta, result_meta};
use super::revision::Revision;

/// A prompt, as `prompts/list` shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PromptDefinition {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    pub(crate) description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) arguments: Vec<PromptArgument>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) icons: Vec<Icon>,
    #[serde(rename = "_meta", skip_serializing_if = "OwnMeta::is_empty")]
    pub(crate) meta: OwnMeta,
}

/// An argument of a prompt: a string.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PromptArgument {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) required: bool,
}

impl PromptDefinition {
    /// What of it the given revision knows.
    pub(crate) fn for_revision(&self, revision: Revision) -> Self {
        let mut known = self.clone();
        if revision < Revision::V2025_06_18 {
            known.title = None;
            known.meta = OwnMeta::default();
            known.arguments.iter_mut().for_each(|argument| argument.title = None);
        }
        if revision < Revision::V2025_11_25 {
            known.icons.clear();
        }
        known
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// The user.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The role, as it travels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of a prompt.
///
/// ```
/// use mcp_mount::{Content, PromptMessage};
///
/// let question = PromptMessage::user("What is in this picture?");
/// let picture = PromptMessage::user(Content::image([0x89, b'P', b'N', b'G'], "image/png"));
/// # let _ = (question, picture);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PromptMessage {
    pub(crate) role: Role,
    pub(crate) content: Content,
}

impl PromptMessage {
    /// What the user says.
    pub fn user(content: impl Into<Content>) -> Self {
        Self { role: Role::User, content: content.into() }
    }

    /// What the model says.
    pub fn assistant(content: impl Into<Content>) -> Self {
        Self { role: Role::Assistant, content: content.into() }
    }

    /// Who speaks.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// What is said.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }
}

/// What getting a prompt answers.
///
/// Most handlers return something simpler: see [`IntoPromptResult`](crate::IntoPromptResult).
///
/// ```
/// use mcp_mount::{GetPromptResult, PromptMessage};
///
/// let result = GetPromptResult::new([PromptMessage::user("Review this code")]).description("A code review");
/// # let _ = result;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GetPromptResult {
    pub(crate) description: Option<String>,
    pub(crate) messages: Vec<PromptMessage>,
    pub(crate) meta: OwnMeta,
}

impl GetPromptResult {
    /// A result of these messages.
    pub fn new(messages: impl IntoIterator<Item = PromptMessage>) -> Self {
        Self { messages: messages.into_iter().collect(), ..Self::default() }
    }

    /// The messages.
    #[must_use]
    pub fn messages(&self) -> &[PromptMessage] {
        &self.messages
    }

    /// What the prompt is for.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    result_meta!();
}
