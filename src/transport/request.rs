//! The head of a request, as its host holds it.
//!
//! Hosts do not agree on their types: axum and hyper have `http`'s, actix-web those of an older version. The pipeline reads
//! the few things that it needs through this, so that a host with types of its own converts nothing but what a handler asks
//! for.

use std::any::TypeId;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::request::Parts;
use http::{Extensions, Method};
use tokio::time::timeout;

use super::headers::Field;
use super::rejection::Rejection;
use crate::lifespan::Lifespan;
use crate::server::extract::WantedExtensions;

/// What the pipeline reads of a request's head.
pub(crate) trait RequestHead {
    fn method(&self) -> &Method;

    /// The path as the request has it, less what a router has stripped.
    fn path(&self) -> &str;

    /// The path as the host application was sent it.
    fn full_path(&self) -> &str;

    /// What follows the path, without the question mark.
    fn query(&self) -> Option<&str>;

    /// `:authority` in HTTP/2; in HTTP/1.1 the host of an absolute request target.
    fn authority(&self) -> Option<&str>;

    /// Whether the host itself knows that the connection is encrypted.
    fn is_secure(&self) -> bool;

    /// Whom the host has the connection with, if it tells.
    fn peer(&self) -> Option<IpAddr>;

    /// Every line of every header, names in lower case.
    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])>;

    /// The lines of one header, by its name in lower case.
    fn lines(&self, name: &'static str) -> impl Iterator<Item = &[u8]>;

    /// Whether the client waits to be asked for the body (RFC 9110, 10.1.1), and the host has not asked for it yet.
    fn awaits_continue(&self) -> bool;

    /// What the host's middleware put on the request, at least what is of this type.
    fn with_extensions<T>(&self, wanted: TypeId, read: impl FnOnce(&Extensions) -> T) -> T;

    /// All of it but for extensions that are not wanted, for a handler; nobody else will look at it.
    fn take(&mut self, wanted: &WantedExtensions) -> impl Future<Output = Parts>;

    /// The same for one of several handlers, so that it is left for the others.
    fn copy(&mut self, wanted: &WantedExtensions) -> impl Future<Output = Parts> {
        self.take(wanted)
    }

    fn field(&self, name: &'static str) -> Field<'_> {
        Field::of(self.lines(name))
    }
}

/// Takes the head for a handler. What the host runs for it, extractors of the application's, is bounded as the handler is.
pub(crate) async fn take(
    request: &mut impl RequestHead,
    wanted: &WantedExtensions,
    limit: Duration,
    lifespan: &Lifespan,
) -> Result<Parts, Box<Rejection>> {
    bounded(request.take(wanted), limit, lifespan).await
}

/// The same for one of several handlers.
pub(crate) async fn copy(
    request: &mut impl RequestHead,
    wanted: &WantedExtensions,
    limit: Duration,
    lifespan: &Lifespan,
) -> Result<Parts, Box<Rejection>> {
    bounded(request.copy(wanted), limit, lifespan).await
}

async fn bounded(
    taking: impl Future<Output = Parts>,
    limit: Duration,
    lifespan: &Lifespan,
) -> Result<Parts, Box<Rejection>> {
    let mut taking = pin!(taking);
    // Where nothing has to be made it is there at once, and no clock is asked.
    if let Some(parts) = taking.as_mut().now_or_never() {
        return Ok(parts);
    }
    tokio::select! {
        taken = timeout(limit, taking) => taken.map_err(|_| Rejection::extraction_too_slow()),
        () = lifespan.cut() => Err(Rejection::draining()),
    }
}

/// Among the extensions of a request that a host has converted: whom the connection is with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Among the extensions of a request that a host has converted: it came over a connection that the host has encrypted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secure;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use bytes::Bytes;
    use http::Request;
    use http_body_util::Full;

    use super::*;
    use crate::server::extract::Headers;
    use crate::server::tool::tool_fn;
    use crate::transport::builder::Mcp;
    use crate::transport::respond;
    use crate::transport::route::Place;

    /// A head that counts how often it has to be converted.
    struct Counting {
        parts: Parts,
        taken: Rc<Cell<usize>>,
    }

    impl RequestHead for Counting {
        fn method(&self) -> &Method {
            RequestHead::method(&self.parts)
        }

        fn path(&self) -> &str {
            self.parts.path()
        }

        fn full_path(&self) -> &str {
            self.parts.full_path()
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
            self.taken.set(self.taken.get() + 1);
            self.parts.take(wanted)
        }
    }

    #[tokio::test]
    async fn a_head_is_taken_for_handlers_that_ask_for_it_and_for_nobody_else() {
        let mcp = Mcp::new("test", "1")
            .tool(tool_fn("plain", "", || "done"))
            .tool(tool_fn("head", "", |headers: Headers| headers.len().to_string()))
            .build()
            .unwrap();
        for (host, message, status, taken) in [
            ("localhost", r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, 200, 0),
            ("localhost", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, 200, 0),
            ("localhost", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"plain"}}"#, 200, 0),
            ("localhost", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"head"}}"#, 200, 1),
            ("evil.example", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"head"}}"#, 403, 0),
        ] {
            let request = Request::post("/").header("host", host).header("content-type", "application/json");
            let counted = Rc::<Cell<usize>>::default();
            let head = Counting { parts: request.body(()).unwrap().into_parts().0, taken: Rc::clone(&counted) };
            let body = Full::new(Bytes::from_static(message.as_bytes()));
            let Ok(response) = respond(&mcp.shared, Place::Endpoint, head, body).await;
            assert_eq!((response.status().as_u16(), counted.get()), (status, taken), "{message}");
        }
    }
}
