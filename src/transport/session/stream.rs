//! GET: the session's stream for what the server says unasked, and where a client comes back for a stream that it lost.

use std::sync::Arc;

use http::Response;

use super::CHANGED;
use super::pulse::Pulse;
use crate::auth::Principal;
use crate::protocol::params::Filter;
use crate::server::changes::{Mark, Position, Watcher};
use crate::transport::accept;
use crate::transport::body::Body;
use crate::transport::headers::{Head, Known};
use crate::transport::incoming;
use crate::transport::rejection::Rejection;
use crate::transport::reply;
use crate::transport::resume::open::Asked;
use crate::transport::resume::{self, Recording};
use crate::transport::service::Shared;
use crate::transport::sse::listen::{self, Entered, ListenStream, SessionTie};

/// Opens the stream. A session has one: a second GET of the same principal takes over, and the first ends, be it on another
/// replica. That is so too when the client leaves before the second one is there: the first ends at its next beat, as it
/// would have ended at once a moment later, and the client comes back for it. `entered` is its place among the open streams,
/// if it has one already.
pub(crate) async fn open(
    shared: &Arc<Shared>,
    principal: Option<&Principal>,
    head: &Head<'_>,
    entered: Option<Entered>,
) -> Result<Response<Body>, Box<Rejection>> {
    accept::check_get(head)?;
    if head.get(Known::SessionId).value.is_none() {
        return Err(Rejection::session_required());
    }
    let session = shared.sessions.find(&head.get(Known::SessionId), principal).await?;
    incoming::check_session_version(shared, &session, head)?;
    let recording = Recording::of(shared, Some(session.key), session.record.revision).filter(|_| !head.on_line);
    let asked = recording.map_or(Asked::New, |_| Asked::read(&head.get(Known::LastEventId)));
    // Boxed, since it is rare and every request's future would have room for it.
    let resume = |recording, id| Box::pin(resume::open::resume(shared, &session, recording, id));
    let since = match (recording, asked) {
        (Some(recording), Asked::Call(id)) => return resume(recording, Some(id)).await,
        (Some(recording), Asked::Unknown) => return resume(recording, None).await,
        (_, Asked::Own(id)) => Some(Mark { epoch: id.of.epoch, number: id.seq }),
        (_, Asked::New | Asked::Call(_) | Asked::Unknown) => None,
    };
    let entered = entered.map_or_else(|| listen::enter(shared), Ok)?;
    // Its client may have been told on another replica of what has not come here yet.
    shared.server.changes.catch_up().await.map_err(|error| Rejection::store(&error))?;
    // 2025-11-25, basic/lifecycle, «Operation»: of what the server has not declared nothing is told.
    let declared = shared.server.introduction.load().capabilities;
    let filter = Filter {
        tools_list_changed: declared.tools,
        prompts_list_changed: declared.prompts,
        resources_list_changed: declared.resources,
        resource_subscriptions: session.record.subscriptions(),
    };
    let watches = |before: Option<&Watcher>| shared.server.changes.watch_since(filter, since, before);
    let generation = match head.on_line {
        false => shared.sessions.next_generation(&session).await?,
        // Its session is not known to anybody who could open another.
        true => session.record.generation(),
    };
    let (seat, watcher) = shared.sessions.live.take_seat(session.id, generation, watches);
    let lost = watcher.position() == Position::Lost;
    if !head.on_line {
        shared.sessions.tell_replicas(session.key, CHANGED).await;
    }
    // A subscription that was made since the session was read has found nobody here to tell.
    // One that cannot be read now is looked at again by the stream's own pulse.
    if let Ok(session) = shared.sessions.find(&head.get(Known::SessionId), principal).await {
        watcher.set_subscriptions(session.record.subscriptions());
    }
    let pulse = Pulse::of_changes(&shared.sessions, session.key);
    let (named, primer) = (recording.is_some(), recording.and_then(|recording| recording.primer));
    let stream = ListenStream::new(shared, watcher, entered).of_session(SessionTie { seat, pulse, named, primer });
    let mut response = reply::stream(Body::listen(stream));
    resume::open::mark_own(&mut response, asked, lost);
    Ok(response)
}
