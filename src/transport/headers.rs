//! The headers that matter here, read in one pass.

use super::request::RequestHead;

/// The value of a header, and whether it was there more than once. A duplicate is never resolved by picking one: a proxy
/// could have picked the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) duplicate: bool,
}

impl<'a> Field<'a> {
    pub(crate) fn of(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut field = Self::default();
        lines.for_each(|line| field.add(line));
        field
    }

    pub(crate) fn add(&mut self, value: &'a [u8]) {
        if self.value.is_some() {
            self.duplicate = true;
        } else {
            self.value = Some(value);
        }
    }

    /// The value without the white space around it, if it is visible ASCII.
    pub(crate) fn text(&self) -> Option<Result<&'a str, NotText>> {
        self.value.map(|value| {
            let value = value.trim_ascii();
            let printable = value.iter().all(|byte| matches!(byte, 0x20..=0x7e | b'\t'));
            std::str::from_utf8(value).ok().filter(|_| printable).ok_or(NotText)
        })
    }
}

/// A header's value has bytes that no such header has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotText;

/// What begins the headers into which 2026-07-28 copies arguments of tools (basic/transports/streamable-http).
pub(crate) const PARAMETER: &str = "mcp-param-";

/// The headers that the pipeline reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Host,
    Origin,
    ContentType,
    ContentEncoding,
    ContentLength,
    Accept,
    ProtocolVersion,
    SessionId,
    LastEventId,
    Method,
    Name,
    /// The last one: see [`COUNT`](Self::COUNT).
    TraceParent,
}

impl Known {
    /// The last one's number, and 1 for the first.
    const COUNT: usize = Self::TraceParent as usize + 1;

    /// By its name in lower case.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "host" => Self::Host,
            "origin" => Self::Origin,
            "content-type" => Self::ContentType,
            "content-encoding" => Self::ContentEncoding,
            "content-length" => Self::ContentLength,
            "accept" => Self::Accept,
            "mcp-protocol-version" => Self::ProtocolVersion,
            "mcp-session-id" => Self::SessionId,
            "last-event-id" => Self::LastEventId,
            "mcp-method" => Self::Method,
            "mcp-name" => Self::Name,
            "traceparent" => Self::TraceParent,
            _ => return None,
        })
    }
}

// One bit for each.
const _: () = assert!(Known::COUNT <= u16::BITS as usize);

/// The head of a request, as far as the pipeline reads it.
///
/// Small, since every request's future has room for it.
#[derive(Debug, Default)]
pub(crate) struct Head<'a> {
    values: [Option<&'a [u8]>; Known::COUNT],
    /// One bit for each header of which there are others.
    duplicates: u16,
    /// The message has come by a line: there are no headers that could contradict it, and no streams to come back to.
    pub(crate) on_line: bool,
    /// What few requests have, by name in lower case: further lines of `Accept`, and `Mcp-Param-*`.
    more: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Head<'a> {
    pub(crate) fn read(request: &'a impl RequestHead) -> Self {
        let mut head = Self::default();
        head.fill(request);
        head
    }

    /// Reads into one that is empty, in its place.
    pub(crate) fn fill(&mut self, request: &'a impl RequestHead) {
        for (name, value) in request.headers() {
            match Known::of(name) {
                Some(known) => self.add(known, name, value),
                None if name.starts_with(PARAMETER) => self.more.push((name, value)),
                None => {}
            }
        }
    }

    fn add(&mut self, known: Known, name: &'a str, value: &'a [u8]) {
        let first = &mut self.values[known as usize];
        if first.is_none() {
            *first = Some(value);
            return;
        }
        self.duplicates |= 1 << known as usize;
        if known == Known::Accept {
            self.more.push((name, value));
        }
    }

    /// A header's first line, and whether there are others.
    pub(crate) fn get(&self, known: Known) -> Field<'a> {
        Field { value: self.values[known as usize], duplicate: self.duplicates & 1 << known as usize != 0 }
    }

    /// What ties a message of a line to those before it.
    pub(crate) fn on_line(session_id: Option<&'a [u8]>, protocol_version: Option<&'a [u8]>) -> Self {
        let mut head = Self { on_line: true, ..Self::default() };
        head.values[Known::SessionId as usize] = session_id;
        head.values[Known::ProtocolVersion as usize] = protocol_version;
        head
    }

    /// A header of an argument, by its name in lower case.
    pub(crate) fn parameter(&self, name: &str) -> Field<'a> {
        Field::of(self.more.iter().filter(|(other, _)| *other == name).map(|(_, value)| *value))
    }

    /// Every line of `Accept`; several lines are one list (RFC 9110, 5.3).
    pub(crate) fn accept_lines(&self) -> impl Iterator<Item = &'a [u8]> {
        let more = self.more.iter().filter(|(name, _)| *name == "accept").map(|(_, value)| *value);
        self.values[Known::Accept as usize].into_iter().chain(more)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn each_header_is_found_where_it_is_and_so_is_a_second_line_of_it() {
        let names = [
            (Known::Host, "host"),
            (Known::Origin, "origin"),
            (Known::ContentType, "content-type"),
            (Known::ContentEncoding, "content-encoding"),
            (Known::ContentLength, "content-length"),
            (Known::Accept, "accept"),
            (Known::ProtocolVersion, "mcp-protocol-version"),
            (Known::SessionId, "mcp-session-id"),
            (Known::LastEventId, "last-event-id"),
            (Known::Method, "mcp-method"),
            (Known::Name, "mcp-name"),
            (Known::TraceParent, "traceparent"),
        ];
        assert_eq!(names.len(), Known::COUNT);
        let all = || {
            names.iter().fold(Request::new(()), |mut request, (_, name)| {
                request.headers_mut().insert(*name, name.parse().unwrap());
                request
            })
        };
        for (known, name) in names {
            let mut request = all();
            request.headers_mut().append(name, "another".parse().unwrap());
            let (parts, ()) = request.into_parts();
            let head = Head::read(&parts);
            for (other, value) in names {
                let expected = Field { value: Some(value.as_bytes()), duplicate: other == known };
                assert_eq!(head.get(other), expected, "{value}, with two lines of {name}");
            }
            request = all();
            request.headers_mut().remove(name);
            let (parts, ()) = request.into_parts();
            assert_eq!(Head::read(&parts).get(known), Field::default(), "without {name}");
        }
    }
}
