//! Arguments that headers mirror: `x-mcp-header` (2026-07-28, basic/transports/streamable-http, «Custom Headers from Tool
//! Parameters»).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use mcp_mount::{Args, BuildErrorKind, McpService, Tool, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    eras::{TOOLS, both, mirrored, sentinel},
    rig::server,
    support::{Ask, LATEST_SESSION, SESSION_REVISIONS, modern_call},
};

/// A schema with one property of this kind.
fn property(schema: Value) -> Value {
    json!({"type": "object", "properties": {"a": schema}})
}

fn refused(schema: &Value) {
    let tool = Tool::raw("mirrored", schema.clone(), || "text");
    let Err(error) = mcp_mount::Mcp::new("rig", "1.2.3").tool(tool).build() else { panic!("built: {schema}") };
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

#[derive(Deserialize, JsonSchema)]
struct Query {
    #[schemars(extend("x-mcp-header" = "Region"))]
    region: String,
    /// An `Option` has to have one type only.
    #[schemars(extend("x-mcp-header" = "Limit"))]
    limit: Option<u32>,
    #[schemars(extend("x-mcp-header" = "Dry-Run"))]
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    at: Place,
    text: Option<String>,
}

#[derive(Default, Deserialize, JsonSchema)]
struct Place {
    #[schemars(extend("x-mcp-header" = "Zone"))]
    zone: Option<i64>,
}

/// A tool with mirrored arguments, and how often it ran.
fn query() -> (McpService, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let tool = tool_fn("query", "Query", move |Args(query): Args<Query>| {
        counted.fetch_add(1, SeqCst);
        let Query { region, limit, dry_run, at, text } = query;
        format!("{region} {limit:?} {dry_run} {:?} {}", at.zone, text.unwrap_or_default())
    });
    (server([tool]), runs)
}

#[tokio::test]
async fn annotations_of_a_type_are_listed() {
    let (mcp, _) = query();
    for client in both(&mcp).await {
        let schema = client.list(TOOLS).await[0]["inputSchema"].clone();
        for (pointer, name, kind) in [
            ("/properties/region", "Region", "string"),
            ("/properties/limit", "Limit", "integer"),
            ("/properties/dry_run", "Dry-Run", "boolean"),
            ("/properties/at/properties/zone", "Zone", "integer"),
        ] {
            let property = schema.pointer(pointer).expect("a property");
            assert_eq!((&property["x-mcp-header"], &property["type"]), (&json!(name), &json!(kind)), "{schema}");
        }
    }
}

fn with(arguments: Value, headers: &[(&str, &str)]) -> Ask {
    let ask = modern_call("query", arguments);
    headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
}

#[tokio::test]
async fn headers_that_say_what_the_arguments_say_are_served() {
    let (mcp, _) = query();
    let greeting = "Hello, \u{4e16}\u{754c}";
    let lines = "line1\nline2";
    for (arguments, headers, expected) in [
        (json!({"region": "us-west1"}), vec![("mcp-param-region", "us-west1")], "us-west1 None false None "),
        (json!({"region": "a"}), vec![("MCP-PARAM-REGION", "a")], "a None false None "),
        (
            json!({"region": "us west", "limit": 42, "dry_run": true, "at": {"zone": -7}, "text": "free"}),
            vec![
                ("mcp-param-region", "us west"),
                ("mcp-param-limit", "42"),
                ("mcp-param-dry-run", "true"),
                ("mcp-param-zone", "-7"),
            ],
            "us west Some(42) true Some(-7) free",
        ),
        (
            json!({"region": "a", "dry_run": false}),
            vec![("mcp-param-region", "a"), ("mcp-param-dry-run", "false")],
            "a None false None ",
        ),
        // `null` and absent: no header is expected.
        (
            json!({"region": "a", "limit": null, "at": {"zone": null}}),
            vec![("mcp-param-region", "a")],
            "a None false None ",
        ),
        (json!({"region": ""}), vec![("mcp-param-region", "")], " None false None "),
        // Integers are compared as numbers.
        (
            json!({"region": "a", "limit": 42}),
            vec![("mcp-param-region", "a"), ("mcp-param-limit", "42.0")],
            "a Some(42) false None ",
        ),
        (
            json!({"region": "a", "limit": 42}),
            vec![("mcp-param-region", "=?base64?YQ==?="), ("mcp-param-limit", "=?base64?NDI=?=")],
            "a Some(42) false None ",
        ),
        // Headers that nothing was said of are nobody's business.
        (
            json!({"region": "a"}),
            vec![("mcp-param-region", "a"), ("mcp-param-other", "x"), ("mcp-param-text", "y")],
            "a None false None ",
        ),
    ] {
        let reply = with(arguments.clone(), &headers).to(&mcp).await;
        assert_eq!(reply.text(), expected, "{arguments} {headers:?}");
    }
    for region in [greeting, " padded ", lines, "=?base64?literal?=", "\u{1f600}"] {
        let reply = with(json!({"region": region}), &[("mcp-param-region", &sentinel(region))]).to(&mcp).await;
        assert_eq!(reply.text(), format!("{region} None false None "), "{region:?}");
    }
}

/// The examples of the page, so that this and the rest of the tests encode as it says.
#[test]
fn values_are_encoded_as_the_page_shows() {
    for (value, header) in [
        ("us-west1", "us-west1"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
    ] {
        assert_eq!(mirrored(value), header);
    }
}

#[tokio::test]
async fn a_header_and_a_body_that_disagree_are_never_served() {
    let (mcp, runs) = query();
    let region = json!({"region": "us-west1"});
    let one = |value: &str| with(region.clone(), &[("mcp-param-region", value)]);
    let limit = |limit: Value, header: &str| {
        with(json!({"region": "a", "limit": limit}), &[("mcp-param-region", "a"), ("mcp-param-limit", header)])
    };
    let dry = |value: Value, header: &str| {
        with(json!({"region": "a", "dry_run": value}), &[("mcp-param-region", "a"), ("mcp-param-dry-run", header)])
    };
    let large = json!(9_007_199_254_740_993_u64);
    let asks = [
        ("missing", with(region.clone(), &[]), "region"),
        ("different", one("eu-west1"), "region"),
        ("another case", one("US-west1"), "region"),
        ("empty", one(""), "region"),
        ("twice", one("us-west1").also("mcp-param-region", "us-west1"), "region"),
        ("twice, the second different", one("us-west1").also("mcp-param-region", "eu-west1"), "region"),
        ("a list", one("us-west1, us-west1"), "region"),
        ("not for a header", one("us-west1\u{e9}"), "region"),
        ("no Base64", one("=?base64?us-west1?="), "region"),
        ("Base64 without its end", one("=?base64?dXMtd2VzdDE?="), "region"),
        ("Base64 for URLs", with(json!({"region": "??>"}), &[("mcp-param-region", "=?base64?Pz8-?=")]), "region"),
        ("Base64 of no UTF-8", one("=?base64?/w==?="), "region"),
        ("Base64 in capitals", one("=?BASE64?dXMtd2VzdDE=?="), "region"),
        ("Base64 of another", one(&sentinel("eu-west1")), "region"),
        ("bare Base64", one("dXMtd2VzdDE="), "region"),
        (
            "what looks encoded and is not",
            with(json!({"region": "=?base64?YQ==?="}), &[("mcp-param-region", "=?base64?YQ==?=")]),
            "region",
        ),
        ("padded", with(json!({"region": " a "}), &[("mcp-param-region", " a ")]), "region"),
        ("extra", limit(json!(null), "3"), "limit"),
        ("extra, empty", limit(json!(null), ""), "limit"),
        ("no such number", limit(json!(42), "43"), "limit"),
        ("almost", limit(json!(42), "42.5"), "limit"),
        ("no number", limit(json!(42), "forty-two"), "limit"),
        ("in words", limit(json!(42), "NaN"), "limit"),
        ("a text", limit(json!("42"), "43"), "limit"),
        ("too large to be rounded", limit(large.clone(), "9007199254740992"), "limit"),
        ("too large to be rounded, with a fraction", limit(large, "9007199254740992.0"), "limit"),
        ("larger than 63 bits", limit(json!(u64::MAX), "18446744073709551614"), "limit"),
        ("yes", dry(json!(true), "false"), "dry-run"),
        ("True", dry(json!(true), "True"), "dry-run"),
        ("1", dry(json!(true), "1"), "dry-run"),
        ("0", dry(json!(false), ""), "dry-run"),
        ("nested, missing", with(json!({"region": "a", "at": {"zone": 3}}), &[("mcp-param-region", "a")]), "zone"),
        (
            "nested, elsewhere",
            with(json!({"region": "a", "zone": 3}), &[("mcp-param-region", "a"), ("mcp-param-zone", "3")]),
            "zone",
        ),
        ("no arguments", with(json!({}), &[("mcp-param-region", "a")]), "region"),
    ];
    for (what, ask, header) in asks {
        let reply = ask.to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32020), "{what}\n{reply}");
        let message = reply.error()["message"].to_string().to_lowercase();
        assert!(message.contains(&format!("mcp-param-{header}")), "{what}: names the header\n{reply}");
    }
    assert_eq!(runs.load(SeqCst), 0, "no handler sees them");
}

#[tokio::test]
async fn sessions_know_nothing_of_it() {
    let (mcp, _) = query();
    for revision in SESSION_REVISIONS {
        let client = crate::eras::Client::new(&mcp, revision).await;
        let ask = || client.ask("tools/call", json!({"name": "query", "arguments": {"region": "a", "limit": 3}}));
        for ask in [ask(), ask().header("mcp-param-region", "b").header("mcp-param-dry-run", "?")] {
            assert_eq!(ask.to(&mcp).await.text(), "a Some(3) false None ", "{revision}");
        }
    }
    assert_eq!(SESSION_REVISIONS[0], LATEST_SESSION);
}

/// The tool is looked for first: what is not there has no annotations.
#[tokio::test]
async fn a_tool_that_is_not_there_has_no_headers() {
    let (mcp, _) = query();
    let reply = modern_call("queries", json!({"region": "a"})).header("mcp-param-region", "b").to(&mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (200, -32602), "{reply}");
    assert!(mcp.tools().remove("query"));
    mcp.tools().add(tool_fn("query", "Without headers", || "plain")).expect("added");
    let reply = modern_call("query", json!({"region": "a"})).header("mcp-param-region", "b").to(&mcp).await;
    assert_eq!(reply.text(), "plain", "annotations come and go with their tool");
}
