//! CORS in a host application: mounted, behind its login, and beside its own CORS layer.

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use mcp_mount::McpService;
use serde_json::json;
use tower_http::cors::{AllowHeaders, CorsLayer};

use crate::{
    page::Page,
    rig::{rig, rig_with},
    support::{Ask, LATEST_SESSION, call, initialize, legacy, modern_call},
};

const PAGE: Page = Page("https://app.example.com");
const LOCAL: Page = Page("http://localhost:6274");
const FOREIGN: Page = Page("https://elsewhere.example");

fn mcp() -> McpService {
    rig_with(|mcp| mcp.cors([PAGE.0])).mcp
}

fn modern_echo() -> Ask {
    modern_call("echo", json!({"text": "hello"}))
}

#[tokio::test]
async fn wherever_it_is_mounted() {
    let mcp = mcp();
    let routers: [(&str, Router); 5] = [
        ("nest", Router::new().nest("/mcp", mcp.service())),
        ("nest_service", Router::new().nest_service("/mcp", mcp.service())),
        ("route_service", Router::new().route_service("/mcp", mcp.clone())),
        ("at", Router::new().merge(mcp.at("/mcp"))),
        ("fallback", Router::new().fallback_service(mcp.on_path("/mcp"))),
    ];
    for (name, router) in routers {
        for ask in [legacy(call("echo", json!({"text": "hello"}))), modern_echo()] {
            let reply = PAGE.fetch(ask.clone().at("/mcp"), &router).await.unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(reply.text(), "hello", "{name}");
            for other in [LOCAL, FOREIGN] {
                assert!(other.fetch(ask.clone().at("/mcp"), &router).await.is_err(), "{name}, {}", other.0);
            }
        }
    }
}

fn has_token(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|token| token == "Bearer secret")
}

fn unauthorized() -> Response {
    (StatusCode::UNAUTHORIZED, [("www-authenticate", "Bearer")]).into_response()
}

/// The login that the documentation shows.
async fn login(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_preflight = request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight || has_token(headers) { next.run(request).await } else { unauthorized() }
}

async fn strict_login(request: Request, next: Next) -> Response {
    if has_token(request.headers()) { next.run(request).await } else { unauthorized() }
}

#[tokio::test]
async fn behind_the_hosts_login() {
    let mount = || Router::new().merge(mcp().at("/mcp"));
    let with_token = || modern_echo().at("/mcp").header("authorization", "Bearer secret");

    let app = mount().layer(from_fn(login));
    assert_eq!(PAGE.fetch(with_token(), &app).await.unwrap().text(), "hello");
    let unseen = PAGE.fetch(modern_echo().at("/mcp"), &app).await.unwrap_err();
    assert!(unseen.contains("401"), "the login's own refusal never comes here: {unseen}");

    let app = mount().layer(from_fn(strict_login));
    assert_eq!(with_token().to(&app).await.text(), "hello", "no page");
    let unseen = PAGE.fetch(with_token(), &app).await.unwrap_err();
    assert!(unseen.contains("401"), "a login that refuses preflights keeps pages out: {unseen}");
}

#[tokio::test]
async fn beside_the_hosts_own_cors() {
    let cors = CorsLayer::new()
        .allow_origin([HeaderValue::from_static(LOCAL.0)])
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::WWW_AUTHENTICATE, header::HeaderName::from_static("mcp-session-id")]);
    let app = Router::new().merge(rig().mcp.at("/mcp")).layer(from_fn(strict_login)).layer(cors);
    let ask = || initialize(LATEST_SESSION).at("/mcp");
    let reply = LOCAL.fetch(ask().header("authorization", "Bearer secret"), &app).await.unwrap();
    assert!(reply.header("mcp-session-id").is_some(), "{reply}");
    let reply = LOCAL.fetch(ask(), &app).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.header("www-authenticate")), (401, Some("Bearer")), "{reply}");
    assert!(PAGE.fetch(ask().header("authorization", "Bearer secret"), &app).await.is_err());
}
