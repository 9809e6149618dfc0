//! Malformed input: a clear refusal, no handler run, and a server that works as before.

use serde_json::{Value, json};

use crate::{
    rig::{rig, session},
    support::{Ask, LATEST_SESSION, call, legacy, message, modern_call, raw},
    table::{case, check},
};

/// As a session-era client without a session sends it.
fn text(body: impl Into<bytes::Bytes>) -> Ask {
    raw(body).header("mcp-protocol-version", LATEST_SESSION)
}

/// A request whose one member is replaced or added, as JSON text.
fn ping_with(member: &str) -> Ask {
    text(format!(r#"{{"jsonrpc":"2.0","method":"ping",{member}}}"#))
}

#[tokio::test]
async fn bodies_that_are_no_json() {
    let bodies: [(&str, &[u8]); 21] = [
        ("empty", b""),
        ("white space", b" \r\n\t"),
        ("a word", b"hello"),
        ("an open object", b"{"),
        ("two objects", b"{}{}"),
        ("trailing text", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} x"),
        ("trailing comma", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",}"),
        ("single quotes", b"{'jsonrpc':'2.0','id':1,'method':'ping'}"),
        ("a comment", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"/**/}"),
        ("NaN", b"{\"jsonrpc\":\"2.0\",\"id\":NaN,\"method\":\"ping\"}"),
        ("leading zero", b"{\"jsonrpc\":\"2.0\",\"id\":01,\"method\":\"ping\"}"),
        ("bad escape", b"{\"jsonrpc\":\"2.0\",\"id\":\"\\x\",\"method\":\"ping\"}"),
        ("raw newline in a string", b"{\"jsonrpc\":\"2.0\",\"id\":\"\n\",\"method\":\"ping\"}"),
        ("NUL", b"\0"),
        ("byte order mark", b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"),
        ("UTF-16", b"\xff\xfe{\0\"\0j\0"),
        ("UTF-16 without a mark", b"{\0\"\0j\0s\0o\0n\0r\0p\0c\0\"\0"),
        ("bad UTF-8 in a value", b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"ping\"}"),
        ("bad UTF-8 in a key", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"\xc3\":1}"),
        ("overlong UTF-8", b"{\"jsonrpc\":\"2.0\",\"id\":\"\xc0\xaf\",\"method\":\"ping\"}"),
        ("a surrogate as UTF-8", b"{\"jsonrpc\":\"2.0\",\"id\":\"\xed\xa0\x80\",\"method\":\"ping\"}"),
    ];
    check(bodies.map(|(name, body)| case(name, 400, text(body)).code(-32700))).await;
    let skipped = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"extra\":\"\xff\"}";
    check([case("bad UTF-8 in what nobody reads", 400, text(&skipped[..])).code(-32700)]).await;
}

#[tokio::test]
async fn every_truncation_is_refused() {
    let rig = rig();
    for whole in [legacy(call("echo", json!({"text": "é\u{1f600}\\\""}))), modern_call("echo", json!({"text": "é"}))]
    {
        let body = whole.bytes().await;
        for end in 0..body.len() {
            let reply = whole.clone().with_body(body.slice(..end)).to(&rig.mcp).await;
            let cut = String::from_utf8_lossy(&body[..end]);
            assert_eq!((reply.status.as_u16(), reply.code()), (400, -32700), "{cut}\n{reply}");
        }
    }
    assert_eq!(rig.runs(), 0);
    rig.canary("truncation").await;
}

#[tokio::test]
async fn json_that_is_no_message() {
    let bodies = [
        "[]",
        "[1]",
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
        "7",
        "\"ping\"",
        "null",
        "true",
        "{}",
        r#"["2.0",1,"ping"]"#,
        r#"{"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"Method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"METHOD":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method\u0000":"ping"}"#,
        r#"{"method":"ping","id":1}"#,
        r#"{"JSONRPC":"2.0","method":"ping","id":1}"#,
    ];
    check(bodies.map(|body| case(body, 400, text(body)).code(-32600))).await;
    let modern_batch =
        |body: &'static str| raw(body).header("mcp-protocol-version", "2026-07-28").header("mcp-method", "ping");
    check(["[]", "[{}]"].map(|body| case(body, 400, modern_batch(body)).code(-32600))).await;
}

#[tokio::test]
async fn ids() {
    let refused = ["null", "true", "false", "1.5", "{}", "[]", "[1]", "1e-1"];
    check(refused.map(|id| case(id, 400, ping_with(&format!(r#""id":{id}"#))).code(-32600).no_id().says("id"))).await;
    let kept: [(&str, Value); 14] = [
        ("0", json!(0)),
        ("-1", json!(-1)),
        ("1.0", json!(1)),
        ("9007199254740993", json!(9_007_199_254_740_993_u64)),
        ("9223372036854775807", json!(i64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("18446744073709551615", json!(u64::MAX)),
        (r#""""#, json!("")),
        (r#""a""#, json!("a")),
        (r#""1""#, json!("1")),
        (r#""a\"b\\c\/d\n\u0000""#, json!("a\"b\\c/d\n\0")),
        (r#""\u00e9\ud83d\ude00""#, json!("é\u{1f600}")),
        (r#""\u2028\u2029\u007f""#, json!("\u{2028}\u{2029}\u{7f}")),
        ("\"é\u{1f600}\"", json!("é\u{1f600}")),
    ];
    check(kept.map(|(id, echoed)| case(id, 200, ping_with(&format!(r#""id":{id}"#))).echoes(echoed))).await;
}

#[tokio::test]
async fn escaped_names_are_the_names() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"e\u0063ho","arguments":{"te\u0078t":"a\/b"}}}"#;
    check([case("escapes", 200, text(body)).runs(1)]).await;
    let rig = rig();
    assert_eq!(text(body).to(&rig.mcp).await.text(), "a/b");
    let escaped_key = r#"{"jsonrpc":"2.0","id":2,"m\u0065thod":"ping"}"#;
    check([case("an escaped key", 200, text(escaped_key)).echoes(2)]).await;
}

#[tokio::test]
async fn duplicate_members() {
    let call = r#""params":{"name":"echo","arguments":{"text":"x"}}"#;
    let bodies = [
        format!(r#"{{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"tools/call",{call}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/call",{call}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call",{call}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call",{call},{call}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{}},{call}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call",{call}}}"#),
    ];
    check(bodies.map(|body| case(body.clone(), 400, text(body)).code(-32700))).await;
    // One layer further in: whoever checked one of the two values must not see the other one run.
    let inner = [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"raw","name":"echo","arguments":{"text":"x"}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"},"arguments":{"text":"y"}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{},"_meta":{},"arguments":{"text":"x"}}}"#,
    ];
    check(inner.map(|body| case(body, 400, text(body)))).await;
    let rig = rig();
    let arguments = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x","text":"y"}}}"#;
    let reply = text(arguments).to(&rig.mcp).await;
    assert!(reply.tool_error().contains("text"), "{reply}");
    assert_eq!(rig.runs(), 0);
}

#[tokio::test]
async fn wrong_versions_of_json_rpc() {
    let wrong = [r#""1.0""#, r#""2""#, r#""2.00""#, "2", "2.0", "null", "true", "[]", "{}", r#"["2.0"]"#];
    check(wrong.map(|version| {
        let body = format!(r#"{{"jsonrpc":{version},"id":1,"method":"ping"}}"#);
        case(body.clone(), 400, text(body)).code(-32600).echoes(1).says("jsonrpc")
    }))
    .await;
    check(["7", "null", "true", "[]", "{}", r#"["ping"]"#].map(|method| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":"i","method":{method}}}"#);
        case(body.clone(), 400, text(body)).code(-32600).echoes("i").says("method")
    }))
    .await;
}

#[tokio::test]
async fn params_of_the_wrong_type() {
    for params in ["[]", "[1]", "7", "\"x\"", "true", "null", r#"["echo",{"text":"x"}]"#] {
        for method in ["ping", "tools/list", "tools/call", "initialize", "logging/setLevel"] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":5,"method":"{method}","params":{params}}}"#);
            check([case(body.clone(), 400, text(body)).code(-32602).echoes(5).says("params")]).await;
        }
    }
    let fields: [(&str, Value, &str); 15] = [
        ("tools/call", json!({"name": 7}), "name"),
        ("tools/call", json!({"name": ["echo"]}), "name"),
        ("tools/call", json!({"name": {}}), "name"),
        ("tools/call", json!({"name": "echo", "arguments": []}), "arguments"),
        ("tools/call", json!({"name": "echo", "arguments": ["x"]}), "arguments"),
        ("tools/call", json!({"name": "echo", "arguments": "{}"}), "arguments"),
        ("tools/call", json!({"name": "echo", "arguments": 7}), "arguments"),
        ("tools/call", json!({"name": "echo", "arguments": {"text": "x"}, "_meta": []}), "_meta"),
        ("tools/call", json!({"name": "echo", "arguments": {"text": "x"}, "_meta": "x"}), "_meta"),
        ("tools/list", json!({"cursor": 7}), "cursor"),
        (
            "initialize",
            json!({"protocolVersion": 7, "capabilities": {}, "clientInfo": {"name": "n", "version": "1"}}),
            "protocolVersion",
        ),
        (
            "initialize",
            json!({"protocolVersion": LATEST_SESSION, "capabilities": [], "clientInfo": {"name": "n", "version": "1"}}),
            "capabilities",
        ),
        ("initialize", json!({"protocolVersion": LATEST_SESSION, "capabilities": {}, "clientInfo": []}), "clientInfo"),
        (
            "initialize",
            json!({"protocolVersion": LATEST_SESSION, "capabilities": {}, "clientInfo": {"name": 7, "version": "1"}}),
            "name",
        ),
        ("initialize", json!({"capabilities": {}, "clientInfo": {"name": "n", "version": "1"}}), "protocolVersion"),
    ];
    check(fields.map(|(method, params, field)| {
        let message = message(6, method, params);
        case(message.to_string(), 400, legacy(message)).code(-32602).echoes(6).says(field)
    }))
    .await;
}

#[tokio::test]
async fn wrong_types_inside_a_session() {
    let rig = rig();
    let session = session(&rig.mcp).await;
    for params in [json!({"level": 7}), json!({"level": []}), json!({"level": null}), json!({})] {
        let reply = session.post(message(6, "logging/setLevel", params.clone())).to(&rig.mcp).await;
        assert_eq!(reply.code(), -32602, "{params}\n{reply}");
        assert!(reply.error()["message"].as_str().is_some_and(|text| text.contains("level")), "{params}\n{reply}");
    }
    // A notification has no answer to carry an error: it is refused or ignored, and harms nobody.
    for params in
        [json!({"requestId": {}}), json!({"requestId": null}), json!({"requestId": 1.5}), json!({}), json!([])]
    {
        let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
        let reply = session.post(cancel).to(&rig.mcp).await;
        assert!(matches!(reply.status.as_u16(), 202 | 400), "{params}\n{reply}");
    }
    assert!(session.is_alive().await);
}

/// Values of all kinds where a tool's arguments belong: an answer in every case, and never a failure of the server.
#[tokio::test]
async fn odd_numbers_and_texts_in_arguments() {
    let rig = rig();
    for value in
        ["1e400", "-0", "-0.0", "1E+2", "123456789012345678901234567890", "\"\\ud800\"", "\"\\u0000\"", "null", "[[]]"]
    {
        for tool in ["echo", "order", "raw"] {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"text":{value},"items":{value}}}}}}}"#
            );
            let reply = text(body.clone()).to(&rig.mcp).await;
            let answered = matches!(reply.status.as_u16(), 200 | 400);
            assert!(answered, "{body}\n{reply}");
            reply.json();
            rig.canary(&body).await;
        }
    }
}
