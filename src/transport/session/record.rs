//! The record of a session, as it is stored.
//!
//! ```text
//! format 4 | revision | log level or 255 | capabilities | 1 + owner's length or 0, u32 | client's name's length, u32 |
//! extensions' length, u16 | generation, u32 | owner | client's name as JSON | client's extensions as JSON, or nothing |
//! the resources subscribed to: length, u16, and URI of each
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use crate::auth::Principal;
use crate::protocol::capabilities::ClientCapabilities;
use crate::protocol::notifications::LogLevel;
use crate::protocol::params::{MOST_SUBSCRIPTIONS, SUBSCRIPTION_BYTES};
use crate::protocol::revision::Revision;

const FORMAT: u8 = 4;
const NO_LEVEL: u8 = 255;

/// What is known of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) revision: Revision,
    pub(crate) log_level: Option<LogLevel>,
    pub(crate) capabilities: ClientCapabilities,
    /// Whether it was opened by somebody in particular.
    owned: bool,
    /// Where the owner's id ends in `value`, and the client's name begins.
    owner_end: usize,
    /// Where the client's name ends, and its extensions begin.
    info_end: usize,
    /// Where the extensions end, and the subscriptions begin.
    extensions_end: usize,
    /// The whole record as it was stored.
    value: Bytes,
}

/// Where the owner's id begins.
const OWNER: usize = 18;

/// Where the generation begins.
const GENERATION: usize = 14;

/// A session cannot subscribe to any more resources.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManySubscriptions;

impl Record {
    pub(crate) fn new(
        revision: Revision,
        owner: Option<&Principal>,
        client_info: &str,
        capabilities: ClientCapabilities,
        extensions: &str,
    ) -> Self {
        let owner_id = owner.map_or("", Principal::id);
        let mut value = BytesMut::with_capacity(OWNER + owner_id.len() + client_info.len() + extensions.len());
        let index = u8::try_from(revision.index()).expect("there are five revisions");
        value.put_slice(&[FORMAT, index, NO_LEVEL, capabilities.bits()]);
        let length = u32::try_from(owner_id.len()).unwrap_or(u32::MAX - 1);
        value.put_u32(if owner.is_some() { length + 1 } else { 0 });
        value.put_u32(u32::try_from(client_info.len()).expect("shortened to about a thousand bytes"));
        value.put_u16(u16::try_from(extensions.len()).expect("shortened to about a thousand bytes"));
        value.put_u32(0);
        value.put_slice(owner_id.as_bytes());
        let owner_end = value.len();
        value.put_slice(client_info.as_bytes());
        let info_end = value.len();
        value.put_slice(extensions.as_bytes());
        let (extensions_end, owned) = (value.len(), owner.is_some());
        let value = value.freeze();
        Self { revision, log_level: None, capabilities, owned, owner_end, info_end, extensions_end, value }
    }

    pub(crate) fn is_owned_by(&self, principal: Option<&Principal>) -> bool {
        let owner = self.owned.then(|| &self.value[OWNER..self.owner_end]);
        owner == principal.map(|principal| principal.id().as_bytes())
    }

    /// `clientInfo`, as JSON text.
    pub(crate) fn client_info(&self) -> Bytes {
        self.value.slice(self.owner_end..self.info_end)
    }

    /// `extensions` of the client's capabilities, as JSON text; nothing if it declared none.
    pub(crate) fn extensions(&self) -> Bytes {
        self.value.slice(self.info_end..self.extensions_end)
    }

    /// The URIs of the resources that the session wants to know changes of.
    pub(crate) fn subscriptions(&self) -> Vec<String> {
        let mut rest = &self.value[self.extensions_end..];
        let mut uris = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let Some((uri, after)) = after.split_at_checked(length) else { break };
            uris.push(String::from_utf8_lossy(uri).into_owned());
            rest = after;
        }
        uris
    }

    /// How many streams of its own the session has had on replicas that share a store: the newest of them is the open one.
    pub(crate) fn generation(&self) -> u32 {
        let bytes = self.value[GENERATION..].first_chunk().expect("the owner begins behind it");
        u32::from_be_bytes(*bytes)
    }

    /// With one stream more.
    pub(crate) fn with_next_generation(&self) -> Self {
        let mut value = BytesMut::from(&self.value[..]);
        let next = self.generation().saturating_add(1);
        value[GENERATION..OWNER].copy_from_slice(&next.to_be_bytes());
        Self { value: value.freeze(), ..*self }
    }

    pub(crate) fn with_level(&self, level: LogLevel) -> Self {
        let mut value = BytesMut::from(&self.value[..]);
        value[2] = level as u8;
        Self { log_level: Some(level), value: value.freeze(), ..*self }
    }

    /// With or without this subscription.
    pub(crate) fn with_subscription(&self, uri: &str, wanted: bool) -> Result<Self, TooManySubscriptions> {
        let mut uris = self.subscriptions();
        uris.retain(|one| one != uri);
        if wanted {
            uris.push(uri.to_owned());
        }
        if uris.len() > MOST_SUBSCRIPTIONS {
            return Err(TooManySubscriptions);
        }
        let mut value = BytesMut::from(&self.value[..self.extensions_end]);
        for uri in uris {
            value.put_u16(u16::try_from(uri.len()).map_err(|_| TooManySubscriptions)?);
            value.put_slice(uri.as_bytes());
        }
        if value.len() - self.extensions_end > SUBSCRIPTION_BYTES {
            return Err(TooManySubscriptions);
        }
        Ok(Self { value: value.freeze(), ..*self })
    }

    /// The record, to be stored.
    pub(crate) fn encode(&self) -> Bytes {
        self.value.clone()
    }

    /// `None` for what this version did not write.
    pub(crate) fn decode(value: Bytes) -> Option<Self> {
        let (head, _) = value.split_first_chunk::<OWNER>()?;
        let [FORMAT, revision, level, capabilities, a, b, c, d, e, f, g, h, i, j, ..] = *head else { return None };
        let revision = *Revision::ALL.get(usize::from(revision))?;
        let log_level = if level == NO_LEVEL { None } else { Some(LogLevel::from_index(level)?) };
        let owner = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let info = usize::try_from(u32::from_be_bytes([e, f, g, h])).ok()?;
        let owner_end = OWNER + owner.saturating_sub(1);
        let info_end = owner_end.checked_add(info)?;
        let extensions_end = info_end.checked_add(usize::from(u16::from_be_bytes([i, j])))?;
        let (capabilities, owned) = (ClientCapabilities::from_bits(capabilities), owner > 0);
        let record = Self { revision, log_level, capabilities, owned, owner_end, info_end, extensions_end, value };
        (extensions_end <= record.value.len()).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let (info, extensions) = ("{\"name\":\"c\"}", "{\"a/b\":{}}");
        let capabilities = ClientCapabilities::read("{\"sampling\":{}}");
        let record = Record::new(Revision::V2025_06_18, Some(&Principal::new("alice")), info, capabilities, extensions);
        assert_eq!(Record::decode(record.encode()), Some(record.clone()));
        let louder = record.with_level(LogLevel::Emergency);
        assert_eq!(Record::decode(louder.encode()).and_then(|record| record.log_level), Some(LogLevel::Emergency));
        assert_eq!((louder.client_info(), louder.extensions()), (info.into(), extensions.into()));
        assert!(record.is_owned_by(Some(&Principal::new("alice"))));
        assert!(!record.is_owned_by(Some(&Principal::new("bob"))));
        assert!(!record.is_owned_by(None));
        let anonymous = Record::new(Revision::V2025_06_18, None, info, capabilities, extensions);
        assert_eq!(Record::decode(anonymous.encode()), Some(anonymous.clone()));
        assert!(!anonymous.is_owned_by(Some(&Principal::new(""))));
        assert!(anonymous.is_owned_by(None));
    }

    #[test]
    fn generations_are_counted_beside_the_rest() {
        let record = Record::new(Revision::V2025_06_18, Some(&Principal::new("alice")), "{}", Default::default(), "");
        let third =
            record.with_next_generation().with_next_generation().with_level(LogLevel::Error).with_next_generation();
        let third = Record::decode(third.encode()).unwrap();
        assert_eq!((record.generation(), third.generation()), (0, 3));
        assert!(third.is_owned_by(Some(&Principal::new("alice"))));
        assert_eq!((third.client_info(), third.log_level), ("{}".into(), Some(LogLevel::Error)));
        assert_eq!(third.with_subscription("test://a", true).unwrap().generation(), 3);
    }

    #[test]
    fn what_is_no_record_is_none() {
        for bad in [
            &b""[..],
            b"\x04\0\xff\0\0\0\0\0\0\0\0\0\0\0",
            b"\x03\0\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            b"\x04\0\xff\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\0a",
        ] {
            assert_eq!(Record::decode(Bytes::from_static(bad)), None);
        }
    }

    #[test]
    fn subscriptions_come_and_go_and_are_bounded() {
        let record = Record::new(Revision::V2025_06_18, None, "{}", ClientCapabilities::default(), "");
        let two = record.with_subscription("test://a", true).and_then(|one| one.with_subscription("test://b", true));
        let two = two.and_then(|two| two.with_subscription("test://a", true)).unwrap();
        assert_eq!(Record::decode(two.encode()).unwrap().subscriptions(), ["test://b", "test://a"]);
        assert_eq!(two.client_info(), "{}");
        assert_eq!(two.with_subscription("test://b", false).unwrap().subscriptions(), ["test://a"]);
        let long = "x".repeat(SUBSCRIPTION_BYTES);
        assert_eq!(two.with_subscription(&long, true), Err(TooManySubscriptions));
        assert_eq!(two.with_subscription(&"x".repeat(70_000), true), Err(TooManySubscriptions));
    }
}
