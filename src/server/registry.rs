//! The tools that are served, in the order they were registered.

use std::sync::Arc;

use bytes::Bytes;

use super::tool::Tool;
use crate::protocol::encode;
use crate::protocol::revision::Revision;

/// Tools by name, and their list as each revision knows it.
#[derive(Debug)]
pub(crate) struct Registry {
    /// By name. A binary search beats a hash of the name up to hundreds of tools.
    tools: Vec<Arc<Tool>>,
    lists: [Bytes; Revision::ALL.len()],
}

impl Registry {
    /// # Errors
    ///
    /// The name that two tools have.
    pub(crate) fn new(tools: Vec<Tool>) -> Result<Self, String> {
        let lists =
            Revision::ALL.map(|revision| encode::tool_list(tools.iter().map(|tool| &tool.definition), revision));
        let mut tools: Vec<_> = tools.into_iter().map(Arc::new).collect();
        tools.sort_by(|one, other| one.name().cmp(other.name()));
        match tools.windows(2).find(|pair| pair[0].name() == pair[1].name()) {
            Some(pair) => Err(pair[0].name().to_owned()),
            None => Ok(Self { tools, lists }),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Tool>> {
        let found = self.tools.binary_search_by(|tool| tool.name().cmp(name));
        found.ok().map(|index| &self.tools[index])
    }

    pub(crate) fn list(&self, revision: Revision) -> &Bytes {
        &self.lists[revision.index()]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }
}
