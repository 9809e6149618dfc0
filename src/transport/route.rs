//! Which path is what. Pure.

use super::rejection::Rejection;

/// Where a request was sent to, as far as its mount knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The request's own path is what is left below the mount.
    Relative,
    /// The host or the mount has matched the endpoint's path by itself.
    Endpoint,
    /// The mount knows that the endpoint is elsewhere.
    Elsewhere,
}

/// Whether a request was sent to the MCP endpoint.
pub(crate) fn endpoint(place: Place, path: &str) -> Result<(), Box<Rejection>> {
    match (place, path) {
        (Place::Endpoint, _) | (Place::Relative, "" | "/") => Ok(()),
        (Place::Relative | Place::Elsewhere, _) => Err(Rejection::no_such_path(path)),
    }
}

/// The methods of the MCP endpoint: without sessions there is nothing to listen to and nothing to end.
pub(crate) fn methods(sessions: bool) -> &'static str {
    if sessions { "GET, POST, DELETE" } else { "POST" }
}
