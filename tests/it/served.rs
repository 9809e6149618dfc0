//! What `Lifespan::serve` gives to a whole application, and not to the endpoint only.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, extract::ConnectInfo, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tower::Layer;

use crate::rig::rig_with;

/// Counts how often it is put around something.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl<S> Layer<S> for Counting {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        self.0.fetch_add(1, Ordering::SeqCst);
        inner
    }
}

/// The answer to a request of HTTP/1.1, and from where it was sent.
async fn ask(server: SocketAddr, request: &str) -> (String, SocketAddr) {
    let mut connection = TcpStream::connect(server).await.unwrap();
    let own = connection.local_addr().unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    (answer, own)
}

#[tokio::test]
async fn handlers_see_the_peer_and_layers_are_applied_once() {
    let mcp = rig_with(|mcp| mcp.hosts(["example.com"]).trusted_proxies(["127.0.0.0/8"])).mcp;
    let layer = Counting::default();
    let peer = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() };
    let app = Router::new().route("/peer", get(peer)).layer(layer.clone()).merge(mcp.at("/mcp"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let lifespan = mcp.lifespan();
    tokio::spawn(async move { lifespan.serve(listener, app).await });
    let mut applied = Vec::new();
    for _ in 0..3 {
        let (answer, own) = ask(server, "GET /peer HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        assert!(answer.ends_with(&own.to_string()), "{own}: {answer}");
        applied.push(layer.0.load(Ordering::SeqCst));
    }
    assert_eq!(applied, [applied[0]; 3], "one that keeps a limit must not be made anew for each request");
    // So that a proxy in front is one, whom the endpoint believes.
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let head = "host: a\r\nx-forwarded-host: example.com\r\ncontent-type: application/json\r\nconnection: close";
    let request = format!("POST /mcp HTTP/1.1\r\n{head}\r\ncontent-length: {}\r\n\r\n{ping}", ping.len());
    let (answer, _) = ask(server, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
