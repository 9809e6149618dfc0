//! Clients that come back for the stream of a call (2025-11-25, basic/transports, «Resumability and Redelivery»).

use std::collections::HashSet;

use mcp_mount::Sessions;
use serde_json::json;

use crate::{
    reply::Live,
    rig::{Session, owned, patient, session},
    suite::resuming::{Gate, begins_after, events, next, rest, short},
    support::{LATEST_SESSION, call, legacy, modern_call, pass, secs},
};

#[tokio::test(start_paused = true)]
async fn every_event_has_an_id_of_its_own() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    let session = session(&mcp).await;
    let mut ids = HashSet::new();
    for script in ["mm", "mym", "myym", "myyym"] {
        let mut stream = session.talk(script).open(&mcp).await;
        let heard = events(&mut stream).await;
        assert_eq!(heard.len(), 4, "{heard:?}");
        assert_eq!((heard[0].data.as_str(), heard[0].retry.as_deref()), ("", Some("1000")), "a primer: {heard:?}");
        assert!(heard[1..].iter().all(|event| !event.data.is_empty() && event.retry.is_none()), "{heard:?}");
        for event in heard {
            let id = event.id.unwrap_or_else(|| panic!("no id: {}", event.data));
            assert!(id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic()), "{id}");
            assert!(ids.insert(id.clone()), "{id} was there before");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_know_of_it_gets_no_more_than_ever() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    for (revision, has_ids) in [("2025-06-18", true), ("2025-03-26", true), ("2024-11-05", false)] {
        let session = Session::open(&mcp, revision, None).await;
        for script in ["mm", "mym", "myym"] {
            let heard = events(&mut session.talk(script).open(&mcp).await).await;
            assert_eq!(heard.len(), 3, "no primer: {heard:?}");
            assert!(heard.iter().all(|event| event.id.is_some() == has_ids && event.retry.is_none()), "{heard:?}");
        }
    }
    let talk = call("talk", json!({"script": "myym"}));
    let without = gate.server(|mcp| mcp.sessions(Sessions::new().event_log(false)));
    let off = session(&without).await;
    for (ask, mcp) in [
        (legacy(talk.clone()), &mcp),
        (modern_call("talk", json!({"script": "myym"})), &mcp),
        (off.talk("myym"), &without),
        (off.talk("mm"), &without),
    ] {
        let heard = events(&mut ask.open(mcp).await).await;
        assert!(heard.iter().all(|event| event.id.is_none() && !event.data.is_empty()), "{heard:?}");
    }
    let mut own = off.resume(&format!("0000000000000001-{}-1", "0".repeat(32))).await;
    assert_eq!(begins_after(&own), "", "nothing is said of it");
    assert!(own.listen(secs(20)).await.iter().all(|event| event.comment), "and the stream is as it was");
}

/// An answer that is there by the handler's next turn is no reason for a task; an event waits for no more than that.
#[tokio::test(start_paused = true)]
async fn what_is_there_by_the_next_turn_leaves_in_one_piece_and_the_rest_as_it_comes() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    let without = gate.server(|mcp| mcp.sessions(Sessions::new().event_log(false)));
    let (recorded, not_recorded) = (session(&mcp).await, session(&without).await);
    for session in [recorded, not_recorded] {
        for (script, in_one_piece) in
            [("m", true), ("mm", true), ("my", true), ("mym", true), ("ymy", true), ("myy", false), ("mymy", false)]
        {
            let mut stream = session.talk(script).open(&session.mcp).await;
            assert!(stream.is_sse(), "{script}");
            let length = stream.length();
            assert_eq!(length.is_some(), in_one_piece, "{script}: {length:?}");
            let said = rest(&mut stream).await;
            assert_eq!((said.len(), said.last().map(String::as_str)), (1 + script.matches('m').count(), Some("done")));
        }
        let mut stream = session.talk("myyw").open(&session.mcp).await;
        assert_eq!(stream.message().await.map(|message| short(&message)).as_deref(), Some("0"), "it waits for nobody");
        gate.open();
        assert_eq!(rest(&mut stream).await, ["done"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_comes_first_and_then_what_comes() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    for revision in ["2025-11-25", "2025-06-18", "2025-03-26"] {
        let session = Session::open(&mcp, revision, None).await;
        let mut stream = session.talk("mmwmwm").open(&mcp).await;
        let mut event = next(&mut stream).await;
        if event.data.is_empty() {
            event = next(&mut stream).await;
        }
        drop(stream);
        gate.open();
        pass(secs(1)).await;
        let mut resumed = session.resume(event.id.as_deref().unwrap()).await;
        assert_eq!(begins_after(&resumed), event.id.as_deref().unwrap(), "nothing is missing");
        let said = [next(&mut resumed).await, next(&mut resumed).await].map(|event| event.json());
        assert_eq!(said.map(|message| message["params"]["data"].clone()), ["1", "3"], "{revision}");
        assert!(resumed.listen(secs(100)).await.iter().all(|event| event.comment), "it is kept alive");
        gate.open();
        assert_eq!(rest(&mut resumed).await, ["5", "done"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_there_for_who_comes_late_from_wherever() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    let session = session(&mcp).await;
    for script in ["mmm", "mymym"] {
        let all = events(&mut session.talk(script).open(&mcp).await).await;
        pass(secs(200)).await;
        let (last, before) = all.split_last().unwrap();
        for (at, event) in before.iter().enumerate() {
            let mut resumed = session.resume(event.id.as_deref().unwrap()).await;
            assert_eq!(begins_after(&resumed), event.id.as_deref().unwrap());
            assert_eq!(events(&mut resumed).await, all[at + 1..], "the same events, with the same ids");
        }
        // Who has read it all is not given a stream that ends at once, for which some clients come back for ever.
        let read_out = session.resume(last.id.as_deref().unwrap()).await.collect().await;
        assert_eq!((read_out.status.as_u16(), read_out.header("allow")), (405, Some("POST, DELETE")), "{read_out}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_read_in_one_place() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    let session = session(&mcp).await;
    let mut first = session.talk("mwmwm").open(&mcp).await;
    let id = next(&mut first).await.id.unwrap();
    let mut second = session.resume(&id).await;
    assert!(first.ends_within(secs(0)).await, "whose client came back for it elsewhere");
    assert_eq!(next(&mut second).await.json()["params"]["data"], json!("0"));
    let mut third = session.resume(&id).await;
    assert!(second.ends_within(secs(0)).await);
    gate.open();
    gate.open();
    assert_eq!(rest(&mut third).await, ["0", "2", "4", "done"]);
    assert!(rest(&mut first).await.is_empty() && rest(&mut second).await.is_empty());
}

/// What others are told of a stream: status, head and events, without what differs between any two replies.
async fn seen(mut stream: Live) -> (u16, Vec<(String, String)>, usize, bool) {
    let mut head: Vec<_> =
        stream.headers.iter().map(|(name, value)| (name.to_string(), format!("{value:?}"))).collect();
    head.retain(|(name, _)| name != "date");
    head.sort();
    let heard = stream.listen(secs(40)).await;
    assert!(heard.iter().all(|event| event.data.is_empty()), "{heard:?}");
    (stream.status.as_u16(), head, heard.len(), stream.ended)
}

#[tokio::test(start_paused = true)]
async fn it_belongs_to_its_session() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| owned(mcp).limits(patient().log_ttl(secs(3600))));
    let alice = Session::open(&mcp, LATEST_SESSION, Some("alice")).await;
    let all = events(&mut alice.talk("mmm").open(&mcp).await).await;
    let mut running = alice.talk("mwm").open(&mcp).await;
    let ids: Vec<_> = all.iter().chain([&next(&mut running).await]).filter_map(|event| event.id.clone()).collect();
    // Whatever comes in a piece of its own is read: who does not read for 30 s is cut off.
    running.listen(secs(1)).await;
    for user in [Some("alice"), Some("bob"), None] {
        let other = Session::open(&mcp, LATEST_SESSION, user).await;
        let unknown = seen(other.resume(&format!("0123456789abcdef-{}-1", "1".repeat(32))).await).await;
        for id in &ids {
            let theirs = seen(other.resume(id).await).await;
            assert_eq!(theirs, unknown, "{user:?} is told nothing, not even that it is there");
        }
    }
    for ask in [alice.get().user("bob"), alice.get().header("mcp-session-id", "f".repeat(32))] {
        let reply = ask.header("last-event-id", &ids[0]).to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (404, -32600), "{reply}");
    }
    assert!(!running.ends_within(secs(1)).await, "nobody took it over");
    assert_eq!(rest(&mut alice.resume(&ids[0]).await).await, ["0", "1", "2", "done"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_holds_up_a_call_and_nothing_is_lost_to_who_reads_slowly() {
    let gate = Gate::new();
    let limits = mcp_mount::Limits::new().stream_events(4);
    let mcp = gate.server(|mcp| mcp.limits(limits));
    let session = session(&mcp).await;
    let script = "my".repeat(300);
    let expected: Vec<_> = (0..300).map(|n| (2 * n).to_string()).chain(["done".to_owned()]).collect();
    let mut slow = session.talk(&script).open(&mcp).await;
    let primer = next(&mut slow).await.id.unwrap();
    pass(secs(29)).await;
    assert!(!slow.ended, "it has time to read");
    pass(secs(30)).await;
    slow.breaks().await;
    assert_eq!(rest(&mut session.resume(&primer).await).await, expected, "all of it was kept");
    drop(session.talk(&script).open(&mcp).await);
    pass(std::time::Duration::from_millis(1)).await;
    let reply = session.talk("m").to(&mcp).await;
    assert_eq!(reply.text(), "done", "nobody waits for who is gone: the id is free again");
}
