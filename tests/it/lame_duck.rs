//! A server that is about to end says so, and goes on for a while.

use std::{future::pending, io, time::Duration};

use mcp_mount::{Lifespan, McpService};
use serde_json::json;
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    rig::{Probe, patient, server_with, session},
    support::{modern_call, pass, secs, soon},
};

const LAME_DUCK: u64 = 5;
const GRACE: u64 = 3;

fn lame_duck() -> Lifespan {
    Lifespan::new().lame_duck(secs(LAME_DUCK)).grace(secs(GRACE))
}

fn mcp(lifespan: &Lifespan, probe: &Probe) -> McpService {
    server_with([probe.silent_tool(), probe.stuck_tool()], |mcp| mcp.limits(patient()).lifespan(lifespan))
}

fn shut_down(lifespan: &Lifespan) -> JoinHandle<mcp_mount::DrainReport> {
    let lifespan = lifespan.clone();
    tokio::spawn(async move { lifespan.shutdown().await })
}

#[tokio::test(start_paused = true)]
async fn everything_but_readiness_goes_on_and_then_the_drain_begins() {
    let (lifespan, probe) = (lame_duck(), Probe::new());
    let mcp = mcp(&lifespan, &probe);
    let mut stream = session(&mcp).await.get().open(&mcp).await;
    assert!(lifespan.is_ready() && !lifespan.is_draining());
    let begun = Instant::now();
    let ending = shut_down(&lifespan);
    pass(Duration::from_millis(1)).await;
    assert!(!lifespan.is_ready() && !lifespan.is_draining());

    pass(secs(LAME_DUCK - 1)).await;
    let late = session(&mcp).await;
    let mut another = late.get().open(&mcp).await;
    probe.release();
    assert_eq!(soon("a call", modern_call("wait", json!({})).to(&mcp)).await.text(), "done");
    let running = tokio::spawn(modern_call("wait", json!({})).owned_to(&mcp));
    while probe.finished() == 0 {
        probe.started().await;
    }
    probe.started().await;

    for stream in [&mut stream, &mut another] {
        stream.listen(secs(60)).await;
        assert!(stream.ended);
        assert_eq!(begun.elapsed(), secs(LAME_DUCK), "streams end when the drain begins");
    }
    assert!(lifespan.is_draining() && !lifespan.is_ready());
    let refused = modern_call("wait", json!({})).to(&mcp).await;
    assert_eq!(refused.status, 503, "{refused}");
    probe.release();
    assert_eq!(soon("the call", running).await.expect("no panic").text(), "done");
    drop((stream, another));
    let report = soon("the shutdown", ending).await.expect("no panic");
    assert_eq!((report.finished, report.cut, report.streams), (1, 0, 2), "what ended before is not counted");
    assert_eq!(report.elapsed, secs(LAME_DUCK));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_comes_after_both() {
    let (lifespan, probe) = (lame_duck(), Probe::new());
    let mcp = mcp(&lifespan, &probe);
    let running = tokio::spawn(modern_call("stuck", json!({})).owned_to(&mcp));
    probe.started().await;
    let begun = Instant::now();
    let report = soon("the shutdown", lifespan.shutdown()).await;
    assert_eq!((report.finished, report.cut), (0, 1));
    assert_eq!(begun.elapsed(), secs(LAME_DUCK + GRACE));
    soon("an answer", running).await.expect("no panic");
}

/// The web server has to accept until then.
#[tokio::test(start_paused = true)]
async fn until_resolves_when_the_drain_begins() {
    let lifespan = lame_duck();
    let begun = Instant::now();
    let other = tokio::spawn(lifespan.until(pending::<()>()));
    let host = lifespan.clone();
    soon("until", lifespan.until(async move { drop(tokio::time::timeout(secs(1), host.shutdown()).await) })).await;
    assert_eq!(begun.elapsed(), secs(LAME_DUCK), "it began with the shutdown, whose caller went away");
    assert!(lifespan.is_draining());
    soon("the other one", other).await.expect("no panic");
    assert_eq!(begun.elapsed(), secs(LAME_DUCK));

    let lifespan = lame_duck();
    let begun = Instant::now();
    soon("until", lifespan.until(pass(secs(2)))).await;
    assert_eq!(begun.elapsed(), secs(2 + LAME_DUCK));
}

#[tokio::test(start_paused = true)]
async fn a_driven_server_is_told_after_it_and_given_up_after_the_deadline() {
    for (ends, seconds) in [(true, LAME_DUCK), (false, LAME_DUCK + GRACE + 1)] {
        let lifespan = lame_duck();
        let told = lifespan.until(std::future::ready(()));
        let begun = Instant::now();
        let server = async move {
            told.await;
            assert_eq!(begun.elapsed(), secs(LAME_DUCK));
            if !ends {
                pending::<()>().await;
            }
            Ok::<_, io::Error>(())
        };
        let report = soon("drive", lifespan.drive(server)).await.expect("no error");
        assert_eq!((begun.elapsed(), report.elapsed), (secs(seconds), secs(seconds)));
    }
}

/// Nobody can be served any more then.
#[tokio::test(start_paused = true)]
async fn a_server_that_ends_by_itself_ends_it() {
    let lifespan = lame_duck();
    let begun = Instant::now();
    soon("drive", lifespan.drive(async { Ok::<_, io::Error>(()) })).await.expect("no error");
    assert_eq!(begun.elapsed(), Duration::ZERO);

    let lifespan = lame_duck();
    let begun = Instant::now();
    let _ending = shut_down(&lifespan);
    let server = async {
        pass(secs(2)).await;
        Ok::<_, io::Error>(())
    };
    soon("drive", lifespan.drive(server)).await.expect("no error");
    assert_eq!(begun.elapsed(), secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_nobody_waits_for_goes_on() {
    let (lifespan, probe) = (lame_duck(), Probe::new());
    let mcp = mcp(&lifespan, &probe);
    let running = tokio::spawn(modern_call("stuck", json!({})).owned_to(&mcp));
    probe.started().await;
    let begun = Instant::now();
    assert!(tokio::time::timeout(secs(1), lifespan.shutdown()).await.is_err());
    soon("an answer", running).await.expect("no panic");
    assert_eq!(begun.elapsed(), secs(LAME_DUCK + GRACE));
}

#[tokio::test(start_paused = true)]
async fn the_longest_is_a_time_too() {
    let lifespan = Lifespan::new().lame_duck(Duration::MAX).grace(Duration::MAX);
    let begun = Instant::now();
    lifespan.until(std::future::ready(())).await;
    assert_eq!(begun.elapsed(), secs(365 * 24 * 3600));
}

#[tokio::test(start_paused = true)]
async fn there_is_none_by_default() {
    let lifespan = Lifespan::new();
    let _ending = shut_down(&lifespan);
    tokio::task::yield_now().await;
    assert!(lifespan.is_draining());
}
