//! The end as a web server sees it: `until` inside the server, `drive` around it. What a signal begins is begun here by a
//! future of the test's own.

use std::{future::pending, io, time::Duration};

use mcp_mount::{DrainReport, Lifespan, McpService};
use serde_json::json;
use tokio::{sync::oneshot, task::JoinHandle, time::Instant};

use crate::{
    rig::{Probe, patient, server_with, session},
    support::{Live, call, call_with_progress, modern_call, pass, secs, soon},
};

const GRACE: u64 = 3;

/// A web server whose graceful shutdown begins with `until`, and which then waits for a socket that nobody closes.
struct Host {
    mcp: McpService,
    lifespan: Lifespan,
    driven: JoinHandle<io::Result<DrainReport>>,
    stop: oneshot::Sender<()>,
}

fn host(probe: &Probe) -> Host {
    let lifespan = Lifespan::new().grace(secs(GRACE));
    let tools = [probe.silent_tool(), probe.speaking_tool(), probe.stuck_tool()];
    let mcp = server_with(tools, |mcp| mcp.limits(patient()).lifespan(&lifespan));
    let (stop, stopped) = oneshot::channel::<()>();
    let driven = {
        let lifespan = lifespan.clone();
        tokio::spawn(async move {
            let asked = lifespan.until(stopped);
            let server = async move {
                asked.await;
                pending::<io::Result<()>>().await
            };
            lifespan.drive(server).await
        })
    };
    Host { mcp, lifespan, driven, stop }
}

async fn report(driven: JoinHandle<io::Result<DrainReport>>) -> DrainReport {
    soon("drive", driven).await.expect("no panic").expect("no error")
}

/// What it began with, if that has not been read, `retry:` and the end, without waiting.
async fn ends_at_once(stream: &mut Live) {
    let begun = Instant::now();
    let heard = stream.listen(secs(60)).await;
    assert!(stream.ended && begun.elapsed() == Duration::ZERO, "after {:?}: {heard:?}", begun.elapsed());
    let (last, primer) = heard.split_last().expect("an event");
    assert!(primer.len() <= 1 && primer.iter().all(|primer| primer.id.is_some()), "{heard:?}");
    let retry: Option<u64> = last.retry.as_deref().and_then(|retry| retry.parse().ok());
    assert!(retry.is_some_and(|ms| ms > 0), "says when to come back: {heard:?}");
    assert_eq!(last.data, "", "and nothing else");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_ends_is_given_up_one_second_after_the_deadline() {
    let host = host(&Probe::new());
    pass(secs(3600)).await;
    assert!(!host.driven.is_finished() && !host.lifespan.is_draining(), "nobody asked it to end");
    let begun = Instant::now();
    host.stop.send(()).expect("somebody listens");
    let report = report(host.driven).await;
    assert_eq!(begun.elapsed().as_secs(), GRACE + 1);
    assert_eq!((report.finished, report.cut, report.streams), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_finishes_in_its_time_and_a_stream_ends_at_once() {
    let probe = Probe::new();
    let host = host(&probe);
    let session = session(&host.mcp).await;
    let mut stream = session.get().open(&host.mcp).await;
    stream.listen(secs(1)).await;
    let asks = [
        session.post(call("wait", json!({}))),
        session.post(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
            "name": "speak", "arguments": {}, "_meta": {"progressToken": "token"}}})),
        modern_call("wait", json!({})),
    ];
    let mut running = Vec::new();
    for ask in asks {
        running.push(tokio::spawn(ask.owned_to(&host.mcp)));
        probe.started().await;
    }
    let begun = Instant::now();
    host.stop.send(()).expect("somebody listens");
    ends_at_once(&mut stream).await;
    pass(secs(GRACE - 1)).await;
    let refused = modern_call("wait", json!({})).to(&host.mcp).await;
    assert_eq!(refused.status, 503, "nothing new is begun\n{refused}");
    for call in running {
        probe.release();
        let reply = soon("the call", call).await.expect("no panic");
        assert_eq!(reply.text(), "done", "{reply}");
    }
    assert_eq!(begun.elapsed().as_secs(), GRACE - 1, "answered when they were done");
    let report = report(host.driven).await;
    assert_eq!((report.finished, report.cut, report.streams), (3, 0, 1));
    assert_eq!(begun.elapsed().as_secs(), GRACE + 1, "the server itself never ended");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_finish_is_answered_before_the_server_is_given_up() {
    let probe = Probe::new();
    let host = host(&probe);
    let session = session(&host.mcp).await;
    let mut running = Vec::new();
    for ask in [session.post(call_with_progress("stuck", json!({}))), modern_call("stuck", json!({}))] {
        running.push(tokio::spawn(ask.owned_to(&host.mcp)));
        probe.started().await;
    }
    let begun = Instant::now();
    host.stop.send(()).expect("somebody listens");
    for call in running {
        let reply = soon("an answer", call).await.expect("no panic");
        let answer = reply.json();
        assert!(answer.get("error").is_some() || answer["result"]["isError"] == json!(true), "{reply}");
        assert_eq!(begun.elapsed().as_secs(), GRACE, "at the deadline");
    }
    let report = report(host.driven).await;
    assert_eq!((report.finished, report.cut), (0, 2));
    assert_eq!(begun.elapsed().as_secs(), GRACE + 1);
}

/// `until` alone, for servers that nobody drives: the deadline comes all the same.
#[tokio::test(start_paused = true)]
async fn the_deadline_comes_without_a_driver() {
    let probe = Probe::new();
    let lifespan = Lifespan::new().grace(secs(GRACE));
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.limits(patient()).lifespan(&lifespan));
    let session = session(&mcp).await;
    let mut stream = session.get().open(&mcp).await;
    let running = tokio::spawn(modern_call("stuck", json!({})).owned_to(&mcp));
    probe.started().await;
    let begun = Instant::now();
    soon("until", lifespan.until(std::future::ready(()))).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    ends_at_once(&mut stream).await;
    let reply = soon("an answer", running).await.expect("no panic");
    assert!(reply.json().get("error").is_some(), "{reply}");
    assert_eq!(begun.elapsed().as_secs(), GRACE);
    probe.dropped().await;
}
