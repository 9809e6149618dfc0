//! The yardstick in axum.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{Response, StatusCode};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use ceiling::Answer;
use settings::Settings;
use tokio::net::TcpListener;

#[tokio::main(worker_threads = 1)]
async fn main() -> std::io::Result<()> {
    let settings = Settings::from_env();
    let tools: Arc<str> = ceiling::tools(settings.more_tools()).into();
    let app = Router::new().route("/mcp", post(answer)).with_state(tools);
    let listener = TcpListener::bind(settings.address()).await?.tap_io(move |stream| {
        let _ = stream.set_nodelay(settings.nodelay);
    });
    axum::serve(listener, app).await
}

async fn answer(State(tools): State<Arc<str>>, body: Bytes) -> Response<Body> {
    let response = Response::builder();
    let json = || Response::builder().header(CONTENT_TYPE, "application/json").header(CACHE_CONTROL, "no-store");
    match ceiling::answer(&body, &tools) {
        Answer::Json(body) => json().body(body.into()),
        Answer::Events(body) => {
            let response = response.header(CONTENT_TYPE, "text/event-stream");
            let response = response.header(CACHE_CONTROL, ceiling::OF_EVENTS).header("x-accel-buffering", "no");
            response.body(body.into())
        }
        Answer::Opened(body, id) => json().header("mcp-session-id", id).body(body.into()),
        Answer::Accepted => response.status(StatusCode::ACCEPTED).body(Body::empty()),
    }
    .expect("a response")
}
