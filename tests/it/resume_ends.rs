//! What ends a stream that somebody came back for: its session, a shutdown.

use std::time::Duration;

use mcp_mount::Lifespan;
use tokio::time::Instant;

use crate::{
    rig::session,
    suite::resuming::{Gate, begins_after, events, next, rest},
    support::{pass, secs, soon},
};

#[tokio::test(start_paused = true)]
async fn with_its_session_it_is_gone() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    let (gone, other) = (session(&mcp).await, session(&mcp).await);
    let finished = events(&mut gone.talk("mm").open(&mcp).await).await;
    let mut first = gone.talk("mwm").open(&mcp).await;
    let id = next(&mut first).await.id.unwrap();
    let mut resumed = gone.resume(&id).await;
    let theirs = events(&mut other.talk("mm").open(&mcp).await).await;
    assert_eq!(gone.delete().to(&mcp).await.status, 204);
    assert!(resumed.ends_within(secs(0)).await);
    for id in [finished[0].id.as_deref().unwrap(), &id] {
        let reply = gone.get().header("last-event-id", id).to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (404, -32600), "{reply}");
    }
    assert_eq!(rest(&mut other.resume(theirs[0].id.as_deref().unwrap()).await).await, ["0", "1", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_who_came_back_and_serves_who_comes() {
    let gate = Gate::new();
    let lifespan = Lifespan::new().grace(secs(30));
    let mcp = gate.server(|mcp| mcp.lifespan(&lifespan));
    let session = session(&mcp).await;
    let finished = events(&mut session.talk("mm").open(&mcp).await).await;
    let closed = events(&mut session.talk("mcwm").open(&mcp).await).await;
    let mut open = session.post(crate::support::message(2, "tools/call", talk("mwcm"))).open(&mcp).await;
    let mut resumed = session.resume(closed[0].id.as_deref().unwrap()).await;
    assert_eq!(next(&mut resumed).await.json()["params"]["data"], "0");
    let drain = tokio::spawn(async move { lifespan.shutdown().await });
    pass(secs(1)).await;
    let replay = session.resume(finished[1].id.as_deref().unwrap()).await;
    assert_eq!(rest(&mut { replay }).await, ["1", "done"], "an answer that is there");
    let mut again = session.resume(closed[0].id.as_deref().unwrap()).await;
    assert_eq!(next(&mut again).await.json()["params"]["data"], "0");
    assert!(resumed.ends_within(secs(0)).await);
    pass(secs(5)).await;
    gate.open();
    gate.open();
    assert_eq!(rest(&mut again).await, ["3", "done"], "an answer that comes");
    assert_eq!(rest(&mut open).await, ["0", "3", "done"], "nobody is sent away who could not come back");
    let report = soon("the drain", drain).await.expect("no panic");
    assert_eq!((report.finished, report.cut), (2, 0), "{report:?}");
    let late = session.get().header("last-event-id", finished[1].id.as_deref().unwrap()).to(&mcp).await;
    assert_eq!(late.status, 503, "when all is over\n{late}");
}

fn talk(script: &str) -> serde_json::Value {
    serde_json::json!({"name": "talk", "arguments": {"script": script}})
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_it_ends_with_what_became_of_the_call() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    let session = session(&mcp).await;
    let closed = events(&mut session.talk("mcw").open(&mcp).await).await;
    let mut resumed = session.resume(closed[0].id.as_deref().unwrap()).await;
    assert!(!begins_after(&resumed).is_empty());
    let begun = Instant::now();
    let lifespan = mcp.lifespan();
    let drain = tokio::spawn(async move { lifespan.shutdown().await });
    assert_eq!(resumed.message().await.map(|message| message["params"]["data"].clone()), Some("0".into()));
    let answer = soon("an answer", resumed.message()).await.expect("an answer");
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("shutting down")), "{answer}");
    assert!(resumed.ends_within(secs(0)).await);
    assert!(begun.elapsed() < secs(10) + Duration::from_millis(500), "{:?}", begun.elapsed());
    let report = soon("the drain", drain).await.expect("no panic");
    assert_eq!((report.finished, report.cut, report.streams), (0, 1, 1), "{report:?}");
}
