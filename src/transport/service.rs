//! The service: a handle to everything that is served. No decisions.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::config::Config;
use super::describe::Description;
use super::http_layer::HttpLayers;
use super::session::SessionRoom;
use super::sse_legacy::LegacyLines;
use crate::lifespan::Lifespan;
use crate::server::changes::Notify;
use crate::server::dispatch::Server;
use crate::server::handles::{Prompts, Resources, Tools};

/// An MCP server as a [`tower::Service`](tower_service::Service), made by [`Mcp::build`](crate::Mcp::build).
///
/// A clone is cheap and stands for the same server. It takes requests with any body, never fails, and answers below
/// whatever path it is mounted at:
///
/// | mounted by | answers at | with probes and routes |
/// |---|---|---|
/// | `Router::nest("/mcp", mcp.service())` | `/mcp` | yes |
/// | `Router::nest_service("/mcp", mcp.service())` or `.nest_service("/mcp", mcp)` | `/mcp` and `/mcp/` | yes |
/// | `Router::route_service("/mcp", mcp)` | `/mcp` | no |
/// | `Router::merge(mcp.at("/mcp"))` | `/mcp` and `/mcp/` | yes |
/// | in actix-web `App::service(mcp.scope("/mcp"))` | `/mcp` and `/mcp/` | yes |
/// | in actix-web `App::configure(mcp.configure_at("/mcp"))` | `/mcp` and `/mcp/` | yes |
/// | as the service of a bare hyper server | `/` | yes |
/// | `mcp.on_path("/mcp")` there | `/mcp` and `/mcp/` | yes |
///
/// The probes of [`Mcp::health`](crate::Mcp::health), the two routes of [`Mcp::legacy_sse`](crate::Mcp::legacy_sse) and
/// those of [`Mcp::route`](crate::Mcp::route) are below the same path; `route_service` leads one path here and no other. Anything else that is led here is 404. Nothing is
/// redirected.
///
/// ```
/// use axum::Router;
///
/// # fn main() -> Result<(), mcp_mount::BuildError> {
/// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").health().build()?;
/// let app: Router = Router::new().merge(mcp.at("/mcp")); // `/mcp`, `/mcp/`, `/mcp/health` and `/mcp/ready`
/// # let _ = app; Ok(()) }
/// ```
#[derive(Clone)]
pub struct McpService {
    pub(crate) shared: Arc<Shared>,
    pub(crate) mounted: Mounted,
}

/// What the mount knows of the paths that it gets.
#[derive(Clone, Debug)]
pub(crate) enum Mounted {
    /// The host has stripped the path that it is mounted at, or matched it exactly.
    ByHost,
    /// It is mounted here, and the host strips nothing.
    On(Arc<str>),
    /// The host has matched the endpoint's own path, whatever that is.
    #[cfg(feature = "axum")]
    Endpoint,
    /// The host has matched a path that ends with this one, below the mount.
    #[cfg(feature = "axum")]
    Suffix(Arc<str>),
}

impl McpService {
    /// The life of this service, to serve, drain and end it.
    #[must_use]
    pub fn lifespan(&self) -> Lifespan {
        self.shared.lifespan.clone()
    }

    /// What is served at present and how, as data and as text: to be printed at start-up, say.
    ///
    /// ```
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
    /// println!("{}", mcp.describe());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn describe(&self) -> Description {
        Description::of(&self.shared)
    }

    /// Tells clients of changes: those that are connected to this process, and to those that share its
    /// [store](crate::Mcp::store).
    #[must_use]
    pub fn notify(&self) -> Notify {
        self.shared.server.notify()
    }

    /// The tools that are served, to add, remove, hide and show them while clients are connected.
    #[must_use]
    pub fn tools(&self) -> Tools {
        Tools::new(&self.shared.server)
    }

    /// The resources that are served, templates included, to change them while clients are connected.
    #[must_use]
    pub fn resources(&self) -> Resources {
        Resources::new(&self.shared.server)
    }

    /// The prompts that are served, to change them while clients are connected.
    #[must_use]
    pub fn prompts(&self) -> Prompts {
        Prompts::new(&self.shared.server)
    }

    /// The same service for a host without a router: it answers at `path`, with or without a slash at its end.
    ///
    /// ```
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
    /// let service = mcp.on_path("/mcp"); // for hyper_util's `TowerToHyperService`, say
    /// # let _ = service; Ok(()) }
    /// ```
    #[must_use]
    pub fn on_path(&self, path: &str) -> Self {
        let path = match path.trim_matches('/') {
            "" => String::new(),
            path => format!("/{path}"),
        };
        Self { shared: Arc::clone(&self.shared), mounted: Mounted::On(path.into()) }
    }
}

impl fmt::Debug for McpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpService").field("mounted", &self.mounted).finish_non_exhaustive()
    }
}

/// What all clones of a service share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) server: Arc<Server>,
    pub(crate) config: Config,
    pub(crate) sessions: SessionRoom,
    pub(crate) legacy: LegacyLines,
    pub(crate) lifespan: Lifespan,
    pub(crate) permits: Permits,
    pub(crate) open_streams: Permits,
    pub(crate) http_layers: HttpLayers,
}

/// A place among the open streams, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream(Arc<Shared>);

impl OpenStream {
    pub(crate) fn take(shared: &Arc<Shared>) -> Option<Self> {
        shared.open_streams.take().then(|| Self(Arc::clone(shared)))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.open_streams.give_back();
    }
}

impl Shared {
    /// Whether GET and DELETE mean anything here.
    pub(crate) fn serves_sessions(&self) -> bool {
        self.sessions.settings.enabled && self.config.revisions.newest_session().is_some()
    }
}

/// How many more calls may run at a time.
#[derive(Debug)]
pub(crate) struct Permits(AtomicUsize);

impl Permits {
    pub(crate) fn new(calls: usize) -> Self {
        Self(AtomicUsize::new(calls))
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&self) -> bool {
        let take = |left: usize| left.checked_sub(1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, take).is_ok()
    }

    pub(crate) fn give_back(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
