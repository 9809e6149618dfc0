//! GET: the session's stream for what the server says unasked.

use std::sync::Arc;

use http::Response;

use super::pulse::Pulse;
use crate::auth::Principal;
use crate::protocol::params::Filter;
use crate::transport::accept;
use crate::transport::body::Body;
use crate::transport::headers::Head;
use crate::transport::incoming;
use crate::transport::rejection::Rejection;
use crate::transport::reply;
use crate::transport::service::Shared;
use crate::transport::sse::listen::{self, ListenStream, SessionTie};

/// Opens the stream. A session has one: a second GET of the same principal takes over, and the first ends.
pub(crate) async fn open(
    shared: &Arc<Shared>,
    principal: Option<&Principal>,
    head: &Head<'_>,
) -> Result<Response<Body>, Box<Rejection>> {
    accept::check_get(head)?;
    if head.session_id.value.is_none() {
        return Err(Rejection::session_required());
    }
    let session = shared.sessions.find(&head.session_id, principal).await?;
    incoming::check_session_version(shared, &session, head)?;
    let guard = listen::enter(shared)?;
    // 2025-11-25, basic/lifecycle, «Operation»: of what the server has not declared nothing is told.
    let declared = shared.server.introduction.load().capabilities;
    let watcher = Arc::new(shared.server.changes.watch(Filter {
        tools_list_changed: declared.tools,
        prompts_list_changed: declared.prompts,
        resources_list_changed: declared.resources,
        resource_subscriptions: session.record.subscriptions(),
    }));
    let seat = shared.sessions.live.take_seat(session.id, &watcher);
    // A subscription that was made since the session was read has found nobody here to tell.
    let session = shared.sessions.find(&head.session_id, principal).await?;
    watcher.set_subscriptions(session.record.subscriptions());
    let pulse = Pulse::new(&shared.sessions, session.key);
    let stream = ListenStream::new(shared, watcher, guard).of_session(SessionTie { seat, pulse });
    Ok(reply::stream(Body::listen(stream)))
}
