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
use crate::transport::respond;
use crate::transport::route::Place;
use crate::transport::service::McpService;

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
        Box::pin(async move { Ok(respond(&shared, place, &mut parts, body).await) })
    }
}

impl McpService {
    fn place<B>(&self, request: &Request<B>) -> Place {
        match &self.path {
            Some(path) => match request.uri().path().strip_prefix(&**path) {
                Some("" | "/") => Place::Endpoint,
                _ => Place::Elsewhere,
            },
            None if matched_exactly(request.extensions()) => Place::Endpoint,
            None => Place::Relative,
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
