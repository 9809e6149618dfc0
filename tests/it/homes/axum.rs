//! The service below a path of an axum application that has routes and middleware of its own.

use std::net::SocketAddr;

use axum::{Router, middleware::from_fn, routing::get};
use http::{Request, StatusCode};
use mcp_mount::McpService;
use tokio::net::TcpListener;
use tower::{ServiceExt as _, util::BoxCloneSyncService};

use super::below::below;
use crate::{
    differences::{self, Differences},
    target::{Door, Sent, Target as _},
};

/// Where the application has it.
const PATH: &str = "/mcp";

pub const DIFFERS: Differences = Differences {
    // axum strips the path of a nest with the slash behind it, and adds one where the rest has none: `//x` is `/x`.
    loses_a_slash: true,
    ..differences::NONE
};

pub fn mount(mcp: &McpService) -> Door {
    BoxCloneSyncService::new(app(mcp).door().map_request(|request: Request<Sent>| below(PATH, request)))
}

/// axum's server, as the lifespan runs it.
pub async fn serve(mcp: McpService) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { mcp.lifespan().serve(listener, app(&mcp)).await });
    address
}

/// The application.
fn app(mcp: &McpService) -> Router {
    Router::new()
        .route("/", get(|| async { "the application's own" }))
        .route("/mcpx", get(|| async { "a neighbour" }))
        .nest_service(PATH, mcp.service())
        .fallback(|| async { (StatusCode::NOT_FOUND, "the application's fallback") })
        .layer(from_fn(|request, next: axum::middleware::Next| next.run(request)))
}
