//! The headers that matter here, read in one pass.

use http::HeaderMap;

/// The value of a header, and whether it was there more than once. A duplicate is never resolved by picking one: a proxy
/// could have picked the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) duplicate: bool,
}

impl<'a> Field<'a> {
    fn add(&mut self, value: &'a [u8]) {
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
    pub(crate) method: Field<'a>,
    pub(crate) name: Field<'a>,
    source: Option<&'a HeaderMap>,
}

impl<'a> Head<'a> {
    pub(crate) fn read(headers: &'a HeaderMap) -> Self {
        let mut head = Self { source: Some(headers), ..Self::default() };
        for (name, value) in headers {
            let field = match name.as_str() {
                "host" => &mut head.host,
                "origin" => &mut head.origin,
                "accept" => &mut head.accept,
                "content-type" => &mut head.content_type,
                "content-encoding" => &mut head.content_encoding,
                "content-length" => &mut head.content_length,
                "mcp-protocol-version" => &mut head.protocol_version,
                "mcp-session-id" => &mut head.session_id,
                "mcp-method" => &mut head.method,
                "mcp-name" => &mut head.name,
                _ => continue,
            };
            field.add(value.as_bytes());
        }
        head
    }

    /// Any header, by its name in lower case.
    pub(crate) fn field(&self, name: &str) -> Field<'a> {
        let mut field = Field::default();
        let lines = self.source.into_iter().flat_map(|headers| headers.get_all(name));
        lines.for_each(|value| field.add(value.as_bytes()));
        field
    }

    /// Every line of `Accept`; several lines are one list (RFC 9110, 5.3).
    pub(crate) fn accept_lines(&self) -> impl Iterator<Item = &'a [u8]> {
        self.source.into_iter().flat_map(|headers| headers.get_all("accept")).map(http::HeaderValue::as_bytes)
    }
}
