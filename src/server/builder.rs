//! The builder: what is served, and how.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Map, Value};

use super::answers::Answers;
use super::ask::state::Seals;
use super::changes::Changes;
use super::dispatch::Server;
use super::layer::Layers;
use super::method;
use super::principal_state::StateRoom;
use super::prompt::Prompt;
use super::registry::{Registry, check_icons};
use super::resource::Resource;
use super::state::States;
use super::target::Target;
use super::tool::Tool;
use crate::error::BuildError;
use crate::protocol::caching::CacheHints;
use crate::protocol::capabilities::ServerCapabilities;
use crate::protocol::encode::{Encoder, Identity, Introduction};
use crate::protocol::implementation::Implementation;
use crate::protocol::meta::{KEY, is_extension};
use crate::protocol::revision::Revisions;

/// How many entries a page of a list has by default: so many that hardly any list has a second, since some clients read
/// the first page only.
const PAGE: usize = 1000;

/// What is served: the part of `Mcp` that knows nothing of HTTP.
#[derive(Debug)]
pub(crate) struct ServerBuilder {
    pub(crate) implementation: Implementation,
    pub(crate) instructions: Option<String>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) methods: Vec<Target>,
    pub(crate) extensions: Vec<(String, Value)>,
    /// Whether the arguments of all tools are validated.
    #[cfg(feature = "jsonschema")]
    pub(crate) validates: bool,
    /// Whether replies are never streams.
    pub(crate) json_only: bool,
    pub(crate) states: States,
    pub(crate) layers: Layers,
    pub(crate) hints: CacheHints,
    pub(crate) page: usize,
    /// What was spoken of, be it with nothing in it yet.
    pub(crate) declared: ServerCapabilities,
}

impl ServerBuilder {
    pub(crate) fn new(implementation: Implementation) -> Self {
        let mut states = States::default();
        // The state of extractors that need none.
        states.insert(());
        Self {
            implementation,
            instructions: None,
            tools: Vec::new(),
            resources: Vec::new(),
            prompts: Vec::new(),
            methods: Vec::new(),
            extensions: Vec::new(),
            #[cfg(feature = "jsonschema")]
            validates: false,
            json_only: false,
            states,
            layers: Layers::default(),
            hints: CacheHints::default(),
            page: PAGE,
            declared: ServerCapabilities::default(),
        }
    }

    pub(crate) fn build(
        self,
        revisions: Revisions,
        sessions: bool,
        seals: Arc<Seals>,
        state: StateRoom,
        changes: Changes,
    ) -> Result<Server, BuildError> {
        if self.implementation.name.is_empty() {
            return Err(BuildError::setting("Mcp::new: the server's name is empty"));
        }
        if self.page == 0 {
            return Err(BuildError::setting("page_size: zero; no list could be read"));
        }
        check_icons(&self.implementation.icons, "server", &self.implementation.name)
            .map_err(|fault| BuildError::setting(format!("icons: {fault}")))?;
        #[cfg_attr(not(feature = "jsonschema"), expect(unused_mut, reason = "nothing else is set"))]
        let mut registry = Registry::new(self.page);
        #[cfg(feature = "jsonschema")]
        {
            registry.validates = self.validates;
        }
        registry.add_tools(self.tools, &self.states)?;
        registry.add_resources(self.resources, &self.states)?;
        registry.add_prompts(self.prompts, &self.states)?;
        let methods = method::methods(self.methods, &self.states)?;
        let identity = Identity {
            implementation: self.implementation,
            instructions: self.instructions,
            revisions,
            hints: self.hints,
            extensions: extensions(self.extensions)?,
            sessions,
            streams: !self.json_only,
        };
        let introduction = Introduction::new(&identity, self.declared.and(registry.capabilities()));
        Ok(Server {
            encoder: Encoder::new(&identity),
            introduction: ArcSwap::from_pointee(introduction),
            identity,
            registry,
            methods,
            states: Arc::new(self.states),
            layers: self.layers,
            changes: Arc::new(changes),
            answers: Arc::new(Answers::default()),
            seals,
            state: Arc::new(state),
        })
    }
}

/// The extensions of [`Mcp::extension`](crate::Mcp::extension), checked.
fn extensions(declared: Vec<(String, Value)>) -> Result<Map<String, Value>, BuildError> {
    let mut extensions = Map::new();
    for (identifier, settings) in declared {
        if !is_extension(&identifier) {
            let text = format!("extension: {identifier:?} is no identifier, which has a prefix: {KEY}");
            return Err(BuildError::setting(text));
        }
        if !settings.is_object() {
            let text = format!("extension: the settings of `{identifier}` are no JSON object; `json!({{}})` is none");
            return Err(BuildError::setting(text));
        }
        if extensions.contains_key(&identifier) {
            return Err(BuildError::setting(format!("extension: `{identifier}` is there twice; leave one out")));
        }
        extensions.insert(identifier, settings);
    }
    Ok(extensions)
}
