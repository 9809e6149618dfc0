//! Clients that come back for what is not known: never 404, which would end their session, and never an end that they come
//! back after for ever.

use mcp_mount::Limits;

use crate::{
    rig::{Session, patient, session},
    suite::resuming::{Gate, begins_after, events, next, rest},
    support::{Live, secs, soon},
};

/// A primer, comments, and nothing else.
async fn waits(stream: &mut Live, id: &str) {
    assert_eq!(begins_after(stream), "earliest", "{id}");
    let primer = soon("a primer", stream.next()).await.expect("open");
    assert!(primer.id.is_some() && primer.data.is_empty() && primer.retry.is_some(), "{id}: {primer:?}");
    let heard = stream.listen(secs(100)).await;
    assert!(heard.len() > 5 && heard.iter().all(|event| event.comment), "{id}: {heard:?}");
    assert!(!stream.ended, "{id}");
}

#[tokio::test(start_paused = true)]
async fn it_stays_open_and_says_that_something_is_missing() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    let session = session(&mcp).await;
    let heard = events(&mut session.talk("mmm").open(&mcp).await).await;
    let id = heard[0].id.clone().unwrap();
    let (stream, _) = id.rsplit_once('-').unwrap();
    let (epoch, _) = stream.split_once('-').unwrap();
    let long = "0".repeat(8 << 10);
    let elsewhere = if id.starts_with('0') { '1' } else { '0' };
    for bad in [
        "1",
        "earliest",
        &long,
        &format!("{stream}-0"),
        &format!("{stream}-6"),
        &format!("{stream}-18446744073709551615"),
        &format!("{stream}-01"),
        &format!("{epoch}-{}-1", "1".repeat(32)),
        &format!("{elsewhere}{}", &id[1..]),
        &format!("{id}-"),
        &format!("\"{id}\""),
        &id.replacen('-', "_", 1),
        "é",
    ] {
        waits(&mut session.resume(bad).await, bad).await;
    }
    let twice = session.get().header("last-event-id", &id).also("last-event-id", &id);
    waits(&mut twice.open(&mcp).await, "twice").await;
    let mut first = session.resume("1").await;
    let primer = next(&mut first).await.id.unwrap();
    waits(&mut session.resume(&primer).await, "by its own primer").await;
    assert!(session.is_alive().await);
    let mut old = Session::open(&mcp, "2025-06-18", None).await.resume("1").await;
    assert_eq!(begins_after(&old), "earliest");
    assert!(old.listen(secs(100)).await.iter().all(|event| event.comment), "who knows no primer gets none");
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_unknown() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp.limits(patient().log_ttl(secs(10))));
    let session = session(&mcp).await;
    let heard = events(&mut session.talk("mmm").open(&mcp).await).await;
    let id = heard[0].id.clone().unwrap();
    crate::support::pass(secs(9)).await;
    assert_eq!(rest(&mut session.resume(&id).await).await.len(), 4);
    crate::support::pass(secs(1)).await;
    waits(&mut session.resume(&id).await, "expired").await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_runs_keeps_what_it_said() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp.limits(patient().log_ttl(secs(10))));
    let session = session(&mcp).await;
    let heard = events(&mut session.talk("mcwm").open(&mcp).await).await;
    crate::support::pass(secs(3600)).await;
    gate.open();
    assert_eq!(rest(&mut session.resume(heard[0].id.as_deref().unwrap()).await).await, ["0", "3", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_has_sixteen_of_them() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp.limits(patient().open_streams(20)));
    let (session, other) = (session(&mcp).await, session(&mcp).await);
    let mut neighbour = other.resume("1").await;
    let mut streams = Vec::new();
    for _ in 0..18 {
        let mut stream = session.resume("1").await;
        assert_eq!(stream.status, 200);
        next(&mut stream).await;
        streams.push(stream);
        for early in streams.iter_mut().rev().skip(16) {
            assert!(early.ends_within(secs(0)).await, "the oldest gives way");
        }
    }
    for stream in streams.iter_mut().skip(2) {
        assert!(!stream.ends_within(secs(0)).await);
    }
    assert!(!neighbour.ends_within(secs(0)).await, "another session's");
    let _more = [other.resume("1").await, other.resume("1").await, other.get().open(&mcp).await];
    let refused = other.get().header("last-event-id", "1").to(&mcp).await;
    assert_eq!(refused.status, 503, "they count among the open streams\n{refused}");
    assert!(refused.error()["message"].as_str().is_some_and(|text| text.contains("open_streams")), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn they_end_with_their_session_and_with_the_server() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp.limits(Limits::new()));
    let (gone, left) = (session(&mcp).await, session(&mcp).await);
    let (mut theirs, mut stream) = (gone.resume("1").await, left.resume("1").await);
    assert_eq!(gone.delete().to(&mcp).await.status, 204);
    assert!(theirs.ends_within(secs(0)).await);
    assert!(!stream.ends_within(secs(60)).await);
    let lifespan = mcp.lifespan();
    let drain = tokio::spawn(async move { lifespan.shutdown().await });
    let heard = events(&mut stream).await;
    assert_eq!(heard.last().and_then(|event| event.retry.as_deref()), Some("1000"), "{heard:?}");
    let report = soon("the drain", drain).await.expect("no panic");
    assert_eq!(report.streams, 1);
    assert_eq!(left.get().header("last-event-id", "1").to(&mcp).await.status, 503);
}
