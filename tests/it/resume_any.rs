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
    /// Reads until the connection ends, or breaks after so many events. Says whether the answer was read.
    async fn read(&mut self, stream: &mut Live, events: usize) -> bool {
        for _ in 0..events {
            let Some(event) = soon("an event or the end", stream.next()).await else { break };
            let has_id = event.id.is_some();
            self.last_event_id = event.id.or(self.last_event_id.take());
            if !event.data.is_empty() {
                assert!(has_id, "a message that cannot be come back from: {}", event.data);
                self.said.push(short(&serde_json::from_str(&event.data).expect("a message")));
            }
        }
        self.said.last().is_some_and(|last| last == "done")
    }
}

/// More than any script ends by itself and any list of cuts breaks.
const MOST_CONNECTIONS: usize = 100;

/// What the client has in the end, or `None` if it was cut before it had read anything to come back with.
async fn read_through(script: &str, cuts: Vec<(usize, u64)>, revision: &str, limits: Limits) -> Option<Vec<String>> {
    let mcp = Gate::new().server(|mcp| mcp.limits(limits));
    let session = Session::open(&mcp, revision, None).await;
    let reply = session.post(call("talk", json!({"script": script}))).open(&mcp).await;
    if !reply.is_sse() {
        return Some(reply.collect().await.messages().iter().map(short).collect());
    }
    let mut client = Flaky { session, last_event_id: None, said: Vec::new() };
    let (mut stream, mut cuts) = (reply, cuts.into_iter());
    for _ in 0..MOST_CONNECTIONS {
        let (events, pause) = cuts.next().unwrap_or((usize::MAX, 1_000));
        if client.read(&mut stream, events).await {
            return Some(client.said);
        }
        let Some(id) = client.last_event_id.clone() else {
            assert!(!stream.ended, "the connection has ended without an answer, and with nothing to come back with");
            assert_eq!(client.said, [""; 0]);
            return None;
        };
        pass(Duration::from_millis(pause)).await;
        stream = client.session.resume(&id).await;
        let after = stream.headers.get("last-event-id").map(|after| after.to_str().expect("visible ASCII"));
        assert_eq!(after, Some(id.as_str()), "nothing is missing");
    }
    panic!("no answer in {MOST_CONNECTIONS} connections, but {:?}", client.said)
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
        // Cut at once, or (before 2025-11-25, where no event comes before the first message) after comments.
        let cut_unread = cuts.first().is_some_and(|(events, _)| *events == 0 || revision < "2025-11-25");
        let limits = if narrow { Limits::new().stream_events(2).stream_bytes(300) } else { Limits::new() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let said = runtime.expect("a runtime").block_on(read_through(&script, cuts, revision, limits));
        let all = script.char_indices().filter(|(_, step)| *step == 'm').map(|(at, _)| at.to_string());
        let all: Vec<_> = all.chain(["done".to_owned()]).collect();
        match said {
            Some(said) => prop_assert_eq!(said, all),
            None => prop_assert!(cut_unread, "it had read something"),
        }
    }
}
