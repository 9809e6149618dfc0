//! Layers of an axum application that get in the way of bodies and streams, and those that do not: with tower-http's own.

use axum::{Router, extract::DefaultBodyLimit};
use http::StatusCode;
use http_body::Frame;
use http_body_util::StreamBody;
use mcp_mount::McpService;
use serde_json::json;
use tower_http::{
    compression::{CompressionLayer, DefaultPredicate, Predicate as _, predicate::SizeAbove},
    limit::RequestBodyLimitLayer,
    timeout::{RequestBodyTimeoutLayer, ResponseBodyTimeoutLayer, TimeoutLayer},
};

use crate::{
    mounted::mcp,
    rig::{Probe, server},
    squeezed::Squeezed,
    support::{Ask, Reply, call, legacy, modern, modern_call, pass, secs},
    target::send,
};

const EITHER: &str = "application/json, text/event-stream";
const PLAIN: &str = "application/json";

fn at_mcp(mcp: &McpService) -> Router {
    Router::new().merge(mcp.at("/mcp"))
}

fn echo(bytes: usize) -> Ask {
    modern_call("echo", json!({"text": "x".repeat(bytes)})).at("/mcp")
}

fn speak() -> Ask {
    modern("tools/call", json!({"name": "speak", "arguments": {}, "_meta": {"progressToken": 1}})).at("/mcp")
}

/// A body in chunks, whose length nobody says before.
async fn in_chunks(ask: Ask, app: &Router) -> Reply {
    let body = ask.bytes().await;
    let frames = futures::stream::iter([Ok::<_, std::io::Error>(Frame::data(body))]);
    send(app, ask.request().map(|_| StreamBody::new(frames))).await.collect().await
}

/// With the length that clients send.
async fn with_its_length(ask: Ask) -> Ask {
    let length = ask.bytes().await.len();
    ask.header("content-length", length.to_string())
}

#[tokio::test]
async fn axums_body_limit_is_not_for_the_mount() {
    let app = at_mcp(&mcp()).layer(DefaultBodyLimit::max(1024));
    assert_eq!(echo(3 << 20).to(&app).await.text().len(), 3 << 20, "the mount's own is 4 MiB");
    let app = at_mcp(&mcp()).layer(DefaultBodyLimit::disable());
    assert_eq!(echo(5 << 20).to(&app).await.status, 413, "and holds");
}

#[tokio::test]
async fn a_body_limit_layer_refuses_in_its_own_words() {
    let app = at_mcp(&mcp()).layer(RequestBodyLimitLayer::new(64 << 10));
    assert_eq!(with_its_length(echo(10 << 10)).await.to(&app).await.text().len(), 10 << 10);
    let reply = with_its_length(echo(100 << 10)).await.to(&app).await;
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (413, &b"length limit exceeded"[..]), "no JSON-RPC\n{reply}");
    // In chunks it breaks off under the mount's hands.
    let reply = in_chunks(echo(100 << 10), &app).await;
    assert!(reply.status.is_client_error() && reply.error()["code"] == -32600, "{reply}");
    // What is larger than both is the mount's own refusal where the layer allows more.
    let app = at_mcp(&mcp()).layer(RequestBodyLimitLayer::new(8 << 20));
    let reply = with_its_length(echo(5 << 20)).await.to(&app).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (413, -32600), "{reply}");
}

/// What becomes of a call that is silent for 40 s, within a timeout layer: its reply, and whether its handler was dropped.
async fn silent_call(timeout: u64, accept: &str, ask: Ask) -> (Reply, bool) {
    let probe = Probe::new();
    let app = at_mcp(&server([probe.silent_tool()]));
    let app = app.layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, secs(timeout)));
    let calling = tokio::spawn(ask.at("/mcp").header("accept", accept).owned_to(&app));
    probe.started().await;
    pass(secs(40)).await;
    let dropped = probe.drops() > 0;
    probe.release();
    (calling.await.expect("a reply"), dropped)
}

#[tokio::test(start_paused = true)]
async fn a_timeout_layer_ends_calls_whose_reply_has_not_begun() {
    let wait = || (modern_call("wait", json!({})), legacy(call("wait", json!({}))));
    for (timeout, accept) in [(5, EITHER), (5, PLAIN), (30, PLAIN)] {
        let (modern, session_era) = wait();
        let (reply, dropped) = silent_call(timeout, accept, modern).await;
        assert_eq!((reply.status.as_u16(), reply.body.len(), dropped), (408, 0, true), "{timeout} s, {accept}");
        // Going away cancels nothing there: the call runs on, and nobody gets its answer.
        let (reply, dropped) = silent_call(timeout, accept, session_era).await;
        assert_eq!((reply.status.as_u16(), reply.body.len(), dropped), (408, 0, false), "{timeout} s, {accept}");
    }
    // After `Limits::silence` a reply begins as a stream, which this layer does not look at any more.
    let (modern, session_era) = wait();
    for ask in [modern, session_era] {
        let (reply, dropped) = silent_call(30, EITHER, ask).await;
        assert!(reply.is_sse() && reply.text() == "done" && !dropped, "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_body_timeout_cuts_streams_that_are_quiet_for_longer() {
    for (timeout, cut) in [(5, true), (20, false)] {
        let probe = Probe::new();
        let app = at_mcp(&server([probe.speaking_tool()])).layer(ResponseBodyTimeoutLayer::new(secs(timeout)));
        let mut live = speak().open(&app).await;
        live.message().await.expect("progress");
        let heard = live.listen(secs(50)).await;
        assert_eq!(live.ended, cut, "{timeout} s");
        assert_eq!(heard.len(), if cut { 0 } else { 3 }, "a comment each 15 s: {heard:?}");
        drop(live);
        probe.dropped().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_body_timeout_is_over_when_the_call_begins() {
    let probe = Probe::new();
    let app = at_mcp(&server([probe.speaking_tool()])).layer(RequestBodyTimeoutLayer::new(secs(5)));
    let mut live = speak().open(&app).await;
    live.message().await.expect("progress");
    pass(secs(50)).await;
    probe.release();
    let last = live.listen(secs(1)).await.pop().expect("the answer");
    assert_eq!(last.json()["result"]["content"][0]["text"], json!("done"));
}

#[tokio::test(start_paused = true)]
async fn tower_https_compression_leaves_streams_alone() {
    let probe = Probe::new();
    let stricter = DefaultPredicate::new().and(SizeAbove::new(100));
    let mount = at_mcp(&server([probe.speaking_tool()]));
    let stricter = CompressionLayer::new().compress_when(stricter);
    for app in [mount.clone().layer(CompressionLayer::new()), mount.layer(stricter)] {
        let mut stream = Squeezed::open(&app, speak()).await;
        assert!(!stream.is_compressed() && stream.hears("half").await);
        let reply = Squeezed::open(&app, modern("server/discover", json!({})).at("/mcp")).await;
        assert!(reply.is_compressed(), "a plain answer is compressed");
    }
}

/// A predicate of the application's own takes the place of the one that leaves streams out.
#[tokio::test(start_paused = true)]
async fn compression_of_everything_compresses_streams() {
    let probe = Probe::new();
    let everything = CompressionLayer::new().compress_when(SizeAbove::new(0));
    let app = at_mcp(&server([probe.speaking_tool()])).layer(everything);
    let mut stream = Squeezed::open(&app, speak()).await;
    assert!(stream.is_compressed() && stream.hears("half").await, "in time, with async-compression from 0.4.31 on");
}
