//! Mistakes that an axum application can make around a mount, and what is to be seen of each: the mounting guide has them
//! with their fixes.

use axum::{Router, extract::Request, middleware::Next, middleware::from_fn, routing::get};
use http::{HeaderValue, Method, StatusCode, header};
use mcp_mount::{EndpointUrl, Mcp, tool_fn};
use serde_json::json;
use tower_http::{
    cors::{AllowHeaders, Any, CorsLayer},
    set_header::SetResponseHeaderLayer,
};

use crate::{
    mounted::{mcp, missing, served},
    page::Page,
    rig::{rig_with, server_with},
    support::{Ask, modern_call},
};

const PAGE: Page = Page("https://app.example.com");
const OTHER: Page = Page("https://other.example.com");

fn echo() -> Ask {
    modern_call("echo", json!({"text": "x"})).at("/mcp")
}

#[tokio::test]
async fn the_prefix_twice() {
    let app = Router::new().nest("/mcp", Router::new().merge(mcp().at("/mcp")));
    missing(&app, "/mcp").await;
    missing(&app, "/mcp/").await;
    served(&app, "/mcp/mcp").await;
}

#[tokio::test]
async fn a_base_url_that_has_the_mounts_path_already() {
    let whereabouts = || tool_fn("where", "", |EndpointUrl(url): EndpointUrl| async move { url });
    let mcp = |base: &str| server_with([whereabouts()], |mcp| mcp.base_url(base));
    for (base, says) in
        [("https://example.com/mcp", "https://example.com/mcp/mcp"), ("https://example.com", "https://example.com/mcp")]
    {
        let app = Router::new().merge(mcp(base).at("/mcp"));
        let reply = modern_call("where", json!({})).at("/mcp").to(&app).await;
        assert_eq!(reply.text(), says, "it is said, and not checked");
    }
}

#[tokio::test]
async fn a_slash_at_the_end_of_a_nest() {
    let app = Router::new().nest("/mcp", mcp().service());
    missing(&app, "/mcp/").await;
    for app in [Router::new().nest_service("/mcp", mcp().service()), Router::new().merge(mcp().at("/mcp"))] {
        served(&app, "/mcp/").await;
    }
}

/// `Router::layer` is around what is there already.
#[tokio::test]
async fn a_login_that_was_added_before_the_mount() {
    let login = || from_fn(|_: Request, _: Next| async { StatusCode::UNAUTHORIZED });
    let app = Router::new().route("/", get(|| async { "index" })).layer(login()).merge(mcp().at("/mcp"));
    assert_eq!(echo().to(&app).await.text(), "x", "everybody is let in");
    let app = Router::new().route("/", get(|| async { "index" })).merge(mcp().at("/mcp")).layer(login());
    assert_eq!(echo().to(&app).await.status, 401);
}

fn with_cors() -> Router {
    Router::new().merge(rig_with(|mcp: Mcp| mcp.cors([PAGE.0, OTHER.0])).mcp.at("/mcp"))
}

/// Whatever adds the header and does not look whether it is there: a middleware, or nginx with `add_header`.
#[tokio::test]
async fn cors_added_a_second_time() {
    let allow =
        SetResponseHeaderLayer::appending(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static(PAGE.0));
    let unseen = PAGE.fetch(echo(), &with_cors().layer(allow)).await.expect_err("the browser refuses it");
    assert!(unseen.contains(&format!("[{:?}, {:?}]", PAGE.0, PAGE.0)), "{unseen}");
    assert_eq!(PAGE.fetch(echo(), &with_cors()).await.expect("once").text(), "x");
}

/// tower-http's layer overwrites: nothing is doubled, and its own list decides, as it answers the preflights.
#[tokio::test]
async fn a_cors_layer_around_cors() {
    let cors = CorsLayer::new().allow_methods([Method::POST]).allow_headers(AllowHeaders::mirror_request());
    let app = with_cors().layer(cors.clone().allow_origin([HeaderValue::from_static(PAGE.0)]));
    assert_eq!(PAGE.fetch(echo(), &app).await.expect("in both lists").text(), "x");
    assert!(OTHER.fetch(echo(), &app).await.is_err(), "in the mount's list only");
    // And a page that only the layer lets in is refused by the mount.
    let app = Router::new().merge(mcp().at("/mcp")).layer(cors.allow_origin(Any));
    let reply = PAGE.fetch(echo(), &app).await.expect("a 403 that the page can read");
    assert_eq!(reply.status, 403, "{reply}");
}
