//! One life for several services, and one that ends with the host's own token.

use std::{future::pending, io, time::Duration};

use mcp_mount::{Lifespan, McpService};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    rig::{Probe, patient, server_with, session},
    support::{Live, modern_call, pass, secs, soon},
};

fn mcp(lifespan: &Lifespan, probe: &Probe) -> McpService {
    server_with([probe.silent_tool(), probe.stuck_tool()], |mcp| mcp.limits(patient()).lifespan(lifespan))
}

async fn stream(mcp: &McpService) -> Live {
    session(mcp).await.get().open(mcp).await
}

async fn ends(stream: &mut Live) {
    stream.listen(secs(24 * 3600)).await;
    assert!(stream.ended);
}

#[tokio::test(start_paused = true)]
async fn the_counts_of_two_services_add_up() {
    let lifespan = Lifespan::new().grace(secs(4));
    let probes = [Probe::new(), Probe::new()];
    let services = probes.each_ref().map(|probe| mcp(&lifespan, probe));
    let mut streams = [stream(&services[0]).await, stream(&services[1]).await];
    let mut running = Vec::new();
    for (probe, mcp) in probes.iter().zip(&services) {
        for tool in ["wait", "stuck"] {
            running.push(tokio::spawn(modern_call(tool, json!({})).owned_to(mcp)));
            probe.started().await;
        }
    }
    let begun = Instant::now();
    let ending = tokio::spawn({
        let lifespan = services[1].lifespan();
        async move { lifespan.shutdown().await }
    });
    for stream in &mut streams {
        ends(stream).await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    for (probe, mcp) in probes.iter().zip(&services) {
        let refused = modern_call("wait", json!({})).to(mcp).await;
        assert_eq!(refused.status, 503, "{refused}");
        probe.release();
    }
    for call in running {
        soon("a call", call).await.expect("no panic");
    }
    let report = soon("the shutdown", ending).await.expect("no panic");
    assert_eq!((report.finished, report.cut, report.streams), (2, 2, 2));
    assert_eq!(begun.elapsed(), secs(4));
}

#[tokio::test(start_paused = true)]
async fn two_driven_servers_end_together() {
    let lifespan = Lifespan::new();
    let (goodbye, said) = tokio::sync::oneshot::channel();
    lifespan.on_shutdown("goodbye", move || async move { goodbye.send(Instant::now()).expect("heard") });
    let begun = Instant::now();
    let server = |takes: u64| {
        let (told, lifespan) = (lifespan.until(pass(secs(60 + takes))), lifespan.clone());
        async move {
            let server = async move {
                told.await;
                pass(secs(takes)).await;
                Ok::<_, io::Error>(())
            };
            lifespan.drive(server).await
        }
    };
    let (one, other) = soon("both", async { tokio::join!(server(3), server(1)) }).await;
    assert_eq!(one.expect("no error"), other.expect("no error"));
    assert_eq!(said.await.expect("it ran") - begun, secs(61 + 3), "when the last one is gone");
}

/// A life that ends with the token.
fn hosted() -> (CancellationToken, Lifespan) {
    let token = CancellationToken::new();
    (token.clone(), Lifespan::from_token(token))
}

#[test]
fn a_cancelled_token_is_seen_without_a_runtime() {
    let (token, lifespan) = hosted();
    assert!(lifespan.is_ready() && !lifespan.is_draining());
    token.cancel();
    assert!(!lifespan.is_ready() && lifespan.is_draining());

    let (token, lifespan) = hosted();
    let lifespan = lifespan.lame_duck(secs(3600));
    token.cancel();
    assert!(!lifespan.is_ready() && !lifespan.is_draining(), "a lame duck");

    let lifespan = Lifespan::from_token(token);
    assert!(lifespan.is_draining() && !lifespan.is_ready(), "it was cancelled before");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_token_is_seen_by_the_first_request() {
    let (token, lifespan) = hosted();
    let mcp = mcp(&lifespan, &Probe::new());
    token.cancel();
    let refused = modern_call("wait", json!({})).to(&mcp).await;
    assert_eq!(refused.status, 503, "{refused}");
}

#[tokio::test(start_paused = true)]
async fn the_token_drains_a_service_that_nobody_drives() {
    let (token, lifespan) = hosted();
    let (lifespan, probe) = (lifespan.grace(secs(3)), Probe::new());
    let mcp = mcp(&lifespan, &probe);
    let mut stream = stream(&mcp).await;
    let running = tokio::spawn(modern_call("stuck", json!({})).owned_to(&mcp));
    probe.started().await;
    pass(secs(3600)).await;
    let begun = Instant::now();
    token.cancel();
    ends(&mut stream).await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "without a request in between");
    soon("an answer", running).await.expect("no panic");
    assert_eq!(begun.elapsed(), secs(3), "at the deadline");
}

#[tokio::test(start_paused = true)]
async fn the_token_begins_the_lame_duck_too() {
    let (token, lifespan) = hosted();
    let (lifespan, probe) = (lifespan.lame_duck(secs(5)), Probe::new());
    let mcp = mcp(&lifespan, &probe);
    let mut stream = stream(&mcp).await;
    let begun = Instant::now();
    token.cancel();
    assert!(!lifespan.is_ready() && !lifespan.is_draining());
    ends(&mut stream).await;
    assert_eq!(begun.elapsed(), secs(5));
}

#[tokio::test(start_paused = true)]
async fn the_token_ends_until_and_drive() {
    let (token, lifespan) = hosted();
    let told = lifespan.until(pending::<()>());
    let driven = tokio::spawn({
        let lifespan = lifespan.clone();
        async move {
            let server = async move {
                told.await;
                Ok::<_, io::Error>(())
            };
            lifespan.drive(server).await
        }
    });
    pass(secs(3600)).await;
    assert!(!driven.is_finished());
    token.cancel();
    soon("drive", driven).await.expect("no panic").expect("no error");

    // Of a server that does not listen to the lifespan.
    let (token, lifespan) = hosted();
    let driven = tokio::spawn(async move { lifespan.drive(pending::<io::Result<()>>()).await });
    pass(secs(3600)).await;
    let begun = Instant::now();
    token.cancel();
    soon("drive", driven).await.expect("no panic").expect("no error");
    assert_eq!(begun.elapsed(), secs(11));
}

#[tokio::test(start_paused = true)]
async fn the_token_is_the_hosts() {
    let (token, lifespan) = hosted();
    soon("the shutdown", lifespan.shutdown()).await;
    assert!(!token.is_cancelled(), "it may mean more than this server");
}

/// Of the runtime that had the first request, or of a lifespan that is gone, nothing is left.
#[test]
fn the_wait_for_the_token_begins_anew_and_ends() {
    let (token, lifespan) = hosted();
    let mcp = mcp(&lifespan, &Probe::new());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let first = runtime();
    first.block_on(async { drop(stream(&mcp).await) });
    drop(first);
    let second = runtime();
    let mut stream = second.block_on(stream(&mcp));
    token.cancel();
    second.block_on(async { tokio::time::timeout(secs(20), ends(&mut stream)).await }).expect("the stream ends");

    let third = runtime();
    third.block_on(async {
        let (_token, lifespan) = hosted();
        soon("the start", lifespan.start()).await.expect("nothing to start");
        tokio::task::yield_now().await;
        let tasks = || third.metrics().num_alive_tasks();
        assert_eq!(tasks(), 1);
        drop(lifespan);
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks(), 0);
    });
}
