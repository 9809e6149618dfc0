//! What a call costs that speaks before it answers, beside one that only answers, through the service. No socket.
//!
//! `cargo bench --bench streams` prints the times, and for each mode the ratios: 1.0 is the call that only answers. Over a
//! socket, where a plain call takes ten times as long, they are much nearer to it.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use mcp_mount::{Args, Body, Context, Mcp, McpService, Sessions, tool_fn};
use tokio::time::Instant;
use tower::Service as _;

use self::calls::{INITIALIZE, Mode, headers, modes, only_once};

#[allow(dead_code, reason = "what other benchmarks use")]
mod calls;

/// How often the tool speaks, and how often it lets others go first after each time.
const KINDS: [(&str, u32, u32); 4] = [
    ("only answers", 0, 0),
    ("speaks and ends in the same turn", 1, 0),
    ("speaks and ends in its next turn", 1, 1),
    ("speaks, and answers by a task", 1, 2),
];

/// How many streams one change is told to, and how many messages one stream carries.
const MANY: usize = 1_000;

/// How the event ends that tells of the change.
const CHANGED: &[u8] = b"\"notifications/tools/list_changed\"}\n\n";

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Talk {
    says: u32,
    yields: u32,
}

async fn talk(Args(Talk { says, yields }): Args<Talk>, ctx: Context) -> &'static str {
    for number in 1..=says {
        ctx.progress(f64::from(number)).await;
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
    }
    "done"
}

fn service() -> McpService {
    Mcp::new("bench", "1.0.0")
        .sessions(Sessions::new().max(10 * MANY))
        .tool(tool_fn("talk", "Talk", talk))
        .build()
        .expect("a server of one tool")
}

fn request(mode: &Mode) -> Request<Full<Bytes>> {
    let mut request = Request::post("/").body(Full::new(mode.body.clone())).expect("a valid request");
    for (name, value) in &mode.headers {
        request.headers_mut().insert(*name, value.clone());
    }
    request
}

/// The same call in each mode, of the tool that talks.
fn talks(session: &str, says: u32, yields: u32) -> Vec<Mode> {
    let mut talks = modes(session, "");
    for mode in &mut talks {
        let text = std::str::from_utf8(&mode.body).expect("JSON").replace(r#""echo""#, r#""talk""#);
        let text = text.replace(r#"{"message":""}"#, &format!(r#"{{"says":{says},"yields":{yields}}}"#));
        mode.body = match text.find(r#""_meta":{"#) {
            Some(_) => text.replace(r#""_meta":{"#, r#""_meta":{"progressToken":1,"#),
            None => text.replace(r#"}}}"#, r#"},"_meta":{"progressToken":1}}}"#),
        }
        .into();
        for (name, value) in &mut mode.headers {
            if *name == "mcp-name" {
                *value = "talk".parse().expect("a valid value");
            }
        }
    }
    talks
}

async fn call(service: &mut McpService, mode: &Mode) -> Bytes {
    let response = service.call(request(mode)).await.expect("infallible");
    response.into_body().collect().await.expect("a whole reply").to_bytes()
}

async fn open(service: &mut McpService) -> String {
    let mode = Mode { name: "", headers: headers(&[]), body: INITIALIZE.into() };
    let response = service.call(request(&mode)).await.expect("infallible");
    response.headers()["mcp-session-id"].to_str().expect("visible ASCII").to_owned()
}

/// How long a call takes, as the least of a few rounds.
async fn time(service: &mut McpService, mode: &Mode) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..15 {
        let began = Instant::now();
        for _ in 0..1_000 {
            black_box(call(service, mode).await);
        }
        least = least.min(began.elapsed() / 1_000);
    }
    least
}

fn answers(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut service = service();
    let session = runtime.block_on(open(&mut service));
    let mut plain = Vec::new();
    for (kind, says, yields) in KINDS {
        let mut group = criterion.benchmark_group(kind);
        for (at, mode) in talks(&session, says, yields).into_iter().enumerate() {
            let answer = runtime.block_on(call(&mut service, &mode));
            let text = std::str::from_utf8(&answer).expect("JSON, or events");
            assert!(text.contains(r#""text":"done""#), "{kind}, {}: {text}", mode.name);
            assert_eq!(text.contains("notifications/progress"), says > 0, "{kind}, {}: {text}", mode.name);
            group.bench_function(mode.name, |bencher| {
                bencher.iter(|| runtime.block_on(call(&mut service, black_box(&mode))));
            });
            if !only_once() {
                let took = runtime.block_on(time(&mut service, &mode));
                if says == 0 {
                    plain.push(took);
                }
                let ratio = took.as_secs_f64() / plain[at].as_secs_f64();
                println!("ratio, {kind}, {}: {ratio:.2}, {took:?}", mode.name);
            }
        }
        group.finish();
    }
}

/// The stream of a session.
async fn stream(service: &mut McpService) -> Body {
    let session = open(service).await;
    let mut request = Request::get("/").body(Full::new(Bytes::new())).expect("a valid request");
    for (name, value) in headers(&[("mcp-session-id", &session), ("mcp-protocol-version", "2025-11-25")]) {
        request.headers_mut().insert(name, value);
    }
    let response: Response<Body> = service.call(request).await.expect("infallible");
    let mut body = response.into_body();
    body.frame().await.expect("its first event").expect("no end");
    body
}

fn changes(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut service = service();
    let mut streams = runtime.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..if only_once() { 2 } else { MANY } {
            streams.push(stream(&mut service).await);
        }
        streams
    });
    let notify = service.notify();
    criterion.bench_function("a change, told to 1,000 streams", |bencher| {
        bencher.iter_batched(
            || (),
            |()| {
                notify.tools_list_changed();
                runtime.block_on(async {
                    for stream in &mut streams {
                        let told = black_box(stream.frame().await).expect("no end").expect("no end");
                        let told = told.into_data().expect("an event");
                        assert!(told.ends_with(CHANGED), "{told:?}");
                    }
                });
            },
            BatchSize::PerIteration,
        );
    });
}

fn events(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut service = Mcp::new("bench", "1.0.0")
        .tool(tool_fn("talk", "Talk", |ctx: Context| async move {
            for number in 0..MANY {
                ctx.info(number).await;
            }
            "done"
        }))
        .build()
        .expect("a server of one tool");
    let session = runtime.block_on(open(&mut service));
    let level = r#"{"jsonrpc":"2.0","id":0,"method":"logging/setLevel","params":{"level":"info"}}"#;
    let mut mode = talks(&session, 0, 0).swap_remove(0);
    let said = std::mem::replace(&mut mode.body, level.into());
    runtime.block_on(call(&mut service, &mode));
    mode.body = said;
    let reply = runtime.block_on(call(&mut service, &mode));
    let text = std::str::from_utf8(&reply).expect("events");
    let messages = text.matches(r#""method":"notifications/message""#).count();
    assert_eq!((messages, text.matches(r#""text":"done""#).count()), (MANY, 1), "all of them, and the answer");
    criterion.bench_function("1,000 messages of a call, in a session", |bencher| {
        bencher.iter(|| runtime.block_on(call(&mut service, black_box(&mode))));
    });
}

criterion_group!(benches, answers, changes, events);
criterion_main!(benches);
