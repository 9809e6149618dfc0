//! Every way to mount the service in an axum application that was there before.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{ConnectInfo, Extension as AxumExtension, State as AxumState, connect_info::MockConnectInfo},
    routing::get,
};
use http::Method;
use mcp_mount::{Extension, Mcp, Revision, Sessions, tool_fn};
use serde_json::json;

use crate::{
    mounted::{echo, hosts_own, mcp, missing, served},
    rig::{rig, rig_with, server_with},
    support::{LATEST_SESSION, User, bare, initialize, modern_call},
};

fn host() -> Router {
    Router::new().route("/", get(|| async { "index" })).route("/mcpx", get(|| async { "neighbour" }))
}

#[tokio::test]
async fn nest() {
    let app = host().nest("/mcp", mcp().service());
    served(&app, "/mcp").await;
    served(&app, "/mcp?key=value").await;
    // axum's `nest` does not match the slash (`nest_service` and `at` do); it is not a redirect either.
    missing(&app, "/mcp/").await;
    missing(&app, "/mcp/below").await;
    missing(&app, "/mcp/below/").await;
    hosts_own(&app, "/", "index").await;
    hosts_own(&app, "/mcpx", "neighbour").await;
}

#[tokio::test]
async fn nest_service() {
    let app = host().nest_service("/mcp", mcp().service());
    served(&app, "/mcp").await;
    served(&app, "/mcp/").await;
    missing(&app, "/mcp/below").await;
    hosts_own(&app, "/", "index").await;
    hosts_own(&app, "/mcpx", "neighbour").await;
}

#[tokio::test]
async fn nest_service_with_the_service_itself() {
    let mcp = mcp();
    let app = host().nest_service("/mcp", mcp.clone());
    served(&app, "/mcp").await;
    served(&app, "/mcp/").await;
    missing(&app, "/mcp/below").await;
    hosts_own(&app, "/mcpx", "neighbour").await;
}

#[tokio::test]
async fn fallback_service_is_the_root_only() {
    let mcp = mcp();
    let app = Router::new().route("/about", get(|| async { "about" })).fallback_service(mcp.clone());
    served(&app, "/").await;
    missing(&app, "/elsewhere").await;
    hosts_own(&app, "/about", "about").await;
}

#[tokio::test]
async fn route_service() {
    let mcp = mcp();
    let app = host().route_service("/mcp", mcp.clone());
    served(&app, "/mcp").await;
    missing(&app, "/mcp/").await;
    missing(&app, "/mcp/below").await;
    hosts_own(&app, "/", "index").await;
}

#[tokio::test]
async fn route_service_inside_nest() {
    let mcp = mcp();
    let api = Router::new().route_service("/mcp", mcp.clone()).route("/status", get(|| async { "up" }));
    let app = host().nest("/api", api);
    served(&app, "/api/mcp").await;
    missing(&app, "/mcp").await;
    missing(&app, "/api/mcp/below").await;
    hosts_own(&app, "/api/status", "up").await;
}

#[tokio::test]
async fn merge_at() {
    let app = host().merge(mcp().at("/mcp"));
    served(&app, "/mcp").await;
    served(&app, "/mcp/").await;
    served(&app, "/mcp/?key=value").await;
    missing(&app, "/mcp/below").await;
    missing(&app, "/mcp/below/").await;
    hosts_own(&app, "/", "index").await;
    hosts_own(&app, "/mcpx", "neighbour").await;
}

#[test]
fn at_hides_no_route_of_the_hosts() {
    use std::panic::AssertUnwindSafe;

    use axum::routing::{delete, head, options, patch, post, put, trace};
    let mcp = Mcp::new("test", "1").health().build().unwrap();
    let own = || async { "the host's own" };
    for path in ["/mcp", "/mcp/", "/mcp/health"] {
        let routes = [get(own), post(own), delete(own), head(own), options(own), patch(own), put(own), trace(own)];
        for (index, route) in routes.into_iter().enumerate() {
            let host = Router::new().route(path, route);
            let merged = std::panic::catch_unwind(AssertUnwindSafe(|| drop(host.merge::<Router>(mcp.at("/mcp")))));
            assert!(merged.is_err(), "{path}, {index}: axum refuses two routes for one method");
        }
    }
}

#[tokio::test]
async fn merge_at_a_deeper_path() {
    let app = host().merge(mcp().at("/api/v1/mcp"));
    served(&app, "/api/v1/mcp").await;
    served(&app, "/api/v1/mcp/").await;
    missing(&app, "/api/v1").await;
    missing(&app, "/mcp").await;
}

#[tokio::test]
async fn at_the_root_beside_the_hosts_fallback() {
    let app = Router::new()
        .route("/about", get(|| async { "about" }))
        .fallback(|| async { "the host's fallback" })
        .merge(mcp().at("/"));
    served(&app, "/").await;
    hosts_own(&app, "/about", "about").await;
    hosts_own(&app, "/anything/else", "the host's fallback").await;
}

#[tokio::test]
async fn at_the_root_beside_a_catch_all() {
    let app = Router::new().route("/{*spa}", get(|| async { "the single page" })).merge(mcp().at("/"));
    served(&app, "/").await;
    hosts_own(&app, "/some/page", "the single page").await;
}

#[tokio::test]
async fn at_a_path_beside_the_hosts_fallback_and_catch_all() {
    let app = Router::new().fallback(|| async { "the host's fallback" }).merge(mcp().at("/mcp"));
    served(&app, "/mcp").await;
    served(&app, "/mcp/").await;
    hosts_own(&app, "/elsewhere", "the host's fallback").await;
    let app = Router::new().route("/{*spa}", get(|| async { "the single page" })).merge(mcp().at("/mcp"));
    served(&app, "/mcp").await;
    hosts_own(&app, "/some/page", "the single page").await;
}

#[tokio::test]
async fn nested_twice() {
    let inner = || Router::new().nest("/mcp", mcp().service());
    let app = host().nest("/api", inner());
    served(&app, "/api/mcp").await;
    missing(&app, "/api/mcp/below").await;
    missing(&app, "/mcp").await;
    let app = host().nest("/a", Router::new().nest("/b", inner()));
    served(&app, "/a/b/mcp").await;

    let app = host().nest("/api", Router::new().nest_service("/mcp", mcp().service()));
    served(&app, "/api/mcp").await;
    served(&app, "/api/mcp/").await;
    missing(&app, "/api/mcp/below").await;

    let app = host().nest("/api", Router::new().merge(mcp().at("/mcp")));
    served(&app, "/api/mcp").await;
    served(&app, "/api/mcp/").await;
    missing(&app, "/api/mcp/below").await;
    missing(&app, "/mcp").await;
}

#[derive(Clone)]
struct AppState {
    greeting: &'static str,
}

async fn greet(AxumState(state): AxumState<AppState>) -> &'static str {
    state.greeting
}

#[tokio::test]
async fn an_application_with_typed_state() {
    let mcp = mcp();
    let app: Router<AppState> = Router::new()
        .route("/", get(greet))
        .nest("/nested", mcp.service())
        .nest_service("/service", mcp.service())
        .route_service("/route", mcp.clone())
        .merge(mcp.at("/merged"));
    let app: Router = app.with_state(AppState { greeting: "good morning" });
    for path in ["/nested", "/service", "/service/", "/route", "/merged", "/merged/"] {
        served(&app, path).await;
    }
    hosts_own(&app, "/", "good morning").await;
}

#[tokio::test]
async fn one_service_in_two_places_is_one_service() {
    let mcp = mcp();
    let app = host().merge(mcp.at("/a")).nest("/b", mcp.service());
    let reply = initialize(LATEST_SESSION).at("/a").to(&app).await;
    let id = reply.header("mcp-session-id").expect("a session").to_owned();
    let ask = echo().header("mcp-session-id", id);
    assert_eq!(ask.clone().at("/b").to(&app).await.text(), "hello");
    assert_eq!(ask.to(&mcp).await.text(), "hello", "bare, it answers at /");
}

#[tokio::test]
async fn two_services_do_not_share_sessions() {
    let app = host().merge(mcp().at("/a")).merge(mcp().at("/b"));
    let reply = initialize(LATEST_SESSION).at("/a").to(&app).await;
    let id = reply.header("mcp-session-id").expect("a session").to_owned();
    let reply = echo().header("mcp-session-id", id).at("/b").to(&app).await;
    assert_eq!(reply.status, 404, "{reply}");
}

#[tokio::test]
async fn the_hosts_middleware_reaches_the_tools() {
    let tool = tool_fn("who", "Say who asks", |Extension(user): Extension<User>| async move { user.0 });
    let mcp = server_with([tool], |mcp| mcp);
    let login = || AxumExtension(User("alice"));
    let mounts: [(&str, Router); 4] = [
        ("nest", Router::new().nest("/mcp", mcp.service()).layer(login())),
        ("nest_service", Router::new().nest_service("/mcp", mcp.service()).layer(login())),
        ("route_service", Router::new().route_service("/mcp", mcp.clone()).layer(login())),
        ("at", Router::new().merge(mcp.at("/mcp")).layer(login())),
    ];
    for (name, app) in mounts {
        let reply = modern_call("who", json!({})).at("/mcp").to(&app).await;
        assert_eq!(reply.text(), "alice", "{name}");
    }
}

#[tokio::test]
async fn the_peer_is_the_one_that_the_router_is_served_with() {
    let mcp = rig_with(|mcp| mcp.hosts(["example.com"]).trusted_proxies(["10.0.0.0/8"])).mcp;
    let ask = || echo().at("/mcp").header("x-forwarded-host", "example.com");
    let app = || Router::new().merge(mcp.at("/mcp"));
    for (peer, status) in [("10.1.2.3:4", 200), ("192.0.2.9:4", 403)] {
        let peer: SocketAddr = peer.parse().expect("an address");
        let served = app().layer(AxumExtension(ConnectInfo(peer)));
        assert_eq!(ask().to(&served).await.status, status, "{peer}");
        let mocked = app().layer(MockConnectInfo(peer));
        assert_eq!(ask().to(&mocked).await.status, status, "{peer}");
        // As a middleware that believes a header may have put it there.
        let claimed: SocketAddr = "10.1.2.3:4".parse().expect("an address");
        let claimed = app().layer(AxumExtension(claimed)).layer(AxumExtension(ConnectInfo(peer)));
        assert_eq!(ask().to(&claimed).await.status, status, "{peer}");
    }
}

#[tokio::test]
async fn settings_hold_wherever_it_is_mounted() {
    let rig = rig_with(|mcp| mcp.sessions(Sessions::disabled()).hosts(["mcp.example.com"]));
    let app = host().merge(rig.mcp.at("/mcp"));
    let reply = echo().at("/mcp").to(&app).await;
    assert_eq!(reply.status, 403, "{reply}");
    let reply = bare(Method::GET, "").header("host", "mcp.example.com").at("/mcp").to(&app).await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("POST")), "{reply}");
}

#[tokio::test]
async fn on_path_for_hosts_without_a_router() {
    let mcp = mcp();
    let service = mcp.on_path("/mcp");
    for path in ["/mcp", "/mcp/", "/mcp?x=1"] {
        assert_eq!(echo().at(path).to(&service).await.text(), "hello", "{path}");
    }
    for path in ["/", "/mcpx", "/mcp/below", "/x/mcp", "/MCP"] {
        let reply = echo().at(path).to(&service).await;
        assert_eq!(reply.status, 404, "{path}\n{reply}");
    }
    assert_eq!(echo().at("/").to(&mcp).await.text(), "hello", "the original is as it was");
}

#[tokio::test]
async fn a_path_needs_no_slash_before_it() {
    let rig = rig();
    for path in ["mcp", "/mcp", "mcp/", "/mcp/"] {
        let service = rig.mcp.on_path(path);
        for (uri, status) in
            [("/mcp", 200), ("/mcp/", 200), ("/", 404), ("/mcp/x", 404), ("/mcpx", 404), ("/x/mcp", 404)]
        {
            let reply = modern_call("echo", json!({"text": "x"})).at(uri).to(&service).await;
            assert_eq!(reply.status, status, "on_path({path:?}), {uri}\n{reply}");
        }
    }
}

#[test]
fn everything_is_built_and_mounted_outside_a_runtime() {
    let mcp = Mcp::new("outside", "1.0.0")
        .tool(tool_fn("one", "One", || async { "1" }))
        .revisions([Revision::V2025_11_25, Revision::V2026_07_28])
        .build()
        .expect("builds");
    let _: Router = Router::new().merge(mcp.at("/a")).nest("/b", mcp.service()).route_service("/c", mcp.clone());
    let _ = (mcp.on_path("/d"), mcp.lifespan());
}
