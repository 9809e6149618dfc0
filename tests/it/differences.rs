//! What is not the same in every home. All else is.

/// Each home says all of it, and why.
pub struct Differences {
    /// What of the path that a request was sent to stands before the service's own, for a layer or a route of it.
    pub before_the_path: &'static str,
    /// Whether one slash of two behind the mount's path is lost before the service sees the path.
    pub loses_a_slash: bool,
    /// Whether what a middleware put on the request is held until the answer is there, and not by the service alone.
    pub holds_extensions: bool,
}

/// Those of a home that has none.
pub const NONE: Differences = Differences { before_the_path: "", loses_a_slash: false, holds_extensions: false };
