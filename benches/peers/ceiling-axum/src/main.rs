//! The yardstick in axum.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Response, StatusCode, header};
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
    match ceiling::answer(&body, &tools) {
        Answer::Json(body) => response.header(header::CONTENT_TYPE, "application/json").body(body.into()),
        Answer::Events(body) => response.header(header::CONTENT_TYPE, "text/event-stream").body(body.into()),
        Answer::Opened(body, id) => {
            let response = response.header(header::CONTENT_TYPE, "application/json").header("mcp-session-id", id);
            response.body(body.into())
        }
        Answer::Accepted => response.status(StatusCode::ACCEPTED).body(Body::empty()),
    }
    .expect("a response")
}
