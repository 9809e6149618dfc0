//! Methods of the application's own, beside those of the protocol.

use std::time::Duration;

use mcp_mount::{
    Args, BuildErrorKind, Call, CallError, Context, Json, Limits, Mcp, McpService, MethodResult, Principal, Reply,
    State, ToolError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::util::MapRequestLayer;

use crate::{
    logs::Log,
    rig::{Probe, Session, owned, rig, session},
    support::{ALL_REVISIONS, Ask, MODERN, SESSION_REVISIONS, legacy, message, modern, notification, soon},
};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    job: String,
}

#[derive(Serialize)]
struct Status {
    job: String,
    state: &'static str,
}

async fn status(Args(which): Args<Which>) -> Result<Json<Status>, ToolError> {
    match which.job.as_str() {
        "lost" => Err(ToolError::expose("there is no such job")),
        "secret" => Err("the password is hunter2".into()),
        _ => Ok(Json(Status { job: which.job, state: "running" })),
    }
}

/// Says what it was given.
async fn echo(Args(params): Args<Value>) -> Json<Value> {
    Json(params)
}

fn server() -> McpService {
    server_with(|mcp| mcp)
}

fn server_with(configure: impl FnOnce(Mcp) -> Mcp) -> McpService {
    let mcp = Mcp::new("rig", "1.2.3")
        .method("example/status", status)
        .method("example/echo", echo)
        .method("example/number", || Json(5))
        .method("example/empty", || Json(json!({})))
        .method("example/rich", || Json(json!({"resultType": "x", "_meta": {"a": 1, "progressToken": 2}, "z": 1})));
    configure(mcp).build().expect("the server builds")
}

/// The request in each revision: in a session, without one, and in 2026-07-28.
async fn asks(mcp: &McpService, method: &str, params: Value) -> Vec<(&'static str, Ask)> {
    let mut asks = Vec::new();
    for revision in SESSION_REVISIONS {
        let session = Session::open(mcp, revision, None).await;
        asks.push((revision, session.post(message(1, method, params.clone()))));
    }
    asks.push(("2025-11-25", legacy(message(1, method, params.clone()))));
    asks.push((MODERN, modern(method, params)));
    asks
}

#[tokio::test]
async fn it_is_served_in_every_revision() {
    let mcp = server();
    let mut seen = Vec::new();
    for (revision, ask) in asks(&mcp, "example/status", json!({"job": "seven"})).await {
        let reply = ask.to(&mcp).await;
        let mut expected = json!({"job": "seven", "state": "running"});
        if revision == MODERN {
            expected["resultType"] = json!("complete");
            expected["_meta"] = json!({"io.modelcontextprotocol/serverInfo": {"name": "rig", "version": "1.2.3"}});
        }
        assert_eq!((reply.status.as_u16(), reply.result()), (200, expected), "{revision}");
        seen.push(revision);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), ALL_REVISIONS.len());
}

#[tokio::test]
async fn parameters_may_be_what_no_method_of_the_protocol_takes() {
    let mcp = server();
    let params = json!({"name": 5, "arguments": [1], "cursor": {}, "level": 3, "uri": null, "ref": 1, "requestId": []});
    for (revision, ask) in asks(&mcp, "example/echo", params.clone()).await {
        let mut result = ask.to(&mcp).await.result();
        let members = result.as_object_mut().expect("an object");
        members.retain(|name, _| name != "resultType" && name != "_meta");
        assert_eq!(result, params, "{revision}");
    }
    // Elsewhere they are refused as before, and so is what is no object.
    for (revision, ask) in asks(&mcp, "tools/list", params.clone()).await {
        assert_eq!(ask.to(&mcp).await.code(), -32602, "{revision}");
    }
    let session = session(&mcp).await;
    for bad in [json!([1]), json!("x")] {
        let reply = session.post(message(1, "example/echo", bad)).to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32602), "{reply}");
    }
    let none = json!({"jsonrpc": "2.0", "id": 1, "method": "example/echo"});
    assert_eq!(session.post(none).to(&mcp).await.result(), json!({}));
}

#[tokio::test]
async fn a_result_has_one_of_each_member() {
    let mcp = server();
    for (method, ask) in asks(&mcp, "example/rich", json!({})).await {
        let reply = ask.to(&mcp).await;
        let text = String::from_utf8(reply.body.to_vec()).expect("text");
        assert_eq!((text.matches("resultType").count(), text.matches("_meta").count()), (1, 1), "{text}");
        let result = reply.result();
        let kept = if method == MODERN { "complete" } else { "x" };
        assert_eq!((&result["z"], &result["resultType"], &result["_meta"]["a"]), (&json!(1), &json!(kept), &json!(1)));
        assert_eq!(result["_meta"].get("progressToken"), None, "{text}");
    }
    for (revision, ask) in asks(&mcp, "example/empty", json!({})).await {
        let result = ask.to(&mcp).await.result();
        assert_eq!(result == json!({}), revision != MODERN, "{revision}: {result}");
    }
}

#[tokio::test]
async fn failures_are_errors_and_masked() {
    let log = Log::default();
    let _guard = log.listen();
    let mcp = server();
    for (method, params, code, says) in [
        ("example/status", json!({"job": "lost"}), -32603, "there is no such job"),
        ("example/status", json!({"job": "secret"}), -32603, "internal error (reference"),
        ("example/status", json!({"job": 5}), -32602, "params.job: invalid type"),
        ("example/status", json!({}), -32602, "missing field `job`"),
        ("example/number", json!({}), -32603, "internal error (reference"),
    ] {
        for (revision, ask) in asks(&mcp, method, params.clone()).await {
            let reply = ask.to(&mcp).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (200, code), "{revision}\n{reply}");
            let text = reply.error()["message"].as_str().expect("a text").to_owned();
            assert!(text.contains(says) && !text.contains("hunter2"), "{revision}: {text}");
        }
    }
    assert!(
        log.text().contains("JSON that is no object") && log.text().contains("custom method{method="),
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn unknown_methods_are_refused_as_before() {
    let mcp = server();
    for (revision, ask) in asks(&mcp, "example/other", json!({})).await {
        let reply = ask.to(&mcp).await;
        let status = if revision == MODERN { 404 } else { 200 };
        assert_eq!((reply.status.as_u16(), reply.code()), (status, -32601), "{revision}\n{reply}");
    }
    // As a notification it is one that nobody acts on.
    let session = session(&mcp).await;
    let params = json!({"job": "x", "name": 5});
    assert_eq!(session.post(notification("example/status", params)).to(&mcp).await.status, 202);
}

#[tokio::test]
async fn headers_are_checked_in_2026_07_28() {
    let mcp = server();
    let good = || modern("example/echo", json!({"name": 5}));
    assert_eq!(good().to(&mcp).await.result()["name"], 5);
    for bad in [good().header("mcp-method", "example/status"), good().without("mcp-method")] {
        let reply = bad.to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32020), "{reply}");
    }
    let reply = good().without("mcp-protocol-version").to(&mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, -32020), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn it_is_a_call_like_any_other() {
    let probe = Probe::new();
    let stuck = probe.clone();
    let mcp = server_with(|mcp| {
        owned(mcp)
            .state(7_u8)
            .limits(Limits::new().tool_timeout(Duration::from_secs(5)).calls_in_flight(1))
            .method("example/stuck", move || {
                let probe = stuck.clone();
                async move { Json(json!({"said": probe.stuck().await})) }
            })
            .method("example/who", |principal: Principal, State(seven): State<u8>, ctx: Context| async move {
                ctx.info("asked").await;
                Json(json!({"id": principal.id(), "seven": seven, "name": ctx.name()}))
            })
    });
    let session = Session::open(&mcp, "2025-11-25", Some("ada")).await;
    let reply = session.post(message(1, "example/who", json!({}))).to(&mcp).await;
    assert!(reply.is_sse(), "it has spoken before its answer\n{reply}");
    assert_eq!(reply.result(), json!({"id": "ada", "seven": 7, "name": "example/who"}));

    let running = tokio::spawn(session.post(message(2, "example/stuck", json!({}))).owned_to(&mcp));
    probe.started().await;
    let refused = session.post(message(3, "example/who", json!({}))).to(&mcp).await;
    assert_eq!(refused.status, 503, "it takes a place\n{refused}");
    let reply = soon("the timeout", running).await.expect("no panic");
    assert_eq!(reply.code(), -32603, "{reply}");

    let running = tokio::spawn(session.post(message(4, "example/stuck", json!({}))).owned_to(&mcp));
    probe.started().await;
    session.post(notification("notifications/cancelled", json!({"requestId": 4}))).to(&mcp).await;
    probe.dropped().await;
    soon("the end", running).await.expect("no panic");
}

#[tokio::test]
async fn layers_are_around_it() {
    let audit = MapRequestLayer::new(|mut call: Call| {
        let seen = format!("{} {} {}", call.method(), call.name(), call.arguments());
        call.extensions_mut().expect("in a layer").insert(seen);
        call
    });
    let refusing = tower::util::MapResponseLayer::new(|reply: Reply| match reply {
        Reply::Method(result) if result.members().contains_key("refuse") => {
            Reply::Error(CallError::invalid_params("not today"))
        }
        Reply::Method(result) => {
            let mut members = result.members().clone();
            members.insert("layered".into(), json!(true));
            Reply::Method(MethodResult::new(members))
        }
        other => other,
    });
    let mcp = server_with(|mcp| {
        mcp.layer(audit)
            .layer(refusing)
            .method("example/seen", |mcp_mount::Extension(seen): mcp_mount::Extension<String>| async move {
                Json(json!({"seen": seen}))
            })
    });
    for (revision, ask) in asks(&mcp, "example/seen", json!({"name": 5})).await {
        let result = ask.to(&mcp).await.result();
        assert_eq!(result["seen"], r#"example/seen example/seen {"name":5}"#, "{revision}");
        assert_eq!(result["layered"], json!(true));
    }
    let session = session(&mcp).await;
    let reply = session.post(message(1, "example/echo", json!({"refuse": 1}))).to(&mcp).await;
    assert_eq!((reply.code(), reply.error()["message"].as_str()), (-32602, Some("not today")), "{reply}");
    // What another reader could take for something else reaches no handler where layers judge it.
    let raw = r#"{"jsonrpc":"2.0","id":1,"method":"example/echo","params":{"a":{"b":1,"b":2}}}"#;
    let ask = session.post(Value::Null).with_body(raw);
    assert_eq!(ask.to(&mcp).await.code(), -32602);
}

#[test]
fn a_name_that_clashes_fails_the_build() {
    for name in [
        "tools/call",
        "tools/own",
        "ping",
        "initialize",
        "notifications/x",
        "tasks/get",
        "rpc.x/y",
        "status",
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "a b/c",
        "ä/b",
        "server/discover",
        "sampling/createMessage",
    ] {
        let error = Mcp::new("demo", "1").method(name, echo).build().unwrap_err();
        assert_eq!(error.kind(), BuildErrorKind::InvalidMethod, "{name}");
        assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
    }
    let long = format!("a/{}", "b".repeat(127));
    assert_eq!(Mcp::new("demo", "1").method(long, echo).build().unwrap_err().kind(), BuildErrorKind::InvalidMethod);
    let twice = Mcp::new("demo", "1").method("a/b", echo).method("a/b", echo).build().unwrap_err();
    assert_eq!((twice.kind(), twice.to_string().contains("`a/b`")), (BuildErrorKind::DuplicateMethod, true));
    let stateless = Mcp::new("demo", "1").method("a/b", |State(n): State<u8>| Json(json!({"n": n}))).build();
    assert_eq!(stateless.unwrap_err().kind(), BuildErrorKind::MissingState);
    let mcp = Mcp::new("demo", "1").method("b/c", echo).method("a/b", echo).build().expect("it builds");
    assert_eq!(mcp.describe().methods, ["a/b", "b/c"]);
}

#[tokio::test]
async fn a_server_without_any_reads_as_before() {
    let rig = rig();
    let reply = legacy(message(1, "example/status", json!({"name": 5}))).to(&rig.mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, -32602), "{reply}");
    rig.canary("a custom method").await;
}
