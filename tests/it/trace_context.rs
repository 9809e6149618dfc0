//! The trace that a request belongs to: on the call's span, and in its handler.

use mcp_mount::{Context, McpService, Tool, tool_fn};
use serde_json::{Value, json};

use crate::{
    logs::Log,
    rig::{server, session},
    support::{Ask, legacy, message, modern},
};

const META: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-00";

fn trace() -> Tool {
    tool_fn(
        "trace",
        "Say which trace this is",
        |ctx: Context| async move { ctx.traceparent().unwrap_or("none").to_owned() },
    )
}

/// Takes no context.
fn plain() -> Tool {
    tool_fn("plain", "Work", || "done")
}

/// The request of each era, with this `_meta.traceparent`, if any.
async fn asks(mcp: &McpService, tool: &str, traceparent: Option<Value>) -> [Ask; 3] {
    let mut params = json!({"name": tool, "arguments": {}, "_meta": {}});
    if let Some(traceparent) = traceparent {
        params["_meta"]["traceparent"] = traceparent;
    }
    let in_session = session(mcp).await.post(message(1, "tools/call", params.clone()));
    [in_session, legacy(message(1, "tools/call", params.clone())), modern("tools/call", params)]
}

#[tokio::test]
async fn the_handler_is_told() {
    let mcp = server([trace()]);
    let said = async |traceparent, header: Option<&str>| {
        let mut said = Vec::new();
        for ask in asks(&mcp, "trace", traceparent).await {
            let ask = match header {
                Some(header) => ask.header("traceparent", header),
                None => ask,
            };
            said.push(ask.to(&mcp).await.text());
        }
        said.dedup();
        assert_eq!(said.len(), 1, "the same in every era: {said:?}");
        said.remove(0)
    };
    assert_eq!(said(Some(json!(META)), None).await, META);
    assert_eq!(said(None, Some(HEADER)).await, HEADER);
    assert_eq!(said(Some(json!(META)), Some(HEADER)).await, META, "what the message says goes first");
    assert_eq!(said(None, None).await, "none");
    // What is no trace context is no reason to refuse a call.
    for bad in [json!("00-zz"), json!(5), json!(null), json!({}), json!(META.to_uppercase())] {
        assert_eq!(said(Some(bad.clone()), None).await, "none", "{bad}");
        assert_eq!(said(Some(bad.clone()), Some(HEADER)).await, HEADER, "{bad}");
    }
    assert_eq!(said(None, Some("01-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-00")).await, "none");
    for ask in asks(&mcp, "trace", None).await {
        let twice = ask.also("traceparent", HEADER).also("traceparent", META);
        assert_eq!(twice.to(&mcp).await.text(), "none", "of two, none is picked");
    }
}

#[tokio::test]
async fn the_span_has_it() {
    let log = Log::default();
    let _guard = log.listen();
    let mcp = server([plain(), trace()]);
    for tool in ["plain", "trace"] {
        for ask in asks(&mcp, tool, Some(json!(META))).await {
            ask.to(&mcp).await;
            let closed = log.closed_calls();
            assert_eq!(closed.len(), 1, "{closed:#?}");
            assert!(closed[0].contains("trace_id=0af7651916cd43dd8448eb211c80319c"), "{}", closed[0]);
            assert!(closed[0].contains("parent_span_id=00f067aa0ba902b7"), "{}", closed[0]);
        }
    }
    for ask in asks(&mcp, "plain", None).await {
        ask.to(&mcp).await;
        let closed = log.closed_calls();
        assert!(!closed[0].contains("trace_id"), "{}", closed[0]);
    }
}
