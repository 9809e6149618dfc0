//! The service as tower knows it, for every host that speaks `http`'s types.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_service::Service;

use crate::transport::body::Body;
use crate::transport::http_layer;
use crate::transport::respond;
use crate::transport::route::Place;
use crate::transport::service::{McpService, Mounted};

impl<B> Service<Request<B>> for McpService
where
    B: HttpBody + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        let place = self.place(&request);
        let (mut parts, body) = request.into_parts();
        let layered = shared.http_layers.get().filter(|_| !http_layer::is_answered_without(&shared, &parts)).cloned();
        match layered {
            None => Box::pin(async move { Ok(respond(&shared, place, &mut parts, body).await) }),
            Some(layered) => http_layer::respond(layered, shared, place, parts, body),
        }
    }
}

impl McpService {
    fn place<B>(&self, request: &Request<B>) -> Place {
        let path = request.uri().path();
        match &self.mounted {
            Mounted::ByHost if matched_exactly(request.extensions()) => Place::Endpoint,
            Mounted::ByHost => Place::Below(0),
            Mounted::On(prefix) => match path.strip_prefix(&**prefix) {
                Some(rest) if rest.is_empty() || rest.starts_with('/') => Place::Below(prefix.len()),
                _ => Place::Elsewhere,
            },
            #[cfg(feature = "axum")]
            Mounted::Endpoint => Place::Endpoint,
            #[cfg(feature = "axum")]
            Mounted::Suffix(suffix) => Place::Below(path.len().saturating_sub(suffix.len())),
        }
    }
}

#[cfg(feature = "axum")]
use super::axum::matched_exactly;

/// Without a router there is no route.
#[cfg(not(feature = "axum"))]
fn matched_exactly(_: &http::Extensions) -> bool {
    false
}
