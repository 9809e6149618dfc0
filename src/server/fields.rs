//! The names of a struct's fields, in the order they were declared in: a JSON object has none, but a form does.

use std::fmt;

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// The fields of `T` as its `Deserialize` asks for them; nothing for what is no plain struct.
pub(crate) fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It always fails: all that is of interest has been said by then.
    let _ = T::deserialize(Asked(&mut names));
    names
}

/// Notes what it is asked for, and has none of it.
struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom(Nothing))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom(Nothing))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Nothing;

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is nothing to read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only their names count")]
    struct Form {
        zip: String,
        #[serde(rename = "name")]
        who: String,
        address: Option<String>,
    }

    #[test]
    fn fields_come_as_they_were_declared() {
        assert_eq!(names::<Form>(), ["zip", "name", "address"]);
        assert!(names::<serde_json::Value>().is_empty());
        assert!(names::<String>().is_empty());
    }
}
