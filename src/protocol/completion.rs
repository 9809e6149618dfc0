//! Completion: suggestions for the arguments of prompts and the variables of resource templates.

use serde::Serialize;

/// The most values of one answer (2026-07-28, server/utilities/completion, «Completion Results»).
const MOST_VALUES: usize = 100;

/// Suggestions, the best first.
///
/// ```
/// use mcp_mount::Completion;
///
/// let completion = Completion::new(["python", "pytorch"]).total(10).has_more(true);
/// # let _ = completion;
/// ```
///
/// Of more than 100 values the first 100 are sent, with how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Completion {
    values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    has_more: Option<bool>,
}

impl Completion {
    /// These suggestions.
    pub fn new(values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { values: values.into_iter().map(Into::into).collect(), total: None, has_more: None }
    }

    /// The suggestions.
    #[must_use]
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// How many there are in all, which can be more than are sent.
    #[must_use]
    pub fn total(mut self, total: usize) -> Self {
        self.total = Some(total);
        self
    }

    /// Whether there are more than are sent.
    #[must_use]
    pub fn has_more(mut self, has_more: bool) -> Self {
        self.has_more = Some(has_more);
        self
    }

    /// Cut to what an answer may hold.
    pub(crate) fn bound(&mut self) {
        let values = self.values.len();
        if values > MOST_VALUES {
            self.values.truncate(MOST_VALUES);
            self.total = self.total.or(Some(values));
            self.has_more = Some(true);
        }
    }
}
