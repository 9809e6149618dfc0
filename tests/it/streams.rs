//! What is sent while a call runs, and the GET stream of a session.

use std::time::Duration;

use mcp_mount::{Context, LogLevel, McpService, Tool, tool_fn};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    rig::{Probe, Session, rig, server, session},
    support::{Ask, Live, Reply, call, call_with_progress, legacy, message, modern, modern_call, pass, secs, soon},
};

/// Says three things and is done, all in one poll.
fn chatty() -> Tool {
    tool_fn("chatty", "Report at once", |ctx: Context| async move {
        for step in 1..=3 {
            ctx.progress(f64::from(step)).total(3.0).message(format!("step {step}")).await;
        }
        "said"
    })
}

/// Logs once at several levels.
fn logger() -> Tool {
    tool_fn("logger", "Log at every level", |ctx: Context| async move {
        ctx.debug("a debug").await;
        ctx.info("an info").await;
        ctx.log(LogLevel::Notice, "a notice").await;
        ctx.warning("a warning").await;
        ctx.error("an error").await;
        "logged"
    })
}

fn is_an_event_stream(live: &Live) {
    let header = |name: &str| live.headers.get(name).map(|value| value.to_str().expect("text").to_owned());
    assert_eq!(live.status, 200);
    assert!(live.is_sse(), "{:#?}", live.headers);
    assert_eq!(header("x-accel-buffering").as_deref(), Some("no"), "{:#?}", live.headers);
    assert!(header("cache-control").is_some_and(|value| value.contains("no-store")), "{:#?}", live.headers);
    assert_eq!(header("content-encoding"), None, "{:#?}", live.headers);
}

/// What a stream of 2025-11-25 begins with.
async fn primed(stream: &mut Live) {
    let event = soon("the primer", stream.next()).await.expect("the stream is open");
    assert!(event.data.is_empty() && event.id.is_some() && event.retry.as_deref() == Some("1000"), "{event:?}");
}

/// The stream is a comment each 15 s and nothing else.
async fn only_keeps_alive(stream: &mut Live) {
    for _ in 0..3 {
        let asked = Instant::now();
        let event = soon("a keep-alive", stream.next()).await.expect("the stream is open");
        assert!(event.comment && event.data.is_empty() && event.id.is_none(), "{event:?}");
        let waited = asked.elapsed();
        assert!(waited > secs(14) && waited < secs(16), "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_get_stream_keeps_itself_alive() {
    let rig = rig();
    let session = session(&rig.mcp).await;
    let mut stream = session.get().open(&rig.mcp).await;
    is_an_event_stream(&stream);
    assert_eq!(stream.headers.get("content-length"), None);
    primed(&mut stream).await;
    only_keeps_alive(&mut stream).await;
    let reply = session.post(call("echo", json!({"text": "x"}))).to(&rig.mcp).await;
    assert_eq!(reply.text(), "x");
    let heard = stream.listen(secs(60)).await;
    assert!(heard.iter().all(|event| event.data.is_empty()), "answers do not travel on the GET stream: {heard:?}");
    assert!(!stream.ended);
}

#[tokio::test(start_paused = true)]
async fn a_second_get_takes_over() {
    let rig = rig();
    let session = session(&rig.mcp).await;
    let mut first = session.get().open(&rig.mcp).await;
    let mut second = session.get().open(&rig.mcp).await;
    assert_eq!(second.status, 200);
    assert!(first.ends_within(secs(1)).await, "the first stream ends");
    primed(&mut second).await;
    only_keeps_alive(&mut second).await;
    // The end of the old one is not the end of the session, nor of the new one.
    drop(first);
    pass(secs(60)).await;
    assert!(session.is_alive().await);
    assert!(!second.ends_within(secs(60)).await);
    let mut third = session.get().open(&rig.mcp).await;
    assert!(second.ends_within(secs(1)).await);
    primed(&mut third).await;
    only_keeps_alive(&mut third).await;
}

#[tokio::test(start_paused = true)]
async fn delete_ends_the_get_stream() {
    let rig = rig();
    let (session, other) = (session(&rig.mcp).await, session(&rig.mcp).await);
    let mut stream = session.get().open(&rig.mcp).await;
    let mut neighbour = other.get().open(&rig.mcp).await;
    stream.listen(secs(1)).await;
    assert_eq!(session.delete().to(&rig.mcp).await.status, 204);
    assert!(stream.ends_within(secs(1)).await);
    assert!(!neighbour.ends_within(secs(60)).await, "another session's stream");
}

/// Progress, then the result, with the id and the token of the request.
fn shows_progress(reply: &Reply, token: &Value) {
    let messages = reply.messages();
    assert_eq!(messages.len(), 4, "{reply}");
    for (message, step) in messages.iter().zip(1..=3) {
        assert_eq!(message["method"], json!("notifications/progress"), "{reply}");
        assert_eq!(message.get("id"), None, "{reply}");
        let params = &message["params"];
        assert_eq!(&params["progressToken"], token, "{reply}");
        assert_eq!(
            (params["progress"].as_f64(), params["total"].as_f64()),
            (Some(f64::from(step)), Some(3.0)),
            "{reply}"
        );
        assert_eq!(params["message"], json!(format!("step {step}")), "{reply}");
    }
    assert_eq!(reply.text(), "said");
    assert_eq!(reply.json()["id"], json!(1), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn progress_goes_before_the_result() {
    let mcp = server([chatty()]);
    let session = session(&mcp).await;
    for token in [json!("token"), json!(""), json!(7), json!(-1), json!(9_007_199_254_740_993_u64)] {
        let params = json!({"name": "chatty", "arguments": {}, "_meta": {"progressToken": token}});
        let asks = [
            ("session", session.post(message(1, "tools/call", params.clone()))),
            ("sessionless", legacy(message(1, "tools/call", params.clone()))),
            ("modern", modern("tools/call", params)),
        ];
        for (era, ask) in asks {
            let (begun, live) = (Instant::now(), ask.open(&mcp).await);
            is_an_event_stream(&live);
            let reply = live.collect().await;
            shows_progress(&reply, &token);
            assert_eq!(begun.elapsed(), Duration::ZERO, "{era}: done in the poll in which it spoke\n{reply}");
        }
    }
}

#[tokio::test]
async fn progress_needs_a_token() {
    let mcp = server([chatty()]);
    let session = session(&mcp).await;
    for ask in
        [session.post(call("chatty", json!({}))), legacy(call("chatty", json!({}))), modern_call("chatty", json!({}))]
    {
        let reply = ask.to(&mcp).await;
        assert_eq!((reply.is_sse(), reply.messages().len()), (false, 1), "{reply}");
        assert_eq!(reply.text(), "said");
    }
    for token in [json!(true), json!(1.5), json!({}), json!([])] {
        let params = json!({"name": "chatty", "arguments": {}, "_meta": {"progressToken": token}});
        let reply = session.post(message(1, "tools/call", params)).to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32602), "{token}\n{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn progress_arrives_while_the_call_runs() {
    for era in ["session", "modern"] {
        let probe = Probe::new();
        let mcp = server([probe.speaking_tool()]);
        let session = session(&mcp).await;
        let ask = match era {
            "session" => session.post(call_with_progress("speak", json!({}))),
            _ => modern("tools/call", json!({"name": "speak", "arguments": {}, "_meta": {"progressToken": "token"}})),
        };
        let begun = Instant::now();
        let mut live = soon("the stream opens", ask.open(&mcp)).await;
        is_an_event_stream(&live);
        let first = soon("progress", live.message()).await.expect("open");
        assert_eq!(first["params"]["message"], json!("half"), "{era}");
        assert_eq!(begun.elapsed(), Duration::ZERO, "{era}: at once");
        assert_eq!(probe.finished(), 0, "{era}: the call is still running");
        only_keeps_alive(&mut live).await;
        probe.release();
        let last = soon("the result", live.message()).await.expect("open");
        assert_eq!(last["result"]["content"][0]["text"], json!("done"), "{era}: {last}");
        assert!(live.ends_within(secs(1)).await, "{era}: the result is the end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_call_becomes_a_stream_after_ten_seconds() {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool()]);
    let session = session(&mcp).await;
    for (ask, primes) in [(session.post(call("wait", json!({}))), true), (modern_call("wait", json!({})), false)] {
        let begun = Instant::now();
        let mut live = soon("headers", ask.open(&mcp)).await;
        let waited = begun.elapsed();
        assert!(waited >= secs(10) && waited < secs(11), "{waited:?}");
        is_an_event_stream(&live);
        if primes {
            primed(&mut live).await;
        }
        only_keeps_alive(&mut live).await;
        probe.release();
        let last = soon("the result", live.message()).await.expect("open");
        assert_eq!(last["result"]["content"][0]["text"], json!("done"), "{last}");
        assert!(live.ends_within(secs(1)).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_quicker_call_is_plain_json() {
    let mcp = server([tool_fn("nap", "Nap for nine seconds", || async {
        tokio::time::sleep(secs(9)).await;
        "awake"
    })]);
    for ask in [legacy(call("nap", json!({}))), modern_call("nap", json!({}))] {
        let reply = ask.to(&mcp).await;
        assert!(!reply.is_sse(), "{reply}");
        assert_eq!(reply.text(), "awake");
    }
}

#[tokio::test(start_paused = true)]
async fn who_accepts_only_json_gets_only_json() {
    let mcp = server([
        chatty(),
        tool_fn("nap", "Nap for half a minute", || async {
            tokio::time::sleep(secs(30)).await;
            "awake"
        }),
    ]);
    let chat = modern("tools/call", json!({"name": "chatty", "arguments": {}, "_meta": {"progressToken": 1}}));
    for (ask, text) in [
        (chat, "said"),
        (legacy(call_with_progress("chatty", json!({}))), "said"),
        (modern_call("nap", json!({})), "awake"),
        (legacy(call("nap", json!({}))), "awake"),
    ] {
        let reply = ask.header("accept", "application/json").to(&mcp).await;
        assert!(!reply.is_sse(), "{reply}");
        assert_eq!((reply.text().as_str(), reply.messages().len()), (text, 1), "{reply}");
    }
}

async fn logged(mcp: &McpService, ask: Ask) -> Vec<String> {
    let reply = ask.to(mcp).await;
    assert_eq!(reply.text(), "logged");
    let mut messages = reply.messages();
    messages.pop();
    let level = |message: Value| {
        assert_eq!(message["method"], json!("notifications/message"), "{reply}");
        assert!(message["params"]["data"].is_string(), "{reply}");
        message["params"]["level"].as_str().expect("a level").to_owned()
    };
    messages.into_iter().map(level).collect()
}

#[tokio::test]
async fn a_session_sets_its_log_level() {
    let mcp = server([logger()]);
    let (session, other) = (session(&mcp).await, session(&mcp).await);
    let logs = async |session: &Session| logged(&mcp, session.post(call("logger", json!({})))).await;
    assert_eq!(logs(&session).await, ["info", "notice", "warning", "error"], "before it is set");
    for (level, heard) in [
        ("debug", &["debug", "info", "notice", "warning", "error"][..]),
        ("warning", &["warning", "error"][..]),
        ("emergency", &[][..]),
    ] {
        let reply = session.post(message(1, "logging/setLevel", json!({"level": level}))).to(&mcp).await;
        assert_eq!(reply.result(), json!({}), "{reply}");
        assert_eq!(logs(&session).await, heard, "{level}");
    }
    assert_eq!(logs(&other).await, ["info", "notice", "warning", "error"], "another session has its own");
}

#[tokio::test]
async fn a_modern_request_asks_for_logs_or_gets_none() {
    let mcp = server([logger()]);
    assert_eq!(logged(&mcp, modern_call("logger", json!({}))).await, [""; 0]);
    let ask = |level: &str| {
        let meta = json!({"io.modelcontextprotocol/logLevel": level});
        modern("tools/call", json!({"name": "logger", "arguments": {}, "_meta": meta}))
    };
    assert_eq!(logged(&mcp, ask("warning")).await, ["warning", "error"]);
    assert_eq!(logged(&mcp, ask("debug")).await.len(), 5);
    assert_eq!(
        logged(&mcp, modern_call("logger", json!({}))).await,
        [""; 0],
        "one request does not speak for the next"
    );
}
