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

/// The headers of a request that the pipeline reads.
#[derive(Debug, Default)]
pub(crate) struct Head<'a> {
    pub(crate) host: Field<'a>,
    pub(crate) origin: Field<'a>,
    pub(crate) content_type: Field<'a>,
    pub(crate) content_encoding: Field<'a>,
    pub(crate) content_length: Field<'a>,
    /// The first line; `duplicate` says that there are others.
    pub(crate) accept: Field<'a>,
    pub(crate) protocol_version: Field<'a>,
    pub(crate) session_id: Field<'a>,
    pub(crate) last_event_id: Field<'a>,
    pub(crate) method: Field<'a>,
    pub(crate) name: Field<'a>,
    pub(crate) traceparent: Field<'a>,
    /// The message has come by a line: there are no headers that could contradict it, and no streams to come back to.
    pub(crate) on_line: bool,
    /// What few requests have, by name in lower case: further lines of `Accept`, and `Mcp-Param-*`.
    more: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Head<'a> {
    pub(crate) fn read(request: &'a impl RequestHead) -> Self {
        let mut head = Self::default();
        for (name, value) in request.headers() {
            let field = match name {
                "host" => &mut head.host,
                "origin" => &mut head.origin,
                "accept" => {
                    if head.accept.value.is_some() {
                        head.more.push((name, value));
                    }
                    &mut head.accept
                }
                "content-type" => &mut head.content_type,
                "content-encoding" => &mut head.content_encoding,
                "content-length" => &mut head.content_length,
                "mcp-protocol-version" => &mut head.protocol_version,
                "mcp-session-id" => &mut head.session_id,
                "last-event-id" => &mut head.last_event_id,
                "mcp-method" => &mut head.method,
                "mcp-name" => &mut head.name,
                "traceparent" => &mut head.traceparent,
                parameter if parameter.starts_with(PARAMETER) => {
                    head.more.push((name, value));
                    continue;
                }
                _ => continue,
            };
            field.add(value);
        }
        head
    }

    /// What ties a message of a line to those before it.
    pub(crate) fn on_line(session_id: Option<&'a [u8]>, protocol_version: Option<&'a [u8]>) -> Self {
        let field = |value| Field { value, duplicate: false };
        let (session_id, protocol_version) = (field(session_id), field(protocol_version));
        Self { session_id, protocol_version, on_line: true, ..Self::default() }
    }

    /// A header of an argument, by its name in lower case.
    pub(crate) fn parameter(&self, name: &str) -> Field<'a> {
        Field::of(self.more.iter().filter(|(other, _)| *other == name).map(|(_, value)| *value))
    }

    /// Every line of `Accept`; several lines are one list (RFC 9110, 5.3).
    pub(crate) fn accept_lines(&self) -> impl Iterator<Item = &'a [u8]> {
        let more = self.more.iter().filter(|(name, _)| *name == "accept").map(|(_, value)| *value);
        self.accept.value.into_iter().chain(more)
    }
}
