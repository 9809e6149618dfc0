//! What is owed in sessions and no other module is about: rows L of `docs/conformance.md`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use http::{Request, Response, StatusCode};
use mcp_mount::{Body, Context, HttpService, Principal, RequestBody, Revision, Tool, tool_fn};
use serde_json::json;
use tokio::time::Instant;
use tower::{ServiceExt as _, layer::layer_fn, service_fn};

use crate::{
    eras::all,
    rig::{Probe, Session, patient, rig, rig_with, server, server_with, session},
    support::{
        ALL_REVISIONS, Ask, LATEST_SESSION, SESSION_REVISIONS, User, call, initialize, legacy, message, modern_call,
        notification, post, secs, soon,
    },
};

/// L1, L2. An id that has a time, a counter or an address in it has bits that many of them share.
#[tokio::test]
async fn ids_of_sessions_are_random_in_every_bit() {
    let rig = rig();
    let (mut all, mut any) = (u128::MAX, 0);
    for _ in 0..256 {
        let id = session(&rig.mcp).await.id;
        assert!(id.bytes().all(|byte| (0x21..=0x7e).contains(&byte)), "{id}");
        let id = u128::from_str_radix(&id, 16).expect("hexadecimal digits");
        all &= id;
        any |= id;
    }
    // A random UUID says that it is one in six of its 128 bits.
    assert!((any & !all).count_ones() >= 122, "always set: {all:032x}, ever set: {any:032x}");
}

/// Every way to use a session.
fn uses(session: &Session) -> [(&'static str, Ask); 6] {
    [
        ("call", session.post(call("echo", json!({"text": "x"})))),
        ("ping", session.post(message(1, "ping", json!({})))),
        ("notification", session.post(notification("notifications/roots/list_changed", json!({})))),
        ("response", session.post(json!({"jsonrpc": "2.0", "id": 1, "result": {}}))),
        ("GET", session.get()),
        ("DELETE", session.delete()),
    ]
}

/// L3. That there is a session says nothing of who asks.
#[tokio::test]
async fn who_asks_is_found_out_for_each_request() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let rig = rig_with(|mcp| {
        mcp.principal_from_extension::<User>(move |user| {
            counted.fetch_add(1, SeqCst);
            Principal::new(user.0)
        })
    });
    let session = Session::open(&rig.mcp, LATEST_SESSION, Some("alice")).await;
    for (name, ask) in uses(&session) {
        asked.store(0, SeqCst);
        let live = ask.open(&rig.mcp).await;
        assert!(live.status.is_success(), "{name}: {}", live.status);
        assert_eq!(asked.load(SeqCst), 1, "{name}");
    }
}

/// L3, L6. A login around the service sees every request, whatever session it names; a session that is not there is 404
/// for those only who may ask.
#[tokio::test]
async fn a_session_does_not_outlive_its_login() {
    let revoked = Arc::new(AtomicBool::new(false));
    let looked_up = revoked.clone();
    let login = layer_fn(move |inner: HttpService| {
        let revoked = looked_up.clone();
        service_fn(move |request: Request<RequestBody>| {
            let token = request.headers().get("authorization");
            let valid = token.is_some_and(|token| token == "Bearer good") && !revoked.load(SeqCst);
            let inner = inner.clone();
            async move {
                if valid {
                    return inner.oneshot(request).await;
                }
                let mut refused = Response::new(Body::default());
                *refused.status_mut() = StatusCode::UNAUTHORIZED;
                Ok(refused)
            }
        })
    });
    let rig = rig_with(|mcp| mcp.http_layer(login));
    let good = |ask: Ask| ask.header("authorization", "Bearer good");
    let opened = good(initialize(LATEST_SESSION)).to(&rig.mcp).await;
    let id = opened.header("mcp-session-id").unwrap_or_else(|| panic!("no session\n{opened}")).to_owned();
    // As the rig's own sessions are, but for the login.
    let mut session = session(&rig_with(|mcp| mcp).mcp).await;
    session.mcp = rig.mcp.clone();
    session.id = id;
    for (name, ask) in uses(&session) {
        let unknown = |ask: Ask| ask.header("mcp-session-id", "f".repeat(32));
        assert_eq!(unknown(good(ask.clone())).to(&rig.mcp).await.status, 404, "{name}: a good token, a bad session");
        for ask in [ask.clone(), unknown(ask.clone()), ask.header("authorization", "Bearer bad")] {
            assert_eq!(ask.to(&rig.mcp).await.status, 401, "{name}: a bad token, whatever the session");
        }
    }
    assert!(good(session.post(message(1, "ping", json!({})))).to(&rig.mcp).await.status.is_success());
    revoked.store(true, SeqCst);
    for (name, ask) in uses(&session) {
        assert_eq!(good(ask).to(&rig.mcp).await.status, 401, "{name}: revoked in the middle of the session");
    }
    assert_eq!(rig.runs(), 0);
}

/// Says which revision it is called in.
fn speaks() -> Tool {
    tool_fn("speaks", "Say the revision", |ctx: Context| ctx.revision().to_string())
}

/// L8. «the server SHOULD assume protocol version 2025-03-26», if it has no other way to know.
#[tokio::test]
async fn a_request_without_a_version_speaks_2025_03_26() {
    let mcp = server([speaks()]);
    let versionless = || post(call("speaks", json!({})));
    assert_eq!(versionless().to(&mcp).await.text(), "2025-03-26");
    for revision in SESSION_REVISIONS {
        let named = legacy(call("speaks", json!({}))).header("mcp-protocol-version", revision);
        assert_eq!(named.to(&mcp).await.text(), revision);
        let session = Session::open(&mcp, revision, None).await;
        let in_session = versionless().header("mcp-session-id", &session.id);
        assert_eq!(in_session.to(&mcp).await.text(), revision, "what was negotiated is another way to know");
    }
    let without = server_with([speaks()], |mcp| mcp.revisions([Revision::V2024_11_05, Revision::V2025_06_18]));
    assert_eq!(versionless().to(&without).await.text(), "2025-06-18", "the newest that is served");
}

/// L8. Of GET and DELETE as of POST.
#[tokio::test]
async fn get_and_delete_name_the_negotiated_version_or_none() {
    let rig = rig();
    for revision in SESSION_REVISIONS {
        let session = Session::open(&rig.mcp, revision, None).await;
        for (name, ask) in [("GET", session.get()), ("DELETE", session.delete())] {
            let others = ALL_REVISIONS.into_iter().filter(|other| *other != revision).chain(["2099-01-01", ""]);
            let named = others.map(|other| (other, ask.clone().header("mcp-protocol-version", other)));
            for (what, ask) in named.chain([("two lines", ask.clone().also("mcp-protocol-version", revision))]) {
                // Read only if it ends: a stream that was opened does not.
                let live = ask.open(&rig.mcp).await;
                assert_eq!(live.status, 400, "{name} of {revision}: {what}");
                let code = live.collect().await.code();
                let unknown = ["2099-01-01", ""].contains(&what);
                assert!(code == -32022 || !unknown, "{name} of {revision}: {what}: {code}");
            }
        }
        assert!(session.is_alive().await, "{revision}: what is refused ends nothing");
        let stream = session.get().without("mcp-protocol-version").open(&rig.mcp).await;
        assert!(stream.is_sse(), "{revision}: {}", stream.status);
        let ended = session.delete().without("mcp-protocol-version").to(&rig.mcp).await;
        assert_eq!(ended.status, 204, "{revision}\n{ended}");
    }
}

/// L7. What runs in a session ends with it, and is answered; what runs beside it does not.
#[tokio::test(start_paused = true)]
async fn delete_stops_the_calls_of_its_session() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool(), probe.silent_tool()], |mcp| mcp.limits(patient()));
    let (gone, other) = (session(&mcp).await, session(&mcp).await);
    let stuck = tokio::spawn(gone.post(call("stuck", json!({}))).owned_to(&mcp));
    probe.started().await;
    let beside = [other.post(call("wait", json!({}))), modern_call("wait", json!({}))];
    let mut running = Vec::new();
    for ask in beside {
        running.push(tokio::spawn(ask.owned_to(&mcp)));
        probe.started().await;
    }
    let begun = Instant::now();
    assert_eq!(gone.delete().to(&mcp).await.status, 204);
    let reply = soon("an answer", stuck).await.expect("no panic");
    assert!(reply.json().get("error").is_some(), "{reply}");
    probe.dropped().await;
    assert_eq!((begun.elapsed(), probe.drops()), (secs(0), 0), "at once, and no other");
    for call in running {
        probe.release();
        assert_eq!(soon("the call ends", call).await.expect("no panic").text(), "done");
    }
}

/// L21. What is not declared is not there: neither the tasks of 2025-11-25 nor those of the extension.
#[tokio::test]
async fn tasks_are_neither_declared_nor_served() {
    let mcp = server([speaks()]);
    for client in all(&mcp).await {
        let revision = client.revision;
        let declared = client.capabilities().await.to_string();
        assert!(!declared.contains("tasks"), "{revision}: {declared}");
        for method in ["tasks/get", "tasks/result", "tasks/list", "tasks/cancel", "tasks/update"] {
            let reply = client.send(method, json!({"taskId": "0"})).await;
            let status = if client.is_modern() { 404 } else { 200 };
            assert_eq!((reply.status.as_u16(), reply.code()), (status, -32601), "{revision}, {method}\n{reply}");
        }
        let params = json!({"name": "speaks", "arguments": {}, "task": {"ttl": 60_000}});
        let reply = client.send("tools/call", params).await;
        assert_eq!(reply.text(), revision, "who asks for a task is answered at once\n{reply}");
        assert!(!reply.to_string().contains("taskId"), "{revision}\n{reply}");
    }
}
