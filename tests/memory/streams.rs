//! Open streams of changes.

use std::time::Duration;

use crate::rig::{Rig, Stream, settle};

/// Opens the stream of each session.
async fn get_all(rig: &Rig, ids: &[String]) -> Vec<Stream> {
    let mut streams = Vec::with_capacity(ids.len());
    for id in ids {
        streams.push(rig.get(id).await);
    }
    streams
}

async fn listen_all(rig: &Rig, count: usize) -> Vec<Stream> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        streams.push(rig.listen().await);
    }
    streams
}

#[test]
fn an_open_stream_takes_about_a_kibibyte() {
    let rig = Rig::new();
    let ids = rig.run(rig.sessions(2_000));
    let (streams, live) = rig.live(get_all(&rig, &ids));
    let of_session = live / 2_000;
    drop(streams);
    let (_streams, live) = rig.live(listen_all(&rig, 2_000));
    let of_subscription = live / 2_000;
    // With their places in tables, which are half full at worst.
    assert!((500..=1_152).contains(&of_session), "GET: {of_session} bytes");
    assert!((300..=700).contains(&of_subscription), "subscriptions/listen: {of_subscription} bytes");
}

#[test]
fn nothing_is_left_of_a_stream_whose_client_has_gone() {
    let rig = Rig::new();
    rig.leaves_nothing("after the client has gone", async || {
        let ids = rig.sessions(200).await;
        let (one, other) = (get_all(&rig, &ids).await, listen_all(&rig, 200).await);
        drop((one, other));
        rig.delete_all(ids).await;
    });
}

#[test]
fn nothing_is_left_of_a_stream_whose_session_was_ended_or_that_was_taken_over() {
    let rig = Rig::new();
    rig.leaves_nothing("after its session", async || {
        let ids = rig.sessions(200).await;
        let mut before = get_all(&rig, &ids).await;
        let mut streams = get_all(&rig, &ids).await;
        for stream in &mut before {
            assert!(stream.drain().await, "it was taken over");
        }
        rig.delete_all(ids).await;
        for stream in &mut streams {
            assert!(stream.drain().await, "it has ended");
        }
    });
}

/// Nor does one that is told of changes, and beats, take more with time.
#[test]
fn a_stream_that_is_told_of_changes_does_not_grow() {
    let rig = Rig::new();
    let ids = rig.run(rig.sessions(100));
    let (mut of_sessions, mut of_subscriptions) =
        rig.run(async { (get_all(&rig, &ids).await, listen_all(&rig, 100).await) });
    let mut round = async || {
        for _ in 0..50 {
            rig.mcp.notify().tools_list_changed();
        }
        tokio::time::advance(Duration::from_secs(15)).await;
        for stream in of_sessions.iter_mut().chain(&mut of_subscriptions) {
            assert!(!stream.drain().await, "it goes on");
        }
    };
    rig.run(round());
    for _ in 0..3 {
        let ((), live) = rig.live(round());
        assert_eq!(live, 0, "so many bytes more are live");
    }
}

#[test]
fn nothing_is_left_of_a_stream_that_a_shutdown_has_ended() {
    let rig = Rig::new();
    // What is made once.
    rig.run(async {
        let ids = rig.sessions(1).await;
        drop((get_all(&rig, &ids).await, rig.listen().await));
        rig.delete_all(ids).await;
    });
    let (ids, before) = rig.live(async {
        let ids = rig.sessions(100).await;
        drop((get_all(&rig, &ids).await, listen_all(&rig, 100).await));
        ids
    });
    let ((), live) = rig.live(async {
        let mut streams = get_all(&rig, &ids).await;
        streams.extend(listen_all(&rig, 100).await);
        let lifespan = rig.mcp.lifespan();
        let (_, ()) = tokio::join!(lifespan.shutdown(), async {
            settle().await;
            for stream in &mut streams {
                assert!(stream.drain().await, "it has ended");
            }
        });
    });
    // The shutdown itself leaves what it has to say.
    assert!(live <= 1_024, "{live} bytes are still live, beside {before} of the sessions");
}
