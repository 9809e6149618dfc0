//! What the Rust SDK's client does when a connection ends before its time: it comes back, and is told what it has missed.
//!
//! The connection is cut here, by a proxy of its own beside `tests/interop/cutter.py`: these tests run without Python, and
//! with the other tests of the crate.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::rmcp::{
    ClientHandler, RoleClient,
    model::{ClientConfig, ProgressNotificationParam, ProtocolVersion},
    service::{NotificationContext, RunningService},
};
use axum::{Router, http::Method};
use mcp_mount::{Context, Mcp, Sessions, tool_fn};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{Server, WITHIN, asking::mode, call, text};

const STEPS: u32 = 6;
const THIRD: &[u8] = b"step 3";

#[tokio::test]
async fn a_call_whose_connection_is_cut_is_told_everything_once() {
    for version in [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25] {
        let mut server = Server::of(|_| app()).await;
        let cuts = Arc::new(AtomicUsize::new(0));
        server.address = cutting(server.address, cuts.clone()).await;
        tokio::time::timeout(WITHIN, async {
            let client = connected(&server, &version).await;
            assert_eq!(text(&call(&client, "count", json!({})).await), "counted");
            let expected: Vec<f64> = (1..=STEPS).map(f64::from).collect();
            assert_eq!(client.service().seen(), expected, "{version:?}");
            client.cancel().await.expect("the client closes");
        })
        .await
        .expect("the client came to its end");
        assert_eq!(cuts.load(Ordering::SeqCst), 1, "{version:?}");
        assert_eq!(server.log.of(&Method::GET).len(), 2, "one that listens and one that came back, {version:?}");
    }
}

#[tokio::test]
async fn a_client_that_was_sent_away_comes_back_for_the_answer() {
    let server = Server::of(|_| app()).await;
    tokio::time::timeout(WITHIN, async {
        let client = connected(&server, &ProtocolVersion::V_2025_11_25).await;
        assert_eq!(text(&call(&client, "leave", json!({})).await), "welcome back");
        client.cancel().await.expect("the client closes");
    })
    .await
    .expect("the client came to its end");
    assert_eq!(server.log.of(&Method::GET).len(), 2);
}

async fn connected(server: &Server, version: &ProtocolVersion) -> RunningService<RoleClient, Counting> {
    let config = ClientConfig::default().with_protocol_version(version.clone());
    let client = server.client(Counting { config, seen: Mutex::default() }, mode(version)).await;
    while server.log.of(&Method::GET).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client
}

/// A way to the server that, once, ends a connection in the middle of the event that tells of the third step.
async fn cutting(server: SocketAddr, cuts: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("the port is known");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let cuts = cuts.clone();
            tokio::spawn(async move {
                let server = TcpStream::connect(server).await.expect("the server listens");
                let (mut from_client, to_client) = client.into_split();
                let (from_server, mut to_server) = server.into_split();
                let asking = tokio::io::copy(&mut from_client, &mut to_server);
                tokio::select! {
                    _ = asking => {}
                    () = replies(from_server, to_client, &cuts) => {}
                }
            });
        }
    });
    address
}

async fn replies(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cuts: &AtomicUsize) {
    let mut piece = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let third = piece[..read].windows(THIRD.len()).position(|window| window == THIRD);
        let here = third.filter(|_| cuts.load(Ordering::SeqCst) == 0);
        let sent = to.write_all(&piece[..here.unwrap_or(read)]).await;
        if here.is_some() {
            cuts.fetch_add(1, Ordering::SeqCst);
        }
        if here.is_some() || sent.is_err() {
            return;
        }
    }
}

/// A client that notes the progress it is told of.
struct Counting {
    config: ClientConfig,
    seen: Mutex<Vec<f64>>,
}

impl Counting {
    fn seen(&self) -> Vec<f64> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientHandler for Counting {
    async fn on_progress(&self, params: ProgressNotificationParam, _context: NotificationContext<RoleClient>) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(params.progress);
    }

    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }
}

// The server under test.

async fn count(ctx: Context) -> &'static str {
    for step in 1..=STEPS {
        ctx.progress(f64::from(step)).message(format!("step {step}")).await;
        // So that the steps are not told of in one piece.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    "counted"
}

async fn leave(ctx: Context) -> &'static str {
    ctx.close_stream().await;
    // So that the answer does not come in the last moment of the connection.
    tokio::time::sleep(Duration::from_millis(20)).await;
    "welcome back"
}

fn app() -> Router {
    let mcp = Mcp::new("rmcp", "1.0.0")
        .tool(tool_fn("count", "Count, reporting each step.", count))
        .tool(tool_fn("leave", "Send the client away, and answer.", leave))
        .sessions(Sessions::new().retry_interval(Duration::from_millis(50)))
        .build()
        .expect("the server builds");
    Router::new().merge(mcp.at("/mcp"))
}
