//! The yardstick: what somebody would write who needs these two tools and nothing else of MCP. The request is read with
//! serde_json, the answer is written with it; nothing is checked, no session is kept.
//!
//! It is what `benches/by_hand` is to the crate's own benchmarks, and it also opens sessions, lists its tools and speaks
//! before it answers. Both hosts send what [`answer`] returns, with the headers that this crate's answers have: a yardstick
//! that wrote less would measure what is written, and not what it takes to write it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `Cache-Control` of a stream of events.
pub const OF_EVENTS: &str = "no-cache, no-store, no-transform";

/// What is sent back.
#[derive(Debug)]
pub enum Answer {
    /// The answer to a call, as JSON.
    Json(Vec<u8>),
    /// The answer to a call that said something before, as a stream of events of which all are known.
    Events(String),
    /// The answer to `initialize`, with the id of the session.
    Opened(Vec<u8>, String),
    /// A notification has been taken.
    Accepted,
}

#[derive(Deserialize)]
struct Message<'a> {
    id: Option<u64>,
    method: &'a str,
    #[serde(borrow)]
    params: Option<Params<'a>>,
}

#[derive(Deserialize)]
struct Params<'a> {
    name: Option<&'a str>,
    arguments: Option<Arguments>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    // Not `Cow`, which would copy it: in an `Option` it does not borrow.
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<&'a str>,
    #[serde(rename = "progressToken")]
    progress: Option<u64>,
}

#[derive(Deserialize)]
struct Arguments {
    message: Option<String>,
    events: Option<u32>,
}

#[derive(Serialize)]
struct Response<T> {
    jsonrpc: &'static str,
    id: u64,
    result: T,
}

#[derive(Serialize)]
struct CallResult {
    content: [Text; 1],
    #[serde(rename = "resultType", skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<ServerMeta>,
}

#[derive(Serialize)]
struct Text {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
}

#[derive(Serialize)]
struct ServerMeta {
    #[serde(rename = "io.modelcontextprotocol/serverInfo")]
    server_info: ServerInfo,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    protocol_version: &'static str,
    capabilities: Capabilities,
    server_info: ServerInfo,
}

#[derive(Serialize)]
struct Capabilities {
    tools: Empty,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct ServerInfo {
    name: &'static str,
    version: &'static str,
}

const SERVER: ServerInfo = ServerInfo { name: "bench", version: "1.0.0" };

/// The answer to the message that is the body of a POST.
///
/// # Panics
///
/// If it is not one that the load generator sends.
#[must_use]
pub fn answer(body: &[u8], tools: &str) -> Answer {
    let message: Message<'_> = serde_json::from_slice(body).expect("a message");
    let Some(id) = message.id else { return Answer::Accepted };
    match message.method {
        "tools/call" => call(id, message.params.expect("parameters")),
        "initialize" => {
            let capabilities = Capabilities { tools: Empty {} };
            let result = Initialized { protocol_version: "2025-11-25", capabilities, server_info: SERVER };
            Answer::Opened(json(id, result), Uuid::new_v4().simple().to_string())
        }
        "tools/list" => Answer::Json(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{tools}}}"#).into_bytes()),
        other => panic!("{other} is not served"),
    }
}

fn call(id: u64, params: Params<'_>) -> Answer {
    let token = params.meta.as_ref().and_then(|meta| meta.progress);
    let modern = params.meta.is_some_and(|meta| meta.version == Some("2026-07-28"));
    let arguments = params.arguments.expect("arguments");
    if params.name == Some("count") {
        return Answer::Events(count(id, modern, token.expect("a token"), arguments.events.expect("events")));
    }
    let text = arguments.message.expect("a message");
    Answer::Json(json(id, outcome(text, modern)))
}

fn outcome(text: String, modern: bool) -> CallResult {
    CallResult {
        content: [Text { kind: "text", text }],
        result_type: modern.then_some("complete"),
        meta: modern.then_some(ServerMeta { server_info: SERVER }),
    }
}

fn count(id: u64, modern: bool, token: u64, events: u32) -> String {
    let mut all = String::new();
    for index in 0..events {
        let params = format!(r#"{{"progressToken":{token},"progress":{index}}}"#);
        let message = format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}"#);
        let _ = write!(all, "event: message\ndata: {message}\n\n");
    }
    let last = json(id, outcome(format!("counted to {events}"), modern));
    let _ = write!(all, "event: message\ndata: {}\n\n", String::from_utf8_lossy(&last));
    all
}

fn json(id: u64, result: impl Serialize) -> Vec<u8> {
    serde_json::to_vec(&Response { jsonrpc: "2.0", id, result }).expect("an answer")
}

/// The result of `tools/list`, written once: nobody who writes by hand would write it again for each request.
#[must_use]
pub fn tools(more: impl Iterator<Item = String>) -> String {
    let tool = |name: &str| {
        let schema = r#"{"type":"object","properties":{"message":{"type":"string"}},"required":["message"]}"#;
        format!(r#"{{"name":"{name}","description":"Say it again.","inputSchema":{schema}}}"#)
    };
    let all: Vec<String> =
        ["echo", "count"].map(str::to_owned).into_iter().chain(more).map(|name| tool(&name)).collect();
    format!(r#"{{"tools":[{}],"resultType":"complete","ttlMs":0,"cacheScope":"public"}}"#, all.join(","))
}
