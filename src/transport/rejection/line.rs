//! Refusals of what comes by a line.

use super::{RETRY_AFTER, Rejection};

impl Rejection {
    /// 404, as for a session. The same for an unknown, ended, malformed or foreign id: nobody learns which conversations there
    /// are.
    #[cold]
    pub(crate) fn no_such_line() -> Box<Self> {
        let mut rejection = Self::no_such_session();
        rejection.error.message =
            "there is no such stream (sessionId), or it has ended; open a new one with GET, which says where to post"
                .into();
        rejection
    }

    #[cold]
    pub(crate) fn too_many_waiting() -> Box<Self> {
        let text = "as many requests wait for their answers here as may; try again when some have been answered";
        Self::unavailable(text, RETRY_AFTER)
    }

    #[cold]
    pub(crate) fn line_ends() -> Box<Self> {
        let text = "this stream ends as soon as what runs has been answered; open a new one";
        Self::unavailable(text, RETRY_AFTER)
    }

    #[cold]
    pub(crate) fn id_in_use() -> Box<Self> {
        Self::invalid("id: a request with this id is still running")
    }

    #[cold]
    pub(crate) fn initializing() -> Box<Self> {
        Self::invalid("initialize: another one is running; wait for its answer")
    }

    #[cold]
    pub(crate) fn line_too_long(limit: usize) -> Box<Self> {
        Self::invalid(format!("the line is longer than {limit} bytes, which `Limits::body_bytes` allows"))
    }
}
