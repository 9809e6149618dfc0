use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;

fn ada() -> String {
    "Ada".to_owned()
}

fn yes() -> bool {
    true
}

/// Told by the message, not by this.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "described, not read")]
struct Everything {
    /// How to call you
    #[serde(default = "ada")]
    #[schemars(title = "Name", length(min = 1, max = 9))]
    first_name: String,
    #[schemars(email)]
    mail: Option<String>,
    #[schemars(extend("format" = "date"))]
    day: String,
    #[schemars(with = "String", url)]
    page: std::path::PathBuf,
    #[schemars(range(min = 1, max = 10))]
    count: u8,
    score: Option<f64>,
    #[serde(default = "yes")]
    verified: bool,
    colour: Colour,
    other_colour: Option<Colour>,
    /// What it is to hold
    size: Option<Size>,
    #[serde(default)]
    spare: Option<i16>,
    #[serde(default)]
    usual: Size,
    #[schemars(length(min = 1, max = 2))]
    colours: Vec<Colour>,
    sizes: Option<Vec<Size>>,
}

impl Elicit for Everything {}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Green,
}

/// A size.
#[derive(Deserialize, Serialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
enum Size {
    /// Quite small
    #[default]
    Small,
    /// Not this
    #[schemars(title = "Very large")]
    Large,
    Odd,
}

#[test]
fn a_struct_is_a_flat_form() {
    let sizes = json!([
        { "const": "odd", "title": "odd" },
        { "const": "small", "title": "Quite small" },
        { "const": "large", "title": "Very large" },
    ]);
    let expected = json!({
        "type": "object",
        "properties": {
            "firstName": {
                "type": "string", "title": "Name", "description": "How to call you",
                "default": "Ada", "minLength": 1, "maxLength": 9,
            },
            "mail": { "type": "string", "format": "email" },
            "day": { "type": "string", "format": "date" },
            "page": { "type": "string", "format": "uri" },
            "count": { "type": "integer", "minimum": 1, "maximum": 10 },
            "score": { "type": "number" },
            "verified": { "type": "boolean", "default": true },
            "colour": { "type": "string", "enum": ["red", "green"] },
            "otherColour": { "type": "string", "enum": ["red", "green"] },
            "size": { "type": "string", "description": "What it is to hold", "oneOf": sizes },
            "spare": { "type": "integer", "minimum": -32768, "maximum": 32767 },
            "usual": { "type": "string", "description": "A size.", "oneOf": sizes, "default": "small" },
            "colours": {
                "type": "array", "items": { "type": "string", "enum": ["red", "green"] },
                "minItems": 1, "maxItems": 2,
            },
            "sizes": { "type": "array", "description": "A size.", "items": { "anyOf": sizes } },
        },
        "required": ["day", "page", "count", "colour", "colours"],
    });
    let schema = form_schema::<Everything>().unwrap();
    assert_eq!(schema, expected);
}

/// The fault of a struct with one field of this type.
fn fault_of<T: JsonSchema>() -> String {
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "described, not read")]
    struct Form<T> {
        field: T,
    }
    let schema = schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<Form<T>>();
    super::derived::from_schema(schema.to_value()).unwrap_err().to_string()
}

#[test]
fn what_is_no_field_of_a_form_is_named_and_what_is_allowed_too() {
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "described, not read")]
    struct Inner {
        #[schemars(regex(pattern = "^a"))]
        a: String,
    }
    assert_eq!(
        fault_of::<Inner>(),
        "the field `field` of the form has another `type` than `string`, `number`, `integer`, `boolean` or `array`: \
         forms are flat"
    );
    assert!(fault_of::<Vec<String>>().contains("other `items`"), "{}", fault_of::<Vec<String>>());
    assert!(fault_of::<std::collections::BTreeSet<Size>>().contains("has `uniqueItems`: a choice of several"));
    for fault in [fault_of::<Value>(), fault_of::<Result<u8, u8>>(), fault_of::<std::collections::BTreeMap<u8, u8>>()] {
        assert!(fault.starts_with("the field `field` of the form "), "{fault}");
    }
}

#[test]
fn a_form_is_a_struct() {
    for schema in [json!(true), json!({ "type": "string" }), json!({ "type": "object", "oneOf": [] })] {
        assert!(super::derived::from_schema(schema.clone()).is_err(), "{schema}");
    }
    let empty = super::derived::from_schema(json!({ "type": "object", "title": "Sure" })).unwrap();
    assert_eq!(empty, json!({ "type": "object", "properties": {} }));
}

fn with(field: &Value) -> Value {
    json!({ "type": "object", "properties": { "a": field } })
}

#[test]
fn what_the_specification_has_is_allowed() {
    for field in [
        json!({ "type": "string", "title": "A", "description": "a", "minLength": 0, "maxLength": 3, "default": "äöü" }),
        json!({ "type": "string", "format": "date-time" }),
        json!({ "type": "integer", "minimum": -1, "maximum": 30, "default": 30 }),
        json!({ "type": "number", "default": 95.5 }),
        json!({ "type": "boolean", "default": true }),
        json!({ "type": "string", "enum": ["active", "inactive"], "default": "active" }),
        json!({ "type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"] }),
        json!({ "type": "string", "oneOf": [{ "const": "a", "title": "A" }], "default": "a" }),
        json!({ "type": "array", "items": { "type": "string", "enum": ["a"] }, "default": ["a"] }),
        json!({ "type": "array", "items": { "anyOf": [{ "const": "a", "title": "A" }] }, "maxItems": 1 }),
    ] {
        assert_eq!(check_form(&with(&field)), Ok(()), "{field}");
    }
    let whole = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "properties": {}, "required": [] });
    assert_eq!(check_form(&whole), Ok(()));
}

#[test]
fn what_it_does_not_have_is_refused_by_its_name() {
    for (field, part) in [
        (json!(true), "is not a JSON object"),
        (json!({}), "another `type`"),
        (json!({ "type": "object", "properties": {} }), "another `type`"),
        (json!({ "type": ["string", "null"] }), "another `type`"),
        (json!({ "type": "string", "pattern": "^a" }), "has `pattern`: a text may have `type`, `title`, "),
        (json!({ "type": "string", "title": 7 }), "`title`"),
        (json!({ "type": "string", "minLength": -1 }), "`minLength`"),
        (json!({ "type": "string", "minLength": 2, "maxLength": 1 }), "above"),
        (json!({ "type": "string", "format": "ipv4" }), "`format`"),
        (json!({ "type": "string", "maxLength": 2, "default": "abc" }), "has a `default` that has more than 2"),
        (json!({ "type": "string", "enum": ["a"], "maxLength": 2 }), "has `maxLength`: a choice may"),
        (json!({ "type": "string", "enum": [] }), "empty"),
        (json!({ "type": "string", "enum": ["a", "a"] }), "twice"),
        (json!({ "type": "string", "enum": ["a", 1] }), "list of strings"),
        (json!({ "type": "string", "enum": ["a"], "enumNames": ["A", "B"] }), "`enumNames`"),
        (json!({ "type": "string", "enum": ["a"], "default": "b" }), "`default`"),
        (json!({ "type": "string", "oneOf": [] }), "empty"),
        (json!({ "type": "string", "oneOf": [{ "const": "a" }] }), "`title`"),
        (json!({ "type": "string", "oneOf": [{ "const": "a", "title": "A", "type": "string" }] }), "`oneOf`"),
        (
            json!({ "type": "string", "oneOf": [{ "const": "a", "title": "A" }, { "const": "a", "title": "B" }] }),
            "twice",
        ),
        (json!({ "type": "integer", "enum": [1] }), "has `enum`: a number"),
        (json!({ "type": "integer", "minimum": "1" }), "`minimum`"),
        (json!({ "type": "number", "minimum": 2, "maximum": 1.5 }), "above"),
        (json!({ "type": "integer", "default": 1.5 }), "whole number"),
        (json!({ "type": "boolean", "default": "yes" }), "`default`"),
        (json!({ "type": "array" }), "`items`"),
        (json!({ "type": "array", "items": { "type": "string" } }), "`items`"),
        (json!({ "type": "array", "items": { "type": "integer", "enum": ["a"] } }), "`items`"),
        (json!({ "type": "array", "items": { "type": "string", "enum": [1] } }), "`enum`"),
        (json!({ "type": "array", "items": { "anyOf": [1] } }), "`anyOf`"),
        (json!({ "type": "array", "items": { "type": "string", "enum": ["a"] }, "minItems": 1.5 }), "`minItems`"),
        (json!({ "type": "array", "items": { "type": "string", "enum": ["a"] }, "default": ["b"] }), "`default`"),
    ] {
        let fault = check_form(&with(&field)).unwrap_err().to_string();
        assert!(fault.starts_with("the field `a` of the form ") && fault.contains(part), "{field}: {fault}");
    }
}

#[test]
fn the_form_as_a_whole_is_checked() {
    for (schema, part) in [
        (json!([]), "the form is not a JSON object"),
        (json!({ "properties": {} }), "\"object\""),
        (json!({ "type": "object" }), "`properties`"),
        (json!({ "type": "object", "properties": {}, "additionalProperties": false }), "`additionalProperties`"),
        (json!({ "type": "object", "properties": {}, "$schema": 7 }), "`$schema`"),
        (json!({ "type": "object", "properties": {}, "required": "a" }), "`required`"),
        (json!({ "type": "object", "properties": {}, "required": ["a"] }), "the field `a` of the form is required"),
    ] {
        let fault = check_form(&schema).unwrap_err().to_string();
        assert!(fault.contains(part), "{schema}: {fault}");
    }
}

#[test]
fn an_answer_fits_its_form() {
    let schema = form_schema::<Everything>().unwrap();
    let good = json!({ "day": "someday", "page": "", "count": 10, "colour": "red", "colours": ["green"], "more": 1 });
    assert_eq!(read_content(&schema, &mut good.clone()), Ok(()));
    for (name, value, fault) in [
        ("day", Value::Null, "is not a string"),
        ("firstName", json!("ÄÄÄÄÄÄÄÄÄ"), ""),
        ("firstName", json!(""), "has fewer than 1 characters"),
        ("firstName", json!("0123456789"), "has more than 9 characters"),
        ("count", json!(10.0), ""),
        ("count", json!(0), "is less than 1"),
        ("count", json!(10.5), "is not a whole number"),
        ("count", json!(11), "is more than 10"),
        ("count", json!("1"), "is not a number"),
        ("score", json!(1), ""),
        ("verified", json!(0), "is not a boolean"),
        ("colour", json!("blue"), "is none of the choices"),
        ("size", json!("large"), ""),
        ("size", json!("Very large"), "is none of the choices"),
        ("sizes", json!(["large", "odd"]), ""),
        ("sizes", json!(["large", "blue"]), "has an item that is none of the choices"),
        ("colours", json!(["red", 1]), "is not a list of strings"),
        ("colours", json!("red"), "is not a list of strings"),
        ("colours", json!([]), "has fewer than 1 items"),
        ("colours", json!(["red", "red", "red"]), "has more than 2 items"),
    ] {
        let mut content = good.clone();
        content[name] = value;
        let expected = if fault.is_empty() { Ok(()) } else { Err(format!("the field `{name}` {fault}")) };
        assert_eq!(read_content(&schema, &mut content), expected, "{content}");
    }
    let mut missing = good;
    missing.as_object_mut().unwrap().remove("colour");
    assert_eq!(read_content(&schema, &mut missing), Err("the field `colour` is required, and missing".to_owned()));
    assert!(read_content(&schema, &mut json!([])).is_err());
}

#[test]
fn whole_numbers_become_integers_where_such_are_asked_for() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" }, "b": { "type": "number" } } });
    let mut content = json!({ "a": 10.0, "b": 10.0, "c": 10.0 });
    assert_eq!(read_content(&schema, &mut content), Ok(()));
    assert_eq!(content.to_string(), r#"{"a":10,"b":10.0,"c":10.0}"#);
}

#[test]
fn large_integers_are_compared_exactly() {
    let schema = with(&json!({ "type": "integer", "maximum": 9_007_199_254_740_992_u64 }));
    assert_eq!(read_content(&schema, &mut json!({ "a": 9_007_199_254_740_992_u64 })), Ok(()));
    assert!(read_content(&schema, &mut json!({ "a": 9_007_199_254_740_993_u64 })).is_err());
}

#[cfg(feature = "macros")]
#[test]
fn what_is_derived_is_a_form() {
    #[derive(Deserialize, JsonSchema, crate::Elicit, PartialEq, Debug)]
    struct Deploy {
        to: Target,
        also: Vec<Target>,
        note: Option<String>,
        #[schemars(with = "String")]
        by: std::path::PathBuf,
    }

    #[derive(Deserialize, JsonSchema, crate::Elicit, PartialEq, Debug)]
    #[serde(rename_all = "lowercase")]
    enum Target {
        Stage,
        Live,
    }

    // Whether the macro let through what forms do not have.
    let schema = form_schema::<Deploy>().unwrap();
    let mut content = json!({ "to": "live", "also": ["stage"], "by": "hand" });
    assert_eq!(read_content(&schema, &mut content), Ok(()));
    let read: Deploy = serde_json::from_value(content).unwrap();
    assert_eq!(read, Deploy { to: Target::Live, also: vec![Target::Stage], note: None, by: "hand".into() });

    // The derive would not compile.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "described, not read")]
    struct Unfit {
        #[schemars(with = "Vec<u8>")]
        bytes: String,
    }
    impl crate::Elicit for Unfit {}
    assert!(form_schema::<Unfit>().unwrap_err().to_string().starts_with("the field `bytes` of the form has other"));
}
