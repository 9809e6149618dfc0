//! Tools whose input schemas have something unusual.

use mcp_mount::{Args, Tool, tool, tools};
use serde_json::{Value, json};

pub(crate) fn tools() -> Vec<Tool> {
    let mut all = tools![test_custom_header];
    all.push(json_schema_2020_12_tool());
    all
}

/// Answer with the region, which clients of 2026-07-28 also send as the header `Mcp-Param-Region`.
#[tool(read_only)]
fn test_custom_header(
    /// Any text.
    #[mcp_header("Region")]
    region: String,
) -> String {
    format!("The region is {region}.")
}

/// A schema with many keywords of JSON Schema 2020-12, which must be listed as it is.
fn json_schema_2020_12_tool() -> Tool {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
            },
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    });
    Tool::raw("json_schema_2020_12_tool", schema, |Args(arguments): Args<Value>| async move {
        format!("called with {arguments}")
    })
    .description("Answer with the arguments; the input schema is the point")
    .read_only(true)
}
