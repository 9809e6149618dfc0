//! Every way to mount the service in an actix-web application that was there before.

use std::net::SocketAddr;

use actix_service::{IntoServiceFactory as _, Service as _, ServiceFactory as _};
use actix_web::{
    App, HttpMessage as _, HttpResponse,
    dev::AppConfig,
    guard,
    test::{TestRequest, read_body},
    web,
};
use http::Method;
use mcp_mount::{EndpointUrl, Extension, Mcp, Principal, Sessions, tool_fn};
use serde_json::json;

use crate::{
    home::{Application, door},
    mounted::{echo, hosts_own, mcp, missing, served},
    rig::{Session, owned, rig_with, server_with},
    support::{LATEST_SESSION, User, bare, initialize, modern_call},
    target::{Door, Target},
};

/// An application that the test has made.
#[derive(Clone)]
pub struct Host(Door);

impl Target for Host {
    fn door(&self) -> Door {
        self.0.clone()
    }
}

pub fn host<F, A>(application: F) -> Host
where
    F: Fn() -> App<A> + Clone + Send + Sync + 'static,
    A: Application,
{
    Host(door(application))
}

/// A route that answers with a text.
fn says(text: &'static str) -> actix_web::Route {
    web::get().to(move || async move { text })
}

#[tokio::test]
async fn scope() {
    let mcp = mcp();
    let app = host(move || {
        App::new()
            .route("/", says("index"))
            .route("/mcpx", says("neighbour"))
            .service(mcp.scope("/mcp"))
            .route("/later", says("registered later"))
    });
    served(&app, "/mcp").await;
    served(&app, "/mcp/").await;
    served(&app, "/mcp?key=value").await;
    missing(&app, "/mcp/below").await;
    missing(&app, "/mcp//").await;
    hosts_own(&app, "/", "index").await;
    hosts_own(&app, "/mcpx", "neighbour").await;
    hosts_own(&app, "/later", "registered later").await;
}

#[tokio::test]
async fn routes_outside_the_prefix_are_the_hosts_own_in_any_order() {
    let mcp = mcp();
    let first = mcp.clone();
    let first = host(move || {
        App::new()
            .service(first.scope("/mcp"))
            .route("/mcpx", says("neighbour"))
            .service(web::scope("/api").route("/status", says("up")))
            .route("/{page:.*}", says("the single page"))
    });
    let last = host(move || {
        App::new()
            .route("/mcpx", says("neighbour"))
            .service(web::scope("/api").route("/status", says("up")))
            .service(mcp.scope("/mcp"))
            .default_service(says("the single page"))
    });
    for app in [first, last] {
        served(&app, "/mcp").await;
        served(&app, "/mcp/").await;
        hosts_own(&app, "/mcpx", "neighbour").await;
        hosts_own(&app, "/api/status", "up").await;
        hosts_own(&app, "/some/page", "the single page").await;
        hosts_own(&app, "/", "the single page").await;
    }
}

#[tokio::test]
async fn configure_at() {
    let mcp = rig_with(Mcp::health).mcp;
    let app = host(move || {
        App::new()
            .configure(mcp.configure_at("/mcp"))
            .route("/mcp/admin", says("the host's own, below it"))
            .default_service(says("the host's fallback"))
    });
    served(&app, "/mcp").await;
    served(&app, "/mcp/").await;
    for path in ["/mcp/health", "/mcp/ready"] {
        assert_eq!(bare(Method::GET, "").at(path).to(&app).await.status, 200, "{path}");
    }
    hosts_own(&app, "/mcp/admin", "the host's own, below it").await;
    hosts_own(&app, "/mcp/elsewhere", "the host's fallback").await;
}

#[tokio::test]
async fn at_the_root_beside_whatever_the_host_has() {
    let mcp = rig_with(Mcp::health).mcp;
    let configured = mcp.clone();
    let configured = host(move || {
        App::new()
            .configure(configured.configure_at("/"))
            .route("/about", says("about"))
            .route("/{spa:.*}", says("a page"))
    });
    let scoped = host(move || {
        App::new().service(mcp.scope("/")).route("/about", says("about")).route("/{spa:.*}", says("a page"))
    });
    for app in [configured, scoped] {
        served(&app, "/").await;
        assert_eq!(bare(Method::GET, "").at("/health").to(&app).await.status, 200);
        hosts_own(&app, "/about", "about").await;
        hosts_own(&app, "/some/page", "a page").await;
    }
}

#[tokio::test]
async fn nested_in_scopes() {
    let mcp = rig_with(Mcp::health).mcp;
    let app = host(move || {
        App::new()
            .service(web::scope("/api").service(mcp.scope("/mcp")).route("/status", says("up")))
            .service(web::scope("/a").service(web::scope("/{tenant}").service(mcp.scope("/mcp"))))
            .service(web::scope("/exact").configure(mcp.configure_at("/mcp")).route("/mcp/mine", says("mine")))
            .service(web::scope("/alone").configure(mcp.configure_at("")))
            .service(mcp.scope("deep/er/"))
    });
    for path in ["/api/mcp", "/a/north/mcp", "/a/s%6Futh%20/mcp", "/exact/mcp", "/alone", "/deep/er"] {
        served(&app, path).await;
        served(&app, &format!("{path}/")).await;
        let health = format!("{path}/health");
        assert_eq!(bare(Method::GET, "").at(&health).to(&app).await.status, 200, "{health}");
        missing(&app, &format!("{path}/below")).await;
    }
    missing(&app, "/mcp").await;
    missing(&app, "/a/mcp").await;
    hosts_own(&app, "/api/status", "up").await;
    hosts_own(&app, "/exact/mcp/mine", "mine").await;
}

/// actix-web matches a path in which `%65` is `e`; the service's own paths are what was sent.
#[tokio::test]
async fn a_probe_is_asked_for_as_it_is_written() {
    let mcp = rig_with(Mcp::health).mcp;
    let app = host(move || {
        App::new().service(mcp.scope("/mcp")).service(web::scope("/x").configure(mcp.configure_at("/mcp")))
    });
    for (path, status) in
        [("/mcp/health", 200), ("/%6Dcp/health", 200), ("/mcp/h%65alth", 404), ("/x/mcp/h%65alth", 404)]
    {
        assert_eq!(bare(Method::GET, "").at(path).to(&app).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn within_a_scope_that_has_a_guard() {
    let mcp = mcp();
    let app = host(move || {
        let tenant = web::scope("").guard(guard::Header("x-tenant", "north")).service(mcp.scope("/mcp"));
        App::new().service(tenant).default_service(web::to(HttpResponse::NotFound))
    });
    assert_eq!(echo().header("x-tenant", "north").at("/mcp").to(&app).await.text(), "hello");
    missing(&app, "/mcp").await;
}

#[tokio::test]
async fn workers_share_one_service() {
    // Each request is answered by an application of its own, as if by another worker.
    let mcp = mcp();
    let served_by = mcp.clone();
    let app = host(move || App::new().service(served_by.scope("/mcp")).service(served_by.scope("/again")));
    let reply = initialize(LATEST_SESSION).at("/mcp").to(&app).await;
    let id = reply.header("mcp-session-id").expect("a session").to_owned();
    for path in ["/mcp", "/again/"] {
        assert_eq!(echo().header("mcp-session-id", &id).at(path).to(&app).await.text(), "hello", "{path}");
    }
    let session = Session::open(&mcp, LATEST_SESSION, None).await;
    assert!(session.is_alive().await);
}

#[tokio::test]
async fn the_hosts_middleware_reaches_the_tools_that_it_is_forwarded_to() {
    let tool = tool_fn("who", "Say who asks", |Extension(user): Extension<User>| async move { user.0 });
    let mcp = server_with([tool], |mcp| mcp);
    let without = mcp.clone();
    let app = host(move || {
        App::new()
            .service(mcp.scope("/mcp").forward::<User>())
            .configure(mcp.scope("/exact").forward::<User>().configure())
            .wrap_fn(|request, next| {
                request.extensions_mut().insert(User("alice"));
                next.call(request)
            })
    });
    for path in ["/mcp", "/exact"] {
        assert_eq!(modern_call("who", json!({})).at(path).to(&app).await.text(), "alice");
    }
    let app = host(move || App::new().service(without.scope("/mcp")));
    let reply = modern_call("who", json!({})).at("/mcp").to(&app).await;
    let error = reply.tool_error();
    assert!(error.contains("`who`") && error.contains(".forward::<") && error.contains("User>()"), "{error}");
}

#[tokio::test]
#[should_panic(expected = "add `.forward::<it_actix::suite::support::User>()` to the scope")]
async fn a_principal_that_is_not_forwarded_is_a_mistake_that_shows_at_once() {
    let mcp = server_with([], owned);
    let app = host(move || App::new().service(mcp.scope("/mcp")));
    bare(Method::GET, "").at("/mcp").to(&app).await;
}

#[tokio::test]
async fn sessions_belong_to_who_the_middleware_found() {
    let mcp =
        Mcp::new("rig", "1").principal_from_extension::<User>(|user| Principal::new(user.0)).build().expect("builds");
    let app = host(move || App::new().service(mcp.scope("/mcp").forward::<User>()));
    let reply = initialize(LATEST_SESSION).user("alice").at("/mcp").to(&app).await;
    let id = reply.header("mcp-session-id").expect("a session").to_owned();
    let delete = |user| bare(Method::DELETE, "").header("mcp-session-id", &id).user(user).at("/mcp");
    assert_eq!(delete("bob").to(&app).await.status, 404);
    assert_eq!(delete("alice").to(&app).await.status, 204);
}

/// On a Unix socket a peer has no address; who is at its other end is the host's to know.
#[tokio::test]
async fn a_middleware_may_say_who_the_peer_is() {
    let mcp = rig_with(|mcp| mcp.hosts(["example.com"]).trusted_proxies(["127.0.0.1"])).mcp;
    for (peer, status) in [(Some("127.0.0.1:0"), 200), (Some("192.0.2.9:0"), 403), (None, 403)] {
        let mcp = mcp.clone();
        let app = host(move || {
            App::new().service(mcp.scope("/mcp")).wrap_fn(move |request, next| {
                if let Some(peer) = peer {
                    request.extensions_mut().insert(peer.parse::<SocketAddr>().expect("an address"));
                }
                next.call(request)
            })
        });
        let ask = echo().at("/mcp").header("x-forwarded-host", "example.com");
        assert_eq!(ask.to(&app).await.status, status, "{peer:?}");
    }
}

/// actix-web tells whether it has ended TLS itself.
#[tokio::test]
async fn the_endpoints_url_has_the_scheme_of_the_connection() {
    let whereabouts = || tool_fn("where", "Say where", |EndpointUrl(url): EndpointUrl| async move { url });
    for layered in [false, true] {
        let mcp = server_with([whereabouts()], |mcp| {
            if layered { mcp.http_layer(tower::layer::util::Identity::new()) } else { mcp }
        });
        for (secure, scheme) in [(true, "https"), (false, "http")] {
            let address = "127.0.0.1:8000".parse().expect("an address");
            let config = AppConfig::__priv_test_new(secure, "localhost".to_owned(), address);
            let app =
                App::new().service(mcp.scope("/mcp")).into_factory().new_service(config).await.expect("a service");
            let ask = modern_call("where", json!({}));
            let request = TestRequest::post().uri("/mcp").set_payload(ask.bytes().await);
            let head = ask.request().into_parts().0;
            let request = head
                .headers
                .iter()
                .fold(request, |request, (name, value)| request.insert_header((name.as_str(), value.as_bytes())));
            let answer = read_body(app.call(request.to_request()).await.expect("an answer")).await;
            let answer = String::from_utf8_lossy(&answer).into_owned();
            assert!(answer.contains(&format!("{scheme}://localhost:8000/mcp")), "{layered} {secure}: {answer}");
        }
    }
}

#[tokio::test]
async fn settings_hold_wherever_it_is_mounted() {
    let mcp = rig_with(|mcp| mcp.sessions(Sessions::disabled()).hosts(["mcp.example.com"])).mcp;
    let app = host(move || App::new().service(mcp.scope("/mcp")));
    assert_eq!(echo().at("/mcp").to(&app).await.status, 403);
    let reply = bare(Method::GET, "").header("host", "mcp.example.com").at("/mcp").to(&app).await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("POST")), "{reply}");
}
