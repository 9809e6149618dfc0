//! What is not the same in every home. All else is.

/// Each home says all of it, and why.
pub struct Differences {
    /// What of the path that a request was sent to stands before the service's own, for a layer or a route of it.
    pub before_the_path: &'static str,
    /// Whether one slash of two behind the mount's path is lost before the service sees the path.
    pub loses_a_slash: bool,
    /// Whether what a middleware put on the request is held until the answer is there, and not by the service alone.
    pub holds_extensions: bool,
    /// Whether an HTTP/1.1 connection ends with a refusal that has left the request's body unread.
    pub closes_after_unread: bool,
    /// Whether the answer to HEAD has the `Content-Length` of its empty body, which is not that of GET.
    pub says_zero_to_head: bool,
    /// Whether an HTTP/2 client that goes away is only noticed when something is sent to it.
    pub late_on_http_2: bool,
}

/// Those of a home that has none.
pub const NONE: Differences = Differences {
    before_the_path: "",
    loses_a_slash: false,
    holds_extensions: false,
    closes_after_unread: false,
    says_zero_to_head: false,
    late_on_http_2: false,
};
