//! A reply that was read to its end.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::sse::Parser;

/// More of a body than this is not printed.
const PRINTED: usize = 2_000;

/// An HTTP reply, as [`Client::raw`](super::Client::raw) reads it: the status, the headers and the whole body.
///
/// `Display` prints all three, so that `assert_eq!(response.status(), 200, "{response}")` says why.
///
/// ```
/// use mcp_mount::testing::Client;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
/// let response = Client::new(mcp).post_raw("{").await?;
/// assert_eq!(response.status(), 400, "{response}");
/// assert_eq!(response.header("content-type"), Some("application/json"));
/// assert_eq!(response.json()["error"]["code"], -32700);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Response {
    pub(super) fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first line of a header, if it is there and readable.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON: of an event stream the last message, which is the answer. `Value::Null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        self.messages().pop().unwrap_or_default()
    }

    /// Every message of the body, in its order: those of an event stream, or the one of a JSON body. What is no JSON is
    /// left out; [`text`](Self::text) has it.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        if !is_event_stream(&self.headers) {
            return serde_json::from_slice(&self.body).into_iter().collect();
        }
        let mut parser = Parser::default();
        // What came before a broken line still counts.
        let _ = parser.feed(&self.body);
        let events = std::iter::from_fn(|| parser.event());
        events.filter_map(|event| serde_json::from_str(&event.data).ok()).collect()
    }

    /// Whether the reply is an event stream.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        is_event_stream(&self.headers)
    }

    /// The status and the beginning of the body, on one line where the body has one.
    pub(super) fn summary(&self) -> String {
        if self.body.is_empty() {
            return format!("{}, no body", self.status);
        }
        format!("{}, body: {}", self.status, shorten(&self.text()))
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(f, "\n{}", shorten(&self.text()))
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({self})")
    }
}

/// The beginning of a text that may be long.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(PRINTED) {
        Some((end, _)) => format!("{} [.. {} bytes in all]", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    has_type(headers, "text/event-stream")
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    has_type(headers, "application/json")
}

fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}
