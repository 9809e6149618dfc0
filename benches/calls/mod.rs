//! What the benchmarks call, and how two ways of answering are compared.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use mcp_mount::{Args, Mcp, McpService, tool_fn};
use tokio::time::Instant;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Echo {
    message: String,
}

/// A server of the echo tool.
pub(crate) fn service() -> McpService {
    service_with(1)
}

/// A server of so many tools. The one that is called is the first of them.
#[allow(dead_code, reason = "one of the benchmarks has stores")]
pub(crate) fn service_with(tools: usize) -> McpService {
    let names = (0..tools).map(|number| if number == 0 { "echo".to_owned() } else { format!("tool_{number:04}") });
    let tools = names.map(|name| tool_fn(name, "Say it again", |Args(echo): Args<Echo>| async move { echo.message }));
    tools.fold(Mcp::new("bench", "1.0.0"), Mcp::tool).build().expect("a server of tools")
}

/// A request of each mode, as official clients send it.
#[derive(Clone)]
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    pub(crate) headers: Vec<(&'static str, HeaderValue)>,
    pub(crate) body: Bytes,
}

pub(crate) fn headers(more: &[(&'static str, &str)]) -> Vec<(&'static str, HeaderValue)> {
    let all = [
        ("host", "127.0.0.1:8000"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("user-agent", "bench"),
    ];
    all.iter().chain(more).map(|(name, value)| (*name, HeaderValue::from_str(value).expect("a valid value"))).collect()
}

pub(crate) fn modes(session: &str, message: &str) -> Vec<Mode> {
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

/// A request for the list of tools, in the newest revision.
#[allow(dead_code, reason = "most of the benchmarks only call")]
pub(crate) fn listing() -> Mode {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let headers = headers(&[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/list")]);
    Mode { name: "tools/list", headers, body: body.into() }
}

/// The message that opens a session.
pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;

/// The sizes of what is said, and how they are named.
pub(crate) fn sizes() -> [(&'static str, String); 2] {
    [("32 B", "x".repeat(32)), ("64 KiB", "x".repeat(64 << 10))]
}

/// Whether cargo only tests that the bench runs, or a profiler looks at it: then nothing is timed here.
pub(crate) fn only_once() -> bool {
    std::env::args().any(|argument| argument == "--test" || argument == "--profile-time")
}

/// The service's time over the hand-written one's, as the median of short rounds, so that a noisy machine disturbs both
/// alike: once with the two taking turns call by call, and once each in a loop of its own.
///
/// In a server other code runs between two calls, so neither finds its own in the processor's first cache. Taking turns
/// comes near to that; a loop of one call alone favours whichever fits into that cache.
pub(crate) async fn ratios(mode: &Mode, mut ours: impl AsyncFnMut(), mut by_hand: impl AsyncFnMut()) -> [f64; 2] {
    let calls = if mode.body.len() > 1024 { 200 } else { 2_000 };
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..41 {
        let (mut our_time, mut hand_time) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..calls {
            let began = Instant::now();
            ours().await;
            let between = Instant::now();
            by_hand().await;
            our_time += between - began;
            hand_time += between.elapsed();
        }
        rounds[0].push(our_time.as_secs_f64() / hand_time.as_secs_f64());

        let began = Instant::now();
        for _ in 0..calls {
            ours().await;
        }
        let between = Instant::now();
        for _ in 0..calls {
            by_hand().await;
        }
        rounds[1].push((between - began).as_secs_f64() / between.elapsed().as_secs_f64());
    }
    rounds.map(|mut ratios| {
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    })
}
