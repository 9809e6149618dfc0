//! How it travels: the way of a request.
//!
//! ```text
//!  1 route      by path: the endpoint, or 404
//!  2 guard      Host, then Origin                                              403
//!  3 method                                                                    405
//!  4 principal  whom the host's middleware found
//!  5 headers    Content-Type, Content-Encoding, Accept                         415 406
//!  6 read       size, deadline, budget                                         413 408 503
//!  7 parse      once                                                           400
//!  8 incoming   the only decision about the era                                400 404
//!  9 dispatch   in-flight permit; the handler under its timeout and guards     503
//! 10 reply      JSON, or SSE if the handler spoke first or has been silent
//! ```
//!
//! Nothing is allocated for a request that a later step refuses.

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod builder;
pub(crate) mod config;
pub(crate) mod exchange;
pub(crate) mod guard;
pub(crate) mod headers;
pub(crate) mod incoming;
pub(crate) mod pending;
pub(crate) mod post;
pub(crate) mod read;
pub(crate) mod rejection;
pub(crate) mod reply;
pub(crate) mod route;
pub(crate) mod service;
pub(crate) mod session;
pub(crate) mod sse;
pub(crate) mod stateless;

use std::sync::Arc;

use http::{Method, Request, Response};
use http_body::Body as HttpBody;

use self::body::Body;
use self::headers::Head;
use self::post::Received;
use self::rejection::Rejection;
use self::route::Place;
use self::service::Shared;

/// Answers a request: the whole of the service.
pub(crate) async fn respond<B>(shared: &Arc<Shared>, place: Place, request: Request<B>) -> Response<Body>
where
    B: HttpBody + Send + 'static,
{
    let (parts, body) = request.into_parts();
    let head = Head::read(&parts.headers);
    let received = match receive(shared, place, &parts, &head, body).await {
        Ok(received) => received,
        Err(rejection) => {
            let response = rejection.into_response();
            // RFC 9110, 9.3.2: no content; over HTTP/2 hyper leaves that to us.
            return if parts.method == Method::HEAD { response.map(|_| Body::default()) } else { response };
        }
    };
    match received {
        Received::Reply(response) => response,
        Received::Call(call) => call.answer(shared, parts).await,
    }
}

async fn receive<B>(
    shared: &Arc<Shared>,
    place: Place,
    parts: &http::request::Parts,
    head: &Head<'_>,
    body: B,
) -> Result<Received, Box<Rejection>>
where
    B: HttpBody + Send + 'static,
{
    route::endpoint(place, parts.uri.path())?;
    guard::check(&shared.config.guard, head, parts.uri.authority())?;
    let sessions = shared.config.serves_sessions();
    let principal = || shared.config.principal.as_ref().and_then(|find| find(&parts.extensions));
    match parts.method {
        Method::POST => post::receive(shared, principal(), head, body).await,
        Method::GET if sessions => session::stream::open(shared, principal().as_ref(), head).await.map(Received::Reply),
        Method::DELETE if sessions => {
            session::end::delete(shared, principal().as_ref(), head).await.map(Received::Reply)
        }
        _ => Err(Rejection::method_not_allowed(sessions)),
    }
}
