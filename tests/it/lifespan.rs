//! The end of a server: what was begun is finished, within its time.

use std::{future::pending, io, time::Duration};

use mcp_mount::{Lifespan, Mcp, McpService, tool_fn};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    rig::{Probe, patient, rig, server, server_with, session},
    support::{
        Ask, LATEST_SESSION, Reply, call, call_with_progress, initialize, legacy, message, modern, modern_call,
        notification, pass, secs, soon,
    },
};

fn shut_down(mcp: &McpService) -> JoinHandle<mcp_mount::DrainReport> {
    let lifespan = mcp.lifespan();
    tokio::spawn(async move { lifespan.shutdown().await })
}

/// Begins the drain and lets it take hold.
async fn draining(mcp: &McpService) -> JoinHandle<mcp_mount::DrainReport> {
    let drain = shut_down(mcp);
    while !mcp.lifespan().is_draining() {
        tokio::task::yield_now().await;
    }
    drain
}

fn refused(name: &str, reply: &Reply) {
    assert_eq!(reply.status, 503, "{name}\n{reply}");
    assert!(reply.header("retry-after").is_some(), "{name}\n{reply}");
    assert_eq!(reply.header("connection"), Some("close"), "{name}\n{reply}");
    assert!(reply.error()["message"].is_string(), "{name}\n{reply}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_server_ends_at_once() {
    let rig = rig();
    let begun = Instant::now();
    assert!(!rig.mcp.lifespan().is_draining());
    let report = soon("the drain", rig.mcp.lifespan().shutdown()).await;
    assert!(rig.mcp.lifespan().is_draining());
    assert_eq!((report.finished, report.cut, report.streams), (0, 0, 0));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let again = soon("a second shutdown", rig.mcp.lifespan().shutdown()).await;
    assert_eq!((again.finished, again.cut, again.streams), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_new_is_begun() {
    let rig = rig();
    let session = session(&rig.mcp).await;
    rig.mcp.lifespan().shutdown().await;
    let asks: [(&str, Ask); 6] = [
        ("a call in the session", session.post(call("echo", json!({"text": "x"})))),
        ("a call without one", legacy(call("echo", json!({"text": "x"})))),
        ("a modern call", modern_call("echo", json!({"text": "x"}))),
        ("initialize", initialize(LATEST_SESSION)),
        ("a stream", session.get()),
        ("a call with progress", session.post(call_with_progress("echo", json!({"text": "x"})))),
    ];
    for (name, ask) in asks {
        refused(name, &ask.to(&rig.mcp).await);
    }
    assert_eq!(rig.runs(), 0);
    let reply = session.delete().to(&rig.mcp).await;
    assert_eq!(reply.status, 204, "a session may still be ended\n{reply}");
    let reply = session.post(notification("notifications/initialized", json!({}))).to(&rig.mcp).await;
    assert_eq!(reply.status, 404, "as it was\n{reply}");
}

#[tokio::test(start_paused = true)]
async fn running_calls_finish() {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool(), probe.speaking_tool()]);
    let session = session(&mcp).await;
    let asks = [session.post(call("wait", json!({}))), modern_call("wait", json!({})), session.post(speak("two"))];
    let mut running = Vec::new();
    for ask in asks {
        running.push(tokio::spawn(ask.owned_to(&mcp)));
        probe.started().await;
    }
    let begun = Instant::now();
    let drain = draining(&mcp).await;
    pass(secs(4)).await;
    assert!(!drain.is_finished(), "it waits for the calls");
    refused("a new call meanwhile", &modern_call("wait", json!({})).to(&mcp).await);
    for call in running {
        probe.release();
        assert_eq!(soon("the call", call).await.expect("no panic").text(), "done");
    }
    let report = soon("the drain", drain).await.expect("no panic");
    assert_eq!((report.finished, report.cut), (3, 0));
    assert_eq!(begun.elapsed().as_secs(), 4, "and no longer");
}

fn speak(id: &str) -> Value {
    let params = json!({"name": "speak", "arguments": {}, "_meta": {"progressToken": "token"}});
    message(id, "tools/call", params)
}

#[tokio::test(start_paused = true)]
async fn what_ends_a_call_is_served_to_the_end() {
    let probe = Probe::new();
    let mcp = server([probe.stuck_tool()]);
    let session = session(&mcp).await;
    let running = tokio::spawn(session.post(call("stuck", json!({}))).owned_to(&mcp));
    probe.started().await;
    let begun = Instant::now();
    let drain = draining(&mcp).await;
    let answer = session.post(json!({"jsonrpc": "2.0", "id": "asked", "result": {}})).to(&mcp).await;
    assert_eq!(answer.status, 202, "{answer}");
    let cancel = notification("notifications/cancelled", json!({"requestId": 1}));
    assert_eq!(session.post(cancel).to(&mcp).await.status, 202);
    probe.dropped().await;
    soon("the reply", running).await.expect("no panic");
    let report = soon("the drain", drain).await.expect("no panic");
    assert_eq!((report.cut, begun.elapsed()), (0, Duration::ZERO), "the cancelled call ended by itself");
}

#[tokio::test(start_paused = true)]
async fn streams_end_at_once() {
    let rig = rig();
    let sessions = [session(&rig.mcp).await, session(&rig.mcp).await];
    let mut streams = [sessions[0].get().open(&rig.mcp).await, sessions[1].get().open(&rig.mcp).await];
    for stream in &mut streams {
        stream.listen(secs(1)).await;
    }
    let begun = Instant::now();
    let drain = draining(&rig.mcp).await;
    for stream in &mut streams {
        let heard = stream.listen(secs(1)).await;
        assert!(stream.ended, "{heard:?}");
        assert!(heard.iter().any(|event| event.retry.is_some()), "says when to come back: {heard:?}");
    }
    drop(streams);
    let report = soon("the drain", drain).await.expect("no panic");
    assert_eq!((report.finished, report.cut, report.streams), (0, 0, 2));
    assert!(begun.elapsed() < secs(1), "streams end by themselves: {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn stuck_calls_are_cut_at_the_deadline_and_answered() {
    for (grace, seconds) in [(None, 10), (Some(secs(3)), 3)] {
        let probe = Probe::new();
        let lifespan = match grace {
            Some(grace) => Lifespan::new().grace(grace),
            None => Lifespan::new(),
        };
        let mcp = server_with([probe.stuck_tool()], |mcp| mcp.limits(patient()).lifespan(&lifespan));
        let session = session(&mcp).await;
        let asks = [session.post(call("stuck", json!({}))), modern_call("stuck", json!({}))];
        let mut running = Vec::new();
        for ask in asks {
            running.push(tokio::spawn(ask.owned_to(&mcp)));
            probe.started().await;
        }
        let begun = Instant::now();
        let report = soon("the drain", lifespan.shutdown()).await;
        let took = begun.elapsed();
        assert!(took >= secs(seconds) && took <= secs(seconds + 1), "{took:?}");
        assert_eq!((report.finished, report.cut), (0, 2));
        assert!(report.elapsed >= secs(seconds), "{report:?}");
        for call in running {
            probe.dropped().await;
            let reply = soon("an answer", call).await.expect("no panic");
            let answer = reply.json();
            let failed = answer.get("error").is_some() || answer["result"]["isError"] == json!(true);
            assert!(failed && answer["id"] == json!(1), "an error that says so\n{reply}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_its_client_left_counts_too() {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool()]);
    let session = session(&mcp).await;
    let call = tokio::spawn(session.post(call("wait", json!({}))).owned_to(&mcp));
    probe.started().await;
    call.abort();
    assert!(call.await.is_err_and(|e| e.is_cancelled()));
    let drain = draining(&mcp).await;
    pass(secs(2)).await;
    assert!(!drain.is_finished(), "in a session the call goes on");
    probe.release();
    let report = soon("the drain", drain).await.expect("no panic");
    assert_eq!((report.finished, report.cut, probe.finished()), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn several_services_share_one_lifespan() {
    let lifespan = Lifespan::new();
    let probe = Probe::new();
    let first = server_with([probe.silent_tool()], |mcp| mcp.lifespan(&lifespan));
    let second = server_with([tool_fn("one", "One", || async { "1" })], |mcp| mcp.lifespan(&lifespan));
    let running = tokio::spawn(modern_call("wait", json!({})).owned_to(&first));
    probe.started().await;
    let drain = draining(&second).await;
    assert!(first.lifespan().is_draining() && lifespan.is_draining());
    refused("the other one", &modern_call("one", json!({})).to(&second).await);
    assert!(!drain.is_finished());
    probe.release();
    assert_eq!(soon("the call", running).await.expect("no panic").text(), "done");
    assert_eq!(soon("the drain", drain).await.expect("no panic").finished, 1);

    let separate = Mcp::new("separate", "1.0.0").build().expect("builds");
    assert!(!separate.lifespan().is_draining(), "who shares nothing is not drained");
}

#[tokio::test(start_paused = true)]
async fn until_waits_and_then_drains() {
    let rig = rig();
    let lifespan = rig.mcp.lifespan();
    let begun = Instant::now();
    soon("until", lifespan.until(pass(secs(7)))).await;
    assert_eq!(begun.elapsed().as_secs(), 7);
    assert!(lifespan.is_draining());
    refused("a call", &modern_call("echo", json!({"text": "x"})).to(&rig.mcp).await);
}

#[tokio::test(start_paused = true)]
async fn drive_returns_what_became_of_it() {
    let rig = rig();
    let report =
        soon("drive", rig.mcp.lifespan().drive(async { Ok::<_, io::Error>(()) })).await.expect("the server's Ok");
    assert_eq!((report.finished, report.cut), (0, 0));
    assert!(rig.mcp.lifespan().is_draining(), "a server that is gone is drained");

    let failing = server([]);
    let result =
        soon("drive", failing.lifespan().drive(async { Err::<(), _>(io::Error::other("address in use")) })).await;
    assert_eq!(result.expect_err("the server's error").to_string(), "address in use");
}

#[tokio::test(start_paused = true)]
async fn drive_gives_up_on_a_server_that_does_not_end() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.limits(patient()));
    let lifespan = mcp.lifespan();
    let driven = tokio::spawn(async move { lifespan.drive(pending::<io::Result<()>>()).await });
    let running = tokio::spawn(modern("tools/call", json!({"name": "stuck", "arguments": {}})).owned_to(&mcp));
    probe.started().await;
    pass(secs(3600)).await;
    assert!(!driven.is_finished(), "nobody asked it to end");
    let begun = Instant::now();
    let _drain = draining(&mcp).await;
    let report = soon("drive", driven).await.expect("no panic").expect("no error");
    let took = begun.elapsed();
    assert!(took >= secs(10) && took <= secs(12), "one second after the deadline: {took:?}");
    assert_eq!((report.finished, report.cut), (0, 1));
    probe.dropped().await;
    soon("an answer", running).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_never_touches_the_lifespan_is_served() {
    let rig = rig();
    pass(secs(3600)).await;
    rig.canary("an hour").await;
}
