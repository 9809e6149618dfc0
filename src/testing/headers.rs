//! Headers that repeat what the body says (2026-07-28, basic/transports/streamable-http, «Request Metadata»).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

/// A parameter of a tool that goes into a header as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mirrored {
    header: HeaderName,
    path: Vec<String>,
}

impl Mirrored {
    /// The annotations of an input schema; the error says which of them a client must not accept.
    pub(super) fn of(schema: &Value) -> Result<Vec<Self>, String> {
        let mut found = Vec::new();
        properties(schema, &mut Vec::new(), &mut found)?;
        let mut names = BTreeSet::new();
        match found.iter().find(|mirrored| !names.insert(mirrored.header.as_str())) {
            Some(twice) => Err(format!("`{}` is there twice", twice.header)),
            None => Ok(found),
        }
    }

    /// The header that these arguments have, if they have the parameter.
    pub(super) fn header(&self, arguments: &Value) -> Option<(HeaderName, HeaderValue)> {
        let value = self.path.iter().try_fold(arguments, |value, step| value.get(step))?;
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some((self.header.clone(), encode(&text)))
    }
}

/// Follows chains of `properties`, the only ones on which an annotation may be.
fn properties(schema: &Value, path: &mut Vec<String>, found: &mut Vec<Mirrored>) -> Result<(), String> {
    let Some(schema) = schema.as_object() else {
        return Ok(());
    };
    no_other_place(schema)?;
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        path.push(name.clone());
        if let Some(annotation) = property.get(ANNOTATION) {
            found.push(annotated(annotation, property, path)?);
        }
        properties(property, path, found)?;
        path.pop();
    }
    Ok(())
}

const ANNOTATION: &str = "x-mcp-header";

fn annotated(annotation: &Value, property: &Value, path: &[String]) -> Result<Mirrored, String> {
    let place = path.join(".");
    let name = annotation.as_str().filter(|name| !name.is_empty());
    let header = name.and_then(|name| HeaderName::try_from(format!("mcp-param-{name}")).ok());
    let header = header.ok_or_else(|| format!("`{annotation}` at `{place}` is no name of a header"))?;
    let types = match &property["type"] {
        Value::Array(types) => types.clone(),
        single => vec![single.clone()],
    };
    let primitive = |name: &Value| matches!(name.as_str(), Some("string" | "integer" | "boolean"));
    if !types.iter().any(primitive) || !types.iter().all(|name| primitive(name) || name == "null") {
        return Err(format!("`{place}` is neither a string, an integer nor a boolean"));
    }
    Ok(Mirrored { header, path: path.to_vec() })
}

/// Annotations behind any other keyword than `properties` are invalid.
fn no_other_place(schema: &Map<String, Value>) -> Result<(), String> {
    // These hold values, not schemas.
    let values = ["const", "default", "enum", "examples"];
    let others = schema.iter().filter(|(key, _)| *key != "properties" && !values.contains(&key.as_str()));
    for (key, value) in others {
        if key != ANNOTATION && has_annotation(value) {
            return Err(format!("an annotation below `{key}`, which is not on a chain of `properties`"));
        }
    }
    Ok(())
}

fn has_annotation(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(has_annotation),
        Value::Object(members) => members.iter().any(|(key, value)| match (key.as_str(), value) {
            // The keys of this one are the application's.
            ("properties", Value::Object(properties)) => properties.values().any(has_annotation),
            (key, value) => key == ANNOTATION || has_annotation(value),
        }),
        _ => false,
    }
}

/// As it is where that is safe, or else as Base64 («Value Encoding»).
pub(super) fn encode(text: &str) -> HeaderValue {
    let printable = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e | b'\t'));
    let trimmed = text.trim_matches([' ', '\t']) == text;
    let sentinel = text.starts_with("=?base64?") && text.ends_with("?=");
    let value = if printable && trimmed && !sentinel {
        text.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(text))
    };
    HeaderValue::try_from(value).expect("visible ASCII, spaces and tabs")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_encoded_as_the_specification_shows() {
        for (text, value) in [
            ("us-west1", "us-west1"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
            ("a\tb", "a\tb"),
            ("", ""),
        ] {
            assert_eq!(encode(text), value, "{text:?}");
        }
    }

    #[test]
    fn annotations_are_found_at_their_paths() {
        let schema = json!({"type": "object", "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "page": {"type": "object", "properties": {"size": {"type": ["integer", "null"], "x-mcp-header": "Size"}}},
            "x-mcp-header": {"type": "string", "default": {"x-mcp-header": 1}},
        }});
        let mirrored = Mirrored::of(&schema).unwrap();
        let headers = |arguments: Value| -> Vec<(String, HeaderValue)> {
            let mut headers: Vec<_> = mirrored.iter().filter_map(|mirrored| mirrored.header(&arguments)).collect();
            headers.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
            headers.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
        };
        let both = headers(json!({"region": "zürich", "page": {"size": 42}}));
        assert_eq!(both[0], ("mcp-param-region".to_owned(), HeaderValue::from_static("=?base64?esO8cmljaA==?=")));
        assert_eq!(both[1], ("mcp-param-size".to_owned(), HeaderValue::from_static("42")));
        assert_eq!(headers(json!({"region": null, "page": {}})), []);
    }

    #[test]
    fn annotations_that_a_client_must_reject_are_named() {
        for (schema, complaint) in [
            (json!({"properties": {"a": {"type": "number", "x-mcp-header": "A"}}}), "`a` is neither a string"),
            (json!({"properties": {"a": {"type": "string", "x-mcp-header": ""}}}), "is no name of a header"),
            (json!({"properties": {"a": {"type": "string", "x-mcp-header": "a b"}}}), "is no name of a header"),
            (json!({"properties": {"a": {"items": {"type": "string", "x-mcp-header": "A"}}}}), "below `items`"),
            (json!({"$defs": {"A": {"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}}}), "below `$defs`"),
            (
                json!({"properties": {
                    "a": {"type": "string", "x-mcp-header": "A"},
                    "b": {"type": "string", "x-mcp-header": "a"},
                }}),
                "twice",
            ),
        ] {
            let error = Mirrored::of(&schema).unwrap_err();
            assert!(error.contains(complaint), "{error}");
        }
    }
}
