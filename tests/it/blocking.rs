//! `blocking(true)`: handlers that run on a thread of their own.
//!
//! A thread does not know of the paused clock, so where one has to come to its end, the clock runs, and nothing waits for
//! it to do so. Where a time limit is the point, it is paused: then the limit is over as soon as all there is to do is
//! to wait.

use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use mcp_mount::{Args, Context, Limits, Mcp, McpService, State, Tool, ToolError, prompt_fn, resource_fn, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{
    eras::{both, in_band, masked},
    rig::{server, server_with},
    support::modern_call,
};

/// Longer than anything here takes, so that a test that hangs fails by itself.
const LONG: Duration = Duration::from_secs(20);

/// Stops threads until the test lets them go.
#[derive(Clone)]
struct Gate(Arc<Inner>);

struct Inner {
    started: Semaphore,
    ended: Semaphore,
    release: mpsc::Sender<()>,
    released: Mutex<mpsc::Receiver<()>>,
}

impl Gate {
    fn new() -> Self {
        let (release, released) = mpsc::channel();
        let (started, ended) = (Semaphore::new(0), Semaphore::new(0));
        Self(Arc::new(Inner { started, ended, release, released: Mutex::new(released) }))
    }

    /// In the handler: blocks its thread.
    fn pass(&self) -> &'static str {
        self.0.started.add_permits(1);
        let passed = self.0.released.lock().expect("no panic").recv_timeout(LONG);
        self.0.ended.add_permits(1);
        if passed.is_ok() { "passed" } else { "never let go" }
    }

    async fn started(&self) {
        self.0.started.acquire().await.expect("never closed").forget();
    }

    async fn ended(&self) {
        self.0.ended.acquire().await.expect("never closed").forget();
    }

    fn release(&self) {
        self.0.release.send(()).expect("the gate is there");
    }

    fn tool(&self) -> Tool {
        let gate = self.clone();
        tool_fn("gate", "Blocks", move || gate.pass()).blocking(true)
    }
}

fn where_it_runs() -> String {
    format!("{:?}", thread::current().id())
}

#[tokio::test]
async fn it_runs_on_another_thread() {
    let here = where_it_runs();
    let mcp = Mcp::new("rig", "1.2.3")
        .tool(tool_fn("here", "", where_it_runs))
        .tool(tool_fn("there", "", where_it_runs).blocking(true))
        .tool(tool_fn("async_there", "", async || where_it_runs()).blocking(true))
        .tool(tool_fn("back", "", where_it_runs).blocking(true).blocking(false))
        .resource(resource_fn("x://there", "there", where_it_runs).blocking(true))
        .prompt(prompt_fn("there", "", where_it_runs).blocking(true));
    let mcp = mcp.build().expect("the server builds");
    for client in both(&mcp).await {
        for tool in ["here", "back"] {
            assert_eq!(client.call(tool, json!({})).await.text(), here, "{tool}");
        }
        for tool in ["there", "async_there"] {
            assert_ne!(client.call(tool, json!({})).await.text(), here, "{tool}");
        }
        let read = client.read("x://there").await.result()["contents"][0]["text"].clone();
        let got = client.get_prompt("there", json!({})).await.result()["messages"][0]["content"]["text"].clone();
        for thread in [read, got] {
            assert!(thread.is_string() && thread != json!(here), "{thread}");
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct Number {
    n: u32,
}

#[tokio::test]
async fn it_takes_and_returns_what_others_do() {
    let add = |Args(Number { n }): Args<Number>, State(more): State<u32>, ctx: Context| {
        format!("{} {}", n + more, ctx.name())
    };
    let timed = async |_: Context| {
        // The runtime's own clock and tasks are there.
        tokio::time::sleep(Duration::from_millis(1)).await;
        tokio::spawn(async { "slept" }).await.map_err(ToolError::from)
    };
    let mcp =
        server_with([tool_fn("add", "", add).blocking(true), tool_fn("timed", "", timed).blocking(true)], |mcp| {
            mcp.state(40_u32)
        });
    for client in both(&mcp).await {
        assert_eq!(client.call("add", json!({"n": 2})).await.text(), "42 add");
        assert!(client.call("add", json!({"n": "x"})).await.tool_error().contains("arguments.n"));
        assert_eq!(client.call("timed", json!({})).await.text(), "slept");
    }
}

/// On a runtime of one thread, which a handler that blocks would hold.
#[tokio::test]
async fn others_are_served_meanwhile() {
    let gate = Gate::new();
    let mcp = server([gate.tool(), tool_fn("quick", "", || "quick")]);
    for client in both(&mcp).await {
        let blocked = tokio::spawn(client.ask("tools/call", json!({"name": "gate"})).owned_to(&mcp));
        gate.started().await;
        for _ in 0..3 {
            assert_eq!(modern_call("quick", json!({})).to(&mcp).await.text(), "quick");
        }
        assert!(!blocked.is_finished());
        gate.release();
        assert_eq!(blocked.await.expect("no panic").text(), "passed");
        gate.ended().await;
    }
}

/// A server of one call at a time.
fn one_at_a_time(tool: Tool) -> McpService {
    server_with([tool, tool_fn("quick", "", || "quick")], |mcp| mcp.limits(Limits::new().calls_in_flight(1)))
}

/// The place of a thread is free some time after its handler has ended.
async fn until_there_is_room(mcp: &McpService) {
    let begun = tokio::time::Instant::now();
    loop {
        let reply = modern_call("quick", json!({})).to(mcp).await;
        if reply.status == 200 {
            assert_eq!(reply.text(), "quick");
            return;
        }
        assert_eq!(reply.status, 503, "{reply}");
        assert!(begun.elapsed() < LONG, "the place is never given back");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_answers_while_the_thread_goes_on_and_keeps_its_place() {
    let gate = Gate::new();
    let mcp = one_at_a_time(gate.tool().timeout(Duration::from_secs(5)));
    for client in both(&mcp).await {
        let begun = tokio::time::Instant::now();
        let reply = client.call("gate", json!({})).await;
        assert_eq!(begun.elapsed().as_secs(), 5, "{reply}");
        assert!(reply.tool_error().contains("5000 ms"), "{reply}");
        gate.started().await;
        for _ in 0..3 {
            let reply = modern_call("quick", json!({})).to(&mcp).await;
            assert_eq!(reply.status, 503, "there are no more threads than calls\n{reply}");
        }
        gate.release();
        gate.ended().await;
        until_there_is_room(&mcp).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_thread_sees_that_its_call_is_over() {
    let (seen, saw) = mpsc::channel();
    let tool = tool_fn("watch", "", move |ctx: Context| {
        let begun = tokio::time::Instant::now().into_std();
        while !ctx.is_cancelled() && begun.elapsed() < LONG {
            thread::yield_now();
        }
        seen.send(ctx.is_cancelled()).expect("the test is there");
    });
    let mcp = one_at_a_time(tool.blocking(true).timeout(Duration::from_secs(5)));
    for client in both(&mcp).await {
        client.call("watch", json!({})).await.tool_error();
        assert_eq!(saw.recv_timeout(LONG), Ok(true));
        until_there_is_room(&mcp).await;
    }
}

/// 2026-07-28 cancels when its client goes away; the thread keeps its place all the same.
#[tokio::test]
async fn a_client_that_goes_away_leaves_the_thread_its_place() {
    let gate = Gate::new();
    let mcp = one_at_a_time(gate.tool());
    let calling = tokio::spawn(modern_call("gate", json!({})).owned_to(&mcp));
    gate.started().await;
    calling.abort();
    assert!(calling.await.expect_err("gone").is_cancelled());
    assert_eq!(modern_call("quick", json!({})).to(&mcp).await.status, 503);
    gate.release();
    gate.ended().await;
    until_there_is_room(&mcp).await;
}

/// What is said on the thread is heard before it ends.
#[tokio::test]
async fn it_speaks_while_it_runs() {
    let gate = Gate::new();
    let gated = gate.clone();
    let speak = move |ctx: Context| {
        let gate = gated.clone();
        async move {
            ctx.progress(1.0).await;
            gate.pass()
        }
    };
    let mcp = server([tool_fn("speak", "", speak).blocking(true)]);
    for client in both(&mcp).await {
        let params = json!({"name": "speak", "_meta": {"progressToken": "token"}});
        let mut reply = client.ask("tools/call", params).open(&mcp).await;
        let said = reply.message().await.expect("a message");
        assert_eq!(said["method"], json!("notifications/progress"), "{said}");
        gate.started().await;
        gate.release();
        let answer = reply.message().await.expect("an answer");
        assert_eq!(answer["result"]["content"][0]["text"], json!("passed"), "{answer}");
        gate.ended().await;
    }
}

/// Nobody waits for it any more; its place is given back all the same.
#[tokio::test(start_paused = true)]
async fn a_panic_after_the_time_limit_harms_nobody() {
    let gate = Gate::new();
    let gated = gate.clone();
    let late = move || {
        gated.pass();
        boom()
    };
    let mcp = one_at_a_time(tool_fn("late", "", late).blocking(true));
    for client in both(&mcp).await {
        client.call("late", json!({})).await.tool_error();
        gate.started().await;
        gate.release();
        until_there_is_room(&mcp).await;
        gate.ended().await;
    }
}

fn boom() -> &'static str {
    panic!("hunter2 in a thread")
}

#[tokio::test]
async fn a_panic_is_masked_and_gives_its_place_back() {
    let mcp = Mcp::new("rig", "1.2.3")
        .limits(Limits::new().calls_in_flight(1))
        .tools([tool_fn("boom", "", boom).blocking(true), tool_fn("quick", "", || "quick")])
        .resource(resource_fn("x://boom", "boom", boom).blocking(true))
        .prompt(prompt_fn("boom", "", async || boom()).blocking(true));
    let mcp = mcp.build().expect("the server builds");
    for client in both(&mcp).await {
        for _ in 0..3 {
            let reply = client.call("boom", json!({})).await;
            assert!(reply.tool_error().contains("internal error"), "{reply}");
            assert!(!reply.to_string().contains("hunter2"), "{reply}");
            until_there_is_room(&mcp).await;
            masked(&client.read("x://boom").await, "hunter2");
            until_there_is_room(&mcp).await;
            masked(&client.get_prompt("boom", json!({})).await, "hunter2");
            until_there_is_room(&mcp).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_tool_is_answered_with_an_error() {
    let gate = Gate::new();
    let (reads, gets) = (gate.clone(), gate.clone());
    let mcp = Mcp::new("rig", "1.2.3")
        .resource(resource_fn("x://gate", "gate", move || reads.pass()).blocking(true))
        .prompt(prompt_fn("gate", "", move || gets.pass()).blocking(true))
        .build()
        .expect("the server builds");
    for client in both(&mcp).await {
        for reply in [client.read("x://gate").await, client.get_prompt("gate", json!({})).await] {
            let (code, message) = in_band(&reply);
            assert!(code == -32603 && message.contains("60000 ms"), "{reply}");
            gate.started().await;
            gate.release();
            gate.ended().await;
        }
    }
}
