//! What the service costs beside the same work written by hand: a `tools/call` of an echo tool, through the service and
//! through a function that parses the request with serde_json and writes the same answer. No socket.
//!
//! `cargo bench --bench dispatch` prints the times, and for each mode the ratio of the two: 1.0 is the hand-written one.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use mcp_mount::McpService;
use tower::Service as _;

use self::calls::{INITIALIZE, Mode, headers, modes, only_once, ratios, service, sizes};

mod by_hand;
mod calls;

/// The request of a mode, as the service has it from its host: with the path below the mount.
fn request(mode: &Mode) -> Request<Full<Bytes>> {
    let mut request = Request::post("/").body(Full::new(mode.body.clone())).expect("a valid request");
    for (name, value) in &mode.headers {
        request.headers_mut().insert(*name, value.clone());
    }
    request
}

/// Opens a session, whose id the first mode sends.
async fn open(service: &mut McpService) -> String {
    let mode = Mode { name: "", headers: headers(&[]), body: INITIALIZE.into() };
    let response = service.call(request(&mode)).await.expect("infallible");
    response.headers()["mcp-session-id"].to_str().expect("visible ASCII").to_owned()
}

async fn through_service(service: &mut McpService, mode: &Mode) -> Bytes {
    let response = service.call(request(mode)).await.expect("infallible");
    read(response).await
}

async fn through_hand(mode: &Mode) -> Bytes {
    read(by_hand::answer(request(mode)).await).await
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
    for (size, message) in sizes() {
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
        if !only_once() {
            for mode in modes(&session, &message) {
                let ours = async || drop(black_box(through_service(&mut service, &mode).await));
                let by_hand = async || drop(black_box(through_hand(&mode).await));
                let [alternating, hot] = runtime.block_on(ratios(&mode, ours, by_hand));
                println!("ratio, tools/call, {size}, {}: {alternating:.2} alternating, {hot:.2} hot", mode.name);
            }
        }
    }
}

criterion_group!(benches, dispatch);
criterion_main!(benches);
