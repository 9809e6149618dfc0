//! Extensions of the protocol: what the server declares, and what it learns of its client.

use mcp_mount::{BuildErrorKind, Context, Mcp, McpService, tool_fn};
use serde_json::{Value, json};

use crate::{
    rig::Session,
    support::{Ask, LATEST_SESSION, MODERN, SESSION_REVISIONS, legacy, message, modern, notification, post},
};

const JOBS: &str = "com.example/jobs";
const UI: &str = "io.modelcontextprotocol/ui";

/// Says what its client declares of two extensions.
fn server() -> McpService {
    let tool = tool_fn("extensions", "Say what the client supports", |ctx: Context| async move {
        json!({ "jobs": ctx.client_extension(JOBS), "ui": ctx.client_extension(UI) })
    });
    Mcp::new("rig", "1.2.3")
        .tool(tool)
        .extension(JOBS, json!({"maxJobs": 5}))
        .extension(UI, json!({}))
        .build()
        .expect("builds")
}

fn initialize(revision: &str, capabilities: Value) -> Ask {
    let info = json!({"name": "it", "version": "0.1"});
    let params = json!({"protocolVersion": revision, "capabilities": capabilities, "clientInfo": info});
    post(message("init", "initialize", params))
}

#[tokio::test]
async fn they_are_declared_where_the_revision_has_a_place() {
    let mcp = server();
    let declared = json!({(JOBS): {"maxJobs": 5}, (UI): {}});
    for revision in SESSION_REVISIONS {
        let capabilities = initialize(revision, json!({})).to(&mcp).await.result()["capabilities"].clone();
        assert_eq!(capabilities["experimental"], declared, "{revision}");
        assert_eq!(capabilities.get("extensions"), None, "{revision}");
    }
    let capabilities = modern("server/discover", json!({})).to(&mcp).await.result()["capabilities"].clone();
    assert_eq!(capabilities["extensions"], declared);
    assert_eq!(capabilities.get("experimental"), None);
    let plain = Mcp::new("demo", "1").build().expect("builds");
    let capabilities = modern("server/discover", json!({})).to(&plain).await.result()["capabilities"].clone();
    assert!(capabilities.get("extensions").is_none() && capabilities.get("experimental").is_none(), "{capabilities}");
}

/// What the handler sees of a client with these capabilities: in a session, and in 2026-07-28.
async fn seen(mcp: &McpService, capabilities: &Value) -> [Value; 2] {
    let opened = initialize(LATEST_SESSION, capabilities.clone()).to(mcp).await;
    let id = opened.header("mcp-session-id").expect("a session").to_owned();
    let of_session = |ask: Ask| ask.header("mcp-session-id", &id).header("mcp-protocol-version", LATEST_SESSION);
    of_session(post(notification("notifications/initialized", json!({})))).to(mcp).await;
    // A session's client has said what it supports; its requests do not change it.
    let claimed = json!({"io.modelcontextprotocol/clientCapabilities": {"extensions": {"com.example/late": {}}}});
    let params = json!({"name": "extensions", "_meta": claimed});
    let in_session = of_session(post(message(1, "tools/call", params))).to(mcp).await;
    let meta = json!({"io.modelcontextprotocol/clientCapabilities": capabilities});
    let stateless = modern("tools/call", json!({"name": "extensions", "_meta": meta})).to(mcp).await;
    [in_session, stateless].map(|reply| reply.result()["structuredContent"].clone())
}

#[tokio::test]
async fn a_handler_knows_what_its_client_supports() {
    let mcp = server();
    let ui = json!({"mimeTypes": ["text/html;profile=mcp-app"]});
    for (capabilities, expected) in [
        (json!({}), json!({"jobs": null, "ui": null})),
        (json!({"extensions": {(UI): ui}}), json!({"jobs": null, "ui": ui})),
        (json!({"extensions": {(JOBS): {}, (UI): {}}, "sampling": {}}), json!({"jobs": {}, "ui": {}})),
        (json!({"extensions": {(JOBS): true}}), json!({"jobs": null, "ui": null})),
        (json!({"extensions": []}), json!({"jobs": null, "ui": null})),
    ] {
        assert_eq!(seen(&mcp, &capabilities).await, [expected.clone(), expected], "{capabilities}");
    }
}

#[tokio::test]
async fn a_session_keeps_a_bounded_part() {
    let mcp = server();
    let capabilities = json!({"extensions": {"com.example/huge": {"x": "y".repeat(100_000)}, (JOBS): {"n": 1}}});
    let [in_session, stateless] = seen(&mcp, &capabilities).await;
    assert_eq!((&in_session["jobs"], &stateless["jobs"]), (&json!({"n": 1}), &json!({"n": 1})));
    // What else a session knows is not touched by it.
    let session = Session::open(&mcp, LATEST_SESSION, None).await;
    assert!(session.is_alive().await);
}

#[tokio::test]
async fn without_a_session_none_are_known() {
    let mcp = server();
    let reply = legacy(message(1, "tools/call", json!({"name": "extensions"}))).to(&mcp).await;
    assert_eq!(
        reply.result()["structuredContent"],
        json!({"jobs": null, "ui": null}),
        "{MODERN} alone says it each time"
    );
}

#[test]
fn what_cannot_be_declared_fails_the_build() {
    let build = |identifier: &str, settings: Value| Mcp::new("demo", "1").extension(identifier, settings).build();
    for (identifier, settings, fault) in [
        ("jobs", json!({}), "prefix"),
        ("com.example/", json!({}), "prefix"),
        ("1com.example/jobs", json!({}), "prefix"),
        (JOBS, json!(true), "no JSON object"),
        (JOBS, json!(null), "no JSON object"),
    ] {
        let error = build(identifier, settings).unwrap_err();
        assert_eq!(error.kind(), BuildErrorKind::InvalidSetting);
        assert!(error.to_string().contains("extension") && error.to_string().contains(fault), "{error}");
    }
    let twice = Mcp::new("demo", "1").extension(JOBS, json!({})).extension(JOBS, json!({})).build().unwrap_err();
    assert!(twice.to_string().contains("twice"), "{twice}");
    build(UI, json!({})).expect("an official extension may be supported");
}
