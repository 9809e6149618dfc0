//! Asking in a session: a request on the call's own stream, and the message that answers it (up to 2025-11-25).

use std::time::Duration;

use mcp_mount::{AskError, Context, CreateMessageRequest, Limits, McpService, Tool, testing::Message, tool_fn};
use serde_json::{Value, json};
use tokio::time::{Instant, advance};

use crate::{
    asking::{client_with, everything, helpful},
    rig::{Session, server, server_with},
    support::{LATEST_SESSION, call, message, notification, post, soon},
};

/// A session whose client can be asked everything.
async fn session(mcp: &McpService) -> Session {
    let params = json!({
        "protocolVersion": LATEST_SESSION,
        "capabilities": everything(),
        "clientInfo": {"name": "it", "version": "0.1"},
    });
    Session::with(mcp, post(message("init", "initialize", params))).await
}

fn roots() -> Tool {
    tool_fn("roots", "", |ctx: Context| async move {
        Ok::<_, AskError>(ctx.roots("roots").await?.into_iter().map(|root| root.uri).collect::<Vec<_>>().join(" "))
    })
}

fn answer(id: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": {"roots": [{"uri": "file:///a"}]}})
}

#[tokio::test(start_paused = true)]
async fn a_question_goes_out_on_the_calls_own_stream() {
    let mcp = server([roots()]);
    let session = session(&mcp).await;
    let mut stream = session.post(call("roots", json!({}))).open(&mcp).await;
    assert!(stream.is_sse());
    let asked = soon("the question", stream.message()).await.unwrap();
    assert_eq!((&asked["jsonrpc"], &asked["method"]), (&json!("2.0"), &json!("roots/list")));
    assert!(asked["id"].is_string(), "{asked}");
    let accepted = session.post(answer(&asked["id"])).to(&mcp).await;
    assert_eq!((accepted.status.as_u16(), accepted.body.len()), (202, 0), "{accepted}");
    let result = soon("the result", stream.message()).await.unwrap();
    assert_eq!(result["result"]["content"][0]["text"], "file:///a");
    assert!(soon("the end", stream.message()).await.is_none());
    // A second answer finds nobody, which is no fault of the client's.
    assert_eq!(session.post(answer(&asked["id"])).to(&mcp).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn only_the_session_that_was_asked_can_answer() {
    let mcp = server([roots()]);
    let (mine, other) = (session(&mcp).await, session(&mcp).await);
    let mut stream = mine.post(call("roots", json!({}))).open(&mcp).await;
    let asked = soon("the question", stream.message()).await.unwrap();
    assert_eq!(other.post(answer(&asked["id"])).to(&mcp).await.status, 202);
    assert_eq!(post(answer(&asked["id"])).header("mcp-protocol-version", LATEST_SESSION).to(&mcp).await.status, 202);
    assert_eq!(mine.post(answer(&json!("made up"))).to(&mcp).await.status, 202);
    let mut right = answer(&asked["id"]);
    right["result"]["roots"][0]["uri"] = json!("file:///right");
    mine.post(right).to(&mcp).await;
    let result = soon("the result", stream.message()).await.unwrap();
    assert_eq!(result["result"]["content"][0]["text"], "file:///right");
}

#[tokio::test(start_paused = true)]
async fn a_client_may_refuse() {
    let mcp = server([roots()]);
    let session = session(&mcp).await;
    let mut stream = session.post(call("roots", json!({}))).open(&mcp).await;
    let asked = soon("the question", stream.message()).await.unwrap();
    let error = json!({"code": -1, "message": "no, thanks"});
    session.post(json!({"jsonrpc": "2.0", "id": asked["id"], "error": error})).to(&mcp).await;
    let result = soon("the result", stream.message()).await.unwrap();
    assert_eq!(result["result"]["isError"], true);
    assert_eq!(result["result"]["content"][0]["text"], "the client refused `roots`: no, thanks (-1)");
}

#[tokio::test(start_paused = true)]
async fn the_calls_own_time_stands_still_while_the_client_is_asked() {
    let tool = tool_fn("slow", "", |ctx: Context| async move {
        tokio::time::sleep(Duration::from_secs(6)).await;
        ctx.roots("roots").await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        ctx.roots("once more").await?;
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok::<_, AskError>("never")
    });
    let mcp = server_with([tool], |mcp| mcp.limits(Limits::new().tool_timeout(Duration::from_secs(10))));
    let session = session(&mcp).await;
    let mut stream = session.post(call("slow", json!({}))).open(&mcp).await;
    for _ in 0..2 {
        let asked = stream.message().await.unwrap();
        advance(Duration::from_secs(300)).await;
        session.post(answer(&asked["id"])).to(&mcp).await;
    }
    let answered = Instant::now();
    let result = stream.message().await.unwrap();
    assert!(result["result"]["content"][0]["text"].as_str().unwrap().contains("timeout of 10000 ms"), "{result}");
    assert_eq!(answered.elapsed().as_secs(), 1, "6 s and 3 s had been used of 10, and ten minutes of the client's");
}

#[tokio::test(start_paused = true)]
async fn a_question_is_withdrawn_when_nobody_waits_any_longer() {
    let mcp = server_with([roots()], |mcp| mcp.limits(Limits::new().ask_timeout(Duration::from_secs(60))));
    let session = session(&mcp).await;
    let mut stream = session.post(call("roots", json!({}))).open(&mcp).await;
    let asked = stream.message().await.unwrap();
    let began = Instant::now();
    let withdrawn = stream.message().await.unwrap();
    assert_eq!((&withdrawn["method"], began.elapsed().as_secs()), (&json!("notifications/cancelled"), 60));
    assert_eq!(withdrawn["params"]["requestId"], asked["id"]);
    let result = stream.message().await.unwrap();
    assert_eq!(result["result"]["content"][0]["text"], "`roots` was not answered within 60000 ms");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_withdraws_its_question() {
    let mcp = server([roots()]);
    let session = session(&mcp).await;
    let mut stream = session.post(call("roots", json!({}))).open(&mcp).await;
    let asked = stream.message().await.unwrap();
    session.post(notification("notifications/cancelled", json!({"requestId": 1}))).to(&mcp).await;
    let withdrawn = soon("the withdrawal", stream.message()).await.unwrap();
    assert_eq!(withdrawn["params"]["requestId"], asked["id"], "{withdrawn}");
}

#[tokio::test(start_paused = true)]
async fn answers_never_wait_for_a_permit() {
    let mcp = server_with([roots()], |mcp| mcp.limits(Limits::new().calls_in_flight(1)));
    let session = session(&mcp).await;
    let mut stream = session.post(call("roots", json!({}))).open(&mcp).await;
    let asked = soon("the question", stream.message()).await.unwrap();
    assert_eq!(session.post(message(2, "tools/call", json!({"name": "roots"}))).to(&mcp).await.status, 503);
    assert_eq!(session.post(answer(&asked["id"])).to(&mcp).await.status, 202);
    assert!(soon("the result", stream.message()).await.unwrap().get("result").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_stream_cannot_be_asked() {
    let mcp = server([roots()]);
    let session = session(&mcp).await;
    let reply = session.post(call("roots", json!({}))).header("accept", "application/json").to(&mcp).await;
    assert!(reply.tool_error().contains("takes no stream of events"), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_what_a_url_was_for_is_told_to_2025_11_25() {
    let mcp = server([tool_fn("connect", "", |ctx: Context| async move {
        let answer = ctx.elicit_url("sign in", "Please sign in", "https://example.com/connect").await?;
        ctx.elicitation_complete("sign in").await;
        ctx.elicitation_complete("something else").await;
        Ok::<_, AskError>(format!("{answer:?}"))
    })]);
    let client = client_with(&mcp, mcp_mount::Revision::V2025_11_25, helpful).await;
    let mut stream = client.start_tool("connect", ()).await.unwrap();
    let Some(Message::Request { id, params, .. }) = stream.next().await.unwrap() else { panic!("a question") };
    assert_eq!((&params["mode"], &params["url"]), (&json!("url"), &json!("https://example.com/connect")));
    let elicitation = params["elicitationId"].as_str().expect("an id").to_owned();
    client.respond(&id, json!({"action": "accept"})).await.unwrap();
    let Some(Message::Notification { method, params }) = stream.next().await.unwrap() else { panic!("the completion") };
    assert_eq!(
        (method.as_str(), params),
        ("notifications/elicitation/complete", json!({"elicitationId": elicitation}))
    );
    assert_eq!(stream.answer().await.unwrap()["content"][0]["text"], "Accept(())");

    let modern = client_with(&mcp, mcp_mount::Revision::V2026_07_28, |client| {
        helpful(client).on_request("elicitation/create", |params| {
            assert_eq!(params["mode"], "url");
            assert!(params.get("elicitationId").is_none(), "2026-07-28 has none: {params}");
            json!({"action": "accept"})
        })
    });
    assert_eq!(modern.await.call_tool("connect", ()).await.unwrap().text(), "Accept(())");
    let older = client_with(&mcp, mcp_mount::Revision::V2025_06_18, helpful).await;
    let outcome = older.call_tool("connect", ()).await.unwrap();
    assert!(outcome.is_error() && outcome.text().contains("elicitation.url"), "{}", outcome.text());
}

#[tokio::test(start_paused = true)]
async fn a_model_is_asked_with_tools_where_the_client_can() {
    let mcp = server([tool_fn("agent", "", |ctx: Context| async move {
        let tool = mcp_mount::SamplingTool::new("weather", "", json!({"type": "object"}));
        let request = CreateMessageRequest::new(50).user("How is the weather?").tools([tool]);
        let answer = ctx.sample("weather", request).await?;
        Ok::<_, AskError>(format!("{:?}: {}", answer.stop_reason, answer.content.len()))
    })]);
    for revision in [mcp_mount::Revision::V2025_11_25, mcp_mount::Revision::V2026_07_28] {
        let client = client_with(&mcp, revision, |client| {
            client.capabilities(json!({"sampling": {"tools": {}}})).on_request("sampling/createMessage", |params| {
                assert_eq!(params["tools"][0]["name"], "weather");
                let use_it = json!({"type": "tool_use", "id": "1", "name": "weather", "input": {}});
                json!({"role": "assistant", "content": [use_it], "model": "m", "stopReason": "toolUse"})
            })
        });
        let text = client.await.call_tool("agent", ()).await.unwrap().text();
        assert_eq!(text, "Some(\"toolUse\"): 1", "{revision}");
        let client = client_with(&mcp, revision, |client| client.capabilities(json!({"sampling": {}}))).await;
        let refused = client.call_tool("agent", ()).await;
        let told = refused.map_or_else(|error| error.to_string(), |outcome| outcome.text());
        assert!(told.contains("sampling.tools"), "{revision}: {told}");
    }
}
