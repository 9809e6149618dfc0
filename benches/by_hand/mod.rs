//! The yardstick: what somebody would write who needs this one tool, without MCP's checks.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Message<'a> {
    id: u64,
    method: &'a str,
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
struct Params<'a> {
    name: &'a str,
    arguments: Arguments,
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    // Not `Cow`, which would copy it: in an `Option` it does not borrow.
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<&'a str>,
}

#[derive(Deserialize)]
struct Arguments {
    message: String,
}

#[derive(Serialize)]
struct Answer {
    jsonrpc: &'static str,
    id: u64,
    result: Outcome,
}

#[derive(Serialize)]
struct Outcome {
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
struct ServerInfo {
    name: &'static str,
    version: &'static str,
}

/// Reads the request with serde_json and writes the answer with it.
#[allow(dead_code, reason = "one of the benchmarks has other types")]
pub(crate) async fn answer(request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
    let body = Limited::new(request.into_body(), 4 << 20).collect().await.expect("within the limit").to_bytes();
    let answer = answer_to(&body);
    let response = Response::builder().header("content-type", "application/json").header("cache-control", "no-store");
    response.body(Full::new(answer.into())).expect("a response")
}

/// The answer to a message.
pub(crate) fn answer_to(body: &[u8]) -> Vec<u8> {
    let message: Message<'_> = serde_json::from_slice(body).expect("a message");
    assert!(message.method == "tools/call" && message.params.name == "echo");
    let modern = message.params.meta.is_some_and(|meta| meta.version == Some("2026-07-28"));
    let text = Text { kind: "text", text: message.params.arguments.message };
    let meta = ServerMeta { server_info: ServerInfo { name: "bench", version: "1.0.0" } };
    let outcome = Outcome { content: [text], result_type: modern.then_some("complete"), meta: modern.then_some(meta) };
    serde_json::to_vec(&Answer { jsonrpc: "2.0", id: message.id, result: outcome }).expect("an answer")
}
