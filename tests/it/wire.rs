//! The wire, row by row: method x headers x body -> status, code, side effects.

use http::Method;
use serde_json::json;

use crate::{
    home,
    rig::rig_with,
    support::{Ask, LATEST_SESSION, bare, call, legacy, message, modern_call, notification, post, raw},
    table::{Case, case, check},
};

fn echo() -> Ask {
    legacy(call("echo", json!({"text": "hello"})))
}

fn get() -> Ask {
    bare(Method::GET, "").header("accept", "text/event-stream")
}

#[tokio::test]
async fn only_the_endpoint_answers() {
    check([
        case("the endpoint", 200, echo().at("/")).runs(1),
        case("with a query", 200, echo().at("/?a=1")).runs(1),
        case("below", 404, echo().at("/below")),
        case("below, with a slash", 404, echo().at("/mcp/")),
        case("below, GET", 404, get().at("/below")),
        case("below, OPTIONS", 404, bare(Method::OPTIONS, "").at("/below")),
        case("the path is judged before the host", 404, echo().at("/below").header("host", "evil.example")),
    ])
    .await;
    check([if home::DIFFERS.loses_a_slash {
        case("double slash, of which one is left", 200, echo().at("//")).runs(1)
    } else {
        case("double slash", 404, echo().at("//"))
    }])
    .await;
}

#[tokio::test]
async fn methods() {
    let refused = ["PUT", "PATCH", "HEAD", "TRACE", "OPTIONS", "PROPFIND", "get"];
    check(refused.map(|name| {
        let method = Method::from_bytes(name.as_bytes()).unwrap();
        case(name, 405, echo().method(method)).header("allow", "GET, POST, DELETE")
    }))
    .await;
    check([
        case("the guard is before the method", 403, echo().method(Method::PUT).header("host", "evil.example")),
        case("the method is before the headers", 405, bare(Method::PUT, "[]").header("content-type", "text/plain")),
    ])
    .await;
}

#[tokio::test]
async fn methods_without_sessions() {
    for (name, configured) in [
        ("sessions disabled", rig_with(|mcp| mcp.sessions(mcp_mount::Sessions::disabled()))),
        ("modern only", rig_with(|mcp| mcp.revisions([mcp_mount::Revision::V2026_07_28]))),
    ] {
        for method in [Method::GET, Method::DELETE, Method::PUT, Method::HEAD, Method::OPTIONS] {
            let reply = get().method(method.clone()).to(&configured.mcp).await;
            assert_eq!(reply.status, 405, "{name}, {method}\n{reply}");
            assert_eq!(reply.header("allow"), Some("POST"), "{name}, {method}\n{reply}");
        }
    }
}

#[tokio::test]
async fn get_and_delete_need_a_session_and_get_needs_event_streams() {
    check([
        case("GET without a session", 400, get()).says("mcp-session-id"),
        case("DELETE without a session", 400, bare(Method::DELETE, "")).says("mcp-session-id"),
        case("GET, unknown session", 404, get().header("mcp-session-id", "0".repeat(32))),
        case("DELETE, unknown session", 404, bare(Method::DELETE, "").header("mcp-session-id", "0".repeat(32))),
        case("GET for JSON", 406, get().header("accept", "application/json")).says("text/event-stream"),
        case("GET, q=0", 406, get().header("accept", "text/event-stream;q=0")),
        case("GET, accept is before the session", 406, get().header("accept", "text/html")),
        case("GET for anything", 400, get().header("accept", "*/*")),
        case("GET, no accept", 400, get().without("accept")),
    ])
    .await;
}

#[tokio::test]
async fn sessionless_legacy_messages() {
    let versionless = || post(call("echo", json!({"text": "x"})));
    check([
        case("no version header", 200, versionless()).runs(1).no_header("mcp-session-id"),
        case("a served version", 200, echo()).runs(1).no_header("mcp-session-id"),
        case("the oldest", 200, echo().header("mcp-protocol-version", "2024-11-05")).runs(1),
        case("ping", 200, legacy(message(3, "ping", json!({})))).echoes(3),
        case("tools/list", 200, legacy(message("l", "tools/list", json!({})))).echoes("l"),
        case("a notification", 202, legacy(notification("notifications/initialized", json!({})))),
        case("an unknown notification", 202, legacy(notification("notifications/x", json!({})))),
        case("a response", 202, legacy(json!({"jsonrpc": "2.0", "id": 9, "result": {}}))),
        case(
            "an error response",
            202,
            legacy(json!({"jsonrpc": "2.0", "id": 9, "error": {"code": 1, "message": "m"}})),
        ),
        case("unknown method: in band", 200, legacy(message(4, "tools/forget", json!({})))).echoes(4),
    ])
    .await;
}

#[tokio::test]
async fn protocol_version_headers_of_the_session_era() {
    let unsupported = ["2025-01-01", "1.0.0", "x", "", "2025-11-25-draft", "2099-01-01"];
    check(unsupported.map(|value| case(value, 400, echo().header("mcp-protocol-version", value)).code(-32022))).await;
    check([
        case("not ASCII", 400, echo().header("mcp-protocol-version", b"2025-11-25\xff")),
        case("two that differ", 400, echo().also("mcp-protocol-version", "2025-06-18")),
        case("two alike", 400, echo().also("mcp-protocol-version", LATEST_SESSION)),
        case("very long", 400, echo().header("mcp-protocol-version", "2".repeat(10_000))),
    ])
    .await;
}

#[tokio::test]
async fn session_ids_that_name_no_session() {
    let unknown = |id: &[u8]| echo().header("mcp-session-id", id);
    let mut cases: Vec<Case> = Vec::new();
    let long = "a".repeat(4_000);
    for id in ["0123456789abcdef0123456789abcdef", "0", "", "not-hex", "../../etc/passwd", "é", long.as_str()] {
        cases.push(case(format!("{id:.40}"), 404, unknown(id.as_bytes())).code(-32600));
        cases.push(case(
            format!("{id:.40}, ping"),
            404,
            legacy(message(1, "ping", json!({}))).header("mcp-session-id", id),
        ));
    }
    cases.push(case(
        "a notification",
        404,
        legacy(notification("notifications/initialized", json!({}))).header("mcp-session-id", "0"),
    ));
    cases.push(case("two ids", 404, unknown(b"0").also("mcp-session-id", "1")));
    check(cases).await;
}

#[tokio::test]
async fn the_order_of_refusals() {
    let everything_wrong = raw("[").header("content-type", "text/plain").header("accept", "text/html");
    check([
        case("headers before the body", 415, everything_wrong.clone()),
        case("accept before the body", 406, everything_wrong.clone().header("content-type", "application/json")),
        case("origin before the method", 403, everything_wrong.clone().method(Method::PUT).header("origin", "null")),
        case("length before the syntax", 413, raw("[").header("content-length", "99999999999")),
        case("syntax before the version", 400, raw("{").header("mcp-protocol-version", "x")).code(-32700),
        case("shape before the session", 400, raw(r#"{"jsonrpc":"1.0","id":1}"#).header("mcp-session-id", "0"))
            .code(-32600),
    ])
    .await;
}

#[tokio::test]
async fn plain_replies_are_plain() {
    let rig = rig_with(|mcp| mcp);
    for (name, ask) in [("legacy", echo()), ("modern", modern_call("echo", json!({"text": "hello"})))] {
        let reply = ask.to(&rig.mcp).await;
        assert_eq!(reply.text(), "hello", "{name}");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{name}\n{reply}");
        assert_eq!(reply.json()["id"], json!(1), "{name}\n{reply}");
        assert_eq!(reply.json()["jsonrpc"], json!("2.0"), "{name}\n{reply}");
        assert_eq!(reply.json().get("error"), None, "{name}\n{reply}");
    }
}
