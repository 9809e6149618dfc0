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
    fn method(&self) -> Method;

    /// The path as the request has it, less what a router has stripped.
    fn path(&self) -> &str;

    /// The path as the host application was sent it.
    fn full_path(&self) -> &str;

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
    let mut taking = pin!(request.take(wanted));
    // Where nothing has to be made it is there at once, and no clock is asked.
    if let Some(parts) = taking.as_mut().now_or_never() {
        return Ok(parts);
    }
    tokio::select! {
        taken = timeout(limit, taking) => taken.map_err(|_| Rejection::extraction_too_slow()),
        () = lifespan.cut() => Err(Rejection::draining()),
    }
}

/// Among the extensions of a request that a host has converted: it came over a connection that the host has encrypted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secure;
