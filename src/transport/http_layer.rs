//! Layers around the HTTP service, for hosts where tower's cannot be put around the mount.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::FutureExt as _;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt as _};

use super::body::Body;
use super::cors;
use super::headers::Field;
use super::rejection::Rejection;
use super::request::RequestHead;
use super::route::Place;
use super::service::Shared;
use crate::lifespan::spawner::panic_text;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request within the layers of [`Mcp::http_layer`](crate::Mcp::http_layer), whatever the host's own was.
///
/// A type that hides the box: of async code that holds the box itself the compiler cannot prove that it is `Send`
/// (rust-lang/rust#110338), and layers are such code.
pub struct RequestBody(UnsyncBoxBody<Bytes, BoxError>);

impl RequestBody {
    /// Any body, as one.
    pub fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut body = Some(body);
        // Most are one already.
        if let Some(Some(body)) = (&mut body as &mut dyn Any).downcast_mut::<Option<Self>>().map(Option::take) {
            return body;
        }
        Self(body.expect("only taken if it is returned").map_err(Into::into).boxed_unsync())
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

/// What [`Mcp::http_layer`](crate::Mcp::http_layer) puts its layers around: the service that answers HTTP requests. It takes
/// any body, so that a layer may hand on another than it was given.
#[derive(Clone, Debug)]
pub struct HttpService(Inner);

#[derive(Clone)]
enum Inner {
    Server,
    Layered(BoxCloneSyncService<Request<RequestBody>, Response<Body>, BoxError>),
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "Server",
            Self::Layered(_) => "Layered",
        })
    }
}

/// What a request carries through the layers: which server it is for, and where it was sent to.
#[derive(Clone)]
struct Destination {
    shared: Arc<Shared>,
    place: Place,
}

impl<B> Service<Request<B>> for HttpService
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.0 {
            Inner::Server => Poll::Ready(Ok(())),
            Inner::Layered(service) => service.poll_ready(cx),
        }
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let request = request.map(RequestBody::new);
        match &mut self.0 {
            Inner::Server => Box::pin(answer(request)),
            Inner::Layered(service) => service.call(request),
        }
    }
}

async fn answer(request: Request<RequestBody>) -> Result<Response<Body>, BoxError> {
    let (mut parts, body) = request.into_parts();
    let Some(Destination { shared, place }) = parts.extensions.remove() else {
        return Err("http_layer: a layer has dropped the request's extensions".into());
    };
    let Ok(response) = super::respond(shared, place, parts, body).await;
    Ok(response)
}

/// The layers of a server, the last one outermost.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpLayers(Option<HttpService>);

impl HttpLayers {
    /// Puts a layer around those that are there.
    pub(crate) fn add<L, B>(&mut self, layer: &L)
    where
        L: Layer<HttpService>,
        L::Service: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<RequestBody>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<RequestBody>>>::Future: Send + 'static,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let inner = self.0.take().unwrap_or(HttpService(Inner::Server));
        let service = layer.layer(inner).map_err(Into::into);
        let service = service.map_response(|response: Response<B>| response.map(Body::foreign));
        self.0 = Some(HttpService(Inner::Layered(BoxCloneSyncService::new(service))));
    }

    /// The layered service, if there is one.
    pub(crate) fn get(&self) -> Option<&HttpService> {
        self.0.as_ref()
    }
}

/// An answer, once it is there.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Whether a request goes past the layers: a preflight carries no credentials, and must be answered whatever a layer asks
/// for (Fetch, «CORS-preflight fetch»).
pub(crate) fn is_answered_without(shared: &Shared, request: &impl RequestHead) -> bool {
    shared.config.cors.is_some() && cors::is_preflight(request)
}

/// Answers a request within the layers. What a layer fails with is masked.
///
/// Not an async function: the compiler cannot prove one `Send` that holds the body (rust-lang/rust#110338).
pub(crate) fn respond<B>(
    service: HttpService,
    shared: Arc<Shared>,
    place: Place,
    mut parts: Parts,
    body: B,
) -> Answering
where
    B: HttpBody + Send + 'static,
    B::Data: Send,
{
    parts.extensions.insert(Destination { shared: Arc::clone(&shared), place });
    let body = body.map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())));
    // The pipeline tells no client why a body broke, so the host's own error may go.
    let body = body.map_err(|_| BoxError::from("the body could not be read to its end"));
    let request = Request::from_parts(parts, RequestBody::new(body));
    Box::pin(async move {
        // Looked up first: the layers take the request.
        let page = shared.config.cors.as_ref().map(|cors| {
            let origin = request.headers().get_all(header::ORIGIN).iter().map(HeaderValue::as_bytes);
            cors.page(Field::of(origin))
        });
        let head_only = *request.method() == Method::HEAD;
        let answered = AssertUnwindSafe(service.oneshot(request)).catch_unwind().await;
        let answered = answered.unwrap_or_else(|panic| Err(panic_text(&*panic).into()));
        let mut response = answered.unwrap_or_else(|error| {
            let response = Rejection::layer_failed(&*error).into_response();
            if head_only { response.map(|_| Body::default()) } else { response }
        });
        // What the server has answered is marked already; what a layer has answered itself is not.
        if let Some(page) = page
            && !response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        {
            page.mark(response.headers_mut());
        }
        Ok(response)
    })
}
