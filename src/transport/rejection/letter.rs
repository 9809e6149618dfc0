//! Refusals of messages for another replica.

use super::{RETRY_AFTER, Rejection};

impl Rejection {
    /// The message is not lost on its way: its client knows that it has to send it again.
    #[cold]
    pub(crate) fn no_room_for_message() -> Box<Self> {
        let text =
            "nobody waits for this message on this replica, and the store has no room to hand it on; try again later";
        Self::unavailable(text, RETRY_AFTER)
    }
}
