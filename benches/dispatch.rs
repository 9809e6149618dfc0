//! What the service costs beside the same work written by hand: a `tools/call` of an echo tool, through the service and
//! through a function that parses the request with serde_json and writes the same answer. No socket.
//!
//! `cargo bench --bench dispatch` prints the times, and for each mode the ratio of the two: 1.0 is the hand-written one.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use mcp_mount::{Args, Mcp, McpService, tool_fn};
use tokio::time::Instant;
use tower::Service as _;

mod by_hand;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Echo {
    message: String,
}

fn service() -> McpService {
    Mcp::new("bench", "1.0.0")
        .tool(tool_fn("echo", "Say it again", |Args(echo): Args<Echo>| async move { echo.message }))
        .build()
        .expect("a server of one tool")
}

/// A request of each mode, as official clients send it.
#[derive(Clone)]
struct Mode {
    name: &'static str,
    headers: Vec<(&'static str, HeaderValue)>,
    body: Bytes,
}

impl Mode {
    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::post("/mcp").body(Full::new(self.body.clone())).expect("a valid request");
        for (name, value) in &self.headers {
            request.headers_mut().insert(*name, value.clone());
        }
        request
    }
}

fn headers(more: &[(&'static str, &str)]) -> Vec<(&'static str, HeaderValue)> {
    let all = [
        ("host", "127.0.0.1:8000"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("user-agent", "bench"),
    ];
    all.iter().chain(more).map(|(name, value)| (*name, HeaderValue::from_str(value).expect("a valid value"))).collect()
}

fn modes(session: &str, message: &str) -> Vec<Mode> {
    let legacy = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"message":"{message}"}}}}}}"#
    );
    let modern = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"message":"{message}"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"bench","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    let version = [("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", session)];
    vec![
        Mode { name: "session", headers: headers(&version), body: legacy.clone().into() },
        Mode { name: "stateless legacy", headers: headers(&version[..1]), body: legacy.into() },
        Mode {
            name: "2026-07-28",
            headers: headers(&[
                ("mcp-protocol-version", "2026-07-28"),
                ("mcp-method", "tools/call"),
                ("mcp-name", "echo"),
            ]),
            body: modern.into(),
        },
    ]
}

/// Opens a session, whose id the first mode sends.
async fn open(service: &mut McpService) -> String {
    let body = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
    let mode = Mode { name: "", headers: headers(&[]), body: body.into() };
    let response = service.call(at_root(mode.request())).await.expect("infallible");
    response.headers()["mcp-session-id"].to_str().expect("visible ASCII").to_owned()
}

/// The service is called as a mount calls it: with the path below the mount.
fn at_root(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    *request.uri_mut() = http::Uri::from_static("/");
    request
}

async fn through_service(service: &mut McpService, mode: &Mode) -> Bytes {
    let response = service.call(at_root(mode.request())).await.expect("infallible");
    read(response).await
}

async fn through_hand(mode: &Mode) -> Bytes {
    read(by_hand::answer(at_root(mode.request())).await).await
}

/// Reads a body as hyper would: frame by frame.
async fn read<B: http_body::Body<Data = Bytes> + Unpin>(response: Response<B>) -> Bytes {
    let mut body = response.into_body();
    let frame = body.frame().await.and_then(Result::ok).and_then(|frame| frame.into_data().ok()).unwrap_or_default();
    assert!(body.is_end_stream(), "a plain call is answered in one frame");
    frame
}

fn dispatch(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut service = service();
    let session = runtime.block_on(open(&mut service));
    for (size, message) in [("32 B", "x".repeat(32)), ("64 KiB", "x".repeat(64 << 10))] {
        let mut group = criterion.benchmark_group(format!("tools/call, {size}"));
        for mode in modes(&session, &message) {
            // The same bytes, or the comparison is of nothing.
            let (ours, hand) =
                runtime.block_on(async { (through_service(&mut service, &mode).await, through_hand(&mode).await) });
            assert_eq!(ours, hand, "{}", mode.name);
            group.bench_function(format!("{} service", mode.name), |bencher| {
                bencher.iter(|| runtime.block_on(through_service(&mut service, black_box(&mode))));
            });
            group.bench_function(format!("{} by hand", mode.name), |bencher| {
                bencher.iter(|| runtime.block_on(through_hand(black_box(&mode))));
            });
        }
        group.finish();
        // Neither when cargo only tests that the bench runs, nor under a profiler.
        if !std::env::args().any(|argument| argument == "--test" || argument == "--profile-time") {
            for mode in modes(&session, &message) {
                let [alternating, hot] = runtime.block_on(ratios(&mut service, &mode));
                println!("ratio, tools/call, {size}, {}: {alternating:.2} alternating, {hot:.2} hot", mode.name);
            }
        }
    }
}

/// The service's time over the hand-written one's, as the median of short rounds, so that a noisy machine disturbs both
/// alike: once with the two taking turns call by call, and once each in a loop of its own.
///
/// In a server other code runs between two calls, so neither finds its own in the processor's first cache. Taking turns
/// comes near to that; a loop of one call alone favours whichever fits into that cache.
async fn ratios(service: &mut McpService, mode: &Mode) -> [f64; 2] {
    let calls = if mode.body.len() > 1024 { 200 } else { 2_000 };
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..41 {
        let (mut ours, mut hand) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..calls {
            let began = Instant::now();
            black_box(through_service(service, mode).await);
            let between = Instant::now();
            black_box(through_hand(mode).await);
            ours += between - began;
            hand += between.elapsed();
        }
        rounds[0].push(ours.as_secs_f64() / hand.as_secs_f64());

        let began = Instant::now();
        for _ in 0..calls {
            black_box(through_service(service, mode).await);
        }
        let between = Instant::now();
        for _ in 0..calls {
            black_box(through_hand(mode).await);
        }
        rounds[1].push((between - began).as_secs_f64() / between.elapsed().as_secs_f64());
    }
    rounds.map(|mut ratios| {
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    })
}

criterion_group!(benches, dispatch);
criterion_main!(benches);
