//! Idle sessions.

use std::time::Duration;

use crate::rig::Rig;

/// How long a session lives that nobody uses.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// A session's id, as the test itself keeps it.
const ID: i64 = 32 + size_of::<String>() as i64;

#[test]
fn an_idle_session_takes_a_few_hundred_bytes() {
    let rig = Rig::new();
    for count in [1_000, 10_000] {
        let (ids, live) = rig.live(rig.sessions(count as usize));
        let each = live / count - ID;
        // Of which 96 are its place in a table that is between half and seven eighths full, or a quarter at worst.
        assert!((150..=330).contains(&each), "{each} bytes, of {count} sessions");
        rig.run(rig.delete_all(ids));
    }
}

#[test]
fn nothing_is_left_of_a_session_that_was_ended() {
    let rig = Rig::new();
    rig.leaves_nothing("after DELETE", async || {
        let ids = rig.sessions(2_000).await;
        rig.delete_all(ids).await;
    });
}

/// It goes as new ones are made, each of which has a part of the table searched.
#[test]
fn nothing_is_left_of_sessions_that_have_expired() {
    let rig = Rig::new();
    rig.leaves_nothing("after the idle time", async || {
        drop(rig.sessions(2_000).await);
        tokio::time::advance(IDLE).await;
        // In each part of the table, in all likelihood.
        let ids = rig.sessions(1_000).await;
        rig.delete_all(ids).await;
    });
}
