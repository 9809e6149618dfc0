//! Messages without an answer: notifications, and what a client answers to the server's own requests.

use bytes::Bytes;

use super::headers::Head;
use super::incoming::Incoming;
use super::received::Later;
use super::rejection::Rejection;
use super::service::Shared;
use super::session::Session;
use super::session::live::CallKey;
use crate::protocol::jsonrpc::{Kind, Message};
use crate::protocol::method::Notification;
use crate::server::letters::{Letter, Sent};

/// Hands the message on, to another replica if nobody waits for it here: then there is something to wait for.
pub(super) fn hand_on<'a>(
    shared: &Shared,
    head: &Head<'_>,
    incoming: &Incoming,
    message: &Message<'_>,
    kind: &Kind,
    body: &Bytes,
) -> Result<Option<Later<'a, ()>>, Box<Rejection>> {
    if *kind == Kind::Response && !incoming.takes_responses {
        let text = "2026-07-28 has no responses from clients; answers go with the request again";
        return Err(Rejection::invalid(text));
    }
    if let Some(session) = &incoming.session
        && let Some(letter) = deliver(shared, session, message, kind, body)
        && let Some(inbox) = shared.sessions.inbox(session.key, head.on_line)
    {
        return Ok(Some(Box::pin(async move {
            match inbox.leave(letter).await {
                Ok(Sent::Left) => Ok(()),
                Ok(Sent::NoRoom) => Err(Rejection::no_room_for_message()),
                Err(error) => Err(Rejection::store(&error)),
            }
        })));
    }
    Ok(None)
}

/// Hands a message to who waits for it. It is a letter if nobody does here.
fn deliver(shared: &Shared, session: &Session, message: &Message<'_>, kind: &Kind, body: &Bytes) -> Option<Letter> {
    if *kind == Kind::Response {
        let (id, answer) = message.response()?;
        let keep = |json: &str| body.slice_ref(json.as_bytes());
        let answer = answer.map(keep).map_err(keep);
        let delivered = shared.server.answers.deliver(session.id, &id, &answer);
        return (!delivered).then_some(Letter::Answer(id, answer));
    }
    match Notification::parse(message.method()) {
        Notification::Cancelled => {
            let key = CallKey { session: session.id, id: message.params().request_id.to_request_id()? };
            let cancelled = shared.sessions.live.cancel_call(&key);
            (!cancelled).then_some(Letter::Cancellation(key.id))
        }
        // That the client came back has kept its session alive already.
        Notification::Initialized | Notification::Other => None,
    }
}
