//! 2026-07-28: every request describes itself, in its headers and in its body, and both must agree.

use http::Method;
use serde_json::{Value, json};

use crate::{
    rig::{rig, rig_with, session},
    support::{
        ALL_REVISIONS, Ask, LATEST_SESSION, MODERN, bare, call, message, modern, modern_call, modern_meta,
        notification, post, raw,
    },
    table::{case, check},
};

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";
const INFO_KEY: &str = "io.modelcontextprotocol/clientInfo";
const SERVER_KEY: &str = "io.modelcontextprotocol/serverInfo";

fn echo() -> Ask {
    modern_call("echo", json!({"text": "hello"}))
}

/// A call whose `_meta` is exactly this.
fn with_meta(meta: Value) -> Ask {
    let params = json!({"name": "echo", "arguments": {"text": "hello"}, "_meta": meta});
    post(message(1, "tools/call", params))
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "echo")
}

fn meta_without(key: &str) -> Value {
    let mut meta = modern_meta();
    meta.as_object_mut().expect("an object").remove(key);
    meta
}

fn meta_with(key: &str, value: Value) -> Value {
    let mut meta = modern_meta();
    meta[key] = value;
    meta
}

#[tokio::test]
async fn the_version_header_mirrors_the_meta() {
    check([
        case("both", 200, echo()).runs(1),
        case("header missing", 400, echo().without("mcp-protocol-version"))
            .code(-32020)
            .echoes(1)
            .says("mcp-protocol-version"),
        case("header of a session revision", 400, echo().header("mcp-protocol-version", LATEST_SESSION))
            .code(-32020)
            .echoes(1),
        case("header of no revision", 400, echo().header("mcp-protocol-version", "2099-01-01")).code(-32020),
        case("header empty", 400, echo().header("mcp-protocol-version", "")).code(-32020),
        case("header not ASCII", 400, echo().header("mcp-protocol-version", b"2026-07-28\xff")).code(-32020),
        case("twice alike", 400, echo().also("mcp-protocol-version", MODERN)).code(-32020),
        case("twice, differing", 400, echo().also("mcp-protocol-version", LATEST_SESSION)).code(-32020),
        case("white space around", 200, echo().header("mcp-protocol-version", " 2026-07-28\t")).runs(1),
    ])
    .await;
}

#[tokio::test]
async fn the_meta_is_complete() {
    let no_meta = || with_meta(json!({}));
    let bare_call = post(call("echo", json!({"text": "hello"})))
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "echo");
    let no_params = post(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}))
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/list");
    check([
        case("no params", 400, no_params).code(-32602).echoes(1).says(VERSION_KEY),
        case("no _meta", 400, bare_call).code(-32602).echoes(1).says(VERSION_KEY),
        case("empty _meta", 400, no_meta()).code(-32602).says(VERSION_KEY),
        case("no version", 400, with_meta(meta_without(VERSION_KEY))).code(-32602).says(VERSION_KEY),
        case("no capabilities", 400, with_meta(meta_without(CAPABILITIES_KEY))).code(-32602).says(CAPABILITIES_KEY),
        case("no client info", 200, with_meta(meta_without(INFO_KEY))).runs(1),
        case("version a number", 400, with_meta(meta_with(VERSION_KEY, json!(20260728))))
            .code(-32602)
            .says(VERSION_KEY),
        case("capabilities a list", 400, with_meta(meta_with(CAPABILITIES_KEY, json!([]))))
            .code(-32602)
            .says(CAPABILITIES_KEY),
        case("capabilities null", 400, with_meta(meta_with(CAPABILITIES_KEY, json!(null)))).code(-32602),
        case("client info a list", 400, with_meta(meta_with(INFO_KEY, json!([])))).code(-32602).says(INFO_KEY),
        case("client info without a name", 400, with_meta(meta_with(INFO_KEY, json!({})))).code(-32602),
        case("log level unknown", 400, with_meta(meta_with("io.modelcontextprotocol/logLevel", json!("loud"))))
            .code(-32602)
            .says("logLevel"),
        case("a key of somebody else", 200, with_meta(meta_with("example.com/trace", json!([1])))).runs(1),
    ])
    .await;
}

#[tokio::test]
async fn unserved_versions_are_named_with_the_served_ones() {
    let ask = |version: &str| with_meta(meta_with(VERSION_KEY, json!(version))).header("mcp-protocol-version", version);
    let rig = rig();
    for version in ["2099-01-01", "draft", "1.0.0"] {
        let reply = ask(version).to(&rig.mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32022), "{version}\n{reply}");
        assert_eq!(reply.error()["data"]["supported"], json!(ALL_REVISIONS), "{version}\n{reply}");
        assert_eq!(reply.error()["data"]["requested"], json!(version), "{version}\n{reply}");
        assert_eq!(reply.json()["id"], json!(1), "{version}\n{reply}");
    }
    let old = rig_with(|mcp| mcp.revisions([mcp_mount::Revision::V2025_06_18, mcp_mount::Revision::V2025_11_25]));
    let reply = echo().to(&old.mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, -32022), "the stateless era is not served\n{reply}");
    assert_eq!(reply.error()["data"]["supported"], json!(["2025-11-25", "2025-06-18"]), "{reply}");
    assert_eq!(reply.error()["data"]["requested"], json!(MODERN), "{reply}");
    assert_eq!((rig.runs(), old.runs()), (0, 0));
}

#[tokio::test]
async fn the_method_header_mirrors_the_method() {
    check([
        case("missing", 400, echo().without("mcp-method")).code(-32020).echoes(1).says("mcp-method"),
        case("another method", 400, echo().header("mcp-method", "tools/list")).code(-32020).says("mcp-method"),
        case("values are case-sensitive", 400, echo().header("mcp-method", "Tools/Call")).code(-32020),
        case("names are not", 200, echo().without("mcp-method").header("MCP-Method", "tools/call")).runs(1),
        case("empty", 400, echo().header("mcp-method", "")).code(-32020),
        case("not ASCII", 400, echo().header("mcp-method", b"tools/call\xff")).code(-32020),
        case("twice alike", 400, echo().also("mcp-method", "tools/call")).code(-32020),
        case("twice, differing", 400, echo().also("mcp-method", "tools/list")).code(-32020),
        case("white space around", 200, echo().header("mcp-method", "\t tools/call ")).runs(1),
        case("two in one line", 400, echo().header("mcp-method", "tools/call, tools/call")).code(-32020),
        case("tools/list", 200, modern("tools/list", json!({}))).echoes(1),
        case("tools/list, another method", 400, modern("tools/list", json!({})).header("mcp-method", "tools/call"))
            .code(-32020),
    ])
    .await;
}

fn notice() -> Ask {
    let mut message = notification("notifications/cancelled", json!({"requestId": 77}));
    message["params"]["_meta"] = modern_meta();
    post(message).header("mcp-protocol-version", MODERN).header("mcp-method", "notifications/cancelled")
}

#[tokio::test]
async fn the_name_header_mirrors_the_tool() {
    let name = |value: &str| echo().header("mcp-name", value);
    check([
        case("missing", 400, echo().without("mcp-name")).code(-32020).echoes(1).says("mcp-name"),
        case("another tool", 400, name("order")).code(-32020).says("mcp-name"),
        case("values are case-sensitive", 400, name("Echo")).code(-32020),
        case("empty", 400, name("")).code(-32020),
        case("twice alike", 400, echo().also("mcp-name", "echo")).code(-32020),
        case("twice, differing", 400, echo().also("mcp-name", "order")).code(-32020),
        case("white space around", 200, name("  echo\t")).runs(1),
        case("base64", 200, name("=?base64?ZWNobw==?=")).runs(1),
        case("base64 of another tool", 400, name("=?base64?b3JkZXI=?=")).code(-32020),
        case("base64, not padded", 400, name("=?base64?ZWNobw?=")).code(-32020),
        case("base64, badly padded", 400, name("=?base64?ZWNobw=?=")).code(-32020),
        case("base64, not the alphabet", 400, name("=?base64?ZW*obw==?=")).code(-32020),
        case("base64, spaces inside", 400, name("=?base64? ZWNobw== ?=")).code(-32020),
        case("base64 of bytes that are not UTF-8", 400, name("=?base64?/////w==?=")).code(-32020),
        case("base64 of nothing", 400, name("=?base64??=")).code(-32020),
        case("markers are case-sensitive", 400, name("=?BASE64?ZWNobw==?=")).code(-32020),
        case("never closed", 400, name("=?base64?ZWNobw==")).code(-32020),
        case("not ASCII", 400, echo().header("mcp-name", "échø")).code(-32020),
        case(
            "an unknown tool, another in the header",
            400,
            modern_call("nobody", json!({})).header("mcp-name", "echo"),
        )
        .code(-32020),
    ])
    .await;
}

#[tokio::test]
async fn unknown_methods_are_404_and_unknown_tools_are_not() {
    let gone = ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tools/forget", "x", "Tools/list"];
    check(gone.map(|method| case(format!("method {method:?}"), 404, modern(method, json!({}))).code(-32601).echoes(1)))
        .await;
    let rig = rig();
    let reply = modern_call("nobody", json!({})).to(&rig.mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (200, -32602), "an unknown tool is answered in band\n{reply}");
    assert!(reply.error()["message"].as_str().is_some_and(|text| text.contains("nobody")), "{reply}");
    let reply = modern("tools/call", json!({"arguments": {}})).to(&rig.mcp).await;
    assert!(matches!(reply.code(), -32602 | -32020), "no name at all\n{reply}");
    assert_eq!(rig.runs(), 0);
}

#[tokio::test]
async fn the_session_eras_headers_are_ignored() {
    let rig = rig();
    let session = session(&rig.mcp).await;
    for id in [session.id.as_str(), "unknown", ""] {
        let reply = echo().header("mcp-session-id", id).header("last-event-id", "1").to(&rig.mcp).await;
        assert_eq!(reply.text(), "hello", "{id:?}\n{reply}");
        assert_eq!(reply.header("mcp-session-id"), None, "{id:?}\n{reply}");
    }
    assert!(session.is_alive().await);
    let modern_only = rig_with(|mcp| mcp.revisions([mcp_mount::Revision::V2026_07_28]));
    assert_eq!(echo().header("mcp-session-id", "x").to(&modern_only.mcp).await.text(), "hello");
}

#[tokio::test]
async fn a_modern_only_server_has_no_sessions() {
    let rig = rig_with(|mcp| mcp.revisions([mcp_mount::Revision::V2026_07_28]));
    for version in [LATEST_SESSION, "2025-03-26"] {
        let old = post(call("echo", json!({"text": "x"}))).header("mcp-protocol-version", version);
        let reply = old.to(&rig.mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32022), "{version}\n{reply}");
        assert_eq!(reply.error()["data"]["supported"], json!([MODERN]), "{version}\n{reply}");
    }
    let reply = crate::support::initialize(LATEST_SESSION).to(&rig.mcp).await;
    assert!(reply.status.is_client_error(), "{reply}");
    assert_eq!(reply.header("mcp-session-id"), None, "{reply}");
    assert_eq!(bare(Method::GET, "").header("accept", "text/event-stream").to(&rig.mcp).await.status, 405);
    assert_eq!(rig.runs(), 0);
}

#[tokio::test]
async fn notifications_are_accepted_without_a_body() {
    check([
        case("cancelled", 202, notice()),
        case("a header too many", 202, notice().header("mcp-session-id", "x")),
        case("version header missing", 400, notice().without("mcp-protocol-version")).code(-32020),
    ])
    .await;
}

#[tokio::test]
async fn every_result_is_complete_and_names_the_server() {
    let rig = rig_with(|mcp| mcp.title("The rig").instructions("Use it."));
    for (name, ask) in [
        ("call", echo()),
        ("failed call", modern_call("echo", json!({}))),
        ("list", modern("tools/list", json!({}))),
        ("discover", modern("server/discover", json!({}))),
    ] {
        let reply = ask.to(&rig.mcp).await;
        let result = reply.result();
        assert_eq!(result["resultType"], json!("complete"), "{name}\n{reply}");
        assert_eq!(result["_meta"][SERVER_KEY]["name"], json!("rig"), "{name}\n{reply}");
        assert_eq!(result["_meta"][SERVER_KEY]["version"], json!("1.2.3"), "{name}\n{reply}");
        assert_eq!(result["_meta"][SERVER_KEY]["title"], json!("The rig"), "{name}\n{reply}");
        assert_eq!(reply.header("mcp-session-id"), None, "{name}\n{reply}");
    }
}

#[tokio::test]
async fn discovery_and_lists_say_how_long_they_hold() {
    let rig = rig_with(|mcp| mcp.instructions("Use it."));
    for method in ["server/discover", "tools/list"] {
        let reply = modern(method, json!({})).to(&rig.mcp).await;
        let result = reply.result();
        assert!(result["ttlMs"].is_u64(), "{method}\n{reply}");
        let scope = result["cacheScope"].as_str();
        assert!(matches!(scope, Some("private" | "public")), "{method}\n{reply}");
    }
    let reply = modern("server/discover", json!({})).to(&rig.mcp).await;
    let result = reply.result();
    assert_eq!(result["supportedVersions"], json!(ALL_REVISIONS), "{reply}");
    assert!(result["capabilities"]["tools"].is_object(), "{reply}");
    assert_eq!(result["instructions"], json!("Use it."), "{reply}");
    let reply = echo().to(&rig.mcp).await;
    assert_eq!(reply.result().get("ttlMs"), None, "calls are not cached\n{reply}");
}

#[tokio::test]
async fn lists_keep_their_order() {
    let rig = rig();
    let first = modern("tools/list", json!({})).to(&rig.mcp).await;
    let second = modern("tools/list", json!({})).to(&rig.mcp).await;
    assert_eq!(first.body, second.body);
    let names: Vec<_> =
        first.result()["tools"].as_array().expect("tools").iter().map(|tool| tool["name"].clone()).collect();
    assert_eq!(names.len(), 3, "{first}");
    for name in ["echo", "order", "raw"] {
        assert!(names.contains(&json!(name)), "{first}");
    }
}

#[tokio::test]
async fn the_eras_do_not_mix() {
    let initialize_with_meta = modern(
        "initialize",
        json!({
            "protocolVersion": LATEST_SESSION, "capabilities": {}, "clientInfo": {"name": "it", "version": "1"},
        }),
    );
    // Neither `_meta` nor header: the session era. `_meta` decides for the stateless one, whatever else is there.
    check([
        case("initialize with a modern _meta", 404, initialize_with_meta).code(-32601),
        case("header only", 400, post(call("echo", json!({"text": "x"}))).header("mcp-protocol-version", MODERN))
            .code(-32602),
        case("discover without _meta", 200, post(message(1, "server/discover", json!({})))).echoes(1),
        case("broken JSON with modern headers", 400, raw("{").header("mcp-protocol-version", MODERN))
            .code(-32700)
            .no_id(),
    ])
    .await;
    let rig = rig();
    let reply = post(message(1, "server/discover", json!({}))).to(&rig.mcp).await;
    assert_eq!(reply.code(), -32601, "a session-era client has no server/discover\n{reply}");
}
