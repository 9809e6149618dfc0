//! The replies of requests that are served.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::accept::Accepts;
use super::body::Body;
use super::sse::event;

/// 200 with one message: as JSON, or as the only event of a stream for a client that takes nothing else.
pub(crate) fn message(message: Bytes, accepts: Accepts) -> Response<Body> {
    if accepts.json { json(message) } else { events([message]) }
}

/// 200 with a JSON body.
pub(crate) fn json(message: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::full(message));
    let headers = response.headers_mut();
    // And one for the host, which adds Content-Length.
    headers.reserve(3);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 200 with a whole stream of events, of known length.
pub(crate) fn events(messages: impl IntoIterator<Item = Bytes>) -> Response<Body> {
    stream(Body::full(event::join(messages)))
}

/// 200 with a stream of events.
///
/// Proxies must neither buffer it (2026-07-28, basic/transports/streamable-http, «Receiving Messages») nor keep or change
/// it.
pub(crate) fn stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.reserve(3);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// 202: a notification or an answer was accepted.
pub(crate) fn accepted() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// 204: a session has ended, or a preflight was granted. A body of known length would have its host say how long it is,
/// which nobody may in a 204 (RFC 9110, 8.6).
pub(crate) fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::withheld());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
