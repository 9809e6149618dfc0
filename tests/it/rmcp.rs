//! The client of the official Rust SDK (`rmcp`) against an axum server on a real socket, in each revision it speaks.
//!
//! `rmcp` chooses by its lifecycle mode. `Initialize` (its default) opens a session and offers the version in its
//! configuration; `Discover` asks `server/discover` and goes on without a session; `Auto` discovers first and falls
//! back to a session.

mod asking;
mod changes;
mod resuming;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt as _, RoleClient, ServiceError,
    model::{
        CallToolRequestParams, CallToolResult, ClientConfig, ErrorCode, JsonObject, ProgressNotificationParam,
        ProtocolVersion,
    },
    service::{NotificationContext, RunningService},
    transport::StreamableHttpClientTransport,
};
use axum::{
    Router,
    extract::Request,
    http::{Method, StatusCode},
    middleware::{self, Next},
};
use mcp_mount::{Args, Context, Mcp, State, ToolError, tool_fn};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};

/// A client that stops short of its answer fails here instead of hanging.
const WITHIN: Duration = Duration::from_secs(30);
const STEPS: u32 = 5;

#[tokio::test]
async fn session_2024_11_05() {
    session(ProtocolVersion::V_2024_11_05).await;
}

#[tokio::test]
async fn session_2025_03_26() {
    session(ProtocolVersion::V_2025_03_26).await;
}

#[tokio::test]
async fn session_2025_06_18() {
    session(ProtocolVersion::V_2025_06_18).await;
}

#[tokio::test]
async fn session_2025_11_25() {
    session(ProtocolVersion::V_2025_11_25).await;
}

/// What `client.serve(transport)` does out of the box: it offers a revision that has no `initialize` any more.
#[tokio::test]
async fn initialize_that_offers_the_stateless_revision_gets_the_newest_session() {
    let offered = ProtocolVersion::V_2026_07_28;
    let negotiated = ProtocolVersion::LATEST_WITH_INITIALIZE;
    open_session(offered, &negotiated).await;
}

#[tokio::test]
async fn stateless_by_discovery() {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    stateless(ClientLifecycleMode::Discover { preferred_versions }).await;
}

#[tokio::test]
async fn stateless_by_auto() {
    stateless(ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: None,
    })
    .await;
}

async fn session(version: ProtocolVersion) {
    open_session(version.clone(), &version).await;
}

async fn open_session(offered: ProtocolVersion, negotiated: &ProtocolVersion) {
    let server = Server::start().await;
    tokio::time::timeout(WITHIN, async {
        let client = server.connect(offered, ClientLifecycleMode::Initialize).await;
        exercise(&client, negotiated).await;
        // The client opens its GET stream beside its calls.
        while server.log.of(&Method::GET).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        client.cancel().await.expect("the client closes");
    })
    .await
    .expect("the client came to its end");

    let log = server.log.all();
    assert_eq!(log[0].session, None, "the first request opens the session: {log:?}");
    assert!(
        log[1..].iter().all(|seen| seen.session.is_some() && seen.session == log[1].session),
        "every later request names the same session: {log:?}"
    );
    assert_eq!(server.log.of(&Method::GET)[0].status, StatusCode::OK);
    let last = log.last().expect("requests were logged");
    assert_eq!(last.method, Method::DELETE, "{log:?}");
    assert!(last.status.is_success(), "{last:?}");
}

async fn stateless(mode: ClientLifecycleMode) {
    let server = Server::start().await;
    let version = ProtocolVersion::V_2026_07_28;
    tokio::time::timeout(WITHIN, async {
        let client = server.connect(version.clone(), mode).await;
        exercise(&client, &version).await;
        client.cancel().await.expect("the client closes");
    })
    .await
    .expect("the client came to its end");

    let log = server.log.all();
    assert_eq!(log[0].rpc.as_deref(), Some("server/discover"), "it asks first: {log:?}");
    for seen in &log {
        assert_eq!(seen.method, Method::POST, "nothing but POST: {log:?}");
        assert_eq!(seen.session, None, "no session: {log:?}");
        assert_eq!(seen.version.as_deref(), Some("2026-07-28"), "{log:?}");
        assert_eq!(seen.status, StatusCode::OK, "{log:?}");
    }
}

/// The same in each revision: list, call, fail, and see progress while the call runs.
async fn exercise(client: &RunningService<RoleClient, Watcher>, version: &ProtocolVersion) {
    let info = client.peer_info().expect("the server has introduced itself");
    assert_eq!(&info.protocol_version, version);
    assert!(info.capabilities.tools.is_some(), "{info:?}");

    let tools = client.list_all_tools().await.expect("tools/list");
    let mut names: Vec<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    names.sort_unstable();
    assert_eq!(names, ["add", "count", "fail"]);

    let sum = call(client, "add", json!({"a": 2.0, "b": 3.0})).await;
    assert_ne!(sum.is_error, Some(true), "{sum:?}");
    assert_eq!(text(&sum), "5");

    let bad = call(client, "add", json!({"a": "two", "b": 3.0})).await;
    assert_eq!(bad.is_error, Some(true), "{bad:?}");
    assert!(text(&bad).contains('a'), "the text names the argument: {bad:?}");

    let failed = call(client, "fail", json!({})).await;
    assert_eq!(failed.is_error, Some(true), "{failed:?}");
    assert!(text(&failed).contains("no luck today"), "{failed:?}");

    let unknown = client.call_tool(CallToolRequestParams::new("no_such_tool")).await;
    match unknown {
        Err(ServiceError::McpError(error)) => assert_eq!(error.code, ErrorCode::INVALID_PARAMS),
        other => panic!("an unknown tool is a protocol error, not {other:?}"),
    }

    // `count` goes on only when the client has seen the step before: progress that came after the call, or in one
    // piece with its result, would leave it waiting for ever.
    let counted = call(client, "count", json!({"n": STEPS})).await;
    assert_eq!(text(&counted), format!("counted to {STEPS}"));
    let seen = client.service().seen();
    let expected: Vec<f64> = (1..=STEPS).map(f64::from).collect();
    assert_eq!(seen, expected, "each step, in order");
}

async fn call<C>(client: &RunningService<RoleClient, C>, tool: &'static str, arguments: Value) -> CallToolResult
where
    C: ClientHandler,
{
    let arguments: JsonObject = serde_json::from_value(arguments).expect("arguments are an object");
    client
        .call_tool(CallToolRequestParams::new(tool).with_arguments(arguments))
        .await
        .unwrap_or_else(|error| panic!("tools/call {tool}: {error}"))
}

fn text(result: &CallToolResult) -> &str {
    let first = result.content.first().and_then(|block| block.as_text());
    &first.expect("a text block").text
}

/// A client that notes the progress it is told of, and lets the tool `count` go on for each.
struct Watcher {
    config: ClientConfig,
    progress: Mutex<Vec<f64>>,
    told: Arc<Semaphore>,
}

impl Watcher {
    fn seen(&self) -> Vec<f64> {
        let progress = self.progress.lock();
        progress.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientHandler for Watcher {
    async fn on_progress(&self, params: ProgressNotificationParam, _context: NotificationContext<RoleClient>) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).push(params.progress);
        self.told.add_permits(1);
    }

    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }
}

/// What a request said in its head, and how it was answered.
#[derive(Clone, Debug)]
struct Seen {
    method: Method,
    rpc: Option<String>,
    session: Option<String>,
    version: Option<String>,
    status: StatusCode,
}

fn header(request: &Request, name: &str) -> Option<String> {
    let value = request.headers().get(name)?;
    value.to_str().ok().map(str::to_owned)
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    fn all(&self) -> Vec<Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn of(&self, method: &Method) -> Vec<Seen> {
        let mut seen = self.all();
        seen.retain(|seen| seen.method == method);
        seen
    }

    /// A middleware of the host application.
    async fn note(self, request: Request, next: Next) -> axum::response::Response {
        let mut seen = Seen {
            method: request.method().clone(),
            rpc: header(&request, "mcp-method"),
            session: header(&request, "mcp-session-id"),
            version: header(&request, "mcp-protocol-version"),
            status: StatusCode::OK,
        };
        let response = next.run(request).await;
        seen.status = response.status();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        response
    }
}

struct Server {
    address: SocketAddr,
    log: Log,
    told: Arc<Semaphore>,
    running: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        Self::of(router).await
    }

    async fn of(app: impl FnOnce(Arc<Semaphore>) -> Router) -> Self {
        let told = Arc::new(Semaphore::new(0));
        let log = Log::default();
        let noting = log.clone();
        let app = app(told.clone())
            .layer(middleware::from_fn(move |request: Request, next: Next| noting.clone().note(request, next)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port is known");
        let running = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("axum serves");
        });
        Self { address, log, told, running }
    }

    async fn connect(
        &self,
        version: ProtocolVersion,
        mode: ClientLifecycleMode,
    ) -> RunningService<RoleClient, Watcher> {
        let watcher = Watcher {
            config: ClientConfig::default().with_protocol_version(version),
            progress: Mutex::default(),
            told: self.told.clone(),
        };
        self.client(watcher, mode).await
    }

    async fn client<C: ClientHandler>(&self, handler: C, mode: ClientLifecycleMode) -> RunningService<RoleClient, C> {
        let url = format!("http://{}/mcp", self.address);
        let transport = StreamableHttpClientTransport::from_uri(url);
        handler.serve_with_lifecycle(transport, mode).await.expect("the client connects")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

// The server under test.

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct AddArgs {
    a: f64,
    b: f64,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct CountArgs {
    n: u32,
}

async fn count(Args(CountArgs { n }): Args<CountArgs>, State(told): State<Arc<Semaphore>>, ctx: Context) -> String {
    for step in 1..=n {
        ctx.progress(f64::from(step)).total(f64::from(n)).await;
        let told = told.acquire().await.expect("the semaphore is never closed");
        told.forget();
    }
    format!("counted to {n}")
}

fn router(told: Arc<Semaphore>) -> Router {
    let add = |Args(AddArgs { a, b }): Args<AddArgs>| async move { a + b };
    let fail = || async { Err::<String, _>(ToolError::expose("no luck today")) };
    let mcp = Mcp::new("rmcp", "1.0.0")
        .tool(tool_fn("add", "Add two numbers.", add))
        .tool(tool_fn("count", "Count, reporting each step.", count))
        .tool(tool_fn("fail", "Fail.", fail))
        .state(told)
        .build()
        .expect("the server builds");
    Router::new().merge(mcp.at("/mcp"))
}
