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
#[allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "what the tests use, as the tests write it")]
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

/// A store, and what has to be there as long as it is.
struct Kept {
    name: &'static str,
    /// The store, as each of two replicas has it.
    handles: [Arc<dyn Store>; 2],
}

async fn stores(redis: &RedisServer, file: &std::path::Path) -> [Kept; 3] {
    let memory: Arc<dyn Store> = Arc::new(Memory::with_log_budget(1 << 30));
    let sqlite = async || Sqlite::builder(file).log_budget(1 << 30).open().await.expect("a file");
    let shared = async || Redis::builder(&redis.url()).log_budget(1 << 30).connect().await.expect("a server");
    [
        Kept { name: "memory", handles: [Arc::clone(&memory), memory] },
        Kept { name: "SQLite", handles: [Arc::new(sqlite().await), Arc::new(sqlite().await)] },
        Kept { name: "Redis", handles: [Arc::new(shared().await), Arc::new(shared().await)] },
    ]
}

/// How many calls a second, one at a time or many, in rounds that take turns. Prints the ratio to memory's time.
async fn calls(stores: &[Kept], at_once: usize, each: usize, rounds: usize) {
    let mut sessions = Vec::new();
    for store in stores {
        let service = replica(&store.handles[0]);
        sessions.push(join_all((0..at_once).map(|_| Session::open(&service))).await);
    }
    let mut times = vec![Vec::new(); stores.len()];
    for _ in 0..rounds {
        for (store, sessions) in sessions.iter_mut().enumerate() {
            let began = Instant::now();
            join_all(sessions.iter_mut().map(async |session| {
                let mode = session.mode();
                for _ in 0..each {
                    session.call(&mode).await;
                }
            }))
            .await;
            times[store].push(began.elapsed().as_secs_f64() / (at_once * each) as f64);
        }
    }
    let times: Vec<_> = times.into_iter().map(median).collect();
    for (store, time) in stores.iter().zip(&times) {
        let (rate, ratio) = (1.0 / time, time / times[0]);
        println!(
            "{:>8}: call in a session, {at_once:>2} at a time: {rate:>8.0}/s, {ratio:>5.1} times memory's",
            store.name
        );
    }
}

/// How many events a second calls say through a store, one call or many.
async fn events(stores: &[Kept], at_once: usize, each: u32) {
    for store in stores {
        let service = replica(&store.handles[0]);
        let mut sessions = join_all((0..at_once).map(|_| Session::open(&service))).await;
        let began = Instant::now();
        let heard = join_all(sessions.iter_mut().map(async |session| {
            let mut body = session.count(each, 0).await;
            let mut heard = 0;
            while let Some(frame) = frame(&mut body).await {
                heard += frame.windows(6).filter(|part| part == b"data: ").count();
            }
            heard
        }))
        .await;
        let rate = (at_once * each as usize) as f64 / began.elapsed().as_secs_f64();
        assert!(heard.iter().all(|heard| *heard > each as usize), "each event, and the answer");
        println!("{:>8}: events of 100 bytes, {at_once:>2} calls at a time: {rate:>8.0}/s", store.name);
    }
}

/// How long it takes until who comes back elsewhere has what it missed, and then each new event.
async fn resuming(stores: &[Kept], rounds: usize, missed: u32) {
    for store in stores {
        let [here, there] = [0, 1].map(|replica_of| replica(&store.handles[replica_of]));
        let (mut whole, mut first) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let mut session = Session::open(&here).await;
            let mut body = session.count(missed, 0).await;
            let id = last_id(&frame(&mut body).await.expect("a beginning")).expect("an id");
            while frame(&mut body).await.is_some() {}
            let began = Instant::now();
            let mut resumed = session.resume(&there, &id).await;
            frame(&mut resumed).await.expect("what it missed");
            first.push(began.elapsed().as_secs_f64() * 1e3);
            while frame(&mut resumed).await.is_some() {}
            whole.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let [p50, p95] = [0.5, 0.95].map(|part| percentile(&mut first, part));
        let all = percentile(&mut whole, 0.5);
        println!(
            "{:>8}: resumed at another replica: first events after {p50:.2} ms ({p95:.2} ms in 95 of 100), {missed} after {all:.2} ms",
            store.name
        );
    }
}

/// What a stored event takes, beside its hundred bytes.
async fn memory_per_event(redis: &RedisServer, file: &std::path::Path, stores: &[Kept], calls: usize, each: u32) {
    let used = || -> u64 {
        let info: String = redis.ask(&["INFO", "memory"]);
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("Redis says it");
        line.trim().parse().expect("a number")
    };
    let size = || -> u64 {
        let wal = file.with_extension("sqlite-wal");
        [file, &wal].iter().filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len()).sum()
    };
    for store in &stores[1..] {
        let service = replica(&store.handles[0]);
        let before = if store.name == "Redis" { used() } else { size() };
        let sessions = join_all((0..calls).map(|_| Session::open(&service))).await;
        for mut session in sessions {
            let mut body = session.count(each, 0).await;
            while frame(&mut body).await.is_some() {}
        }
        let after = if store.name == "Redis" { used() } else { size() };
        let per_event = (after - before) as f64 / (calls as f64 * f64::from(each));
        println!("{:>8}: {per_event:.0} bytes per stored event of 100 bytes of text, {each} in a call", store.name);
    }
}

fn main() {
    let few = only_once();
    let redis = RedisServer::start();
    let folder = std::env::temp_dir().join(format!("mcp-mount-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("store.sqlite");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let stores = stores(&redis, &file).await;
        calls(&stores, 1, if few { 5 } else { 2_000 }, if few { 1 } else { 7 }).await;
        calls(&stores, 32, if few { 2 } else { 300 }, if few { 1 } else { 7 }).await;
        events(&stores, 1, if few { 10 } else { 10_000 }).await;
        events(&stores, 32, if few { 10 } else { 1_000 }).await;
        resuming(&stores, if few { 1 } else { 100 }, if few { 10 } else { 200 }).await;
        let (calls, each) = if few { (2, 10) } else { (200, 200) };
        memory_per_event(&redis, &file, &stores, calls, each).await;
        memory_per_event(&redis, &file, &stores, if few { 2 } else { 2_000 }, 5).await;
    });
    drop(runtime);
    let _ = std::fs::remove_dir_all(&folder);
}
