//! The messages of a stream of events, read as they come.

use bytes::{Buf as _, Bytes, BytesMut};

/// What has come of a stream and is not yet a whole event.
#[derive(Debug, Default)]
pub(super) struct Events {
    unread: BytesMut,
}

impl Events {
    pub(super) fn push(&mut self, data: &[u8]) {
        self.unread.extend_from_slice(data);
    }

    /// The data of the next event that has any. All that is read here was written by [`event`](crate::transport::sse::event):
    /// lines end with a line feed, and a message is one of them.
    pub(super) fn next_message(&mut self) -> Option<Bytes> {
        loop {
            let end = self.unread.windows(2).position(|two| two == b"\n\n")?;
            let event = self.unread.split_to(end).freeze();
            self.unread.advance(2);
            let data = event.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"data:"));
            // An event without data is none (WHATWG HTML, 9.2.6): the primer of a stream that can be resumed, say.
            if let Some(data) = data.map(<[u8]>::trim_ascii).filter(|data| !data.is_empty()) {
                return Some(event.slice_ref(data));
            }
        }
    }
}

/// The message without line breaks. JSON has them between its tokens only, where a space means the same; here one would end
/// the message.
pub(super) fn in_one_line(message: Bytes) -> Bytes {
    let breaks = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if !message.iter().any(breaks) {
        return message;
    }
    message.iter().map(|byte| if breaks(byte) { b' ' } else { *byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::sse::event;

    #[test]
    fn events_come_out_as_they_were_written_wherever_they_were_torn() {
        let messages = [r#"{"a":"é"}"#, "{\n\"b\": 1\n}", "[]"].map(|text| Bytes::from_static(text.as_bytes()));
        let mut stream = b"id: 1\nretry: 5\ndata:\n\n:\n\nretry: 1000\n\n".to_vec();
        stream.extend_from_slice(b"id: 2\nevent: message\n");
        stream.extend_from_slice(&event::join(messages));
        stream.extend_from_slice(b":\n\ndata: torn");
        for torn in 0..stream.len() {
            let mut events = Events::default();
            let mut read = Vec::new();
            for part in [&stream[..torn], &stream[torn..]] {
                events.push(part);
                read.extend(std::iter::from_fn(|| events.next_message()));
            }
            assert_eq!(read, [r#"{"a":"é"}"#, r#"{ "b": 1 }"#, "[]"], "torn at {torn}");
        }
    }

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(in_one_line(Bytes::from_static(b"{\r\n}")), "{  }");
        assert_eq!(in_one_line(Bytes::from_static(b"{}")), "{}");
    }
}
