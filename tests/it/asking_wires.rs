//! Asking where a reply is no stream of events: without them at all, over HTTP+SSE of 2024-11-05, and in a batch.

use mcp_mount::{Mcp, Sessions};
use serde_json::{Value, json};

use crate::{
    asking::everything,
    legacy_client::{Client, text},
    rig::{Session, patient, server, server_with},
    suite::asking_resumed::{answer, asked_session, roots},
    support::{SESSION_REVISIONS, call, message, modern, notification, pass, post, secs},
};

const NO_STREAM: &str = "the client cannot be asked `roots`: its request takes no stream of events as the reply";

#[tokio::test(start_paused = true)]
async fn without_events_a_session_cannot_be_asked() {
    let mcp = server_with([roots()], Mcp::json_only);
    let session = asked_session(&mcp).await;
    let reply = session.post(call("roots", json!({}))).to(&mcp).await;
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply}");
    assert!(reply.tool_error().starts_with(NO_STREAM), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn without_events_questions_come_as_answers_in_2026() {
    let mcp = server_with([roots()], |mcp| mcp.sessions(Sessions::disabled()).json_only());
    let mut params = json!({"name": "roots"});
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = everything();
    let asked = modern("tools/call", params.clone()).to(&mcp).await;
    assert_eq!(asked.header("content-type"), Some("application/json"), "{asked}");
    let result = asked.result();
    assert_eq!(result["resultType"], "input_required", "{asked}");
    assert_eq!(result["inputRequests"]["roots"]["method"], "roots/list", "{asked}");
    params["requestState"] = result["requestState"].clone();
    params["inputResponses"] = json!({"roots": {"roots": [{"uri": "file:///a"}]}});
    assert_eq!(modern("tools/call", params).to(&mcp).await.text(), "file:///a");
}

/// A conversation of HTTP+SSE whose client can be asked everything.
async fn conversation(mcp: &mcp_mount::McpService, revision: &str) -> Client {
    let mut client = Client::connect(mcp).await;
    let info = json!({"name": "it", "version": "0.1"});
    let params = json!({"protocolVersion": revision, "capabilities": everything(), "clientInfo": info});
    let opened = client.ask(message("init", "initialize", params)).await;
    assert_eq!(opened["result"]["protocolVersion"], revision, "{opened}");
    client.say(notification("notifications/initialized", json!({}))).await;
    client
}

#[tokio::test(start_paused = true)]
async fn in_a_conversation_over_two_routes_a_post_answers() {
    let mcp = server_with([roots()], Mcp::legacy_sse);
    for revision in SESSION_REVISIONS {
        let mut client = conversation(&mcp, revision).await;
        let other = conversation(&mcp, revision).await;
        let asked = client.ask(call("roots", json!({}))).await;
        assert_eq!((&asked["jsonrpc"], &asked["method"]), (&json!("2.0"), &json!("roots/list")), "{asked}");
        // Nobody else can answer, neither in a conversation of their own nor by the session's id.
        let mut wrong = answer(&asked["id"]);
        wrong["result"]["roots"][0]["uri"] = json!("file:///wrong");
        other.say(wrong.clone()).await;
        post(wrong).to(&mcp).await;
        client.nothing_comes().await;
        client.say(answer(&asked["id"])).await;
        let answered = client.hear().await;
        assert_eq!((text(&answered), &answered["id"]), ("file:///a", &json!(1)), "{revision}");
        client.say(answer(&asked["id"])).await;
        client.nothing_comes().await;
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_conversation_over_two_routes_a_cancelled_call_withdraws_its_question() {
    let mcp = server_with([roots()], |mcp| mcp.legacy_sse().limits(patient()));
    let mut client = conversation(&mcp, "2025-11-25").await;
    let asked = client.ask(call("roots", json!({}))).await;
    client.say(notification("notifications/cancelled", json!({"requestId": 1}))).await;
    let withdrawn = client.hear().await;
    assert_eq!(withdrawn["method"], "notifications/cancelled", "{withdrawn}");
    assert_eq!(withdrawn["params"]["requestId"], asked["id"]);
    client.nothing_comes().await;
}

/// Clients of that time listen to events that are named `message`.
#[tokio::test(start_paused = true)]
async fn in_a_conversation_over_two_routes_a_question_is_a_message_event() {
    let mcp = server_with([roots()], Mcp::legacy_sse);
    let client = conversation(&mcp, "2024-11-05").await;
    client.say(call("roots", json!({}))).await;
    pass(secs(1)).await;
    let lifespan = mcp.lifespan();
    let (shutdown, reply) = tokio::join!(lifespan.shutdown(), client.live.collect());
    let body = String::from_utf8(reply.body.to_vec()).expect("text");
    let question = body.split("\n\n").find(|event| event.contains("roots/list")).unwrap_or_else(|| panic!("{body}"));
    assert!(question.starts_with("event: message\ndata: {"), "{question}");
    assert_eq!(shutdown.cut, 1, "a question holds up no shutdown for longer than a call does");
}

#[tokio::test(start_paused = true)]
async fn in_a_batch_nothing_can_be_asked_and_the_others_are_answered() {
    let mcp = server([roots()]);
    let info = json!({"name": "it", "version": "0.1"});
    let params = json!({"protocolVersion": "2025-03-26", "capabilities": everything(), "clientInfo": info});
    let mut session = Session::with(&mcp, post(message("init", "initialize", params))).await;
    session.revision = "2025-03-26".to_owned();
    let batch = json!([call("roots", json!({})), message(2, "ping", json!({}))]);
    let reply = session.post(batch).to(&mcp).await;
    let Value::Array(answers) = reply.json() else { panic!("no array\n{reply}") };
    let [asked, ping] = &answers[..] else { panic!("{reply}") };
    assert_eq!((&asked["result"]["isError"], &ping["result"]), (&json!(true), &json!({})), "{reply}");
    assert!(asked["result"]["content"][0]["text"].as_str().is_some_and(|text| text.starts_with(NO_STREAM)), "{reply}");
}
