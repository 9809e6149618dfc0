//! Requests as a client sends them; `reply.rs` has the other direction.

use std::{future::Future, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::target::{Target, send, sent};

pub use crate::reply::{Live, Reply};

pub const MODERN: &str = "2026-07-28";
pub const LATEST_SESSION: &str = "2025-11-25";
/// The revisions that have sessions, newest first.
pub const SESSION_REVISIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
/// All revisions, newest first: the order of `data.supported`.
pub const ALL_REVISIONS: [&str; 5] = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// A request under construction.
#[derive(Clone, Debug)]
pub struct Ask(Request<Full<Bytes>>);

/// Any method, any body, with nothing but a good `Host`.
pub fn bare(method: Method, body: impl Into<Bytes>) -> Ask {
    let mut request = Request::new(Full::new(body.into()));
    *request.method_mut() = method;
    Ask(request).header("host", "localhost:8000")
}

/// A POST of these bytes with the headers every client sends.
pub fn raw(body: impl Into<Bytes>) -> Ask {
    bare(Method::POST, body)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
}

pub fn post(message: Value) -> Ask {
    raw(message.to_string())
}

pub fn message(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})
}

pub fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

pub fn call(tool: &str, arguments: Value) -> Value {
    message(1, "tools/call", json!({"name": tool, "arguments": arguments}))
}

/// `tools/call` with `_meta.progressToken`, so that the tool's progress is sent.
pub fn call_with_progress(tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": "token"}});
    message(1, "tools/call", params)
}

pub fn initialize(revision: &str) -> Ask {
    post(message(
        "init",
        "initialize",
        json!({
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": {"name": "it", "version": "0.1"},
        }),
    ))
}

/// A message of the session era from a client that has no session.
pub fn legacy(message: Value) -> Ask {
    post(message).header("mcp-protocol-version", LATEST_SESSION)
}

/// The `_meta` of a 2026-07-28 request.
pub fn modern_meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "it", "version": "0.1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A complete 2026-07-28 request; keys in `params._meta` are added to the required ones, and override them.
pub fn modern(method: &str, mut params: Value) -> Ask {
    let mut meta = modern_meta();
    if let Some(Value::Object(given)) = params.get("_meta").cloned() {
        for (key, value) in given {
            meta[key] = value;
        }
    }
    params["_meta"] = meta;
    let name = params["name"].as_str().map(str::to_owned);
    let mut ask = post(message(1, method, params)).header("mcp-protocol-version", MODERN).header("mcp-method", method);
    if let Some(name) = name {
        ask = ask.header("mcp-name", name);
    }
    ask
}

pub fn modern_call(tool: &str, arguments: Value) -> Ask {
    modern("tools/call", json!({"name": tool, "arguments": arguments}))
}

/// What the host's login middleware puts on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(pub &'static str);

impl Ask {
    /// Sets a header, replacing what is there.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = pair(name, value.as_ref());
        self.0.headers_mut().insert(name, value);
        self
    }

    /// Adds one more line of a header.
    pub fn also(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = pair(name, value.as_ref());
        self.0.headers_mut().append(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.headers_mut().remove(name);
        self
    }

    pub fn method(mut self, method: Method) -> Self {
        *self.0.method_mut() = method;
        self
    }

    pub fn at(mut self, uri: &str) -> Self {
        *self.0.uri_mut() = uri.parse::<Uri>().expect("a URI");
        self
    }

    pub fn version(mut self, version: http::Version) -> Self {
        *self.0.version_mut() = version;
        self
    }

    /// As the host's middleware would have marked it.
    pub fn user(mut self, name: &'static str) -> Self {
        self.0.extensions_mut().insert(User(name));
        self
    }

    /// As the host would have it from a connection with this peer.
    pub fn peer(mut self, address: SocketAddr) -> Self {
        self.0.extensions_mut().insert(address);
        self
    }

    pub fn request(self) -> Request<Full<Bytes>> {
        self.0
    }

    /// The body that is going to be sent.
    pub async fn bytes(&self) -> Bytes {
        let Ok(body) = http_body_util::BodyExt::collect(self.0.body().clone()).await;
        body.to_bytes()
    }

    /// The same head with another body.
    pub fn with_body(self, body: impl Into<Bytes>) -> Self {
        Self(self.0.map(|_| Full::new(body.into())))
    }

    pub fn is_head(&self) -> bool {
        self.0.method() == Method::HEAD
    }

    /// Sends it and reads the whole reply.
    pub async fn to(self, target: &impl Target) -> Reply {
        self.open(target).await.collect().await
    }

    /// `to` for a task of its own.
    pub fn owned_to<T: Target>(self, target: &T) -> impl Future<Output = Reply> + Send + use<T> {
        let answer = sent(target.door(), self.0);
        async move { answer.await.collect().await }
    }

    /// Sends it and returns as soon as the headers are there.
    pub async fn open(self, target: &impl Target) -> Live {
        send(target, self.0).await
    }
}

impl From<Request<Full<Bytes>>> for Ask {
    fn from(request: Request<Full<Bytes>>) -> Self {
        Self(request)
    }
}

fn pair(name: &str, value: &[u8]) -> (HeaderName, HeaderValue) {
    (HeaderName::try_from(name).expect("a header name"), HeaderValue::from_bytes(value).expect("a header value"))
}

/// Lets the paused clock run: every timer on the way fires in its order.
pub async fn pass(period: Duration) {
    tokio::time::sleep(period).await;
}

/// On the paused clock: a future that never comes fails here, by name, instead of hanging the test.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(24 * 3600), future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: did not happen within a day"),
    }
}

pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
