//! A server on one thread, whose clock stands still, and requests to it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use allocation_counter::measure;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use mcp_mount::{Args, Body, Context, Limits, Mcp, McpService, Sessions, tool_fn};
use tokio::runtime::{Builder, Runtime};
use tower::Service as _;

/// How many calls and streams there may be at a time.
const MANY: usize = 20_000;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Talk {
    /// How often it speaks.
    says: u32,
    /// How often it lets others go first after each time.
    yields: u32,
    /// Whether it waits for ever then.
    waits: bool,
}

async fn talk(Args(Talk { says, yields, waits }): Args<Talk>, ctx: Context) -> &'static str {
    for number in 1..=says {
        ctx.progress(f64::from(number)).await;
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
    }
    if waits {
        std::future::pending::<()>().await;
    }
    "done"
}

/// Whatever it is given, none of it is kept.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Wait {}

/// A server, and the thread that does all its work.
pub(crate) struct Rig {
    runtime: Runtime,
    pub(crate) mcp: McpService,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let mcp = runtime.block_on(async {
            Mcp::new("memory", "1.0.0")
                .sessions(Sessions::new().max(MANY))
                .limits(Limits::new().calls_in_flight(MANY).open_streams(MANY))
                .tool(tool_fn("talk", "Talk", talk))
                .tool(tool_fn("wait", "Wait for ever", |Args(Wait {}): Args<Wait>| std::future::pending::<&str>()))
                .build()
                .expect("a server of two tools")
        });
        Self { runtime, mcp }
    }

    /// Does some work, and answers how many bytes more are live after it.
    pub(crate) fn live<T>(&self, work: impl Future<Output = T>) -> (T, i64) {
        let mut outcome = None;
        let counted = measure(|| outcome = Some(self.run(work)));
        (outcome.expect("the work is done"), counted.bytes_current)
    }

    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Nothing is live after this work that was not before, when it is done for the second time and the third. The first
    /// time makes what is made once.
    pub(crate) fn leaves_nothing(&self, what: &str, work: impl AsyncFn()) {
        self.run(work());
        let lives = [(); 2].map(|()| self.live(work()).1);
        assert_eq!(lives, [0, 0], "{what}: bytes are still live");
    }

    /// The same, but for `spare` bytes after the work has been done five more times: by then tables whose size is a matter of
    /// luck have about the most that they come to.
    pub(crate) fn leaves_at_most(&self, spare: i64, what: &str, work: impl AsyncFn()) {
        (0..6).for_each(|_| self.run(work()));
        let lives = [(); 5].map(|()| self.live(work()).1);
        assert!(lives.iter().sum::<i64>().abs() <= spare, "{what}: {lives:?} bytes are still live");
    }

    /// So many sessions.
    pub(crate) async fn sessions(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(self.open().await);
        }
        ids
    }

    pub(crate) async fn delete_all(&self, ids: Vec<String>) {
        for id in ids {
            self.delete(&id).await;
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Response<Body> {
        self.mcp.clone().call(request).await.expect("infallible")
    }

    /// Opens a session, as a client does. Answers its id.
    async fn open(&self) -> String {
        let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"memory","version":"1.0.0"}}}"#;
        let response = self.send(post(&[], initialize)).await;
        let id = response.headers()["mcp-session-id"].to_str().expect("visible ASCII").to_owned();
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let response = self.send(post(&in_session(&id), initialized)).await;
        assert_eq!(response.status(), 202);
        id
    }

    async fn delete(&self, id: &str) {
        let response = self.send(request(Method::DELETE, &in_session(id), "")).await;
        assert_eq!(response.status(), 204);
    }

    /// Opens the stream of a session, as far as it has something to say.
    pub(crate) async fn get(&self, id: &str) -> Stream {
        Stream::of(self.send(request(Method::GET, &in_session(id), "")).await).await
    }

    /// Opens a stream of changes, as far as it has something to say.
    pub(crate) async fn listen(&self) -> Stream {
        let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "subscriptions/listen")];
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{{"toolsListChanged":true}},"_meta":{{{META}}}}}}}"#
        );
        Stream::of(self.send(post(&headers, &body)).await).await
    }

    /// Calls the tool that waits, with so many bytes that it does not look at.
    pub(crate) async fn call_large(&self, bytes: usize) {
        let request = {
            let arguments = "x".repeat(bytes);
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"wait","arguments":{{"text":"{arguments}"}},"_meta":{{{META}}}}}}}"#
            );
            let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "wait")];
            post(&headers, &body)
        };
        self.send(request).await;
    }

    /// Calls the tool that talks: in a session, or in 2026-07-28.
    pub(crate) async fn call(&self, session: Option<&str>, arguments: &str) -> Response<Body> {
        let call = |meta: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"talk","arguments":{{{arguments}}},"_meta":{{"progressToken":1{meta}}}}}}}"#
            )
        };
        match session {
            Some(id) => self.send(post(&in_session(id), &call(""))).await,
            None => {
                let headers =
                    [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "talk")];
                self.send(post(&headers, &call(&format!(",{META}")))).await
            }
        }
    }
}

const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"memory","version":"1.0.0"},"io.modelcontextprotocol/clientCapabilities":{}"#;

fn in_session(id: &str) -> [(&'static str, &str); 2] {
    [("mcp-session-id", id), ("mcp-protocol-version", "2025-11-25")]
}

fn post(headers: &[(&'static str, &str)], body: &str) -> Request<Full<Bytes>> {
    request(Method::POST, headers, body)
}

fn request(method: Method, headers: &[(&'static str, &str)], body: &str) -> Request<Full<Bytes>> {
    let accept = if method == Method::GET { "text/event-stream" } else { "application/json, text/event-stream" };
    let mut request = Request::builder().method(method).uri("/").header("host", "127.0.0.1").header("accept", accept);
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).expect("a valid request")
}

/// The body of a stream.
pub(crate) struct Stream(Body);

impl Stream {
    pub(crate) async fn of(response: Response<Body>) -> Self {
        assert_eq!(response.status(), 200);
        let mut stream = Self(response.into_body());
        stream.drain().await;
        stream
    }

    /// Reads all that is there, and waits for more, as the web server does. Answers whether the stream has ended.
    pub(crate) async fn drain(&mut self) -> bool {
        poll_fn(|cx| {
            loop {
                match Pin::new(&mut self.0).poll_frame(cx) {
                    Poll::Ready(Some(_)) => {}
                    Poll::Ready(None) => return Poll::Ready(true),
                    Poll::Pending => return Poll::Ready(false),
                }
            }
        })
        .await
    }

    /// Reads it to its end.
    pub(crate) async fn end(self) {
        self.0.collect().await.expect("a whole stream");
    }
}

/// Lets the tasks that are ready have their turns.
pub(crate) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
