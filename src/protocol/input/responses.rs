//! The answers that come with a request (2026-07-28, basic/patterns/mrtr, «InputResponses»).

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// More than any handler may ask in one run.
const MOST: usize = 256;

/// Answers by the key of their question, none of them twice, each as it was sent.
#[derive(Debug, Default)]
pub(crate) struct InputResponses(pub(crate) HashMap<Box<str>, Box<RawValue>>);

impl<'de> Deserialize<'de> for InputResponses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ResponsesVisitor;

        impl<'de> Visitor<'de> for ResponsesVisitor {
            type Value = InputResponses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of answers by key")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InputResponses, A::Error> {
                let mut answers = HashMap::new();
                while let Some(key) = map.next_key::<Box<str>>()? {
                    if answers.len() == MOST {
                        return Err(A::Error::custom(format_args!("more than {MOST} answers")));
                    }
                    if answers.contains_key(&key) {
                        // A proxy could have read the other one.
                        return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
                    }
                    answers.insert(key, map.next_value()?);
                }
                Ok(InputResponses(answers))
            }
        }

        deserializer.deserialize_map(ResponsesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_few_and_each_there_once() {
        let InputResponses(read) = serde_json::from_str(r#"{"a":{"action":"accept"},"b":[1]}"#).unwrap();
        assert_eq!((read.len(), read["a"].get()), (2, r#"{"action":"accept"}"#));
        let many = |count| {
            let members: Vec<_> = (0..count).map(|number| format!(r#""{number}":0"#)).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(serde_json::from_str::<InputResponses>(&many(MOST)).is_ok());
        for bad in [&many(MOST + 1), r#"{"a":1,"a":2}"#, "[]", "5"] {
            assert!(serde_json::from_str::<InputResponses>(bad).is_err(), "{bad}");
        }
    }
}
