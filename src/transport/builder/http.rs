//! How HTTP is answered: for whom, and what there is beside the endpoint.

use std::any::{TypeId, type_name};
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use tower::{Layer, Service};

use super::Mcp;
use crate::auth::Principal;
use crate::transport::config::FindPrincipal;
#[cfg(doc)]
use crate::transport::config::Limits;
use crate::transport::custom::{CustomRoute, IntoRouteResponse};
use crate::transport::forwarded::Proxies;
use crate::transport::guard::{HostPattern, Hosts, OriginPattern, Origins};
use crate::transport::http_layer::{HttpService, RequestBody};
use crate::transport::public::PublicUrl;
use crate::transport::route::LegacyRoutes;

impl Mcp {
    /// Answers requests for these hosts only: names or addresses, with a port if only that one is meant, as
    /// `"mcp.example.com"`. Default: loopback names and addresses. An empty list denies every request.
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let parsed: Result<_, _> = hosts.into_iter().map(|host| HostPattern::parse(host.as_ref())).collect();
        self.hosts = parsed.map(|list| Hosts::Listed { loopback: false, list });
        self
    }

    /// Answers pages of these origins only, as `"https://app.example.com"`, beside those of the requested host itself.
    /// Default: loopback origins. An empty list leaves the requested host's own. Requests without an `Origin`, which do not
    /// come from a page, are not affected. To let the pages read the answers, too, there is [`cors`](Self::cors).
    pub fn origins(mut self, origins: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let parse = |origin: &str| OriginPattern::parse("origins", origin);
        let parsed: Result<_, _> = origins.into_iter().map(|origin| parse(origin.as_ref())).collect();
        self.origins = parsed.map(|list| Origins::Listed { loopback: false, list });
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

    /// The public URL of the host application's root, as clients know it: `"https://example.com"`, or, where a proxy shows the
    /// application below a path, `"https://example.com/api"`. The endpoint's own URL is this and the path that it is mounted
    /// at. Default: what a [trusted proxy](Self::trusted_proxies) or the request itself says.
    ///
    /// Its host is answered for, beside those of [`hosts`](Self::hosts), and pages of its origin are let in, as those of the
    /// requested host itself.
    ///
    /// ```
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").base_url("https://example.com/api").build()?;
    /// // At `/mcp` of the application it is `https://example.com/api/mcp`.
    /// assert_eq!(mcp.describe().hosts, ["loopback", "example.com"]);
    /// # Ok(()) }
    /// ```
    pub fn base_url(mut self, url: impl AsRef<str>) -> Self {
        self.base_url = Some(PublicUrl::parse("base_url", url.as_ref()));
        self
    }

    /// The endpoint's own public URL, `"https://mcp.example.com"`, where it is not [`base_url`](Self::base_url) and the path
    /// that the endpoint is mounted at. Its host and origin are treated as those of `base_url`.
    pub fn public_url(mut self, url: impl AsRef<str>) -> Self {
        self.public_url = Some(PublicUrl::parse("public_url", url.as_ref()));
        self
    }

    /// Believes what these proxies say of the requests that they forward: `X-Forwarded-Host`, `X-Forwarded-Proto` and
    /// `X-Forwarded-Prefix`, or [`Forwarded`](https://www.rfc-editor.org/rfc/rfc7239). Addresses, as `"127.0.0.1"`, or
    /// networks, as `"10.0.0.0/8"`. Default: nobody. From anybody else these headers are ignored.
    ///
    /// ```
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0")
    ///     .base_url("https://example.com")
    ///     .trusted_proxies(["127.0.0.1", "::1"])
    ///     .build()?;
    /// # let _ = mcp; Ok(()) }
    /// ```
    ///
    /// The forwarded host is the one that [`hosts`](Self::hosts) is asked about, in place of `Host`; and a page is of the
    /// requested host itself only if its scheme is the forwarded one, too. Of a list, the last value counts: the one that
    /// the peer wrote. In `Forwarded`, elements that were added by other trusted proxies count as well (RFC 7239, 7.1).
    ///
    /// Name only addresses from which nobody but the proxy connects: whoever else does can claim to have been asked for any
    /// host that is allowed. `127.0.0.1` is no such address where somebody's browser runs on the same machine.
    ///
    /// The proxy must set the headers that it means, and remove the others, which a client could have written. Where
    /// `Forwarded` and `X-Forwarded-*` contradict each other the answer is 400, and so it is where one cannot be read.
    ///
    /// Who the peer is, the host says: axum under [`Lifespan::serve`](crate::Lifespan) or
    /// `into_make_service_with_connect_info::<SocketAddr>()`; actix-web by itself; another one, or a middleware where the peer
    /// has no address, as on a Unix socket, by a [`SocketAddr`](std::net::SocketAddr) in the request's extensions. Where
    /// nobody does, the headers are ignored, which is logged once.
    pub fn trusted_proxies(mut self, proxies: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.proxies = Proxies::parse(proxies);
        self
    }

    /// Takes the caller's identity from what the host's own middleware put into the request's extensions. Sessions
    /// belong to whom they were opened by, and handlers see it as [`Context::principal`](crate::Context::principal).
    /// In actix-web the scope has to forward the type: `mcp.scope("/mcp").forward::<User>()`.
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
        self.principal = Some(FindPrincipal {
            find: Arc::new(move |extensions| extensions.get::<T>().map(&principal)),
            extension: (TypeId::of::<T>(), type_name::<T>()),
        });
        self
    }

    /// Answers probes: [`/health`](Self::health_at) and [`/ready`](Self::ready_at) below the mount, so `/mcp/health` where
    /// the server is at `/mcp`. Default: none.
    ///
    /// The mount must lead these paths here, as all [forms](crate::McpService) but `Router::route_service` do. The host's
    /// own middleware around it comes first: a login must let probes through.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use axum::Router;
    /// use http::Request;
    /// use tower::ServiceExt;
    ///
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").health().build()?;
    /// let app: Router = Router::new().merge(mcp.at("/mcp"));
    /// mcp.lifespan().shutdown().await;
    ///
    /// let ready = app.clone().oneshot(Request::get("/mcp/ready").body(String::new())?).await?;
    /// assert_eq!(ready.status(), 503, "nobody should be sent here any more");
    /// let health = app.oneshot(Request::get("/mcp/health").body(String::new())?).await?;
    /// assert_eq!(health.status(), 200, "but the process need not be killed");
    /// # Ok(()) }
    /// ```
    pub fn health(self) -> Self {
        self.health_at("/health").ready_at("/ready")
    }

    /// Answers a GET of this path below the mount with 200 for as long as the process is alive, whoever asks and for
    /// whatever host: a liveness probe.
    pub fn health_at(mut self, path: impl Into<String>) -> Self {
        self.routes.health = Some(path.into());
        self
    }

    /// Answers a GET of this path below the mount with 200 while the server takes requests, and with 503 until the [start
    /// hooks](crate::Lifespan::on_start) have run, if one has failed, and from the beginning of a shutdown on, whoever asks
    /// and for whatever host: a readiness probe. It has the start hooks run, if nobody has.
    pub fn ready_at(mut self, path: impl Into<String>) -> Self {
        self.routes.ready = Some(path.into());
        self
    }

    /// Serves HTTP+SSE, the transport of 2024-11-05, for clients that speak nothing newer: at `/sse` and `/messages` below
    /// the mount, so `/mcp/sse` where the server is at `/mcp`, which is the URL that such a client is given. Default: off.
    ///
    /// Both are guarded as the endpoint is, and a conversation belongs to whom it was opened by. It is one session: it ends
    /// with its stream, and with it what still runs. It lives in this process, so that a load balancer has to send its
    /// messages where its stream is. Its id is in the URL that messages are posted to: keep queries out of access logs.
    ///
    /// ```
    /// use axum::Router;
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").legacy_sse().build()?;
    /// let app: Router = Router::new().merge(mcp.at("/mcp")); // `/mcp`, `/mcp/`, `/mcp/sse` and `/mcp/messages`
    /// # let _ = app; Ok(()) }
    /// ```
    pub fn legacy_sse(self) -> Self {
        self.legacy_sse_at("/sse", "/messages")
    }

    /// [`legacy_sse`](Self::legacy_sse) with paths of your own below the mount: of the stream, and of what is posted.
    pub fn legacy_sse_at(mut self, sse: impl Into<String>, messages: impl Into<String>) -> Self {
        self.routes.legacy = Some(LegacyRoutes { sse: sse.into(), messages: messages.into() });
        self
    }

    /// Adds a route of the application's own below the mount. `Host` and `Origin` are checked as everywhere, and the
    /// body is read under the same limits; nobody has to sign in.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Method, Request};
    /// use mcp_mount::{Json, Mcp};
    ///
    /// async fn version(_: Request<Bytes>) -> Json<&'static str> {
    ///     Json("1.0.0")
    /// }
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = Mcp::new("demo", "1.0.0").route(Method::GET, "/version", version).build()?;
    /// # let _ = mcp; Ok(()) }
    /// ```
    ///
    /// The path is a plain one; one that is taken, or could never be asked for, fails [`build`](Self::build). A handler
    /// that panics, or takes longer than [`Limits::tool_timeout`], is answered with a masked 500. Like a call
    /// it waits for the start hooks, a shutdown waits for it, and after that it is a 503.
    pub fn route<F, Running>(mut self, method: Method, path: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Request<Bytes>) -> Running + Send + Sync + 'static,
        Running: Future<Output: IntoRouteResponse> + Send + 'static,
    {
        self.routes.custom.push(CustomRoute::new(method, path.into(), handler));
        self
    }

    /// Answers with JSON only, never with a stream of events: for hosts, gateways and platforms that hold replies back until
    /// they are complete, or have no server-sent events at all. Default: a reply becomes a stream when it has to.
    ///
    /// What needs a stream is lost with it, and is not declared:
    ///
    /// - progress and log messages of calls are dropped, and `logging/setLevel` is not there;
    /// - changes of lists and resources are not told: GET is answered with 405, and neither `subscriptions/listen` nor
    ///   `resources/subscribe` is there;
    /// - a session's client cannot be asked anything while a call runs; a 2026-07-28 client can, by the answer itself;
    /// - nothing is sent while a call is silent, so that what is in between must wait for as long as the call takes.
    ///
    /// A client that takes no JSON (`Accept`) is answered with 406. Sessions are there as before.
    ///
    /// ```
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").json_only().build()?;
    /// assert!(mcp.describe().json_only);
    /// # Ok(()) }
    /// ```
    pub fn json_only(mut self) -> Self {
        self.server.json_only = true;
        self
    }

    /// Puts a tower layer around the whole HTTP service, probes and routes included, for hosts where tower cannot wrap
    /// the mount itself. In axum, `Router::layer` does the same. Layers add up; the last one is outermost.
    ///
    /// ```
    /// use mcp_mount::Mcp;
    /// use std::time::Duration;
    /// use tower::timeout::TimeoutLayer;
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = Mcp::new("demo", "1.0.0").http_layer(TimeoutLayer::new(Duration::from_secs(30))).build()?;
    /// # let _ = mcp; Ok(()) }
    /// ```
    ///
    /// The layered service must be `Clone + Send + Sync`; an error of it is a masked 500.
    pub fn http_layer<L, B>(mut self, layer: L) -> Self
    where
        L: Layer<HttpService>,
        L::Service: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<RequestBody>>>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        <L::Service as Service<Request<RequestBody>>>::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.http_layers.add(&layer);
        self
    }
}
