//! Plain tools, to try a client or a load generator on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_mount::{EndpointUrl, Json, State, Tool, tool, tools};
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) fn tools() -> Vec<Tool> {
    tools![echo, add, sleep, sleepers, nap, endpoint_url, panic]
}

/// Say it again.
#[tool(read_only)]
fn echo(message: String) -> String {
    message
}

/// What `add` answers with.
#[derive(Serialize, JsonSchema)]
struct Sum {
    sum: f64,
}

/// Add two numbers.
#[tool(read_only)]
fn add(a: f64, b: f64) -> Json<Sum> {
    Json(Sum { sum: a + b })
}

/// Answer after some time.
#[tool(read_only)]
async fn sleep(
    /// How long, in milliseconds.
    ms: u64,
    State(sleepers): State<Sleepers>,
) -> String {
    let _asleep = sleepers.lie_down();
    tokio::time::sleep(Duration::from_millis(ms)).await;
    format!("slept for {ms} ms")
}

/// What `sleepers` answers with.
#[derive(Serialize, JsonSchema)]
struct Sleeping {
    now: usize,
}

/// Tell how many calls of `sleep` run now: who cancelled one can see that it is over.
#[tool(read_only)]
fn sleepers(State(sleepers): State<Sleepers>) -> Json<Sleeping> {
    Json(Sleeping { now: sleepers.0.load(Ordering::SeqCst) })
}

/// Answer after some time of silence, which may be longer than the default timeout.
#[tool(read_only, timeout = "5m")]
async fn nap(
    /// How long, in milliseconds.
    ms: u64,
) -> String {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    format!("napped for {ms} ms")
}

/// Tell the URL at which clients reach this server, as far as it is known: behind a proxy it is another than the one
/// that is listened on.
#[tool(read_only)]
fn endpoint_url(#[extract] EndpointUrl(url): EndpointUrl) -> String {
    url
}

/// Panic. The server goes on, and the client is not told why.
#[tool]
fn panic() -> String {
    panic!("this tool panics whenever it is called")
}

/// The calls of `sleep` that run.
#[derive(Clone, Default)]
pub(crate) struct Sleepers(Arc<AtomicUsize>);

impl Sleepers {
    fn lie_down(&self) -> Asleep {
        self.0.fetch_add(1, Ordering::SeqCst);
        Asleep(self.clone())
    }
}

/// One of them, until it is dropped: a call that is cancelled never comes to its last line.
struct Asleep(Sleepers);

impl Drop for Asleep {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}
