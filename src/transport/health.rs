//! Probes: whether the process is alive, and whether it takes requests. Open to everybody, whatever host they ask for: a
//! load balancer asks by address.

use bytes::Bytes;
use http::{Method, Response};

use super::body::Body;
use super::rejection::{self, Rejection};
use super::reply;
use super::service::Shared;

/// What probes are asked with.
pub(crate) const METHODS: &str = "GET, HEAD";

/// Answers a probe: 200 of `/health` for as long as there is somebody to answer; 503 of `/ready` until the start hooks have
/// run, and as soon as a shutdown has begun, be it that everything else is still served.
pub(crate) fn answer(shared: &Shared, ready: bool, method: &Method) -> Result<Response<Body>, Box<Rejection>> {
    if *method != Method::GET && *method != Method::HEAD {
        return Err(Rejection::method_not_allowed(METHODS, false));
    }
    if !ready {
        return Ok(reply::json(Bytes::from_static(br#"{"status":"ok"}"#)));
    }
    if shared.lifespan.is_ready() {
        return Ok(reply::json(Bytes::from_static(br#"{"status":"ready"}"#)));
    }
    if shared.lifespan.has_to_start() && !shared.lifespan.is_draining() {
        // A host that drives nothing becomes ready by being asked.
        shared.lifespan.begin_start();
        return Ok(rejection::not_ready("starting"));
    }
    Ok(rejection::not_ready("draining"))
}
