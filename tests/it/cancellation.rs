//! Calls that end before their time: the client goes away, or takes its request back. And ids, which both need.

use mcp_mount::{McpService, OnDisconnect};
use serde_json::{Value, json};

use crate::{
    rig::{Probe, patient, server, server_with, session},
    support::{Ask, call, call_with_progress, legacy, message, modern, modern_call, notification, pass, secs, soon},
};

/// Opens the call, waits until it runs, and goes away. With progress that is while the stream is read.
async fn walk_away(mcp: &McpService, ask: Ask, probe: &Probe) {
    tokio::select! {
        biased;
        mut live = ask.open(mcp) => {
            soon("progress", live.message()).await.expect("the stream is open");
            probe.started().await;
        }
        () = probe.started() => {}
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_client_goes_away() {
    for (tool, stays) in [("wait", true), ("speak", true), ("wait", false), ("speak", false)] {
        let probe = Probe::new();
        let mcp = server_with([probe.silent_tool(), probe.speaking_tool()], |mcp| mcp.limits(patient()));
        let session = session(&mcp).await;
        let params = json!({"name": tool, "arguments": {}, "_meta": {"progressToken": "token"}});
        let ask = if stays { session.post(message(1, "tools/call", params)) } else { modern("tools/call", params) };
        walk_away(&mcp, ask, &probe).await;
        if stays {
            pass(secs(60)).await;
            assert_eq!(probe.drops(), 0, "{tool}: in a session, going away is no cancellation");
            probe.release();
            pass(secs(1)).await;
            assert_eq!(probe.finished(), 1, "{tool}");
        } else {
            probe.dropped().await;
            assert_eq!(probe.finished(), 0, "{tool}: in 2026-07-28, going away is the cancellation");
        }
        assert!(session.is_alive().await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_may_decide_otherwise() {
    let probe = Probe::new();
    let mcp = server([
        probe.silent_tool().on_disconnect(OnDisconnect::Finish),
        probe.speaking_tool().on_disconnect(OnDisconnect::Cancel),
    ]);
    walk_away(&mcp, modern_call("wait", json!({})), &probe).await;
    pass(secs(5)).await;
    assert_eq!(probe.drops(), 0, "told to finish");
    probe.release();
    pass(secs(1)).await;
    assert_eq!(probe.finished(), 1);
    let session = session(&mcp).await;
    walk_away(&mcp, session.post(call_with_progress("speak", json!({}))), &probe).await;
    probe.dropped().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_stops() {
    for (tool, id) in [("wait", json!(1)), ("speak", json!("one")), ("stuck", json!(2))] {
        let probe = Probe::new();
        let mcp = server([probe.silent_tool(), probe.speaking_tool(), probe.stuck_tool()]);
        let (session, other) = (session(&mcp).await, session(&mcp).await);
        let params = json!({"name": tool, "arguments": {}, "_meta": {"progressToken": "token"}});
        let running = tokio::spawn(session.post(message(id.clone(), "tools/call", params)).owned_to(&mcp));
        probe.started().await;
        let cancel = |id: Value| notification("notifications/cancelled", json!({"requestId": id, "reason": "enough"}));
        for (name, ask) in [
            ("another session", other.post(cancel(id.clone()))),
            ("no session", legacy(cancel(id.clone()))),
            ("another id", session.post(cancel(json!("two")))),
            ("another type of id", session.post(cancel(if id.is_string() { json!(1) } else { json!(id.to_string()) }))),
        ] {
            assert_eq!(ask.to(&mcp).await.status, 202, "{name}");
            tokio::task::yield_now().await;
            assert_eq!(probe.drops(), 0, "{name} cancels nothing");
        }
        assert_eq!(session.post(cancel(id.clone())).to(&mcp).await.status, 202);
        probe.dropped().await;
        let reply = soon("the reply ends", running).await.expect("no panic");
        let answer = reply.messages().pop().unwrap_or_default();
        assert_eq!(answer.get("result"), None, "{tool}: no success\n{reply}");
        assert_eq!(probe.finished(), 0);
        assert!(session.is_alive().await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_in_flight_is_taken() {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool()]);
    let (session, other) = (session(&mcp).await, session(&mcp).await);
    let first = tokio::spawn(session.post(call("wait", json!({}))).owned_to(&mcp));
    probe.started().await;
    let second = session.post(call("wait", json!({}))).to(&mcp).await;
    assert_eq!((second.code(), second.json()["id"].clone()), (-32600, json!(1)), "{second}");
    // The id is the session's: neither another session nor one of another type is in its way.
    let mut text_id = call("wait", json!({}));
    text_id["id"] = json!("1");
    let others = [other.post(call("wait", json!({}))), session.post(text_id), modern_call("wait", json!({}))];
    let mut running = vec![first];
    for ask in others {
        running.push(tokio::spawn(ask.owned_to(&mcp)));
        probe.started().await;
    }
    for call in running {
        probe.release();
        let reply = soon("the call ends", call).await.expect("no panic");
        assert_eq!(reply.text(), "done");
    }
    probe.release();
    let again = session.post(call("wait", json!({}))).to(&mcp).await;
    assert_eq!(again.text(), "done", "the id is free again\n{again}");
}
