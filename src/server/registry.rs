//! The tools that are served, in the order they were registered.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::tool::Tool;
use crate::protocol::encode;
use crate::protocol::revision::Revision;

/// Tools by name, and their list as each revision knows it.
#[derive(Debug)]
pub(crate) struct Registry {
    tools: HashMap<String, Arc<Tool>>,
    lists: [Bytes; Revision::ALL.len()],
}

impl Registry {
    /// # Errors
    ///
    /// The name that two tools have.
    pub(crate) fn new(tools: Vec<Tool>) -> Result<Self, String> {
        let lists =
            Revision::ALL.map(|revision| encode::tool_list(tools.iter().map(|tool| &tool.definition), revision));
        let mut by_name = HashMap::with_capacity(tools.len());
        for tool in tools {
            if let Some(twice) = by_name.insert(tool.name().to_owned(), Arc::new(tool)) {
                return Err(twice.name().to_owned());
            }
        }
        Ok(Self { tools: by_name, lists })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Tool>> {
        self.tools.get(name)
    }

    pub(crate) fn list(&self, revision: Revision) -> &Bytes {
        &self.lists[revision.index()]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }
}
