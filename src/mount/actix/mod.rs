//! actix-web: services for its applications, and its server driven to a clean end.
//!
//! actix-web has the types of an older `http`. What the pipeline reads eagerly it reads in place, and the rest is converted
//! only for a handler that asks for it: [`request`] has the way in, [`reply`] the way out.

mod drive;
mod extract;
mod forward;
mod gone;
mod reply;
mod request;

use std::fmt;
use std::pin::pin;
use std::rc::Rc;

use actix_web::dev::{AppService, HttpServiceFactory, ResourceDef, ServiceRequest, ServiceResponse, fn_service};
use actix_web::web::ServiceConfig;
use actix_web::{Error, FromRequest};

use self::forward::Forwards;
use self::gone::{or_gone, watch};
use self::request::ActixHead;
use crate::transport::http_layer;
use crate::transport::rejection;
use crate::transport::respond;
use crate::transport::route::Place;
use crate::transport::service::McpService;

/// An MCP server at a path of an actix-web application: from [`McpService::scope`].
///
/// ```
/// use actix_web::{App, web};
///
/// #[derive(Clone)]
/// struct User(String);
///
/// # fn main() -> Result<(), mcp_mount::BuildError> {
/// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
/// let app = App::new()
///     .app_data(web::Data::new(vec!["what the application has"]))
///     .service(mcp.scope("/mcp").forward::<User>().data::<Vec<&'static str>>());
/// # let _ = app; Ok(()) }
/// ```
///
/// Handlers may run anywhere, and so may only have what is `Send`. What belongs to actix-web's request is therefore
/// forwarded by name.
#[must_use = "it is given to `App::service`, or to `App::configure` by `configure()`"]
pub struct ActixScope {
    mcp: McpService,
    path: String,
    forwards: Forwards,
}

impl McpService {
    /// The server at `path` and below, for `App::service` and `Scope::service`: the endpoint is `path` with or without a slash
    /// at its end, probes and routes are below it, and anything else below it is 404. At `"/"` it is the exact paths only, so
    /// that the application's own routes keep the rest, whatever the order.
    ///
    /// ```
    /// use actix_web::{App, web};
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
    /// let app = App::new()
    ///     .service(web::scope("/api").service(mcp.scope("/mcp"))) // `/api/mcp` and `/api/mcp/`
    ///     .route("/", web::get().to(|| async { "the application that was already here" }));
    /// # let _ = app; Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// When it is registered, which `HttpServer::run` tells as a worker that did not start: if
    /// [`Mcp::principal_from_extension`](crate::Mcp::principal_from_extension) is to find a type that is not
    /// [forwarded](ActixScope::forward). Where there is an [`http_layer`](crate::Mcp::http_layer), which could put it there, it
    /// is a warning in the log.
    pub fn scope(&self, path: &str) -> ActixScope {
        let path = match path.trim_matches('/') {
            "" => String::new(),
            path => format!("/{path}"),
        };
        ActixScope { mcp: self.clone(), path, forwards: Forwards::default() }
    }

    /// The server at exactly its own paths, for `App::configure`: the endpoint with and without a slash at its end, its probes
    /// and its routes. The application may have other routes below `path`, before or after this.
    ///
    /// ```
    /// use actix_web::App;
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").health().build()?;
    /// // `/mcp`, `/mcp/`, `/mcp/health` and `/mcp/ready`
    /// let app = App::new().configure(mcp.configure_at("/mcp"));
    /// # let _ = app; Ok(()) }
    /// ```
    ///
    /// With what has to be forwarded it is [`scope(path)`](Self::scope)`.forward::<T>().configure()`.
    pub fn configure_at(&self, path: &str) -> impl FnOnce(&mut ServiceConfig) + use<> {
        self.scope(path).configure()
    }
}

impl ActixScope {
    /// Forwards what a middleware put into the request's extensions: handlers take it as
    /// [`Extension<T>`](crate::Extension) or `web::ReqData<T>`, and
    /// [`Mcp::principal_from_extension`](crate::Mcp::principal_from_extension) is given it.
    pub fn forward<T: Clone + Send + Sync + 'static>(mut self) -> Self {
        self.forwards.carry_extension::<T>();
        self
    }

    /// Forwards a `web::Data<T>` of the application: handlers take it as `web::Data<T>`.
    pub fn data<T: ?Sized + Send + Sync + 'static>(mut self) -> Self {
        self.forwards.carry_data::<T>();
        self
    }

    /// Forwards what an extractor of the application's own makes of the request's head: any `FromRequest`. It is run only for
    /// handlers that take it, as [`Extension<E>`](crate::Extension), and where a [layer](crate::Mcp::layer), a
    /// [route](crate::Mcp::route) or, for every request to them, an [`http_layer`](crate::Mcp::http_layer) may look at every
    /// extension; and for every message of [HTTP+SSE](crate::Mcp::legacy_sse), whose request is gone when a handler runs. It runs before the call, and may take as long. The body is not there for it: it is the call.
    ///
    /// What it refuses with, the caller is told as a failed call: the text of a 4xx; that of a 5xx is logged and masked.
    ///
    /// ```
    /// use std::future::{Ready, ready};
    ///
    /// use actix_web::dev::Payload;
    /// use actix_web::{App, FromRequest, HttpRequest, error};
    /// use mcp_mount::{Extension, Mcp, tool_fn};
    ///
    /// #[derive(Clone)]
    /// struct AuthUser(String);
    ///
    /// impl FromRequest for AuthUser {
    ///     type Error = actix_web::Error;
    ///     type Future = Ready<Result<Self, Self::Error>>;
    ///
    ///     fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
    ///         let user = request.headers().get("x-user").and_then(|user| user.to_str().ok());
    ///         ready(user.map(|user| Self(user.to_owned())).ok_or_else(|| error::ErrorUnauthorized("sign in first")))
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let whoami = tool_fn("whoami", "Say who is asking", |Extension(user): Extension<AuthUser>| async move { user.0 });
    /// let mcp = Mcp::new("demo", "1.0.0").tool(whoami).build()?;
    /// let app = App::new().service(mcp.scope("/mcp").extract::<AuthUser>());
    /// # let _ = app; Ok(()) }
    /// ```
    pub fn extract<E: FromRequest + Clone + Send + Sync + 'static>(mut self) -> Self {
        self.forwards.run_extractor::<E>();
        self
    }

    /// The same server at exactly its own paths, for `App::configure`: see [`McpService::configure_at`].
    pub fn configure(self) -> impl FnOnce(&mut ServiceConfig) + use<> {
        move |config| {
            config.service(Exact(self));
        }
    }

    /// The pattern of one exact path.
    fn exact(&self, suffix: &str) -> ResourceDef {
        ResourceDef::new(format!("{}{suffix}", self.path))
    }

    fn into_mount(self) -> Rc<Mount> {
        let mount = Mount { mcp: self.mcp, forwards: self.forwards };
        mount.check();
        Rc::new(mount)
    }

    fn register_exact(self, config: &mut AppService) {
        // A scope around this one that has the whole path leaves nothing of it, or the slash.
        let endpoints = [self.exact(""), self.exact("/")];
        let routes: Vec<_> = self.mcp.shared.config.routes.paths().into_iter().map(str::to_owned).collect();
        let routes: Vec<_> = routes.into_iter().map(|suffix| (self.exact(&suffix), suffix.len())).collect();
        let mount = self.into_mount();
        for endpoint in endpoints {
            mount.register(endpoint, config, |_| Place::Endpoint);
        }
        for (route, length) in routes {
            mount.register(route, config, move |request| Place::Below(request.path().len().saturating_sub(length)));
        }
    }
}

impl HttpServiceFactory for ActixScope {
    fn register(self, config: &mut AppService) {
        if self.path.is_empty() {
            // Everything is below the root, and actix-web takes what is registered first.
            return self.register_exact(config);
        }
        let prefix = ResourceDef::root_prefix(&self.path);
        self.into_mount().register(prefix, config, |request| Place::Below(matched_length(request)));
    }
}

/// The exact form, as a service.
struct Exact(ActixScope);

impl HttpServiceFactory for Exact {
    fn register(self, config: &mut AppService) {
        self.0.register_exact(config);
    }
}

impl fmt::Debug for ActixScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActixScope").field("path", &self.path).finish_non_exhaustive()
    }
}

/// How much of the request's path the router has matched, in bytes. It matches a path of its own in which `%41` is `A`; a
/// slash is one in both.
fn matched_length(request: &ServiceRequest) -> usize {
    let matched = request.match_info();
    let length = matched.as_str().len() - matched.unprocessed().len();
    let slashes = matched.as_str()[..length].matches('/').count();
    let path = request.path();
    path.match_indices('/').nth(slashes).map_or(path.len(), |(at, _)| at)
}

/// The server, with what one application forwards to it.
struct Mount {
    mcp: McpService,
    forwards: Forwards,
}

impl Mount {
    /// Without the type that says who is asking everybody would be nobody in particular, and share what belongs to others.
    fn check(&self) {
        let shared = &self.mcp.shared;
        let Some(principal) = &shared.config.principal else { return };
        let (id, name) = principal.extension;
        if self.forwards.carries(id) {
            return;
        }
        let fault = format!("principal_from_extension::<{name}> is not given the extension in actix-web");
        // A layer of the server's own may be what puts it there.
        if shared.http_layers.get().is_some() {
            tracing::warn!(
                "{fault}, unless an `http_layer` puts it there; else add `.forward::<{name}>()` to the scope"
            );
            return;
        }
        panic!("{fault}; add `.forward::<{name}>()` to the scope");
    }

    fn register(
        self: &Rc<Self>,
        at: ResourceDef,
        config: &mut AppService,
        place: impl Fn(&ServiceRequest) -> Place + Clone + 'static,
    ) {
        let mount = Rc::clone(self);
        let service = fn_service(move |request: ServiceRequest| {
            let (mount, place) = (Rc::clone(&mount), place(&request));
            async move { Ok::<_, Error>(mount.answer(request, place).await) }
        });
        config.register_service(at, None, service, None);
    }

    async fn answer(&self, request: ServiceRequest, place: Place) -> ServiceResponse {
        let (request, payload) = request.into_parts();
        let shared = &self.mcp.shared;
        let head = ActixHead::new(&request, &self.forwards);
        let layered = shared.http_layers.get().filter(|_| !http_layer::is_answered_without(shared, &head)).cloned();
        let (payload, mut gone) = watch(payload, request.version());
        let response = {
            let answering = pin!(async {
                match layered {
                    None => {
                        let Ok(response) = respond(shared, place, head, payload).await;
                        response
                    }
                    // Boxed, since it is rare and every call's future would have room for it.
                    Some(layered) => Box::pin(request::through_layers(layered, shared, place, head, payload)).await,
                }
            });
            or_gone(answering, &mut gone).await.unwrap_or_else(rejection::client_gone)
        };
        let response = reply::convert(response, request.method(), gone);
        ServiceResponse::new(request, response)
    }
}
