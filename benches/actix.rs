//! What the service costs in actix-web beside a handler of actix-web's that is written by hand: a `tools/call` of an echo
//! tool, through an application with the one and with the other at the same path. No socket.
//!
//! `cargo bench --bench actix` prints for each mode the ratio of the two: 1.0 is the hand-written one.

use std::hint::black_box;

use actix_http::Request;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, HttpResponse, web};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};

use self::calls::{INITIALIZE, Mode, headers, modes, only_once, ratios, service, sizes};

mod by_hand;
mod calls;

/// Reads the request with serde_json and writes the answer with it.
async fn by_hand(body: Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(by_hand::answer_to(&body))
}

fn request(mode: &Mode) -> Request {
    let request = TestRequest::post().uri("/mcp").set_payload(mode.body.clone());
    let headers = mode.headers.iter();
    headers.fold(request, |request, (name, value)| request.insert_header((*name, value.as_bytes()))).to_request()
}

async fn answer<S, B>(app: &S, mode: &Mode) -> ServiceResponse<B>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    app.call(request(mode)).await.expect("an answer")
}

fn bytes(response: ServiceResponse<impl MessageBody>) -> Bytes {
    response.into_body().try_into_bytes().ok().expect("a plain call is answered in one piece")
}

fn actix(criterion: &mut Criterion) {
    let runtime = actix_web::rt::System::new();
    let mcp = service();
    let (ours, hand) = runtime.block_on(async {
        let limit = web::PayloadConfig::new(4 << 20);
        (
            init_service(App::new().service(mcp.scope("/mcp"))).await,
            init_service(App::new().app_data(limit).route("/mcp", web::post().to(by_hand))).await,
        )
    });
    let opening = Mode { name: "", headers: headers(&[]), body: INITIALIZE.into() };
    let opened = runtime.block_on(answer(&ours, &opening));
    let session =
        opened.headers().get("mcp-session-id").expect("a session").to_str().expect("visible ASCII").to_owned();
    for (size, message) in sizes() {
        let mut group = criterion.benchmark_group(format!("tools/call in actix-web, {size}"));
        for mode in modes(&session, &message) {
            // The same bytes, or the comparison is of nothing.
            let both =
                runtime.block_on(async { (bytes(answer(&ours, &mode).await), bytes(answer(&hand, &mode).await)) });
            assert_eq!(both.0, both.1, "{}", mode.name);
            group.bench_function(format!("{} service", mode.name), |bencher| {
                bencher.iter(|| runtime.block_on(async { bytes(answer(&ours, black_box(&mode)).await) }));
            });
            group.bench_function(format!("{} by hand", mode.name), |bencher| {
                bencher.iter(|| runtime.block_on(async { bytes(answer(&hand, black_box(&mode)).await) }));
            });
        }
        group.finish();
        if !only_once() {
            for mode in modes(&session, &message) {
                let through_ours = async || drop(black_box(bytes(answer(&ours, &mode).await)));
                let through_hand = async || drop(black_box(bytes(answer(&hand, &mode).await)));
                let [alternating, hot] = runtime.block_on(ratios(&mode, through_ours, through_hand));
                println!(
                    "ratio, tools/call in actix-web, {size}, {}: {alternating:.2} alternating, {hot:.2} hot",
                    mode.name
                );
            }
        }
    }
}

criterion_group!(benches, actix);
criterion_main!(benches);
