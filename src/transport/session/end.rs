//! DELETE: a session ends.

use http::Response;

use crate::auth::Principal;
use crate::transport::body::Body;
use crate::transport::headers::Head;
use crate::transport::incoming;
use crate::transport::rejection::Rejection;
use crate::transport::reply;
use crate::transport::service::Shared;

/// Ends the session: it is unknown from now on, its stream ends and its calls are cancelled. Served during a drain too.
pub(crate) async fn delete(
    shared: &Shared,
    principal: Option<&Principal>,
    head: &Head<'_>,
) -> Result<Response<Body>, Box<Rejection>> {
    if head.session_id.value.is_none() {
        return Err(Rejection::session_required());
    }
    let room = &shared.sessions;
    let session = room.find(&head.session_id, principal).await?;
    incoming::check_session_version(shared, &session, head)?;
    room.store.take(session.key).await.map_err(|error| Rejection::store(&error))?;
    room.live.end(session.id);
    room.readers.end(session.key.id);
    room.clear(session.key).await;
    Ok(reply::no_content())
}
