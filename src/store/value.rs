//! Values: small, with an expiry.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::digest::digest;

/// The name of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Key {
    /// What kind of value it is.
    pub kind: Kind,
    /// Which one of its kind.
    pub id: u128,
}

impl Key {
    /// The value `id` of its kind.
    #[must_use]
    pub fn new(kind: Kind, id: u128) -> Self {
        Self { kind, id }
    }

    /// The record of a session of this principal: a store cannot be asked for somebody else's by the session's id alone.
    pub(crate) fn session(id: u128, principal: Option<&str>) -> Self {
        Self { kind: Kind::Session, id: id ^ principal.map_or(0, fingerprint) }
    }

    /// What tells the sessions of servers with different names apart that share a store.
    pub(crate) fn realm(server: &str) -> u128 {
        fingerprint(&format!("server {server}"))
    }
}

impl fmt::Debug for Key {
    /// Without the id, which opens a session to whoever has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// FNV-1a in 128 bits: the same in every build and on every machine, as replicas that share a store need it. It is no
/// protection; the owner that a record names is.
pub(super) fn fingerprint(text: &str) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

/// The kinds of value that are kept. There will be more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The record of a session.
    Session,
    /// The sign of life of a process.
    Replica,
    /// Where a stream is read.
    Reader,
    /// What a handler keeps for a principal.
    State,
}

impl Kind {
    /// All of them.
    ///
    /// ```
    /// use mcp_mount::stores::Kind;
    ///
    /// assert!(Kind::ALL.contains(&Kind::State));
    /// ```
    pub const ALL: &'static [Self] = &[Self::Session, Self::Replica, Self::Reader, Self::State];

    /// A short name in lower case, for stores that name what they keep.
    ///
    /// ```
    /// use mcp_mount::stores::Kind;
    ///
    /// assert_eq!(Kind::Session.as_str(), "session");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Replica => "replica",
            Self::Reader => "reader",
            Self::State => "state",
        }
    }
}

/// A value, and how often it has been written.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// The value.
    pub value: Bytes,
    /// Another number after each write, also when the value was gone meanwhile.
    pub version: u64,
}

impl fmt::Debug for Stored {
    /// Without the value, which is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("bytes", &self.value.len()).field("version", &self.version).finish()
    }
}

impl Stored {
    /// A value with its version.
    #[must_use]
    pub fn new(value: Bytes, version: u64) -> Self {
        Self { value, version }
    }
}

/// What must be there for [`Store::put`](super::Store::put) to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// Anything or nothing.
    Any,
    /// Nothing.
    Absent,
    /// The value with this version.
    Version(u64),
}

/// How many values of a kind may be kept, and which may give way.
///
/// ```
/// use mcp_mount::stores::Cap;
/// use std::time::Duration;
///
/// let of_all = Cap::new(10_000, Duration::from_secs(30));
/// let of_one = of_all.in_group(7, 100);
/// assert_eq!(of_one.group.map(|group| group.max), Some(100));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cap {
    /// The most that may be kept.
    pub max: usize,
    /// How long a value must have been left alone before it may give way to a new one. `Duration::MAX`: none ever may.
    pub idle: Duration,
    /// What the value's group may have of it, if it is in one.
    pub group: Option<GroupCap>,
}

/// How many values of a kind one group may have.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupCap {
    /// Which group: never 0.
    pub id: u128,
    /// The most that may be kept.
    pub max: usize,
}

impl fmt::Debug for GroupCap {
    /// Without the id, which stands for somebody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupCap").field("max", &self.max).finish_non_exhaustive()
    }
}

impl Cap {
    /// At most `max` values, of which those left alone for `idle` may give way.
    #[must_use]
    pub fn new(max: usize, idle: Duration) -> Self {
        Self { max, idle, group: None }
    }

    /// And at most `max` of them in the group `id`, which the value will be in. 0 stands for no group.
    #[must_use]
    pub fn in_group(self, id: u128, max: usize) -> Self {
        Self { group: (id != 0).then_some(GroupCap { id, max }), ..self }
    }

    /// And at most `max` of them of this principal, at this server. Those without one have no group.
    pub(crate) fn of_principal(self, realm: u128, principal: Option<&str>, max: usize) -> Self {
        // Principals may choose their names: nobody finds one that takes another's share.
        let group = |principal: &str| digest("mcp-mount sessions 1", &[&realm.to_be_bytes(), principal.as_bytes()]);
        // 0 is no group.
        self.in_group(principal.map_or(0, |principal| group(principal).max(1)), max)
    }
}

/// What became of [`Store::reserve`](super::Store::reserve).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reserved {
    /// Written; there was room.
    Free,
    /// Written, in the place of this one.
    Evicted(Key),
    /// Not written: there is a value of this key.
    There,
    /// Not written: every value is in use. After this time, which is not zero, the first may give way or expire.
    Full(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the algebra of FNV-1a, which has no secret, anybody can make names that have the same fingerprint.
    #[test]
    fn the_share_of_a_principal_is_not_told_by_a_fingerprint() {
        let cap = Cap::new(10, Duration::ZERO);
        let group = |realm, principal| cap.of_principal(realm, principal, 2).group.map(|group| group.id);
        let ids = [group(1, Some("alice")), group(1, Some("bob")), group(2, Some("alice")), group(1, Some(""))];
        assert!(ids.iter().all(Option::is_some) && group(1, None).is_none());
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id));
        }
        assert_ne!(ids[0].map(|id| id ^ 1), Some(fingerprint("alice")));
        assert_eq!(group(1, Some("alice")), ids[0]);
    }
}
