//! HTTP+SSE of 2024-11-05 wherever the service is mounted in axum, and without a router.

use axum::{Router, routing::get};

use crate::{
    legacy_client::{converses, get as stream, with},
    mounted::served,
};

fn host() -> Router {
    Router::new().route("/", get(|| async { "index" })).route("/sse", get(|| async { "the host's own" }))
}

#[tokio::test]
async fn it_is_below_the_endpoint_and_says_the_whole_path() {
    let mcp = with(|mcp| mcp);
    for (app, base) in [
        (host().nest("/mcp", mcp.service()), "/mcp"),
        (host().nest_service("/mcp", mcp.service()), "/mcp"),
        (host().nest_service("/mcp", mcp.clone()), "/mcp"),
        (host().merge(mcp.at("/mcp")), "/mcp"),
        (host().nest("/api", Router::new().nest("/mcp", mcp.service())), "/api/mcp"),
        (host().nest("/api", Router::new().merge(mcp.at("/mcp"))), "/api/mcp"),
        (host().nest("/a", Router::new().nest("/b", Router::new().merge(mcp.at("/c/d")))), "/a/b/c/d"),
        (host().nest("/{tenant}", Router::new().merge(mcp.at("/mcp"))), "/acme/mcp"),
        (Router::new().merge(mcp.at("/")), ""),
        (Router::new().fallback_service(mcp.clone()), ""),
        (Router::new().fallback_service(mcp.on_path("/mcp/v1")), "/mcp/v1"),
    ] {
        converses(&app, base).await;
        served(&app, if base.is_empty() { "/" } else { base }).await;
    }
}

#[tokio::test]
async fn a_route_for_the_endpoint_alone_has_nothing_below() {
    let app = host().route_service("/mcp", with(|mcp| mcp));
    assert_eq!(stream().at("/mcp/sse").to(&app).await.status, 404);
}
