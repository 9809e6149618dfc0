//! rmcp in axum.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp_server::{Listeners, Server};
use settings::{Mode, Settings};
use tokio::net::TcpListener;

#[tokio::main(worker_threads = 1)]
async fn main() -> std::io::Result<()> {
    let settings = Settings::from_env();
    let server = Server::new(&settings);
    let listeners = server.listeners();
    let config = match settings.mode {
        Mode::Session => StreamableHttpServerConfig::default(),
        // "Stateless Streamable HTTP" of its README.
        Mode::Legacy | Mode::Modern => {
            StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true)
        }
    };
    let service =
        StreamableHttpService::new(move || Ok(server.clone()), Arc::new(LocalSessionManager::default()), config);
    let app = Router::new().route("/announce", post(announce)).with_state(listeners).nest_service("/mcp", service);
    let listener = TcpListener::bind(settings.address()).await?.tap_io(move |stream| {
        let _ = stream.set_nodelay(settings.nodelay);
    });
    axum::serve(listener, app).await
}

async fn announce(State(listeners): State<Listeners>) -> StatusCode {
    listeners.announce().await;
    StatusCode::NO_CONTENT
}
