//! What handlers take, what they return, and how they fail.

use std::{fmt, time::Duration};

use mcp_mount::{
    Args, CallToolResult, Content, Context, Extension, Headers, Json, Limits, McpService, Revision, State, Tool,
    ToolError, tool_fn,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    rig::{Echo, Probe, rig, server, server_with, session},
    support::{Reply, User, call, legacy, message, modern_call, soon},
};

/// The same call in both eras.
async fn both(mcp: &McpService, tool: &str, arguments: Value) -> [Reply; 2] {
    [legacy(call(tool, arguments.clone())).to(mcp).await, modern_call(tool, arguments).to(mcp).await]
}

#[tokio::test]
async fn json_is_structured_content_and_text() {
    let rig = rig();
    let items = json!({"items": [{"name": "a", "price": 1.5}, {"name": "b", "price": 2.0}]});
    for reply in both(&rig.mcp, "order", items).await {
        let structured = reply.result()["structuredContent"].clone();
        assert_eq!(structured, json!({"total": 3.5, "first": "a"}), "{reply}");
        let text: Value = serde_json::from_str(&reply.text()).expect("the text is the same JSON");
        assert_eq!(text, structured, "{reply}");
        assert_eq!(reply.result()["content"][0]["type"], json!("text"), "{reply}");
    }
    assert_eq!(rig.runs(), 2);
}

#[tokio::test]
async fn structured_content_that_is_no_object_is_wrapped_before_2026() {
    let mcp = server([
        tool_fn("list", "A list", || async { Json(vec![1, 2, 3]) }),
        tool_fn("number", "A number", || async { Json(7) }),
    ]);
    for (tool, value) in [("list", json!([1, 2, 3])), ("number", json!(7))] {
        let [old, new] = both(&mcp, tool, json!({})).await;
        assert_eq!(old.result()["structuredContent"], json!({"result": value}), "{old}");
        assert_eq!(new.result()["structuredContent"], value, "{new}");
    }
}

#[tokio::test]
async fn bad_arguments_name_the_path_and_what_was_expected() {
    let rig = rig();
    let good = json!({"name": "a", "price": 1.0});
    for (tool, arguments, says) in [
        ("order", json!({"items": [good, {"name": "b", "price": "much"}]}), ["arguments.items[1].price", "f64"]),
        ("order", json!({"items": [good, {"name": 7, "price": 1}]}), ["arguments.items[1].name", "string"]),
        ("order", json!({"items": [{"price": 1}]}), ["arguments.items[0]", "name"]),
        ("order", json!({"items": {}}), ["arguments.items", "sequence"]),
        ("order", json!({"items": null}), ["arguments.items", "sequence"]),
        ("order", json!({}), ["arguments", "items"]),
        ("echo", json!({"text": {}}), ["arguments.text", "string"]),
        ("echo", json!({"Text": "x"}), ["arguments", "text"]),
    ] {
        for reply in both(&rig.mcp, tool, arguments.clone()).await {
            let text = reply.tool_error();
            for expected in says {
                assert!(text.contains(expected), "{arguments}: {expected:?}\n{reply}");
            }
        }
    }
    assert_eq!(rig.runs(), 0, "no handler sees them");
}

#[tokio::test]
async fn arguments_may_be_left_out() {
    let rig = rig();
    let reply = legacy(message(1, "tools/call", json!({"name": "raw"}))).to(&rig.mcp).await;
    assert_eq!(reply.text(), "{}");
    let reply = legacy(message(1, "tools/call", json!({"name": "echo"}))).to(&rig.mcp).await;
    assert!(reply.tool_error().contains("text"), "{reply}");
    let mcp = server([tool_fn("none", "Takes nothing", || async { "fine" })]);
    for params in [
        json!({"name": "none"}),
        json!({"name": "none", "arguments": {}}),
        json!({"name": "none", "arguments": {"x": 1}}),
    ] {
        let reply = legacy(message(1, "tools/call", params.clone())).to(&mcp).await;
        assert_eq!(reply.text(), "fine", "{params}");
    }
}

/// An error as a database's: its text is not for clients.
#[derive(Debug)]
struct Secret;

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://admin:hunter2@db")
    }
}

impl std::error::Error for Secret {}

fn boom() -> &'static str {
    panic!("hunter2 in a panic")
}

fn failing() -> Vec<Tool> {
    vec![
        tool_fn("err", "Fails", || async { Err::<String, _>(Secret) }),
        tool_fn("question_mark", "Fails by ?", || async {
            Err::<(), _>(Secret)?;
            Ok::<_, ToolError>("never")
        }),
        tool_fn("text", "Fails with a text", || async { Err::<String, _>("hunter2") }),
        tool_fn("exposed", "Says why", || async { Err::<String, _>(ToolError::expose("no such bookmark: 7")) }),
        tool_fn("exposed_error", "Says why", || async { Err::<String, _>(ToolError::expose(Secret)) }),
        tool_fn("panics", "Panics", || async { boom() }),
        tool_fn("panics_later", "Panics", || async {
            tokio::task::yield_now().await;
            boom()
        }),
        tool_fn("panics_early", "Panics before it is a future", || {
            let text = boom();
            async move { text }
        }),
        tool_fn("result", "Says so itself", || async { CallToolResult::error("try another one") }),
    ]
}

#[tokio::test]
async fn failures_are_tool_errors_and_masked() {
    let mcp = server(failing());
    for tool in ["err", "question_mark", "text", "panics", "panics_later", "panics_early"] {
        for reply in both(&mcp, tool, json!({})).await {
            let text = reply.tool_error();
            assert!(text.to_lowercase().contains("internal error"), "{tool}\n{reply}");
            let whole = reply.to_string();
            assert!(!whole.contains("hunter2") && !whole.contains("Secret"), "{tool} tells a secret\n{reply}");
        }
    }
    for (tool, says) in [
        ("exposed", "no such bookmark: 7"),
        ("exposed_error", "postgres://admin:hunter2@db"),
        ("result", "try another one"),
    ] {
        for reply in both(&mcp, tool, json!({})).await {
            assert!(reply.tool_error().contains(says), "{tool}\n{reply}");
        }
    }
}

#[tokio::test]
async fn a_panic_harms_neither_the_session_nor_the_server() {
    let mut tools = failing();
    tools.push(tool_fn("fine", "Works", || async { "fine" }));
    let mcp = server_with(tools, |mcp| mcp.limits(Limits::new().calls_in_flight(2)));
    let session = session(&mcp).await;
    for _ in 0..20 {
        for tool in ["panics", "panics_later", "panics_early", "err"] {
            session.post(call(tool, json!({}))).to(&mcp).await.tool_error();
            let reply = session.post(call("fine", json!({}))).to(&mcp).await;
            assert_eq!(reply.text(), "fine", "after {tool}: permits and ids are given back");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_has_a_time_limit() {
    let probe = Probe::new();
    let quick = probe.stuck_tool().timeout(Duration::from_secs(5));
    let default = server([probe.stuck_tool()]);
    let limited =
        server_with([probe.stuck_tool()], |mcp| mcp.limits(Limits::new().tool_timeout(Duration::from_secs(2))));
    let own = server_with([quick], |mcp| mcp.limits(Limits::new().tool_timeout(Duration::from_secs(2))));
    for (mcp, seconds) in [(default, 60), (limited, 2), (own, 5)] {
        let session = session(&mcp).await;
        for ask in [session.post(call("stuck", json!({}))), modern_call("stuck", json!({}))] {
            let begun = Instant::now();
            let reply = soon("the time limit", ask.to(&mcp)).await;
            assert_eq!(begun.elapsed().as_secs(), seconds, "{reply}");
            let text = reply.tool_error();
            assert!(text.contains(&seconds.to_string()), "names the limit\n{reply}");
            probe.dropped().await;
        }
        assert!(session.is_alive().await);
    }
}

#[derive(Clone)]
struct Counter(u32);

#[tokio::test]
async fn extractors() {
    let tool = tool_fn(
        "all",
        "Takes everything",
        |State(Counter(count)): State<Counter>,
         Extension(user): Extension<User>,
         headers: Headers,
         ctx: Context,
         Args(a): Args<Echo>| async move {
            let agent = headers.get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or("nobody").to_owned();
            let client = ctx.client_info().map(|info| info.name).unwrap_or_default();
            let modern = ctx.revision() == Revision::V2026_07_28;
            format!("{count} {} {agent} {} {} {client} {modern}", user.0, ctx.name(), a.text)
        },
    );
    let mcp = server_with([tool], |mcp| mcp.state(Counter(3)));
    let arguments = json!({"text": "hello"});
    let reply = modern_call("all", arguments.clone()).user("alice").header("user-agent", "it/1").to(&mcp).await;
    assert_eq!(reply.text(), "3 alice it/1 all hello it true");
    let session = session(&mcp).await;
    let reply = session.post(call("all", arguments.clone())).user("bob").to(&mcp).await;
    assert_eq!(reply.text(), "3 bob nobody all hello it false");

    let reply = modern_call("all", arguments).to(&mcp).await;
    let answer = reply.json();
    let failed = answer.get("error").is_some() || answer["result"]["isError"] == json!(true);
    assert!(failed, "no middleware put a User on the request\n{reply}");
}

#[derive(Serialize, JsonSchema)]
struct Empty {}

#[tokio::test]
async fn return_types() {
    let mcp = server([
        tool_fn("str", "d", || async { "text" }),
        tool_fn("string", "d", || async { String::from("te\"xt\n\u{1f600}\u{2028}") }),
        tool_fn("integer", "d", || async { -7_i64 }),
        tool_fn("float", "d", || async { 2.5_f64 }),
        tool_fn("bool", "d", || async { true }),
        tool_fn("ok", "d", || async { Ok::<_, ToolError>("fine") }),
        tool_fn("some", "d", || async { Some("there") }),
    ]);
    for (tool, text) in [
        ("str", "text"),
        ("string", "te\"xt\n\u{1f600}\u{2028}"),
        ("integer", "-7"),
        ("float", "2.5"),
        ("bool", "true"),
        ("ok", "fine"),
        ("some", "there"),
    ] {
        for reply in both(&mcp, tool, json!({})).await {
            assert_eq!(reply.text(), text, "{tool}");
        }
    }
    let mcp = server([
        tool_fn("unit", "d", || async {}),
        tool_fn("none", "d", || async { None::<String> }),
        tool_fn("block", "d", || async { Content::text("one") }),
        tool_fn("blocks", "d", || async { vec![Content::text("one"), Content::image([1, 2, 3], "image/png")] }),
        tool_fn("result", "d", || async { CallToolResult::new([Content::audio([255], "audio/wav")]) }),
        tool_fn("empty", "d", || async { Json(Empty {}) }),
    ]);
    let image = json!({"type": "image", "data": "AQID", "mimeType": "image/png"});
    let audio = json!({"type": "audio", "data": "/w==", "mimeType": "audio/wav"});
    let one = json!({"type": "text", "text": "one"});
    for (tool, content) in [("block", json!([one])), ("blocks", json!([one, image])), ("result", json!([audio]))] {
        for reply in both(&mcp, tool, json!({})).await {
            assert_eq!(reply.result()["content"], content, "{reply}");
        }
    }
    for tool in ["unit", "none", "empty"] {
        for reply in both(&mcp, tool, json!({})).await {
            let result = reply.result();
            assert!(result["content"].is_array() && result["isError"] != json!(true), "{reply}");
        }
    }
    let [reply, _] = both(&mcp, "empty", json!({})).await;
    assert_eq!(reply.result()["structuredContent"], json!({}), "{reply}");
}

#[tokio::test]
async fn a_raw_tool_gets_its_arguments_as_they_are() {
    let rig = rig();
    let arguments = json!({"n": 9_007_199_254_740_993_u64, "z": [null, {"é": "\u{1f600}"}], "a": -0.5});
    for reply in both(&rig.mcp, "raw", arguments.clone()).await {
        assert_eq!(serde_json::from_str::<Value>(&reply.text()).expect("JSON"), arguments);
    }
}
