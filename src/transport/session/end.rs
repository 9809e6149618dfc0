//! DELETE: a session ends.

use std::sync::Arc;

use http::Response;

use crate::auth::Principal;
use crate::transport::body::Body;
use crate::transport::headers::{Head, Known};
use crate::transport::incoming;
use crate::transport::rejection::Rejection;
use crate::transport::reply;
use crate::transport::service::Shared;
use crate::transport::session::Session;

/// Ends the session: it is unknown from now on, its stream ends and its calls are cancelled. Served during a drain too.
pub(crate) async fn delete(
    shared: &Arc<Shared>,
    principal: Option<&Principal>,
    head: &Head<'_>,
) -> Result<Response<Body>, Box<Rejection>> {
    if head.get(Known::SessionId).value.is_none() {
        return Err(Rejection::session_required());
    }
    let session = shared.sessions.find(&head.get(Known::SessionId), principal).await?;
    incoming::check_session_version(shared, &session, head)?;
    // A client that ends may close its connection without waiting.
    shared.lifespan.see_through(take(Arc::clone(shared), session)).await?;
    Ok(reply::no_content())
}

async fn take(shared: Arc<Shared>, session: Session) -> Result<(), Box<Rejection>> {
    let Err(error) = shared.sessions.store.take(session.key).await else {
        end(&shared, &session).await;
        return Ok(());
    };
    // It may have been taken all the same, and whoever tries again finds nothing to end. Whatever cannot be known now is
    // found by the pulse of what runs.
    let rejection = Rejection::store(&error);
    let lifespan = shared.lifespan.clone();
    lifespan.adopt(async move {
        if let Ok(None) = shared.sessions.store.get(session.key, None).await {
            end(&shared, &session).await;
        }
    });
    Err(rejection)
}

/// Ends what runs of a session that is gone, here and elsewhere.
async fn end(shared: &Shared, session: &Session) {
    let room = &shared.sessions;
    room.live.end(session.id);
    room.readers.end(session.key.id);
    room.clear(session.key).await;
}
