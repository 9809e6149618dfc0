//! Messages by lines: what a cancellation stops.

use mcp_mount::{Context, OnDisconnect, Sessions, Tool, tool_fn};
use serde_json::{Value, json};

use crate::{
    rig::{Probe, patient, server_with},
    stdio::{Peer, code, modern_call, text},
    support::{LATEST_SESSION, call, message, notification, pass, secs},
};

fn cancelled(id: impl Into<Value>) -> Value {
    notification("notifications/cancelled", json!({"requestId": id.into(), "reason": "enough"}))
}

/// Asks its client, and says how that went.
fn asking() -> Tool {
    tool_fn("ask", "", |ctx: Context| async move { ctx.roots("roots").await.map(|roots| roots.len().to_string()) })
}

/// «Servers […] MUST NOT send any further messages for it» (2026-07-28, basic/transports/stdio, «Cancellation»).
#[tokio::test(start_paused = true)]
async fn a_cancelled_request_is_stopped_and_has_no_answer_in_either_era() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.limits(patient()));
    let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
    for ask in [call("stuck", json!({})), modern_call(1, "stuck")] {
        peer.say(ask).await;
        probe.started().await;
        peer.say(notification("notifications/cancelled", json!({"requestId": 1, "reason": "enough"}))).await;
        probe.dropped().await;
        peer.say(notification("notifications/cancelled", json!({"requestId": 1}))).await;
        peer.say(notification("notifications/cancelled", json!({"requestId": "unknown"}))).await;
        peer.say(notification("notifications/cancelled", json!({}))).await;
        peer.nothing_comes().await;
    }
}

/// Policies are for clients that go. This one is there, and has said what it wants.
#[tokio::test(start_paused = true)]
async fn a_call_that_outlives_its_client_is_cancelled_all_the_same() {
    for sessions in [Sessions::new(), Sessions::disabled()] {
        let probe = Probe::new();
        let limits = patient().calls_in_flight(1);
        let finish = probe.stuck_tool().on_disconnect(OnDisconnect::Finish);
        let mcp = server_with([finish], |mcp| mcp.limits(limits).sessions(sessions));
        let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
        for ask in [call("stuck", json!({})), modern_call(1, "stuck")] {
            peer.say(ask.clone()).await;
            probe.started().await;
            peer.say(cancelled(1)).await;
            probe.dropped().await;
            peer.nothing_comes().await;
            // So it is when its reply has become a stream.
            peer.say(ask).await;
            probe.started().await;
            tokio::time::sleep(secs(15)).await;
            peer.say(cancelled(1)).await;
            probe.dropped().await;
            peer.nothing_comes().await;
        }
    }
}

/// Each request of a batch has an answer in it.
#[tokio::test(start_paused = true)]
async fn a_call_of_a_batch_is_cancelled_by_its_own_id() {
    for sessions in [Sessions::new(), Sessions::disabled()] {
        let probe = Probe::new();
        let mcp = server_with([probe.stuck_tool()], |mcp| mcp.limits(patient()).sessions(sessions));
        let mut peer = Peer::open(&mcp, "2025-03-26").await;
        peer.say(json!([call("stuck", json!({})), message(2, "ping", json!({}))])).await;
        probe.started().await;
        let answers = peer.ask(cancelled(1)).await;
        assert_eq!((code(&answers[0]), &answers[1]["result"]), (-32603, &json!({})));
        probe.dropped().await;
    }
}

/// What a cancelled call has asked of its client need not be answered, either.
#[tokio::test(start_paused = true)]
async fn a_cancelled_call_withdraws_its_question_and_has_no_answer() {
    let mcp = server_with([asking()], |mcp| mcp);
    let mut peer = Peer::open_with_roots(&mcp).await;
    let asked = peer.ask(call("ask", json!({}))).await;
    assert_eq!(asked["method"], "roots/list", "{asked}");
    let withdrawn = peer.ask(notification("notifications/cancelled", json!({"requestId": 1}))).await;
    assert_eq!(withdrawn["method"], "notifications/cancelled", "{withdrawn}");
    assert_eq!(withdrawn["params"]["requestId"], asked["id"], "{withdrawn}");
    peer.nothing_comes().await;
}

/// Who waits for room on the line to say something does not say it any more.
#[tokio::test(start_paused = true)]
async fn what_a_cancelled_call_has_not_said_yet_is_not_said() {
    let probe = Probe::new();
    let speaking = {
        let probe = probe.clone();
        tool_fn("speak", "", move |ctx: Context| {
            let probe = probe.clone();
            async move {
                let _guard = probe.start();
                for number in 0.. {
                    ctx.info(number).await;
                }
            }
        })
    };
    let mcp = server_with([speaking], |mcp| mcp.limits(patient().stream_events(50)));
    let mut peer = Peer::with_pipe(&mcp, 1024);
    peer.initialize(LATEST_SESSION).await;
    peer.say(call("speak", json!({}))).await;
    probe.started().await;
    pass(secs(1)).await;
    peer.say(cancelled(1)).await;
    probe.dropped().await;
    peer.say(message("p", "ping", json!({}))).await;
    let mut said = 0;
    while peer.hear().await["id"] != "p" {
        said += 1;
    }
    assert!((100..150).contains(&said), "what was on its way out of the line: {said}");
    peer.nothing_comes().await;
}

/// As many as may wait for their answers.
#[tokio::test(start_paused = true)]
async fn an_answer_and_a_cancellation_get_past_the_calls_that_wait_for_them() {
    let mcp = server_with([asking()], |mcp| mcp);
    let mut peer = Peer::open_with_roots(&mcp).await;
    let ask = |id: usize| message(id, "tools/call", json!({"name": "ask"}));
    let mut asked = Vec::new();
    for id in 0..256 {
        asked.push(peer.ask(ask(id)).await["id"].clone());
    }
    let refused = peer.ask(ask(256)).await;
    assert_eq!((code(&refused), &refused["id"]), (-32603, &json!(256)));
    let roots = json!({"roots": [{"uri": "file:///a"}]});
    let answer = peer.ask(json!({"jsonrpc": "2.0", "id": asked[7], "result": roots})).await;
    assert_eq!((text(&answer), &answer["id"]), ("1", &json!(7)));
    let withdrawn = peer.ask(cancelled(8)).await;
    assert_eq!(withdrawn["params"]["requestId"], asked[8], "{withdrawn}");
    assert_eq!(peer.ask(ask(257)).await["method"], "roots/list");
}

/// The messages of one burst are read before any task of the server has run.
#[tokio::test(start_paused = true)]
async fn a_cancellation_right_behind_its_request_finds_it() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.limits(patient()));
    let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
    let cancelled = notification("notifications/cancelled", json!({"requestId": 1}));
    peer.write(format!("{}\n{cancelled}\n", call("stuck", json!({})))).await;
    peer.nothing_comes().await;
    assert_eq!(probe.starts(), probe.drops());
}

/// A client that fans out, or a file of requests: the rest of a burst waits until its beginning has been answered.
#[tokio::test(start_paused = true)]
async fn a_burst_of_quick_requests_is_answered_as_a_whole() {
    let quick = tool_fn("quick", "", || async {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        "done"
    });
    let mcp = server_with([quick], |mcp| mcp);
    let mut peer = Peer::of(&mcp);
    let burst: String = (0..1_000).map(|id| format!("{}\n", modern_call(id, "quick"))).collect();
    peer.write(burst).await;
    for _ in 0..1_000 {
        assert_eq!(text(&peer.hear().await), "done");
    }
}

/// One of a batch that is read in the same piece as its cancellation.
#[tokio::test(start_paused = true)]
async fn a_cancellation_right_behind_its_batch_finds_it() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.limits(patient()));
    let mut peer = Peer::open(&mcp, "2025-03-26").await;
    peer.write(format!("{}\n{}\n", json!([call("stuck", json!({}))]), cancelled(1))).await;
    let answers = peer.hear().await;
    assert!(answers[0]["error"]["message"].as_str().is_some_and(|text| text.contains("cancelled")), "{answers}");
    assert_eq!(probe.starts(), probe.drops());
}
