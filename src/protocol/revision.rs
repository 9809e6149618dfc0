//! The dates that MCP's revisions are named by, and which era each belongs to.

use std::fmt;

/// A revision of the protocol.
///
/// Revisions are ordered by date.
///
/// ```
/// use mcp_mount::{Mcp, Revision};
///
/// # fn main() -> Result<(), mcp_mount::BuildError> {
/// let current = Revision::ALL.into_iter().filter(|revision| *revision >= Revision::V2025_06_18);
/// let mcp = Mcp::new("demo", "1.0.0").revisions(current).build()?;
/// # let _ = mcp; Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Revision {
    /// 2024-11-05: sessions; HTTP+SSE was its transport.
    V2024_11_05,
    /// 2025-03-26: sessions over Streamable HTTP.
    V2025_03_26,
    /// 2025-06-18: structured tool output, the `MCP-Protocol-Version` header.
    V2025_06_18,
    /// 2025-11-25: the last revision with sessions.
    V2025_11_25,
    /// 2026-07-28: stateless, every request carries its own metadata.
    V2026_07_28,
}

/// How a revision opens a conversation (2026-07-28, basic/versioning, «Terminology»: legacy and modern).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// `initialize`, then a session.
    Session,
    /// `_meta` on every request, no session.
    Stateless,
}

impl Revision {
    /// Every revision, oldest first.
    pub const ALL: [Self; 5] =
        [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];

    /// What a request without a version header is taken to speak (2025-11-25, basic/transports, «Protocol Version
    /// Header»: "the server SHOULD assume protocol version 2025-03-26").
    pub(crate) const ASSUMED: Self = Self::V2025_03_26;

    /// The date, as it travels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    pub(crate) fn parse(date: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|revision| revision.as_str().as_bytes() == date)
    }

    pub(crate) const fn era(self) -> Era {
        match self {
            Self::V2026_07_28 => Era::Stateless,
            _ => Era::Session,
        }
    }

    /// Whether several messages may come in one array: only 2025-03-26 says so (basic/index, «Batching»).
    pub(crate) const fn has_batches(self) -> bool {
        matches!(self, Self::V2025_03_26)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which revisions a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revisions(u8);

impl Revisions {
    pub(crate) const ALL: Self = Self(0b1_1111);

    pub(crate) fn new(revisions: impl IntoIterator<Item = Revision>) -> Self {
        Self(revisions.into_iter().fold(0, |set, revision| set | (1 << revision.index())))
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn contains(self, revision: Revision) -> bool {
        self.0 & (1 << revision.index()) != 0
    }

    /// Newest first: the order of preference.
    pub(crate) fn newest_first(self) -> impl Iterator<Item = Revision> {
        Revision::ALL.into_iter().rev().filter(move |revision| self.contains(*revision))
    }

    /// The newest one that is opened by `initialize`, if any is served.
    pub(crate) fn newest_session(self) -> Option<Revision> {
        let sessions = self.0 & ((1 << Revision::V2026_07_28.index()) - 1);
        Revision::ALL.get(usize::try_from(sessions.checked_ilog2()?).ok()?).copied()
    }

    /// What `initialize` answers: the client's own revision where it is served, else the newest session revision
    /// (2025-11-25, basic/lifecycle, «Version Negotiation»).
    pub(crate) fn negotiate(self, asked: &str) -> Option<Revision> {
        let newest = self.newest_session()?;
        Some(match Revision::parse(asked.as_bytes()) {
            Some(revision) if revision <= newest && self.contains(revision) => revision,
            _ => newest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negotiation_answers_the_clients_own_revision_or_the_newest_session_one() {
        assert_eq!(Revisions::ALL.negotiate("2024-11-05"), Some(Revision::V2024_11_05));
        assert_eq!(Revisions::ALL.negotiate("2026-07-28"), Some(Revision::V2025_11_25));
        assert_eq!(Revisions::ALL.negotiate("1.0.0"), Some(Revision::V2025_11_25));
        assert_eq!(Revisions::ALL.negotiate(""), Some(Revision::V2025_11_25));
        let narrow = Revisions::new([Revision::V2025_06_18, Revision::V2026_07_28]);
        assert_eq!(narrow.negotiate("2025-11-25"), Some(Revision::V2025_06_18));
        assert_eq!(Revisions::new([Revision::V2026_07_28]).negotiate("2025-11-25"), None);
    }

    #[test]
    fn newest_first_is_the_order_of_preference() {
        let order: Vec<_> = Revisions::ALL.newest_first().map(Revision::as_str).collect();
        assert_eq!(order, ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]);
    }
}
