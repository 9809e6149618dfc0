//! Probes: whether the process is alive, and whether it takes requests. Open to everybody, whatever host they ask for: a
//! load balancer asks by address.

use bytes::Bytes;
use http::{Method, Response};

use super::body::Body;
use super::rejection::{self, Rejection};
use super::reply;
use super::service::Shared;

/// Answers `/health`: 200 for as long as there is somebody to answer.
pub(crate) fn health(method: &Method) -> Result<Response<Body>, Box<Rejection>> {
    check(method)?;
    Ok(reply::json(Bytes::from_static(br#"{"status":"ok"}"#)))
}

/// Answers `/ready`: 503 as soon as a shutdown has begun, be it that everything else is still served.
///
/// A host that drives nothing becomes ready by this: the start hooks run before the first answer.
pub(crate) async fn ready(shared: &Shared, method: &Method) -> Result<Response<Body>, Box<Rejection>> {
    check(method)?;
    if shared.lifespan.has_to_start() && Box::pin(shared.lifespan.start()).await.is_err() {
        return Ok(rejection::not_ready("not started"));
    }
    if shared.lifespan.is_ready() {
        Ok(reply::json(Bytes::from_static(br#"{"status":"ready"}"#)))
    } else {
        Ok(rejection::not_ready("draining"))
    }
}

fn check(method: &Method) -> Result<(), Box<Rejection>> {
    match *method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(Rejection::method_not_allowed("GET, HEAD", false)),
    }
}
