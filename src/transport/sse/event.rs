//! The text of events (WHATWG HTML, 9.2 «Server-sent events»).

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

/// A comment, which clients ignore: it keeps proxies from closing a quiet stream.
pub(crate) const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");

/// Each message as one event, in one piece.
pub(crate) fn join(messages: impl IntoIterator<Item = Bytes>) -> Bytes {
    let mut out = BytesMut::new();
    for message in messages {
        write(&mut out, &message);
    }
    out.freeze()
}

/// When to come back, once the stream has ended.
pub(crate) fn retry(after: Duration) -> Bytes {
    Bytes::from(format!("retry: {}\n\n", after.as_millis()))
}

fn write(out: &mut BytesMut, message: &[u8]) {
    out.reserve(message.len() + 8);
    out.put_slice(b"data: ");
    // JSON has line breaks between its tokens only, where a space means the same; here one would end the field.
    if message.contains(&b'\n') || message.contains(&b'\r') {
        out.extend(message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    } else {
        out.put_slice(message);
    }
    out.put_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_never_ends_a_message() {
        let joined = join([Bytes::from_static(b"{\n\"a\":1,\r\n\"b\":2}"), Bytes::from_static(b"{}")]);
        assert_eq!(&joined[..], b"data: { \"a\":1,  \"b\":2}\n\ndata: {}\n\n");
    }
}
