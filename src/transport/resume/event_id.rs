//! What events are called.

use std::fmt;

use crate::server::changes::Position;

/// No id of ours is longer, and what is longer is not looked at.
const LONGEST: usize = 128;

/// The name of a stream: what the ids of its events begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamName {
    /// Which epoch of the store the numbers are of; on a session's own stream, which process, or which feed of all replicas.
    pub(crate) epoch: u64,
    /// 0 for the session's own stream, else [one of its own](super::stream_ids).
    pub(crate) stream: u128,
}

/// An event's id: opaque to clients, unique in the session («Resumability and Redelivery»).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) of: StreamName,
    pub(crate) seq: u64,
    /// On the session's own stream: of which connection it is, if it is not of a change, whose number is not given out twice.
    /// So is what begins the connection, telling how far its client is, and what tells that everything may have changed.
    pub(crate) began: Option<u64>,
}

impl StreamName {
    /// The event of this stream with this number.
    pub(crate) fn event(self, seq: u64) -> EventId {
        EventId { of: self, seq, began: None }
    }

    /// The session's own stream, under the numbers of a process or of a feed.
    pub(crate) fn own(epoch: u64) -> Self {
        Self { epoch, stream: 0 }
    }

    /// What begins a `connection` of the session's own stream, for who has been told up to `position`.
    pub(crate) fn at(self, position: Position, connection: u64) -> EventId {
        let seq = match position {
            Position::After(number) => number,
            // No change has this number, so that who comes back with it is told everything again.
            Position::Lost => u64::MAX,
        };
        EventId { began: Some(connection), ..self.event(seq) }
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
        let began = parts.next().filter(|_| of.stream == 0).map(str::parse).transpose().ok()?;
        let id = Self { of, seq: seq.parse().ok()?, began };
        // There is one way to write an id: no sign, no capitals, no zeros before it, nothing behind it.
        (id.text().as_bytes() == text.as_bytes()).then_some(id)
    }

    /// The id as it is sent.
    pub(crate) fn text(self) -> Text {
        let Self { of: StreamName { epoch, stream }, seq, began } = self;
        let mut text = Text { bytes: [0; LONGEST_WRITTEN], length: 0 };
        text.push_hex(epoch);
        text.push(b'-');
        text.push_hex((stream >> 64) as u64);
        text.push_hex(stream as u64);
        text.push(b'-');
        text.push_decimal(seq);
        if let Some(began) = began {
            text.push(b'-');
            text.push_decimal(began);
        }
        text
    }
}

/// 16 and 32 hexadecimal digits, two numbers, and the dashes between them.
const LONGEST_WRITTEN: usize = 16 + 1 + 32 + 1 + 20 + 1 + 20;

/// An event's id as text. In place, since every event has one, and a formatter costs more than the rest of the event.
pub(crate) struct Text {
    bytes: [u8; LONGEST_WRITTEN],
    length: usize,
}

impl Text {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn push_hex(&mut self, number: u64) {
        let digits = self.bytes[self.length..].first_chunk_mut::<16>().expect("there is room for all");
        for (at, digit) in digits.iter_mut().rev().enumerate() {
            *digit = b"0123456789abcdef"[(number >> (4 * at)) as usize & 15];
        }
        self.length += 16;
    }

    fn push_decimal(&mut self, number: u64) {
        let from = self.length;
        let mut rest = number;
        loop {
            self.push(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.bytes[from..self.length].reverse();
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(self.text().as_bytes()).expect("digits and dashes"))
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

    #[test]
    fn what_begins_a_connection_is_no_event_of_its_stream() {
        let own = StreamName::own(0xab);
        let (one, other) = (own.at(Position::After(7), 1), own.at(Position::After(7), 2));
        let text = "00000000000000ab-00000000000000000000000000000000-7-1";
        assert_eq!((one.to_string().as_str(), EventId::parse(text.as_bytes())), (text, Some(one)));
        assert!(one != other && one != own.event(7) && one.seq == 7);
        assert_eq!(own.at(Position::Lost, 1).seq, u64::MAX);
        for bad in [format!("{text}-1"), format!("{text}-"), text.replace("-1", "-01"), text.replace("-1", "-")] {
            assert_eq!(EventId::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(epoch: u64, stream: u128, seq: u64, began: Option<u64>) {
            let name = StreamName { epoch, stream: if began.is_some() { 0 } else { stream } };
            let id = EventId { of: name, seq, began };
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
