//! What events are called.

use std::fmt;

use crate::server::changes::Position;

/// No id of ours is longer, and what is longer is not looked at.
const LONGEST: usize = 128;

/// The name of a stream: what the ids of its events begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamName {
    /// Which epoch of the store the numbers are of, or which process.
    pub(crate) epoch: u64,
    /// 0 for the session's own stream, else random.
    pub(crate) stream: u128,
}

/// An event's id: opaque to clients, unique in the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) of: StreamName,
    pub(crate) seq: u64,
}

impl StreamName {
    /// The event of this stream with this number.
    pub(crate) fn event(self, seq: u64) -> EventId {
        EventId { of: self, seq }
    }

    /// The session's own stream, in a process.
    pub(crate) fn own(epoch: u64) -> Self {
        Self { epoch, stream: 0 }
    }

    /// What begins the session's own stream for who has been told up to `position`.
    pub(crate) fn at(self, position: Position) -> EventId {
        match position {
            Position::After(number) => self.event(number),
            // No process has this epoch, so that who comes back with it is told everything again.
            Position::Lost => Self::own(0).event(0),
        }
    }
}

impl EventId {
    /// Reads an id that [`Display`](fmt::Display) has written, and no other.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= LONGEST)?;
        let mut parts = text.split('-');
        let (epoch, stream, seq) = (parts.next()?, parts.next()?, parts.next()?);
        let of =
            StreamName { epoch: u64::from_str_radix(epoch, 16).ok()?, stream: u128::from_str_radix(stream, 16).ok()? };
        let id = Self { of, seq: seq.parse().ok()? };
        // There is one way to write an id: no sign, no capitals, no zeros before it, nothing behind it.
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of: StreamName { epoch, stream }, seq } = self;
        write!(f, "{epoch:016x}-{stream:032x}-{seq}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_read_in_one_way_only() {
        let id = StreamName { epoch: 0xab, stream: 0xcd }.event(7);
        let text = "00000000000000ab-000000000000000000000000000000cd-7";
        assert_eq!((id.to_string().as_str(), EventId::parse(text.as_bytes())), (text, Some(id)));
        let (epoch, stream) = (&text[..16], &text[17..49]);
        for bad in [
            String::new(),
            "7".to_owned(),
            "ab-cd-7".to_owned(),
            text.to_uppercase(),
            format!("{epoch}-0{stream}-7"),
            format!("{epoch}-{}-7", &stream[1..]),
            format!("{epoch}-+{}-7", &stream[1..]),
            format!("0{epoch}-{stream}-7"),
            format!("{epoch}-{stream}-07"),
            format!("{epoch}-{stream}-+7"),
            format!("{epoch}-{stream}-7-"),
            format!("{epoch}-{stream}-7-7"),
            format!(" {text}"),
            format!("{epoch}-{stream}"),
            format!("{epoch}-{stream}-"),
            format!("{epoch}-{stream}-18446744073709551616"),
        ] {
            assert_eq!(EventId::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(EventId::parse(&[b'0'; 1 << 20]), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(epoch: u64, stream: u128, seq: u64) {
            let id = StreamName { epoch, stream }.event(seq);
            let text = id.to_string();
            prop_assert!(text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(EventId::parse(text.as_bytes()), Some(id));
        }

        #[test]
        fn what_is_read_was_written(text in "[0-9a-fA-F +_-]{0,60}|\\PC{0,60}") {
            if let Some(id) = EventId::parse(text.as_bytes()) {
                prop_assert_eq!(id.to_string(), text);
            }
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let _ = EventId::parse(&bytes);
        }
    }
}
