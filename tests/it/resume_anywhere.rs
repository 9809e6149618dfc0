//! Wherever a connection breaks, and wherever its client comes back: what it has in the end is all that was said, once, in
//! order, the answer last; or, if the call's server has stopped, all that was said before, and an error.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use crate::{
    reply::Live,
    rig::session,
    suite::{
        lines::{Fault, Line, kept, log_of},
        replicated::Shared,
        resuming::{Gate, short},
    },
    support::{pass, secs, soon},
};

/// How many servers there are. The first runs the call.
const SERVERS: usize = 3;

/// What comes to pass before a client comes back.
#[derive(Clone, Copy, Debug)]
struct Break {
    /// How many events it reads before.
    after: usize,
    pause_ms: u64,
    /// Where it comes back.
    to: usize,
    /// Whether the call's server stops meanwhile.
    stops: bool,
    /// How many entries are appended in secret.
    secrets: usize,
}

fn breaks() -> impl Strategy<Value = Break> {
    (1..6usize, 0..3_000u64, 0..SERVERS, prop::bool::weighted(0.1), 0..4usize)
        .prop_map(|(after, pause_ms, to, stops, secrets)| Break { after, pause_ms, to, stops, secrets })
}

/// What a client has in the end.
#[derive(Debug, Default)]
struct Heard {
    said: Vec<String>,
    last_event_id: String,
    over: bool,
}

impl Heard {
    async fn read(&mut self, stream: &mut Live, events: usize) {
        for _ in 0..events {
            let Some(event) = soon("an event or the end", stream.next()).await else { return };
            if let Some(id) = event.id {
                self.last_event_id = id;
            } else {
                assert!(event.data.is_empty(), "a message that cannot be come back from: {}", event.data);
            }
            if !event.data.is_empty() {
                let message: serde_json::Value = serde_json::from_str(&event.data).expect("a message");
                let error = message["error"]["message"].as_str().map(|_| "stopped".to_owned());
                self.over = message.get("id").is_some();
                self.said.push(error.unwrap_or_else(|| short(&message)));
            }
        }
    }
}

/// What the client has in the end, and whether the call's server has stopped meanwhile.
async fn read_through(script: &str, breaks: Vec<Break>) -> (Vec<String>, bool) {
    let (shared, gate) = (Shared::new(), Gate::new());
    let lines = [(); SERVERS].map(|()| Line::to(&shared));
    let servers = lines.clone().map(|line| gate.server(|mcp| mcp.store(line)));
    let mut session = session(&servers[0]).await;
    let (mut heard, mut has_stopped) = (Heard::default(), false);
    let mut stream = session.talk(script).open(&servers[0]).await;
    if !stream.is_sse() {
        return (stream.collect().await.messages().iter().map(short).collect(), false);
    }
    let last = Break { after: usize::MAX, pause_ms: 1_000, to: 1, stops: false, secrets: 0 };
    for Break { after, pause_ms, to, stops, secrets } in breaks.into_iter().chain([last; 60]) {
        heard.read(&mut stream, after).await;
        if heard.over {
            return (heard.said, has_stopped);
        }
        drop(stream);
        has_stopped |= stops;
        // Nobody comes back to what has stopped.
        let to = if has_stopped { to.max(1) } else { to };
        lines[0].set(if has_stopped { Fault::Mute } else { Fault::AppendsInSecret(secrets) });
        pass(Duration::from_millis(pause_ms)).await;
        session.mcp = servers[to].clone();
        stream = session.resume(&heard.last_event_id).await;
        let after = stream.headers.get("last-event-id").map(|after| after.to_str().expect("visible ASCII"));
        assert_eq!(after, Some(heard.last_event_id.as_str()), "nothing is missing");
    }
    panic!("no answer, but {heard:?}")
}

#[tokio::test(start_paused = true)]
async fn what_is_written_behind_the_end_is_refused() {
    for hears in [true, false] {
        let (shared, gate) = (Shared::new(), Gate::new());
        let lines = [(); 2].map(|()| Line::to(&shared));
        let servers = lines.clone().map(|line| gate.server(|mcp| mcp.store(line)));
        let mut session = session(&servers[0]).await;
        lines[0].set(Fault::NoHeart);
        lines[1].hears_nothing(!hears);
        let mut heard = Heard::default();
        heard.read(&mut session.talk(&"ms".repeat(40)).open(&servers[0]).await, 2).await;
        let log = log_of(&session, &heard.last_event_id);
        session.mcp = servers[1].clone();
        let mut stream = session.resume(&heard.last_event_id).await;
        heard.read(&mut stream, usize::MAX).await;
        assert!(stream.ended && heard.over);
        pass(secs(60)).await;
        let (end, before) = heard.said.split_last().expect("an end");
        let all: Vec<_> = (0..before.len()).map(|at| (2 * at).to_string()).collect();
        assert_eq!((end.as_str(), before), ("stopped", all.as_slice()));
        let (kept, closed) = kept(&shared, log).await;
        assert!(closed && kept.len() == heard.said.len() + 1, "the primer and what was read: {kept:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_client_that_comes_back_anywhere_misses_nothing(
        script in vec(prop::sample::select(&b"mmmyysc"[..]), 0..30),
        breaks in vec(breaks(), 0..10),
    ) {
        let script = String::from_utf8(script).expect("letters");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let (mut said, stopped) = runtime.expect("a runtime").block_on(read_through(&script, breaks));
        let all = script.char_indices().filter(|(_, step)| *step == 'm').map(|(at, _)| at.to_string());
        let all: Vec<_> = all.chain(["done".to_owned()]).collect();
        if said.last().is_some_and(|last| last == "stopped") {
            prop_assert!(stopped, "nobody is condemned without a reason");
            said.pop();
            prop_assert!(all.starts_with(&said) && said.len() < all.len(), "{said:?}");
        } else {
            prop_assert_eq!(said, all);
        }
    }
}
