//! Refusals of those who come back for a stream.

use super::Rejection;

impl Rejection {
    /// A GET is answered by a stream of events or by 405 (2025-11-25, basic/transports, «Listening for Messages from the
    /// Server»). A stream that ends at once would have the client come back for ever.
    #[cold]
    pub(crate) fn stream_read_out() -> Box<Self> {
        let mut rejection = Self::method_not_allowed("POST, DELETE", false);
        rejection.error.message = "Last-Event-ID: that was the last event of its stream; nothing follows it".into();
        rejection
    }
}
