//! `testing::replays_equal`: what it holds a handler to.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use mcp_mount::{
    AskError, Context, Json, State,
    testing::{ErrorKind, replays_equal},
    tool_fn,
};
use serde_json::{Value, json};

fn folders(_: &Value) -> Value {
    json!({"roots": [{"uri": "file:///a"}, {"uri": "file:///b"}]})
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_only_asks_is_equal() {
    let tool = tool_fn("count", "", |ctx: Context, State(factor): State<usize>| async move {
        let roots = ctx.roots("roots").await?.len();
        let again = ctx.roots("again").await?.len();
        Ok::<_, AskError>(Json((roots + again) * factor))
    });
    let outcome =
        replays_equal(tool, ()).with(|mcp| mcp.state(10_usize)).on_request("roots/list", folders).await.unwrap();
    assert_eq!(outcome.structured(), Some(&json!(40)));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_counts_its_runs_is_not() {
    let runs = Arc::new(AtomicUsize::new(0));
    let tool = tool_fn("draw", "", move |ctx: Context| {
        let run = runs.fetch_add(1, SeqCst);
        async move {
            ctx.roots("roots").await?;
            Ok::<_, AskError>(run.to_string())
        }
    });
    let error = replays_equal(tool, ()).on_request("roots/list", folders).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Differs);
    assert!(error.to_string().contains("2025-11-25") && error.to_string().contains("\"2\""), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_asks_something_else_each_time_is_not() {
    let runs = Arc::new(AtomicUsize::new(0));
    let tool = tool_fn("price", "", move |ctx: Context| {
        let run = runs.fetch_add(1, SeqCst);
        async move {
            let asked =
                ctx.elicit_form("sure", format!("Pay {}?", run.min(1)), json!({"type": "object", "properties": {}}));
            asked.await.map(|answer| format!("{answer:?}"))
        }
    });
    let replay = replays_equal(tool, ()).on_request("elicitation/create", |_| json!({"action": "decline"}));
    let error = replay.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Differs);
    assert!(error.to_string().contains("Pay 0?"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn both_may_fail_alike() {
    let tool = || tool_fn("roots", "", |ctx: Context| async move { ctx.roots("roots").await.map(|roots| roots.len()) });
    let malformed = replays_equal(tool(), ()).on_request("roots/list", |_| json!({"roots": 5})).await.unwrap_err();
    assert_eq!((malformed.kind(), malformed.code()), (ErrorKind::Rpc, Some(-32602)), "{malformed}");
    let never = tool_fn("never", "", || async { "never asks" });
    assert_eq!(replays_equal(never, ()).await.unwrap().text(), "never asks");
}
