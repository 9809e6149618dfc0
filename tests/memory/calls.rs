//! Calls that speak before they answer.

use std::time::Duration;

use crate::rig::{Rig, Stream, settle};

/// It speaks, and is waited for.
const WAITS: &str = r#""says":1,"yields":0,"waits":true"#;

/// Longer than a handler may take, and than a stream is kept for who comes back.
const LONG: Duration = Duration::from_secs(20 * 60);

/// The lists of the calls that run in sessions, 64 of them, keep the room of a few. Over five times 400 calls that is less
/// than four bytes for each.
const ROOM: i64 = 7_500;

/// So many calls that are waited for: each in a session of its own, or without one.
async fn call_all(rig: &Rig, sessions: &[String], count: usize) -> Vec<Stream> {
    let mut streams = Vec::with_capacity(count);
    for at in 0..count {
        streams.push(Stream::of(rig.call(sessions.get(at).map(String::as_str), WAITS).await).await);
    }
    settle().await;
    streams
}

#[test]
fn a_call_that_is_waited_for_takes_a_few_kibibytes() {
    for (sessions, most) in [(500, 7 << 10), (0, 6 << 10)] {
        let rig = Rig::new();
        let (ids, once) = rig.run(async { (rig.sessions(sessions).await, rig.sessions(1).await) });
        // What is made once.
        rig.run(async { drop(call_all(&rig, &once[..sessions.min(1)], 1).await) });
        let (_streams, live) = rig.live(call_all(&rig, &ids, 500));
        let each = live / 500;
        assert!((1 << 10..=most).contains(&each), "{each} bytes, in {sessions} sessions");
    }
}

#[test]
fn what_a_handler_was_given_is_not_kept_while_it_runs() {
    let rig = Rig::new();
    let calls = async |count: usize| {
        let mut running: Vec<_> = (0..count).map(|_| Box::pin(rig.call_large(64 << 10))).collect();
        for call in &mut running {
            // Until its handler waits.
            assert!(futures::poll!(call.as_mut()).is_pending());
        }
        running
    };
    drop(rig.run(calls(1)));
    let (_running, live) = rig.live(calls(16));
    // The rest is the call's future, which the test has in its hands.
    assert!((1 << 10..8 << 10).contains(&(live / 16)), "{} bytes", live / 16);
}

#[test]
fn nothing_is_left_of_a_call_that_has_ended() {
    let rig = Rig::new();
    for yields in [0, 1, 2, 5] {
        rig.leaves_at_most(ROOM, &format!("after the answer, with {yields} turns of others"), async || {
            let ids = rig.sessions(200).await;
            let arguments = format!(r#""says":3,"yields":{yields},"waits":false"#);
            for session in ids.iter().map(|id| Some(id.as_str())).chain([None; 200]) {
                Stream::of(rig.call(session, &arguments).await).await.end().await;
            }
            settle().await;
            // What was kept for who comes back goes with the session.
            rig.delete_all(ids).await;
        });
    }
}

#[test]
fn nothing_is_left_of_a_call_whose_client_has_gone() {
    let rig = Rig::new();
    rig.leaves_nothing("2026-07-28: it is cancelled", async || {
        drop(call_all(&rig, &[], 50).await);
        settle().await;
    });
    rig.leaves_at_most(ROOM, "in a session: it times out, and is kept for a while", async || {
        let ids = rig.sessions(500).await;
        drop(call_all(&rig, &ids, 500).await);
        tokio::time::advance(LONG).await;
        settle().await;
        rig.delete_all(ids).await;
    });
}

#[test]
fn nothing_is_left_of_a_call_whose_session_was_ended() {
    let rig = Rig::new();
    rig.leaves_at_most(ROOM, "after DELETE", async || {
        let ids = rig.sessions(500).await;
        let streams = call_all(&rig, &ids, 500).await;
        rig.delete_all(ids).await;
        for stream in streams {
            stream.end().await;
        }
        settle().await;
    });
}

/// What is kept for who comes back has its bounds, whatever the calls of a session say.
#[test]
fn calls_of_one_session_do_not_add_up() {
    let rig = Rig::new();
    let ids = rig.run(rig.sessions(1));
    let mut rounds = Vec::new();
    for _ in 0..4 {
        let ((), live) = rig.live(async {
            for _ in 0..200 {
                let stream = rig.call(Some(&ids[0]), r#""says":3,"yields":0,"waits":false"#).await;
                Stream::of(stream).await.end().await;
            }
        });
        rounds.push(live);
    }
    assert!(rounds[0] < 100 << 10, "64 streams of three messages: {rounds:?}");
    assert!(rounds[1..].iter().all(|live| live.abs() < 256), "{rounds:?}");
}
