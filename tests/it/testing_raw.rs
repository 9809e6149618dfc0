//! Wrong requests, sent by `testing::Client`; and what it sends by itself, as a server sees it.

use http::Request;
use mcp_mount::{Revision, testing::Client};
use serde_json::{Value, json};

use crate::{
    rig::rig,
    scripted::{Body, Got, Script, accepted, json_reply},
};

#[tokio::test(start_paused = true)]
async fn what_is_sent_is_exactly_what_was_given() {
    let client = Client::new(rig().mcp).header("x-extra", "1");
    let response = client.raw(Request::get("/").body("").unwrap()).await.unwrap();
    assert_eq!(response.status(), 403, "no Host was added\n{response}");
    let response = client.raw(Request::patch("/").header("host", "localhost").body("x").unwrap()).await.unwrap();
    assert_eq!(response.status(), 405, "{response}");
    assert!(response.header("allow").is_some(), "{response}");
}

#[tokio::test(start_paused = true)]
async fn a_right_request_can_be_spoilt() {
    let rig = rig();
    let client = Client::new(rig.mcp.clone());
    let right = || client.prepare("tools/call", json!({"name": "echo", "arguments": {"text": "x"}})).unwrap();
    assert_eq!(client.raw(right()).await.unwrap().json()["result"]["content"][0]["text"], "x");
    assert_eq!(rig.runs(), 1);

    for (header, value, status, code) in [
        ("mcp-method", Some("tools/list"), 400, -32020),
        ("mcp-method", None, 400, -32020),
        ("mcp-name", Some("other"), 400, -32020),
        ("mcp-name", None, 400, -32020),
        ("mcp-protocol-version", Some("2025-11-25"), 400, -32020),
        ("mcp-protocol-version", None, 400, -32020),
        ("host", Some("evil.example"), 403, -32600),
        ("content-type", Some("text/plain"), 415, -32600),
        ("accept", Some("text/html"), 406, -32600),
    ] {
        let mut request = right();
        match value {
            Some(value) => request.headers_mut().insert(header, value.parse().unwrap()),
            None => request.headers_mut().remove(header),
        };
        let response = client.raw(request).await.unwrap();
        assert_eq!(response.status(), status, "{header}: {value:?}\n{response}");
        assert_eq!(response.json()["error"]["code"], code, "{header}: {value:?}\n{response}");
    }
    assert_eq!(rig.runs(), 0);
}

#[tokio::test(start_paused = true)]
async fn any_bytes_can_be_posted() {
    let client = Client::new(rig().mcp);
    for (body, status, code) in [
        ("{", 400, -32700),
        ("[]", 400, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#, 400, -32602),
    ] {
        let response = client.post_raw(body).await.unwrap();
        assert_eq!(response.status(), status, "{body}\n{response}");
        assert_eq!(response.json()["error"]["code"], code, "{body}\n{response}");
    }
    // The headers that go with a message go with its bytes.
    let body = client.prepare("tools/list", ()).unwrap().into_body();
    let response = client.post_raw(body).await.unwrap();
    assert_eq!(response.status(), 200, "{response}");
    assert_eq!(response.messages().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_2026_07_28_client_sends() {
    let script = Script::new(|got| json_reply(&got.complete(json!({"content": []}))));
    let client = script.client.clone().client_info("it", "7").capabilities(json!({"roots": {}}));
    client.call_tool("add", json!({"a": 1})).await.unwrap();
    let got = script.only();
    assert_eq!(got.header("host"), Some("localhost"));
    assert_eq!(got.header("accept"), Some("application/json, text/event-stream"));
    assert_eq!(got.header("content-length"), Some(got.message.to_string().len().to_string().as_str()));
    assert_eq!(got.header("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!((got.header("mcp-method"), got.header("mcp-name")), (Some("tools/call"), Some("add")));
    assert_eq!(got.header("mcp-session-id"), None);
    let meta = json!({
        "progressToken": 1,
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "it", "version": "7"},
        "io.modelcontextprotocol/clientCapabilities": {"roots": {}},
    });
    let params = json!({"name": "add", "arguments": {"a": 1}, "_meta": meta});
    assert_eq!(got.message, json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}));

    let quiet = client.without_progress();
    quiet.set_level("debug").await.unwrap();
    quiet.call_tool("zürich", ()).await.unwrap();
    let got = script.only();
    assert_eq!(got.message["id"], 2, "clones count on");
    assert_eq!(got.header("mcp-name"), Some("=?base64?esO8cmljaA==?="));
    let meta = &got.message["params"]["_meta"];
    assert_eq!(meta.get("progressToken"), None);
    assert_eq!(meta["io.modelcontextprotocol/logLevel"], "debug");

    let own = json!({"_meta": {"io.modelcontextprotocol/protocolVersion": "1999-01-01", "x": 1}});
    quiet.request("tools/list", own).await.unwrap();
    let got = script.only();
    assert_eq!(got.message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "1999-01-01");
    assert_eq!(got.message["params"]["_meta"]["x"], 1);
    assert_eq!(got.header("mcp-name"), None);
}

fn hello(got: &Got, revision: &str) -> http::Response<Body> {
    let info = json!({"name": "s", "version": "1"});
    let result = json!({"protocolVersion": revision, "capabilities": {}, "serverInfo": info});
    let mut reply = json_reply(&got.result(result));
    reply.headers_mut().insert("mcp-session-id", "s1".parse().unwrap());
    reply
}

#[tokio::test(start_paused = true)]
async fn what_a_client_with_a_session_sends() {
    for revision in &Revision::ALL[..4] {
        let script = Script::new(|got| match got.about() {
            "initialize" => hello(got, got.message["params"]["protocolVersion"].as_str().unwrap()),
            "DELETE" | "notifications/initialized" => accepted(),
            _ => json_reply(&got.result(json!({"content": []}))),
        });
        let client =
            script.client.clone().revision(*revision).capabilities(json!({"roots": {}})).connect().await.unwrap();
        client.call_tool("add", ()).await.unwrap();
        client.ping().await.unwrap();
        client.close().await.unwrap();
        let got = script.got();
        let about: Vec<_> = got.iter().map(Got::about).collect();
        assert_eq!(about, ["initialize", "notifications/initialized", "tools/call", "ping", "DELETE"]);

        assert_eq!(got[0].header("mcp-protocol-version"), None, "it is not agreed yet");
        assert_eq!(got[0].header("mcp-session-id"), None);
        assert_eq!(got[0].message["params"]["protocolVersion"], revision.as_str());
        assert_eq!(got[0].message["params"]["capabilities"], json!({"roots": {}}));
        // The header is of 2025-06-18.
        let version = (*revision >= Revision::V2025_06_18).then_some(revision.as_str());
        for later in &got[1..] {
            assert_eq!(later.header("mcp-protocol-version"), version, "{later:?}");
            assert_eq!(later.header("mcp-session-id"), Some("s1"), "{later:?}");
            assert_eq!(later.header("mcp-method"), None, "{later:?}");
        }
        assert_eq!(got[1].message, json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        let token = json!({"_meta": {"progressToken": 2}, "name": "add"});
        assert_eq!(got[2].message, json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": token}));
        assert_eq!(got[3].message, json!({"jsonrpc": "2.0", "id": 3, "method": "ping"}));
        assert_eq!(got[4].message, Value::Null);
    }
}

#[tokio::test(start_paused = true)]
async fn headers_of_the_test_take_the_place_of_the_clients() {
    let script = Script::new(|got| json_reply(&got.complete(json!({"tools": []}))));
    let client = script.client.clone().header("host", "mcp.example.com").header("Mcp-Method", "other").path("/a?b=c");
    client.list_tools().await.unwrap();
    let got = script.only();
    assert_eq!(got.header("host"), Some("mcp.example.com"));
    assert_eq!(got.headers.get_all("mcp-method").iter().count(), 1);
    assert_eq!(got.header("mcp-method"), Some("other"));
}

#[tokio::test(start_paused = true)]
async fn parameters_are_mirrored_once_the_client_has_seen_the_schema() {
    let script = Script::new(|got| {
        json_reply(&match got.about() {
            "tools/list" => {
                let region = json!({"type": "string", "x-mcp-header": "Region"});
                let schema = json!({"type": "object", "properties": {"region": region, "rows": {"type": "integer"}}});
                got.complete(json!({"tools": [{"name": "query", "inputSchema": schema}]}))
            }
            _ => got.complete(json!({"content": []})),
        })
    });
    let client = &script.client;
    let arguments = json!({"region": "Genève", "rows": 3});
    client.call_tool("query", &arguments).await.unwrap();
    assert_eq!(script.only().header("mcp-param-region"), None);
    client.list_tools().await.unwrap();
    script.got();
    client.call_tool("query", &arguments).await.unwrap();
    assert_eq!(script.only().header("mcp-param-region"), Some("=?base64?R2Vuw6h2ZQ==?="));
    client.call_tool("query", json!({"region": null})).await.unwrap();
    assert_eq!(script.only().header("mcp-param-region"), None);
}
