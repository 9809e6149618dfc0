//! Mistakes that an actix-web application can make around a mount, and what is to be seen of each: the mounting guide has
//! them with their fixes.

use actix_cors::Cors;
use actix_web::{
    App,
    middleware::{Compat, Compress, NormalizePath, TrailingSlash},
    web,
};
use http::Method;
use mcp_mount::{EndpointUrl, Mcp, McpService, tool_fn};
use serde_json::json;

use crate::{
    mount_actix::{Host, host},
    mounted::{hosts_own, mcp, missing, served},
    page::Page,
    rig::{Probe, rig_with, server, server_with},
    squeezed::Squeezed,
    support::{Ask, bare, modern, modern_call},
};

const PAGE: Page = Page("https://app.example.com");
const OTHER: Page = Page("https://other.example.com");

fn echo(bytes: usize) -> Ask {
    modern_call("echo", json!({"text": "x".repeat(bytes)})).at("/mcp")
}

fn get(path: &str) -> Ask {
    bare(Method::GET, "").at(path)
}

fn says(text: &'static str) -> actix_web::Route {
    web::get().to(move || async move { text })
}

#[tokio::test]
async fn the_prefix_twice() {
    let mcp = mcp();
    let app = host(move || App::new().service(web::scope("/mcp").service(mcp.scope("/mcp"))));
    missing(&app, "/mcp").await;
    missing(&app, "/mcp/").await;
    served(&app, "/mcp/mcp").await;
}

#[tokio::test]
async fn a_base_url_that_has_the_mounts_path_already() {
    let whereabouts = || tool_fn("where", "", |EndpointUrl(url): EndpointUrl| async move { url });
    for (base, says) in
        [("https://example.com/mcp", "https://example.com/mcp/mcp"), ("https://example.com", "https://example.com/mcp")]
    {
        let mcp = server_with([whereabouts()], |mcp| mcp.base_url(base));
        let app = host(move || App::new().service(mcp.scope("/mcp")));
        assert_eq!(
            modern_call("where", json!({})).at("/mcp").to(&app).await.text(),
            says,
            "it is said, and not checked"
        );
    }
}

fn normalized(how: TrailingSlash) -> Host {
    let mcp = rig_with(Mcp::health).mcp;
    host(move || App::new().service(mcp.scope("/mcp")).wrap(Compat::new(NormalizePath::new(how))))
}

#[tokio::test]
async fn paths_that_are_normalized() {
    for (how, found) in [(TrailingSlash::Trim, 200), (TrailingSlash::MergeOnly, 200), (TrailingSlash::Always, 404)] {
        let app = normalized(how);
        for path in ["/mcp", "/mcp/", "/mcp//"] {
            assert_eq!(echo(1).at(path).to(&app).await.text(), "x", "{how:?}, {path}");
        }
        assert_eq!(get("/mcp/health").to(&app).await.status, found, "{how:?}");
    }
}

/// actix-web takes what is registered first.
#[tokio::test]
async fn something_before_the_mount_that_takes_its_paths() {
    let scope = |mcp: McpService| mcp.scope("/mcp");
    let mcp = mcp();
    let (first, page, fixed) = (mcp.clone(), mcp.clone(), mcp);
    let app =
        host(move || App::new().service(web::scope("").route("/about", says("about"))).service(scope(first.clone())));
    hosts_own(&app, "/about", "about").await;
    missing(&app, "/mcp").await;

    let app = host(move || App::new().route("/{page:.*}", says("a page")).service(scope(page.clone())));
    assert_eq!(echo(1).to(&app).await.text(), "x", "the page's route is for GET only");
    hosts_own(&app, "/mcp", "a page").await; // and so it is this that a client gets for its stream

    let app = host(move || {
        App::new()
            .service(scope(fixed.clone()))
            .service(web::scope("").route("/about", says("about")))
            .route("/{page:.*}", says("a page"))
    });
    hosts_own(&app, "/about", "about").await;
    served(&app, "/mcp").await;
}

#[tokio::test]
async fn a_cors_middleware_around_cors() {
    let both = rig_with(|mcp: Mcp| mcp.cors([PAGE.0, OTHER.0])).mcp;
    let cors = || Cors::default().allowed_origin(PAGE.0).allowed_methods(["POST"]).allow_any_header();
    let app = host(move || App::new().service(both.scope("/mcp")).wrap(Compat::new(cors())));
    assert_eq!(PAGE.fetch(echo(1), &app).await.expect("in both lists, and nothing is doubled").text(), "x");
    assert!(OTHER.fetch(echo(1), &app).await.is_err(), "in the mount's list only");

    let none = mcp();
    let app = host(move || App::new().service(none.scope("/mcp")).wrap(Compat::new(Cors::permissive())));
    let reply = PAGE.fetch(echo(1), &app).await.expect("a 403 that the page can read");
    assert_eq!(reply.status, 403, "{reply}");
}

#[tokio::test]
async fn actix_webs_payload_limits_are_not_for_the_mount() {
    for bytes in [1024, 16 << 20] {
        let mcp = mcp();
        let app = host(move || {
            App::new()
                .app_data(web::PayloadConfig::new(bytes))
                .app_data(web::JsonConfig::default().limit(bytes))
                .service(mcp.scope("/mcp"))
        });
        assert_eq!(echo(3 << 20).to(&app).await.text().len(), 3 << 20, "the mount's own is 4 MiB");
        assert_eq!(echo(5 << 20).to(&app).await.status, 413, "and holds");
    }
}

fn speak() -> Ask {
    modern("tools/call", json!({"name": "speak", "arguments": {}, "_meta": {"progressToken": 1}})).at("/mcp")
}

/// Before actix-http 3.18.12 what had been compressed was held back. actix-web 4.18 needs a later one.
#[tokio::test(start_paused = true)]
async fn compress_compresses_streams_and_holds_nothing_back() {
    let probe = Probe::new();
    let mcp = server([probe.speaking_tool()]);
    let app = host(move || App::new().service(mcp.scope("/mcp")).wrap(Compat::new(Compress::default())));
    let mut stream = Squeezed::open(&app, speak()).await;
    assert!(stream.is_compressed(), "text/event-stream is like any other text to it");
    assert!(stream.hears("half").await);
}

#[tokio::test(start_paused = true)]
async fn compress_around_the_applications_own_routes_only() {
    let probe = Probe::new();
    let mcp = server([probe.speaking_tool()]);
    let app = host(move || {
        let pages = web::scope("").wrap(Compress::default()).route("/about", says("about"));
        App::new().service(mcp.scope("/mcp")).service(pages)
    });
    let mut stream = Squeezed::open(&app, speak()).await;
    assert!(!stream.is_compressed() && stream.hears("half").await);
    assert!(Squeezed::open(&app, get("/about")).await.is_compressed());
}
