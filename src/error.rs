//! What can be wrong with a configuration, and how errors are logged.

use std::fmt;

/// A mistake in the configuration, found by [`Mcp::build`](crate::Mcp::build), or by what is
/// [added](crate::Tools::add) at run time.
///
/// Its `Display` text names the setting at fault and what to write instead; the wording is not part of the API, match
/// on [`kind`](Self::kind).
///
/// ```
/// use mcp_mount::{BuildErrorKind, Mcp, tool_fn};
///
/// let twice = [tool_fn("work", "Work", || "done"), tool_fn("work", "Work more", || "done")];
/// let error = Mcp::new("demo", "1.0.0").tools(twice).build().unwrap_err();
/// assert_eq!(error.kind(), BuildErrorKind::DuplicateTool);
/// assert_eq!(error.to_string(), "tools: two tools have the name `work`; rename one");
/// ```
pub struct BuildError {
    kind: BuildErrorKind,
    message: String,
}

/// The kinds of mistake a configuration can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildErrorKind {
    /// Two tools have the same name.
    DuplicateTool,
    /// A tool's name or its schema is not what the specification allows.
    InvalidTool,
    /// Two resources have the same URI, or two templates the same text.
    DuplicateResource,
    /// A resource's URI, template or name cannot be served.
    InvalidResource,
    /// Two prompts have the same name.
    DuplicatePrompt,
    /// A prompt's name or settings cannot be served.
    InvalidPrompt,
    /// A completion handler is for an argument that does not exist, or cannot be served.
    InvalidCompletion,
    /// Two methods of [`Mcp::method`](crate::Mcp::method) have the same name.
    DuplicateMethod,
    /// The name of a method is the protocol's own, or cannot be served.
    InvalidMethod,
    /// A handler extracts `State<T>` of a type that no `.state(..)` gave.
    MissingState,
    /// A setting has a value that can never work.
    InvalidSetting,
}

impl BuildError {
    pub(crate) fn new(kind: BuildErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn setting(message: impl Into<String>) -> Self {
        Self::new(BuildErrorKind::InvalidSetting, message)
    }

    /// What kind of mistake this is.
    #[must_use]
    pub fn kind(&self) -> BuildErrorKind {
        self.kind
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BuildError({:?}: {})", self.kind, self.message)
    }
}

impl std::error::Error for BuildError {}

/// An error with what caused it, for logs.
pub(crate) struct Causes<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
