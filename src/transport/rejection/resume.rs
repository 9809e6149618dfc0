//! Refusals of those who come back for a stream.

use http::{HeaderValue, StatusCode};

use super::Rejection;
use crate::protocol::error::ErrorCode;

impl Rejection {
    /// A GET is answered by a stream of events or by this (2025-11-25, basic/transports, «Listening for Messages from the
    /// Server»). A stream that ends at once would have the client come back for ever.
    #[cold]
    pub(crate) fn stream_read_out() -> Box<Self> {
        let text = "Last-Event-ID: that was the last event of its stream, and nothing follows it";
        let mut rejection = Self::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::InvalidRequest, text);
        rejection.allow = Some(HeaderValue::from_static("POST, DELETE"));
        rejection
    }
}
