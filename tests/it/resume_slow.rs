//! Stores that take their time, or lose the end of a log: nothing is missed in silence.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    rig::session,
    suite::{
        controlled::{Controlled, Fault},
        resuming::{Gate, begins_after, events, next, rest, short},
    },
    support::{pass, secs},
};

#[tokio::test(start_paused = true)]
async fn what_is_said_while_the_log_is_read_is_told() {
    let (gate, store) = (Gate::new(), Controlled::alone());
    let mcp = gate.server(|mcp| mcp.store(store.clone()));
    let session = session(&mcp).await;
    let heard = events(&mut session.talk("mcwm").open(&mcp).await).await;
    let mut resumed = session.resume(heard[1].id.as_deref().unwrap()).await;
    store.set(Fault::LateReads);
    let begun = Instant::now();
    let said = async {
        // The first read is on its way.
        pass(Duration::from_millis(500)).await;
        gate.open();
    };
    let (rest, ()) = tokio::join!(rest(&mut resumed), said);
    assert_eq!(rest, ["3", "done"]);
    assert!(begun.elapsed() <= secs(4), "not with the next sign of life: {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_log_that_has_lost_its_end_breaks_its_stream_off() {
    let (gate, store) = (Gate::new(), Controlled::alone());
    let mcp = gate.server(|mcp| mcp.store(store.clone()));
    let session = session(&mcp).await;
    let heard = events(&mut session.talk("mcmwm").open(&mcp).await).await;
    let mut resumed = session.resume(heard[1].id.as_deref().unwrap()).await;
    assert_eq!(short(&next(&mut resumed).await.json()), "2");
    store.set(Fault::Behind(2));
    assert!(resumed.ends_within(secs(16)).await, "with the next look at the latest");
    let again = session.resume(heard[1].id.as_deref().unwrap()).await;
    assert_eq!(begins_after(&again), heard[1].id.as_deref().unwrap(), "what is still known of goes on");
    let lost = heard[1].id.as_deref().unwrap().replace("-2", "-3");
    assert_eq!(begins_after(&session.resume(&lost).await), "earliest", "and whoever has heard more is told");
}
