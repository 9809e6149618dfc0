//! Bodies over real sockets: in chunks, without a length, and larger than they may be.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use mcp_mount::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    connection::{Client, promptly},
    home,
    rig::{rig, rig_with},
    support::{Ask, call, legacy, modern_call},
    target::Sent,
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
