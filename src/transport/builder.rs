//! The builder: everything a server can be told, each setting with one safe default.

use std::sync::Arc;
use std::time::Duration;

use tower::{Layer, Service};

use super::config::{FindPrincipal, Limits, Settings};
use super::guard::{Guard, HostPattern, Hosts, OriginPattern, Origins};
use super::service::{McpService, Permits, Shared};
use super::session::live::LiveSessions;
use super::session::open::EVICTABLE_AFTER;
use super::session::{SessionRoom, Sessions};
use crate::auth::Principal;
use crate::error::BuildError;
use crate::lifespan::Lifespan;
use crate::protocol::caching::CacheScope;
use crate::protocol::implementation::{Icon, Implementation};
use crate::protocol::revision::{Revision, Revisions};
use crate::server::builder::ServerBuilder;
use crate::server::call::{Call, Reply};
use crate::server::layer::CallService;
use crate::server::prompt::Prompt;
use crate::server::resource::Resource;
use crate::server::tool::Tool;
use crate::store::{Memory, Store};

/// An MCP server in the making: what is served, and how.
///
/// ```
/// use mcp_mount::{Mcp, tool_fn};
///
/// # fn main() -> Result<(), mcp_mount::BuildError> {
/// let mcp = Mcp::new("greeter", "1.0.0")
///     .title("The greeter")
///     .instructions("Greet people by calling `greet`.")
///     .tool(tool_fn("greet", "Greet somebody", || async { "hello" }))
///     .build()?;
/// # let _ = mcp; Ok(()) }
/// ```
///
/// The defaults are safe: requests for loopback hosts from loopback origins only, every size and time bounded, errors
/// masked. Mistakes fail in [`build`](Self::build), which names the setting.
#[must_use = "a server is made by `build`"]
pub struct Mcp {
    server: ServerBuilder,
    revisions: Revisions,
    hosts: Result<Hosts, BuildError>,
    origins: Result<Origins, BuildError>,
    limits: Limits,
    sessions: Sessions,
    store: Option<Arc<dyn Store>>,
    principal: Option<FindPrincipal>,
    lifespan: Lifespan,
}

impl Mcp {
    /// A server with this name and version, which clients are shown.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        let guard = Guard::default();
        let implementation = Implementation { name: name.into(), version: version.into(), ..Implementation::default() };
        Self {
            server: ServerBuilder::new(implementation),
            revisions: Revisions::ALL,
            hosts: Ok(guard.hosts),
            origins: Ok(guard.origins),
            limits: Limits::new(),
            sessions: Sessions::new(),
            store: None,
            principal: None,
            lifespan: Lifespan::new(),
        }
    }

    /// The name to show to people, since 2025-06-18.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.server.implementation.title = Some(title.into());
        self
    }

    /// How to use the server, for the model.
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.server.instructions = Some(instructions.into());
        self
    }

    /// Where to read about the server, since 2025-11-25.
    pub fn website_url(mut self, url: impl Into<String>) -> Self {
        self.server.implementation.website_url = Some(url.into());
        self
    }

    /// Pictures to show for the server, since 2025-11-25.
    pub fn icons(mut self, icons: impl IntoIterator<Item = Icon>) -> Self {
        self.server.implementation.icons = icons.into_iter().collect();
        self
    }

    /// Adds a tool.
    pub fn tool(mut self, tool: Tool) -> Self {
        self.server.tools.push(tool);
        self
    }

    /// Adds tools; see [`tools!`](crate::tools!).
    pub fn tools(mut self, tools: impl IntoIterator<Item = Tool>) -> Self {
        self.server.tools.extend(tools);
        self
    }

    /// Adds a resource, or a template of resources.
    pub fn resource(mut self, resource: Resource) -> Self {
        self.server.resources.push(resource);
        self
    }

    /// Adds resources; see [`resources!`](crate::resources!).
    pub fn resources(mut self, resources: impl IntoIterator<Item = Resource>) -> Self {
        self.server.resources.extend(resources);
        self
    }

    /// Adds a prompt.
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        self.server.prompts.push(prompt);
        self
    }

    /// Adds prompts; see [`prompts!`](crate::prompts!).
    pub fn prompts(mut self, prompts: impl IntoIterator<Item = Prompt>) -> Self {
        self.server.prompts.extend(prompts);
        self
    }

    /// How many entries a page of a list has. Default: 1,000, so that few lists have a second page, which some clients
    /// never ask for.
    pub fn page_size(mut self, entries: usize) -> Self {
        self.server.page = entries;
        self
    }

    /// How long a 2026-07-28 client may keep what it was told of the server and its lists. Default: not at all. A change
    /// that it is told of ends it early.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.server.hints.ttl = ttl;
        self
    }

    /// Who may keep it. Default: its caller alone. [`CacheScope::Public`] lets a gateway hand the lists to anybody, signed
    /// in or not.
    pub fn cache_scope(mut self, scope: CacheScope) -> Self {
        self.server.hints.scope = scope;
        self
    }

    /// Puts a tower layer around every call of a tool, a resource, a prompt or a completion: around `Call -> Reply`, that
    /// is, after the request has been read and checked, and before its handler runs. Layers add up; the last one is
    /// outermost, as in axum.
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

    /// Gives handlers a value to share: [`State<T>`](crate::State). One value for each type.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.server.states.insert(value);
        self
    }

    /// Serves these revisions of the protocol only. Default: all.
    pub fn revisions(mut self, revisions: impl IntoIterator<Item = Revision>) -> Self {
        self.revisions = Revisions::new(revisions);
        self
    }

    /// Answers requests for these hosts only: names or addresses, with a port if only that one is meant, as
    /// `"mcp.example.com"`. Default: loopback names and addresses. An empty list denies every request.
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let parsed: Result<_, _> = hosts.into_iter().map(|host| HostPattern::parse(host.as_ref())).collect();
        self.hosts = parsed.map(Hosts::Listed);
        self
    }

    /// Answers pages of these origins only, as `"https://app.example.com"`, beside those of the requested host itself.
    /// Default: loopback origins. Requests without an `Origin`, which do not come from a page, are not affected.
    pub fn origins(mut self, origins: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let parsed: Result<_, _> = origins.into_iter().map(|origin| OriginPattern::parse(origin.as_ref())).collect();
        self.origins = parsed.map(Origins::Listed);
        self
    }

    /// Answers requests for any host: a page can then reach the server by DNS rebinding. For servers behind a proxy that
    /// checks the host itself.
    pub fn dangerously_allow_any_host(mut self) -> Self {
        self.hosts = Ok(Hosts::Any);
        self
    }

    /// Answers pages of any origin: whatever page somebody visits can then call the server.
    pub fn dangerously_allow_any_origin(mut self) -> Self {
        self.origins = Ok(Origins::Any);
        self
    }

    /// Sets the bounds of what clients may take.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how many sessions there may be, and how long they live.
    pub fn sessions(mut self, sessions: Sessions) -> Self {
        self.sessions = sessions;
        self
    }

    /// Keeps sessions elsewhere. Default: [`Memory`].
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Takes the caller's identity from what the host's own middleware put into the request's extensions. Sessions
    /// belong to whom they were opened by, and handlers see it as [`Context::principal`](crate::Context::principal).
    ///
    /// ```
    /// use mcp_mount::{Mcp, Principal};
    ///
    /// #[derive(Clone)]
    /// struct User { name: String }
    ///
    /// let mcp = Mcp::new("demo", "1.0.0").principal_from_extension::<User>(|user| Principal::new(&user.name));
    /// # let _ = mcp;
    /// ```
    pub fn principal_from_extension<T: Send + Sync + 'static>(
        mut self,
        principal: impl Fn(&T) -> Principal + Send + Sync + 'static,
    ) -> Self {
        self.principal = Some(Arc::new(move |extensions| extensions.get::<T>().map(&principal)));
        self
    }

    /// Shares a life that the host has made.
    pub fn lifespan(mut self, lifespan: &Lifespan) -> Self {
        self.lifespan = lifespan.clone();
        self
    }

    /// Makes the service. Needs no runtime and starts nothing.
    ///
    /// # Errors
    ///
    /// When a setting can never work; the error names it.
    pub fn build(self) -> Result<McpService, BuildError> {
        if self.revisions.is_empty() {
            return Err(BuildError::setting("revisions: the list is empty; leave the call out to serve all"));
        }
        self.limits.check()?;
        if self.sessions.enabled && self.sessions.is_unusable() {
            let text = "sessions: max or initialize_within is zero, or idle is less than a second; `Sessions::disabled()` serves \
                        without sessions";
            return Err(BuildError::setting(text));
        }
        let (calls_in_flight, open_streams) = (self.limits.calls_in_flight, self.limits.open_streams);
        let settings = Settings {
            revisions: self.revisions,
            guard: Guard { hosts: self.hosts?, origins: self.origins? },
            principal: self.principal,
        };
        let config = self.limits.into_config(settings);
        let sessions = SessionRoom {
            settings: self.sessions,
            store: self.store.unwrap_or_else(|| Arc::new(Memory::new())),
            live: Arc::new(LiveSessions::new()),
            // Twice within the idle time at least, and twice before a live session could be taken for an idle one.
            beat: config.keep_alive.min(self.sessions.idle / 2).min(EVICTABLE_AFTER / 2),
        };
        let shared = Shared {
            server: Arc::new(self.server.build(self.revisions)?),
            config,
            sessions,
            lifespan: self.lifespan,
            permits: Permits::new(calls_in_flight),
            open_streams: Permits::new(open_streams),
        };
        Ok(McpService { shared: Arc::new(shared), path: None })
    }
}

impl std::fmt::Debug for Mcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mcp").field("name", &self.server.implementation.name).finish_non_exhaustive()
    }
}
