//! Clients that come back to another server than the one that runs their call.

use std::time::Duration;

use mcp_mount::{Limits, McpService, Memory};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    reply::{Event, Live},
    rig::{Session, patient, session},
    suite::{
        lines::{Fault, Line, kept, log_of},
        replicated::Shared,
        resuming::{Gate, begins_after, events, next, rest, short},
    },
    support::{call, message, pass, secs},
};

/// Servers on one store, each with its own line to it, and their tool's gate.
pub struct Replicas {
    pub shared: Shared,
    pub gate: Gate,
    pub lines: Vec<Line>,
    servers: Vec<McpService>,
}

impl Replicas {
    pub fn new(count: usize) -> Self {
        Self::with(count, patient())
    }

    fn with(count: usize, limits: Limits) -> Self {
        let (shared, gate) = (Shared::new(), Gate::new());
        let lines: Vec<_> = (0..count).map(|_| Line::to(&shared)).collect();
        let server = |line: &Line| gate.server(|mcp| mcp.limits(limits).store(line.clone()));
        let servers = lines.iter().map(server).collect();
        Self { shared, gate, lines, servers }
    }

    /// The same session on each.
    pub async fn session(&self) -> Vec<Session> {
        let session = session(&self.servers[0]).await;
        let on = |server: &McpService| {
            let mut session = session.clone();
            session.mcp = server.clone();
            session
        };
        self.servers.iter().map(on).collect()
    }
}

/// A call of `script` whose client goes away when it has been told the first message. The primer's event and that one's.
pub async fn left(session: &Session, script: &str) -> [Event; 2] {
    let mut stream = session.talk(script).open(&session.mcp).await;
    [next(&mut stream).await, next(&mut stream).await]
}

pub fn id(event: &Event) -> &str {
    event.id.as_deref().expect("an id")
}

/// The explicit error that a stream ends with.
fn error(message: &Value) -> &str {
    assert_eq!(message["error"]["code"], -32603, "{message}");
    message["error"]["message"].as_str().expect("a text")
}

/// Reads until the error, and the end behind it. How long that took.
async fn stops(stream: &mut Live) -> Duration {
    let began = Instant::now();
    let message = stream.message().await.expect("an error");
    assert!(error(&message).contains("has stopped") && message["id"] == 1, "{message}");
    let took = began.elapsed();
    assert_eq!(stream.message().await, None);
    took
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_elsewhere_misses_nothing() {
    let replicas = Replicas::new(2);
    let [here, there] = &replicas.session().await[..] else { unreachable!() };
    for script in ["mmwmwm", "mwmmmwm", "mwyyyyymyyymw"] {
        let [_, first] = left(here, script).await;
        let mut resumed = there.resume(id(&first)).await;
        assert_eq!(begins_after(&resumed), id(&first));
        replicas.gate.open();
        pass(secs(60)).await;
        replicas.gate.open();
        let heard: Vec<_> = events(&mut resumed).await.into_iter().filter(|event| !event.comment).collect();
        let numbers: Vec<u64> =
            heard.iter().map(|event| id(event).rsplit('-').next().unwrap().parse().unwrap()).collect();
        assert_eq!(numbers, (3..3 + heard.len() as u64).collect::<Vec<_>>(), "{script}");
        let said: Vec<_> = heard.iter().map(|event| short(&event.json())).collect();
        let expected: Vec<_> = script.match_indices('m').skip(1).map(|(at, _)| at.to_string()).collect();
        assert_eq!(said, [expected, vec!["done".to_owned()]].concat(), "{script}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_server_has_stopped_ends_with_an_error() {
    let replicas = Replicas::new(2);
    let [here, there] = &replicas.session().await[..] else { unreachable!() };
    let [others, other_there] = &replicas.session().await[..] else { unreachable!() };
    let [primer, first] = &left(here, "mwm").await;
    let [_, other] = &left(others, "mwm").await;
    replicas.lines[0].set(Fault::Mute);
    let mut resumed = there.resume(id(primer)).await;
    assert_eq!(short(&next(&mut resumed).await.json()), "0");
    let took = stops(&mut resumed).await;
    assert!((secs(4)..=Duration::from_millis(5_500)).contains(&took), "{took:?}");
    let took = stops(&mut other_there.resume(id(other)).await).await;
    assert!(took <= secs(1), "it is known by now: {took:?}");
    let took = stops(&mut there.resume(id(first)).await).await;
    assert_eq!(took, Duration::ZERO, "it is written");
    pass(secs(600)).await;
    assert!(!replicas.gate.take(), "nobody has opened it");
}

#[tokio::test(start_paused = true)]
async fn however_many_read_it_there_is_one_end() {
    let replicas = Replicas::new(4);
    let sessions = replicas.session().await;
    let [_, first] = left(&sessions[0], "mwm").await;
    replicas.lines[0].set(Fault::Mute);
    // Nobody hears of the others, so that all read on.
    replicas.lines.iter().for_each(|line| line.hears_nothing(true));
    let mut resumed = Vec::new();
    for session in &sessions[1..] {
        resumed.push(session.resume(id(&first)).await);
    }
    let stops = futures::future::join_all(resumed.iter_mut().map(stops)).await;
    assert!(stops.iter().all(|took| (secs(5)..=Duration::from_millis(6_500)).contains(took)), "{stops:?}");
    let (kept, closed) = kept(&replicas.shared, log_of(&sessions[0], id(&first))).await;
    assert_eq!((kept.len(), closed), (3, true), "the primer, a message, and one end: {kept:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_only_paused_is_refused() {
    let replicas = Replicas::new(2);
    let [here, there] = &replicas.session().await[..] else { unreachable!() };
    let [_, first] = left(here, "mwmm").await;
    replicas.lines[0].set(Fault::Frozen);
    stops(&mut there.resume(id(&first)).await).await;
    replicas.gate.open();
    pass(secs(3)).await;
    replicas.lines[0].set(Fault::None);
    pass(secs(30)).await;
    let (kept, closed) = kept(&replicas.shared, log_of(here, id(&first))).await;
    assert!(kept.len() == 3 && closed && kept[2].contains("has stopped"), "{kept:?}");
    assert_eq!(here.talk("").to(&here.mcp).await.text(), "done", "the call has ended: its id is free");
    // And it serves as before.
    let [_, first] = left(here, "mwm").await;
    let mut resumed = there.resume(id(&first)).await;
    assert!(!resumed.ends_within(secs(30)).await);
    replicas.gate.open();
    assert_eq!(rest(&mut resumed).await, ["2", "done"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_condemned_who_is_only_slow_or_cannot_be_seen() {
    for (here_has, there_has) in [
        (Fault::SlowHeart, Fault::None),
        (Fault::Down, Fault::Down),
        (Fault::Frozen, Fault::Frozen),
        (Fault::None, Fault::Down),
        (Fault::None, Fault::Frozen),
        (Fault::ReadOnly, Fault::ReadOnly),
        (Fault::Mute, Fault::Mute),
        (Fault::SlowWrites(1_500), Fault::None),
        (Fault::SlowWrites(4_500), Fault::SlowWrites(1_500)),
    ] {
        let replicas = Replicas::new(2);
        let [here, there] = &replicas.session().await[..] else { unreachable!() };
        let [_, first] = left(here, "mwm").await;
        let mut resumed = there.resume(id(&first)).await;
        pass(secs(2)).await;
        replicas.lines[0].set(here_has);
        replicas.lines[1].set(there_has);
        assert!(!resumed.ends_within(secs(30)).await, "{here_has:?} {there_has:?}");
        // Who is judged may be the last who finds the store again.
        replicas.lines[1].set(Fault::None);
        pass(Duration::from_millis(900)).await;
        replicas.lines[0].set(Fault::None);
        assert!(!resumed.ends_within(secs(30)).await, "after {here_has:?} {there_has:?}");
        replicas.gate.open();
        assert_eq!(rest(&mut resumed).await, ["2", "done"], "{here_has:?} {there_has:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_appended_in_secret_is_not_appended_twice() {
    let replicas = Replicas::new(1);
    let here = &replicas.session().await[0];
    for script in ["mm", "mymym"] {
        for secrets in 1..6 {
            replicas.lines[0].set(Fault::AppendsInSecret(secrets));
            let heard = events(&mut here.talk(script).open(&here.mcp).await).await;
            replicas.lines[0].set(Fault::None);
            let numbers: Vec<_> = heard.iter().map(|event| id(event).rsplit('-').next().unwrap().to_owned()).collect();
            let expected: Vec<_> = (1..=heard.len()).map(|number| number.to_string()).collect();
            assert_eq!(numbers, expected, "{script}, {secrets}");
            let (kept, closed) = kept(&replicas.shared, log_of(here, id(&heard[0]))).await;
            assert_eq!((kept.len(), closed), (heard.len(), true), "{kept:?}");
            pass(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_loses_nothing() {
    for fault in [Fault::Down, Fault::Frozen] {
        let replicas = Replicas::new(2);
        let [here, there] = &replicas.session().await[..] else { unreachable!() };
        let mut stream = here.talk("mwmm").open(&here.mcp).await;
        let first = [next(&mut stream).await, next(&mut stream).await];
        let began = Instant::now();
        replicas.lines.iter().for_each(|line| line.set(fault));
        replicas.gate.open();
        let lines = replicas.lines.clone();
        tokio::spawn(async move {
            pass(secs(8)).await;
            lines.iter().for_each(|line| line.set(Fault::None));
        });
        let heard: Vec<_> = events(&mut stream).await.into_iter().filter(|event| !event.comment).collect();
        assert!(began.elapsed() < secs(10), "{fault:?}: {:?}", began.elapsed());
        assert!(heard.len() == 3 && heard.iter().all(|event| event.id.is_some()), "{fault:?}: {heard:?}");
        assert_eq!(rest(&mut there.resume(id(&first[1])).await).await, ["2", "3", "done"]);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_long_outage_who_comes_back_is_told() {
    // Whether the call ends before its store is back.
    for script in ["mwm", "mwmw"] {
        let replicas = Replicas::new(2);
        let [here, there] = &replicas.session().await[..] else { unreachable!() };
        let mut stream = here.talk(script).open(&here.mcp).await;
        let first = [next(&mut stream).await, next(&mut stream).await];
        replicas.lines[0].set(Fault::Down);
        replicas.gate.open();
        let event = stream.next().await.expect("a message");
        assert!(event.id.is_none() && short(&event.json()) == "2", "it goes on without ids: {event:?}");
        pass(secs(10)).await;
        replicas.lines[0].set(Fault::None);
        pass(secs(1)).await;
        let mut resumed = there.resume(id(&first[0])).await;
        assert_eq!(short(&next(&mut resumed).await.json()), "0");
        let message = resumed.message().await.expect("an end");
        assert!(error(&message).contains("could not be kept") && message["id"] == 1, "{message}");
        assert_eq!(resumed.message().await, None);
        let (kept, closed) = kept(&replicas.shared, log_of(here, id(&first[0]))).await;
        assert_eq!((kept.len(), closed), (3, true), "{kept:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_read_in_one_place_of_all() {
    let replicas = Replicas::new(3);
    let [a, b, c] = &replicas.session().await[..] else { unreachable!() };
    let mut first = a.talk("mwm").open(&a.mcp).await;
    let event = next(&mut first).await;
    let event = id(&event);
    let mut second = b.resume(event).await;
    assert!(first.ends_within(secs(0)).await, "whose client came back for it elsewhere");
    let mut third = c.resume(event).await;
    assert!(second.ends_within(secs(0)).await && !third.ends_within(secs(1)).await);
    let mut fourth = a.resume(event).await;
    assert!(third.ends_within(secs(0)).await, "and where its call runs");
    replicas.gate.open();
    assert_eq!(rest(&mut fourth).await, ["0", "2", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_can_close_its_stream_wherever_it_is_read() {
    let replicas = Replicas::new(2);
    let [here, there] = &replicas.session().await[..] else { unreachable!() };
    let [_, first] = left(here, "mwcwm").await;
    let mut resumed = there.resume(id(&first)).await;
    replicas.gate.open();
    let heard = events(&mut resumed).await;
    assert!(heard.iter().any(|event| event.retry.is_some()), "when to come back: {heard:?}");
    let mut resumed = there.resume(id(&first)).await;
    replicas.gate.open();
    assert_eq!(rest(&mut resumed).await, ["4", "done"]);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_or_was_not_heard_of_is_read_soon() {
    let replicas = Replicas::new(2);
    let [here, there] = &replicas.session().await[..] else { unreachable!() };
    let [_, first] = left(here, "mwmwm").await;
    let mut resumed = there.resume(id(&first)).await;
    assert!(!resumed.ends_within(Duration::from_millis(1)).await);
    replicas.lines[1].set(Fault::Down);
    replicas.gate.open();
    pass(secs(3)).await;
    assert!(resumed.listen(Duration::from_millis(1)).await.is_empty());
    replicas.lines[1].set(Fault::None);
    let began = Instant::now();
    assert_eq!(short(&next(&mut resumed).await.json()), "2");
    assert!(began.elapsed() <= Duration::from_millis(500), "{:?}", began.elapsed());
    replicas.lines[1].hears_nothing(true);
    replicas.gate.open();
    assert!(resumed.listen(secs(1)).await.is_empty());
    replicas.lines[1].has_missed_something();
    let heard = resumed.listen(Duration::from_millis(1)).await;
    assert_eq!(heard.first().map(|event| short(&event.json())).as_deref(), Some("4"), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_lost_are_said_to_be() {
    let replicas = Replicas::new(2);
    let [here, there] = &replicas.session().await[..] else { unreachable!() };
    let mut stream = here.talk("mwmm").open(&here.mcp).await;
    let first = [next(&mut stream).await, next(&mut stream).await];
    let [others, other_there] = &replicas.session().await[..] else { unreachable!() };
    let [_, other] = left(others, "mwm").await;
    let mut resumed = other_there.resume(id(&other)).await;
    for log in [log_of(here, id(&first[0])), log_of(others, id(&other))] {
        mcp_mount::Store::forget(&replicas.shared, log.group).await.unwrap();
    }
    replicas.lines.iter().for_each(Line::new_epoch);
    assert!(resumed.ends_within(secs(1)).await, "there is nothing to be read");
    replicas.gate.open();
    replicas.gate.open();
    let heard = events(&mut stream).await;
    assert!(heard.len() == 3 && heard.iter().all(|event| event.id.is_none()), "{heard:?}");
    let resumed = there.resume(id(&first[0])).await;
    assert_eq!(begins_after(&resumed), "earliest");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_does_not_wait_for_the_calls_of_others() {
    let replicas = Replicas::new(3);
    let [here, there, third] = &replicas.session().await[..] else { unreachable!() };
    let [_, first] = left(here, "mwm").await;
    let mut resumed = there.resume(id(&first)).await;
    assert!(!resumed.ends_within(secs(1)).await);
    let lifespan = there.mcp.lifespan();
    let (report, heard) = tokio::join!(lifespan.shutdown(), events(&mut resumed));
    assert_eq!(report.elapsed, Duration::ZERO);
    assert!(heard.last().is_some_and(|event| event.retry.is_some()), "when to come back: {heard:?}");
    assert_eq!(there.resume(id(&first)).await.status, 503, "somewhere else");
    let mut resumed = third.resume(id(&first)).await;
    replicas.gate.open();
    assert_eq!(rest(&mut resumed).await, ["2", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_on_living_while_its_server_drains() {
    let replicas = Replicas::new(2);
    let [here, there] = &replicas.session().await[..] else { unreachable!() };
    let lifespan = here.mcp.lifespan().grace(secs(60));
    let [_, first] = left(here, "mwm").await;
    let drain = tokio::spawn(async move { lifespan.shutdown().await });
    let mut resumed = there.resume(id(&first)).await;
    assert!(!resumed.ends_within(secs(30)).await, "it is not condemned");
    replicas.gate.open();
    assert_eq!(rest(&mut resumed).await, ["2", "done"]);
    assert_eq!(drain.await.unwrap().finished, 1);
}

#[tokio::test(start_paused = true)]
async fn an_id_for_which_there_is_no_room_ends_too() {
    let replicas = Replicas::new(2);
    let [here, there] = &replicas.session().await[..] else { unreachable!() };
    let talk = message("x".repeat(2_000), "tools/call", json!({"name": "talk", "arguments": {"script": "mw"}}));
    let mut stream = here.post(talk).open(&here.mcp).await;
    let first = next(&mut stream).await;
    drop(stream);
    replicas.lines[0].set(Fault::Mute);
    let mut resumed = there.resume(id(&first)).await;
    next(&mut resumed).await;
    let end = next(&mut resumed).await;
    assert!(error(&end.json()).contains("has stopped") && end.json().get("id").is_none(), "{end:?}");
    assert!(resumed.ends_within(secs(1)).await);
    assert_eq!(there.resume(id(&end)).await.status, 405, "nobody comes back for ever");
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_cost_nothing_where_there_are_no_others() {
    let gate = Gate::new();
    for (line, beats) in [(Line::alone(), 0..=0), (Line::to(&Shared(Memory::new().into())), 9..=12)] {
        let mcp = gate.server(|mcp| mcp.store(line.clone()));
        let session = session(&mcp).await;
        session.post(call("talk", json!({"script": ""}))).to(&mcp).await;
        pass(secs(10)).await;
        assert_eq!(line.beats(), 0, "a call that only answers is not recorded");
        session.talk("myym").to(&mcp).await;
        pass(secs(10)).await;
        assert!(beats.contains(&line.beats()));
        let id = session.id.clone();
        drop((mcp, session));
        pass(secs(2)).await;
        line.beats();
        pass(secs(10)).await;
        assert_eq!(line.beats(), 0, "nobody beats for {id}, whose server is gone");
    }
}
