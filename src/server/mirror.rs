//! Arguments that the client mirrors into headers: `x-mcp-header` in a tool's input schema (2026-07-28,
//! basic/transports/streamable-http, «Custom Headers from Tool Parameters»).

use std::collections::HashSet;

use serde_json::Value;

const ANNOTATION: &str = "x-mcp-header";

/// An argument that a header mirrors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderParam {
    /// The header's name in lower case, as `mcp-param-region`.
    pub(crate) header: String,
    /// The property names that lead to it.
    pub(crate) path: Vec<String>,
}

impl HeaderParam {
    /// The argument, if it is there. `null` counts as absent.
    pub(crate) fn value<'a>(&self, arguments: &'a Value) -> Option<&'a Value> {
        self.path.iter().try_fold(arguments, |value, name| value.get(name)).filter(|value| !value.is_null())
    }
}

/// The annotated arguments of a schema.
///
/// # Errors
///
/// What is wrong with an annotation: clients have to drop a tool for it, so it must not be listed at all.
pub(crate) fn find(schema: &Value) -> Result<Vec<HeaderParam>, String> {
    let mut found = Vec::new();
    collect(schema, &mut Vec::new(), &mut found)?;
    let mut seen = HashSet::new();
    match found.iter().find(|param| !seen.insert(&param.header)) {
        Some(twice) => Err(format!("has two arguments with the `{ANNOTATION}` of the header {}", twice.header)),
        None => Ok(found),
    }
}

/// Walks the chain of `properties`; an annotation anywhere else is a mistake.
fn collect(schema: &Value, path: &mut Vec<String>, found: &mut Vec<HeaderParam>) -> Result<(), String> {
    let Some(members) = schema.as_object() else { return Ok(()) };
    for (keyword, value) in members {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    path.push(name.clone());
                    collect(property, path, found)?;
                    path.pop();
                }
            }
            (ANNOTATION, annotation) => found.push(param(schema, annotation, path)?),
            (keyword, value) if holds_annotation(keyword, value) => {
                return Err(format!(
                    "has an `{ANNOTATION}` below `{keyword}`: only arguments that are reached by `properties` alone can have one"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn param(schema: &Value, annotation: &Value, path: &[String]) -> Result<HeaderParam, String> {
    let place = path.join(".");
    let Some(name) = annotation.as_str() else {
        return Err(format!("has an `{ANNOTATION}` at `{place}` that is no text"));
    };
    if path.is_empty() {
        return Err(format!("has an `{ANNOTATION}` at its top: it goes on one of the `properties`"));
    }
    if !is_token(name) {
        return Err(format!(
            "has an `{ANNOTATION}` at `{place}`, {name:?}, that cannot end a header's name: letters, digits and !#$%&'*+-.^_`|~ only"
        ));
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string" | "integer" | "boolean") => {}
        _ => {
            return Err(format!(
                "has an `{ANNOTATION}` at `{place}`, which must be of type string, integer or boolean and of no other"
            ));
        }
    }
    Ok(HeaderParam { header: format!("mcp-param-{}", name.to_ascii_lowercase()), path: path.to_vec() })
}

/// Whether a keyword of a schema is an annotation, or has one anywhere below it.
fn holds_annotation(keyword: &str, value: &Value) -> bool {
    match (keyword, value) {
        (ANNOTATION, _) => true,
        // What an argument may be, or is by default, is data.
        ("const" | "enum" | "default" | "examples", _) => false,
        // Their members are names, which may be those of keywords.
        ("properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions", Value::Object(schemas)) => {
            schemas.values().any(annotated)
        }
        (_, value) => annotated(value),
    }
}

fn annotated(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(keyword, value)| holds_annotation(keyword, value)),
        Value::Array(schemas) => schemas.iter().any(annotated),
        _ => false,
    }
}

/// RFC 9110, 5.6.2: `1*tchar`.
fn is_token(name: &str) -> bool {
    let tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(tchar)
}

/// An annotated `Option` loses its `null`: an argument that may be left out needs none, and an annotated one must have a
/// single type.
pub(crate) fn without_null(schema: &mut Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for property in properties.values_mut() {
        without_null(property);
        if property.get(ANNOTATION).is_none() {
            continue;
        }
        if let Some(Value::Array(types)) = property.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = &types[..] {
                property["type"] = only.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "made by `json!` at each call")]
    fn with(property: Value) -> Value {
        json!({ "type": "object", "properties": { "a": property } })
    }

    #[test]
    fn annotations_are_found_at_any_depth_of_properties() {
        let schema = json!({ "type": "object", "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "where": { "type": "object", "properties": { "zone": { "type": "integer", "x-mcp-header": "Zone" } } },
            "plain": { "type": "number" },
        } });
        let mut found = find(&schema).unwrap();
        found.sort_by(|one, other| one.header.cmp(&other.header));
        assert_eq!(found[0], HeaderParam { header: "mcp-param-region".into(), path: vec!["region".into()] });
        assert_eq!(
            found[1],
            HeaderParam { header: "mcp-param-zone".into(), path: vec!["where".into(), "zone".into()] }
        );
        let arguments = json!({ "region": null, "where": { "zone": 3 } });
        assert_eq!(found[0].value(&arguments), None);
        assert_eq!(found[1].value(&arguments), Some(&json!(3)));
    }

    #[test]
    fn what_clients_would_drop_the_tool_for_is_refused() {
        let annotated = |name: Value| with(json!({ "type": "string", "x-mcp-header": name }));
        let inner = json!({ "type": "string", "x-mcp-header": "A" });
        for bad in [
            annotated(json!("")),
            annotated(json!("a b")),
            annotated(json!("a\r\n")),
            annotated(json!("ä")),
            annotated(json!(1)),
            with(json!({ "type": "number", "x-mcp-header": "A" })),
            with(json!({ "type": ["string", "null"], "x-mcp-header": "A" })),
            with(json!({ "x-mcp-header": "A" })),
            with(json!({ "type": "array", "items": inner })),
            with(json!({ "anyOf": [inner] })),
            json!({ "type": "object", "$defs": { "a": inner } }),
            json!({ "type": "object", "x-mcp-header": "A" }),
            json!({ "type": "object", "properties": { "a": inner, "b": { "type": "string", "x-mcp-header": "a" } } }),
        ] {
            assert!(find(&bad).is_err(), "{bad}");
        }
        assert_eq!(find(&with(json!({ "type": "object", "default": { "x-mcp-header": "A" } }))), Ok(Vec::new()));
    }

    #[test]
    fn an_argument_that_may_be_left_out_has_one_type() {
        let mut schema = with(json!({ "type": ["integer", "null"], "x-mcp-header": "A" }));
        without_null(&mut schema);
        assert_eq!(schema["properties"]["a"]["type"], "integer");
        assert_eq!(find(&schema).unwrap().len(), 1);
    }
}
