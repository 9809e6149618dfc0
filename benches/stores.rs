//! What each store costs beside memory: a call, an event, a stream that is resumed elsewhere, and what an event takes.
//!
//! `cargo bench --bench stores --features redis,sqlite` starts a `redis-server` of its own, on a free port. Figures are of
//! one run on one machine; the ratios are between stores that took turns in it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use mcp_mount::{Args, Context, Limits, Mcp, McpService, Memory, Redis, Sqlite, Store, tool_fn};
use tokio::time::Instant;
use tower::Service as _;

use self::calls::{INITIALIZE, Mode, headers, modes, only_once};
use self::redis_server::RedisServer;

#[allow(dead_code, reason = "what other benchmarks and tests use")]
mod calls;
#[allow(dead_code, reason = "what the tests use")]
#[path = "../tests/it/redis_server.rs"]
mod redis_server;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Echo {
    message: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Count {
    events: u32,
    every_ms: u64,
}

/// Says a hundred bytes `events` times.
async fn count(Args(Count { events, every_ms }): Args<Count>, ctx: Context) -> &'static str {
    let text = "x".repeat(100);
    for _ in 0..events {
        ctx.info(&text).await;
        if every_ms > 0 {
            tokio::time::sleep(Duration::from_millis(every_ms)).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
    "done"
}

/// A replica of a service on this store.
fn replica(store: &Arc<dyn Store>) -> McpService {
    Mcp::new("bench", "1.0.0")
        .store(Arc::clone(store))
        .limits(Limits::new().log_events(20_000).log_bytes(16 << 20))
        .tool(tool_fn("echo", "Say it again", |Args(echo): Args<Echo>| async move { echo.message }))
        .tool(tool_fn("count", "Count", count))
        .build()
        .expect("a server of two tools")
}

/// A client's session with a replica.
struct Session {
    service: McpService,
    id: String,
}

impl Session {
    async fn open(service: &McpService) -> Self {
        let mode = Mode { name: "", headers: headers(&[]), body: INITIALIZE.into() };
        let mut service = service.clone();
        let response = service.call(request(&mode)).await.expect("infallible");
        let id = response.headers()["mcp-session-id"].to_str().expect("visible ASCII").to_owned();
        Self { service, id }
    }

    fn mode(&self) -> Mode {
        modes(&self.id, &"x".repeat(32)).swap_remove(0)
    }

    async fn call(&mut self, mode: &Mode) {
        let response = self.service.call(request(mode)).await.expect("infallible");
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.expect("a whole body");
    }

    /// A call of `count`, as its stream.
    async fn count(&mut self, events: u32, every_ms: u64) -> mcp_mount::Body {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"count","arguments":{{"events":{events},"every_ms":{every_ms}}}}}}}"#
        );
        let mode = Mode { body: body.into(), ..self.mode() };
        self.service.call(request(&mode)).await.expect("infallible").into_body()
    }

    /// Comes back for a stream at this replica.
    async fn resume(&self, at: &McpService, last_event_id: &str) -> mcp_mount::Body {
        let request = Request::get("/")
            .header("host", "127.0.0.1:8000")
            .header("accept", "text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .header("mcp-session-id", &self.id)
            .header("last-event-id", last_event_id)
            .body(Full::new(Bytes::new()))
            .expect("a valid request");
        at.clone().call(request).await.expect("infallible").into_body()
    }
}

fn request(mode: &Mode) -> Request<Full<Bytes>> {
    let mut request = Request::post("/").body(Full::new(mode.body.clone())).expect("a valid request");
    for (name, value) in &mode.headers {
        request.headers_mut().insert(*name, HeaderValue::clone(value));
    }
    request
}

/// The next frame of a stream that has events.
async fn frame(body: &mut mcp_mount::Body) -> Option<Bytes> {
    body.frame().await.and_then(Result::ok).and_then(|frame| frame.into_data().ok())
}

fn last_id(frame: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(frame);
    text.lines().rev().find_map(|line| line.strip_prefix("id: ")).map(str::to_owned)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn percentile(all: &mut [f64], part: f64) -> f64 {
    all.sort_by(f64::total_cmp);
    all[((all.len() - 1) as f64 * part) as usize]
}
