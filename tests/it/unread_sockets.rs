//! A real client that stops reading its socket: what it leaves behind is bounded, and ends.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
};
use std::time::Duration;

use mcp_mount::{Context, Limits, Mcp, McpService, tool_fn};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    home,
    support::{modern, modern_call},
};

/// What each message of the flood weighs: bytes.
const WEIGHT: usize = 16 << 10;

#[derive(Default)]
struct Flood {
    sent: AtomicU64,
    running: AtomicUsize,
}

struct Running(Arc<Flood>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

fn flooding(flood: &Arc<Flood>) -> McpService {
    let flood = Arc::clone(flood);
    let tool = tool_fn("flood", "Never stop talking", move |ctx: Context| {
        let flood = Arc::clone(&flood);
        async move {
            flood.running.fetch_add(1, SeqCst);
            let _running = Running(Arc::clone(&flood));
            while flood.running.load(SeqCst) > 0 {
                flood.sent.fetch_add(1, SeqCst);
                ctx.info("x".repeat(WEIGHT)).await;
            }
        }
    });
    let limits = Limits::new().stream_stall(Duration::from_secs(1));
    Mcp::new("flood", "1").limits(limits).tool(tool).build().expect("builds")
}

/// Sends a call and its headers by hand, so that nothing reads unless the test does.
async fn ask(address: std::net::SocketAddr) -> TcpStream {
    let params = json!({"name": "flood", "arguments": {}, "_meta": {"io.modelcontextprotocol/logLevel": "info"}});
    let request = modern("tools/call", params).request();
    let mut head = format!("POST /mcp HTTP/1.1\r\nhost: {address}\r\n");
    for (name, value) in request.headers().iter().filter(|(name, _)| *name != "host" && *name != "content-length") {
        head += &format!("{name}: {}\r\n", value.to_str().expect("visible ASCII"));
    }
    let body = http_body_util::BodyExt::collect(request.into_body()).await.expect("a body").to_bytes();
    head += &format!("content-length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&body).await.expect("sent");
    stream
}

/// Waits for something that happens elsewhere.
async fn until(what: &str, happened: impl Fn() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}: not within 20 s");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_reading_is_cut_and_its_handler_dropped() {
    let flood = Arc::new(Flood::default());
    let mcp = flooding(&flood);
    let address = home::serve(mcp.clone()).await;
    let mut unread = ask(address).await;
    let mut first = [0; 16];
    timeout(Duration::from_secs(20), unread.read_exact(&mut first)).await.expect("in time").expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200 OK\r");

    until("the flood stands still and its handler is dropped", || flood.running.load(SeqCst) == 0).await;
    let sent = flood.sent.load(SeqCst);
    // The queue's 1 MiB, and what hyper and the two sockets hold, which is the system's to bound.
    assert!(sent * (WEIGHT as u64) < 64 << 20, "{sent} messages of {WEIGHT} bytes were taken from the handler");

    let others = modern_call("nothing", json!({})).to(&mcp).await;
    assert_eq!(others.status, 200, "other clients are served\n{others}");

    // What is left in the sockets can be read, and then the stream breaks off: it has no end that could be taken for one.
    let mut rest = Vec::new();
    let read = timeout(Duration::from_secs(20), unread.read_to_end(&mut rest)).await.expect("it ends");
    assert!(read.is_err() || !rest.ends_with(b"0\r\n\r\n"), "a cut stream is not complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_takes_its_handler_with_it() {
    let flood = Arc::new(Flood::default());
    let address = home::serve(flooding(&flood)).await;
    let stream = ask(address).await;
    until("the flood begins", || flood.sent.load(SeqCst) > 3).await;
    drop(stream);
    until("the handler is dropped", || flood.running.load(SeqCst) == 0).await;
}
