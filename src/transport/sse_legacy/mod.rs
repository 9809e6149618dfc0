//! HTTP+SSE, the transport of 2024-11-05: a GET opens a stream, whose first event names the URL that messages are posted to,
//! and everything that is said to the client is said on the stream.

mod lines;
mod stream;

use std::pin::Pin;
use std::sync::Arc;

use http::Response;
use http_body::Body as HttpBody;
use tokio::time::sleep;

pub(crate) use self::lines::LegacyLines;
use self::lines::LineId;
pub(crate) use self::stream::LineStream;
use super::accept;
use super::body::Body;
use super::headers::Head;
use super::line::{Line, LineHead, Reader, Taken};
use super::read;
use super::rejection::Rejection;
use super::reply;
use super::request::{RequestHead, take};
use super::service::Shared;
use super::sse::keep_alive::KeepAlive;
use super::sse::listen;
use crate::auth::Principal;
use crate::server::extract::WantedExtensions;

/// How the stream is asked for.
pub(crate) const SSE_METHODS: &str = "GET";
/// How messages are sent.
pub(crate) const MESSAGES_METHODS: &str = "POST";

/// GET: opens a conversation, and says first where its messages go.
pub(crate) fn open(
    shared: &Arc<Shared>,
    principal: Option<Principal>,
    request: &impl RequestHead,
) -> Result<Response<Body>, Box<Rejection>> {
    accept::check_get(&Head::read(request))?;
    let Some(routes) = &shared.config.routes.legacy else { return Err(Rejection::no_such_path(request.full_path())) };
    let path = request.full_path();
    let in_app = path.strip_suffix(routes.sse.as_str()).unwrap_or(path);
    let endpoint = shared.config.endpoint_path(request, in_app)?;
    let entered = listen::enter(shared)?;
    let line = Line::new(shared, principal, Some(entered));
    let reader = Reader::new(&line);
    let id = shared.legacy.add(&line);
    let first = format!("event: endpoint\ndata: {endpoint}{}?{}\n\n", routes.messages, id.query());
    shared.lifespan.adopt(keep(Arc::clone(shared), id, line));
    let keep_alive = KeepAlive::new(shared.config.keep_alive);
    Ok(reply::stream(Body::line(LineStream::new(reader, first.into(), keep_alive))))
}

/// POST: takes a message of a conversation. What it is answered with is said on the stream; what has no answer there is
/// answered here.
pub(crate) async fn post<R, B>(
    shared: &Arc<Shared>,
    principal: Option<Principal>,
    request: &mut R,
    unread: &mut Option<Pin<&mut B>>,
) -> Result<Response<Body>, Box<Rejection>>
where
    R: RequestHead,
    B: HttpBody,
{
    accept::check_body(&Head::read(request))?;
    let line = shared.legacy.find(request.query(), principal.as_ref()).ok_or_else(Rejection::no_such_line)?;
    let Some(body) = unread.take() else { return Err(Rejection::body_broken()) };
    let (text, share) = read::body(body, request.field("content-length"), &shared.config.read)?.await?;
    // It is asked for when the answer is on its way, and a host's own request cannot be kept for so long.
    let parts = take(request, WantedExtensions::ALL, shared.config.tool_timeout, &shared.lifespan).await?;
    let route = shared.config.routes.legacy.as_ref().map_or("", |routes| &routes.messages);
    // The line takes its own.
    drop(share);
    match line.take(text, principal, LineHead::of(parts, route)).await {
        Taken::Settled(response) => Ok(response),
        Taken::Unreadable(response) if !response.status().is_success() => Ok(response),
        Taken::Unreadable(response) => {
            line.forward(response).await;
            Ok(reply::accepted())
        }
        Taken::Accepted => Ok(reply::accepted()),
    }
}

/// Keeps a conversation until it ends: its client goes or does not read, its session ends, or the server drains, in which
/// case it is told first what still runs.
async fn keep(shared: Arc<Shared>, id: LineId, line: Arc<Line>) {
    let closed = async {
        tokio::select! {
            () = shared.lifespan.drain_begun() => {}
            () = not_opened(&shared, &line) => {}
        }
        line.close();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = line.unread() => {}
        () = line.over() => {}
        () = closed => {}
    }
    shared.legacy.remove(&id);
    line.end().await;
    // What has been said last is still to be read, and in time.
    line.unread().await;
}

/// Resolves when a client has not opened a session for too long.
async fn not_opened(shared: &Shared, line: &Line) {
    sleep(shared.sessions.settings.initialize_within.min(crate::lifespan::LONGEST_WAIT)).await;
    if line.is_open() {
        std::future::pending::<()>().await;
    }
}
