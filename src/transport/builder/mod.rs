//! The builder: everything a server can be told, each setting with one safe default.

mod http;
mod served;

use std::future::Future;
use std::sync::{Arc, Once};

use super::config::{FindPrincipal, Limits, Settings};
use super::cors::Cors;
use super::forwarded::Proxies;
use super::guard::{Guard, Hosts, Origins};
use super::http_layer::HttpLayers;
use super::public::{Public, PublicUrl};
use super::replicas::Replicas;
use super::resume::readers::Readers;
use super::resume::stream_ids::StreamIds;
use super::route::Routes;
use super::service::{McpService, Mounted, Permits, Shared};
use super::session::live::LiveSessions;
use super::session::open::EVICTABLE_AFTER;
use super::session::{SessionRoom, Sessions};
use super::sse_legacy::LegacyLines;
use crate::error::BuildError;
use crate::lifespan::Lifespan;
use crate::protocol::implementation::{Icon, Implementation};
use crate::protocol::revision::{Revision, Revisions};
use crate::server::ask::state::Seals;
use crate::server::builder::ServerBuilder;
use crate::server::changes::Changes;
use crate::server::changes::feed::Feed;
use crate::server::principal_state::StateRoom;
use crate::server::seal::Keys;
use crate::store::in_time::InTime;
use crate::store::{Key, Memory, Store};

/// Registers a hook with the lifespan.
type Register = Box<dyn FnOnce(&Lifespan) + Send + Sync>;

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
    pub(super) cors: Result<Option<Cors>, BuildError>,
    base_url: Option<Result<PublicUrl, BuildError>>,
    public_url: Option<Result<PublicUrl, BuildError>>,
    proxies: Result<Proxies, BuildError>,
    limits: Limits,
    sessions: Sessions,
    store: Option<Arc<dyn Store>>,
    principal: Option<FindPrincipal>,
    request_state_keys: Option<Result<Keys, BuildError>>,
    lifespan: Lifespan,
    routes: Routes,
    http_layers: HttpLayers,
    /// What is registered with the lifespan, whichever it will be.
    hooks: Vec<Register>,
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
            cors: Ok(None),
            base_url: None,
            public_url: None,
            proxies: Ok(Proxies::default()),
            limits: Limits::new(),
            sessions: Sessions::new(),
            store: None,
            principal: None,
            request_state_keys: None,
            lifespan: Lifespan::new(),
            routes: Routes::default(),
            http_layers: HttpLayers::default(),
            hooks: Vec::new(),
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

    /// Serves these revisions of the protocol only. Default: all. An empty list fails [`build`](Self::build).
    pub fn revisions(mut self, revisions: impl IntoIterator<Item = Revision>) -> Self {
        self.revisions = Revisions::new(revisions);
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

    /// Keeps sessions, what their streams have said, and what handlers [keep](crate::Context::state), elsewhere than in this
    /// process, so that it outlives it or is shared by several. Default: [`Memory`].
    ///
    /// Through a store that is [shared](Store::is_shared) any replica serves any client: a session's requests, its answers
    /// to questions and its cancellations may arrive at another one than its call runs on, a stream can be taken up there,
    /// and [`notify`](McpService::notify) reaches the clients of all of them. They have the same name and the same
    /// [`request_state_keys`](Self::request_state_keys). Servers of different names that share a store have sessions, changes
    /// and state of their own, within the same bounds.
    ///
    /// [`store_from_url`](crate::store_from_url) makes the store that a deployment names:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mcp_mount::{Mcp, store_from_url};
    ///
    /// let url = std::env::var("STORE").unwrap_or_else(|_| "memory://".to_owned());
    /// let mcp = Mcp::new("demo", "1.0.0").store(store_from_url(&url).await?).build()?;
    /// # let _ = mcp; Ok(()) }
    /// ```
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// The secrets that seal what 2026-07-28 clients carry from one round of questions to the next (`requestState`): the
    /// first seals, all of them open, so that a new one can be put before the old one. At least 32 bytes each, as
    /// `openssl rand -base64 32` prints them. Default: a random key, which ends with the process.
    ///
    /// Replicas need the same list: a client's next request may reach another one. While they are restarted one by one, a new
    /// secret goes last first, so that each can open what another seals by it, and first only at the next restart. A server
    /// with a [store](Self::store) that is shared and without keys warns when it is built.
    ///
    /// ```
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// # let secret = "5UvZcKpJ3mD0Q4yq8oXnZbTq1sW7eR2tY6uI9oP0aS8=".to_owned();
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").request_state_keys([secret]).build()?;
    /// # let _ = mcp; Ok(()) }
    /// ```
    pub fn request_state_keys<S: AsRef<[u8]>>(mut self, secrets: impl IntoIterator<Item = S>) -> Self {
        let keys = Keys::from_secrets(secrets);
        self.request_state_keys =
            Some(keys.map_err(|fault| BuildError::setting(format!("request_state_keys: {fault}"))));
        self
    }

    /// Shares a life that the host has made, maybe with other services. Default: a life of its own, which
    /// [`McpService::lifespan`] hands out.
    pub fn lifespan(mut self, lifespan: &Lifespan) -> Self {
        self.lifespan = lifespan.clone();
        self
    }

    /// Runs `hook` once, before the first request is served: [`Lifespan::on_start`] of this server's lifespan.
    ///
    /// ```
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0")
    ///     .on_start("cache directory", || async { std::fs::create_dir_all(std::env::temp_dir().join("demo")) })
    ///     .on_shutdown("goodbye", || async { println!("goodbye") })
    ///     .build()?;
    /// # let _ = mcp; Ok(()) }
    /// ```
    pub fn on_start<H, F, E>(mut self, name: impl Into<String>, hook: H) -> Self
    where
        H: FnOnce() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let name = name.into();
        self.hooks.push(Box::new(move |lifespan| lifespan.on_start(name, hook)));
        self
    }

    /// Runs `hook` once, when everything has ended: [`Lifespan::on_shutdown`] of this server's lifespan.
    pub fn on_shutdown<H, F>(mut self, name: impl Into<String>, hook: H) -> Self
    where
        H: FnOnce() -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let name = name.into();
        self.hooks.push(Box::new(move |lifespan| lifespan.on_shutdown(name, hook)));
        self
    }

    /// Makes the service. Needs no runtime and starts nothing.
    ///
    /// # Errors
    ///
    /// When a setting can never work, a name is taken, or a handler asks for a [`State`](crate::State) that was not given.
    /// The error names it.
    pub fn build(self) -> Result<McpService, BuildError> {
        self.check()?;
        let (calls_in_flight, open_streams) = (self.limits.calls_in_flight, self.limits.open_streams);
        let (origins, cors) = (self.origins?, self.cors?);
        let public = Public::new(self.base_url.transpose()?, self.public_url.transpose()?);
        let origins = origins.and(public.origins());
        let origins = match &cors {
            Some(cors) => cors.let_in(origins),
            None => origins,
        };
        let settings = Settings {
            revisions: self.revisions,
            guard: Guard { hosts: self.hosts?.and(public.hosts()), origins },
            cors,
            proxies: self.proxies?,
            public,
            principal: self.principal,
            routes: self.routes,
        };
        let config = self.limits.into_config(settings);
        let keys = match self.request_state_keys {
            Some(keys) => keys?,
            None => own_keys(self.store.as_deref().filter(|_| self.revisions.contains(Revision::V2026_07_28))),
        };
        let name = &self.server.implementation.name;
        let seals = Arc::new(Seals::new(keys, name, config.ask_timeout));
        let store: Arc<dyn Store> = match self.store {
            Some(store) => Arc::new(InTime::new(store)),
            None => Arc::new(Memory::with_log_budget(self.limits.log_budget)),
        };
        let state = StateRoom::new(Arc::clone(&store), name, self.limits.state_limits());
        let sessions = SessionRoom {
            settings: self.sessions,
            realm: Key::realm(name),
            replicas: store.is_shared().then(|| Arc::new(Replicas::new(Arc::clone(&store)))),
            store,
            live: Arc::new(LiveSessions::new()),
            readers: Arc::new(Readers::new()),
            stream_ids: StreamIds::default(),
            signals: Arc::default(),
            watching: Once::new(),
            // Twice within the idle time at least, and twice before a live session could be taken for an idle one.
            beat: config.keep_alive.min(self.sessions.idle / 2).min(EVICTABLE_AFTER / 2),
        };
        let changes = changes(&self.server.implementation.name, &sessions, &self.lifespan);
        let shared = Shared {
            server: Arc::new(self.server.build(self.revisions, self.sessions.enabled, seals, state, changes)?),
            config,
            sessions,
            legacy: LegacyLines::default(),
            lifespan: self.lifespan,
            permits: Permits::new(calls_in_flight),
            open_streams: Permits::new(open_streams),
            http_layers: self.http_layers,
        };
        // Not before: a server that cannot be built has registered nothing.
        self.hooks.into_iter().for_each(|register| register(&shared.lifespan));
        Ok(McpService { shared: Arc::new(shared), mounted: Mounted::ByHost })
    }

    /// Whether the settings can work, each by itself.
    fn check(&self) -> Result<(), BuildError> {
        if self.revisions.is_empty() {
            return Err(BuildError::setting("revisions: the list is empty; leave the call out to serve all"));
        }
        self.limits.check()?;
        if self.store.is_none() {
            self.limits.check_log_budget()?;
        }
        self.routes.check()?;
        if self.sessions.enabled && self.sessions.is_unusable() {
            let text = "sessions: max, max_per_principal or initialize_within is zero, or idle is less than a second; \
                        `Sessions::disabled()` serves without sessions";
            return Err(BuildError::setting(text));
        }
        if self.sessions.retry_interval.is_zero() {
            let text = "sessions: retry_interval is zero; clients would come back without a pause";
            return Err(BuildError::setting(text));
        }
        self.check_legacy()
    }

    /// HTTP+SSE is a stream and a session.
    fn check_legacy(&self) -> Result<(), BuildError> {
        let has_sessions = self.sessions.enabled && self.revisions.newest_session().is_some();
        let text = match (&self.routes.legacy, has_sessions) {
            (Some(_), false) => {
                "legacy_sse: HTTP+SSE has sessions, which are disabled, or which none of the `revisions` has"
            }
            (Some(_), true) if self.server.json_only => {
                "legacy_sse: HTTP+SSE is a stream, of which `json_only` has none"
            }
            _ => return Ok(()),
        };
        Err(BuildError::setting(text))
    }
}

/// What changes is told by all replicas, if there are some: through their store, which tells of its news from now on.
fn changes(name: &str, sessions: &SessionRoom, lifespan: &Lifespan) -> Changes {
    if !sessions.store.is_shared() {
        return Changes::default();
    }
    sessions.watch();
    let (store, signals) = (Arc::clone(&sessions.store), Arc::clone(&sessions.signals));
    Changes::of_feed(Feed::new(name, store, signals, lifespan.clone()))
}

/// A key that only this process has.
fn own_keys(store: Option<&dyn Store>) -> Keys {
    if store.is_some_and(Store::is_shared) {
        tracing::warn!(
            "the store may be shared by several processes, and the key of `requestState` is this one's own: what one of them \
             asks of a 2026-07-28 client, another cannot go on with; give all of them the same `request_state_keys([..])`"
        );
    }
    Keys::random()
}

impl std::fmt::Debug for Mcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mcp").field("name", &self.server.implementation.name).finish_non_exhaustive()
    }
}
