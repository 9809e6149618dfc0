//! Sessions: their life, and what is said inside one.

use mcp_mount::{Mcp, Sessions};
use serde_json::{Value, json};

use crate::{
    rig::{Probe, Session, patient, rig, rig_with, server_with, session},
    support::{LATEST_SESSION, Reply, SESSION_REVISIONS, call, initialize, message, notification, pass, secs, soon},
};

const MINUTE: u64 = 60;

#[tokio::test]
async fn calls_in_every_revision() {
    let rig = rig();
    for revision in SESSION_REVISIONS {
        let session = Session::open(&rig.mcp, revision, None).await;
        let reply = session.post(call("echo", json!({"text": revision}))).to(&rig.mcp).await;
        assert_eq!(reply.text(), revision);
        assert_eq!(reply.result().get("resultType"), None, "{reply}");
        assert_eq!(reply.result().get("_meta"), None, "{reply}");
        let reply = session.post(message("list", "tools/list", json!({}))).to(&rig.mcp).await;
        assert_eq!(reply.result()["tools"].as_array().map(Vec::len), Some(3), "{reply}");
        assert_eq!(reply.result().get("ttlMs"), None, "{reply}");
    }
    assert_eq!(rig.runs(), SESSION_REVISIONS.len());
}

#[tokio::test]
async fn small_talk() {
    let rig = rig();
    let session = session(&rig.mcp).await;
    let reply = session.ping().await;
    assert_eq!((reply.result(), reply.json()["id"].clone()), (json!({}), json!("ping")), "{reply}");
    for level in ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] {
        let reply = session.post(message(1, "logging/setLevel", json!({"level": level}))).to(&rig.mcp).await;
        assert_eq!(reply.result(), json!({}), "{level}\n{reply}");
    }
    for level in ["loud", "", "INFO", "warn"] {
        let reply = session.post(message(1, "logging/setLevel", json!({"level": level}))).to(&rig.mcp).await;
        assert_eq!(reply.code(), -32602, "{level:?}\n{reply}");
    }
    for method in ["tools/forget", "server/discover", "x", "Ping"] {
        let reply = session.post(message(1, method, json!({}))).to(&rig.mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (200, -32601), "{method}: in band\n{reply}");
        assert_eq!(reply.json()["id"], json!(1), "{method}\n{reply}");
    }
    let reply = session.post(call("nobody", json!({}))).to(&rig.mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (200, -32602), "an unknown tool\n{reply}");
}

#[tokio::test]
async fn notifications_and_responses_have_no_answer() {
    let rig = rig();
    let session = session(&rig.mcp).await;
    for message in [
        notification("notifications/initialized", json!({})),
        notification("notifications/roots/list_changed", json!({})),
        notification("notifications/cancelled", json!({"requestId": "nobody", "reason": "changed my mind"})),
        notification("notifications/unheard-of", json!({})),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
        json!({"jsonrpc": "2.0", "id": "x", "error": {"code": -1, "message": "no"}}),
        notification("tools/call", json!({"name": "echo", "arguments": {"text": "x"}})),
    ] {
        let reply = session.post(message.clone()).to(&rig.mcp).await;
        assert_eq!(reply.status, 202, "{message}\n{reply}");
        assert!(reply.body.is_empty(), "{message}\n{reply}");
        assert_eq!(reply.header("content-type"), None, "{message}\n{reply}");
        assert!(matches!(reply.header("content-length"), None | Some("0")), "{message}\n{reply}");
    }
    assert_eq!(rig.runs(), 0, "a notification calls no tool");
}

#[tokio::test]
async fn delete_ends_a_session() {
    let rig = rig();
    let (gone, other) = (session(&rig.mcp).await, session(&rig.mcp).await);
    let reply = gone.delete().to(&rig.mcp).await;
    assert_eq!(reply.status, 204, "{reply}");
    assert!(reply.body.is_empty(), "{reply}");
    for (name, ask) in [
        ("call", gone.post(call("echo", json!({"text": "x"})))),
        ("notification", gone.post(notification("notifications/initialized", json!({})))),
        ("GET", gone.get()),
        ("DELETE again", gone.delete()),
    ] {
        let reply = ask.to(&rig.mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (404, -32600), "{name}\n{reply}");
    }
    assert_eq!(rig.runs(), 0);
    assert!(other.is_alive().await, "a session of somebody else");
    let reply = initialize(LATEST_SESSION).header("mcp-session-id", &gone.id).to(&rig.mcp).await;
    assert_eq!(reply.status, 200, "a client that forgot to drop the id begins anew\n{reply}");
    assert_ne!(reply.header("mcp-session-id"), Some(gone.id.as_str()), "under another id\n{reply}");
    assert!(!gone.is_alive().await);
}

#[tokio::test]
async fn a_dead_session_reads_like_one_that_never_was() {
    let rig = rig();
    let session = session(&rig.mcp).await;
    let unknown = "f".repeat(32);
    session.delete().to(&rig.mcp).await;
    for ask in [session.get(), session.delete(), session.post(message(1, "ping", json!({})))] {
        let dead = ask.clone().to(&rig.mcp).await;
        let never = ask.header("mcp-session-id", &unknown).to(&rig.mcp).await;
        assert_eq!((dead.status, &dead.body), (never.status, &never.body), "{dead}\n{never}");
        assert!(!dead.to_string().contains(&session.id), "an id is not for reading aloud\n{dead}");
    }
}

#[tokio::test(start_paused = true)]
async fn before_initialized_requests_are_served() {
    let rig = rig();
    let hasty = Session::begin(&rig.mcp, LATEST_SESSION, None).await;
    let reply = hasty.post(call("echo", json!({"text": "early"}))).to(&rig.mcp).await;
    assert_eq!(reply.text(), "early");
    let reply = hasty.post(notification("notifications/initialized", json!({}))).to(&rig.mcp).await;
    assert_eq!(reply.status, 202, "{reply}");
    assert!(hasty.is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn who_never_comes_back_after_initialize_is_forgotten_soon() {
    let rig = rig();
    let early = Session::begin(&rig.mcp, LATEST_SESSION, None).await;
    let late = Session::begin(&rig.mcp, LATEST_SESSION, None).await;
    let proper = session(&rig.mcp).await;
    pass(secs(55)).await;
    assert!(early.is_alive().await, "not yet 60 s");
    pass(secs(10)).await;
    assert!(!late.is_alive().await, "65 s");
    pass(secs(5 * MINUTE)).await;
    assert!(proper.is_alive().await, "initialised: the idle time counts");
}

#[tokio::test(start_paused = true)]
async fn the_time_to_initialize_is_a_setting() {
    let rig = rig_with(|mcp| mcp.sessions(Sessions::new().initialize_within(secs(5))));
    let hasty = Session::begin(&rig.mcp, LATEST_SESSION, None).await;
    pass(secs(6)).await;
    assert!(!hasty.is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn idle_sessions_expire_and_used_ones_do_not() {
    let rig = rig();
    let (idle, used) = (session(&rig.mcp).await, session(&rig.mcp).await);
    for _ in 0..4 {
        pass(secs(9 * MINUTE)).await;
        assert!(used.is_alive().await, "every use counts");
    }
    assert!(!idle.is_alive().await, "36 minutes of silence");
    pass(secs(29 * MINUTE)).await;
    assert!(used.is_alive().await, "29 minutes");
    pass(secs(31 * MINUTE)).await;
    assert!(!used.is_alive().await, "31 minutes");
    let reply = used.get().to(&rig.mcp).await;
    assert_eq!(reply.status, 404, "{reply}");
    assert!(session(&rig.mcp).await.is_alive().await, "a new one can be had");
}

#[tokio::test(start_paused = true)]
async fn the_idle_time_is_a_setting() {
    let rig = rig_with(|mcp| mcp.sessions(Sessions::new().idle(secs(2 * MINUTE))));
    let session = session(&rig.mcp).await;
    pass(secs(110)).await;
    assert!(session.is_alive().await);
    pass(secs(130)).await;
    assert!(!session.is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn an_open_stream_keeps_its_session_alive() {
    let rig = rig();
    let session = session(&rig.mcp).await;
    let mut stream = session.get().open(&rig.mcp).await;
    assert_eq!(stream.status, 200);
    stream.listen(secs(45 * MINUTE)).await;
    assert!(!stream.ended, "the stream is still open");
    assert!(session.is_alive().await);
    stream.listen(secs(45 * MINUTE)).await;
    drop(stream);
    pass(secs(31 * MINUTE)).await;
    assert!(!session.is_alive().await, "without its stream it expires as any other");
}

#[tokio::test(start_paused = true)]
async fn a_running_call_keeps_its_session_alive() {
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(patient()));
    let session = session(&mcp).await;
    let running = tokio::spawn(session.post(call("wait", json!({}))).owned_to(&mcp));
    probe.started().await;
    pass(secs(45 * MINUTE)).await;
    probe.release();
    let reply: Reply = soon("the call ends", running).await.expect("the call does not panic");
    assert_eq!(reply.text(), "done");
    assert!(session.is_alive().await);
}

async fn fill(configure: impl FnOnce(Mcp) -> Mcp, count: usize) -> (crate::rig::Rig, Vec<Session>) {
    let rig = rig_with(configure);
    let mut sessions = Vec::new();
    for _ in 0..count {
        sessions.push(session(&rig.mcp).await);
    }
    (rig, sessions)
}

#[tokio::test(start_paused = true)]
async fn a_full_server_says_when_to_come_back() {
    let (rig, sessions) = fill(|mcp| mcp.sessions(Sessions::new().max(3)), 3).await;
    let reply = initialize(LATEST_SESSION).to(&rig.mcp).await;
    assert_eq!(reply.status, 503, "{reply}");
    let seconds: Option<u64> = reply.header("retry-after").and_then(|value| value.parse().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "{reply}");
    assert_eq!(reply.header("mcp-session-id"), None, "{reply}");
    assert_eq!(reply.json()["id"], json!("init"), "{reply}");
    assert!(reply.error()["message"].is_string(), "{reply}");
    for session in &sessions {
        assert!(session.is_alive().await, "nobody lost a session to the newcomer");
    }
    sessions[0].delete().to(&rig.mcp).await;
    session(&rig.mcp).await;
    assert_eq!(initialize(LATEST_SESSION).to(&rig.mcp).await.status, 503, "full again");
}

#[tokio::test(start_paused = true)]
async fn the_longest_idle_make_room() {
    let (rig, sessions) = fill(|mcp| mcp.sessions(Sessions::new().max(3)), 3).await;
    pass(secs(20)).await;
    assert!(sessions[0].is_alive().await, "used");
    let mut stream = sessions[1].get().open(&rig.mcp).await;
    stream.listen(secs(20)).await;
    // sessions[2] has been idle for 40 s, sessions[0] for 20 s, sessions[1] has a stream.
    let newcomer = session(&rig.mcp).await;
    let alive: Vec<bool> = [
        sessions[0].is_alive().await,
        sessions[1].is_alive().await,
        sessions[2].is_alive().await,
        newcomer.is_alive().await,
    ]
    .into();
    assert_eq!(alive, [true, true, false, true]);
    stream.listen(secs(40)).await;
    assert!(!stream.ended, "a session with an open stream is never evicted");
    assert!(sessions[1].is_alive().await);
}

#[tokio::test]
async fn disabled_sessions_are_never_given_out() {
    let rig = rig_with(|mcp| mcp.sessions(Sessions::disabled()));
    let reply = initialize(LATEST_SESSION).to(&rig.mcp).await;
    assert_eq!(reply.result()["protocolVersion"], json!(LATEST_SESSION), "{reply}");
    assert_eq!(reply.header("mcp-session-id"), None, "{reply}");
    let initialized = notification("notifications/initialized", json!({}));
    assert_eq!(crate::support::legacy(initialized).to(&rig.mcp).await.status, 202);
    let reply = crate::support::legacy(call("echo", json!({"text": "x"}))).to(&rig.mcp).await;
    assert_eq!(reply.text(), "x");
}

#[tokio::test]
async fn answers_carry_the_id_of_their_request_under_load() {
    let rig = rig();
    let sessions = [session(&rig.mcp).await, session(&rig.mcp).await, session(&rig.mcp).await];
    let mcp = &rig.mcp;
    let calls = (0..300_usize).map(|n| {
        let (owner, id) = (&sessions[n % 3], n / 3);
        let mut message = call("echo", json!({"text": n.to_string()}));
        message["id"] = json!(id);
        let ask = owner.post(message);
        async move { (n, id, ask.to(mcp).await) }
    });
    for (n, id, reply) in futures::future::join_all(calls).await {
        assert_eq!((reply.text(), reply.json()["id"].clone()), (n.to_string(), Value::from(id)), "{reply}");
    }
}
