//! The names of a struct's fields, in order. serde knows it; the properties of a schema have none.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// The names that `T` is read by, in the order of its fields. None where it is no struct of named fields, or has more than
/// these, as with `#[serde(flatten)]`.
pub(crate) fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It is never read: that it fails is how it ends.
    drop(T::deserialize(Names(&mut names)));
    names
}

struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("there is nothing to read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its fields' names matter")]
    struct Named {
        zone_id: u8,
        #[serde(rename = "b")]
        other: Option<String>,
        #[serde(skip)]
        gone: u8,
        #[serde(default)]
        a: u8,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its fields' names matter")]
    struct Around(Named);

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its fields' names matter")]
    struct Flat {
        a: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, String>,
    }

    #[test]
    fn names_are_those_on_the_wire_in_the_order_of_the_fields() {
        assert_eq!(names::<Named>(), ["zoneId", "b", "a"]);
        assert_eq!(names::<Around>(), names::<Named>());
        assert_eq!(names::<Option<Around>>(), names::<Named>());
    }

    #[test]
    fn what_is_no_struct_of_named_fields_has_none() {
        let none: [&str; 0] = [];
        assert_eq!(names::<Flat>(), none);
        assert_eq!(names::<BTreeMap<String, String>>(), none);
        assert_eq!(names::<serde_json::Value>(), none);
        assert_eq!(names::<()>(), none);
    }
}
