//! What the feed's entries look like: a letter, and of a resource its URI.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::Change;
use crate::protocol::subscriptions::ChangedList;

const TOOLS: u8 = b't';
const RESOURCES: u8 = b'r';
const PROMPTS: u8 = b'p';
const UPDATED: u8 = b'u';
const EVERYTHING: u8 = b'*';

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// The feed begins.
    Nothing,
    Change(Change),
    /// So much has changed that it is not said what.
    Everything,
}

impl Entry {
    pub(super) fn encode(&self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::Everything => Bytes::from_static(&[EVERYTHING]),
            Self::Change(Change::List(ChangedList::Tools)) => Bytes::from_static(&[TOOLS]),
            Self::Change(Change::List(ChangedList::Resources)) => Bytes::from_static(&[RESOURCES]),
            Self::Change(Change::List(ChangedList::Prompts)) => Bytes::from_static(&[PROMPTS]),
            Self::Change(Change::Resource(uri)) => {
                let mut entry = BytesMut::with_capacity(1 + uri.len());
                entry.put_u8(UPDATED);
                entry.put_slice(uri.as_bytes());
                entry.freeze()
            }
        }
    }

    /// What cannot be read is of a later version: it says that something has changed.
    pub(super) fn decode(entry: &[u8]) -> Self {
        match entry {
            [] => Self::Nothing,
            [TOOLS] => Self::Change(Change::List(ChangedList::Tools)),
            [RESOURCES] => Self::Change(Change::List(ChangedList::Resources)),
            [PROMPTS] => Self::Change(Change::List(ChangedList::Prompts)),
            [UPDATED, uri @ ..] => match std::str::from_utf8(uri) {
                Ok(uri) => Self::Change(Change::Resource(uri.into())),
                Err(_) => Self::Everything,
            },
            _ => Self::Everything,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_not_known_is_everything() {
        let lists = [ChangedList::Tools, ChangedList::Resources, ChangedList::Prompts].map(Change::List);
        let uris = ["", "t", "*", "test://é/%20?x"].map(|uri| Change::Resource(uri.into()));
        let changes = lists.into_iter().chain(uris).map(Entry::Change);
        for entry in changes.chain([Entry::Nothing, Entry::Everything]) {
            assert_eq!(Entry::decode(&entry.encode()), entry);
        }
        for unknown in [&b"x"[..], b"tt", b"u\xff"] {
            assert_eq!(Entry::decode(unknown), Entry::Everything);
        }
    }
}
