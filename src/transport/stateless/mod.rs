//! 2026-07-28: the headers that mirror the body are checked against it.
//!
//! A proxy may route and refuse by these headers, so a header and a body that disagree are never served (2026-07-28,
//! basic/transports/streamable-http, «Server Validation»).

pub(crate) mod params;

use std::borrow::Cow;

use base64::Engine as _;

use super::headers::{Field, Head, Known};
use super::rejection::Rejection;
use crate::protocol::jsonrpc::Message;
use crate::protocol::method::{Method, Mirrored};

/// Checks `Mcp-Method` and, where the method has one, `Mcp-Name`. `MCP-Protocol-Version` has decided the era already.
/// [`params`] checks `Mcp-Param-*` once the tool is known.
pub(crate) fn check_headers(
    head: &Head<'_>,
    message: &Message<'_>,
    method: Option<Method>,
) -> Result<(), Box<Rejection>> {
    mirror(&head.get(Known::Method), "Mcp-Method", "method", message.method(), |value| Some(Cow::Borrowed(value)))?;
    let params = message.params();
    match method.and_then(Method::mirrored) {
        Some(Mirrored::Name) => match &params.name {
            Some(name) => mirror(&head.get(Known::Name), "Mcp-Name", "params.name", name.as_str(), decode),
            None => Ok(()), // refused as what it is, a missing parameter
        },
        Some(Mirrored::Uri) => match params.uri() {
            Ok(uri) => mirror(&head.get(Known::Name), "Mcp-Name", "params.uri", &uri, decode),
            Err(_) => Ok(()),
        },
        None => Ok(()),
    }
}

fn mirror<'a>(
    field: &Field<'a>,
    header: &str,
    member: &str,
    expected: &str,
    decode: impl FnOnce(&'a str) -> Option<Cow<'a, str>>,
) -> Result<(), Box<Rejection>> {
    let refuse = |fault: &str| Err(Rejection::header_mismatch(format!("Header mismatch: {header} {fault}")));
    if field.duplicate {
        return refuse("is there more than once; send it once");
    }
    match field.text().map(|text| text.map(decode)) {
        None => refuse(&format!("is missing; it must mirror `{member}`")),
        Some(Err(_)) => refuse("has characters that a header must not have; encode the value as =?base64?..?="),
        Some(Ok(None)) => refuse("is not valid Base64 of UTF-8 text between =?base64? and ?="),
        Some(Ok(Some(value))) if value == expected => Ok(()),
        Some(Ok(Some(_))) => refuse(&format!("is not what the body has in `{member}`")),
    }
}

/// Decodes `=?base64?..?=`; anything else is literal (2026-07-28, basic/transports/streamable-http, «Value Encoding»).
fn decode(value: &str) -> Option<Cow<'_, str>> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Some(Cow::Borrowed(value));
    };
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_strictly() {
        assert_eq!(decode("=?base64?SGVsbG8=?=").as_deref(), Some("Hello"));
        assert_eq!(decode("=?base64?SGVsbG8, 世界"), Some("=?base64?SGVsbG8, 世界".into()));
        assert_eq!(decode("SGVsbG8=").as_deref(), Some("SGVsbG8="));
        assert_eq!(decode("=?BASE64?SGVsbG8=?=").as_deref(), Some("=?BASE64?SGVsbG8=?="));
        for bad in ["=?base64?SGVsbG8?=", "=?base64?SGVs!!!bG8=?=", "=?base64?_-__?=", "=?base64?/w==?="] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
