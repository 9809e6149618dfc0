//! Answers and cancellations that come to another replica than the one where somebody waits for them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use mcp_mount::{AskError, Context, CreateMessageRequest, Elicit, McpService, Tool, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    asking::everything,
    legacy_client,
    reply::{Live, Reply},
    rig::{Probe, Session, session},
    suite::controlled::{Controlled, Fault},
    support::{Ask, LATEST_SESSION, call, message, notification, pass, post, raw, secs, soon},
};

#[derive(Debug, Deserialize, JsonSchema, Elicit)]
struct Confirm {
    #[allow(dead_code, reason = "shown by `Debug`")]
    sure: bool,
}

/// Ask for the roots, a form and a model's answer.
fn tools() -> Vec<Tool> {
    vec![
        tool_fn("roots", "", |ctx: Context| async move {
            Ok::<_, AskError>(ctx.roots("roots").await?.into_iter().map(|root| root.uri).collect::<Vec<_>>().join(" "))
        }),
        tool_fn("form", "", |ctx: Context| async move {
            Ok::<_, AskError>(format!("{:?}", ctx.elicit::<Confirm>("form", "Sure?").await?))
        }),
        tool_fn("model", "", |ctx: Context| async move {
            let answer = ctx.sample("model", CreateMessageRequest::new(10).user("Hello?")).await?;
            Ok::<_, AskError>(answer.model)
        }),
        tool_fn("twice", "", |ctx: Context| async move {
            let mut uris = Vec::new();
            for key in ["one", "two"] {
                uris.extend(ctx.roots(key).await?.into_iter().map(|root| root.uri));
            }
            Ok::<_, AskError>(uris.join(" "))
        }),
    ]
}

fn opens(revision: &str) -> Ask {
    let client = json!({"name": "it", "version": "0.1"});
    let params = json!({"protocolVersion": revision, "capabilities": everything(), "clientInfo": client});
    post(message("init", "initialize", params))
}

async fn askable(mcp: &McpService) -> Session {
    Session::with(mcp, opens(LATEST_SESSION)).await
}

fn roots(id: &Value, uri: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": {"roots": [{"uri": uri}]}})
}

fn accepted(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.body.len()), (202, 0), "{reply}");
}

/// The id of the next question.
async fn question(stream: &mut Live) -> Value {
    let asked = soon("a question", stream.message()).await.expect("the stream is open");
    assert!(asked["method"].is_string(), "{asked}");
    asked["id"].clone()
}

async fn text(stream: &mut Live) -> String {
    let answer = soon("the answer", stream.message()).await.expect("the stream is open");
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_on_one_replica_is_answered_on_another() {
    let store = Controlled::new();
    let [a, b] = store.replicas(tools);
    let session = askable(&a).await;
    let sampled = json!({"role": "assistant", "content": {"type": "text", "text": "Hi."}, "model": "small"});
    for (tool, result, expected) in [
        ("roots", json!({"roots": [{"uri": "file:///b"}]}), "file:///b"),
        ("form", json!({"action": "accept", "content": {"sure": true}}), "Accept(Confirm { sure: true })"),
        ("model", sampled, "small"),
    ] {
        for (asks, answers, fault) in [(&a, &b, Fault::None), (&b, &a, Fault::None), (&a, &b, Fault::Slow)] {
            store.set(fault);
            let began = Instant::now();
            let mut stream = session.post(call(tool, json!({}))).open(asks).await;
            let id = question(&mut stream).await;
            accepted(&session.post(json!({"jsonrpc": "2.0", "id": id, "result": result})).to(answers).await);
            assert_eq!(text(&mut stream).await, expected);
            let most = if fault == Fault::Slow { 200 } else { 0 };
            assert!(began.elapsed().as_millis() <= most, "told at once: {:?}", began.elapsed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_reaches_the_handler_too() {
    let [a, b] = Controlled::new().replicas(tools);
    let session = askable(&a).await;
    let mut stream = session.post(call("roots", json!({}))).open(&a).await;
    let id = question(&mut stream).await;
    let error = json!({"code": -1, "message": "no, thanks"});
    accepted(&session.post(json!({"jsonrpc": "2.0", "id": id, "error": error})).to(&b).await);
    assert_eq!(text(&mut stream).await, "the client refused `roots`: no, thanks (-1)");
}

#[tokio::test(start_paused = true)]
async fn the_first_answer_counts_wherever_it_comes() {
    let [a, b] = Controlled::new().replicas(tools);
    let session = askable(&a).await;
    for (first, second) in [(&a, &b), (&b, &a), (&b, &b)] {
        let mut stream = session.post(call("twice", json!({}))).open(&a).await;
        let mut said = Vec::new();
        for number in ["1", "2"] {
            let id = question(&mut stream).await;
            said.push(id.clone());
            accepted(&session.post(roots(&id, &format!("file:///{number}"))).to(first).await);
            pass(secs(1)).await;
            accepted(&session.post(roots(&id, "file:///late")).to(second).await);
        }
        assert_ne!(said[0], said[1]);
        assert_eq!(text(&mut stream).await, "file:///1 file:///2");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_session_that_was_asked_can_answer_from_afar() {
    let store = Controlled::new();
    let [a, b] = store.replicas(tools);
    let (mine, other) = (askable(&a).await, askable(&b).await);
    let alices = Session::with(&a, opens(LATEST_SESSION).user("alice")).await;
    let mut stream = mine.post(call("roots", json!({}))).open(&a).await;
    let mut to_alice = alices.post(call("roots", json!({}))).user("alice").open(&a).await;
    let (id, alices_id) = (question(&mut stream).await, question(&mut to_alice).await);
    for replica in [&a, &b] {
        for id in [&id, &alices_id] {
            accepted(&other.post(roots(id, "file:///forged")).to(replica).await);
            let without = post(roots(id, "file:///forged")).header("mcp-protocol-version", LATEST_SESSION);
            accepted(&without.to(replica).await);
            let as_bob = alices.post(roots(id, "file:///forged")).user("bob").to(replica).await;
            assert_eq!(as_bob.status, 404, "{as_bob}");
            assert_eq!(alices.post(roots(id, "file:///forged")).to(replica).await.status, 404);
        }
        accepted(&mine.post(roots(&alices_id, "file:///forged")).to(replica).await);
        accepted(&alices.post(roots(&id, "file:///forged")).user("alice").to(replica).await);
    }
    pass(secs(30)).await;
    accepted(&mine.post(roots(&id, "file:///mine")).to(&b).await);
    accepted(&alices.post(roots(&alices_id, "file:///alice")).user("alice").to(&b).await);
    assert_eq!((text(&mut stream).await, text(&mut to_alice).await), ("file:///mine".into(), "file:///alice".into()));
}

#[tokio::test(start_paused = true)]
async fn what_no_question_had_for_an_id_is_not_kept() {
    let store = Controlled::new();
    let [_, b] = store.replicas(tools);
    let session = askable(&b).await;
    store.counts();
    for id in [json!("made up"), json!(7), json!("0".repeat(32)), json!("ABCDEF01234567890ABCDEF012345678")] {
        accepted(&session.post(roots(&id, "file:///x")).to(&b).await);
    }
    assert_eq!(store.counts().get("append"), None);
}

#[tokio::test(start_paused = true)]
async fn a_letter_is_found_though_nobody_is_told_of_it() {
    let store = Controlled::new();
    let [a, b] = store.replicas(tools);
    let session = askable(&a).await;
    store.set(Fault::Silent);
    let mut stream = session.post(call("roots", json!({}))).open(&a).await;
    let id = question(&mut stream).await;
    pass(secs(7)).await;
    accepted(&session.post(roots(&id, "file:///b")).to(&b).await);
    let posted = Instant::now();
    assert_eq!(text(&mut stream).await, "file:///b");
    assert!(posted.elapsed() <= secs(5), "{:?}", posted.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_letter_is_found_when_the_store_is_back() {
    for fault in [Fault::Fails, Fault::Hangs] {
        let store = Controlled::new();
        let [a, b] = store.replicas(tools);
        let session = askable(&a).await;
        let mut stream = session.post(call("roots", json!({}))).open(&a).await;
        let id = question(&mut stream).await;
        store.set(fault);
        pass(secs(60)).await;
        let refused = session.post(roots(&id, "file:///b")).to(&b).await;
        assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, Some("1")), "{refused}");
        store.set(Fault::None);
        accepted(&session.post(roots(&id, "file:///b")).to(&b).await);
        let posted = Instant::now();
        assert_eq!(text(&mut stream).await, "file:///b");
        assert!(posted.elapsed() <= secs(10), "{:?}", posted.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_without_room_has_the_client_send_it_again() {
    let store = Controlled::new();
    let [a, b] = store.replicas(tools);
    let session = askable(&a).await;
    let mut stream = session.post(call("roots", json!({}))).open(&a).await;
    let id = question(&mut stream).await;
    store.set(Fault::Full);
    for message in [roots(&id, "file:///b"), notification("notifications/cancelled", json!({"requestId": 1}))] {
        let refused = session.post(message).to(&b).await;
        assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, Some("1")), "{refused}");
        assert!(refused.error()["message"].as_str().unwrap().contains("no room"), "{refused}");
    }
    // Who is here needs no store.
    accepted(&session.post(roots(&id, "file:///a")).to(&a).await);
    assert_eq!(text(&mut stream).await, "file:///a");
}

#[tokio::test(start_paused = true)]
async fn a_batch_may_bring_them() {
    let [a, b] = Controlled::new().replicas(tools);
    let mut session = Session::with(&a, opens("2025-03-26")).await;
    session.revision = "2025-03-26".into();
    let mut stream = session.post(message(5, "tools/call", json!({"name": "roots"}))).open(&a).await;
    let mut cancelled = session.post(message(6, "tools/call", json!({"name": "roots"}))).open(&a).await;
    let (id, _) = (question(&mut stream).await, question(&mut cancelled).await);
    let batch = json!([
        roots(&id, "file:///b"),
        notification("notifications/cancelled", json!({"requestId": 6})),
        roots(&json!("made up"), "file:///x"),
    ]);
    let reply = raw(batch.to_string()).header("mcp-session-id", &session.id).to(&b).await;
    accepted(&reply);
    assert_eq!(text(&mut stream).await, "file:///b");
    let withdrawn = soon("the withdrawal", cancelled.message()).await.unwrap();
    assert_eq!(withdrawn["method"], "notifications/cancelled", "{withdrawn}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_has_begun_nothing() {
    let (store, ran) = (Controlled::new(), Arc::<AtomicUsize>::default());
    let counts = |name: &str| {
        let ran = Arc::clone(&ran);
        tool_fn(name, "", move || {
            ran.fetch_add(1, Ordering::SeqCst);
            "done"
        })
    };
    let [a, b] = store.replicas(|| vec![counts("plain"), counts("blocking").blocking(true)]);
    let mut session = Session::with(&a, opens("2025-03-26")).await;
    session.revision = "2025-03-26".into();
    let calls =
        [message(1, "tools/call", json!({"name": "plain"})), message(2, "tools/call", json!({"name": "blocking"}))];
    let elsewhere = notification("notifications/cancelled", json!({"requestId": 6}));
    let batch = || raw(json!([calls[0], calls[1], elsewhere]).to_string()).header("mcp-session-id", &session.id);
    store.set(Fault::Full);
    assert_eq!(batch().to(&b).await.status, 503);
    pass(secs(60)).await;
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    store.set(Fault::None);
    assert_eq!(batch().to(&b).await.status, 200);
    assert_eq!(ran.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_stops_the_call_that_runs_elsewhere() {
    let store = Controlled::new();
    let probe = Probe::new();
    let [a, b] = store.replicas(|| vec![probe.stuck_tool()]);
    let (mine, other) = (session(&a).await, session(&b).await);
    let ids = [json!(1), json!("1"), json!(-1), json!("-1"), json!("\"1\"")];
    let mut running: Vec<_> = Vec::new();
    for id in &ids {
        let call = message(id.clone(), "tools/call", json!({"name": "stuck", "arguments": {}}));
        running.push(tokio::spawn(mine.post(call).owned_to(&a)));
        probe.started().await;
    }
    for id in &ids {
        let cancelled = notification("notifications/cancelled", json!({"requestId": id}));
        accepted(&other.post(cancelled).to(&b).await);
        accepted(&other.post(notification("notifications/cancelled", json!({"requestId": null}))).to(&b).await);
    }
    pass(secs(20)).await;
    assert_eq!(probe.drops(), 0, "another session's cancellations are its own");
    for (id, running) in ids.iter().zip(running) {
        let began = Instant::now();
        accepted(&mine.post(notification("notifications/cancelled", json!({"requestId": id}))).to(&b).await);
        probe.dropped().await;
        let reply = soon("the answer", running).await.expect("no panic");
        assert_eq!((&reply.json()["id"], reply.code()), (id, -32603), "{reply}");
        assert_eq!((began.elapsed().as_millis(), probe.drops()), (0, 0), "{id}: at once, and no other");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_found_though_nobody_is_told_of_it() {
    let store = Controlled::new();
    let probe = Probe::new();
    let [a, b] = store.replicas(|| vec![probe.stuck_tool()]);
    let session = session(&a).await;
    store.set(Fault::Silent);
    let running = tokio::spawn(session.post(call("stuck", json!({}))).owned_to(&a));
    probe.started().await;
    pass(secs(10)).await;
    accepted(&session.post(notification("notifications/cancelled", json!({"requestId": 1}))).to(&b).await);
    let posted = Instant::now();
    assert_eq!(soon("the answer", running).await.expect("no panic").code(), -32603);
    assert!(posted.elapsed() <= secs(15), "{:?}", posted.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_may_overtake_its_call() {
    let probe = Probe::new();
    let [a, b] = Controlled::new().replicas(|| vec![probe.stuck_tool()]);
    let session = session(&a).await;
    accepted(&session.post(notification("notifications/cancelled", json!({"requestId": 1}))).to(&b).await);
    let began = Instant::now();
    assert_eq!(soon("the answer", session.post(call("stuck", json!({}))).to(&a)).await.code(), -32603);
    assert!(began.elapsed() <= secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_conversation_on_a_line_has_one_process_at_its_other_end() {
    let store = Controlled::new();
    let mcp = legacy_client::with(|mcp| mcp.store(store.clone()));
    let nobodys = [
        roots(&json!("0123456789ab4def8123456789abcdef"), "file:///x"),
        notification("notifications/cancelled", json!({"requestId": 9})),
    ];
    let client = legacy_client::Client::open(&mcp).await;
    store.counts();
    for message in &nobodys {
        client.say(message.clone()).await;
    }
    assert_eq!(store.counts().get("append"), None);
    let session = session(&mcp).await;
    for message in &nobodys {
        accepted(&session.post(message.clone()).to(&mcp).await);
    }
    assert_eq!(store.counts()["append"], 2, "over HTTP they may be for another replica");
}

#[tokio::test(start_paused = true)]
async fn in_one_process_no_letters_are_written() {
    let store = Controlled::alone();
    let [a, _] = store.replicas_with(tools, |mcp| mcp.sessions(mcp_mount::Sessions::new().event_log(false)));
    let session = askable(&a).await;
    let mut stream = session.get().open(&a).await;
    let mut later = session.get().open(&a).await;
    stream.listen(secs(20)).await;
    assert!(stream.ended && !later.ends_within(secs(20)).await);
    let mut asking = session.post(call("roots", json!({}))).open(&a).await;
    let id = question(&mut asking).await;
    for _ in 0..2 {
        accepted(&session.post(roots(&id, "file:///a")).to(&a).await);
        accepted(&session.post(notification("notifications/cancelled", json!({"requestId": 9}))).to(&a).await);
    }
    assert_eq!(text(&mut asking).await, "file:///a");
    assert_eq!(session.delete().to(&a).await.status, 204);
    let counts = store.counts();
    for operation in ["append", "tell", "read", "epoch", "put"] {
        assert_eq!(counts.get(operation), None, "{operation}: {counts:?}");
    }
    assert!(counts["get"] > 0 && counts["take"] == 1 && counts["forget"] == 1, "{counts:?}");
}
