//! `McpService::describe`: what is served, as data, as JSON and as text.

use bytes::Bytes;
use http::{Method, Request};
use mcp_mount::{Lifespan, Mcp, Resource, Revision, Sessions, prompt_fn, tool_fn};
use serde_json::{Value, json};

use crate::{
    rig::owned,
    support::{ALL_REVISIONS, MODERN},
    told::{changing, server},
};

fn configured() -> Mcp {
    let version = |_: Request<Bytes>| async { "1.2.3" };
    changing(Mcp::new("described", "4.5.6"))
        .tool(tool_fn("another", "Another", || "2"))
        .health_at("/livez")
        .ready_at("/readyz")
        .route(Method::GET, "/version", version)
        .route(Method::POST, "/hook", version)
        .hosts(["mcp.example.com", "localhost:8000"])
        .origins(["https://app.example.com"])
        .revisions([Revision::V2025_06_18, Revision::V2026_07_28])
        .sessions(Sessions::new().max(7))
}

#[test]
fn as_data() {
    let mcp = configured().build().expect("builds");
    let described = mcp.describe();
    assert_eq!((described.name.as_str(), described.version.as_str()), ("described", "4.5.6"));
    assert_eq!(described.revisions, [MODERN, "2025-06-18"]);
    assert_eq!(described.tools, ["one", "another"], "in order");
    assert_eq!(described.resources, ["test://a", "test://b"]);
    assert_eq!(described.resource_templates, ["item://{id}"]);
    assert_eq!(described.prompts, ["greet"]);
    assert_eq!(described.routes, ["GET /livez", "GET /readyz", "GET /version", "POST /hook"]);
    assert_eq!(described.hosts, ["mcp.example.com", "localhost:8000"]);
    assert_eq!(described.origins, ["https://app.example.com"]);
    assert_eq!(described.sessions, Some(7));
    assert_eq!(described, mcp.clone().describe(), "a clone is the same server");
    assert_eq!(described, mcp.on_path("/mcp").describe());
}

#[test]
fn as_json() {
    let described = serde_json::to_value(configured().build().expect("builds").describe()).expect("JSON");
    let expected = json!({
        "name": "described",
        "version": "4.5.6",
        "revisions": [MODERN, "2025-06-18"],
        "tools": ["one", "another"],
        "resources": ["test://a", "test://b"],
        "resource_templates": ["item://{id}"],
        "prompts": ["greet"],
        "routes": ["GET /livez", "GET /readyz", "GET /version", "POST /hook"],
        "hosts": ["mcp.example.com", "localhost:8000"],
        "origins": ["https://app.example.com"],
        "sessions": 7,
    });
    for (member, value) in expected.as_object().expect("an object") {
        assert_eq!(&described[member], value, "{member}");
    }
}

#[test]
fn as_text() {
    let text = configured().build().expect("builds").describe().to_string();
    for part in [
        "described 4.5.6",
        "2026-07-28, 2025-06-18",
        "one, another",
        "test://a, test://b",
        "item://{id}",
        "greet",
        "GET /livez, GET /readyz, GET /version, POST /hook",
        "mcp.example.com, localhost:8000",
        "https://app.example.com",
        "7",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(!text.ends_with('\n') && text.lines().all(|line| line.trim_end() == line), "{text:?}");
    // What is not there has no line.
    let bare = Mcp::new("bare", "1").sessions(Sessions::disabled()).build().expect("builds").describe().to_string();
    for absent in ["tools", "resources", "templates", "prompts", "routes"] {
        assert!(!bare.contains(absent), "{absent:?} is in\n{bare}");
    }
}

#[test]
fn the_defaults() {
    let described = Mcp::new("plain", "1").build().expect("builds").describe();
    assert_eq!(described.revisions, ALL_REVISIONS);
    assert_eq!((described.hosts, described.origins), (vec!["loopback".to_owned()], vec!["loopback".to_owned()]));
    assert_eq!(described.sessions, Some(10_000));
    let nothing: Vec<String> = Vec::new();
    for list in
        [described.tools, described.resources, described.resource_templates, described.prompts, described.routes]
    {
        assert_eq!(list, nothing);
    }
}

#[test]
fn what_is_open_to_everybody_says_so() {
    let open = Mcp::new("open", "1").dangerously_allow_any_host().dangerously_allow_any_origin().build();
    let described = open.expect("builds").describe();
    assert_eq!((described.hosts, described.origins), (vec!["any".to_owned()], vec!["any".to_owned()]));
    let nobody: [&str; 0] = [];
    let closed = Mcp::new("closed", "1").hosts(nobody).build().expect("builds").describe();
    assert!(closed.hosts.is_empty(), "an empty list denies every request: {:?}", closed.hosts);
}

#[test]
fn sessions_are_there_or_not() {
    for mcp in
        [Mcp::new("s", "1").sessions(Sessions::disabled()), Mcp::new("s", "1").revisions([Revision::V2026_07_28])]
    {
        let described = mcp.build().expect("builds").describe();
        assert_eq!(described.sessions, None, "{described}");
        assert!(described.to_string().contains("none"), "{described}");
        assert_eq!(serde_json::to_value(&described).expect("JSON")["sessions"], Value::Null);
    }
}

#[test]
fn the_share_of_a_principal_is_told_where_there_are_principals() {
    let sessions = Sessions::new().max(7).max_per_principal(3);
    let mcp = crate::rig::owned(Mcp::new("s", "1").sessions(sessions));
    let described = mcp.build().expect("builds").describe();
    assert_eq!((described.sessions, described.sessions_per_principal), (Some(7), Some(3)));
    assert!(described.to_string().contains("at most 7, 3 of one principal"), "{described}");
    let nobody = Mcp::new("s", "1").sessions(sessions).build().expect("builds").describe();
    assert_eq!((nobody.sessions, nobody.sessions_per_principal), (Some(7), None), "{nobody}");
}

#[test]
fn what_changes_at_run_time_is_described_anew() {
    let mcp = server();
    let before = mcp.describe();
    mcp.tools().add(tool_fn("two", "Two", || "2")).expect("added");
    mcp.tools().disable("one");
    mcp.resources().remove("test://a");
    mcp.resources().add(Resource::text("test://c", "c", "C")).expect("added");
    mcp.prompts().add(prompt_fn("part", "Part", || "Bye.")).expect("added");
    let after = mcp.describe();
    assert_eq!((before.tools, after.tools), (vec!["one".to_owned()], vec!["two".to_owned()]));
    assert_eq!(after.resources, ["test://b", "test://c"]);
    assert_eq!(after.prompts, ["greet", "part"]);
}

#[tokio::test]
async fn nothing_secret_is_in_it_and_it_needs_no_runtime() {
    let lifespan = Lifespan::new();
    let mcp =
        owned(Mcp::new("s", "1").instructions("instructions").state("the password".to_owned()).lifespan(&lifespan));
    let mcp = mcp.build().expect("builds");
    lifespan.shutdown().await;
    let text = format!("{} {:?}", mcp.describe(), mcp.describe());
    assert!(!text.contains("password"), "{text}");
}
