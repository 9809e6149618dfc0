//! HTTP/1.1, as far as the servers here speak it: a head, and a body with a length or in chunks.

use std::ops::Range;

use memchr::memmem;

use crate::Error;

/// A whole response.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    /// Whether the body is a stream of events.
    pub(crate) events: bool,
    /// `Mcp-Session-Id`
    pub(crate) session: Option<&'a [u8]>,
    pub(crate) body: &'a [u8],
}

#[derive(Debug)]
struct Head {
    length: usize,
    status: u16,
    events: bool,
    session: Option<Range<usize>>,
    framing: Framing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

/// Reads one response after the other from the bytes of a connection.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    head: Option<Head>,
    /// Up to where chunks have been decoded.
    at: usize,
    /// What was in chunks.
    body: Vec<u8>,
    last_chunk: bool,
}

impl Decoder {
    /// Takes note of what has come. `true`: the response is complete.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        if self.head.is_none() {
            let Some(head) = parse_head(bytes)? else { return Ok(false) };
            self.at = head.length;
            self.head = Some(head);
        }
        let head = self.head.as_ref().ok_or("no head")?;
        match head.framing {
            Framing::Length(length) => {
                self.at = (head.length + length).min(bytes.len());
                Ok(bytes.len() >= head.length + length)
            }
            Framing::Chunked => {
                while !self.last_chunk && self.chunk(bytes)? {}
                Ok(self.last_chunk)
            }
        }
    }

    /// The response, once it is complete. Nothing may have come after it, since nothing else was asked.
    pub(crate) fn response<'a>(&'a self, bytes: &'a [u8]) -> Result<Response<'a>, Error> {
        if self.at != bytes.len() {
            return Err(format!("{} bytes after the end of a response", bytes.len() - self.at).into());
        }
        let head = self.head.as_ref().ok_or("no head")?;
        Ok(Response {
            status: head.status,
            events: head.events,
            session: head.session.clone().map(|range| &bytes[range]),
            body: match head.framing {
                Framing::Length(_) => &bytes[head.length..],
                Framing::Chunked => &self.body,
            },
        })
    }

    /// Whether this is a stream of events that has begun well.
    pub(crate) fn streams(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.status == 200 && head.events && head.framing == Framing::Chunked)
    }

    /// What came of the body since this was called last.
    pub(crate) fn piece(&mut self, take: impl FnOnce(&[u8])) {
        take(&self.body);
        self.body.clear();
    }

    /// How many bytes are done with, which the connection can forget. To be called while a stream goes on.
    pub(crate) fn forget(&mut self) -> usize {
        let done = std::mem::take(&mut self.at);
        if let Some(head) = &mut self.head {
            // What the head says is kept; its bytes are not.
            (head.length, head.session) = (0, None);
        }
        done
    }

    /// Makes ready for the next response.
    pub(crate) fn reset(&mut self) {
        (self.head, self.at, self.last_chunk) = (None, 0, false);
        self.body.clear();
    }

    /// Takes one chunk, if all of it is there.
    fn chunk(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        let rest = &bytes[self.at..];
        let Some(line) = memmem::find(rest, b"\r\n") else { return Ok(false) };
        let size = std::str::from_utf8(&rest[..line])?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or(size).trim(), 16)?;
        let end = line + 2 + size;
        let Some(after) = rest.get(end..end + 2) else { return Ok(false) };
        if after != b"\r\n" {
            return Err("a chunk does not end where it should".into());
        }
        self.body.extend_from_slice(&rest[line + 2..end]);
        self.at += end + 2;
        self.last_chunk = size == 0;
        Ok(true)
    }
}

fn parse_head(bytes: &[u8]) -> Result<Option<Head>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(bytes)? else { return Ok(None) };
    let status = response.code.ok_or("no status")?;
    let mut head = Head { length, status, events: false, session: None, framing: Framing::Length(0) };
    let mut framed = status == 204;
    for header in response.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            (head.framing, framed) = (Framing::Length(std::str::from_utf8(header.value)?.parse()?), true);
        } else if is("transfer-encoding") && header.value == b"chunked" {
            (head.framing, framed) = (Framing::Chunked, true);
        } else if is("content-type") {
            head.events = header.value.starts_with(b"text/event-stream");
        } else if is("mcp-session-id") {
            let start = header.value.as_ptr().addr() - bytes.as_ptr().addr();
            head.session = Some(start..start + header.value.len());
        } else if is("connection") && header.value.eq_ignore_ascii_case(b"close") {
            return Err(format!("{status}, and the server closes the connection").into());
        }
    }
    if framed { Ok(Some(head)) } else { Err(format!("{status}, and the body has no length").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut decoder = Decoder::default();
        for end in 1..bytes.len() {
            assert!(!decoder.advance(&bytes[..end])?, "complete after {end} bytes");
        }
        assert!(decoder.advance(bytes)?);
        Ok(decoder.response(bytes)?.body.to_vec())
    }

    #[test]
    fn a_body_has_its_length() {
        let body = whole(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nmcp-session-id: abc\r\n\r\nhello").unwrap();
        assert_eq!(body, b"hello");
    }

    #[test]
    fn chunks_are_put_together() {
        let body =
            whole(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n").unwrap();
        assert_eq!(body, b"hello");
    }

    #[test]
    fn what_was_not_asked_for_is_an_error() {
        let bytes = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n";
        let mut decoder = Decoder::default();
        assert!(decoder.advance(bytes).unwrap());
        assert!(decoder.response(bytes).is_err());
    }
}
