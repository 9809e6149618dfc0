//! Wherever a connection breaks: what the client has in the end is all that was said, once, in order, the answer last.

use std::time::Duration;

use mcp_mount::Limits;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;

use crate::{
    reply::Live,
    rig::Session,
    suite::resuming::{Gate, short},
    support::{call, pass, soon},
};

/// A client whose connections break after so many events. That one breaks within an event is the same: what is not whole
/// is not looked at.
struct Flaky {
    session: Session,
    last_event_id: Option<String>,
    said: Vec<String>,
}

impl Flaky {
    /// Reads until the connection ends, or breaks. Says whether the answer was read.
    async fn read(&mut self, mut stream: Live, events: usize) -> bool {
        for _ in 0..events {
            let Some(event) = soon("an event or the end", stream.next()).await else { break };
            self.last_event_id = event.id.or(self.last_event_id.take());
            if !event.data.is_empty() {
                self.said.push(short(&serde_json::from_str(&event.data).expect("a message")));
            }
        }
        self.said.last().is_some_and(|last| last == "done")
    }
}

/// What the client has in the end, or `None` if it never had an id to come back with.
async fn read_through(script: &str, cuts: Vec<(usize, u64)>, revision: &str, limits: Limits) -> Option<Vec<String>> {
    let mcp = Gate::new().server(|mcp| mcp.limits(limits));
    let session = Session::open(&mcp, revision, None).await;
    let reply = session.post(call("talk", json!({"script": script}))).open(&mcp).await;
    if !reply.is_sse() {
        return Some(reply.collect().await.messages().iter().map(short).collect());
    }
    let mut client = Flaky { session, last_event_id: None, said: Vec::new() };
    let (mut stream, mut cuts) = (reply, cuts.into_iter());
    loop {
        let (events, pause) = cuts.next().unwrap_or((usize::MAX, 1_000));
        if client.read(stream, events).await {
            return Some(client.said);
        }
        let id = client.last_event_id.clone()?;
        pass(Duration::from_millis(pause)).await;
        stream = client.session.resume(&id).await;
        let after = stream.headers.get("last-event-id").map(|after| after.to_str().expect("visible ASCII"));
        assert_eq!(after, Some(id.as_str()), "nothing is missing");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_client_that_comes_back_misses_nothing(
        script in vec(select(&b"mmmyyscc"[..]), 0..40),
        cuts in vec((0..6usize, 0..3_000u64), 0..12),
        revision in select(&["2025-11-25", "2025-11-25", "2025-06-18", "2025-03-26"][..]),
        narrow in any::<bool>(),
    ) {
        let script = String::from_utf8(script).expect("letters");
        let limits = if narrow { Limits::new().stream_events(2).stream_bytes(300) } else { Limits::new() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let said = runtime.expect("a runtime").block_on(read_through(&script, cuts, revision, limits));
        let all = script.char_indices().filter(|(_, step)| *step == 'm').map(|(at, _)| at.to_string());
        let all: Vec<_> = all.chain(["done".to_owned()]).collect();
        match said {
            Some(said) if said.len() == 1 => prop_assert_eq!(said, ["done"], "a reply that is no stream, or says nothing else"),
            Some(said) => prop_assert_eq!(said, all),
            None => {}
        }
    }
}
