//! What has to follow in a session once the store has done its part, whoever has left meanwhile; and what the calls of a
//! session that is gone are told.

use std::time::Duration;

use mcp_mount::{McpService, Sessions};
use serde_json::json;
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    reply::Reply,
    rig::{Probe, Session, session},
    suite::controlled::{Controlled, Fault},
    support::{Ask, LATEST_SESSION, initialize, message, notification, pass, secs, soon},
    told::{changing, told},
};

const MOMENT: Duration = Duration::from_millis(1);

const CANCELLED: &str = "the request was cancelled by its client";
const GONE: &str = "the session has ended or was lost; whether the call had an effect is not known";

/// Asks, and leaves before the answer is there.
async fn asked_and_left(ask: Ask, mcp: &McpService) {
    let reply = tokio::time::timeout(MOMENT, ask.to(mcp)).await;
    assert!(reply.is_err(), "the answer takes longer");
}

/// A call that never ends by itself.
async fn stuck(session: &Session, id: u64, mcp: &McpService, probe: &Probe) -> JoinHandle<Reply> {
    let ask = session.post(message(id, "tools/call", json!({"name": "stuck"})));
    let running = tokio::spawn(ask.header("accept", "application/json").owned_to(mcp));
    probe.started().await;
    running
}

/// The text that a call ends with.
async fn text(running: JoinHandle<Reply>) -> String {
    let reply = soon("the end of the call", running).await.expect("no panic");
    assert_eq!(reply.code(), -32603, "{reply}");
    reply.error()["message"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_everywhere_though_who_ends_it_has_left() {
    let (store, probe) = (Controlled::new(), Probe::new());
    let [a, b] = store.replicas(|| vec![probe.stuck_tool()]);
    let session = session(&a).await;
    let (there, here) = (stuck(&session, 1, &a, &probe).await, stuck(&session, 2, &b, &probe).await);
    pass(secs(1)).await;
    store.set(Fault::LateWrites);
    store.counts();
    let began = Instant::now();
    asked_and_left(session.delete(), &b).await;
    assert_eq!((text(there).await, text(here).await), (GONE.to_owned(), CANCELLED.to_owned()));
    assert!(began.elapsed() <= secs(1), "as soon as the store says so: {:?}", began.elapsed());
    let counts = store.counts();
    assert_eq!((counts["forget"], counts["tell"]), (2, 1), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_everywhere_though_its_end_is_not_known() {
    let (store, probe) = (Controlled::new(), Probe::new());
    let [a, b] = store.replicas(|| vec![probe.stuck_tool()]);
    let session = session(&a).await;
    let (there, here) = (stuck(&session, 1, &a, &probe).await, stuck(&session, 2, &b, &probe).await);
    pass(secs(1)).await;
    store.set(Fault::LostTakes);
    store.counts();
    let began = Instant::now();
    assert_eq!(session.delete().to(&b).await.status, 503);
    assert!(began.elapsed() <= secs(5), "it does not wait for what follows");
    assert_eq!((text(there).await, text(here).await), (GONE.to_owned(), CANCELLED.to_owned()));
    assert!(began.elapsed() <= secs(5), "{:?}", began.elapsed());
    let counts = store.counts();
    assert_eq!((counts["forget"], counts["tell"]), (2, 1), "{counts:?}");
    assert_eq!(session.delete().to(&b).await.status, 404, "it has ended");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_told_though_who_made_it_has_left() {
    let store = Controlled::new();
    let [a, b] = store.replicas_with(Vec::new, changing);
    let session = session(&a).await;
    let mut stream = session.stream().await;
    stream.listen(secs(1)).await;
    store.set(Fault::LateWrites);
    asked_and_left(session.subscribe("test://a"), &b).await;
    stream.listen(secs(1)).await;
    a.notify().resource_updated("test://a");
    assert_eq!(told(&mut stream).await, ["test://a"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_who_gave_way_though_who_came_has_left() {
    let store = Controlled::new();
    let [a, _] = store.replicas_with(Vec::new, |mcp| mcp.sessions(Sessions::new().max(1)));
    let session = session(&a).await;
    pass(secs(31)).await;
    store.set(Fault::LateWrites);
    store.counts();
    asked_and_left(initialize(LATEST_SESSION), &a).await;
    pass(secs(1)).await;
    let counts = store.counts();
    assert_eq!((counts.get("forget"), counts.get("tell")), (Some(&2), Some(&1)), "{counts:?}");
    assert!(!session.is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_session_that_is_gone_are_not_told_that_they_were_cancelled() {
    for (fault, down) in [(Fault::Empty, 0), (Fault::Hangs, 12)] {
        let (store, probe) = (Controlled::new(), Probe::new());
        let sessions = Sessions::new().idle(secs(4));
        let [a, b] = store.replicas_with(|| vec![probe.stuck_tool()], |mcp| mcp.sessions(sessions));
        let session = session(&a).await;
        let [cancelled, afar, lost] = [1, 2, 3].map(|id| stuck(&session, id, &a, &probe));
        let (cancelled, afar, lost) = (cancelled.await, afar.await, lost.await);
        for (id, running, replica) in [(1, cancelled, &a), (2, afar, &b)] {
            let message = notification("notifications/cancelled", json!({"requestId": id}));
            assert_eq!(session.post(message).to(replica).await.status, 202);
            assert_eq!(text(running).await, CANCELLED);
        }
        store.set(fault);
        pass(secs(down)).await;
        if down > 0 {
            store.set(Fault::None);
        }
        assert_eq!(text(lost).await, GONE, "{fault:?}");
        assert_eq!(session.ping().await.status, 404, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_live_session_does_not_give_way_when_the_store_was_down() {
    for fault in [Fault::Fails, Fault::Hangs] {
        for phase in [0, 300, 700] {
            let (store, probe) = (Controlled::new(), Probe::new());
            let sessions = Sessions::new().max(1);
            let [a, b] = store.replicas_with(|| vec![probe.stuck_tool()], |mcp| mcp.sessions(sessions));
            let session = session(&a).await;
            let running = stuck(&session, 1, &a, &probe).await;
            pass(secs(1) + MOMENT * phase).await;
            store.set(fault);
            pass(secs(40)).await;
            store.set(Fault::None);
            pass(secs(2)).await;
            let refused = initialize(LATEST_SESSION).to(&b).await;
            assert_eq!(refused.status, 503, "{fault:?}: {refused}");
            assert!(!running.is_finished() && session.is_alive().await, "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn not_all_look_at_once_when_something_was_missed() {
    const CALLS: u64 = 1_000;
    let (store, probe) = (Controlled::new(), Probe::new());
    let [a, _b] = store.replicas(|| vec![probe.stuck_tool()]);
    let session = session(&a).await;
    let mut running = Vec::new();
    for id in 0..CALLS {
        running.push(stuck(&session, id, &a, &probe).await);
    }
    pass(secs(5)).await;
    for _ in 0..2 {
        store.counts();
        store.has_missed_something();
        let (mut all, mut most) = (0, 0);
        for _ in 0..1_500 {
            pass(MOMENT).await;
            let now: usize = store.counts().values().sum();
            (all, most) = (all + now, most.max(now));
        }
        assert!(most <= 24, "at the same instant: {most}");
        assert_eq!(all as u64, 2 * CALLS, "each looks at its session, and for its cancellation");
    }
    assert!(running.iter().all(|running| !running.is_finished()));
}

#[tokio::test(start_paused = true)]
async fn calls_do_not_look_at_a_session_that_has_only_changed() {
    let (store, probe) = (Controlled::new(), Probe::new());
    let [a, b] = store.replicas_with(|| vec![probe.stuck_tool()], changing);
    let session = session(&a).await;
    let mut stream = session.stream().await;
    for id in 0..20 {
        stuck(&session, id, &a, &probe).await;
    }
    stream.listen(secs(1)).await;
    store.counts();
    session.at(&b).subscribed("test://a").await;
    stream.listen(secs(1)).await;
    let counts = store.counts();
    assert_eq!((counts["tell"], counts["get"]), (1, 2), "the request's own, and the stream's: {counts:?}");
}
