//! How it travels: the way of a request.
//!
//! ```text
//!  1 route      by path: the endpoint | health | ready | HTTP+SSE | a route of the application's | 404
//!  2 guard      Host, then Origin; not for health and ready                    403
//!  3 cors       if it is on: preflights are answered                           204
//!  4 start      the start hooks, if nobody has run them yet                    503
//!  5 method                                                                    405
//!  6 principal  whom the host's middleware found
//!  7 headers    Content-Type, Content-Encoding, Accept                         415 406
//!  8 read       size, deadline, budget                                         413 408 503
//!  9 parse      once                                                           400
//! 10 incoming   the only decision about the era                                400 404
//! 11 dispatch   in-flight permit; the handler under its timeout and guards     503
//! 12 reply      JSON, or SSE if the handler spoke first or has been silent
//! ```
//!
//! A message of HTTP+SSE goes this way too, and on its [`line`] from 9 on; one of [`stdio`] begins there.
//!
//! Nothing is allocated for a request that a later step refuses. With CORS on, every reply is marked on its way out.

pub(crate) mod accept;
pub(crate) mod asking;
mod batch;
pub(crate) mod body;
pub(crate) mod builder;
pub(crate) mod config;
pub(crate) mod cors;
pub(crate) mod custom;
pub(crate) mod describe;
pub(crate) mod exchange;
pub(crate) mod forwarded;
pub(crate) mod guard;
pub(crate) mod headers;
pub(crate) mod health;
pub(crate) mod http_layer;
pub(crate) mod incoming;
pub(crate) mod line;
pub(crate) mod pending;
pub(crate) mod post;
pub(crate) mod public;
pub(crate) mod read;
pub(crate) mod rejection;
pub(crate) mod replicas;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod resume;
pub(crate) mod route;
pub(crate) mod service;
pub(crate) mod session;
pub(crate) mod sse;
pub(crate) mod sse_legacy;
pub(crate) mod stateless;
pub(crate) mod stdio;
mod unanswered;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;

use http::{Method, Response};
use http_body::Body as HttpBody;

use self::body::Body;
use self::config::FindPrincipal;
use self::cors::Page;
use self::headers::Head;
use self::pending::PendingCall;
use self::post::{Posted, Received};
use self::rejection::Rejection;
use self::request::RequestHead;
use self::route::{Place, Route};
use self::service::Shared;
use crate::auth::Principal;
use crate::lifespan::spawner::panic_text;

/// Answers a request: the whole of the service.
///
/// What a request needs stays small and in its place: futures that hold it are moved by none of the steps.
pub(crate) async fn respond<R, B>(shared: &Arc<Shared>, place: Place, request: &mut R, body: B) -> Response<Body>
where
    R: RequestHead,
    B: HttpBody,
{
    // Looked up first: a handler may take the headers.
    let page = shared.config.cors.as_ref().map(|cors| cors.page(request.field("origin")));
    let head_only = request.method() == Method::HEAD;
    let body = pin!(body);
    let mut unread = Some(body);
    let mut response = match receive(shared, place, page, request, &mut unread).await {
        Ok(Accepted::Reply(response)) => response,
        Ok(Accepted::Call(call)) => call.answer().await,
        Err(rejection) => {
            // Who waits to be asked for the body has its answer without.
            if let Some(body) = unread.filter(|_| !request.awaits_continue()) {
                read::discard(body, &shared.config.read).await;
            }
            rejection.into_response()
        }
    };
    if head_only {
        // RFC 9110, 9.3.2: no content; over HTTP/2 hyper leaves that to us.
        response = response.map(|_| Body::default());
    }
    if let Some(page) = page {
        page.mark(response.headers_mut());
    }
    response
}

/// Whether a request could come to a handler, by its path and its guard: for hosts that have to prepare something for one.
#[cfg(feature = "actix-web")]
pub(crate) fn may_reach_a_handler(shared: &Shared, place: Place, request: &impl RequestHead) -> bool {
    let config = &shared.config;
    let Ok(Route::Endpoint | Route::LegacyMessages | Route::Custom(_)) = config.routes.find(place, request) else {
        return false;
    };
    let forwarded = config.proxies.forwarded(request);
    forwarded.is_ok_and(|forwarded| {
        guard::check(&config.guard, &Head::read(request), request.authority(), &forwarded).is_ok()
    })
}

/// A request that passed every check.
enum Accepted<'a> {
    Reply(Response<Body>),
    Call(PendingCall<'a>),
}

async fn receive<'a, R, B>(
    shared: &'a Arc<Shared>,
    place: Place,
    page: Option<Page<'_>>,
    request: &mut R,
    unread: &mut Option<Pin<&mut B>>,
) -> Result<Accepted<'a>, Box<Rejection>>
where
    R: RequestHead,
    B: HttpBody,
{
    let head = Head::read(request);
    let method = request.method();
    let route = shared.config.routes.find(place, request)?;
    let probe = matches!(route, Route::Health | Route::Ready);
    if !probe {
        let forwarded = shared.config.proxies.forwarded(request)?;
        guard::check(&shared.config.guard, &head, request.authority(), &forwarded)?;
    }
    let (sessions, streams) = (shared.serves_sessions(), shared.server.identity.streams);
    let methods = || methods(shared, route);
    if let Some(page) = page
        && cors::is_preflight(request)
    {
        return page.preflight(request, &methods()).map(Accepted::Reply);
    }
    if probe {
        return health::answer(shared, route == Route::Ready, &method).map(Accepted::Reply);
    }
    if shared.lifespan.has_to_start() {
        // Boxed, since it happens once and every call's future would have room for it.
        Box::pin(shared.lifespan.start()).await.map_err(|error| Rejection::not_started(&error))?;
    }
    shared.server.changes.go_on();
    if let Route::Custom(path) = route {
        // Boxed, since it is rare and every call's future would have room for it.
        let Some(route) = shared.config.routes.custom(path, &method) else {
            return Err(Rejection::method_not_allowed(&methods(), page.is_some()));
        };
        return Box::pin(custom::answer(shared, route, request, unread)).await.map(Accepted::Reply);
    }
    let principal = || find_principal(shared, request);
    match (route, method) {
        (Route::LegacySse, Method::GET) => sse_legacy::open(shared, principal()?, request).map(Accepted::Reply),
        (Route::LegacyMessages, Method::POST) => {
            let principal = principal()?;
            // Boxed, since it is rare and every call's future would have room for it.
            Box::pin(sse_legacy::post(shared, principal, request, unread)).await.map(Accepted::Reply)
        }
        (Route::Endpoint, Method::POST) => {
            let principal = principal()?;
            let accepts = accept::check_post(&head, streams)?;
            let Some(body) = unread.take() else { return Err(Rejection::body_broken()) };
            let (body, share) = read::body(body, head.content_length, &shared.config.read).await?;
            match post::receive(shared, principal, &head, accepts, &body, share).await? {
                Posted::Message(Received::Reply(response)) => Ok(Accepted::Reply(response)),
                Posted::Message(Received::Call(call)) => Ok(Accepted::Call(call.start(shared, request).await?)),
                Posted::Batch(batch) => {
                    // Its calls have copies of what is theirs.
                    drop(body);
                    Ok(Accepted::Reply(Box::pin(batch.answer(shared, request, |_| {})).await))
                }
            }
        }
        (Route::Endpoint, Method::GET) if sessions && streams => {
            session::stream::open(shared, principal()?.as_ref(), &head, None).await.map(Accepted::Reply)
        }
        (Route::Endpoint, Method::DELETE) if sessions => {
            session::end::delete(shared, principal()?.as_ref(), &head).await.map(Accepted::Reply)
        }
        _ => Err(Rejection::method_not_allowed(&methods(), page.is_some())),
    }
}

/// The methods that are answered at a route, as `Allow` lists them.
fn methods(shared: &Shared, route: Route<'_>) -> Cow<'static, str> {
    match route {
        Route::Health | Route::Ready => health::METHODS.into(),
        Route::LegacySse => sse_legacy::SSE_METHODS.into(),
        Route::LegacyMessages => sse_legacy::MESSAGES_METHODS.into(),
        Route::Custom(path) => shared.config.routes.methods(path).into(),
        Route::Endpoint => route::methods(shared.serves_sessions(), shared.server.identity.streams).into(),
    }
}

/// Whom the host's middleware found.
fn find_principal(shared: &Shared, request: &impl RequestHead) -> Result<Option<Principal>, Box<Rejection>> {
    let Some(FindPrincipal { find, extension: (wanted, _) }) = &shared.config.principal else { return Ok(None) };
    // The host's own code, whose panic must not tear down the connection.
    catch_unwind(AssertUnwindSafe(|| request.with_extensions(*wanted, |extensions| find(extensions))))
        .map_err(|panic| Rejection::principal_failed(&panic_text(&*panic)))
}
