//! What kind of body a request has, and what kinds of answer it takes.

use super::headers::{Field, Head, Known};
use super::rejection::Rejection;

/// What official clients send; everything else is parsed.
const USUAL: &[u8] = b"application/json, text/event-stream";

/// Which of the two kinds of answer the client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepts {
    pub(crate) json: bool,
    pub(crate) sse: bool,
}

/// Checks the headers of a POST: a JSON body that is not compressed, and an answer that can be given.
///
/// The media type is a safeguard too: a page of another origin may send `text/plain` without a preflight.
///
/// Without `streams` every answer is JSON.
pub(crate) fn check_post(head: &Head<'_>, streams: bool) -> Result<Accepts, Box<Rejection>> {
    check_body(head)?;
    let accepts = accepts(head);
    if !streams {
        return if accepts.json { Ok(Accepts { sse: false, ..accepts }) } else { Err(Rejection::only_json()) };
    }
    if accepts.json || accepts.sse { Ok(accepts) } else { Err(Rejection::not_acceptable(false)) }
}

/// Checks that a body is JSON that is not compressed.
pub(crate) fn check_body(head: &Head<'_>) -> Result<(), Box<Rejection>> {
    let content_type = head.get(Known::ContentType);
    if content_type.duplicate || !content_type.value.is_some_and(is_json) {
        return Err(Rejection::content_type(content_type.value));
    }
    let plain = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"identity");
    let encoding = head.get(Known::ContentEncoding);
    if encoding.duplicate || !encoding.value.is_none_or(plain) {
        return Err(Rejection::content_encoding());
    }
    Ok(())
}

/// Checks that a GET takes a stream of events.
pub(crate) fn check_get(head: &Head<'_>) -> Result<(), Box<Rejection>> {
    if accepts(head).sse { Ok(()) } else { Err(Rejection::not_acceptable(true)) }
}

fn is_json(value: &[u8]) -> bool {
    if value == b"application/json" {
        return true;
    }
    let mut parts = value.split(|byte| *byte == b';');
    let media_type = parts.next().unwrap_or_default().trim_ascii();
    media_type.eq_ignore_ascii_case(b"application/json") && parts.all(is_harmless_parameter)
}

/// Any parameter but a charset that is not UTF-8.
fn is_harmless_parameter(parameter: &[u8]) -> bool {
    let (name, value) = split_once(parameter, b'=');
    if !name.trim_ascii().eq_ignore_ascii_case(b"charset") {
        return true;
    }
    let value = value.trim_ascii();
    let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    value.eq_ignore_ascii_case(b"utf-8")
}

fn accepts(head: &Head<'_>) -> Accepts {
    match head.get(Known::Accept) {
        Field { value: None, .. } => Accepts { json: true, sse: true },
        Field { value: Some(USUAL), duplicate: false } => Accepts { json: true, sse: true },
        Field { value: Some(_), .. } => {
            let ranges = || head.accept_lines().flat_map(|line| line.split(|byte| *byte == b','));
            Accepts {
                json: accepts_type(ranges(), b"application/json", b"application/*"),
                sse: accepts_type(ranges(), b"text/event-stream", b"text/*"),
            }
        }
    }
}

/// Whether a media type is acceptable: the most specific range that fits it decides (RFC 9110, 12.5.1).
fn accepts_type<'a>(ranges: impl Iterator<Item = &'a [u8]>, exact: &[u8], family: &[u8]) -> bool {
    let mut best: Option<(u8, bool)> = None;
    for range in ranges {
        let (media_range, parameters) = split_once(range, b';');
        let media_range = media_range.trim_ascii();
        let precedence = if media_range.eq_ignore_ascii_case(exact) {
            3
        } else if media_range.eq_ignore_ascii_case(family) {
            2
        } else if media_range == b"*/*" {
            1
        } else {
            continue;
        };
        if best.is_none_or(|(so_far, _)| precedence > so_far) {
            best = Some((precedence, !has_zero_weight(parameters)));
        }
    }
    best.is_some_and(|(_, acceptable)| acceptable)
}

fn has_zero_weight(parameters: &[u8]) -> bool {
    parameters.split(|byte| *byte == b';').any(|parameter| {
        let (name, weight) = split_once(parameter, b'=');
        let weight = weight.trim_ascii();
        name.trim_ascii().eq_ignore_ascii_case(b"q")
            && weight.starts_with(b"0")
            && weight[1..].iter().all(|byte| matches!(byte, b'.' | b'0'))
    })
}

fn split_once(bytes: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == separator) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, b""),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;

    fn of(lines: &[&'static str]) -> (bool, bool) {
        let (mut parts, ()) = Request::new(()).into_parts();
        for line in lines {
            parts.headers.append("accept", HeaderValue::from_static(line));
        }
        let accepts = accepts(&Head::read(&parts));
        (accepts.json, accepts.sse)
    }

    #[test]
    fn accept_is_read_as_http_means_it() {
        assert_eq!(of(&[]), (true, true));
        assert_eq!(of(&["application/json, text/event-stream"]), (true, true));
        assert_eq!(of(&["application/json", "text/event-stream"]), (true, true));
        assert_eq!(of(&["Application/JSON;q=0.5 , TEXT/event-stream"]), (true, true));
        assert_eq!(of(&["*/*"]), (true, true));
        assert_eq!(of(&["text/*"]), (false, true));
        assert_eq!(of(&["application/*;q=0.1"]), (true, false));
        assert_eq!(of(&["*/*, text/event-stream;q=0"]), (true, false));
        assert_eq!(of(&["application/jsonl, text/html"]), (false, false));
        assert_eq!(of(&["text/event-stream;q=0.000"]), (false, false));
    }

    #[test]
    fn only_json_in_utf8_is_a_body() {
        for good in
            ["application/json", "Application/Json", "application/json; charset=\"UTF-8\"", "application/json;x=y"]
        {
            assert!(is_json(good.as_bytes()), "{good}");
        }
        for bad in ["text/plain", "application/json-rpc", "application/jsonl", "application/json; charset=utf-16", ""] {
            assert!(!is_json(bad.as_bytes()), "{bad}");
        }
    }
}
