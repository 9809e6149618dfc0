//! The caller's identity, as the host application established it.

use std::fmt;
use std::sync::Arc;

/// Who is asking: the identity that sessions are owned by.
///
/// Its id is whatever stays the same for one user over time (an account number, an issuer and subject), never a token.
///
/// ```
/// use mcp_mount::Principal;
///
/// let principal = Principal::new("alice");
/// assert_eq!(principal.id(), "alice");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// A caller with this id.
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(id.as_ref().into())
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Principal {
    /// Without the id, which may be personal and must not reach a log by accident.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Principal(..)")
    }
}
