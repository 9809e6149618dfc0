//! Bodies that are too deep or too large.

use serde_json::json;

use crate::{
    rig::{Rig, rig, rig_with},
    support::{Ask, LATEST_SESSION, call, legacy, modern, modern_call, raw},
    table::{case, check},
};

/// As a session-era client without a session sends it.
fn text(body: impl Into<bytes::Bytes>) -> Ask {
    raw(body).header("mcp-protocol-version", LATEST_SESSION)
}

/// 100,000 levels, in every place where a level can be. Whether it is skipped or refused, nobody's stack is used up.
async fn deep_nesting_everywhere(rig: &Rig) {
    const LEVELS: usize = 100_000;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(LEVELS), close.repeat(LEVELS));
        let cut = open.repeat(LEVELS);
        let head = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params""#;
        let bodies = [
            ("the whole body", deep.clone()),
            ("never closed", cut.clone()),
            ("params", format!("{head}:{deep}}}")),
            ("params, never closed", format!("{head}:{cut}")),
            ("arguments", format!(r#"{head}:{{"name":"echo","arguments":{deep}}}}}"#)),
            ("an argument", format!(r#"{head}:{{"name":"echo","arguments":{{"text":{deep}}}}}}}"#)),
            ("an unknown argument", format!(r#"{head}:{{"name":"echo","arguments":{{"text":"x","z":{deep}}}}}}}"#)),
            ("an untyped argument", format!(r#"{head}:{{"name":"raw","arguments":{{"z":{deep}}}}}}}"#)),
            ("_meta", format!(r#"{head}:{{"name":"echo","arguments":{{"text":"x"}},"_meta":{deep}}}}}"#)),
            ("in _meta", format!(r#"{head}:{{"name":"echo","arguments":{{"text":"x"}},"_meta":{{"z":{deep}}}}}}}"#)),
            ("the token", format!(r#"{head}:{{"name":"echo","_meta":{{"progressToken":{deep}}}}}}}"#)),
            ("an unknown member", format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","z":{deep}}}"#)),
            ("the id", format!(r#"{{"jsonrpc":"2.0","id":{deep},"method":"ping"}}"#)),
            ("a result", format!(r#"{{"jsonrpc":"2.0","id":1,"result":{deep}}}"#)),
            (
                "capabilities",
                format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"2025-11-25","capabilities":{{"z":{deep}}},"clientInfo":{{"name":"n","version":"1"}}}}}}"#
                ),
            ),
        ];
        for (place, body) in bodies {
            let reply = text(body).to(&rig.mcp).await;
            assert!(matches!(reply.status.as_u16(), 200 | 202 | 400), "{place} of {open}\n{reply}");
            if reply.status == 400 {
                assert!(matches!(reply.code(), -32700 | -32600 | -32602), "{place} of {open}\n{reply}");
            }
            rig.canary(place).await;
        }
        let meta = modern("tools/call", json!({"name": "echo", "arguments": {"text": "x"}, "_meta": {"z": "DEEP"}}));
        let body = String::from_utf8(meta.bytes().await.to_vec()).unwrap().replace("\"DEEP\"", &deep);
        let reply = meta.with_body(body).to(&rig.mcp).await;
        assert!(matches!(reply.status.as_u16(), 200 | 400), "modern _meta\n{reply}");
        rig.canary("modern _meta").await;
    }
}

#[tokio::test]
async fn nesting() {
    deep_nesting_everywhere(&rig()).await;
}

#[test]
fn nesting_on_a_small_stack() {
    let small = std::thread::Builder::new().stack_size(512 * 1024).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { Box::pin(deep_nesting_everywhere(&rig())).await });
    });
    small.unwrap().join().expect("512 KiB are enough");
}

#[tokio::test]
async fn five_mebibytes() {
    let big = "x".repeat(5 << 20);
    check([
        case("legacy", 413, legacy(call("echo", json!({"text": big})))).says("body_bytes"),
        case("modern", 413, modern_call("echo", json!({"text": big}))),
        case("no JSON at all", 413, text(big.clone())),
        case("white space", 413, text(" ".repeat(5 << 20))),
    ])
    .await;
    let rig = rig_with(|mcp| mcp.limits(mcp_mount::Limits::new().body_bytes(6 << 20)));
    for ask in [legacy(call("echo", json!({"text": big}))), modern_call("echo", json!({"text": big}))] {
        let reply = ask.to(&rig.mcp).await;
        assert_eq!(reply.text().len(), 5 << 20);
        rig.canary("5 MiB").await;
    }
}
