//! Which path is what. Pure.

use super::rejection::Rejection;

/// Whether `path`, what is left of the request's path below the mount, is the MCP endpoint.
pub(crate) fn endpoint(path: &str) -> Result<(), Box<Rejection>> {
    match path {
        "" | "/" => Ok(()),
        _ => Err(Rejection::no_such_path(path)),
    }
}
