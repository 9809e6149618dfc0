//! Bodies over real sockets: in chunks, without a length, and larger than they may be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use mcp_mount::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    connection::{Client, promptly, written},
    home,
    rig::{rig, rig_with},
    support::{Ask, call, legacy, modern_call},
    target::{Sent, send},
};

fn sent(body: Full<Bytes>) -> Sent {
    Sent::new(body.map_err(|never| match never {}))
}

const AUTHORITY: &str = "localhost";

/// The same request with its body in these pieces and with a pause between them, so that its length is not known before.
async fn in_pieces(ask: Ask, size: usize) -> Request<Sent> {
    let body = ask.bytes().await;
    let pieces: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
    let pieces = stream::iter(pieces).then(|piece| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok::<_, std::io::Error>(Frame::data(piece))
    });
    ask.request().map(|_| Sent::new(StreamBody::new(pieces).map_err(Into::into)))
}

#[tokio::test]
async fn a_body_arrives_in_chunks() {
    let address = home::serve(rig().mcp).await;
    let text = "é".repeat(500);
    for mut client in Client::both(address).await {
        for ask in [legacy(call("echo", json!({"text": text}))), modern_call("echo", json!({"text": text}))] {
            for size in [100, 400, 10_000] {
                let request = in_pieces(ask.clone(), size).await;
                let live = client.open_as(AUTHORITY, "/mcp", request).await.expect("a response");
                let reply = promptly("the body", live.collect()).await;
                assert_eq!(reply.text(), text, "{}, in pieces of {size}", client.version());
            }
        }
    }
}

#[tokio::test]
async fn five_mebibytes_are_refused_and_the_server_goes_on() {
    let address = home::serve(rig().mcp).await;
    // HTTP/2 only: a server that answers before the body is sent may close an HTTP/1.1 connection under the client.
    let mut client = Client::h2(address).await;
    let reply = client.send(modern_call("echo", json!({"text": "x".repeat(5 << 20)}))).await;
    assert_eq!(reply.status, 413, "{reply}");
    for mut client in Client::both(address).await {
        assert_eq!(client.send(modern_call("echo", json!({"text": "x"}))).await.text(), "x");
    }
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_however_it_comes() {
    let address = home::serve(rig_with(|mcp| mcp.limits(Limits::new().body_bytes(1_000))).mcp).await;
    let (fits, large) = (json!({"text": "x"}), json!({"text": "x".repeat(1_000)}));
    for whole in [true, false] {
        for mut client in Client::both(address).await {
            let name = format!("{}, whole: {whole}", client.version());
            let mut send = async |arguments| {
                let ask = legacy(call("echo", arguments));
                let request = if whole { ask.request().map(sent) } else { in_pieces(ask, 300).await };
                client.open_as(AUTHORITY, "/mcp", request).await.expect("a response").collect().await
            };
            assert_eq!(promptly(&name, send(fits.clone())).await.text(), "x", "{name}");
            let reply = promptly(&name, send(large.clone())).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (413, -32600), "{name}\n{reply}");
        }
    }
}

/// Who is reset while it writes sees no status, and a proxy makes a 502 of it.
#[tokio::test]
async fn a_large_request_that_is_refused_for_its_head_gets_its_answer() {
    let address = home::serve(rig().mcp).await;
    for (header, status) in [("origin: https://evil.example", "403"), ("content-encoding: gzip", "415")] {
        for round in 0..20 {
            let mut stream = tokio::net::TcpStream::connect(address).await.expect("connects");
            let head = format!(
                "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{header}\r\n\
                 content-length: 3000000\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.expect("sent");
            for _ in 0..30 {
                stream.write_all(&[b'x'; 100_000]).await.unwrap_or_else(|error| panic!("{header}, {round}: {error}"));
            }
            let mut reply = vec![0; 12];
            promptly("the refusal", stream.read_exact(&mut reply)).await.expect("a reply");
            assert_eq!(String::from_utf8_lossy(&reply), format!("HTTP/1.1 {status}"));
        }
    }
}

/// A body that nobody wants is read as far as it may go, and not at all by who waits for an answer first.
#[tokio::test(start_paused = true)]
async fn an_unwanted_body_is_read_within_its_limits() {
    let mcp = rig_with(|mcp| mcp.limits(Limits::new().body_bytes(1_000))).mcp;
    let read = Arc::new(AtomicUsize::new(0));
    let refused = async |pieces: usize, more: bool, expect: bool| {
        let count = read.clone();
        let pieces = stream::iter(0..pieces).map(move |_| {
            count.fetch_add(1, SeqCst);
            Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(&[b'x'; 100])))
        });
        let rest = if more { stream::pending().boxed() } else { stream::empty().boxed() };
        let ask = legacy(call("echo", json!({}))).header("origin", "https://evil.example");
        let ask = if expect { ask.header("expect", "100-continue") } else { ask };
        let request = ask.without("content-length").request();
        let request = request.map(|_| Sent::new(StreamBody::new(pieces.chain(rest)).map_err(Into::into)));
        let began = tokio::time::Instant::now();
        assert_eq!(send(&mcp, request).await.status, 403);
        (read.swap(0, SeqCst), began.elapsed().as_secs())
    };
    assert_eq!(refused(7, false, false).await, (7, 0), "all of it");
    assert_eq!(refused(500, false, false).await, (11, 0), "a piece more than it may have");
    assert_eq!(refused(2, true, false).await, (2, 1), "for a second");
    // actix-web itself asks for the body.
    let asked = if home::DIFFERS.asks_for_bodies { 7 } else { 0 };
    assert_eq!(refused(7, false, true).await, (asked, 0), "nothing");
}

/// Nothing of the body is waited for.
#[tokio::test]
async fn a_length_over_the_cap_is_refused_at_once() {
    let address = home::serve(rig().mcp).await;
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("connects");
    let head = "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                accept: application/json, text/event-stream\r\ncontent-length: 99000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut reply = vec![0; 12];
    promptly("the refusal", stream.read_exact(&mut reply)).await.expect("a reply");
    assert_eq!(reply, b"HTTP/1.1 413");
}

/// As curl sends a large body: it waits for the word to go on.
#[tokio::test]
async fn a_client_may_ask_before_it_sends_the_body() {
    let address = home::serve(rig().mcp).await;
    let body = modern_call("echo", json!({"text": "x"}));
    let head =
        String::from_utf8(written(&body.clone().at("/mcp").header("expect", "100-continue")).await).expect("UTF-8");
    let (head, body) = head.split_once("\r\n\r\n").expect("a head");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("connects");
    stream.write_all(format!("{head}\r\n\r\n").as_bytes()).await.expect("sent");
    let mut word = [0; 25];
    promptly("the word", stream.read_exact(&mut word)).await.expect("a word");
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.expect("sent");
    let mut reply = String::new();
    promptly("the reply", stream.read_to_string(&mut reply)).await.expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 200 OK"), "{reply}");
}
