//! What a tool's handler may return, and what becomes of it.

use std::{borrow::Cow, net::IpAddr, net::SocketAddr, sync::Arc};

use mcp_mount::{CallToolResult, Content, Json, Tool, ToolError, tool_fn};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    eras::{Client, TOOLS, both},
    rig::server,
    support::ALL_REVISIONS,
};

macro_rules! returning {
    ($value:expr) => {
        tool_fn("it", "", || async { $value })
    };
}

fn fails<E: Into<ToolError>>(error: E) -> Result<&'static str, E> {
    Err(error)
}

#[tokio::test]
async fn texts_and_what_is_written_as_text() {
    let address: IpAddr = "::1".parse().expect("an address");
    let socket = SocketAddr::new(address, 80);
    let id = uuid::Uuid::nil();
    for (tool, text) in [
        (returning!("str \"quoted\"\n\u{0}\u{2028}"), "str \"quoted\"\n\u{0}\u{2028}"),
        (returning!(String::from("é\u{1f600}")), "é\u{1f600}"),
        (returning!(""), ""),
        (returning!(Cow::Borrowed("borrowed")), "borrowed"),
        (returning!(Cow::<'static, str>::Owned("owned".into())), "owned"),
        (returning!(Box::<str>::from("boxed")), "boxed"),
        (returning!(Arc::<str>::from("shared")), "shared"),
        (returning!('\u{1f600}'), "\u{1f600}"),
        (returning!(true), "true"),
        (returning!(i8::MIN), "-128"),
        (returning!(i16::MIN), "-32768"),
        (returning!(i32::MIN), "-2147483648"),
        (returning!(i64::MIN), "-9223372036854775808"),
        (returning!(i128::MIN), "-170141183460469231731687303715884105728"),
        (returning!(-7_isize), "-7"),
        (returning!(u8::MAX), "255"),
        (returning!(u16::MAX), "65535"),
        (returning!(u32::MAX), "4294967295"),
        (returning!(u64::MAX), "18446744073709551615"),
        (returning!(u128::MAX), "340282366920938463463374607431768211455"),
        (returning!(7_usize), "7"),
        (returning!(0.1_f32), "0.1"),
        (returning!(2.5e-3_f64), "0.0025"),
        (tool_fn("it", "", move || address), "::1"),
        (tool_fn("it", "", move || socket), "[::1]:80"),
        (tool_fn("it", "", move || id), "00000000-0000-0000-0000-000000000000"),
        (returning!(Some("there")), "there"),
        (returning!(Some(7)), "7"),
        (returning!(Ok::<_, ToolError>("fine")), "fine"),
        (returning!(Ok::<_, String>(7_u8)), "7"),
        (returning!(Ok::<_, std::io::Error>(Some(true))), "true"),
        (returning!(Some(Ok::<_, std::fmt::Error>("both"))), "both"),
        (returning!(CallToolResult::text("whole")), "whole"),
    ] {
        let mcp = server([tool]);
        for client in both(&mcp).await {
            let reply = client.call("it", json!({})).await;
            let result = reply.result();
            assert_eq!(result["content"], json!([{"type": "text", "text": text}]), "{reply}");
            assert_eq!(result.get("structuredContent"), None, "{reply}");
            assert_ne!(result["isError"], json!(true), "{reply}");
            assert_eq!(client.list(TOOLS).await[0].get("outputSchema"), None, "{text}: no structure, no schema");
        }
    }
}

#[tokio::test]
async fn nothing_is_a_result_without_content() {
    for tool in [
        returning!(()),
        returning!(None::<String>),
        returning!(None::<Json<u8>>),
        returning!(Ok::<(), ToolError>(())),
        returning!(Vec::<String>::new()),
        returning!(CallToolResult::default()),
    ] {
        let mcp = server([tool]);
        for client in both(&mcp).await {
            let result = client.call("it", json!({})).await.result();
            assert_eq!(result["content"], json!([]), "{result}: an array all the same");
            assert_ne!(result["isError"], json!(true), "{result}");
        }
    }
}

#[tokio::test]
async fn several_blocks_of_text_or_of_anything() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let image = json!({"type": "image", "data": "AQID", "mimeType": "image/png"});
    for (tool, content) in [
        (returning!(vec!["a", "b"]), json!([text("a"), text("b")])),
        (returning!(vec![String::from("a")]), json!([text("a")])),
        (returning!(["a", "b"]), json!([text("a"), text("b")])),
        (returning!(Content::image([1, 2, 3], "image/png")), json!([image])),
        (returning!([Content::text("a"), Content::image([1, 2, 3], "image/png")]), json!([text("a"), image])),
        (returning!(vec![Content::from("a"), Content::from(String::from("b"))]), json!([text("a"), text("b")])),
        (returning!(Some(vec![Content::text("a")])), json!([text("a")])),
    ] {
        let mcp = server([tool]);
        for client in both(&mcp).await {
            assert_eq!(client.call("it", json!({})).await.result()["content"], content);
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Point {
    x: u8,
}

/// Structured content is an object before 2026-07-28, and unknown before 2025-06-18.
#[tokio::test]
async fn values_are_structured_and_told_as_text() {
    for (tool, value, has_schema) in [
        (returning!(Json(Point { x: 1 })), json!({"x": 1}), true),
        (returning!(axum::Json(Point { x: 1 })), json!({"x": 1}), true),
        (returning!(Ok::<_, ToolError>(Json(Point { x: 1 }))), json!({"x": 1}), true),
        (returning!(Json(vec![1, 2])), json!([1, 2]), true),
        (returning!(Json("text")), json!("text"), true),
        (returning!(json!({"free": [null]})), json!({"free": [null]}), false),
        (returning!(json!([1, {}])), json!([1, {}]), false),
        (returning!(Value::Null), json!(null), false),
        // `None` has nothing that a schema could describe.
        (returning!(Some(Json(Point { x: 1 }))), json!({"x": 1}), false),
    ] {
        let mcp = server([tool]);
        for revision in ALL_REVISIONS {
            let client = Client::new(&mcp, revision).await;
            let reply = client.call("it", json!({})).await;
            let text: Value = serde_json::from_str(&reply.text()).expect("JSON");
            assert_eq!(text, value, "{revision}");
            let structured = reply.result().get("structuredContent").cloned();
            let expected = match revision {
                "2024-11-05" | "2025-03-26" => None,
                "2025-06-18" | "2025-11-25" if !value.is_object() => Some(json!({"result": value})),
                _ => Some(value.clone()),
            };
            assert_eq!(structured, expected, "{revision}: {value}");
            let listed = client.list(TOOLS).await[0].get("outputSchema").is_some();
            assert_eq!(listed, has_schema && expected.is_some(), "{revision}: {value}");
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no room")]
struct NoRoom(#[source] std::io::Error);

#[derive(Serialize, JsonSchema)]
struct Broken(#[serde(serialize_with = "never")] u8);

fn never<S: serde::Serializer>(_: &u8, _: S) -> Result<S::Ok, S::Error> {
    Err(serde::ser::Error::custom("hunter2"))
}

#[tokio::test]
async fn any_error_fails_the_tool_and_only_an_exposed_one_says_why() {
    let tools: Vec<(Tool, Option<&str>)> = vec![
        (tool_fn("it", "", || fails("hunter2")), None),
        (tool_fn("it", "", || fails(String::from("hunter2"))), None),
        (tool_fn("it", "", || fails(std::io::Error::other("hunter2"))), None),
        (tool_fn("it", "", || fails(NoRoom(std::io::Error::other("hunter2")))), None),
        (tool_fn("it", "", || fails(Box::<dyn std::error::Error + Send + Sync>::from("hunter2"))), None),
        (tool_fn("it", "", || fails(ToolError::from("hunter2"))), None),
        (tool_fn("it", "", || Json(Broken(1))), None),
        (tool_fn("it", "", || fails(ToolError::expose("ask again at nine"))), Some("ask again at nine")),
        // What caused it is none of the client's business.
        (tool_fn("it", "", || fails(ToolError::expose(NoRoom(std::io::Error::other("hunter2"))))), Some("no room")),
        (tool_fn("it", "", || CallToolResult::error("no such city")), Some("no such city")),
        (tool_fn("it", "", || Some(fails(ToolError::expose("deep within")))), Some("deep within")),
    ];
    for (tool, says) in tools {
        let mcp = server([tool]);
        for client in both(&mcp).await {
            let reply = client.call("it", json!({})).await;
            let text = reply.tool_error();
            match says {
                Some(says) => assert_eq!(text, says),
                None => assert!(text.to_lowercase().contains("internal error"), "{reply}"),
            }
            assert!(!reply.to_string().contains("hunter2"), "tells a secret\n{reply}");
            assert_eq!(reply.result().get("structuredContent"), None, "{reply}");
        }
    }
}
