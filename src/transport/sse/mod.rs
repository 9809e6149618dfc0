//! Streams of server-sent events: their text, and the bodies that carry them.

pub(crate) mod call;
pub(crate) mod event;
pub(crate) mod keep_alive;
pub(crate) mod listen;
