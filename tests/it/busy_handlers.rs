//! Handlers that are never pending by themselves: what they await of the context must let others have a turn.

use std::time::Duration;

use mcp_mount::{Context, Limits, Mcp, McpService, Tool, tool_fn};
use serde_json::json;
use tokio::time::timeout;

use crate::support::{call_with_progress, legacy, modern_call};

/// Tells how far it is for ever, and waits for nothing else.
fn telling() -> Tool {
    tool_fn("telling", "Report for ever", |ctx: Context| async move {
        for told in 0u64.. {
            ctx.progress(told as f64).await;
        }
    })
}

fn logging() -> Tool {
    tool_fn("logging", "Log for ever", |ctx: Context| async move {
        for _ in 0u64.. {
            ctx.debug("not asked for").await;
        }
    })
}

fn mcp() -> McpService {
    let limits = Limits::new().tool_timeout(Duration::from_millis(100));
    Mcp::new("busy", "1").limits(limits).tool(telling()).tool(logging()).build().expect("builds")
}

#[tokio::test]
async fn what_nobody_asked_for_does_not_hold_off_the_timeout() {
    let mcp = mcp();
    for tool in ["telling", "logging"] {
        let reply = timeout(Duration::from_secs(20), modern_call(tool, json!({})).to(&mcp)).await.expect("it ends");
        assert!(reply.tool_error().contains("timeout"), "{tool}\n{reply}");
    }
}

#[tokio::test]
async fn what_nobody_reads_any_more_does_not_hold_off_the_end() {
    let mcp = mcp();
    let lifespan = mcp.lifespan();
    let live = legacy(call_with_progress("telling", json!({}))).open(&mcp).await;
    assert!(live.is_sse());
    drop(live);
    // The session era lets the call go on, to its timeout.
    let report = timeout(Duration::from_secs(20), lifespan.shutdown()).await.expect("it ends");
    assert_eq!((report.finished, report.cut), (1, 0), "{report:?}");
}
