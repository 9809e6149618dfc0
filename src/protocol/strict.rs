//! JSON that means one thing only: read for checks that must see what the handler will see.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Any JSON value in which no object has a member twice: of two, one reader could take the first and another the last.
pub(crate) struct Strict(pub(crate) Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AnyValue.deserialize(deserializer).map(Self)
    }
}

struct AnyValue;

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
            }
            let value = map.next_value_seed(Self)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

/// Strings by name, in the order they were sent, none of them twice.
#[derive(Debug, Default)]
pub(crate) struct Strings(pub(crate) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringsVisitor;

        impl<'de> Visitor<'de> for StringsVisitor {
            type Value = Strings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strings, A::Error> {
                let mut strings: Vec<(String, String)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    if strings.len() == MOST_STRINGS {
                        return Err(A::Error::custom(format_args!("more than {MOST_STRINGS} of them")));
                    }
                    if strings.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
                    }
                    strings.push((name, value));
                }
                Ok(Strings(strings))
            }
        }

        deserializer.deserialize_map(StringsVisitor)
    }
}

/// More than any prompt or template has.
const MOST_STRINGS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_it_says_or_nothing() {
        let good = r#"{"a":[1,-2,3.5,true,null,"x\n"],"b":{"c":18446744073709551615}}"#;
        let Strict(value) = serde_json::from_str(good).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(good).unwrap());
        let deep = format!("{}{}", "[".repeat(130), "]".repeat(130));
        for bad in [r#"{"a":1,"a":2}"#, r#"{"x":{"a":1,"a":1}}"#, r#"[{"a":1,"\u0061":1}]"#, r#"{"a":1e999}"#, &deep] {
            assert!(serde_json::from_str::<Strict>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn strings_are_few_and_each_there_once() {
        let Strings(strings) = serde_json::from_str(r#"{"b":"1","a":"2"}"#).unwrap();
        assert_eq!(strings, [("b".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())]);
        let many: Vec<_> = (0..=MOST_STRINGS).map(|number| format!(r#""{number}":"""#)).collect();
        for bad in [r#"{"a":"1","a":"2"}"#, r#"{"a":1}"#, "[]", &format!("{{{}}}", many.join(","))] {
            assert!(serde_json::from_str::<Strings>(bad).is_err(), "{bad}");
        }
    }
}
