//! Structured output: what a schema says, and that the value beside it is what it says.

use mcp_mount::{CallToolResult, Json, McpService, Tool, tool_fn};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    rig::{Session, server},
    support::{ALL_REVISIONS, MODERN, call, message, modern, modern_call},
};

/// Data in every variant: schemars writes `oneOf`, and no `type`.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Shape {
    Circle { radius: f64 },
    Square { side: f64 },
}

/// Some variants are objects, one is a text.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mixed {
    Nothing,
    Something(Point),
}

#[derive(Serialize, JsonSchema)]
struct Point {
    x: f64,
    y: f64,
}

/// An object already, and named as the wrapper's only member.
#[derive(Serialize, JsonSchema)]
struct Verdict {
    result: u32,
}

#[derive(Serialize, JsonSchema)]
struct Node {
    name: String,
    children: Vec<Node>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Expr {
    Number(f64),
    Sum { left: Box<Expr>, right: Box<Expr> },
}

fn node(name: &str, children: Vec<Node>) -> Node {
    Node { name: name.into(), children }
}

fn sum(left: Expr, right: Expr) -> Expr {
    Expr::Sum { left: left.into(), right: right.into() }
}

fn json_tool<T: Serialize + JsonSchema + Send + 'static>(name: &str, value: fn() -> T) -> Tool {
    tool_fn(name, "Answer in JSON", move || async move { Json(value()) })
}

/// A tool that writes its schema and its result by itself.
fn raw_tool(name: &str, schema: Value, value: Value) -> Tool {
    Tool::raw(name, json!({"type": "object"}), move || {
        let value = value.clone();
        async move { CallToolResult::text("see the structure").structured(&value) }
    })
    .output_schema(schema)
}

/// Half of them need a wrapper before 2026-07-28.
fn tools() -> Vec<Tool> {
    let point = json!({"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]});
    let union = json!({"oneOf": [point, {"type": "object", "required": ["y"]}]});
    let reference = json!({"$ref": "#/$defs/point", "$defs": {"point": point}});
    let list = json!({"type": "array", "items": {"$ref": "#/$defs/point"}, "$defs": {"point": point}});
    let chain = json!({"anyOf": [{"type": "null"}, {"type": "array", "items": {"$ref": "#"}}]});
    vec![
        json_tool("enum", || Shape::Circle { radius: 1.0 }),
        json_tool("enum-other", || Shape::Square { side: 2.0 }),
        json_tool("mixed-text", || Mixed::Nothing),
        json_tool("mixed-object", || Mixed::Something(Point { x: 1.0, y: 2.0 })),
        json_tool("some", || Some(Point { x: 1.0, y: 2.0 })),
        json_tool("none", || None::<Point>),
        json_tool("value-object", || json!({"free": "form"})),
        json_tool("value-number", || json!(17)),
        json_tool("value-null", || json!(null)),
        json_tool("recursive-struct", || node("root", vec![node("leaf", vec![node("bud", vec![])])])),
        json_tool("recursive-enum", || sum(Expr::Number(1.0), sum(Expr::Number(2.0), Expr::Number(3.0)))),
        json_tool("recursive-enum-leaf", || Expr::Number(1.0)),
        json_tool("recursive-list", || vec![node("a", vec![node("b", vec![])])]),
        json_tool("recursive-option", || Some(node("a", vec![node("b", vec![])]))),
        json_tool("bytes", || vec![1_u8, 2, 3]),
        json_tool("number", || 4.5_f64),
        json_tool("text", || "four".to_owned()),
        json_tool("unit", || ()),
        json_tool("struct", || Point { x: 1.0, y: 2.0 }),
        json_tool("struct-result", || Verdict { result: 3 }),
        raw_tool("raw-struct", point.clone(), json!({"x": 1})),
        raw_tool("raw-union", union, json!({"y": 1})),
        raw_tool("raw-reference", reference, json!({"x": 1})),
        raw_tool("raw-list", list, json!([{"x": 1}])),
        raw_tool("raw-chain", chain, json!([null, [null]])),
        raw_tool("raw-nullable-there", json!({"type": ["object", "null"]}), json!({"x": 1})),
        raw_tool("raw-nullable-gone", json!({"type": ["object", "null"]}), json!(null)),
        raw_tool("raw-anything", json!({}), json!({"x": 1})),
    ]
}

/// As much of JSON Schema as schemars writes: enough to see that a value is not what its schema says.
fn is_valid(root: &Value, schema: &Value, value: &Value) -> bool {
    let all = |key: &str, check: &dyn Fn(&Value) -> bool| schema.get(key).is_none_or(check);
    let matches = |schemas: &Value| {
        schemas.as_array().into_iter().flatten().filter(|schema| is_valid(root, schema, value)).count()
    };
    all("$ref", &|target| {
        let pointer = target.as_str().and_then(|target| target.strip_prefix('#')).expect("a local reference");
        root.pointer(pointer).is_some_and(|target| is_valid(root, target, value))
    }) && all("type", &|kind| match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
        kind => is_of(kind, value),
    }) && all("const", &|only| only == value)
        && all("enum", &|values| values.as_array().is_some_and(|values| values.contains(value)))
        && all("oneOf", &|schemas| matches(schemas) == 1)
        && all("anyOf", &|schemas| matches(schemas) > 0)
        && all("allOf", &|schemas| Some(matches(schemas)) == schemas.as_array().map(Vec::len))
        && all("required", &|names| {
            let mut names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
            value.as_object().is_none_or(|members| names.all(|name| members.contains_key(name)))
        })
        && all("properties", &|schemas| {
            let mut members = value.as_object().into_iter().flatten();
            members.all(|(name, value)| schemas.get(name).is_none_or(|schema| is_valid(root, schema, value)))
        })
        && all("items", &|items| value.as_array().into_iter().flatten().all(|item| is_valid(root, items, item)))
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().expect("a type's name") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("unknown type {other:?}"),
    }
}

/// Whether a schema is an object of nothing but a `result`.
fn looks_wrapped(schema: &Value) -> bool {
    let members = schema["properties"].as_object();
    schema["required"] == json!(["result"]) && members.is_some_and(|it| it.len() == 1 && it.contains_key("result"))
}

fn references<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    match schema {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// What is listed of each tool, and what a call of it gives.
async fn schemas_and_values(mcp: &McpService, revision: &str, tools: &[Tool]) -> Vec<(Option<Value>, Option<Value>)> {
    let session = match revision {
        MODERN => None,
        revision => Some(Session::open(mcp, revision, None).await),
    };
    let list = match &session {
        Some(session) => session.post(message(1, "tools/list", json!({}))),
        None => modern("tools/list", json!({})),
    };
    let listed = list.to(mcp).await.result()["tools"].clone();
    let mut found = Vec::new();
    for tool in tools {
        let ask = match &session {
            Some(session) => session.post(call(tool.name(), json!({}))),
            None => modern_call(tool.name(), json!({})),
        };
        let result = ask.to(mcp).await.result();
        assert_ne!(result["isError"], json!(true), "{}: {result}", tool.name());
        let listing = listed.as_array().into_iter().flatten().find(|listing| listing["name"] == tool.name());
        let schema = listing.expect("listed").get("outputSchema").cloned();
        found.push((schema, result.get("structuredContent").cloned()));
    }
    found
}

/// What is wrong with what a session from 2025-06-18 on is shown, beside what 2026-07-28 is.
fn complaints(schema: &Value, value: &Value, own_schema: &Value, own_value: &Value) -> Vec<&'static str> {
    let wraps = looks_wrapped(schema) && !looks_wrapped(own_schema);
    let expected = if wraps { json!({"result": own_value}) } else { own_value.clone() };
    let mut targets = Vec::new();
    references(schema, &mut targets);
    let lost = |target: &&str| target.strip_prefix('#').and_then(|pointer| schema.pointer(pointer)).is_none();
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what| {
        if !holds {
            wrong.push(what);
        }
    };
    check(schema["type"] == "object", "the schema is none of an object");
    check(value.is_object(), "the value is no object");
    check(*value == expected, "one is wrapped and the other is not");
    check(!targets.iter().any(lost), "a reference leads nowhere");
    check(!(wraps && targets.contains(&"#")), "a reference leads to the wrapper");
    check(is_valid(schema, schema, value), "the value is not what the schema says");
    wrong
}

#[tokio::test(start_paused = true)]
async fn a_schema_and_its_value_are_wrapped_alike() {
    let mcp = server(tools());
    let tools = tools();
    let own = schemas_and_values(&mcp, MODERN, &tools).await;
    let mut failures = Vec::new();
    for revision in ALL_REVISIONS {
        let shown = schemas_and_values(&mcp, revision, &tools).await;
        for ((tool, (own_schema, own_value)), (schema, value)) in tools.iter().zip(&own).zip(shown) {
            let (own_schema, own_value) =
                (own_schema.as_ref().expect("a schema"), own_value.as_ref().expect("a value"));
            let wrong = match (revision, &schema, &value) {
                ("2024-11-05" | "2025-03-26", None, None) => vec![],
                ("2024-11-05" | "2025-03-26", ..) => vec!["nothing of it is known there"],
                (MODERN, Some(schema), Some(value)) => {
                    let wrapped = looks_wrapped(schema) && tool.name() != "struct-result";
                    let valid = is_valid(schema, schema, value);
                    [(wrapped, "wrapped"), (!valid, "the value is not what the schema says")]
                        .into_iter()
                        .filter_map(|(wrong, what)| wrong.then_some(what))
                        .collect()
                }
                (_, Some(schema), Some(value)) => complaints(schema, value, own_schema, own_value),
                _ => vec!["one of the two is missing"],
            };
            for what in wrong {
                failures.push(format!("{revision} {}: {what}\n  {schema:?}\n  {value:?}", tool.name()));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// What 2026-07-28 gives is the value itself, which the other revisions are compared with.
#[tokio::test(start_paused = true)]
async fn the_newest_revision_has_any_value_as_it_is() {
    let mcp = server(tools());
    for (tool, expected) in [
        ("enum", json!({"kind": "circle", "radius": 1.0})),
        ("mixed-text", json!("nothing")),
        ("none", json!(null)),
        ("value-number", json!(17)),
        ("bytes", json!([1, 2, 3])),
        ("number", json!(4.5)),
        ("struct-result", json!({"result": 3})),
        ("raw-nullable-gone", json!(null)),
    ] {
        let result = modern_call(tool, json!({})).to(&mcp).await.result();
        assert_eq!(result.get("structuredContent"), Some(&expected), "{tool}");
    }
}

/// Without a schema nobody was promised anything, and before 2026-07-28 an object is expected all the same.
#[tokio::test(start_paused = true)]
async fn without_a_schema_the_value_is_an_object_too() {
    let structured = |name: &str, value: Value| {
        tool_fn(name, "No schema", move || {
            let value = value.clone();
            async move { CallToolResult::text("text").structured(&value) }
        })
    };
    let mcp = server([structured("object", json!({"a": 1})), structured("list", json!([1]))]);
    for (revision, wraps) in [("2025-06-18", true), ("2025-11-25", true), (MODERN, false)] {
        let tools = [structured("object", json!(null)), structured("list", json!(null))];
        let shown = schemas_and_values(&mcp, revision, &tools).await;
        let list = if wraps { json!({"result": [1]}) } else { json!([1]) };
        assert_eq!(shown, [(None, Some(json!({"a": 1}))), (None, Some(list))], "{revision}");
    }
}
