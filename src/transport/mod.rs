//! How it travels: the way of a request.
//!
//! ```text
//!  1 route      by path: the endpoint | health | ready | a route of the application's | 404
//!  2 guard      Host, then Origin; not for health and ready                    403
//!  3 start       the start hooks, if nobody has run them                         503
//!    method                                                                    405
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
pub(crate) mod custom;
pub(crate) mod describe;
pub(crate) mod exchange;
pub(crate) mod guard;
pub(crate) mod headers;
pub(crate) mod health;
pub(crate) mod http_layer;
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

use http::request::Parts;
use http::{Method, Response};
use http_body::Body as HttpBody;

use self::body::Body;
use self::headers::Head;
use self::pending::PendingCall;
use self::post::Received;
use self::rejection::Rejection;
use self::route::{Place, Route};
use self::service::Shared;

/// Answers a request: the whole of the service.
///
/// What a request needs stays small and in its place: futures that hold it are moved by none of the steps.
pub(crate) async fn respond<B>(shared: &Arc<Shared>, place: Place, parts: &mut Parts, body: B) -> Response<Body>
where
    B: HttpBody + Send + 'static,
{
    match receive(shared, place, parts, body).await {
        Ok(Accepted::Reply(response)) => response,
        Ok(Accepted::Call(call)) => call.answer().await,
        Err(rejection) => {
            let response = rejection.into_response();
            // RFC 9110, 9.3.2: no content; over HTTP/2 hyper leaves that to us.
            if parts.method == Method::HEAD { response.map(|_| Body::default()) } else { response }
        }
    }
}

/// A request that passed every check.
enum Accepted<'a> {
    Reply(Response<Body>),
    Call(PendingCall<'a>),
}

async fn receive<'a, B>(
    shared: &'a Arc<Shared>,
    place: Place,
    parts: &mut Parts,
    body: B,
) -> Result<Accepted<'a>, Box<Rejection>>
where
    B: HttpBody + Send + 'static,
{
    let head = Head::read(&parts.headers);
    let route = shared.config.routes.find(place, parts.uri.path())?;
    match route {
        Route::Health => return health::health(&parts.method).map(Accepted::Reply),
        Route::Ready => return health::ready(shared, &parts.method).await.map(Accepted::Reply),
        Route::Endpoint | Route::Custom(_) => {}
    }
    guard::check(&shared.config.guard, &head, parts.uri.authority())?;
    if let Route::Custom(path) = route {
        // Boxed, since it is rare and every call's future would have room for it.
        return Box::pin(custom::answer(shared, path, &head, parts, body)).await.map(Accepted::Reply);
    }
    if shared.lifespan.has_to_start() {
        // Boxed, since it happens once and every call's future would have room for it.
        Box::pin(shared.lifespan.start()).await.map_err(|error| Rejection::not_started(&error))?;
    }
    let sessions = shared.serves_sessions();
    let principal = || shared.config.principal.as_ref().and_then(|find| find(&parts.extensions));
    match parts.method {
        Method::POST => {
            let principal = principal();
            let accepts = accept::check_post(&head)?;
            let (body, share) = read::body(body, &head, &shared.config.read).await?;
            match post::receive(shared, principal, &head, accepts, &body, share).await? {
                Received::Reply(response) => Ok(Accepted::Reply(response)),
                Received::Call(call) => Ok(Accepted::Call(call.start(shared, parts))),
            }
        }
        Method::GET if sessions => {
            session::stream::open(shared, principal().as_ref(), &head).await.map(Accepted::Reply)
        }
        Method::DELETE if sessions => {
            session::end::delete(shared, principal().as_ref(), &head).await.map(Accepted::Reply)
        }
        _ if sessions => Err(Rejection::method_not_allowed(&[Method::GET, Method::POST, Method::DELETE])),
        _ => Err(Rejection::method_not_allowed(&[Method::POST])),
    }
}
