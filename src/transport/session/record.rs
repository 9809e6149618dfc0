//! The record of a session, as it is stored.
//!
//! ```text
//! format 1 | revision | log level or 255 | 1 + owner's length or 0, u32 | owner | client's name as JSON
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use crate::auth::Principal;
use crate::protocol::notifications::LogLevel;
use crate::protocol::revision::Revision;

const FORMAT: u8 = 1;
const NO_LEVEL: u8 = 255;

/// What is known of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) revision: Revision,
    pub(crate) log_level: Option<LogLevel>,
    /// Whether it was opened by somebody in particular.
    owned: bool,
    /// Where the owner's id ends in `value`, and the client's name begins.
    owner_end: usize,
    /// The whole record as it was stored.
    value: Bytes,
}

/// Where the owner's id begins.
const OWNER: usize = 7;

impl Record {
    pub(crate) fn new(revision: Revision, owner: Option<&Principal>, client_info: &str) -> Self {
        let owner_id = owner.map_or("", Principal::id);
        let mut value = BytesMut::with_capacity(OWNER + owner_id.len() + client_info.len());
        value.put_slice(&[FORMAT, u8::try_from(revision.index()).expect("there are five revisions"), NO_LEVEL]);
        let length = u32::try_from(owner_id.len()).unwrap_or(u32::MAX - 1);
        value.put_u32(if owner.is_some() { length + 1 } else { 0 });
        value.put_slice(owner_id.as_bytes());
        value.put_slice(client_info.as_bytes());
        let owner_end = OWNER + owner_id.len();
        Self { revision, log_level: None, owned: owner.is_some(), owner_end, value: value.freeze() }
    }

    pub(crate) fn is_owned_by(&self, principal: Option<&Principal>) -> bool {
        let owner = self.owned.then(|| &self.value[OWNER..self.owner_end]);
        owner == principal.map(|principal| principal.id().as_bytes())
    }

    /// `clientInfo`, as JSON text.
    pub(crate) fn client_info(&self) -> Bytes {
        self.value.slice(self.owner_end..)
    }

    pub(crate) fn with_level(&self, level: LogLevel) -> Self {
        let mut value = BytesMut::from(&self.value[..]);
        value[2] = level as u8;
        Self { log_level: Some(level), value: value.freeze(), ..*self }
    }

    /// The record, to be stored.
    pub(crate) fn encode(&self) -> Bytes {
        self.value.clone()
    }

    /// `None` for what this version did not write.
    pub(crate) fn decode(value: Bytes) -> Option<Self> {
        let [FORMAT, revision, level, a, b, c, d, ..] = value[..] else { return None };
        let revision = *Revision::ALL.get(usize::from(revision))?;
        let log_level = if level == NO_LEVEL { None } else { Some(LogLevel::from_index(level)?) };
        let owner = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let owner_end = OWNER + owner.saturating_sub(1);
        (owner_end <= value.len()).then_some(Self { revision, log_level, owned: owner > 0, owner_end, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let info = "{\"name\":\"c\"}";
        let record = Record::new(Revision::V2025_06_18, Some(&Principal::new("alice")), info);
        assert_eq!(Record::decode(record.encode()), Some(record.clone()));
        let louder = record.with_level(LogLevel::Emergency);
        assert_eq!(Record::decode(louder.encode()).and_then(|record| record.log_level), Some(LogLevel::Emergency));
        assert_eq!(louder.client_info(), info);
        assert!(record.is_owned_by(Some(&Principal::new("alice"))));
        assert!(!record.is_owned_by(Some(&Principal::new("bob"))));
        assert!(!record.is_owned_by(None));
        let anonymous = Record::new(Revision::V2025_06_18, None, info);
        assert_eq!(Record::decode(anonymous.encode()), Some(anonymous.clone()));
        assert!(!anonymous.is_owned_by(Some(&Principal::new(""))));
        assert!(anonymous.is_owned_by(None));
    }

    #[test]
    fn what_is_no_record_is_none() {
        for bad in
            [&b""[..], b"\x01\x00\xff\x00\x00\x00", b"\x02\x00\xff\x00\x00\x00\x00", b"\x01\x00\xff\x00\x00\x00\x09a"]
        {
            assert_eq!(Record::decode(Bytes::from_static(bad)), None);
        }
    }
}
