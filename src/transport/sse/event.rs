//! The text of events (WHATWG HTML, 9.2 «Server-sent events»).

use std::io::Write as _;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use crate::transport::resume::event_id::EventId;

/// A comment, which clients ignore: it keeps proxies from closing a quiet stream.
pub(crate) const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");

/// What an event has around its message, about.
pub(crate) const USUAL_FRAME: usize = 80;

/// Each message as one event, in one piece.
pub(crate) fn join(messages: impl IntoIterator<Item = Bytes>) -> Bytes {
    let mut out = BytesMut::new();
    for message in messages {
        write(&mut out, None, &message);
    }
    out.freeze()
}

/// When to come back, once the connection has ended.
pub(crate) fn retry(after: Duration) -> Bytes {
    let mut out = BytesMut::new();
    write_retry(&mut out, after);
    out.freeze()
}

/// The same, behind what is there.
pub(crate) fn write_retry(out: &mut BytesMut, after: Duration) {
    let _ = write!(out.writer(), "retry: {}\n\n", millis(after));
}

/// An event without data, by whose id a client can come back, and when to do so (2025-11-25, basic/transports, «Sending
/// Messages to the Server»).
pub(crate) fn write_primer(out: &mut BytesMut, id: EventId, retry: Duration) {
    write_id(out, id);
    let _ = write!(out.writer(), "retry: {}\ndata: \n\n", millis(retry));
}

/// One message as an event, with its id if it has one.
pub(crate) fn write(out: &mut BytesMut, id: Option<EventId>, message: &[u8]) {
    out.reserve(message.len() + USUAL_FRAME);
    if let Some(id) = id {
        write_id(out, id);
    }
    out.put_slice(b"data: ");
    // JSON has line breaks between its tokens only, where a space means the same; here one would end the field.
    if message.contains(&b'\n') || message.contains(&b'\r') {
        out.extend(message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    } else {
        out.put_slice(message);
    }
    out.put_slice(b"\n\n");
}

fn write_id(out: &mut BytesMut, id: EventId) {
    out.put_slice(b"id: ");
    out.put_slice(id.text().as_bytes());
    out.put_u8(b'\n');
}

/// A duration as clients read it. A standard formatter takes much longer for the 128 bits that one has.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::resume::event_id::StreamName;

    #[test]
    fn a_line_break_never_ends_a_message() {
        let joined = join([Bytes::from_static(b"{\n\"a\":1,\r\n\"b\":2}"), Bytes::from_static(b"{}")]);
        assert_eq!(&joined[..], b"data: { \"a\":1,  \"b\":2}\n\ndata: {}\n\n");
    }

    #[test]
    fn an_event_has_its_fields_on_lines_of_their_own() {
        let (id, mut out) = (StreamName { epoch: 1, stream: 2 }.event(3), BytesMut::new());
        write_primer(&mut out, id, Duration::from_millis(1500));
        write(&mut out, Some(id), b"{}");
        write_retry(&mut out, Duration::from_secs(1));
        let text = format!("id: {id}\nretry: 1500\ndata: \n\nid: {id}\ndata: {{}}\n\nretry: 1000\n\n");
        assert_eq!(&out[..], text.as_bytes());
    }
}
