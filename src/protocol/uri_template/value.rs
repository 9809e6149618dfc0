//! Single values: percent-decoding, and which ones are refused.

use std::borrow::Cow;
use std::fmt::Write;

use super::scan::looked_at;

/// A URI or a literal in the one form in which they are compared: percent-encoded octets in upper case, and everything
/// outside of ASCII encoded, as RFC 6570, §3.1 has it for literals.
pub(super) fn normalise(text: &str) -> Cow<'_, str> {
    looked_at(text.len());
    let bytes = text.as_bytes();
    let lower = |at: usize| octet(bytes, at).is_some() && bytes[at + 1..at + 3].iter().any(u8::is_ascii_lowercase);
    if text.is_ascii() && !(0..bytes.len()).any(lower) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut digits = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if digits > 0 {
            digits -= 1;
            out.push(char::from(byte.to_ascii_uppercase()));
        } else if byte.is_ascii() {
            digits = if octet(bytes, at).is_some() { 2 } else { 0 };
            out.push(char::from(*byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    Cow::Owned(out)
}

/// Decodes percent-encoded octets; `None` for a broken one and for what is no UTF-8.
pub(super) fn decode(text: &str) -> Option<Cow<'_, str>> {
    looked_at(text.len());
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let step = if *byte == b'%' { 3 } else { 1 };
        out.push(if step == 3 { octet(bytes, at)? } else { *byte });
        at += step;
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// The percent-encoded octet at `at`.
pub(super) fn octet(bytes: &[u8], at: usize) -> Option<u8> {
    let [b'%', high, low, ..] = bytes.get(at..)? else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// Whether a value that is joined to a path could lead out of it:
///
/// - it contains NUL, where C ends a path;
/// - a segment of it is `..`, with `/` or `\` between segments, or the whole of it is `.`;
/// - it is absolute, as `/etc`, `\\host` and `C:\` are, since joining one replaces the path. It may be absolute if
///   `absolute` says so, where the template itself leaves the root to the URI: `file://{+path}` and `x://host{+path}`,
///   but not `file:///{+path}` or `x://{+path}`, where only one more `/` would make it so;
/// - any of these is so once it is decoded a second time, as some handlers and their libraries do (`%252e%252e`).
pub(super) fn is_unsafe(value: &str, absolute: bool) -> bool {
    looked_at(value.len());
    let harmless = |byte: u8| !matches!(byte, 0 | b'.' | b'/' | b'\\' | b':' | b'%');
    if value.bytes().all(harmless) {
        return false;
    }
    leads_out(value.as_bytes(), absolute)
        || (value.contains('%') && leads_out(&decode_what_can_be(value.as_bytes()), absolute))
}

fn leads_out(value: &[u8], absolute: bool) -> bool {
    let mut segments = value.split(is_slash);
    value.contains(&0) || value == b"." || segments.any(|segment| segment == b"..") || (!absolute && is_absolute(value))
}

fn is_absolute(value: &[u8]) -> bool {
    match value {
        [first, ..] if is_slash(first) => true,
        // `C:x` is a plain name but on Windows.
        [drive, b':', rest @ ..] if drive.is_ascii_alphabetic() => cfg!(windows) || rest.first().is_none_or(is_slash),
        _ => false,
    }
}

fn is_slash(byte: &u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

fn decode_what_can_be(bytes: &[u8]) -> Vec<u8> {
    looked_at(bytes.len());
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let decoded = octet(bytes, at);
        out.push(decoded.unwrap_or(*byte));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_compared_in_upper_case_and_the_rest_of_unicode_is_encoded() {
        for (text, normal) in [
            ("x://a/%3F", "x://a/%3F"),
            ("x://a/%3f%aB", "x://a/%3F%AB"),
            ("%zz%a", "%zz%a"),
            ("%%3f", "%%3F"),
            ("%3%3f", "%3%3F"),
            ("dü", "d%C3%BC"),
            ("%c3ü", "%C3%C3%BC"),
            ("abc%", "abc%"),
        ] {
            assert_eq!(normalise(text), normal, "{text}");
        }
        assert!(matches!(normalise("x://plain/%3F?a=b"), Cow::Borrowed(_)));
    }

    #[test]
    fn decoding_is_strict() {
        assert_eq!(decode("a%20b%C3%BC").unwrap(), "a b\u{fc}");
        assert_eq!(decode("a+b").unwrap(), "a+b", "a plus is a plus in a URI");
        assert_eq!(decode("%2525").unwrap(), "%25", "once");
        for broken in ["%", "a%2", "%zz", "%+1", "%F", "%C3", "%C3%28", "%FF", "%C0%AE", "%ED%A0%80"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }

    #[test]
    fn what_leads_out_of_a_directory() {
        for value in [
            "..", "../x", "x/..", "x/../y", "..\\x", "x\\..\\y", ".", "\0", "a\0b", "/etc", "\\\\host", "C:\\x",
            "c:/x", "C:", "%2e%2E", "x%2f..", "x%5c%2e.", "%2Fetc", "a%00", "%2e",
        ] {
            assert!(is_unsafe(value, false), "{value:?}");
        }
        for value in ["...", "a..b", "..a", "x/.y", "HEAD~3..HEAD", ".env", "ab:c", "50%", "%zz", "%252e", "a/b", ""] {
            assert!(!is_unsafe(value, false), "{value:?}");
        }
        assert_eq!(is_unsafe("a:b", false), cfg!(windows));
        assert!(!is_unsafe("/etc", true));
        assert!(!is_unsafe("C:/x", true));
        assert!(is_unsafe("/etc/..", true));
    }
}
