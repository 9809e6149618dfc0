//! actix-web's own extractors, and the application's, in handlers.

use std::{
    cell::Cell,
    future::{Ready, pending, ready},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use actix_web::{
    App, Error, FromRequest, HttpMessage as _, HttpRequest,
    dev::{Payload, Service as _},
    error,
    web::{self, Data, ReqData},
};
use http::Method;
use mcp_mount::{Extension, Headers, Json, Limits, Mcp, McpService, State, resource_fn, tool_fn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    mount_actix::{Host, host},
    rig::server_with,
    support::{Ask, LATEST_SESSION, Reply, User, bare, initialize, modern, modern_call, secs},
};

/// As an application's routes use it.
#[derive(Clone)]
struct AuthUser(String);

impl FromRequest for AuthUser {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let user = request.headers().get("x-user").map(|user| String::from_utf8_lossy(user.as_bytes()).into_owned());
        Box::pin(async move {
            tokio::task::yield_now().await;
            match user.as_deref() {
                Some("down") => Err(error::ErrorBadGateway("hunter2 of the directory")),
                Some("long") => Err(error::ErrorBadRequest("x".repeat(100_000))),
                Some("panic") => panic!("hunter2 of the extractor"),
                Some("stuck") => pending().await,
                Some(user) => Ok(Self(user.to_owned())),
                None => Err(error::ErrorUnauthorized("sign in first")),
            }
        })
    }
}

thread_local! {
    /// How often the dear one was run: actix-web answers on the test's own thread.
    static RUNS: Cell<u32> = const { Cell::new(0) };
}

/// Must not be run for a call that does not ask for it.
#[derive(Clone)]
struct Dear;

impl FromRequest for Dear {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        RUNS.set(RUNS.get() + 1);
        ready(Err(error::ErrorPaymentRequired("dear")))
    }
}

fn mounted(mcp: McpService) -> Host {
    host(move || {
        let scope = mcp.scope("/mcp").forward::<User>().data::<Vec<u32>>().extract::<AuthUser>();
        App::new().app_data(Data::new(vec![1_u32, 2, 3])).service(scope)
    })
}

fn call(tool: &str) -> Ask {
    modern_call(tool, json!({})).at("/mcp")
}

async fn of(app: &Host, user: &str) -> Reply {
    call("whoami").header("x-user", user).to(app).await
}

fn whoami() -> McpService {
    let whoami = tool_fn("whoami", "", |Extension(user): Extension<AuthUser>| user.0);
    let maybe =
        tool_fn("maybe", "", |user: Option<Extension<AuthUser>>| user.map_or("nobody".to_owned(), |user| user.0.0));
    let plain = tool_fn("plain", "", || "no need of anybody");
    server_with([whoami, maybe, plain], |mcp| mcp.limits(Limits::new().tool_timeout(secs(5))))
}

#[tokio::test]
async fn an_extractor_of_the_application_runs_on_the_head_of_the_call() {
    let app = mounted(whoami());
    assert_eq!(of(&app, "ada").await.text(), "ada");
    for (user, says) in [("down", "502"), ("long", "400")] {
        let reply = of(&app, user).await;
        assert!(reply.tool_error().contains(says), "{reply}");
        assert!(!reply.to_string().contains("hunter2") && reply.body.len() < 10_000, "{reply}");
    }
    assert!(call("whoami").to(&app).await.tool_error().contains("sign in first"));
    // What is there and wrong is not nothing.
    assert!(call("maybe").to(&app).await.tool_error().contains("sign in first"));
    assert_eq!(call("plain").header("x-user", "panic").to(&app).await.text(), "no need of anybody");
}

#[tokio::test]
async fn an_extractor_that_panics_is_a_masked_failure() {
    let reply = of(&mounted(whoami()), "panic").await;
    assert!(reply.tool_error().contains("the server failed") && !reply.to_string().contains("hunter2"), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn an_extractor_has_the_time_of_the_call_that_it_is_for() {
    let tool = |name| tool_fn(name, "", |Extension(user): Extension<AuthUser>| user.0);
    let tools = [tool("usual"), tool("quick").timeout(secs(2))];
    let app = mounted(server_with(tools, |mcp| mcp.limits(Limits::new().tool_timeout(secs(5)))));
    for (name, seconds) in [("usual", 5), ("quick", 2)] {
        let began = Instant::now();
        let reply = call(name).header("x-user", "stuck").to(&app).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (500, -32603), "{name}\n{reply}");
        assert_eq!((reply.json()["id"].as_u64(), began.elapsed().as_secs()), (Some(1), seconds), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_extractor_does_not_outlive_the_deadline() {
    let mcp = whoami();
    let app = mounted(mcp.clone());
    let asking = call("whoami").header("x-user", "stuck").to(&app);
    let ending = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        mcp.lifespan().grace(secs(1)).shutdown().await
    };
    let (reply, report) = tokio::join!(asking, ending);
    assert_eq!((reply.status.as_u16(), reply.json()["id"].as_u64()), (503, Some(1)), "{reply}");
    assert_eq!((report.finished, report.cut), (0, 1), "{report:?}");
}

/// What costs nothing is there for the layers, whatever the request is for.
#[tokio::test]
async fn within_layers_what_is_forwarded_is_there_for_every_request() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = seen.clone();
    let note = tower::util::MapRequestLayer::new(move |request: http::Request<mcp_mount::RequestBody>| {
        noted.lock().expect("not poisoned").push(request.extensions().get::<User>().is_some());
        request
    });
    let mcp = server_with([tool_fn("plain", "", || "done")], |mcp| mcp.health().http_layer(note));
    let app = mounted(mcp);
    for (ask, status) in [
        (bare(http::Method::GET, "").at("/mcp/health"), 200),
        (bare(http::Method::GET, "").at("/mcp/nowhere"), 404),
        (call("plain").header("host", "evil.example"), 403),
        (call("plain"), 200),
    ] {
        assert_eq!(ask.user("ada").to(&app).await.status, status);
    }
    assert_eq!(*seen.lock().expect("not poisoned"), [true; 4]);
}

/// The layers may look at every extension; but for what nobody is going to handle nothing is run.
#[tokio::test]
async fn within_layers_no_extractor_runs_for_probes_and_refusals() {
    let plain = tool_fn("plain", "", || "no need of anybody");
    let mcp = server_with([plain], |mcp| mcp.health().http_layer(tower::layer::util::Identity::new()));
    let app = host(move || App::new().service(mcp.scope("/mcp").extract::<Dear>()));
    RUNS.set(0);
    for (ask, status) in [
        (bare(http::Method::GET, "").at("/mcp/health"), 200),
        (bare(http::Method::GET, "").at("/mcp/nowhere"), 404),
        (call("plain").header("host", "evil.example"), 403),
        (call("plain").header("origin", "https://evil.example"), 403),
    ] {
        assert_eq!(ask.to(&app).await.status, status);
        assert_eq!(RUNS.get(), 0, "{status}");
    }
    assert_eq!(call("plain").to(&app).await.text(), "no need of anybody");
    assert_eq!(RUNS.get(), 1);
}

#[tokio::test]
async fn data_may_be_a_trait() {
    trait Greets: Send + Sync {
        fn greeting(&self) -> &'static str;
    }
    struct English;
    impl Greets for English {
        fn greeting(&self) -> &'static str {
            "hello"
        }
    }
    let greet = tool_fn("greet", "", |greets: Data<dyn Greets>| greets.greeting());
    let mcp = server_with([greet], |mcp| mcp);
    let app = host(move || {
        let greets: std::sync::Arc<dyn Greets> = std::sync::Arc::new(English);
        App::new().app_data(Data::from(greets)).service(mcp.scope("/mcp").data::<dyn Greets>())
    });
    assert_eq!(call("greet").to(&app).await.text(), "hello");
}

#[tokio::test]
async fn an_extractor_runs_for_those_who_ask_only() {
    let head = tool_fn("head", "", |headers: Headers| headers.len() > 3);
    let who = tool_fn("who", "", |Extension(user): Extension<AuthUser>, _: Headers| user.0);
    let dear = tool_fn("dear", "", |_: Extension<Dear>| "paid");
    let mcp = server_with([head, who, dear], |mcp| mcp);
    let app = host(move || App::new().service(mcp.scope("/mcp").extract::<Dear>().extract::<AuthUser>()));
    RUNS.set(0);
    assert_eq!(call("head").to(&app).await.text(), "true");
    assert_eq!(call("who").header("x-user", "ada").to(&app).await.text(), "ada");
    assert_eq!(RUNS.get(), 0, "nobody has asked for it");
    assert!(call("dear").to(&app).await.tool_error().contains("402"));
    assert_eq!(RUNS.get(), 1);
}

/// Counts how often it is forwarded.
struct Counting(Arc<AtomicUsize>);

impl Clone for Counting {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Relaxed);
        Self(Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn what_is_forwarded_is_copied_for_those_who_ask_only() {
    let plain = tool_fn("plain", "", || "no need of it");
    let head = tool_fn("head", "", |headers: Headers| headers.len() > 3);
    let counting = tool_fn("counting", "", |_: Extension<Counting>, _: Headers| "has it");
    let mcp = Mcp::new("rig", "1").tool(plain).tool(head).tool(counting).health().build().expect("builds");
    let copied = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&copied);
    let app = host(move || {
        let count = Arc::clone(&count);
        App::new().service(mcp.scope("/mcp").forward::<Counting>()).wrap_fn(move |request, next| {
            request.extensions_mut().insert(Counting(Arc::clone(&count)));
            next.call(request)
        })
    });
    assert_eq!(call("plain").to(&app).await.text(), "no need of it");
    assert_eq!(call("head").to(&app).await.text(), "true");
    assert_eq!(initialize(LATEST_SESSION).at("/mcp").to(&app).await.status, 200);
    assert_eq!(bare(Method::GET, "").at("/mcp/ready").to(&app).await.status, 200);
    assert_eq!(call("counting").header("host", "evil.example").to(&app).await.status, 403);
    assert_eq!(copied.load(Relaxed), 0, "nobody has asked for it");
    assert_eq!(call("counting").to(&app).await.text(), "has it");
    assert_ne!(copied.load(Relaxed), 0, "it is counted");
}

/// A header that was converted cannot be told from one that was not, so this reads the source: headers are converted where
/// a handler takes the head, and nowhere else.
#[test]
fn headers_are_converted_where_the_head_is_taken() {
    let source = include_str!("../../src/mount/actix/request.rs");
    let take = source.split("    async fn take(").nth(1).expect("it is there");
    let take = take.split("\n    }\n").next().expect("its end");
    assert_eq!((source.matches("self.parts()").count(), take.matches("self.parts()").count()), (1, 1));
    let parts = source.split("    fn parts(").nth(1).expect("it is there");
    let parts = parts.split("\n    }\n").next().expect("its end");
    for conversion in ["HeaderName::from_bytes(", "HeaderValue::from_bytes("] {
        assert_eq!((source.matches(conversion).count(), parts.matches(conversion).count()), (1, 1), "{conversion}");
    }
}

#[tokio::test]
async fn data_is_the_applications_or_the_servers_state() {
    let sum = || tool_fn("sum", "", |numbers: Data<Vec<u32>>| numbers.iter().sum::<u32>().to_string());
    assert_eq!(call("sum").to(&mounted(server_with([sum()], |mcp| mcp))).await.text(), "6");

    let mcp = server_with([sum()], |mcp| mcp.state(Data::new(vec![40_u32, 2])));
    let app = host(move || App::new().service(mcp.scope("/mcp")));
    assert_eq!(call("sum").to(&app).await.text(), "42");

    let mcp = server_with([sum()], |mcp| mcp);
    let app = host(move || App::new().app_data(Data::new(vec![1_u32])).service(mcp.scope("/mcp")));
    let error = call("sum").to(&app).await.tool_error();
    assert!(error.contains("`sum`") && error.contains(".data::<alloc::vec::Vec<u32>>()"), "{error}");
}

#[tokio::test]
async fn request_data_and_json_are_what_they_are_in_routes() {
    #[derive(Deserialize, Serialize, JsonSchema)]
    struct Pair {
        a: u32,
        b: u32,
    }
    let who = tool_fn("who", "", |user: ReqData<User>| user.into_inner().0);
    let swap = tool_fn("swap", "", |web::Json(pair): web::Json<Pair>| web::Json(Pair { a: pair.b, b: pair.a }));
    let mcp = Mcp::new("rig", "1").tool(who).tool(swap);
    let mcp = mcp.resource(resource_fn("x://pair", "pair", || web::Json(Pair { a: 1, b: 2 }))).build().expect("builds");
    let app = mounted(mcp);
    assert_eq!(call("who").user("alice").to(&app).await.text(), "alice");
    assert!(call("who").to(&app).await.tool_error().contains(".forward::<"));
    let swapped = modern_call("swap", json!({"a": 1, "b": 2})).at("/mcp").to(&app).await;
    assert_eq!(swapped.result()["structuredContent"], json!({"a": 2, "b": 1}));
    let wrong = modern_call("swap", json!({"a": 1})).at("/mcp").to(&app).await;
    assert!(wrong.tool_error().contains('b'), "{wrong}");
    let read =
        modern("resources/read", json!({"uri": "x://pair"})).header("mcp-name", "x://pair").at("/mcp").to(&app).await;
    assert_eq!(read.result()["contents"][0]["text"], r#"{"a":1,"b":2}"#);
}

#[tokio::test]
async fn a_handler_that_asks_has_the_head_as_it_was_sent() {
    let lines = tool_fn("lines", "", |Headers(headers): Headers| {
        let lines: Vec<_> = headers.get_all("x-line").iter().map(|line| line.as_bytes().to_vec()).collect();
        format!("{lines:?}, {}", headers.get("authorization").is_some_and(http::HeaderValue::is_sensitive))
    });
    let both = tool_fn("both", "", |State(word): State<&'static str>, Extension(user): Extension<User>| {
        Json(format!("{word}, {}", user.0))
    });
    let mcp = server_with([lines, both], |mcp| mcp.state("hello"));
    let app = mounted(mcp);
    let ask = call("lines").header("x-line", "one").also("x-line", b"t\xffwo").header("authorization", "Bearer x");
    assert_eq!(ask.to(&app).await.text(), format!("{:?}, false", [b"one".to_vec(), b"t\xffwo".to_vec()]));
    assert!(call("both").user("ada").to(&app).await.text().contains("hello, ada"));
}

#[test]
fn data_is_an_extractor_without_being_marked() {
    use mcp_mount::{tool, tools};

    /// Add what the application has to a number.
    #[tool]
    fn add(number: u32, numbers: Data<Vec<u32>>, user: Option<ReqData<User>>) -> String {
        format!("{} {}", numbers.iter().sum::<u32>() + number, user.is_some())
    }
    let mcp = Mcp::new("rig", "1").tools(tools![add]).build().expect("builds");
    assert_eq!(mcp.describe().tools, ["add"]);
    assert_eq!(add(1, Data::new(vec![1]), None), "2 false");
}
