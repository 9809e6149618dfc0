//! What is served: tools, resources, prompts, and what their handlers share.

use std::time::Duration;

use serde_json::Value;
use tower::{Layer, Service};

use super::Mcp;
use crate::protocol::caching::CacheScope;
use crate::server::call::{Call, Reply};
use crate::server::handler::Handler;
use crate::server::layer::CallService;
use crate::server::method::{self, MethodResult};
use crate::server::prompt::Prompt;
use crate::server::resource::Resource;
use crate::server::tool::Tool;

impl Mcp {
    /// Adds a tool.
    pub fn tool(mut self, tool: Tool) -> Self {
        self.server.tools.push(tool);
        self
    }

    /// Adds tools; see [`tools!`](crate::tools!). Called with none, it declares that there may be some later: clients
    /// that are connected by then know of it.
    pub fn tools(mut self, tools: impl IntoIterator<Item = Tool>) -> Self {
        self.server.declared.tools = true;
        self.server.tools.extend(tools);
        self
    }

    /// Adds a resource, or a template of resources.
    pub fn resource(mut self, resource: Resource) -> Self {
        self.server.resources.push(resource);
        self
    }

    /// Adds resources; see [`resources!`](crate::resources!). Called with none, it declares that there may be some later.
    pub fn resources(mut self, resources: impl IntoIterator<Item = Resource>) -> Self {
        self.server.declared.resources = true;
        self.server.resources.extend(resources);
        self
    }

    /// Adds a prompt.
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        self.server.prompts.push(prompt);
        self
    }

    /// Adds prompts; see [`prompts!`](crate::prompts!). Called with none, it declares that there may be some later.
    pub fn prompts(mut self, prompts: impl IntoIterator<Item = Prompt>) -> Self {
        self.server.declared.prompts = true;
        self.server.prompts.extend(prompts);
        self
    }

    /// Serves a method that the protocol does not have: an extension's, or one that your own clients know. Its handler takes
    /// what a tool's does, `Args<T>` being its `params` without `_meta`, and returns `Json<T>`, or a `Result` of it, where
    /// `T` is an object. It is served in every revision; timeouts, layers, limits and the principal hold as for tools. In
    /// 2026-07-28 the result gets `resultType` and the server's name.
    ///
    /// ```
    /// use mcp_mount::{Args, Json, Mcp};
    /// use serde_json::{Value, json};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Which { job: String }
    ///
    /// async fn status(Args(which): Args<Which>) -> Json<Value> {
    ///     Json(json!({ "job": which.job, "state": "running" }))
    /// }
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = Mcp::new("demo", "1.0.0").method("example/status", status).build()?;
    /// # let _ = mcp; Ok(()) }
    /// ```
    ///
    /// A name is two words or more with a slash in between, the first none of the protocol's own, such as `tools`; any other
    /// fails [`build`](Self::build). An error that is not [exposed](crate::ToolError::expose), and a result that is no object,
    /// are masked as -32603; arguments that are no `T` are -32602.
    pub fn method<P, H>(mut self, name: impl Into<String>, handler: H) -> Self
    where
        H: Handler<P, MethodResult>,
    {
        self.server.methods.push(method::target(name.into(), handler));
        self
    }

    /// Declares that an extension of the protocol is supported, with its settings: an object, which may be empty. 2026-07-28
    /// clients find it in `capabilities.extensions`, those of earlier revisions in `capabilities.experimental`. The extension
    /// itself is what your handlers do: its methods are [`method`](Self::method), and what a client supports is
    /// [`Context::client_extension`](crate::Context::client_extension).
    ///
    /// ```
    /// use mcp_mount::Mcp;
    /// use serde_json::json;
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = Mcp::new("demo", "1.0.0").extension("com.example/jobs", json!({ "maxJobs": 5 })).build()?;
    /// # let _ = mcp; Ok(()) }
    /// ```
    ///
    /// An identifier without a prefix, or that is there twice, fails [`build`](Self::build).
    pub fn extension(mut self, identifier: impl Into<String>, settings: impl Into<Value>) -> Self {
        self.server.extensions.push((identifier.into(), settings.into()));
        self
    }

    /// Checks the arguments of every tool against its input schema before the handler runs, those of tools that are added at
    /// run time too: see [`Tool::validate_arguments`].
    ///
    /// ```
    /// use mcp_mount::{Args, Mcp, Tool};
    /// use serde_json::{Value, json};
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let schema = json!({ "type": "object", "properties": { "year": { "type": "integer", "minimum": 1900 } } });
    /// let films = Tool::raw("films", schema, |Args(arguments): Args<Value>| async move {
    ///     format!("films of {}", arguments["year"]) // 1900 or later
    /// })
    /// .description("Find films");
    /// let mcp = Mcp::new("demo", "1.0.0").tool(films).validate_arguments().build()?;
    /// # let _ = mcp; Ok(()) }
    /// ```
    #[cfg(feature = "jsonschema")]
    pub fn validate_arguments(mut self) -> Self {
        self.server.validates = true;
        self
    }

    /// How many entries a page of a list has, at least 1. Default: 1,000, so that few lists have a second page, which some
    /// clients never ask for.
    pub fn page_size(mut self, entries: usize) -> Self {
        self.server.page = entries;
        self
    }

    /// How long a 2026-07-28 client may keep what it was told of the server and its lists (`ttlMs`; 2026-07-28,
    /// server/utilities/caching). Default: not at all. A change that it is told of ends it early. What is read has a
    /// [`ttl`](Resource::ttl) of its own.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.server.hints.ttl = ttl;
        self
    }

    /// Who may keep it (`cacheScope`). Default: its caller alone. [`CacheScope::Public`] lets a gateway hand the lists to
    /// anybody, signed in or not.
    pub fn cache_scope(mut self, scope: CacheScope) -> Self {
        self.server.hints.scope = scope;
        self
    }

    /// Puts a tower layer around every call of a tool, a resource, a prompt, a completion or a [method of your
    /// own](Self::method): around `Call -> Reply`, that is, after the request has been read and checked, and before its
    /// handler runs. Layers add up; the last one is outermost, as in axum.
    ///
    /// ```
    /// use mcp_mount::{Mcp, tool_fn};
    /// use std::time::Duration;
    /// use tower::limit::ConcurrencyLimitLayer;
    /// use tower::timeout::TimeoutLayer;
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = Mcp::new("demo", "1.0.0")
    ///     .tool(tool_fn("work", "Work", || async { "done" }))
    ///     .layer(TimeoutLayer::new(Duration::from_secs(5)))
    ///     .layer(ConcurrencyLimitLayer::new(10))
    ///     .build()?;
    /// # let _ = mcp; Ok(()) }
    /// ```
    ///
    /// An error of a layer is masked, as a handler's is. The layered service must be `Clone + Send + Sync`. Two of tower's
    /// cannot be used here: `RateLimit`, whose service is no `Clone` (count in a service of your own, and answer with
    /// [`Reply::Error`](crate::Reply::Error)), and `Buffer`, which starts a task when it is made, while a server is built
    /// without a runtime (a bound on what may run at a time is
    /// [`Limits::calls_in_flight`](crate::Limits::calls_in_flight)).
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<CallService>,
        L::Service: Service<Call, Response = Reply> + Clone + Send + Sync + 'static,
        <L::Service as Service<Call>>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        <L::Service as Service<Call>>::Future: Send + 'static,
    {
        self.server.layers.add(&layer);
        self
    }

    /// Gives handlers a value to share: [`State<T>`](crate::State). One value for each type; of two the later one counts.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.server.states.insert(value);
        self
    }
}
