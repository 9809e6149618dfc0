//! Shutdown hooks: once, in reverse, when all else is gone, and bounded.

use std::{future::pending, io, time::Duration};

use mcp_mount::{DrainReport, Lifespan};
use serde_json::json;
use tokio::{runtime::Runtime, sync::oneshot, time::Instant};

use crate::{
    hooks::Journal,
    rig::{Probe, patient, server_with},
    support::{modern_call, pass, secs, soon},
};

fn ends(lifespan: &Lifespan, journal: &Journal, name: &'static str, takes: Duration) {
    let journal = journal.clone();
    lifespan.on_shutdown(name, move || async move {
        pass(takes).await;
        journal.note(name);
    });
}

/// A life with three hooks, each of which takes no time.
fn three() -> (Lifespan, Journal) {
    let (lifespan, journal) = (Lifespan::new().grace(secs(5)), Journal::default());
    for name in ["pool", "cache", "goodbye"] {
        ends(&lifespan, &journal, name, secs(0));
    }
    (lifespan, journal)
}

const IN_REVERSE: [&str; 3] = ["goodbye", "cache", "pool"];

async fn shutdown(lifespan: &Lifespan) -> DrainReport {
    soon("the shutdown", lifespan.shutdown()).await
}

#[tokio::test(start_paused = true)]
async fn they_run_once_and_in_reverse_for_all_who_wait() {
    let (lifespan, journal) = three();
    ends(&lifespan, &journal, "slow", secs(2));
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let lifespan = lifespan.clone();
            tokio::spawn(async move { lifespan.shutdown().await })
        })
        .collect();
    for report in waiting {
        let report = soon("a shutdown", report).await.expect("no panic");
        assert_eq!((report.elapsed, &report.failed_hooks[..]), (secs(2), &[][..]));
    }
    assert_eq!(journal.read(), ["slow", "goodbye", "cache", "pool"]);
    pass(secs(60)).await;
    assert_eq!(shutdown(&lifespan).await.elapsed, secs(2), "the same report");
    assert_eq!(journal.read(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn they_run_when_the_calls_are_gone() {
    let (lifespan, journal) = three();
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(patient()).lifespan(&lifespan));
    let running = tokio::spawn(modern_call("wait", json!({})).owned_to(&mcp));
    probe.started().await;
    let drain = tokio::spawn({
        let lifespan = lifespan.clone();
        async move { lifespan.shutdown().await }
    });
    pass(secs(4)).await;
    assert_eq!(journal.read(), [""; 0], "the call may need what they close");
    probe.release();
    soon("the call", running).await.expect("no panic");
    let report = soon("the drain", drain).await.expect("no panic");
    assert_eq!((report.finished, report.elapsed), (1, secs(4)));
    assert_eq!(journal.read(), IN_REVERSE);
}

#[tokio::test(start_paused = true)]
async fn they_run_after_a_call_that_had_to_be_cut() {
    let (lifespan, journal) = three();
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.limits(patient()).lifespan(&lifespan));
    let running = tokio::spawn(modern_call("stuck", json!({})).owned_to(&mcp));
    probe.started().await;
    assert_eq!(shutdown(&lifespan).await.cut, 1);
    assert_eq!(journal.read(), IN_REVERSE);
    soon("the call", running).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn they_belong_to_a_server_that_has_started() {
    for (case, starts) in [("never begun", false), ("failed", true)] {
        let (lifespan, journal) = three();
        lifespan.on_start("database", || async { Err::<(), _>("wrong password") });
        if starts {
            lifespan.start().await.expect_err("it fails");
        }
        assert_eq!(shutdown(&lifespan).await.elapsed, Duration::ZERO, "{case}");
        assert_eq!(journal.read(), [""; 0], "{case}");
    }
    let (lifespan, journal) = three();
    lifespan.on_start("database", || async { Ok::<_, io::Error>(()) });
    lifespan.start().await.expect("no failure");
    lifespan.on_start("late", || async { Err::<(), _>("too late to have never started") });
    lifespan.start().await.expect_err("it fails");
    shutdown(&lifespan).await;
    assert_eq!(journal.read(), IN_REVERSE);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_under_way_is_waited_for() {
    let (lifespan, journal) = three();
    let notes = journal.clone();
    lifespan.on_start("database", move || async move {
        pass(secs(3)).await;
        notes.note("database");
        Ok::<_, io::Error>(())
    });
    assert!(tokio::time::timeout(secs(1), lifespan.start()).await.is_err());
    assert_eq!(shutdown(&lifespan).await.elapsed, secs(2));
    assert_eq!(journal.read(), ["database", "goodbye", "cache", "pool"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_or_panics_is_given_up_and_named() {
    let (lifespan, journal) = three();
    lifespan.on_shutdown("panics", || async { panic!("on purpose") });
    lifespan.on_shutdown("panics at once", || -> std::future::Ready<()> { panic!("on purpose") });
    lifespan.on_shutdown("hangs too", pending::<()>);
    lifespan.on_shutdown("hangs", pending::<()>);
    let report = shutdown(&lifespan).await;
    assert_eq!(report.failed_hooks, ["hangs", "hangs too", "panics at once", "panics"]);
    assert_eq!(report.elapsed, secs(6), "5 s to the deadline, and the 1 s that each one gets at least");
    assert_eq!(journal.read(), IN_REVERSE, "the others run all the same");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_given_up_is_dropped() {
    struct Dropped(Journal);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.note("dropped");
        }
    }
    let (lifespan, journal) = (Lifespan::new().grace(secs(0)), Journal::default());
    let dropped = Dropped(journal.clone());
    lifespan.on_shutdown("hangs", move || async move {
        let _dropped = dropped;
        pending::<()>().await;
    });
    assert_eq!(shutdown(&lifespan).await.elapsed, secs(1));
    pass(secs(1)).await;
    assert_eq!(journal.read(), ["dropped"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_late_is_not_run() {
    let (lifespan, journal) = three();
    shutdown(&lifespan).await;
    ends(&lifespan, &journal, "late", secs(0));
    shutdown(&lifespan).await;
    pass(secs(60)).await;
    assert_eq!(journal.read(), IN_REVERSE);
}

#[tokio::test(start_paused = true)]
async fn they_run_even_if_nobody_waits_any_more() {
    let (lifespan, journal) = three();
    ends(&lifespan, &journal, "slow", secs(3));
    assert!(tokio::time::timeout(secs(1), lifespan.shutdown()).await.is_err());
    pass(secs(60)).await;
    assert_eq!(journal.read(), ["slow", "goodbye", "cache", "pool"]);
    soon("until", lifespan.until(pending::<()>())).await;
}

/// A web server that takes some more time to end when it was told to.
async fn server(lifespan: &Lifespan, journal: &Journal, stop: oneshot::Receiver<()>) -> io::Result<DrainReport> {
    let told = lifespan.until(stop);
    let journal = journal.clone();
    let server = async move {
        told.await;
        pass(secs(2)).await;
        journal.note("server");
        Ok::<_, io::Error>(())
    };
    lifespan.drive(server).await
}

#[tokio::test(start_paused = true)]
async fn under_drive_they_wait_for_the_server() {
    let (lifespan, journal) = three();
    let (stop, stopped) = oneshot::channel();
    stop.send(()).expect("somebody listens");
    let report = soon("drive", server(&lifespan, &journal, stopped)).await.expect("no error");
    assert_eq!(journal.read(), ["server", "goodbye", "cache", "pool"]);
    assert_eq!(report.elapsed, secs(2));
}

/// A route of the host that ends the server, say: the server waits for it.
#[tokio::test(start_paused = true)]
async fn under_drive_who_calls_shutdown_does_not_wait_for_the_server() {
    let (lifespan, journal) = three();
    let handler = lifespan.clone();
    let server = async move {
        let begun = Instant::now();
        handler.shutdown().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        pass(secs(1)).await;
        Ok::<_, io::Error>(())
    };
    let report = soon("drive", lifespan.drive(server)).await.expect("no error");
    assert_eq!(journal.read(), IN_REVERSE);
    assert_eq!(report.elapsed, secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_given_up_does_not_hold_them_off() {
    let (lifespan, journal) = three();
    let driven = tokio::spawn({
        let lifespan = lifespan.clone();
        async move { lifespan.drive(pending::<io::Result<()>>()).await }
    });
    pass(secs(1)).await;
    shutdown(&lifespan).await;
    let report = soon("drive", driven).await.expect("no panic").expect("no error");
    assert_eq!((report.elapsed, &report.failed_hooks[..]), (secs(6), &[][..]), "one second after the deadline");
    assert_eq!(journal.read(), IN_REVERSE);
}

#[tokio::test(start_paused = true)]
async fn they_run_when_the_server_fails() {
    let (lifespan, journal) = three();
    let result = soon("drive", lifespan.drive(async { Err::<(), _>(io::Error::other("address in use")) })).await;
    assert_eq!(result.expect_err("the server's error").to_string(), "address in use");
    assert_eq!(journal.read(), IN_REVERSE);
}

/// As when the shutdown was begun by a request, on a worker of a web server that then ends.
#[test]
fn a_runtime_that_ends_does_not_take_the_others_along() {
    let (lifespan, journal) = (Lifespan::new().grace(secs(5)), Journal::default());
    ends(&lifespan, &journal, "pool", secs(0));
    lifespan.on_shutdown("hangs", pending::<()>);
    let gone = Runtime::new().expect("a runtime");
    gone.block_on(async {
        let waits = tokio::time::timeout(Duration::from_millis(20), lifespan.shutdown()).await;
        assert!(waits.is_err());
    });
    drop(gone);
    let next = Runtime::new().expect("a runtime");
    let report = next.block_on(lifespan.shutdown());
    assert_eq!(report.failed_hooks, ["hangs"]);
    assert_eq!(journal.read(), ["pool"]);
}
