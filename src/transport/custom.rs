//! The application's own routes below the mount: guarded, and open to everybody who gets past the guard.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as HttpBody;
use serde::Serialize;
use tokio::time::timeout;

use super::body::Body;
use super::read;
use super::rejection::Rejection;
use super::request::{RequestHead, take};
use super::service::Shared;
use crate::lifespan::Lifespan;
use crate::lifespan::spawner::panic_text;
use crate::server::extract::WantedExtensions;
use crate::server::result::Json;

type Handler = Arc<dyn Fn(Request<Bytes>) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> + Send + Sync>;

/// A route that the application has added.
pub(crate) struct CustomRoute {
    pub(crate) method: Method,
    pub(crate) path: String,
    handler: Handler,
}

impl CustomRoute {
    pub(crate) fn new<F, Running>(method: Method, path: String, handler: F) -> Self
    where
        F: Fn(Request<Bytes>) -> Running + Send + Sync + 'static,
        Running: Future<Output: IntoRouteResponse> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |request| {
            let running = handler(request);
            Box::pin(async move { running.await.into_route_response() })
        });
        Self { method, path, handler }
    }
}

impl fmt::Debug for CustomRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomRoute({} {})", self.method, self.path)
    }
}

/// Answers a request for a route, under the limits of every request.
pub(crate) async fn answer<R, B>(
    shared: &Shared,
    route: &CustomRoute,
    request: &mut R,
    unread: &mut Option<Pin<&mut B>>,
) -> Result<Response<Body>, Box<Rejection>>
where
    R: RequestHead,
    B: HttpBody,
{
    // A drain waits for it, as for a call.
    let mut counted = Counted::enter(&shared.lifespan).ok_or_else(Rejection::draining)?;
    let answer = async {
        let limit = shared.config.tool_timeout;
        let Some(body) = unread.take() else { return Err(Rejection::body_broken()) };
        let (body, _share) = read::body(body, request.field("content-length"), &shared.config.read)?.await?;
        let parts = take(request, WantedExtensions::ALL, limit, &shared.lifespan).await?;
        let failed = |cause: String| Rejection::route_failed(&route.path, &cause);
        let running = async { (route.handler)(Request::from_parts(parts, body)).await };
        match timeout(limit, AssertUnwindSafe(running).catch_unwind()).await {
            Ok(Ok(response)) => Ok(response.map(Body::full)),
            Ok(Err(panic)) => Err(failed(panic_text(&*panic))),
            Err(_) => Err(failed("it did not answer within `Limits::tool_timeout`".to_owned())),
        }
    };
    let answer = answer.await;
    counted.ended = true;
    answer
}

/// A request that counts as a running call, until it is dropped.
struct Counted<'a> {
    lifespan: &'a Lifespan,
    ended: bool,
}

impl<'a> Counted<'a> {
    fn enter(lifespan: &'a Lifespan) -> Option<Self> {
        lifespan.enter_call().then_some(Self { lifespan, ended: false })
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.lifespan.leave_call(self.ended);
    }
}

/// What the handler of a [route](crate::Mcp::route) may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something a route's handler can return",
    label = "cannot become a response",
    note = "return text, `Json<T>`, a `StatusCode`, `(StatusCode, ..)`, an `http::Response<Bytes>` (or of `String` or `Vec<u8>`), \
            or a `Result` of these"
)]
pub trait IntoRouteResponse {
    /// Makes it the response.
    fn into_route_response(self) -> Response<Bytes>;
}

impl<B: Into<Bytes>> IntoRouteResponse for Response<B> {
    fn into_route_response(self) -> Response<Bytes> {
        self.map(Into::into)
    }
}

impl IntoRouteResponse for String {
    fn into_route_response(self) -> Response<Bytes> {
        of_type(self, "text/plain; charset=utf-8")
    }
}

impl IntoRouteResponse for &'static str {
    fn into_route_response(self) -> Response<Bytes> {
        of_type(self, "text/plain; charset=utf-8")
    }
}

impl<T: Serialize> IntoRouteResponse for Json<T> {
    fn into_route_response(self) -> Response<Bytes> {
        match serde_json::to_vec(&self.0) {
            Ok(json) => of_type(json, "application/json"),
            // The guard around the handler makes it a masked failure.
            Err(error) => panic!("the route's answer cannot be written as JSON: {error}"),
        }
    }
}

impl IntoRouteResponse for StatusCode {
    fn into_route_response(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = self;
        response
    }
}

impl<T: IntoRouteResponse> IntoRouteResponse for (StatusCode, T) {
    fn into_route_response(self) -> Response<Bytes> {
        let mut response = self.1.into_route_response();
        *response.status_mut() = self.0;
        response
    }
}

impl<T: IntoRouteResponse, E: IntoRouteResponse> IntoRouteResponse for Result<T, E> {
    fn into_route_response(self) -> Response<Bytes> {
        self.map_or_else(E::into_route_response, T::into_route_response)
    }
}

fn of_type(body: impl Into<Bytes>, content_type: &'static str) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
