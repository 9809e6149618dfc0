//! What `build()` refuses, and what is listed of a tool.

use std::time::Duration;

use mcp_mount::{
    Annotations, Args, BuildErrorKind, Content, Icon, Json, Mcp, Memory, Resource, Revision, State, Tool, tool_fn,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    rig::{Order, Session, Total, rig, server, server_with},
    support::{SESSION_REVISIONS, message, modern, modern_call},
};

fn mcp() -> Mcp {
    Mcp::new("name", "1.0.0")
}

fn tool(name: &str) -> Tool {
    tool_fn(name, "A tool", || async { "text" })
}

/// The text of the error, which must be there and name these things.
fn refused(case: &str, mcp: Mcp, names: &[&str]) {
    let Err(error) = mcp.build() else { panic!("{case}: built") };
    let text = error.to_string();
    for name in names {
        assert!(text.contains(name), "{case}: does not name {name:?}: {text}");
    }
}

#[derive(Clone)]
struct Database;

#[test]
fn mistakes_are_found_when_it_is_built() {
    refused("a name twice", mcp().tool(tool("echo")).tool(tool("echo")), &["tools", "`echo`"]);
    let many = vec![tool("a"), tool("b"), tool("a")];
    refused("a name twice in a list", mcp().tools(many), &["tools", "`a`"]);
    let long = "x".repeat(129);
    for name in ["", "a/b", "two words", "é", "a\nb", "a,b", long.as_str()] {
        refused("a tool's name", mcp().tool(tool(name)), &["tools", "128"]);
    }
    let needy = || tool_fn("needy", "Needs state", |State(_): State<Database>| async { "text" });
    refused("a missing state", mcp().tool(needy()), &["needy", "Database", ".state("]);
    assert!(mcp().tool(needy()).state(Database).build().is_ok(), "state after the tool");
    assert!(mcp().state(Database).tool(needy()).build().is_ok(), "state before the tool");
    refused("no revision", mcp().revisions([]), &["revisions"]);
    refused("no name", Mcp::new("", "1.0.0"), &["name"]);
}

#[test]
fn hosts_and_origins_that_could_never_match() {
    for host in
        ["http://mcp.example.com", "mcp.example.com/path", "user@mcp.example.com", "mcp.example.com:port", "", "a b"]
    {
        refused("a host", mcp().hosts([host]), &["hosts", host]);
    }
    for origin in
        ["app.example.com", "https://app.example.com/path", "https://", "null", "", "https://a b", "https://u@a"]
    {
        refused("an origin", mcp().origins([origin]), &["origins", origin]);
    }
    assert!(mcp().hosts(["mcp.example.com", "[::1]:8000", "10.0.0.1"]).build().is_ok());
    assert!(mcp().origins(["https://app.example.com", "http://10.0.0.1:8080"]).build().is_ok());
}

#[test]
fn tools_that_no_client_could_call() {
    let array = tool_fn("array", "Takes an array", |Args(_): Args<Vec<u8>>| async { "text" });
    refused("arguments that are no object", mcp().tool(array), &["array", "object"]);
    let raw = |schema: Value| Tool::raw("raw", schema, || async { "text" });
    for schema in [json!({}), json!({"type": "array"}), json!(true), json!(null), json!([])] {
        refused("a schema of no object", mcp().tool(raw(schema)), &["raw", "object"]);
    }
    let remote = json!({"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/schema.json"}}});
    refused("a schema elsewhere", mcp().tool(raw(remote)), &["raw", "$ref"]);
    refused("no time at all", mcp().tool(tool("t").timeout(Duration::ZERO)), &["`t`", "timeout"]);
    let icon = || Icon::new("javascript:alert(1)");
    refused("a tool's icon", mcp().tool(tool("t").icons([icon()])), &["`t`", "javascript"]);
    refused("the server's icon", mcp().icons([icon()]), &["icons", "javascript"]);
}

#[test]
fn a_full_configuration_builds_outside_a_runtime() {
    let built = mcp()
        .title("Title")
        .instructions("Use it.")
        .website_url("https://example.com")
        .icons([Icon::new("data:image/png;base64,AAAA")])
        .tools([tool("a"), tool("b.c_d-e_f")])
        .revisions(Revision::ALL)
        .store(Memory::new())
        .build();
    assert!(built.is_ok());
}

/// The tool as this revision lists it.
async fn listed(mcp: &mcp_mount::McpService, revision: Option<&str>) -> Value {
    let reply = match revision {
        None => modern("tools/list", json!({})).to(mcp).await,
        Some(revision) => {
            let session = Session::open(mcp, revision, None).await;
            session.post(message(1, "tools/list", json!({}))).to(mcp).await
        }
    };
    reply.result()["tools"][0].clone()
}

#[tokio::test]
async fn a_tool_is_listed_as_far_as_the_revision_goes() {
    let full = tool_fn("full", "Everything said", |Args(_): Args<Order>| async {
        Json(Total { total: 0.0, first: String::new() })
    })
    .title("Full")
    .read_only(true)
    .destructive(false)
    .idempotent(true)
    .open_world(false)
    .icons([Icon::new("https://example.com/i.svg").mime_type("image/svg+xml").sizes(["any"])]);
    let mcp = server([full]);
    let newest = listed(&mcp, None).await;
    assert_eq!(newest["name"], json!("full"));
    assert_eq!(newest["title"], json!("Full"));
    assert_eq!(newest["description"], json!("Everything said"));
    let hints = json!({"readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false});
    assert_eq!(newest["annotations"], hints);
    assert_eq!(newest["icons"][0]["sizes"], json!(["any"]));
    assert_eq!(newest["outputSchema"]["properties"]["total"]["type"], json!("number"));
    for revision in SESSION_REVISIONS {
        let tool = listed(&mcp, Some(revision)).await;
        assert_eq!((&tool["name"], &tool["inputSchema"]), (&newest["name"], &newest["inputSchema"]), "{revision}");
        let has = |member: &str| tool.get(member).is_some();
        assert_eq!(has("annotations"), revision >= "2025-03-26", "{revision}: {tool}");
        assert_eq!(has("title"), revision >= "2025-06-18", "{revision}: {tool}");
        assert_eq!(has("outputSchema"), revision >= "2025-06-18", "{revision}: {tool}");
        assert_eq!(has("icons"), revision >= "2025-11-25", "{revision}: {tool}");
    }
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its schema matters")]
struct Nested {
    /// The one thing that is needed.
    order: Order,
    note: Option<String>,
    #[serde(default)]
    kind: Kind,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Small,
    Large,
}

#[tokio::test]
async fn input_schemas_come_from_the_type() {
    let mcp = server([tool_fn("nested", "Nested", |Args(_): Args<Nested>| async { "text" })]);
    let schema = listed(&mcp, None).await["inputSchema"].clone();
    assert_eq!(schema["type"], json!("object"), "{schema}");
    assert_eq!(schema["required"], json!(["order"]), "{schema}");
    assert_eq!(schema["properties"]["order"]["description"], json!("The one thing that is needed."), "{schema}");
    let text = schema.to_string();
    for part in ["items", "price", "number", "small", "large"] {
        assert!(text.contains(part), "{part} is missing: {schema}");
    }
    let plain = server([tool("none")]);
    assert_eq!(listed(&plain, None).await["inputSchema"]["type"], json!("object"));
    let given = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$anchor": "x", "type": "string"}},
        "allOf": [{"required": ["a"]}], "additionalProperties": false});
    let raw = server([Tool::raw("raw", given.clone(), || async { "text" }).description("Given")]);
    assert_eq!(listed(&raw, None).await["inputSchema"], given, "as it was given");
}

#[derive(Serialize, JsonSchema)]
struct Point {
    x: i32,
}

#[tokio::test]
async fn output_schemas_describe_what_is_sent() {
    let object = server([tool_fn("point", "A point", || async { Json(Point { x: 1 }) })]);
    let list = server([tool_fn("points", "Points", || async { Json(vec![Point { x: 1 }]) })]);
    let text = server([tool_fn("text", "Text", || async { Content::text("x") })]);
    for revision in [Some("2025-06-18"), Some("2025-11-25"), None] {
        let schema = listed(&object, revision).await["outputSchema"].clone();
        assert_eq!(schema["properties"]["x"]["type"], json!("integer"), "{revision:?} {schema}");
        let schema = listed(&list, revision).await["outputSchema"].clone();
        let inner = if revision.is_some() { &schema["properties"]["result"] } else { &schema };
        assert_eq!(inner["type"], json!("array"), "{revision:?}: wrapped as its content is: {schema}");
        assert_eq!(listed(&text, revision).await.get("outputSchema"), None, "{revision:?}");
    }
    let own = tool_fn("own", "Own", || async { Json(Point { x: 1 }) })
        .output_schema(json!({"type": "object", "title": "Own"}));
    assert_eq!(listed(&server([own]), None).await["outputSchema"], json!({"type": "object", "title": "Own"}));
}

#[tokio::test]
async fn state_is_shared_not_copied_per_call() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };
    let count = Arc::new(AtomicUsize::new(0));
    let tool =
        tool_fn(
            "count",
            "Count",
            |State(count): State<Arc<AtomicUsize>>| async move { count.fetch_add(1, SeqCst) as u64 },
        );
    let mcp = server_with([tool], |mcp| mcp.state(count.clone()));
    for expected in 0..3 {
        assert_eq!(modern_call("count", json!({})).to(&mcp).await.text(), expected.to_string());
    }
    assert_eq!(count.load(SeqCst), 3);
    assert_eq!(rig().runs(), 0);
}

#[test]
fn hints_that_make_no_sense_are_found() {
    let contradiction = tool_fn("wipe", "Wipe it", || "done").read_only(true).destructive(true);
    let resource = |annotations| Resource::text("test://a", "a", "text").annotations(annotations);
    for (mcp, kind, part) in [
        (Mcp::new("name", "1").tool(contradiction), BuildErrorKind::InvalidTool, "read_only"),
        (
            Mcp::new("name", "1").resource(resource(Annotations::new().audience(["everybody"]))),
            BuildErrorKind::InvalidResource,
            "audience",
        ),
        (
            Mcp::new("name", "1").resource(resource(Annotations::new().priority(1.5))),
            BuildErrorKind::InvalidResource,
            "priority",
        ),
    ] {
        let error = mcp.build().expect_err(part);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}
