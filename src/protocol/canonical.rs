//! One text for one value: what is compared by a digest must not depend on the order in which somebody wrote it.

use serde_json::Value;

/// The value as JSON without white space, the members of every object sorted by their names.
pub(crate) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, value) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write(value, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_members_does_not_matter_and_that_of_items_does() {
        let text = |json: &str| canonical(&serde_json::from_str(json).unwrap());
        assert_eq!(text(r#"{"b":[1,{"d":null,"c":"\""}],"a":true}"#), r#"{"a":true,"b":[1,{"c":"\"","d":null}]}"#);
        assert_eq!(
            text(r#"{"a":true,"b":[1,{"c":"\"","d":null}]}"#),
            text(r#"{"b":[1,{"d":null,"c":"\""}],"a":true}"#)
        );
        assert_ne!(text("[1,2]"), text("[2,1]"));
    }
}
