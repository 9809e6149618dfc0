//! The service below a path of an actix-web application that has routes and middleware of its own.
//!
//! In process the application runs on the test's own thread, and so on its clock. Its futures and bodies cannot leave that
//! thread, which tests of one thread never ask for: `SendWrapper` says so to the compiler.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    App, Error, HttpMessage as _, HttpServer,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, Service as _, ServiceFactory, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http as old,
    test::{TestRequest, init_service},
    web,
};
use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use mcp_mount::McpService;
use send_wrapper::SendWrapper;
use tower::{ServiceExt as _, util::BoxCloneSyncService};

use super::below::below;
use crate::{
    differences::{self, Differences},
    suite::held::Lease,
    support::User,
    target::{BoxError, Door, Received, Sent, received},
};

/// Where the application has it.
const PATH: &str = "/mcp";

pub const DIFFERS: Differences = Differences {
    // actix-web's scopes match a prefix and strip nothing, as axum's `merge` does.
    before_the_path: PATH,
    // actix-web's request lives until its response does; of the extensions the service has copies.
    holds_extensions: true,
    // actix-http sends `100 Continue` before there is a request for a service.
    asks_for_bodies: true,
    ..differences::NONE
};

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>>>>;

pub fn mount(mcp: &McpService) -> Door {
    let mcp = mcp.clone();
    let door = door(move || app(mcp.clone()));
    BoxCloneSyncService::new(door.map_request(|request: Request<Sent>| below(PATH, request)))
}

/// An application as a worker would make it, for each request anew.
pub fn door<F, A>(application: F) -> Door
where
    F: Fn() -> App<A> + Clone + Send + Sync + 'static,
    A: Application,
{
    let answer = move |request| SendWrapper::new(answer(application(), request));
    BoxCloneSyncService::new(tower::service_fn(answer))
}

/// What is in an `App` that can be served.
pub trait Application:
    ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
    + 'static
{
}

impl<A> Application for A where
    A: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
        + 'static
{
}

/// A server with two workers and a thread of its own, as the mounting guide has it.
pub async fn serve(mcp: McpService) -> SocketAddr {
    serve_with(mcp, false).await
}

/// The same, with what actix-web does about a client that has shut down its side of the connection.
pub async fn serve_with(mcp: McpService, allow_half_closed: bool) -> SocketAddr {
    let (bound, address) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || app(mcp.clone())).workers(2).disable_signals();
            let server = server.h1_allow_half_closed(allow_half_closed).tcp_nodelay(true);
            let server = server.bind_auto_h2c(("127.0.0.1", 0)).expect("a free port");
            bound.send(server.addrs()[0]).expect("the test waits");
            server.run().await
        })
    });
    address.await.expect("the server is bound")
}

/// The application.
fn app(mcp: McpService) -> App<impl Application> {
    App::new()
        .wrap_fn(|request, next| next.call(request))
        .route("/", web::get().to(|| async { "the application's own" }))
        .service(mcp.scope(PATH).forward::<User>().forward::<Lease>())
        .route("/mcpx", web::get().to(|| async { "a neighbour" }))
}

async fn answer(app: App<impl Application>, request: Request<Sent>) -> Result<Response<Received>, Infallible> {
    let (head, body) = request.into_parts();
    let request = head_of(&head).to_request();
    // As the application's login would have left it there.
    if let Some(user) = head.extensions.get::<User>() {
        request.extensions_mut().insert(user.clone());
    }
    if let Some(lease) = head.extensions.get::<Lease>() {
        request.extensions_mut().insert(lease.clone());
    }
    drop(head);
    let pieces = body.into_data_stream().map_err(|error: BoxError| PayloadError::Io(io::Error::other(error)));
    let pieces: Pieces = Box::pin(pieces);
    let (request, _) = request.replace_payload(Payload::from(pieces));

    let app = init_service(app).await;
    let response = match app.call(request).await {
        Ok(response) => response.into_parts().1,
        Err(error) => error.error_response(),
    };
    let (head, body) = response.into_parts();
    let mut converted = Response::new(received(Local(SendWrapper::new(Box::pin(body)))));
    if head.head().connection_type() == old::ConnectionType::Close {
        // Written by actix-web's server, which is not here.
        converted.headers_mut().insert("connection", HeaderValue::from_static("close"));
    }
    *converted.status_mut() = StatusCode::from_u16(head.status().as_u16()).expect("a status");
    for (name, value) in head.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).expect("a name");
        converted.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    Ok(converted)
}

/// The head of a request in actix-web's types, but for the extensions.
fn head_of(head: &http::request::Parts) -> TestRequest {
    let version = match head.version {
        Version::HTTP_10 => old::Version::HTTP_10,
        Version::HTTP_2 => old::Version::HTTP_2,
        _ => old::Version::HTTP_11,
    };
    let method = old::Method::from_bytes(head.method.as_str().as_bytes()).expect("a method");
    let mut request = TestRequest::with_uri(&head.uri.to_string()).method(method).version(version);
    if let Some(peer) = head.extensions.get::<SocketAddr>() {
        request = request.peer_addr(*peer);
    }
    head.headers.iter().fold(request, |request, (name, value)| request.append_header((name.as_str(), value.as_bytes())))
}

/// A body that stays on its thread.
struct Local(SendWrapper<Pin<Box<BoxBody>>>);

impl Body for Local {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let piece = ready!(self.0.as_mut().poll_next(cx));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data).map_err(|error| error.to_string().into())))
    }

    fn size_hint(&self) -> SizeHint {
        match self.0.size() {
            BodySize::None => SizeHint::with_exact(0),
            BodySize::Sized(bytes) => SizeHint::with_exact(bytes),
            BodySize::Stream => SizeHint::default(),
        }
    }
}
