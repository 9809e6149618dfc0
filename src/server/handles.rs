//! What is served can change while it is: the handles for it.

use std::sync::Arc;

use super::dispatch::Server;
use super::prompt::Prompt;
use super::resource::Resource;
use super::tool::Tool;
use crate::error::BuildError;

/// Writes what the three handles have alike.
macro_rules! handle {
    (
        $(#[$doc:meta])*
        $name:ident of $item:ty, by $key:literal; $add:ident to [$($shelf:ident),+]; $changed:ident
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(Arc<Server>);

        impl $name {
            pub(crate) fn new(server: &Arc<Server>) -> Self {
                Self(Arc::clone(server))
            }

            /// Adds one at the end of the list.
            ///
            /// # Errors
            ///
            /// As [`Mcp::build`](crate::Mcp::build) does: when it is not what can be served, or
            #[doc = concat!("its ", $key, " is taken.")]
            pub fn add(&self, item: $item) -> Result<(), BuildError> {
                self.add_all([item])
            }

            /// Adds several at the end of the list, all or none, which clients are told of once.
            ///
            /// # Errors
            ///
            /// As [`add`](Self::add).
            pub fn add_all(&self, items: impl IntoIterator<Item = $item>) -> Result<(), BuildError> {
                self.0.registry.$add(items.into_iter().collect(), &self.0.states)?;
                self.0.declare();
                self.0.notify().$changed();
                Ok(())
            }

            #[doc = concat!("Removes the one with this ", $key, ". Calls of it that run already run on. Answers whether it was there.")]
            pub fn remove(&self, key: &str) -> bool {
                let removed = false $(| self.0.registry.$shelf.remove(key))+;
                self.tell_if(removed)
            }

            #[doc = concat!("Shows and serves the one with this ", $key, " again, in its old place. Answers whether that changed anything.")]
            pub fn enable(&self, key: &str) -> bool {
                let changed = false $(| self.0.registry.$shelf.enable(key, true))+;
                self.tell_if(changed)
            }

            #[doc = concat!("Hides the one with this ", $key, ": it is neither listed nor served. Answers whether that changed anything.")]
            pub fn disable(&self, key: &str) -> bool {
                let changed = false $(| self.0.registry.$shelf.enable(key, false))+;
                self.tell_if(changed)
            }

            #[doc = concat!("The ", $key, " of each that is enabled, in order.")]
            #[must_use]
            pub fn keys(&self) -> Vec<String> {
                use super::catalog::Listed as _;
                let mut keys = Vec::new();
                $(keys.extend(self.0.registry.$shelf.load().iter().map(|item| item.key().to_owned()));)+
                keys
            }

            fn tell_if(&self, changed: bool) -> bool {
                if changed {
                    self.0.notify().$changed();
                }
                changed
            }
        }
    };
}

handle! {
    /// The tools of a running server: from [`McpService::tools`](crate::McpService::tools). Clients are told of each
    /// change.
    ///
    /// ```
    /// use mcp_mount::{Mcp, tool_fn};
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = Mcp::new("demo", "1.0.0").tool(tool_fn("beta", "Try it out", || "not yet")).build()?;
    /// mcp.tools().disable("beta");
    /// mcp.tools().add(tool_fn("news", "What is new", || "nothing"))?;
    /// assert_eq!(mcp.tools().keys(), ["news"]);
    /// mcp.tools().enable("beta");
    /// assert_eq!(mcp.tools().keys(), ["beta", "news"]);
    /// # Ok(()) }
    /// ```
    Tools of Tool, by "name"; add_tools to [tools]; tools_list_changed
}

handle! {
    /// The resources of a running server, templates included: from [`McpService::resources`](crate::McpService::resources).
    /// Clients are told of each change.
    ///
    /// ```
    /// use mcp_mount::{Mcp, Resource};
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = Mcp::new("demo", "1.0.0").build()?;
    /// mcp.resources().add(Resource::text("about://motto", "motto", "Keep it simple."))?;
    /// assert!(mcp.resources().remove("about://motto"));
    /// # Ok(()) }
    /// ```
    Resources of Resource, by "URI or template"; add_resources to [resources, templates]; resources_list_changed
}

handle! {
    /// The prompts of a running server: from [`McpService::prompts`](crate::McpService::prompts). Clients are told of each
    /// change.
    ///
    /// ```
    /// use mcp_mount::{Mcp, prompt_fn};
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = Mcp::new("demo", "1.0.0").build()?;
    /// mcp.prompts().add(prompt_fn("greet", "Greet somebody", || "Say hello to everybody here"))?;
    /// assert_eq!(mcp.prompts().keys(), ["greet"]);
    /// # Ok(()) }
    /// ```
    Prompts of Prompt, by "name"; add_prompts to [prompts]; prompts_list_changed
}
