//! Stores that take their time: what is said meanwhile is told all the same.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    rig::session,
    suite::{
        controlled::{Controlled, Fault},
        resuming::{Gate, events, rest},
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
