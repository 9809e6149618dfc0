//! The service as tower knows it, for every host that speaks `http`'s types.

use std::any::TypeId;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{Extensions, HeaderValue, Method, Request, Response, header};
use http_body::Body as HttpBody;
use tower_service::Service;

use crate::server::extract::WantedExtensions;
use crate::transport::body::Body;
use crate::transport::http_layer;
use crate::transport::request::{Peer, RequestHead, Secure};
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
        let (parts, body) = request.into_parts();
        let layered = shared.http_layers.get().filter(|_| !http_layer::is_answered_without(&shared, &parts)).cloned();
        match layered {
            None => Box::pin(respond(shared, place, parts, body)),
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

impl RequestHead for Parts {
    fn method(&self) -> &Method {
        &self.method
    }

    fn path(&self) -> &str {
        self.uri.path()
    }

    fn full_path(&self) -> &str {
        unstripped_path(&self.extensions).unwrap_or_else(|| self.uri.path())
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn authority(&self) -> Option<&str> {
        self.uri.authority().map(Authority::as_str)
    }

    fn is_secure(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS) || self.extensions.get::<Secure>().is_some()
    }

    fn peer(&self) -> Option<IpAddr> {
        // In this order: a middleware may have put another address there, which it believes of a header.
        if let Some(Peer(address)) = self.extensions.get() {
            return Some(*address);
        }
        let address = connect_info(&self.extensions).or_else(|| self.extensions.get::<SocketAddr>().copied());
        address.map(|address| address.ip())
    }

    fn awaits_continue(&self) -> bool {
        self.headers.contains_key(header::EXPECT)
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }

    fn lines(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.headers.get_all(name).iter().map(HeaderValue::as_bytes)
    }

    fn with_extensions<T>(&self, _: TypeId, read: impl FnOnce(&Extensions) -> T) -> T {
        read(&self.extensions)
    }

    /// All of them are there.
    fn take(&mut self, _: &WantedExtensions) -> impl Future<Output = Parts> {
        ready(std::mem::replace(self, Request::new(()).into_parts().0))
    }

    fn copy(&mut self, _: &WantedExtensions) -> impl Future<Output = Parts> {
        ready(self.clone())
    }
}

#[cfg(feature = "axum")]
use super::axum::{connect_info, matched_exactly, unstripped_path};

/// Without a router nothing of this is known.
#[cfg(not(feature = "axum"))]
mod without_router {
    use std::net::SocketAddr;

    use http::Extensions;

    pub(super) fn matched_exactly(_: &Extensions) -> bool {
        false
    }

    pub(super) fn unstripped_path(_: &Extensions) -> Option<&str> {
        None
    }

    pub(super) fn connect_info(_: &Extensions) -> Option<SocketAddr> {
        None
    }
}

#[cfg(not(feature = "axum"))]
use without_router::{connect_info, matched_exactly, unstripped_path};
