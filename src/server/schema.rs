//! JSON Schemas of arguments and results.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

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

/// Why a schema cannot be a tool's `inputSchema`, if it cannot.
pub(crate) fn input_fault(schema: &Value) -> Option<&'static str> {
    if schema.get("type").is_none_or(|kind| kind != "object") {
        return Some("must have `\"type\": \"object\"` at its top: take the arguments as a struct, `Args<MyArgs>`");
    }
    external_reference(schema).then_some(EXTERNAL_REFERENCE)
}

/// Why a schema cannot be a tool's `outputSchema`, if it cannot.
pub(crate) fn output_fault(schema: &Value) -> Option<&'static str> {
    if !schema.is_object() {
        return Some("must be a JSON object");
    }
    external_reference(schema).then_some(EXTERNAL_REFERENCE)
}

const EXTERNAL_REFERENCE: &str =
    "has a `$ref` to another document, which no client or server may follow: put the definition into `$defs`";

/// 2026-07-28, basic/index, «$ref Resolution»: never fetched, so refused.
fn external_reference(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(name, value)| match value {
            Value::String(target) if name == "$ref" || name == "$dynamicRef" => !target.starts_with('#'),
            other => external_reference(other),
        }),
        Value::Array(items) => items.iter().any(external_reference),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_to_another_document_is_refused() {
        let schema = serde_json::json!({ "type": "object", "properties": { "a": { "$ref": "http://127.0.0.1:1/x" } } });
        assert!(input_fault(&schema).unwrap().contains("$ref"));
        let local = serde_json::json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/x" } } });
        assert_eq!(input_fault(&local), None);
    }

    #[test]
    fn only_objects_are_arguments() {
        assert!(input_fault(&input::<Vec<u8>>()).is_some());
        assert!(input_fault(&no_arguments()).is_none());
    }
}
