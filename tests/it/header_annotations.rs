//! `x-mcp-header` in a tool's input schema: what `build()` refuses, and what is listed (2026-07-28,
//! basic/transports/streamable-http, «Schema Extension»).

use mcp_mount::{BuildErrorKind, Mcp, Tool};
use serde_json::{Value, json};

use crate::{
    eras::{TOOLS, both},
    rig::server,
};

/// A schema with one property of this kind.
fn property(schema: Value) -> Value {
    json!({"type": "object", "properties": {"a": schema}})
}

fn refused(schema: &Value) {
    let tool = Tool::raw("mirrored", schema.clone(), || "text");
    let Err(error) = Mcp::new("rig", "1.2.3").tool(tool).build() else { panic!("built: {schema}") };
    assert_eq!(error.kind(), BuildErrorKind::InvalidTool, "{schema}");
    let text = error.to_string();
    assert!(text.contains("`mirrored`") && text.contains("x-mcp-header"), "{schema}: {text}");
}

/// Clients must drop such a tool, so it is never listed.
#[test]
fn what_a_client_would_drop_the_tool_for_fails_when_it_is_built() {
    let of = |name: Value| property(json!({"type": "string", "x-mcp-header": name}));
    for name in ["", " ", "two words", "a:b", "a\r\nX-Evil: 1", "a\n", "a\0", "é", "a,b", "(a)", "a/b", "\"a\"", "a@b"]
    {
        refused(&of(json!(name)));
    }
    for name in [json!(7), json!(true), json!(null), json!(["A"]), json!({})] {
        refused(&of(name));
    }
    for kind in [
        json!("number"),
        json!("object"),
        json!("array"),
        json!("null"),
        json!(["string", "null"]),
        json!(["integer", "string"]),
    ] {
        refused(&property(json!({"type": kind, "x-mcp-header": "A"})));
    }
    refused(&property(json!({"x-mcp-header": "A"})));
    refused(&property(json!({"enum": ["a"], "x-mcp-header": "A"})));
    let (one, other) =
        (json!({"type": "string", "x-mcp-header": "Region"}), json!({"type": "integer", "x-mcp-header": "REGION"}));
    refused(&json!({"type": "object", "properties": {"a": one, "b": other}}));
    refused(&json!({"type": "object", "properties": {"a": one, "b": {"type": "object", "properties": {"c": other}}}}));
    refused(&json!({"type": "object", "properties": {"a": {"type": "string"}}, "x-mcp-header": "Top"}));
}

#[test]
fn an_annotation_is_reached_by_properties_alone() {
    let inner = || json!({"type": "string", "x-mcp-header": "A"});
    let object = || json!({"type": "object", "properties": {"b": inner()}});
    for schema in [
        json!({"type": "array", "items": inner()}),
        json!({"type": "array", "items": object()}),
        json!({"type": "array", "prefixItems": [inner()]}),
        json!({"type": "array", "contains": inner()}),
        json!({"oneOf": [inner(), {"type": "integer"}]}),
        json!({"anyOf": [object(), {"type": "null"}]}),
        json!({"allOf": [inner()]}),
        json!({"not": inner()}),
        json!({"if": inner(), "then": inner(), "else": inner()}),
        json!({"type": "object", "additionalProperties": inner()}),
        json!({"type": "object", "patternProperties": {"^a": inner()}}),
        json!({"type": "object", "dependentSchemas": {"a": object()}}),
        json!({"$ref": "#/$defs/a", "x-mcp-header": "A"}),
        // A property may have the name of a keyword whose value is data.
        json!({"type": "array", "items": {"type": "object", "properties": {"default": inner(), "enum": inner()}}}),
    ] {
        refused(&property(schema));
    }
    for schema in [
        json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": inner()}}),
        json!({"type": "object", "anyOf": [object()]}),
        json!({"type": "object", "if": object()}),
    ] {
        refused(&schema);
    }
}

#[tokio::test]
async fn what_clients_take_is_listed_as_it_was_written() {
    let tokens = "!#$%&'*+-.^_`|~09azAZ";
    for schema in [
        property(json!({"type": "string", "x-mcp-header": tokens})),
        property(json!({"type": "integer", "x-mcp-header": "A", "enum": [1], "default": {"x-mcp-header": "data"}})),
        property(json!({"type": "string", "examples": [{"x-mcp-header": ""}], "const": {"x-mcp-header": 7}})),
        json!({"type": "object", "properties": {
            "x-mcp-header": {"type": "boolean", "x-mcp-header": "named-so"},
            "properties": {"type": "object", "properties": {"default": {"type": "string", "x-mcp-header": "deep"}}},
        }}),
        // A property of that name is no annotation, wherever it is.
        property(
            json!({"type": "array", "items": {"type": "object", "properties": {"x-mcp-header": {"type": "string"}}}}),
        ),
    ] {
        let mcp = server([Tool::raw("mirrored", schema.clone(), || "text")]);
        for client in both(&mcp).await {
            assert_eq!(client.list(TOOLS).await[0]["inputSchema"], schema);
        }
    }
}
