//! A tool that does what it is told, and clients that come back for its stream.

use std::sync::Arc;

use mcp_mount::{Args, Context, Mcp, McpService, Tool, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{
    reply::{Event, Live},
    rig::{Session, patient, server_with},
    support::{Ask, call, soon},
};

#[derive(Deserialize, JsonSchema)]
pub struct Script {
    /// A letter a step.
    pub script: String,
}

/// What its calls wait for.
#[derive(Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets one call go on.
    pub fn open(&self) {
        self.0.add_permits(1);
    }

    /// `talk`: says something (`m`), waits for the gate (`w`), lets others have a turn (`y`), sleeps
    /// (`s`), ends its connection (`c`).
    pub fn tool(&self) -> Tool {
        let gate = self.clone();
        tool_fn("talk", "Do as told", move |ctx: Context, Args(Script { script })| {
            let gate = gate.clone();
            async move {
                for (at, step) in script.char_indices() {
                    match step {
                        'm' => ctx.info(format!("{at}")).await,
                        'w' => gate.0.acquire().await.expect("never closed").forget(),
                        'y' => tokio::task::yield_now().await,
                        's' => tokio::time::sleep(std::time::Duration::from_millis(700)).await,
                        'c' => ctx.close_stream().await,
                        other => panic!("no step: {other}"),
                    }
                }
                "done"
            }
        })
    }

    pub fn server(&self, configure: impl FnOnce(Mcp) -> Mcp) -> McpService {
        server_with([self.tool()], |mcp| configure(mcp.limits(patient())))
    }
}

impl Session {
    /// A call of `talk`.
    pub fn talk(&self, script: &str) -> Ask {
        self.post(call("talk", json!({"script": script})))
    }

    /// A client that comes back.
    pub async fn resume(&self, last_event_id: &str) -> Live {
        self.get().header("last-event-id", last_event_id).open(&self.mcp).await
    }
}

/// A message in short: what was said, or `done` for the answer.
pub fn short(message: &Value) -> String {
    match message.get("result") {
        Some(result) => result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{message}")).to_owned(),
        None => message["params"]["data"].as_str().unwrap_or_else(|| panic!("{message}")).to_owned(),
    }
}

/// The next event that has an id.
pub async fn next(stream: &mut Live) -> Event {
    loop {
        let event = soon("an event", stream.next()).await.expect("the stream is open");
        if event.id.is_some() {
            return event;
        }
    }
}

/// All that is said until the end.
pub async fn rest(stream: &mut Live) -> Vec<String> {
    let mut said = Vec::new();
    while let Some(message) = soon("a message or the end", stream.message()).await {
        said.push(short(&message));
    }
    said
}

/// The events of a reply that is at its end.
pub async fn events(stream: &mut Live) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = soon("an event or the end", stream.next()).await {
        events.push(event);
    }
    events
}

/// After which event a reply says that it begins.
pub fn begins_after(stream: &Live) -> &str {
    assert!(stream.status == 200 && stream.is_sse(), "{} {:#?}", stream.status, stream.headers);
    stream.headers.get("last-event-id").map_or("", |id| id.to_str().expect("visible ASCII"))
}

impl Gate {
    /// Takes back a permit that no call has used.
    pub fn take(&self) -> bool {
        self.0.try_acquire().map(tokio::sync::SemaphorePermit::forget).is_ok()
    }
}
