//! `text/event-stream`: the data of each event. No server here writes an event's data in more than one line, so no more is
//! read.

use memchr::memchr;

/// The data of the events of a whole body, without those that have none.
pub(crate) fn events(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == b'\n').filter_map(data)
}

/// The events of a stream that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// The beginning of a line.
    line: Vec<u8>,
}

impl Events {
    /// Hands out the data of the events that `bytes` complete.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut event: impl FnMut(&[u8])) {
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.line.is_empty() {
                data(line).map(&mut event);
            } else {
                self.line.extend_from_slice(line);
                data(&self.line).map(&mut event);
                self.line.clear();
            }
        }
        self.line.extend_from_slice(bytes);
    }
}

fn data(line: &[u8]) -> Option<&[u8]> {
    let data = line.strip_prefix(b"data:")?.trim_ascii();
    (!data.is_empty()).then_some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b"id: 1\r\nretry: 3000\r\ndata:\r\n\r\n: still here\n\nevent: message\ndata: {\"a\":1}\n\ndata:{}\n\n";

    #[test]
    fn a_body_has_the_data_of_its_events() {
        let all: Vec<_> = events(STREAM).collect();
        assert_eq!(all, [b"{\"a\":1}".as_slice(), b"{}"]);
    }

    #[test]
    fn pieces_of_any_size_have_the_same_events() {
        for size in 1..STREAM.len() {
            let (mut reader, mut all) = (Events::default(), Vec::new());
            for piece in STREAM.chunks(size) {
                reader.feed(piece, |data| all.push(data.to_vec()));
            }
            assert_eq!(all, [b"{\"a\":1}".as_slice(), b"{}"], "{size}");
        }
    }
}
