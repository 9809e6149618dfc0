//! Several messages in one body, which 2025-03-26 alone knew.

use std::time::Duration;

use mcp_mount::{Context, Headers, Limits, Mcp, McpService, tool_fn};
use serde_json::{Value, json};

use crate::{
    rig::{Probe, Session, owned, rig, rig_with, server, server_with},
    support::{
        Ask, LATEST_SESSION, MODERN, Reply, call, initialize, message, modern_meta, notification, pass, post, raw,
        secs, soon,
    },
};

const BATCHES: &str = "2025-03-26";

fn numbered(id: impl Into<Value>, text: &str) -> Value {
    message(id, "tools/call", json!({"name": "echo", "arguments": {"text": text}}))
}

/// Without a session: the header names the revision, or nothing does.
fn sessionless(body: Value) -> Ask {
    post(body).header("mcp-protocol-version", BATCHES)
}

fn answers(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{reply}");
    let Value::Array(answers) = serde_json::from_slice(&reply.body).expect("JSON") else { panic!("no array\n{reply}") };
    answers
}

fn ids(answers: &[Value]) -> Vec<Value> {
    answers.iter().map(|answer| answer["id"].clone()).collect()
}

#[tokio::test]
async fn requests_are_answered_together_in_their_order() {
    let rig = rig();
    let session = Session::open(&rig.mcp, BATCHES, None).await;
    let batch = json!([
        numbered(1, "one"),
        {"jsonrpc": "2.0", "id": "two", "method": "ping"},
        notification("notifications/progress", json!({"progressToken": 1, "progress": 1})),
        message(3, "tools/list", json!({})),
        message(4, "nothing/there", json!({})),
        {"jsonrpc": "2.0", "id": 77, "result": {}},
        message(5, "logging/setLevel", json!({"level": "error"})),
        numbered(6, "six"),
    ]);
    for ask in [session.post(batch.clone()), sessionless(batch.clone()), post(batch.clone())] {
        let reply = ask.to(&rig.mcp).await;
        assert_eq!(reply.header("content-type"), Some("application/json"), "{reply}");
        let answers = answers(&reply);
        assert_eq!(ids(&answers), [json!(1), json!("two"), json!(3), json!(4), json!(5), json!(6)]);
        assert_eq!(answers[0]["result"]["content"][0]["text"], "one");
        assert_eq!(answers[1]["result"], json!({}));
        assert!(answers[2]["result"]["tools"].is_array(), "{reply}");
        assert_eq!(answers[3]["error"]["code"], -32601);
        assert_eq!(answers[4]["result"], json!({}));
        assert_eq!(answers[5]["result"]["content"][0]["text"], "six");
        assert_eq!(rig.runs(), 2);
    }
    let one = session.post(json!([numbered(1, "alone")])).to(&rig.mcp).await;
    assert_eq!(answers(&one).len(), 1);
    let reply = session.post(batch).header("accept", "text/event-stream").to(&rig.mcp).await;
    assert!(reply.is_sse(), "{reply}");
    rig.canary("batches").await;
}

#[tokio::test]
async fn without_a_request_there_is_nothing_to_answer() {
    let rig = rig();
    let session = Session::open(&rig.mcp, BATCHES, None).await;
    let said = json!([
        notification("notifications/cancelled", json!({"requestId": 9})),
        notification("example/whatever", json!({})),
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 2, "error": {"code": -1, "message": "no"}},
    ]);
    for ask in [session.post(said.clone()), sessionless(said)] {
        let reply = ask.to(&rig.mcp).await;
        assert_eq!((reply.status.as_u16(), reply.body.len()), (202, 0), "{reply}");
    }
}

#[tokio::test]
async fn other_revisions_have_none() {
    let rig = rig();
    let batch = json!([numbered(1, "one")]);
    let mut asks = Vec::new();
    for revision in ["2024-11-05", "2025-06-18", LATEST_SESSION] {
        let session = Session::open(&rig.mcp, revision, None).await;
        // The header may be left out, as clients of the time do.
        asks.push((revision, session.post(batch.clone()).without("mcp-protocol-version")));
        asks.push((revision, session.post(batch.clone())));
        asks.push((revision, session.post(batch.clone()).header("mcp-protocol-version", BATCHES)));
        asks.push((revision, post(batch.clone()).header("mcp-protocol-version", revision)));
    }
    let mut modern = numbered(1, "one");
    modern["params"]["_meta"] = modern_meta();
    asks.push((
        MODERN,
        post(json!([modern])).header("mcp-protocol-version", MODERN).header("mcp-method", "tools/call"),
    ));
    asks.push(("no revision", post(batch.clone()).header("mcp-protocol-version", "2020-01-01")));
    for (revision, ask) in asks {
        let reply = ask.to(&rig.mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32600), "{revision}\n{reply}");
        assert_eq!(rig.runs(), 0, "{revision}");
    }
    let none =
        server_with([], |mcp| mcp.revisions([mcp_mount::Revision::V2026_07_28, mcp_mount::Revision::V2025_11_25]));
    assert_eq!(post(batch.clone()).to(&none).await.code(), -32600, "what is assumed is not 2025-03-26 here");
    let unknown = post(batch).header("mcp-session-id", "0123456789abcdef0123456789abcdef");
    assert_eq!(unknown.to(&rig.mcp).await.status, 404, "a session that has ended is told of here, too");
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let rig = rig();
    let pings = |count: u32| -> Vec<_> { (0..count).map(|id| message(id, "ping", json!({}))).collect() };
    assert_eq!(answers(&sessionless(json!(pings(50))).to(&rig.mcp).await).len(), 50);
    for bad in [json!(pings(51)), json!([]), json!(vec![1; 100_000])] {
        let reply = sessionless(bad).to(&rig.mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32600), "{reply}");
        assert_eq!(reply.json().get("id"), None);
    }
    for broken in ["[", "[{]", "[1,]", "[1] 2", r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}"#] {
        let reply = raw(broken).header("mcp-protocol-version", BATCHES).to(&rig.mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32700), "{broken}\n{reply}");
    }
    rig.canary("too large a batch").await;
}

#[tokio::test]
async fn what_is_wrong_with_one_is_its_own_affair() {
    let rig = rig();
    let batch = r#"[
        1,
        {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"good"}}},
        {"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":5}},
        {"jsonrpc":"1.0","id":3,"method":"ping"},
        {"jsonrpc":"2.0","id":4,"id":5,"method":"ping"},
        [{"jsonrpc":"2.0","id":6,"method":"ping"}],
        {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"again"}}},
        {"jsonrpc":"2.0","id":1.0,"method":"ping"},
        {"jsonrpc":"2.0","id":"1","method":"ping"},
        {"jsonrpc":"2.0","id":null,"method":"ping"}
    ]"#;
    let reply = raw(batch).header("mcp-protocol-version", BATCHES).to(&rig.mcp).await;
    let answers = answers(&reply);
    let expected = [
        (Value::Null, json!(-32600)),
        (json!(1), Value::Null),
        (json!(2), json!(-32602)),
        (json!(3), json!(-32600)),
        (Value::Null, json!(-32700)),
        (Value::Null, json!(-32600)),
        (json!(1), json!(-32600)),
        (json!(1), json!(-32600)),
        (json!("1"), Value::Null),
        (Value::Null, json!(-32600)),
    ];
    let seen: Vec<_> = answers.iter().map(|one| (one["id"].clone(), one["error"]["code"].clone())).collect();
    assert_eq!(seen, expected, "{reply}");
    assert!(answers.iter().all(|answer| answer.get("id").is_some() && answer["jsonrpc"] == "2.0"), "{reply}");
    assert_eq!(rig.runs(), 1, "the same id twice runs once");
}

#[tokio::test]
async fn initialize_stands_alone() {
    let rig = rig();
    let Value::Object(alone) = serde_json::from_slice(&initialize(BATCHES).bytes().await).expect("JSON") else {
        panic!()
    };
    let reply = post(json!([alone, {"jsonrpc": "2.0", "id": 1, "method": "ping"}])).to(&rig.mcp).await;
    let answers = answers(&reply);
    assert_eq!((&answers[0]["id"], &answers[0]["error"]["code"]), (&json!("init"), &json!(-32600)), "{reply}");
    assert_eq!(answers[1]["result"], json!({}));
    assert_eq!(reply.header("mcp-session-id"), None, "no session was opened");
}

/// Waits for a second, and says so before.
fn waiting() -> McpService {
    let tool = tool_fn("wait", "Wait", |ctx: Context, headers: Headers| async move {
        ctx.info("waiting").await;
        ctx.progress(1.0).await;
        tokio::time::sleep(secs(1)).await;
        headers.get("x-mark").map(|mark| mark.to_str().expect("text").to_owned())
    });
    server([tool])
}

#[tokio::test(start_paused = true)]
async fn calls_run_side_by_side_and_each_has_the_head() {
    let mcp = waiting();
    let session = Session::open(&mcp, BATCHES, None).await;
    let one = |id: u32| message(id, "tools/call", json!({"name": "wait", "_meta": {"progressToken": id}}));
    let begun = tokio::time::Instant::now();
    let batch = json!((1..=20).map(one).collect::<Vec<_>>());
    let reply = session.post(batch).header("x-mark", "seen").to(&mcp).await;
    assert!(begun.elapsed() < Duration::from_millis(1100), "{:?}", begun.elapsed());
    let answers = answers(&reply);
    assert_eq!(answers.len(), 20, "and no notification among them");
    assert!(answers.iter().all(|answer| answer["result"]["content"][0]["text"] == "seen"), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn each_call_takes_a_place_of_its_own() {
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(Limits::new().calls_in_flight(2)));
    let session = Session::open(&mcp, BATCHES, None).await;
    let one = |id: u32| message(id, "tools/call", json!({"name": "wait"}));
    let running = tokio::spawn(session.post(json!([one(1), one(2), one(3)])).owned_to(&mcp));
    probe.started().await;
    probe.started().await;
    // The id is taken in the session, and a cancellation ends one of them.
    assert_eq!(session.post(one(1)).to(&mcp).await.status, 503);
    let cancel = json!([notification("notifications/cancelled", json!({"requestId": 2}))]);
    assert_eq!(session.post(cancel).to(&mcp).await.status, 202);
    probe.dropped().await;
    probe.release();
    let answers = answers(&soon("the answers", running).await.expect("no panic"));
    assert_eq!(ids(&answers), [json!(1), json!(2), json!(3)]);
    assert_eq!(answers[0]["result"]["content"][0]["text"], "done");
    assert!(answers[1].get("error").is_some());
    assert!(
        answers[2]["error"]["message"].as_str().is_some_and(|text| text.contains("calls_in_flight")),
        "{answers:?}"
    );
    probe.release();
    assert_eq!(session.post(json!([one(1)])).to(&mcp).await.status, 200, "the places are given back");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_cancels_nothing() {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool()]);
    let session = Session::open(&mcp, BATCHES, None).await;
    let one = |id: u32| message(id, "tools/call", json!({"name": "wait"}));
    let running = tokio::spawn(session.post(json!([one(1), one(2)])).owned_to(&mcp));
    probe.started().await;
    probe.started().await;
    running.abort();
    pass(secs(1)).await;
    assert_eq!(probe.drops(), 0);
    probe.release();
    probe.release();
    pass(secs(1)).await;
    assert_eq!(probe.finished(), 2);
}

#[tokio::test]
async fn a_batch_belongs_to_its_sessions_owner() {
    let rig = rig_with(owned);
    let session = Session::open(&rig.mcp, BATCHES, Some("ada")).await;
    let batch = json!([call("echo", json!({"text": "x"}))]);
    assert_eq!(session.post(batch.clone()).to(&rig.mcp).await.status, 200);
    assert_eq!(session.post(batch).user("bob").to(&rig.mcp).await.status, 404);
    let layered = Mcp::new("rig", "1").layer(tower::layer::util::Identity::new()).build().expect("builds");
    assert_eq!(sessionless(json!([call("echo", json!({}))])).to(&layered).await.status, 200);
}
