//! How a message becomes a request: its id, its `_meta` and its headers.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::client::{Client, Learnt};
use super::error::{Asked, Error};
use super::headers::encode;
use crate::Revision;

const META: &str = "io.modelcontextprotocol/";
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// A request's message, and what an answer to it is judged by.
#[derive(Clone, Debug)]
pub(super) struct Composed {
    pub(super) id: i64,
    pub(super) message: Value,
    /// The server may send progress under this token only.
    pub(super) token: Option<Value>,
    /// The server may send log messages.
    pub(super) may_log: bool,
    pub(super) is_stateless: bool,
}

impl Client {
    /// The POST of a request as the client would send it, to be changed before [`raw`](Self::raw) sends it: one header
    /// less, another body. `params` is a JSON object, or `()` where there are none; the id, the `_meta` that the revision
    /// demands and every header are added.
    ///
    /// ```
    /// use mcp_mount::testing::Client;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
    /// let client = Client::new(mcp);
    /// let mut request = client.prepare("tools/list", ())?;
    /// request.headers_mut().insert("mcp-method", "tools/call".parse()?);
    /// let response = client.raw(request).await?;
    /// assert_eq!(response.json()["error"]["code"], -32020, "{response}");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When `params` is no JSON object.
    pub fn prepare(&self, method: &str, params: impl Serialize) -> Result<Request<Bytes>, Error> {
        let composed = self.compose(method, params)?;
        Ok(self.post(composed.message.to_string().into(), Some(&composed.message)))
    }

    pub(super) fn compose(&self, method: &str, params: impl Serialize) -> Result<Composed, Error> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut params = self.object(method, "params", params)?;
        let asks_for_progress = self.settings.asks_for_progress && mirrored_name(method).is_some();
        if asks_for_progress || self.is_stateless() {
            let meta = params.get_or_insert_default().entry("_meta").or_insert_with(|| json!({}));
            if let Some(meta) = meta.as_object_mut() {
                if asks_for_progress {
                    meta.entry("progressToken").or_insert_with(|| json!(id));
                }
                if self.is_stateless() {
                    self.add_meta(meta);
                }
            }
        }
        let meta = params.as_ref().and_then(|params| params.get("_meta"));
        let token = meta.and_then(|meta| meta.get("progressToken")).cloned();
        let may_log = !self.is_stateless() || meta.is_some_and(|meta| meta.get(format!("{META}logLevel")).is_some());
        let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method});
        if let Some(params) = params {
            message["params"] = params.into();
        }
        Ok(Composed { id, message, token, may_log, is_stateless: self.is_stateless() })
    }

    /// What every request of a revision without sessions says of its client. What a test has set already stays.
    fn add_meta(&self, meta: &mut Map<String, Value>) {
        let mut add = |key: &str, value: Value| {
            meta.entry(format!("{META}{key}")).or_insert(value);
        };
        add("protocolVersion", self.settings.revision.as_str().into());
        add("clientInfo", self.settings.info.clone());
        add("clientCapabilities", self.settings.capabilities.clone());
        if let Some(level) = self.learnt(|learnt| learnt.log_level.clone()) {
            add("logLevel", level.into());
        }
    }

    /// A value as a JSON object, or `None` where it is nothing.
    pub(super) fn object(
        &self,
        method: &str,
        what: &str,
        value: impl Serialize,
    ) -> Result<Option<Map<String, Value>>, Error> {
        let asked = || self.asked(method, None);
        match serde_json::to_value(value) {
            Ok(Value::Object(members)) => Ok(Some(members)),
            Ok(Value::Null) => Ok(None),
            Ok(other) => Err(asked().impossible(format!("{what} must be a JSON object, and is {other}"))),
            Err(error) => Err(asked().impossible(format!("{what} cannot be written as JSON")).caused_by(error.into())),
        }
    }

    /// A POST of any bytes, with the headers that go with them.
    pub(super) fn post(&self, body: Bytes, message: Option<&Value>) -> Request<Bytes> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, body.len().into());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        let method = message.and_then(|message| message.get("method")).and_then(Value::as_str);
        // It opens a session, so it is in none, and its revision is not agreed yet.
        if method != Some("initialize") {
            self.add_session_headers(&mut headers);
        }
        if let (Some(method), true) = (method, self.is_stateless()) {
            if let Ok(method) = HeaderValue::try_from(method) {
                headers.insert("mcp-method", method);
            }
            self.add_mirrored_headers(&mut headers, method, message.and_then(|message| message.get("params")));
        }
        self.as_set(Method::POST, headers, body)
    }

    /// A request without a body: GET and DELETE.
    pub(super) fn bodiless(&self, method: Method, mut headers: HeaderMap) -> Request<Bytes> {
        self.add_session_headers(&mut headers);
        self.as_set(method, headers, Bytes::new())
    }

    /// A request to where, and with what, the test says.
    fn as_set(&self, method: Method, mut headers: HeaderMap, body: Bytes) -> Request<Bytes> {
        headers.insert(HOST, HeaderValue::from_static("localhost"));
        headers.extend(self.settings.headers.clone());
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.settings.path.clone();
        *request.headers_mut() = headers;
        *request.extensions_mut() = self.settings.extensions.clone();
        request
    }

    fn add_session_headers(&self, headers: &mut HeaderMap) {
        // 2025-06-18 is the first that has the header.
        if self.settings.revision >= Revision::V2025_06_18 {
            headers.insert(VERSION, HeaderValue::from_static(self.settings.revision.as_str()));
        }
        if let Some(session) = &self.session {
            headers.insert(SESSION, session.clone());
        }
    }

    fn add_mirrored_headers(&self, headers: &mut HeaderMap, method: &str, params: Option<&Value>) {
        let Some(params) = params else {
            return;
        };
        let name = mirrored_name(method).and_then(|member| params.get(member)).and_then(Value::as_str);
        let Some(name) = name else {
            return;
        };
        headers.insert("mcp-name", encode(name));
        if let (TOOLS_CALL, Some(arguments)) = (method, params.get("arguments")) {
            let mirrored = self.learnt(|learnt| learnt.mirrored.get(name).cloned()).unwrap_or_default();
            headers.extend(mirrored.iter().filter_map(|mirrored| mirrored.header(arguments)));
        }
    }

    pub(super) fn learnt<T>(&self, use_it: impl FnOnce(&mut Learnt) -> T) -> T {
        use_it(&mut self.learnt.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How errors name a request.
    pub(super) fn asked(&self, method: &str, params: Option<&Value>) -> Asked {
        let name = mirrored_name(method).and_then(|member| params?.get(member)?.as_str());
        let name = name.map(|name| format!(" {name:?}")).unwrap_or_default();
        Asked(format!("{method}{name} (POST {}, {})", self.settings.path, self.settings.revision))
    }
}

pub(super) const TOOLS_CALL: &str = "tools/call";

/// The member of `params` that names what the request is about, for the methods that are about one thing.
fn mirrored_name(method: &str) -> Option<&'static str> {
    match method {
        TOOLS_CALL | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        _ => None,
    }
}
