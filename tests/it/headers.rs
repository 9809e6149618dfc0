//! Content-Type, Content-Encoding, Accept.

use serde_json::json;

use crate::{
    support::{Ask, call, legacy},
    table::{case, check},
};

fn echo() -> Ask {
    legacy(call("echo", json!({"text": "hello"})))
}

#[tokio::test]
async fn content_types() {
    let accepted = [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        "application/json; profile=x",
        "application/json ; charset=utf-8",
    ];
    check(accepted.map(|value| case(value, 200, echo().header("content-type", value)).runs(1))).await;
    let refused = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-rpc",
        "application/jsonx",
        "application/json+x",
        "application",
        "text/json",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "*/*",
        "",
    ];
    check(refused.map(|value| case(value, 415, echo().header("content-type", value)).says("content-type"))).await;
    check([
        case("missing", 415, echo().without("content-type")).says("content-type").says("application/json"),
        case("two that differ", 415, echo().also("content-type", "text/plain")),
        case("not readable", 415, echo().header("content-type", b"application/json\xff")),
    ])
    .await;
}

#[tokio::test]
async fn content_encodings() {
    check([
        case("identity", 200, echo().header("content-encoding", "identity")).runs(1),
        case("IDENTITY", 200, echo().header("content-encoding", "IDENTITY")).runs(1),
    ])
    .await;
    check(
        ["gzip", "deflate", "br", "zstd", "identity, gzip", "x"]
            .map(|value| case(value, 415, echo().header("content-encoding", value)).says("content-encoding")),
    )
    .await;
    check([case("a second line", 415, echo().header("content-encoding", "identity").also("content-encoding", "gzip"))])
        .await;
}

#[tokio::test]
async fn accept() {
    let json = [
        "application/json",
        "APPLICATION/JSON",
        "application/json, text/event-stream",
        "text/event-stream, application/json",
        "application/*",
        "*/*",
        "text/html, application/xhtml+xml, */*;q=0.8",
        "application/json;q=0.1",
        "application/json; charset=utf-8",
        "text/event-stream;q=0, application/json",
        "text/plain, application/json",
    ];
    check(json.map(|value| {
        case(value, 200, echo().header("accept", value)).runs(1).header("content-type", "application/json")
    }))
    .await;
    let sse = ["text/event-stream", "Text/Event-Stream", "text/*", "application/json;q=0, text/event-stream"];
    check(sse.map(|value| {
        case(value, 200, echo().header("accept", value)).runs(1).header("content-type", "text/event-stream")
    }))
    .await;
    let neither = [
        "text/html",
        "application/xml, image/*",
        "application/json;q=0",
        "application/json;q=0, text/event-stream;q=0.0",
        "*/*;q=0",
        "application/jsonx",
    ];
    check(neither.map(|value| case(value, 406, echo().header("accept", value)).says("accept"))).await;
    check([
        case("absent", 200, echo().without("accept")).runs(1).header("content-type", "application/json"),
        case("two lines", 200, echo().header("accept", "text/html").also("accept", "application/json")).runs(1),
        case("two lines, neither", 406, echo().header("accept", "text/html").also("accept", "image/png")),
        case("type before accept", 415, echo().header("accept", "text/html").header("content-type", "text/plain")),
    ])
    .await;
}
