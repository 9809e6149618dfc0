//! GET: the session's stream for what the server says unasked.

use http::Response;

use super::pulse::Pulse;
use crate::auth::Principal;
use crate::transport::accept;
use crate::transport::body::Body;
use crate::transport::headers::Head;
use crate::transport::incoming;
use crate::transport::rejection::Rejection;
use crate::transport::reply;
use crate::transport::service::Shared;
use crate::transport::sse::keep_alive::KeepAlive;
use crate::transport::sse::listen::ListenStream;

/// Opens the stream. A session has one: a second GET of the same principal takes over, and the first ends.
pub(crate) async fn open(
    shared: &Shared,
    principal: Option<&Principal>,
    head: &Head<'_>,
) -> Result<Response<Body>, Box<Rejection>> {
    accept::check_get(head)?;
    if head.session_id.value.is_none() {
        return Err(Rejection::session_required());
    }
    let session = shared.sessions.find(&head.session_id, principal).await?;
    incoming::check_session_version(shared, &session, head)?;
    let Some(guard) = shared.lifespan.enter_stream() else { return Err(Rejection::draining()) };
    let stream = ListenStream {
        seat: shared.sessions.live.take_seat(session.id),
        pulse: Pulse::new(&shared.sessions, session.key),
        keep_alive: KeepAlive::new(shared.config.keep_alive),
        drain: Box::pin(shared.lifespan.drain_begun()),
        guard: Some(guard),
    };
    Ok(reply::stream(Body::listen(stream)))
}
