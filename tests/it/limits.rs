//! What one client may use up: bodies, calls, sessions.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::StreamExt as _;
use http::Request;
use http_body::Frame;
use http_body_util::StreamBody;
use mcp_mount::{Limits, McpService, Sessions};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    rig::{Probe, Rig, Session, patient, rig, rig_with, server_with, session},
    support::{
        LATEST_SESSION, Reply, call, initialize, legacy, message, modern, modern_call, notification, secs, soon,
    },
    target::{Target as _, send, sent},
};

type Frames = futures::stream::BoxStream<'static, Result<Frame<Bytes>, std::io::Error>>;

/// A call whose body arrives as this stream says.
fn streamed(frames: Frames, length: Option<u64>) -> Request<StreamBody<Frames>> {
    let mut request = legacy(json!({})).request().map(|_| StreamBody::new(frames));
    if let Some(length) = length {
        request.headers_mut().insert("content-length", length.into());
    }
    request
}

async fn whole(mcp: &McpService, request: Request<StreamBody<Frames>>) -> Reply {
    send(mcp, request).await.collect().await
}

fn frames(parts: Vec<&'static [u8]>) -> Frames {
    futures::stream::iter(parts).map(|part| Ok(Frame::data(Bytes::from_static(part)))).boxed()
}

const ECHO: &[u8] =
    br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"}}}"#;

#[tokio::test]
async fn bodies_arrive_in_any_frames() {
    let rig = rig();
    let bytewise: Vec<&'static [u8]> = ECHO.chunks(1).collect();
    let (head, tail) = ECHO.split_at(40);
    for parts in [bytewise, vec![head, tail], vec![b"", head, b"", tail, b""]] {
        let reply = whole(&rig.mcp, streamed(frames(parts), None)).await;
        assert_eq!(reply.text(), "x");
    }
    let trailers =
        futures::stream::iter([Frame::data(Bytes::from_static(ECHO)), Frame::trailers(http::HeaderMap::new())]);
    let reply = whole(&rig.mcp, streamed(trailers.map(Ok).boxed(), None)).await;
    assert_eq!(reply.text(), "x", "trailers are no part of the message");
}

#[tokio::test(start_paused = true)]
async fn slow_bodies_meet_a_deadline() {
    // A byte each half second: never silent, never done.
    let trickle = || -> Frames {
        let bytes = futures::stream::iter(ECHO.iter().cycle()).then(|byte| async move {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            Ok(Frame::data(Bytes::copy_from_slice(&[*byte])))
        });
        bytes.boxed()
    };
    let quick = Limits::new().body_deadline(secs(3));
    for (rig, seconds) in [(rig(), 30), (rig_with(|mcp| mcp.limits(quick)), 3)] {
        let stalled = futures::stream::once(async { Ok(Frame::data(Bytes::from_static(b"{"))) });
        let stalled: Frames = stalled.chain(futures::stream::pending()).boxed();
        for (name, body) in
            [("trickling", trickle()), ("stalled", stalled), ("silent", futures::stream::pending().boxed())]
        {
            let begun = Instant::now();
            let reply = soon(name, whole(&rig.mcp, streamed(body, Some(100)))).await;
            assert_eq!((reply.status.as_u16(), begun.elapsed().as_secs()), (408, seconds), "{name}\n{reply}");
            reply.error();
            assert_eq!(rig.runs(), 0, "{name}");
            rig.canary(name).await;
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let rig = rig();
    let broken =
        futures::stream::iter([Ok(Frame::data(Bytes::from_static(&ECHO[..20]))), Err(std::io::Error::other("reset"))]);
    let reply = whole(&rig.mcp, streamed(broken.boxed(), None)).await;
    assert!(reply.status.is_client_error(), "{reply}");
    assert_eq!(rig.runs(), 0);
    rig.canary("a broken body").await;
}

#[tokio::test]
async fn large_bodies_are_not_read_to_their_end() {
    let rig = rig();
    let read = Arc::new(AtomicUsize::new(0));
    let endless = |read: Arc<AtomicUsize>| -> Frames {
        let chunk = Bytes::from(vec![b' '; 64 << 10]);
        futures::stream::repeat_with(move || {
            read.fetch_add(1, SeqCst);
            Ok(Frame::data(chunk.clone()))
        })
        .boxed()
    };
    let reply = whole(&rig.mcp, streamed(endless(read.clone()), Some((4 << 20) + 1))).await;
    assert_eq!((reply.status.as_u16(), read.swap(0, SeqCst)), (413, 0), "announced: refused unread\n{reply}");
    let reply = whole(&rig.mcp, streamed(endless(read.clone()), None)).await;
    let chunks = read.swap(0, SeqCst);
    assert_eq!(reply.status, 413, "{reply}");
    assert!(chunks <= 65, "4 MiB are 64 chunks; {chunks} were read");
    let message = reply.error()["message"].to_string();
    assert!(message.contains("body_bytes"), "names the setting: {message}");
    rig.canary("large bodies").await;
}

#[tokio::test]
async fn the_limit_is_exact() {
    let body = legacy(call("echo", json!({"text": "x".repeat(500)})));
    let length = body.bytes().await.len();
    for (limit, status) in [(length, 200), (length - 1, 413)] {
        let rig = rig_with(|mcp| mcp.limits(Limits::new().body_bytes(limit)));
        let reply = body.clone().to(&rig.mcp).await;
        assert_eq!(reply.status, status, "{reply}");
    }
}

/// A body that has arrived in part and then hangs, until it is dropped.
async fn hang(rig: &Rig, bytes: usize) -> tokio::task::JoinHandle<Reply> {
    let part = futures::stream::once(async move { Ok(Frame::data(Bytes::from(vec![b' '; bytes]))) });
    let request = streamed(part.chain(futures::stream::pending()).boxed(), Some(bytes as u64 + 1));
    let answer = sent(rig.mcp.door(), request);
    let task = tokio::spawn(async move { answer.await.collect().await });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test(start_paused = true)]
async fn all_bodies_together_have_a_budget() {
    let rig = rig_with(|mcp| mcp.limits(Limits::new().body_bytes(100 << 10).body_budget(150 << 10)));
    let first = hang(&rig, 90 << 10).await;
    let big = || legacy(call("echo", json!({"text": "x".repeat(80 << 10)})));
    let reply = big().to(&rig.mcp).await;
    assert_eq!(reply.status, 503, "{reply}");
    assert!(reply.header("retry-after").is_some(), "{reply}");
    assert_eq!(rig.runs(), 0);
    rig.canary("a full budget: small ones fit").await;
    first.abort();
    assert!(first.await.is_err_and(|e| e.is_cancelled()));
    let reply = big().to(&rig.mcp).await;
    assert_eq!(reply.status, 200, "the budget is given back by a client that went away\n{reply}");
    let timed_out = hang(&rig, 90 << 10).await;
    let reply = soon("the deadline", timed_out).await.expect("no panic");
    assert_eq!(reply.status, 408, "{reply}");
    for _ in 0..5 {
        assert_eq!(big().to(&rig.mcp).await.status, 200, "and by every call that ends");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_capped() {
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(patient().calls_in_flight(2)));
    let session = session(&mcp).await;
    let asks = [session.post(call("wait", json!({}))), modern_call("wait", json!({}))];
    let mut running = Vec::new();
    for ask in asks {
        running.push(tokio::spawn(ask.owned_to(&mcp)));
        probe.started().await;
    }
    for ask in [legacy(call("wait", json!({}))), modern_call("wait", json!({}))] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.status, 503, "{reply}");
        assert!(reply.header("retry-after").is_some(), "{reply}");
        assert_eq!(reply.json()["id"], json!(1), "{reply}");
        reply.error();
    }
    assert_eq!(session.ping().await.status, 200, "ping needs no permit");
    let cancel = notification("notifications/cancelled", json!({"requestId": 1}));
    assert_eq!(session.post(cancel).to(&mcp).await.status, 202, "a cancellation needs no permit");
    probe.dropped().await;
    soon("the cancelled call ends", running.remove(0)).await.expect("no panic");
    assert_eq!(session.delete().to(&mcp).await.status, 204, "DELETE needs no permit");
    running.push(tokio::spawn(legacy(call("wait", json!({}))).owned_to(&mcp)));
    probe.started().await;
    for call in running {
        probe.release();
        assert_eq!(soon("the call ends", call).await.expect("no panic").text(), "done");
    }
    probe.release();
    assert_eq!(modern_call("wait", json!({})).to(&mcp).await.text(), "done", "all permits are back");
}

#[tokio::test(start_paused = true)]
async fn twenty_thousand_initializes_that_never_come_back() {
    let rig = rig();
    let regular = session(&rig.mcp).await;
    let mut stream = regular.get().open(&rig.mcp).await;
    let mut accepted = 0;
    for n in 0..20_000 {
        let reply = initialize(LATEST_SESSION).to(&rig.mcp).await;
        match reply.status.as_u16() {
            200 => accepted += 1,
            503 => assert!(reply.header("retry-after").is_some(), "{n}\n{reply}"),
            _ => panic!("{n}\n{reply}"),
        }
    }
    assert_eq!(accepted, 10_000 - 1, "the cap, and the one that was there");
    assert!(regular.is_alive().await, "whoever works is never evicted");
    let reply = modern_call("echo", json!({"text": "x"})).to(&rig.mcp).await;
    assert_eq!(reply.text(), "x", "the stateless era needs no session");
    stream.listen(secs(31)).await;
    let newcomer = session(&rig.mcp).await;
    assert!(newcomer.is_alive().await, "those that idle give way after 30 s");
    stream.listen(secs(60)).await;
    let reply = initialize(LATEST_SESSION).to(&rig.mcp).await;
    assert_eq!(reply.status, 200, "the others have expired uninitialised\n{reply}");
    assert!(!stream.ended && regular.is_alive().await && newcomer.is_alive().await);
}

#[tokio::test]
async fn refused_and_sessionless_requests_allocate_no_session() {
    let rig = rig_with(|mcp| mcp.sessions(Sessions::new().max(1)));
    for n in 0..2_000 {
        let asks = [
            legacy(call("echo", json!({"text": "x"}))),
            legacy(message(n, "ping", json!({}))),
            modern("tools/list", json!({})),
            initialize(LATEST_SESSION).header("host", "evil.example"),
            legacy(call("echo", json!({"text": "x"}))).header("mcp-session-id", "0".repeat(32)),
            legacy(message(n, "initialize", json!({"protocolVersion": 7}))),
        ];
        let ask = asks.into_iter().nth(n as usize % 6).expect("one of six");
        ask.to(&rig.mcp).await;
    }
    let only: Session = session(&rig.mcp).await;
    assert!(only.is_alive().await, "there was room for the one session");
}

/// A body that never comes.
struct Never;

impl http_body::Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn heads_are_refused_whatever_the_body_is() {
    let rig = rig();
    let good = || legacy(call("echo", json!({"text": "x"})));
    for (name, ask) in [
        ("path", good().at("/nowhere")),
        ("host", good().header("host", "evil.example")),
        ("origin", good().header("origin", "null")),
        ("method", good().method(http::Method::PUT)),
        ("type", good().header("content-type", "text/plain")),
        ("accept", good().header("accept", "text/html")),
    ] {
        let began = Instant::now();
        let reply = send(&rig.mcp, ask.request().map(|_| Never)).await.collect().await;
        assert!(reply.status.is_client_error(), "{name}\n{reply}");
        assert!(began.elapsed() <= secs(1), "{name}: nobody needs it");
    }
}
