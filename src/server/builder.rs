//! The builder: what is served, and how.

use std::any::TypeId;
use std::collections::HashSet;
use std::sync::Arc;

use super::dispatch::Server;
use super::registry::Registry;
use super::state::States;
use super::tool::{self, Tool};
use crate::error::{BuildError, BuildErrorKind};
use crate::protocol::encode::{Encoder, Identity};
use crate::protocol::implementation::{Icon, Implementation};
use crate::protocol::revision::Revisions;

/// What is served: the part of `Mcp` that knows nothing of HTTP.
#[derive(Debug, Default)]
pub(crate) struct ServerBuilder {
    pub(crate) implementation: Implementation,
    pub(crate) instructions: Option<String>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) states: States,
}

impl ServerBuilder {
    pub(crate) fn build(self, revisions: Revisions) -> Result<Server, BuildError> {
        if self.implementation.name.is_empty() {
            return Err(BuildError::setting("Mcp::new: the server's name is empty"));
        }
        check_icons(&self.implementation.icons)?;
        for tool in &self.tools {
            check_tool(tool, &self.states)?;
        }
        let registry = Registry::new(self.tools).map_err(|name| {
            BuildError::new(
                BuildErrorKind::DuplicateTool,
                format!("tools: two tools have the name `{name}`; rename one"),
            )
        })?;
        let identity = Identity {
            implementation: self.implementation,
            instructions: self.instructions,
            has_tools: !registry.is_empty(),
        };
        Ok(Server { encoder: Encoder::new(&identity, revisions), registry, states: Arc::new(self.states) })
    }
}

fn check_icons(icons: &[Icon]) -> Result<(), BuildError> {
    match icons.iter().find(|icon| !tool::is_safe_icon(icon)) {
        Some(icon) => Err(BuildError::setting(format!("icons: {:?} is neither `https:` nor `data:`", icon.src()))),
        None => Ok(()),
    }
}

fn check_tool(tool: &Tool, states: &States) -> Result<(), BuildError> {
    if let Some(fault) = tool::fault(tool) {
        return Err(BuildError::new(BuildErrorKind::InvalidTool, format!("tools: {fault}")));
    }
    if tool.timeout.is_some_and(|timeout| timeout.is_zero()) {
        let text = format!("tool `{}`: timeout is zero; every call would fail", tool.name());
        return Err(BuildError::new(BuildErrorKind::InvalidTool, text));
    }
    let mut seen: HashSet<TypeId> = HashSet::new();
    for need in &tool.needs.states {
        if seen.insert(need.id) && !states.contains(need.id) {
            let text = format!(
                "tool `{}` takes `State<{}>`, but no such state was given; add `.state(value)` with a value of that type",
                tool.name(),
                need.name
            );
            return Err(BuildError::new(BuildErrorKind::MissingState, text));
        }
    }
    Ok(())
}
