//! Probes and routes wherever the service is mounted.

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Method, Request};
use mcp_mount::{Mcp, McpService};
use serde_json::json;

use crate::{
    rig::rig_with,
    support::{Ask, Reply, bare, modern_call},
};

fn mcp() -> McpService {
    let version = |_: Request<Bytes>| async { "1.2.3" };
    let echo = |request: Request<Bytes>| async move { String::from_utf8_lossy(request.body()).into_owned() };
    rig_with(|mcp: Mcp| mcp.health().route(Method::GET, "/version", version).route(Method::POST, "/v1/echo", echo)).mcp
}

/// Everything that is below the mount at this path.
async fn all_there(app: &Router, base: &str) {
    let below = |path: &str| format!("{base}{path}");
    for ask in asks(&below) {
        let (what, reply) = (format!("{:?} {}", ask.1, ask.2), ask.0.to(app).await);
        assert_eq!(
            (reply.status.as_u16(), String::from_utf8_lossy(&reply.body)),
            (200, ask.3.into()),
            "{what}\n{reply}"
        );
    }
    let reply = bare(Method::POST, "").at(&below("/health")).to(app).await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("GET, HEAD")), "{base}\n{reply}");
    let reply = bare(Method::GET, "").at(&below("/version")).header("host", "evil.example").to(app).await;
    assert_eq!(reply.status, 403, "{base}\n{reply}");
    let reply = bare(Method::GET, "").at(&below("/ready")).header("host", "evil.example").to(app).await;
    assert_eq!(reply.status, 200, "{base}\n{reply}");
    for path in ["/nowhere", "/version/", "/version/x", "/v1", "/health/x", "/v1/echo/"] {
        let reply = bare(Method::GET, "").at(&below(path)).to(app).await;
        assert_eq!(reply.status, 404, "{base}{path}\n{reply}");
    }
    head_has_no_length_of_its_own(app, &below("/health")).await;
    head_has_no_length_of_its_own(app, &below("/version")).await;
    let endpoint = if base.is_empty() { "/" } else { base };
    assert_eq!(modern_call("echo", json!({"text": "x"})).at(endpoint).to(app).await.text(), "x", "{base}");
}

fn asks(below: &dyn Fn(&str) -> String) -> Vec<(Ask, Method, String, &'static str)> {
    [
        (Method::GET, "/health", "", r#"{"status":"ok"}"#),
        (Method::GET, "/ready", "", r#"{"status":"ready"}"#),
        (Method::GET, "/version", "", "1.2.3"),
        (Method::POST, "/v1/echo", "a body", "a body"),
        (Method::HEAD, "/health", "", ""),
        (Method::HEAD, "/version", "", ""),
    ]
    .map(|(method, path, body, says)| (bare(method.clone(), body).at(&below(path)), method, below(path), says))
    .into()
}

/// RFC 9110, 8.6: a `Content-Length` in the answer to HEAD is that of GET, or it is not there.
async fn head_has_no_length_of_its_own(app: &Router, path: &str) {
    let of = async |method| bare(method, "").at(path).to(app).await;
    same_length(&of(Method::HEAD).await, &of(Method::GET).await);
}

fn same_length(head: &Reply, get: &Reply) {
    let length = get.body.len().to_string();
    assert!(head.header("content-length").is_none_or(|said| said == length), "{head}\n{get}");
}

/// Nothing of it is here.
async fn missing(app: &Router, base: &str) {
    for path in ["/health", "/ready", "/version", "/v1/echo"] {
        let reply = bare(Method::GET, "").at(&format!("{base}{path}")).to(app).await;
        assert_eq!(reply.status, 404, "{base}{path}\n{reply}");
    }
}

fn host() -> Router {
    Router::new().route("/", get(|| async { "index" })).route("/version", get(|| async { "the host's own" }))
}

#[tokio::test]
async fn nested() {
    for app in [
        host().nest("/mcp", mcp().service()),
        host().nest_service("/mcp", mcp().service()),
        host().nest_service("/mcp", mcp()),
        host().merge(mcp().at("/mcp")),
    ] {
        all_there(&app, "/mcp").await;
        let reply = bare(Method::GET, "").at("/version").to(&app).await;
        assert_eq!(&reply.body[..], b"the host's own");
        missing(&app, "/mcp/mcp").await;
        missing(&app, "/mcpx").await;
    }
}

#[tokio::test]
async fn nested_twice_and_thrice() {
    for app in [
        host().nest("/api", Router::new().nest("/mcp", mcp().service())),
        host().nest("/api", Router::new().nest_service("/mcp", mcp())),
        host().nest("/api", Router::new().merge(mcp().at("/mcp"))),
        host().nest_service("/api", Router::new().merge(mcp().at("/mcp"))),
        host().nest_service("/api", Router::new().nest("/mcp", mcp().service())),
        host().merge(mcp().at("/api/mcp")),
    ] {
        all_there(&app, "/api/mcp").await;
        missing(&app, "/mcp").await;
        missing(&app, "/api").await;
    }
    let app = host().nest("/a", Router::new().nest("/b", Router::new().merge(mcp().at("/c/d"))));
    all_there(&app, "/a/b/c/d").await;
    let app = host().nest("/{tenant}", Router::new().merge(mcp().at("/mcp")));
    all_there(&app, "/acme/mcp").await;
    let app = host().nest("/{tenant}", Router::new().nest("/mcp", mcp().service()));
    all_there(&app, "/acme/mcp").await;
}

#[tokio::test]
async fn at_the_root() {
    let app = Router::new().route("/about", get(|| async { "about" })).merge(mcp().at("/"));
    all_there(&app, "").await;
    let app = app.fallback(|| async { "the host's fallback" });
    for path in ["/nowhere", "/version/x", "/health/x"] {
        let reply = bare(Method::GET, "").at(path).to(&app).await;
        assert_eq!(&reply.body[..], b"the host's fallback", "{path}");
    }
    let app = Router::new().route("/{*spa}", get(|| async { "the single page" })).merge(mcp().at("/"));
    assert_eq!(&bare(Method::GET, "").at("/version").to(&app).await.body[..], b"1.2.3");
    assert_eq!(&bare(Method::GET, "").at("/versions").to(&app).await.body[..], b"the single page");
    let app = Router::new().route("/about", get(|| async { "about" })).fallback_service(mcp());
    all_there(&app, "").await;
}

#[tokio::test]
async fn a_route_for_the_endpoint_alone_has_nothing_below() {
    let app = host().route_service("/mcp", mcp());
    missing(&app, "/mcp").await;
    assert_eq!(modern_call("echo", json!({"text": "x"})).at("/mcp").to(&app).await.text(), "x");
}

#[tokio::test]
async fn on_a_path_without_a_router() {
    for (service, base) in
        [(mcp().on_path("/mcp"), "/mcp"), (mcp().on_path("mcp/v1/"), "/mcp/v1"), (mcp(), ""), (mcp().on_path("/"), "")]
    {
        let app = Router::new().fallback_service(service);
        all_there(&app, base).await;
        if !base.is_empty() {
            missing(&app, "").await;
        }
        missing(&app, &format!("{base}/x")).await;
    }
}
