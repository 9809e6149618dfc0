//! Without server-sent events: every reply is JSON, and what needs a stream is neither there nor declared.

use http::Method;
use mcp_mount::{Context, Json, Mcp, McpService, Resource, Sessions, tool_fn};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    rig::{Session, patient, server_with},
    support::{Ask, SESSION_REVISIONS, bare, initialize, message, modern, modern_call, raw, secs, soon},
};

fn server() -> McpService {
    let speaks = tool_fn("speaks", "Say a lot, then be silent", |ctx: Context| async move {
        for step in 1..=1000 {
            ctx.progress(f64::from(step)).await;
            ctx.error("a word").await;
        }
        tokio::time::sleep(secs(3600)).await;
        "done"
    });
    server_with([speaks], |mcp| mcp.limits(patient()).resource(Resource::text("a://b", "b", "text")).json_only())
}

fn with_token(tool: &str) -> Value {
    json!({"name": tool, "arguments": {}, "_meta": {"progressToken": 1, "io.modelcontextprotocol/logLevel": "debug"}})
}

#[tokio::test(start_paused = true)]
async fn every_reply_is_json_however_long_it_takes() {
    let mcp = server();
    for revision in SESSION_REVISIONS {
        let session = Session::open(&mcp, revision, None).await;
        let begun = Instant::now();
        let reply = soon("the answer", session.post(message(1, "tools/call", with_token("speaks"))).to(&mcp)).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, Some("application/json")), "{reply}");
        assert_eq!(reply.text(), "done");
        assert_eq!(begun.elapsed().as_secs(), 3600, "nobody waits for what nobody is told");
    }
    let reply = soon("the answer", modern("tools/call", with_token("speaks")).to(&mcp)).await;
    assert_eq!((reply.header("content-type"), reply.text().as_str()), (Some("application/json"), "done"), "{reply}");
}

#[tokio::test]
async fn who_takes_no_json_gets_nothing() {
    let mcp = server();
    let session = Session::open(&mcp, "2025-11-25", None).await;
    let ping = || session.post(message(1, "ping", json!({})));
    for good in ["application/json", "application/json, text/event-stream", "*/*", "application/*"] {
        assert_eq!(ping().header("accept", good).to(&mcp).await.status, 200, "{good}");
    }
    for bad in ["text/event-stream", "text/*", "application/json;q=0, text/event-stream"] {
        let reply = ping().header("accept", bad).to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (406, -32600), "{bad}\n{reply}");
        assert!(reply.error()["message"].as_str().is_some_and(|text| text.contains("JSON only")), "{reply}");
        assert_eq!(initialize("2025-11-25").header("accept", bad).to(&mcp).await.status, 406);
    }
}

#[tokio::test]
async fn there_is_nothing_to_listen_to() {
    let mcp = server();
    let session = Session::open(&mcp, "2025-11-25", None).await;
    let get = session.get().to(&mcp).await;
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, Some("POST, DELETE")), "{get}");
    for (method, params) in [
        ("resources/subscribe", json!({"uri": "a://b"})),
        ("resources/unsubscribe", json!({"uri": "a://b"})),
        ("logging/setLevel", json!({"level": "info"})),
    ] {
        assert_eq!(session.post(message(1, method, params)).to(&mcp).await.code(), -32601, "{method}");
    }
    let listen = modern("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}})).to(&mcp).await;
    assert_eq!((listen.status.as_u16(), listen.code()), (404, -32601), "{listen}");
    assert_eq!(session.delete().to(&mcp).await.status, 204, "sessions are there as before");
    let none = server_with([], |mcp| mcp.sessions(Sessions::disabled()).json_only());
    assert_eq!(bare(Method::GET, "").to(&none).await.header("allow"), Some("POST"));
}

#[tokio::test]
async fn what_is_not_there_is_not_declared() {
    let mcp = server();
    let expected = json!({"tools": {}, "resources": {}});
    for revision in SESSION_REVISIONS {
        assert_eq!(initialize(revision).to(&mcp).await.result()["capabilities"], expected, "{revision}");
    }
    assert_eq!(modern("server/discover", json!({})).to(&mcp).await.result()["capabilities"], expected);
    let described = mcp.describe();
    assert!(described.json_only && described.to_string().contains("JSON only"), "{described}");
}

#[tokio::test]
async fn all_else_is_as_before() {
    let tool = tool_fn("sum", "Sum up", || Json(json!({"sum": 3})));
    let mcp = server_with([tool], Mcp::json_only);
    let session = Session::open(&mcp, "2025-03-26", None).await;
    let asks: [Ask; 3] = [
        session.post(message(1, "tools/call", json!({"name": "sum"}))),
        modern_call("sum", json!({})),
        raw(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#).header("mcp-session-id", &session.id),
    ];
    for ask in asks {
        let reply = ask.to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, Some("application/json")), "{reply}");
    }
    assert_eq!(session.post(json!({"jsonrpc": "2.0", "method": "notifications/x"})).to(&mcp).await.status, 202);
}
