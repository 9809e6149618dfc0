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
pub(crate) mod received;
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
mod start;
pub(crate) mod stateless;
pub(crate) mod stdio;
mod unanswered;

use std::borrow::{Borrow, Cow};
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;

use http::{Method, Response};
use http_body::Body as HttpBody;

use self::body::Body;
use self::config::FindPrincipal;
use self::cors::Page;
use self::headers::{Head, Known};
use self::post::Inbound;
use self::received::{Accepted, Arrived, Posted, Received};
use self::rejection::Rejection;
use self::request::RequestHead;
use self::route::{Place, Route};
use self::service::Shared;
use crate::auth::Principal;
use crate::lifespan::spawner::panic_text;

/// Answers a request: the whole of the service, as tower wants it.
///
/// What a request needs stays in its place: the futures that hold it are moved by none of the steps.
#[expect(clippy::manual_async_fn, reason = "an `async fn` has room for its arguments twice")]
pub(crate) fn respond<R, B>(
    shared: impl Borrow<Arc<Shared>>,
    place: Place,
    mut request: R,
    body: B,
) -> impl Future<Output = Result<Response<Body>, Infallible>>
where
    R: RequestHead,
    B: HttpBody,
{
    async move {
        let shared = shared.borrow();
        // Looked up first: a handler may take the headers.
        let page = shared.config.cors.as_ref().map(|cors| cors.page(request.field("origin")));
        let head_only = *request.method() == Method::HEAD;
        let mut unread = Some(pin!(body));
        let mut response = match receive(shared, place, page, &mut request, &mut unread).await {
            Ok(Accepted::Reply(response)) => *response,
            Ok(Accepted::Call(call)) => call.await,
            Err(rejection) => {
                // Who waits to be asked for the body has its answer without.
                if let Some(body) = unread.filter(|_| !request.awaits_continue()) {
                    Box::pin(read::discard(body, &shared.config.read)).await;
                }
                rejection.into_response()
            }
        };
        if head_only {
            // RFC 9110, 9.3.2: no content; over HTTP/2 hyper leaves that to us.
            response = response.map(|_| Body::withheld());
        }
        if let Some(page) = page {
            page.mark(response.headers_mut());
        }
        Ok(response)
    }
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

/// Takes a request through the steps.
///
/// Every call's future has room for what is kept across an `.await` here, and is moved when it is boxed. So the steps that
/// wait for nothing are functions of their own, and those that are rare are boxed.
async fn receive<R, B>(
    shared: &Arc<Shared>,
    place: Place,
    page: Option<Page<'_>>,
    request: &mut R,
    unread: &mut Option<Pin<&mut B>>,
) -> Result<Accepted, Box<Rejection>>
where
    R: RequestHead,
    B: HttpBody,
{
    let mut head = Head::default();
    head.fill(request);
    let route = match admit(shared, place, page, request, &head)? {
        Admitted::At(route) => route,
        Admitted::Reply(response) => return Ok(Accepted::Reply(response)),
    };
    if shared.lifespan.has_to_start() {
        Box::pin(shared.lifespan.start()).await.map_err(|error| Rejection::not_started(&error))?;
    }
    shared.server.changes.go_on();
    if route != Route::Endpoint || *request.method() != Method::POST {
        let elsewhere = elsewhere(shared, route, page.is_some(), request, unread);
        return Box::pin(elsewhere).await.map(|response| Accepted::Reply(Box::new(response)));
    }
    let principal = find_principal(shared, request)?;
    let accepts = accept::check_post(&head, shared.server.identity.streams)?;
    let Some(body) = unread.take() else { return Err(Rejection::body_broken()) };
    let (body, share) = read::body(body, head.get(Known::ContentLength), &shared.config.read)?.await?;
    let inbound = Inbound { shared, principal, head: &head, accepts, body: &body, share };
    let posted = match post::receive(inbound)? {
        Arrived::Now(Received::Accepted(accepted)) => return Ok(accepted),
        Arrived::Now(received) => Posted::Message(received),
        Arrived::Later(later) => later.await?,
    };
    // The calls of a batch have copies of what is theirs.
    drop(body);
    Box::pin(accept(shared, posted, request)).await
}

/// What a request is after the steps that look at its head only.
enum Admitted<'a> {
    At(Route<'a>),
    Reply(Box<Response<Body>>),
}

fn admit<'a>(
    shared: &'a Shared,
    place: Place,
    page: Option<Page<'_>>,
    request: &impl RequestHead,
    head: &Head<'_>,
) -> Result<Admitted<'a>, Box<Rejection>> {
    let answered = |response| Admitted::Reply(Box::new(response));
    let route = shared.config.routes.find(place, request)?;
    let probe = matches!(route, Route::Health | Route::Ready);
    if !probe {
        let forwarded = shared.config.proxies.forwarded(request)?;
        guard::check(&shared.config.guard, head, request.authority(), &forwarded)?;
    }
    if let Some(page) = page
        && cors::is_preflight(request)
    {
        return page.preflight(request, &methods(shared, route)).map(answered);
    }
    if probe {
        return health::answer(shared, route == Route::Ready, request.method()).map(answered);
    }
    Ok(Admitted::At(route))
}

/// Everything but a POST to the endpoint.
async fn elsewhere<R, B>(
    shared: &Arc<Shared>,
    route: Route<'_>,
    has_page: bool,
    request: &mut R,
    unread: &mut Option<Pin<&mut B>>,
) -> Result<Response<Body>, Box<Rejection>>
where
    R: RequestHead,
    B: HttpBody,
{
    let (sessions, streams) = (shared.serves_sessions(), shared.server.identity.streams);
    let method = request.method().clone();
    let not_allowed = || Rejection::method_not_allowed(&methods(shared, route), has_page);
    if let Route::Custom(path) = route {
        let route = shared.config.routes.custom(path, &method).ok_or_else(not_allowed)?;
        return custom::answer(shared, route, request, unread).await;
    }
    let principal = || find_principal(shared, request);
    match (route, method) {
        (Route::LegacySse, Method::GET) => sse_legacy::open(shared, principal()?, request),
        (Route::LegacyMessages, Method::POST) => {
            let principal = principal()?;
            sse_legacy::post(shared, principal, request, unread).await
        }
        (Route::Endpoint, Method::GET) if sessions && streams => {
            session::stream::open(shared, principal()?.as_ref(), &Head::read(request), None).await
        }
        (Route::Endpoint, Method::DELETE) if sessions => {
            session::end::delete(shared, principal()?.as_ref(), &Head::read(request)).await
        }
        _ => Err(not_allowed()),
    }
}

/// Has the handlers started that a message needs.
async fn accept<R: RequestHead>(
    shared: &Arc<Shared>,
    posted: Posted,
    request: &mut R,
) -> Result<Accepted, Box<Rejection>> {
    match posted {
        Posted::Message(received) => received.accept(shared, request).await,
        Posted::Batch(batch) => Ok(Accepted::Reply(Box::new(batch.answer(shared, request, |_| {}).await))),
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
