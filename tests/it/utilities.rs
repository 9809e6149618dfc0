//! Cancellation, logging and completion, as each revision has them.

use mcp_mount::{Args, CompletionRequest, Context, Json, Mcp, McpService, Tool, prompt_fn, resource_fn, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    rig::{Probe, Session, patient, server},
    support::{Ask, MODERN, SESSION_REVISIONS, legacy, message, modern, notification, pass, secs, soon},
};

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its schema matters")]
struct Review {
    language: Option<String>,
    framework: Option<String>,
}

/// Every kind of handler, each of which reports once, and never ends.
fn stuck(probe: &Probe) -> McpService {
    async fn run(probe: Probe, ctx: Context) -> &'static str {
        ctx.progress(1.0).await;
        probe.stuck().await
    }

    let [tool, resource, prompt, suggested, custom] = [(); 5].map(|()| probe.clone());
    let review = prompt_fn("slow", "Never ask", |_: Args<Review>| "done");
    Mcp::new("rig", "1.2.3")
        .limits(patient())
        .tool(tool_fn("stuck", "Never end", move |ctx: Context| run(tool.clone(), ctx)))
        .resource(resource_fn("stuck://here", "stuck", move |ctx: Context| run(resource.clone(), ctx)))
        .prompt(prompt_fn("stuck", "Never ask", move |ctx: Context| run(prompt.clone(), ctx)))
        .prompt(review.complete("framework", move |ctx: Context| {
            let running = run(suggested.clone(), ctx);
            async move { vec![running.await] }
        }))
        .method("example/stuck", move |ctx: Context| {
            let running = run(custom.clone(), ctx);
            async move { Json(json!({ "said": running.await })) }
        })
        .build()
        .expect("the server builds")
}

/// What each kind of handler is called by.
fn calls() -> [(&'static str, Value); 5] {
    let argument = json!({"name": "framework", "value": "f"});
    [
        ("tools/call", json!({"name": "stuck"})),
        ("resources/read", json!({"uri": "stuck://here"})),
        ("prompts/get", json!({"name": "stuck"})),
        ("completion/complete", json!({"ref": {"type": "ref/prompt", "name": "slow"}, "argument": argument})),
        ("example/stuck", json!({})),
    ]
}

fn with_token(mut params: Value) -> Value {
    params["_meta"] = json!({"progressToken": "token"});
    params
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_call_is_cancelled_by_a_notification_in_a_session() {
    let probe = Probe::new();
    let mcp = stuck(&probe);
    for revision in SESSION_REVISIONS {
        let session = Session::open(&mcp, revision, None).await;
        for (method, params) in calls() {
            let call = session.post(message("one", method, with_token(params)));
            let running = tokio::spawn(call.owned_to(&mcp));
            probe.started().await;
            // A number is another id, and what is no cancellation cancels nothing.
            for harmless in
                [json!({"requestId": 1}), json!({"requestId": "two"}), json!({"reason": "enough"}), json!({})]
            {
                assert_eq!(session.post(notification("notifications/cancelled", harmless)).to(&mcp).await.status, 202);
            }
            pass(secs(1)).await;
            assert_eq!(probe.drops(), 0, "{revision}: {method}");
            let cancel = json!({"requestId": "one", "reason": "enough"});
            assert_eq!(
                session.post(notification("notifications/cancelled", cancel.clone())).to(&mcp).await.status,
                202
            );
            probe.dropped().await;
            let reply = soon("the reply ends", running).await.expect("no panic");
            let answers = reply.messages().into_iter().filter(|message| message.get("id").is_some());
            assert!(answers.into_iter().all(|answer| answer.get("result").is_none()), "{revision}: {method}\n{reply}");
            // Once more, for a call that is over.
            assert_eq!(session.post(notification("notifications/cancelled", cancel)).to(&mcp).await.status, 202);
        }
        assert!(session.is_alive().await);
    }
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_call_is_cancelled_by_closing_its_reply_in_2026_07_28() {
    let probe = Probe::new();
    let mcp = stuck(&probe);
    for (method, params) in calls() {
        for speaks in [false, true] {
            let params = if speaks { with_token(params.clone()) } else { params.clone() };
            let mut ask = modern(method, params.clone());
            if let Some(uri) = params["uri"].as_str() {
                ask = ask.header("mcp-name", uri);
            }
            if speaks {
                let mut live = ask.open(&mcp).await;
                assert_eq!(soon("progress", live.message()).await.expect("open")["method"], "notifications/progress");
                probe.started().await;
                drop(live);
            } else {
                let running = tokio::spawn(ask.owned_to(&mcp));
                probe.started().await;
                running.abort();
            }
            probe.dropped().await;
            assert_eq!(probe.finished(), 0, "{method}, {speaks}");
        }
    }
}

/// Logs at three levels.
fn logger() -> Tool {
    tool_fn("logger", "Log", |ctx: Context| async move {
        ctx.debug("debug").await;
        ctx.info("info").await;
        ctx.error("error").await;
        "logged"
    })
}

async fn logged(mcp: &McpService, ask: Ask) -> Vec<Value> {
    let messages = ask.to(mcp).await.messages();
    let logs = messages.iter().filter(|message| message["method"] == "notifications/message");
    logs.map(|message| message["params"]["level"].clone()).collect()
}

#[tokio::test]
async fn a_session_is_asked_by_set_level_and_not_by_the_requests_metadata() {
    let mcp = server([logger()]);
    let meta = json!({"io.modelcontextprotocol/logLevel": "debug"});
    let call = |meta: &Value| message(1, "tools/call", json!({"name": "logger", "_meta": meta}));
    for revision in SESSION_REVISIONS {
        let session = Session::open(&mcp, revision, None).await;
        let asked = async || logged(&mcp, session.post(call(&meta))).await;
        assert_eq!(asked().await, ["info", "error"], "{revision}: what is sent until it is asked");
        for (level, expected) in [("debug", &["debug", "info", "error"][..]), ("error", &["error"]), ("emergency", &[])]
        {
            let set = session.post(message(2, "logging/setLevel", json!({"level": level}))).to(&mcp).await;
            assert_eq!(set.result(), json!({}), "{revision}");
            assert_eq!(asked().await, expected, "{revision}: {level}");
        }
        for bad in [json!({"level": "loud"}), json!({"level": "INFO"}), json!({})] {
            assert_eq!(session.post(message(3, "logging/setLevel", bad)).to(&mcp).await.code(), -32602, "{revision}");
        }
        assert_eq!(asked().await, [] as [&str; 0], "{revision}: what is refused changes nothing");
    }
    // Without a session it is accepted, and nobody remembers it.
    let set = legacy(message(1, "logging/setLevel", json!({"level": "emergency"}))).to(&mcp).await;
    assert_eq!(set.result(), json!({}));
    assert_eq!(logged(&mcp, legacy(call(&json!({})))).await, ["info", "error"]);
}

#[tokio::test]
async fn a_request_of_2026_07_28_is_asked_each_time_and_by_nothing_else() {
    let mcp = server([logger()]);
    let of_level = |level: Value| {
        modern("tools/call", json!({"name": "logger", "_meta": {"io.modelcontextprotocol/logLevel": level}}))
    };
    assert_eq!(logged(&mcp, of_level(json!("debug"))).await, ["debug", "info", "error"]);
    assert_eq!(logged(&mcp, of_level(json!("error"))).await, ["error"]);
    assert_eq!(logged(&mcp, modern("tools/call", json!({"name": "logger"}))).await, [] as [&str; 0]);
    for bad in [json!("loud"), json!(5)] {
        assert_eq!(of_level(bad).to(&mcp).await.code(), -32602);
    }
    let gone = modern("logging/setLevel", json!({"level": "info"})).to(&mcp).await;
    assert_eq!((gone.status.as_u16(), gone.code()), (404, -32601), "{gone}");
}

#[tokio::test]
async fn completion_knows_what_has_been_filled_in_whoever_says_so() {
    let review = prompt_fn("review", "Review", |_: Args<Review>| "review this");
    let known = review.complete("framework", |request: CompletionRequest| {
        let language = request.context("language").unwrap_or("unknown").to_owned();
        [language, request.value().to_owned()]
    });
    let mcp = Mcp::new("rig", "1.2.3").prompt(known).build().expect("the server builds");
    let params = |context: Value| {
        let argument = json!({"name": "framework", "value": "f"});
        json!({"ref": {"type": "ref/prompt", "name": "review"}, "argument": argument, "context": context})
    };
    for revision in SESSION_REVISIONS.into_iter().chain([MODERN]) {
        let session = (revision != MODERN).then(|| Session::open(&mcp, revision, None));
        let session = match session {
            Some(session) => Some(session.await),
            None => None,
        };
        for (context, expected) in [
            (json!({"arguments": {"language": "rust", "other": "x"}}), "rust"),
            (json!({"arguments": {}}), "unknown"),
            (json!(null), "unknown"),
        ] {
            let ask = match &session {
                Some(session) => session.post(message(1, "completion/complete", params(context.clone()))),
                None => modern("completion/complete", params(context.clone())),
            };
            let completion = ask.to(&mcp).await.result()["completion"].clone();
            assert_eq!(completion["values"], json!([expected, "f"]), "{revision}: {context}");
        }
    }
}
