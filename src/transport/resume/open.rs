//! A GET with `Last-Event-ID`: somebody comes back for a stream.

use std::sync::Arc;

use bytes::BytesMut;
use http::{HeaderName, HeaderValue, Response};
use uuid::Uuid;

use super::Recording;
use super::claim::Place;
use super::elsewhere::Elsewhere;
use super::event_id::{EventId, StreamName};
use super::replay::{Replay, ResumedStream, Source};
use crate::store::{LogKey, StoreError};
use crate::transport::body::Body;
use crate::transport::headers::Field;
use crate::transport::rejection::Rejection;
use crate::transport::reply;
use crate::transport::service::Shared;
use crate::transport::session::Session;
use crate::transport::session::pulse::Pulse;
use crate::transport::sse::{event, listen};

/// In a reply: after which event it begins, which is another than what was asked for if something is missing.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// In place of an id: nothing is known of what came before.
const EARLIEST: HeaderValue = HeaderValue::from_static("earliest");

/// What a client comes back for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It opens the session's own stream.
    New,
    /// It has been told up to this, on the session's own stream.
    Own(EventId),
    /// The stream of a call.
    Call(EventId),
    /// What is no id of ours.
    Unknown,
}

impl Asked {
    pub(crate) fn read(header: &Field<'_>) -> Self {
        match header.value.map(<[u8]>::trim_ascii) {
            None | Some(b"") if !header.duplicate => Self::New,
            Some(value) if !header.duplicate => match EventId::parse(value) {
                Some(id) if id.of.stream == 0 => Self::Own(id),
                Some(id) => Self::Call(id),
                None => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }
}

/// Goes on with the stream of a call, or stands in for one that is not known. Who asks for what is not theirs is told the
/// same as who asks for what never was.
///
/// Never 404: a client would take its session for ended, and give up all that runs in it.
pub(crate) async fn resume(
    shared: &Arc<Shared>,
    session: &Session,
    recording: Recording,
    asked: Option<EventId>,
) -> Result<Response<Body>, Box<Rejection>> {
    let room = &shared.sessions;
    // Before the first look, so that what comes after it is told.
    room.watch();
    let epoch = room.store.epoch().await.map_err(|error| Rejection::store(&error))?;
    let found = find(shared, recording, epoch, asked).await.map_err(|error| Rejection::store(&error))?;
    let pulse = Pulse::new(room, session.key);
    let (stream, predecessor) = match found {
        Found::ReadOut => return Err(Rejection::stream_read_out()),
        Found::Log(log, id, elsewhere) => {
            // A call that runs elsewhere is not waited for by a process that ends: its stream goes on in a third.
            let entered = if elsewhere.is_some() { listen::enter(shared)? } else { listen::enter_ending(shared)? };
            let source = Source::Log(Box::new(Replay::new(shared, log, id.of, id.seq, elsewhere)));
            let place = room.take_over(log, shared.config.log.ttl).await;
            let stream = ResumedStream::new(shared, source, place, pulse, entered);
            (stream, shown(id))
        }
        Found::Nothing => {
            let entered = listen::enter(shared)?;
            let (listing, signal) = room.readers.list_lost(recording.group);
            let place = Place { listing, signal, claim: None };
            let first = recording.primer.map(|retry| {
                let mut out = BytesMut::new();
                // Unknown again when the client comes back with it.
                let name = StreamName { epoch, stream: Uuid::new_v4().as_u128() };
                event::write_primer(&mut out, name.event(0), retry);
                out.freeze()
            });
            (ResumedStream::new(shared, Source::Lost, place, pulse, entered).beginning_with(first), EARLIEST)
        }
    };
    let mut response = reply::stream(Body::resumed(stream));
    response.headers_mut().insert(LAST_EVENT_ID, predecessor);
    Ok(response)
}

/// What is known of a stream.
enum Found {
    /// Its log, after which event it goes on, and who else writes it.
    Log(LogKey, EventId, Option<Box<Elsewhere>>),
    /// It has come to its end, and the client has read it all.
    ReadOut,
    Nothing,
}

async fn find(shared: &Shared, recording: Recording, epoch: u64, asked: Option<EventId>) -> Result<Found, StoreError> {
    let Some(EventId { of, seq, .. }) = asked.filter(|asked| asked.of.epoch == epoch) else {
        return Ok(Found::Nothing);
    };
    let log = LogKey::new(recording.group, of.stream);
    let page = shared.sessions.store.read(log, seq, 0).await?;
    Ok(match page {
        // A number that has not been given out is nobody's.
        Some(page) if !(1..=page.last).contains(&seq) => Found::Nothing,
        Some(page) if page.closed && seq == page.last => Found::ReadOut,
        // Who came back for an answer that is gone would find an end without it, and come back for ever.
        Some(page) if page.closed && page.first > page.last => Found::Nothing,
        Some(page) => {
            let elsewhere = if page.closed { None } else { Elsewhere::of(shared, log, &page.about) };
            Found::Log(log, of.event(seq.max(page.first - 1)), elsewhere)
        }
        None => Found::Nothing,
    })
}

/// Says where the session's own stream goes on.
pub(crate) fn mark_own(response: &mut Response<Body>, asked: Asked, lost: bool) {
    if let Asked::Own(id) = asked {
        response.headers_mut().insert(LAST_EVENT_ID, if lost { EARLIEST } else { shown(id) });
    }
}

fn shown(id: EventId) -> HeaderValue {
    HeaderValue::try_from(id.to_string()).expect("digits and dashes are a header's value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_taken_for_what_it_is() {
        let own = StreamName::own(1).event(2);
        let call = StreamName { epoch: 1, stream: 3 }.event(4);
        let (own_text, call_text) = (own.to_string(), call.to_string());
        for (lines, asked) in [
            (&[][..], Asked::New),
            (&[""], Asked::New),
            (&[own_text.as_str()], Asked::Own(own)),
            (&[call_text.as_str()], Asked::Call(call)),
            (&["7"], Asked::Unknown),
            (&["earliest"], Asked::Unknown),
            (&[own_text.as_str(), own_text.as_str()], Asked::Unknown),
            (&["", ""], Asked::Unknown),
        ] {
            let field = Field::of(lines.iter().map(|line| line.as_bytes()));
            assert_eq!(Asked::read(&field), asked, "{lines:?}");
        }
    }
}
