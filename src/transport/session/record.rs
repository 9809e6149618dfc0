//! The record of a session, as it is stored.
//!
//! ```text
//! format 1 | revision | log level or 255 | 1 + owner's length or 0, u32 | owner | client's name as JSON
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};

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
    /// The id of the principal that opened it; `None` if it was opened by nobody in particular.
    owner: Option<Bytes>,
    /// `clientInfo`, as JSON text.
    pub(crate) client_info: Bytes,
}

impl Record {
    pub(crate) fn new(revision: Revision, owner: Option<&Principal>, client_info: Bytes) -> Self {
        let owner = owner.map(|owner| Bytes::copy_from_slice(owner.id().as_bytes()));
        Self { revision, log_level: None, owner, client_info }
    }

    pub(crate) fn is_owned_by(&self, principal: Option<&Principal>) -> bool {
        self.owner.as_deref() == principal.map(|principal| principal.id().as_bytes())
    }

    pub(crate) fn encode(&self) -> Bytes {
        let owner = self.owner.as_deref();
        let mut out = BytesMut::with_capacity(8 + owner.map_or(0, <[u8]>::len) + self.client_info.len());
        out.put_u8(FORMAT);
        out.put_u8(u8::try_from(self.revision.index()).expect("there are five revisions"));
        out.put_u8(self.log_level.map_or(NO_LEVEL, |level| level as u8));
        out.put_u32(owner.map_or(0, |owner| 1 + u32::try_from(owner.len()).unwrap_or(u32::MAX - 1)));
        out.put_slice(owner.unwrap_or_default());
        out.put_slice(&self.client_info);
        out.freeze()
    }

    /// `None` for what this version did not write.
    pub(crate) fn decode(value: &Bytes) -> Option<Self> {
        let mut rest = value.clone();
        if rest.len() < 7 || rest.get_u8() != FORMAT {
            return None;
        }
        let revision = *Revision::ALL.get(usize::from(rest.get_u8()))?;
        let log_level = match rest.get_u8() {
            NO_LEVEL => None,
            index => Some(LogLevel::from_index(index)?),
        };
        let owner = match usize::try_from(rest.get_u32()).ok()? {
            0 => None,
            length if length - 1 <= rest.len() => Some(rest.split_to(length - 1)),
            _ => return None,
        };
        Some(Self { revision, log_level, owner, client_info: rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let info = Bytes::from_static(b"{\"name\":\"c\"}");
        let mut record = Record::new(Revision::V2025_06_18, Some(&Principal::new("alice")), info.clone());
        record.log_level = Some(LogLevel::Emergency);
        assert_eq!(Record::decode(&record.encode()), Some(record.clone()));
        assert!(record.is_owned_by(Some(&Principal::new("alice"))));
        assert!(!record.is_owned_by(Some(&Principal::new("bob"))));
        assert!(!record.is_owned_by(None));
        let anonymous = Record::new(Revision::V2025_06_18, None, info);
        assert_eq!(Record::decode(&anonymous.encode()), Some(anonymous.clone()));
        assert!(!anonymous.is_owned_by(Some(&Principal::new(""))));
        assert!(anonymous.is_owned_by(None));
    }

    #[test]
    fn what_is_no_record_is_none() {
        for bad in
            [&b""[..], b"\x01\x00\xff\x00\x00\x00", b"\x02\x00\xff\x00\x00\x00\x00", b"\x01\x00\xff\x00\x00\x00\x09a"]
        {
            assert_eq!(Record::decode(&Bytes::from_static(bad)), None);
        }
    }
}
