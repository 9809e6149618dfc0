//! What is not the same in every home. All else is.

/// Each home says all of it, and why.
pub struct Differences {
    /// What of the path that a request was sent to stands before the service's own, for a layer or a route of it.
    pub before_the_path: &'static str,
    /// Whether one slash of two behind the mount's path is lost before the service sees the path.
    pub loses_a_slash: bool,
    /// Whether the host asks a client that waits for it to send its body, whatever the service will say.
    pub asks_for_bodies: bool,
    /// Whether what a middleware put on the request is held until the answer is there, and not by the service alone.
    pub holds_extensions: bool,
}

/// Those of a home that has none.
pub const NONE: Differences =
    Differences { before_the_path: "", loses_a_slash: false, asks_for_bodies: false, holds_extensions: false };
