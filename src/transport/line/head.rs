//! The head of what brought a message of a line, for handlers that ask for it.

use std::any::TypeId;
use std::future::Future;
use std::net::IpAddr;

use http::request::Parts;
use http::{Extensions, Method, Request};

use crate::server::extract::WantedExtensions;
use crate::transport::request::RequestHead;

/// The head of the HTTP request that the message was the body of, or of none.
pub(crate) struct LineHead {
    parts: Parts,
    /// How much of the path is the route that messages are sent to, below the endpoint.
    route: usize,
}

impl LineHead {
    /// Where there is no HTTP.
    pub(crate) fn none() -> Self {
        Self { parts: Request::new(()).into_parts().0, route: 0 }
    }

    /// Of a request to `route` below the endpoint.
    pub(crate) fn of(parts: Parts, route: &str) -> Self {
        Self { parts, route: route.len() }
    }
}

impl RequestHead for LineHead {
    fn method(&self) -> &Method {
        RequestHead::method(&self.parts)
    }

    fn path(&self) -> &str {
        self.parts.path()
    }

    /// The endpoint's, which is what the message would have been sent to.
    fn full_path(&self) -> &str {
        let path = self.parts.full_path();
        path.get(..path.len().saturating_sub(self.route)).unwrap_or(path)
    }

    fn query(&self) -> Option<&str> {
        RequestHead::query(&self.parts)
    }

    fn authority(&self) -> Option<&str> {
        self.parts.authority()
    }

    fn is_secure(&self) -> bool {
        self.parts.is_secure()
    }

    fn peer(&self) -> Option<IpAddr> {
        self.parts.peer()
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        RequestHead::headers(&self.parts)
    }

    fn lines(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.parts.lines(name)
    }

    fn awaits_continue(&self) -> bool {
        self.parts.awaits_continue()
    }

    fn with_extensions<T>(&self, wanted: TypeId, read: impl FnOnce(&Extensions) -> T) -> T {
        self.parts.with_extensions(wanted, read)
    }

    fn take(&mut self, wanted: &WantedExtensions) -> impl Future<Output = Parts> {
        self.parts.take(wanted)
    }
}
