//! One session on two replicas with one store: what is changed on one of them holds on the other at once.

use mcp_mount::{Context, LogLevel, McpService, Sessions, Tool, tool_fn};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    reply::Live,
    rig::{Probe, Session, session},
    suite::{
        controlled::{Controlled, Fault},
        resuming::{Gate, next},
    },
    support::{LATEST_SESSION, SESSION_REVISIONS, call, initialize, message, pass, post, secs, soon},
    told::{changing, told},
};

/// Tools that tell what they know of their client, and that log.
fn tools() -> Vec<Tool> {
    vec![
        tool_fn("client", "", |ctx: Context| async move {
            let name = ctx.client_info().map(|info| info.name).unwrap_or_default();
            format!("{name} {} {}", ctx.revision(), ctx.principal().map_or("nobody", |principal| principal.id()))
        }),
        tool_fn("log", "", |ctx: Context| async move {
            ctx.log(LogLevel::Debug, "quiet").await;
            ctx.log(LogLevel::Error, "loud").await;
            "logged"
        }),
    ]
}

/// Two replicas of a server of which everything can change.
fn changing_replicas(store: &Controlled) -> [McpService; 2] {
    store.replicas_with(Vec::new, changing)
}

async fn opened(session: &Session, replica: &McpService) -> Live {
    let stream = session.get().open(replica).await;
    assert!(stream.status == 200 && stream.is_sse(), "{} {:#?}", stream.status, stream.headers);
    stream
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_session_is_known_on_every_replica() {
    let [a, b] = Controlled::new().replicas(tools);
    for revision in SESSION_REVISIONS {
        let session = Session::open(&a, revision, Some("alice")).await;
        for replica in [&a, &b] {
            let told = session.post(call("client", json!({}))).to(replica).await;
            assert_eq!(told.text(), format!("it {revision} alice"));
            let other = session.post(call("client", json!({}))).header("mcp-protocol-version", "2026-01-01");
            assert_eq!(other.to(replica).await.status, 400);
            for stranger in [session.post(call("client", json!({}))).user("bob"), session.get().user("bob")] {
                assert_eq!(stranger.to(replica).await.status, 404, "{revision}");
            }
            let nobody = post(call("client", json!({}))).header("mcp-session-id", &session.id);
            assert_eq!(nobody.to(replica).await.status, 404, "{revision}");
            assert_eq!(session.delete().user("bob").to(replica).await.status, 404, "{revision}");
        }
        assert_eq!(session.delete().to(&b).await.status, 204);
        for replica in [&a, &b] {
            for ask in [session.post(call("client", json!({}))), session.get(), session.delete()] {
                assert_eq!(ask.to(replica).await.status, 404, "{revision}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_level_holds_everywhere() {
    let [a, b] = Controlled::new().replicas(tools);
    let session = session(&a).await;
    for (sets, level, logs) in [(&b, "debug", 2), (&a, "error", 1), (&b, "emergency", 0)] {
        session.post(message(2, "logging/setLevel", json!({"level": level}))).to(sets).await.result();
        for replica in [&a, &b] {
            let reply = session.post(call("log", json!({}))).to(replica).await;
            assert_eq!(reply.messages().len(), logs + 1, "{level}: {reply}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_replica_keeps_a_session_alive() {
    let sessions = Sessions::new().idle(secs(60));
    let [a, b] = Controlled::new().replicas_with(tools, |mcp| mcp.sessions(sessions));
    let session = session(&a).await;
    for replica in [&b, &a, &b, &b] {
        pass(secs(50)).await;
        assert!(session.at(replica).is_alive().await);
    }
    let stream = opened(&session, &b).await;
    tokio::join!(pass(secs(200)), async {
        let mut stream = stream;
        stream.listen(secs(200)).await
    });
    assert!(session.at(&a).is_alive().await, "its stream on the other replica is activity");
    pass(secs(61)).await;
    assert!(!session.at(&a).is_alive().await && !session.at(&b).is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_ended_on_one_replica_ends_on_the_other_at_once() {
    for (fault, within) in [(Fault::None, secs(0)), (Fault::Slow, secs(1)), (Fault::Silent, secs(15))] {
        let store = Controlled::new();
        let (gate, probe) = (Gate::new(), Probe::new());
        let [a, b] = store.replicas(|| vec![gate.tool(), probe.stuck_tool()]);
        let (session, other) = (session(&a).await, session(&a).await);
        let mut stream = opened(&session, &a).await;
        let mut others = opened(&other, &a).await;
        let running = tokio::spawn(session.post(message(7, "tools/call", json!({"name": "stuck"}))).owned_to(&a));
        probe.started().await;
        let mut talking = session.talk("mw").open(&a).await;
        let id = next(&mut talking).await.id.unwrap();
        drop(talking);
        let mut resumed = session.at(&a).resume(&id).await;
        for stream in [&mut stream, &mut others, &mut resumed] {
            stream.listen(secs(1)).await;
            assert!(!stream.ended);
        }
        store.set(fault);
        let began = Instant::now();
        assert_eq!(session.delete().to(&b).await.status, 204);
        let (_, _, reply) = soon("the end of all", async {
            tokio::join!(stream.ends_within(secs(60)), resumed.ends_within(secs(60)), running)
        })
        .await;
        assert_eq!(reply.expect("no panic").code(), -32603);
        probe.dropped().await;
        assert!(stream.ended && resumed.ended && began.elapsed() <= within, "{fault:?}: {:?}", began.elapsed());
        others.listen(secs(1)).await;
        assert!(!others.ended, "another session's");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_stream_ends_the_one_on_the_other_replica() {
    for (fault, within) in [(Fault::None, secs(0)), (Fault::Slow, secs(1)), (Fault::Silent, secs(15))] {
        let store = Controlled::new();
        let [a, b] = changing_replicas(&store);
        let session = session(&a).await;
        store.set(fault);
        let mut current = opened(&session, &a).await;
        for replica in [&b, &a, &a, &b] {
            current.listen(secs(20)).await;
            assert!(!current.ended, "{fault:?}");
            let mut before = std::mem::replace(&mut current, opened(&session, replica).await);
            let began = Instant::now();
            assert!(before.ends_within(secs(60)).await);
            assert!(began.elapsed() <= within, "{fault:?}: {:?}", began.elapsed());
            replica.notify().tools_list_changed();
            assert_eq!(told(&mut current).await, ["tools"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_streams_at_once_one_is_left() {
    let store = Controlled::new();
    let replicas = changing_replicas(&store);
    for fault in [Fault::None, Fault::Slow, Fault::Slow, Fault::Slow, Fault::Slow] {
        store.set(fault);
        many_streams(&replicas, fault).await;
    }
}

async fn many_streams(replicas: &[McpService; 2], fault: Fault) {
    let session = session(&replicas[0]).await;
    let opening: Vec<_> = (0..50)
        .map(|number| {
            let session = session.at(&replicas[number % 2]);
            tokio::spawn(async move {
                let mut stream = session.stream().await;
                stream.listen(secs(40)).await;
                stream
            })
        })
        .collect();
    let mut open = Vec::new();
    for stream in opening {
        let stream = soon("a stream", stream).await.expect("no panic");
        if !stream.ended {
            open.push(stream);
        }
    }
    assert_eq!(open.len(), 1, "{fault:?}");
    for replica in replicas {
        replica.notify().tools_list_changed();
    }
    assert!(!told(&mut open[0]).await.is_empty(), "and it is told what changes");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_comes_late_does_not_end_a_newer_one() {
    let store = Controlled::new();
    let [a, _] = changing_replicas(&store);
    let session = session(&a).await;
    store.set(Fault::LateWrites);
    let late = tokio::spawn({
        let session = session.clone();
        async move { session.stream().await }
    });
    pass(std::time::Duration::from_millis(1)).await;
    store.set(Fault::None);
    let mut newer = opened(&session, &a).await;
    let mut late = soon("the late one", late).await.expect("no panic");
    assert!(late.ends_within(secs(0)).await);
    newer.listen(secs(20)).await;
    assert!(!newer.ended);
    a.notify().tools_list_changed();
    assert_eq!(told(&mut newer).await, ["tools"]);
}

#[tokio::test(start_paused = true)]
async fn subscriptions_made_elsewhere_are_told_here() {
    for (fault, delay) in [(Fault::None, 0), (Fault::Slow, 1), (Fault::Silent, 15)] {
        let store = Controlled::new();
        let [a, b] = changing_replicas(&store);
        let session = session(&a).await;
        let mut stream = opened(&session, &a).await;
        stream.listen(secs(20)).await;
        store.set(fault);
        for (subscribed, expected) in [(true, &["test://a"][..]), (false, &[]), (true, &["test://a"])] {
            let there = session.at(&b);
            match subscribed {
                true => there.subscribed("test://a").await,
                false => there.unsubscribed("test://a").await,
            }
            stream.listen(secs(delay) + std::time::Duration::from_millis(1)).await;
            a.notify().resource_updated("test://a");
            a.notify().resource_updated("test://b");
            assert_eq!(told(&mut stream).await, expected, "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_costs_one_write_and_one_word() {
    let store = Controlled::new();
    let [a, _] = changing_replicas(&store);
    let session = session(&a).await;
    // The first one finds no log of changes.
    let _first = opened(&session, &a).await;
    store.counts();
    let mut stream = opened(&session, &a).await;
    stream.listen(secs(1)).await;
    let counts = store.counts();
    assert_eq!((counts["put"], counts["tell"], counts.get("append")), (1, 1, None), "{counts:?}");
    let initialized = initialize(LATEST_SESSION).to(&a).await;
    assert_eq!((initialized.status.as_u16(), store.counts().len()), (200, 1), "a session is reserved, and no more");
}

#[tokio::test(start_paused = true)]
async fn servers_of_different_names_have_sessions_of_their_own() {
    let store = Controlled::new();
    let named = |name: &str| {
        let mcp = mcp_mount::Mcp::new(name, "1.0.0").store(store.clone());
        let mcp = mcp.sessions(Sessions::new().max_per_principal(1));
        crate::rig::owned(mcp.request_state_keys(["a secret of more than thirty-two bytes"])).build().expect("a server")
    };
    let (shop, another, bank) = (named("shop"), named("shop"), named("bank"));
    let session = Session::open(&shop, LATEST_SESSION, Some("alice")).await;
    assert!(session.at(&another).is_alive().await, "a replica of the same");
    assert!(!session.at(&bank).is_alive().await, "another server");
    Session::open(&bank, LATEST_SESSION, Some("alice")).await;
    assert_eq!(initialize(LATEST_SESSION).user("alice").to(&another).await.status, 503, "a share at each server");
}
