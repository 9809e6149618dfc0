//! JSON Schemas of arguments and results.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// The schema of what `T` is read from.
pub(crate) fn input<T: JsonSchema>() -> Value {
    root::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// The schema of what `T` is written as.
pub(crate) fn output<T: JsonSchema>() -> Value {
    root::<T>(SchemaSettings::draft2020_12().for_serialize())
}

/// The schema of a tool without arguments.
pub(crate) fn no_arguments() -> Value {
    serde_json::json!({ "type": "object", "additionalProperties": false })
}

/// Definitions stand where they are used, since many clients do not follow `$ref`; only recursive types keep theirs.
/// 2020-12 is the dialect without `$schema` (2026-07-28, basic/index, «Schema Dialect»), and the type's Rust name says
/// nothing to a model.
fn root<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let generator: SchemaGenerator = settings.with(|settings| settings.inline_subschemas = true).into();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    if schema == Value::Bool(true) {
        schema = Value::Object(serde_json::Map::new()); // any value, as an object
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("$schema");
        schema.remove("title");
    }
    drop_number_formats(&mut schema);
    schema
}

/// `uint32`, `double` and their like are no formats of JSON Schema; strict validators refuse a schema that has them.
fn drop_number_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("type").is_some_and(is_number) && members.get("format").is_some_and(Value::is_string) {
                members.remove("format");
            }
            members.values_mut().for_each(drop_number_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_number_formats),
        _ => {}
    }
}

/// Whether a schema's `type` is a number, or a number and `null`.
fn is_number(kind: &Value) -> bool {
    match kind {
        Value::String(name) => name == "integer" || name == "number",
        Value::Array(names) => names.iter().any(is_number),
        _ => false,
    }
}

/// The dialect of schemas that name none, and the only one here.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The most that a schema may be, so that reading it takes no client long: levels, schemas within it, bytes.
const DEEPEST: usize = 32;
const MOST_SCHEMAS: usize = 2_000;
const MOST_BYTES: usize = 256 * 1024;

/// Why a schema cannot be a tool's `inputSchema`, if it cannot.
pub(crate) fn input_fault(schema: &Value) -> Option<String> {
    if schema.get("type").is_none_or(|kind| kind != "object") {
        let text = "must have `\"type\": \"object\"` at its top: take the arguments as a struct, `Args<MyArgs>`";
        return Some(text.into());
    }
    fault(schema)
}

/// Why a schema cannot be a tool's `outputSchema`, if it cannot.
pub(crate) fn output_fault(schema: &Value) -> Option<String> {
    if !schema.is_object() {
        return Some("must be a JSON object".into());
    }
    fault(schema)
}

/// What no client or server should have to deal with (2026-07-28, basic/index, «Schema Dialect» and «$ref Resolution»).
fn fault(schema: &Value) -> Option<String> {
    let mut schemas = 0;
    walk(schema, 1, &mut |members, depth| {
        schemas += 1;
        if depth > DEEPEST {
            return Err(format!("is nested deeper than {DEEPEST} levels: put what is inside into `$defs`"));
        }
        if schemas > MOST_SCHEMAS {
            return Err(format!("consists of more than {MOST_SCHEMAS} schemas"));
        }
        check_names(members)
    })
    .err()
    .or_else(|| {
        let bytes = schema.to_string().len();
        (bytes > MOST_BYTES).then(|| format!("has {bytes} bytes, which is more than {MOST_BYTES}"))
    })
}

/// Dialects and references. What is elsewhere is never fetched, so it is refused.
fn check_names(schema: &Map<String, Value>) -> Result<(), String> {
    let text = |name| schema.get(name).and_then(Value::as_str);
    if let Some(dialect) = text("$schema").filter(|dialect| dialect.trim_end_matches('#') != DIALECT) {
        let dialect: String = dialect.chars().take(100).collect();
        return Err(format!(
            "is of the dialect {dialect:?}, which is not supported: write it in 2020-12, without `$schema`"
        ));
    }
    let external = |name| text(name).is_some_and(|target| !target.starts_with('#'));
    if ["$ref", "$dynamicRef", "$recursiveRef"].into_iter().any(external) {
        let text =
            "has a `$ref` to another document, which no client or server may follow: put the definition into `$defs`";
        return Err(text.into());
    }
    Ok(())
}

/// Looks at a schema and at all within it, with their depths; what is data and no schema is left out.
pub(super) fn walk(
    schema: &Value,
    depth: usize,
    look: &mut impl FnMut(&Map<String, Value>, usize) -> Result<(), String>,
) -> Result<(), String> {
    let Value::Object(members) = schema else { return Ok(()) };
    look(members, depth)?;
    for (name, value) in members {
        match (name.as_str(), value) {
            ("const" | "enum" | "default" | "examples", _) => {}
            // Schemas by name.
            (
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                Value::Object(named),
            ) => {
                named.values().try_for_each(|one| walk(one, depth + 1, look))?;
            }
            (_, Value::Array(items)) => items.iter().try_for_each(|one| walk(one, depth + 1, look))?,
            (_, value) => walk(value, depth + 1, look)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault_of(property: &Value) -> Option<String> {
        input_fault(&json!({ "type": "object", "properties": { "a": property } }))
    }

    #[test]
    fn a_reference_to_another_document_is_refused() {
        for target in ["http://127.0.0.1:1/x", "file:///etc/passwd", "other.json", "/x", "//host/x", "urn:x"] {
            for name in ["$ref", "$dynamicRef"] {
                assert!(fault_of(&json!({ (name): target })).unwrap().contains("$ref"), "{target}");
                assert!(fault_of(&json!({ "allOf": [{ "x-own": { (name): target } }] })).is_some(), "{target}");
            }
        }
        for good in
            [json!({ "$ref": "#/$defs/x" }), json!({ "default": { "$ref": "http://x" } }), json!({ "const": "$ref" })]
        {
            assert_eq!(fault_of(&good), None);
        }
        // A property may have any name.
        assert_eq!(fault_of(&json!({ "properties": { "$ref": { "type": "string" }, "default": {} } })), None);
        assert!(fault_of(&json!({ "properties": { "default": { "$ref": "http://x" } } })).is_some());
    }

    #[test]
    fn only_2020_12_is_a_dialect() {
        assert_eq!(fault_of(&json!({ "$schema": DIALECT })), None);
        for other in ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema", ""] {
            assert!(fault_of(&json!({ "$schema": other })).unwrap().contains("dialect"), "{other}");
        }
    }

    #[test]
    fn a_schema_is_bounded() {
        let nested = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({ "items": inner }));
        assert_eq!(fault_of(&nested(DEEPEST - 2)), None);
        assert!(fault_of(&nested(DEEPEST - 1)).unwrap().contains("32 levels"));
        let wide = |count: usize| json!({ "anyOf": vec![json!({}); count] });
        assert_eq!(fault_of(&wide(MOST_SCHEMAS - 2)), None);
        assert!(fault_of(&wide(MOST_SCHEMAS - 1)).unwrap().contains("2000 schemas"));
        assert!(fault_of(&json!({ "const": "x".repeat(MOST_BYTES) })).unwrap().contains("bytes"));
    }

    #[test]
    fn only_objects_are_arguments() {
        assert!(input_fault(&input::<Vec<u8>>()).is_some());
        assert!(input_fault(&no_arguments()).is_none());
    }
}
