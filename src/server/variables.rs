//! Named strings, read into the types of a handler: the variables of a resource's URI and the arguments of a prompt.
//!
//! A value is a string on the wire and whatever the field is for the handler: a number, `bool`, `char`, an enum of plain
//! variants, an `Option`, or a `Vec` of these for a name that comes several times (or once). The empty string is a value:
//! `Some("")` for an `Option<String>`, and no number. What has to guess its type, as behind `#[serde(flatten)]` and
//! `#[serde(untagged)]`, finds strings.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde::de::value::{BorrowedStrDeserializer, Error, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// Reads `T`. The error has the path and what was expected there: `arguments.limit: invalid digit found in string`.
pub(crate) fn from_strings<T: DeserializeOwned>(pairs: &[(impl AsRef<str>, String)]) -> Result<T, String> {
    let mut grouped = BTreeMap::<&str, Vec<&str>>::new();
    for (name, value) in pairs {
        grouped.entry(name.as_ref()).or_default().push(value);
    }
    T::deserialize(Strings(&grouped)).map_err(|error| fault::<T>(&grouped, &error))
}

/// Reads once more to find the path, as for a tool's arguments.
#[cold]
fn fault<T: DeserializeOwned>(grouped: &BTreeMap<&str, Vec<&str>>, error: &Error) -> String {
    match serde_path_to_error::deserialize::<_, T>(Strings(grouped)) {
        Err(error) if error.path().to_string() != "." => format!("arguments.{}: {}", error.path(), error.inner()),
        _ => format!("arguments: {error}"),
    }
}

/// All pairs, by name.
struct Strings<'g, 'de>(&'g BTreeMap<&'de str, Vec<&'de str>>);

impl<'de> Deserializer<'de> for Strings<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let pairs = self.0.iter().map(|(name, values)| (BorrowedStrDeserializer::new(name), Values(values)));
        visitor.visit_map(MapDeserializer::new(pairs))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// The values of one name; never none.
#[derive(Clone, Copy)]
struct Values<'g, 'de>(&'g [&'de str]);

impl<'de> Values<'_, 'de> {
    fn one(self) -> Result<&'de str, Error> {
        match self.0 {
            [value] => Ok(value),
            values => Err(Error::custom(format_args!("given {} times, expected once", values.len()))),
        }
    }

    fn parse<T: FromStr<Err: Display>>(self) -> Result<T, Error> {
        self.one()?.parse().map_err(Error::custom)
    }

    /// A JSON number is never infinite and never NaN, so neither is one that comes as a string.
    fn finite<T: FromStr<Err: Display> + Copy + Into<f64>>(self) -> Result<T, Error> {
        let number: T = self.parse()?;
        if number.into().is_finite() { Ok(number) } else { Err(Error::custom("expected a finite number")) }
    }
}

macro_rules! parsed {
    ($($method:ident => $visit:ident $read:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                visitor.$visit(self.$read()?)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Values<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            [value] => visitor.visit_borrowed_str(value),
            _ => self.deserialize_seq(visitor),
        }
    }

    parsed! {
        deserialize_bool => visit_bool parse
        deserialize_i8 => visit_i8 parse
        deserialize_i16 => visit_i16 parse
        deserialize_i32 => visit_i32 parse
        deserialize_i64 => visit_i64 parse
        deserialize_i128 => visit_i128 parse
        deserialize_u8 => visit_u8 parse
        deserialize_u16 => visit_u16 parse
        deserialize_u32 => visit_u32 parse
        deserialize_u64 => visit_u64 parse
        deserialize_u128 => visit_u128 parse
        deserialize_f32 => visit_f32 finite
        deserialize_f64 => visit_f64 finite
        deserialize_str => visit_borrowed_str one
        deserialize_string => visit_borrowed_str one
        deserialize_char => visit_borrowed_str one
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.one()?))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut values = SeqDeserializer::new(self.0.iter().map(|value| Self(std::slice::from_ref(value))));
        let result = visitor.visit_seq(&mut values)?;
        values.end()?;
        Ok(result)
    }

    forward_to_deserialize_any! {
        bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de> for Values<'_, 'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::Deserialize;

    use super::from_strings;

    fn read<T: serde::de::DeserializeOwned>(pairs: &[(&str, &str)]) -> Result<T, String> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        from_strings(&pairs)
    }

    /// A struct with the one field `x`.
    #[derive(Debug, PartialEq, Deserialize)]
    struct X<T> {
        x: T,
    }

    fn x<T: serde::de::DeserializeOwned>(values: &[&str]) -> Result<T, String> {
        let pairs: Vec<_> = values.iter().map(|value| ("x".to_owned(), (*value).to_owned())).collect();
        from_strings::<X<T>>(&pairs).map(|X { x }| x)
    }

    fn fault<T: serde::de::DeserializeOwned + std::fmt::Debug>(values: &[&str]) -> String {
        x::<T>(values).unwrap_err()
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Order {
        Newest,
        ByName,
        #[serde(rename = "other")]
        Other(u8),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Id(u64);

    #[test]
    fn the_types_of_fields() {
        assert_eq!(x(&["a b"]), Ok("a b".to_owned()));
        assert_eq!(x(&["-7"]), Ok(-7_i8));
        assert_eq!(x(&["340282366920938463463374607431768211455"]), Ok(u128::MAX));
        assert_eq!(x(&["-2"]), Ok(-2_i128));
        assert_eq!(x(&["18446744073709551615"]), Ok(u64::MAX));
        assert_eq!(x(&["1.5"]), Ok(1.5_f32));
        assert_eq!(x(&["-1e3"]), Ok(-1000_f64));
        assert_eq!(x(&["true"]), Ok(true));
        assert_eq!(x(&["ü"]), Ok('ü'));
        assert_eq!(x(&["by_name"]), Ok(Order::ByName));
        assert_eq!(x(&["7"]), Ok(Id(7)));
        assert_eq!(x(&["7"]), Ok(Some(Id(7))));
        assert_eq!(x(&["1", "2"]), Ok((1_u8, "2".to_owned())));
        assert_eq!(x(&["1"]), Ok(serde_json::json!("1")));
        assert_eq!(x(&["1", "2"]), Ok(serde_json::json!(["1", "2"])));
    }

    #[test]
    fn a_name_that_comes_several_times_is_a_list() {
        assert_eq!(x(&["3", "1", "2"]), Ok(vec![3, 1, 2]));
        assert_eq!(x(&["3"]), Ok(vec![3]));
        assert_eq!(x(&[""]), Ok(vec![String::new()]));
        assert_eq!(x(&["newest", "by_name"]), Ok(vec![Order::Newest, Order::ByName]));
        assert_eq!(x(&["b", "a", "b"]), Ok(BTreeSet::from(["a".to_owned(), "b".to_owned()])));
        assert_eq!(x(&["3", "1"]), Ok(Some(vec![3, 1])));
        assert_eq!(x::<Option<Vec<u8>>>(&[]), Ok(None));
    }

    #[test]
    fn the_empty_string_is_a_value() {
        assert_eq!(x(&[""]), Ok(String::new()));
        assert_eq!(x(&[""]), Ok(Some(String::new())));
        assert_eq!(x::<Option<String>>(&[]), Ok(None));
        assert_eq!(fault::<u8>(&[""]), "arguments.x: cannot parse integer from empty string");
        assert_eq!(fault::<Option<u8>>(&[""]), "arguments.x: cannot parse integer from empty string");
    }

    #[test]
    fn faults_name_the_path_and_what_was_expected() {
        assert_eq!(fault::<u8>(&["x"]), "arguments.x: invalid digit found in string");
        assert_eq!(fault::<u8>(&["256"]), "arguments.x: number too large to fit in target type");
        assert_eq!(fault::<Option<Id>>(&["-1"]), "arguments.x: invalid digit found in string");
        assert_eq!(fault::<f64>(&["1,5"]), "arguments.x: invalid float literal");
        assert_eq!(fault::<f64>(&["NaN"]), "arguments.x: expected a finite number");
        assert_eq!(fault::<f32>(&["1e99"]), "arguments.x: expected a finite number");
        assert_eq!(fault::<bool>(&["1"]), "arguments.x: provided string was not `true` or `false`");
        assert_eq!(fault::<char>(&["ab"]), "arguments.x: invalid value: string \"ab\", expected a character");
        assert_eq!(fault::<Vec<u8>>(&["1", "b"]), "arguments.x[1]: invalid digit found in string");
        assert_eq!(fault::<String>(&["a", "b"]), "arguments.x: given 2 times, expected once");
        assert_eq!(fault::<u8>(&["1", "1"]), "arguments.x: given 2 times, expected once");
        assert_eq!(fault::<(u8, u8)>(&["1"]), "arguments.x: invalid type: string \"1\", expected a tuple of size 2");
        let text = "arguments.x: invalid length 3, expected 2 elements in sequence";
        assert_eq!(fault::<(u8, u8)>(&["1", "2", "3"]), text);
        let text = "arguments.x: unknown variant `oldest`, expected one of `newest`, `by_name`, `other`";
        assert_eq!(fault::<Order>(&["oldest"]), text);
        assert!(fault::<Order>(&["other"]).starts_with("arguments.x"), "{}", fault::<Order>(&["other"]));
        assert_eq!(fault::<X<u8>>(&["1"]), "arguments.x: invalid type: string \"1\", expected struct X");
        assert_eq!(fault::<u8>(&[]), "arguments: missing field `x`");
        assert_eq!(fault::<Vec<u8>>(&[]), "arguments: missing field `x`");
    }

    #[test]
    fn names_that_nobody_knows() {
        assert_eq!(read(&[("y", "1"), ("x", "2"), ("y", "3")]), Ok(X { x: 2 }));

        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Strict {
            #[serde(default)]
            x: Vec<u8>,
        }
        assert_eq!(read(&[("x", "2")]), Ok(Strict { x: vec![2] }));
        assert_eq!(read(&[]), Ok(Strict { x: vec![] }));
        assert_eq!(read::<Strict>(&[("y", "2")]).unwrap_err(), "arguments.y: unknown field `y`, expected `x`");
    }

    #[test]
    fn what_is_no_struct_with_fields() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Around(X<u8>);
        #[derive(Debug, PartialEq, Deserialize)]
        struct Flat {
            #[serde(flatten)]
            rest: BTreeMap<String, String>,
        }

        let one = [("x", "1")];
        let map = BTreeMap::from([("x".to_owned(), "1".to_owned())]);
        assert_eq!(read(&one), Ok(map.clone()));
        assert_eq!(read(&one), Ok(Flat { rest: map }));
        assert_eq!(read(&one), Ok(Around(X { x: 1 })));
        assert_eq!(read(&one), Ok(Some(X { x: 1 })));
        assert_eq!(read::<()>(&one).unwrap_err(), "arguments: invalid type: map, expected unit", "as in JSON");
        assert_eq!(read(&one), Ok(serde_json::json!({ "x": "1" })));
        assert_eq!(read::<u8>(&one).unwrap_err(), "arguments: invalid type: map, expected u8");
    }
}
