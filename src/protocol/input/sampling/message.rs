//! Messages to and from a model.

use serde::Serialize;

use super::CreateMessageResult;
use super::content::SamplingContent;
use crate::protocol::prompts::Role;

/// One message to or from a model.
///
/// ```
/// use mcp_mount::{Content, Role, SamplingContent, SamplingMessage};
///
/// let question = SamplingMessage::user("What is the weather in Oslo?");
/// let result = SamplingMessage::user(SamplingContent::tool_result("use-1", [Content::text("rain")]));
/// assert_eq!(result.role(), Role::User);
/// # let _ = question;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SamplingMessage {
    pub(super) role: Role,
    pub(super) content: Vec<SamplingContent>,
}

impl SamplingMessage {
    /// A message of these blocks.
    pub fn new(role: Role, content: impl IntoIterator<Item = SamplingContent>) -> Self {
        Self { role, content: content.into_iter().collect() }
    }

    /// What the user says.
    pub fn user(content: impl Into<SamplingContent>) -> Self {
        Self::new(Role::User, [content.into()])
    }

    /// What the model said.
    pub fn assistant(content: impl Into<SamplingContent>) -> Self {
        Self::new(Role::Assistant, [content.into()])
    }

    /// Adds a block. Clients of revisions before 2025-11-25 are sent the blocks as messages of the same role.
    #[must_use]
    pub fn and(mut self, content: impl Into<SamplingContent>) -> Self {
        self.content.push(content.into());
        self
    }

    /// Who speaks.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// What is said.
    #[must_use]
    pub fn content(&self) -> &[SamplingContent] {
        &self.content
    }
}

/// What the model answered, as a message of the next request.
impl From<CreateMessageResult> for SamplingMessage {
    fn from(result: CreateMessageResult) -> Self {
        Self { role: result.role, content: result.content }
    }
}
