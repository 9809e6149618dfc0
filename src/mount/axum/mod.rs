//! axum: routes for its router, and its server driven to a clean end.

pub(crate) mod extract;
mod socket;

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::connect_info::MockConnectInfo;
use axum::extract::{ConnectInfo, MatchedPath, OriginalUri};
use axum::routing::{MethodFilter, MethodRouter, any_service};
use http::Extensions;
use tokio::net::TcpListener;

use self::socket::{Connections, WithPeer};
use crate::lifespan::{DrainReport, Lifespan};
use crate::transport::service::{McpService, Mounted};

/// Whether a route without a wildcard led here: then its path is the endpoint, whatever it is.
pub(crate) fn matched_exactly(extensions: &Extensions) -> bool {
    extensions.get::<MatchedPath>().is_some_and(|path| !path.as_str().contains("{*"))
}

/// The path before `nest` stripped it.
pub(crate) fn unstripped_path(extensions: &Extensions) -> Option<&str> {
    extensions.get::<OriginalUri>().map(|uri| uri.path())
}

/// The peer's address, where the host serves with it.
pub(crate) fn connect_info(extensions: &Extensions) -> Option<SocketAddr> {
    let served = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| *address);
    served.or_else(|| extensions.get::<MockConnectInfo<SocketAddr>>().map(|MockConnectInfo(address)| *address))
}

/// A route for all methods. `merge` puts what `route_service` makes into a route once more, which costs each request two
/// allocations, and this not. Each method is named, so that a route which the host has for one of them is not hidden: axum
/// refuses the two.
fn every_method<S: Clone + Send + Sync + 'static>(service: McpService) -> MethodRouter<S> {
    let standard = [
        MethodFilter::CONNECT,
        MethodFilter::DELETE,
        MethodFilter::GET,
        MethodFilter::HEAD,
        MethodFilter::OPTIONS,
        MethodFilter::PATCH,
        MethodFilter::POST,
        MethodFilter::PUT,
        MethodFilter::TRACE,
    ];
    let all = standard.into_iter().reduce(MethodFilter::or).expect("there are several");
    any_service(service.clone()).on_service(all, service)
}

impl McpService {
    /// The service as a router, for `Router::nest` and `Router::nest_service`.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
    /// let app: Router = Router::new()
    ///     .route("/", get(|| async { "the application that was already here" }))
    ///     .nest("/mcp", mcp.service());
    /// # let _ = app; Ok(()) }
    /// ```
    pub fn service<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        // A fallback would not do: nested twice, it is not found at its root.
        let below = self.mounted(Mounted::ByHost);
        Router::new().route_service("/", self.mounted(Mounted::Endpoint)).route_service("/{*rest}", below)
    }

    /// The routes of the service at `path`, with and without a slash at its end, for `Router::merge`. At `"/"` it is
    /// that path alone, so that the host's own fallback and wildcards keep the rest.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
    /// let app: Router = Router::new()
    ///     .route("/", get(|| async { "the application that was already here" }))
    ///     .merge(mcp.at("/mcp"));
    /// # let _ = app; Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// As axum does, when `path` does not begin with a slash, or when merged into a router that has it already.
    pub fn at<S: Clone + Send + Sync + 'static>(&self, path: &str) -> Router<S> {
        assert!(path.starts_with('/'), "mcp.at({path:?}): the path must begin with a slash");
        let path = path.trim_end_matches('/');
        let service = self.mounted(Mounted::Endpoint);
        let endpoint = match path {
            "" => Router::new().route("/", every_method(service)),
            path => Router::new()
                .route(path, every_method(service.clone()))
                .route(&format!("{path}/"), every_method(service)),
        };
        self.shared.config.routes.paths().into_iter().fold(endpoint, |router, suffix| {
            router.route(&format!("{path}{suffix}"), every_method(self.mounted(Mounted::Suffix(suffix.into()))))
        })
    }

    fn mounted(&self, mounted: Mounted) -> Self {
        Self { mounted, ..self.clone() }
    }
}

impl Lifespan {
    /// Serves `app` until SIGINT or SIGTERM, then drains and ends: TCP_NODELAY on every connection, small answers in one
    /// write, the peer's address as `ConnectInfo<SocketAddr>`, graceful shutdown, and a deadline that no client can hold
    /// up. The [start hooks](Lifespan::on_start) run before a connection is accepted, the [shutdown
    /// hooks](Lifespan::on_shutdown) when the server has ended.
    ///
    /// # Errors
    ///
    /// That of a start hook, or the server's own.
    pub async fn serve(&self, listener: TcpListener, app: Router) -> io::Result<DrainReport> {
        let server = axum::serve(Connections(listener), WithPeer::new(app)).with_graceful_shutdown(self.until_signal());
        self.drive(server).await
    }
}
