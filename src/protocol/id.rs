//! Ids of requests, and what else may stand in their place.

use std::borrow::Cow;
use std::fmt;

use bytes::BufMut;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::escape::write_string;

/// The largest integer that is read exactly when it is written with a fraction, as `5.0`. Without one every 64-bit
/// integer is.
const LARGEST_FLOAT: f64 = 1e15;

/// The id of a request, echoed with the JSON type it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestId {
    Signed(i64),
    Unsigned(u64),
    Text(Box<str>),
}

impl RequestId {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Signed(number) => write_integer(out, *number),
            Self::Unsigned(number) => write_integer(out, *number),
            Self::Text(text) => write_string(out, text),
        }
    }

    /// How much it takes, if it needs no escapes.
    pub(crate) fn usual_size(&self) -> usize {
        let digits = |number: u64| number.checked_ilog10().map_or(1, |digits| digits as usize + 1);
        match self {
            Self::Signed(number) => usize::from(*number < 0) + digits(number.unsigned_abs()),
            Self::Unsigned(number) => digits(*number),
            Self::Text(text) => text.len() + 2,
        }
    }
}

fn write_integer(out: &mut Vec<u8>, number: impl serde::Serialize) {
    serde_json::to_writer(out.writer(), &number).expect("writing an integer to memory cannot fail");
}

/// Whatever stands where an id may stand. Reading one never fails, so that the rest of the message is read and the
/// refusal can say what is wrong.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Id<'a> {
    #[default]
    Absent,
    Null,
    /// Neither a string nor an integer.
    Invalid,
    Signed(i64),
    Unsigned(u64),
    Text(Cow<'a, str>),
}

impl Id<'_> {
    /// The id, if it is one that a request may have (2025-11-25, basic/index, «Requests»: a string or an integer, never
    /// null).
    pub(crate) fn to_request_id(&self) -> Option<RequestId> {
        match self {
            Self::Signed(number) => Some(RequestId::Signed(*number)),
            Self::Unsigned(number) => Some(RequestId::Unsigned(*number)),
            Self::Text(text) => Some(RequestId::Text(text.as_ref().into())),
            Self::Absent | Self::Null | Self::Invalid => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

/// A progress token: an id that may be left out.
#[derive(Debug, Default)]
pub(crate) struct Token<'a>(pub(crate) Id<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Token<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Id::deserialize(deserializer)? {
            Id::Invalid => Err(D::Error::custom("expected a string or an integer")),
            id => Ok(Self(id)),
        }
    }
}

struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = Id<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an integer")
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Id::Signed(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Id::Unsigned(number))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be integral within 1e15")]
    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        // JSON has one kind of number: 1.0 is the integer 1, and the same id.
        Ok(match number {
            _ if number.fract() != 0.0 || number.abs() > LARGEST_FLOAT => Id::Invalid,
            _ if number < 0.0 => Id::Signed(number as i64),
            _ => Id::Unsigned(number as u64),
        })
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Id::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Id::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Id::Invalid)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Id::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Id::Invalid)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Id::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<RequestId> {
        serde_json::from_str::<Id<'_>>(text).ok()?.to_request_id()
    }

    #[test]
    fn ids_keep_their_type_and_value() {
        for id in ["1", "-7", "18446744073709551615", "9007199254740993", "\"a\\\"b\"", "\"\""] {
            let mut out = Vec::new();
            read(id).unwrap().write(&mut out);
            assert_eq!(std::str::from_utf8(&out).unwrap(), id);
        }
        assert_eq!(read("1.0"), Some(RequestId::Unsigned(1)));
        for id in ["null", "true", "1.5", "{}", "[1]", "1e400", "123456789012345678901234567890"] {
            assert_eq!(read(id), None, "{id}");
        }
    }

    #[test]
    fn the_usual_size_is_what_is_written() {
        for id in [
            "0",
            "9",
            "10",
            "-1",
            "-10",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "\"a-1\"",
        ] {
            assert_eq!(read(id).unwrap().usual_size(), id.len(), "{id}");
        }
    }
}
