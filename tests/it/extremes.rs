//! Settings at their ends: the longest times, no time, and spellings that mean the same.

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _};
use http_body::Frame;
use http_body_util::StreamBody;
use mcp_mount::{BuildErrorKind, Context, Lifespan, Limits, Mcp, McpService, Sessions, Tool, tool_fn};
use serde_json::json;

use crate::{
    rig::{Probe, rig_with, server, server_with, session},
    support::{Ask, Reply, call, call_with_progress, modern, modern_call, pass, secs, soon},
    target::send,
};

/// Reports often, then says how it ended.
fn flood() -> Tool {
    tool_fn("flood", "Report often", |ctx: Context| async move {
        for step in 1..=50_u32 {
            ctx.progress(f64::from(step)).await;
            tokio::task::yield_now().await;
        }
        "done"
    })
}

/// A call whose body arrives in two parts, with a pause between them.
async fn call_in_parts(mcp: &McpService, ask: Ask) -> Reply {
    let body = ask.bytes().await;
    let half = body.len() / 2;
    let (first, second) = (body.slice(..half), body.slice(half..));
    let late = futures::stream::once(async move {
        pass(secs(5)).await;
        second
    });
    let frames = futures::stream::iter([first]).chain(late).map(|part: Bytes| Ok::<_, String>(Frame::data(part)));
    let request = ask.request().map(|_| StreamBody::new(frames.boxed()));
    send(mcp, request).await.collect().await
}

/// Whatever pends: calls that are silent, that speak, that flood, that arrive slowly; a stream; a session left alone.
async fn everything_that_pends(mcp: McpService, probe: Probe) {
    let session = session(&mcp).await;
    let progress = |tool: &str| json!({"name": tool, "arguments": {}, "_meta": {"progressToken": "token"}});
    for (tool, ask) in [
        ("wait", session.post(call("wait", json!({})))),
        ("wait", modern_call("wait", json!({}))),
        ("speak", session.post(call_with_progress("speak", json!({})))),
        ("speak", modern("tools/call", progress("speak"))),
    ] {
        let running = tokio::spawn(ask.owned_to(&mcp));
        probe.started().await;
        pass(secs(20)).await;
        probe.release();
        let reply = soon(tool, running).await.expect("no panic");
        assert_eq!(reply.text(), "done", "{tool}\n{reply}");
    }
    for ask in [session.post(call_with_progress("flood", json!({}))), modern("tools/call", progress("flood"))] {
        let unread = soon("the stream opens", ask.open(&mcp)).await;
        pass(secs(5)).await;
        assert_eq!(unread.collect().await.text(), "done");
    }
    for ask in [session.post(call("flood", json!({}))), modern_call("flood", json!({}))] {
        assert_eq!(soon("a slow body", call_in_parts(&mcp, ask)).await.text(), "done");
    }
    let mut stream = session.get().open(&mcp).await;
    stream.listen(secs(100)).await;
    assert!(!stream.ended, "the stream is open");
    drop(stream);
    pass(secs(60)).await;
    assert!(session.is_alive().await);
    let report = soon("the drain", mcp.lifespan().shutdown()).await;
    assert_eq!((report.finished, report.cut), (0, 0));
}

type Configure = fn(Mcp) -> Mcp;

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic")
}

#[tokio::test(start_paused = true)]
async fn the_longest_times_are_times_too() {
    const MAX: Duration = Duration::MAX;
    fn all() -> Limits {
        let limits = Limits::new().silence(MAX).tool_timeout(MAX).keep_alive(MAX);
        limits.body_deadline(MAX).stream_stall(MAX).stream_events(1)
    }
    let settings: [(&str, Configure); 9] = [
        ("Limits::silence", |mcp| mcp.limits(Limits::new().silence(MAX))),
        ("Limits::tool_timeout", |mcp| mcp.limits(Limits::new().tool_timeout(MAX))),
        ("Limits::keep_alive", |mcp| mcp.limits(Limits::new().keep_alive(MAX))),
        ("Limits::body_deadline", |mcp| mcp.limits(Limits::new().body_deadline(MAX))),
        ("Limits::stream_stall", |mcp| mcp.limits(Limits::new().stream_stall(MAX).stream_events(1))),
        ("Sessions::idle", |mcp| mcp.sessions(Sessions::new().idle(MAX))),
        ("Sessions::initialize_within", |mcp| mcp.sessions(Sessions::new().initialize_within(MAX))),
        ("Lifespan::grace", |mcp| mcp.lifespan(&Lifespan::new().grace(MAX))),
        ("all of them", |mcp| {
            let mcp = mcp.limits(all()).lifespan(&Lifespan::new().grace(MAX));
            mcp.sessions(Sessions::new().idle(MAX).initialize_within(MAX))
        }),
    ];
    let mut failures = Vec::new();
    for (name, configure) in settings {
        let probe = Probe::new();
        let mcp = server_with([probe.silent_tool(), probe.speaking_tool(), flood()], configure);
        if let Err(panic) = AssertUnwindSafe(everything_that_pends(mcp, probe)).catch_unwind().await {
            failures.push(format!("{name}: {}", panic_text(&*panic)));
        }
    }
    let probe = Probe::new();
    let tools = [probe.silent_tool(), probe.speaking_tool(), flood()].map(|tool| tool.timeout(MAX));
    if let Err(panic) = AssertUnwindSafe(everything_that_pends(server(tools), probe)).catch_unwind().await {
        failures.push(format!("Tool::timeout: {}", panic_text(&*panic)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The mistake that `build` finds.
fn mistake(case: &str, mcp: Mcp) -> (BuildErrorKind, String) {
    match mcp.build() {
        Ok(_) => panic!("{case}: built"),
        Err(error) => (error.kind(), error.to_string()),
    }
}

fn mcp() -> Mcp {
    Mcp::new("name", "1.0.0")
}

#[test]
fn no_time_to_initialize_is_a_mistake() {
    let sessions = Sessions::new().initialize_within(Duration::ZERO);
    let (kind, text) = mistake("zero", mcp().sessions(sessions));
    assert_eq!(kind, BuildErrorKind::InvalidSetting, "{text}");
    assert!(text.contains("initialize_within"), "{text}");
    assert!(mcp().sessions(Sessions::new().initialize_within(Duration::from_secs(1))).build().is_ok());
}

#[test]
fn an_output_schema_is_a_schema() {
    for schema in [json!(5), json!("text"), json!([{"type": "object"}])] {
        let tool = tool_fn("odd", "Has an odd schema", || async { "text" }).output_schema(schema.clone());
        let (kind, text) = mistake("a schema", mcp().tool(tool));
        assert_eq!(kind, BuildErrorKind::InvalidTool, "{schema}: {text}");
        assert!(text.contains("odd") && text.contains("schema"), "{schema}: {text}");
    }
    for schema in [json!({}), json!({"type": "object"}), json!({"type": "array"})] {
        let tool = tool_fn("even", "Has a schema", || async { "text" }).output_schema(schema.clone());
        assert!(mcp().tool(tool).build().is_ok(), "{schema}");
    }
}

/// Sessions that never end by themselves still count, and can still be ended.
#[tokio::test(start_paused = true)]
async fn endless_sessions_can_be_ended() {
    let rig = rig_with(|mcp| mcp.sessions(Sessions::new().idle(Duration::MAX)));
    let session = session(&rig.mcp).await;
    pass(secs(30 * 24 * 3600)).await;
    assert!(session.is_alive().await, "a month later");
    assert_eq!(session.delete().to(&rig.mcp).await.status, 204);
    assert!(!session.is_alive().await);
}
