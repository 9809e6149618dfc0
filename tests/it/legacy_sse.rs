//! HTTP+SSE of 2024-11-05: a stream that says where to post, and everything that is said on it.

use std::net::SocketAddr;

use http::Method;
use mcp_mount::{
    Context, EndpointUrl, Extension, Headers, Limits, Mcp, Resource, Revision, Sessions, resource_fn, tool_fn,
};
use serde_json::json;

use crate::{
    legacy_client::{Client, code, endpoint, get, text, with, within_mount},
    page::Page,
    rig::{Probe, owned, patient, rig, rig_with, server, server_with},
    support::{
        Ask, LATEST_SESSION, Reply, SESSION_REVISIONS, User, bare, call, call_with_progress, legacy, message,
        modern_meta, notification, pass, raw, secs,
    },
};

#[tokio::test]
async fn it_is_off_by_default() {
    let mcp = rig().mcp;
    assert_eq!(get().to(&mcp).await.status, 404);
    assert_eq!(raw("{}").at("/messages?sessionId=1").to(&mcp).await.status, 404);
    assert!(mcp.describe().routes.is_empty());
    assert_eq!(with(|mcp| mcp).describe().routes, ["GET /sse", "POST /messages"]);
    let elsewhere = rig_with(|mcp| mcp.legacy_sse_at("/old/stream", "/old/post")).mcp;
    let mut live = get().at("/old/stream").open(&elsewhere).await;
    assert!(endpoint(&mut live).await.contains("/old/post?sessionId="));
    assert_eq!(get().to(&elsewhere).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn every_revision_that_has_sessions_is_spoken() {
    let mcp = with(|mcp| mcp);
    for revision in SESSION_REVISIONS {
        let mut client = Client::connect(&mcp).await;
        assert_eq!(client.initialize(revision).await["result"]["protocolVersion"], revision);
        assert_eq!(text(&client.ask(call("echo", json!({"text": "é\n"}))).await), "é\n");
        assert!(client.ask(message("p", "ping", json!({}))).await["result"].is_object());
        assert_eq!(code(&client.ask(message(3, "no/such", json!({}))).await), -32601);
        assert_eq!(code(&client.ask(message(4, "tools/call", json!({}))).await), -32602);
        client.say(json!({"jsonrpc": "2.0", "id": 7, "result": {}})).await;
        client.nothing_comes().await;
    }
}

/// No client of that time is of this one; what it says is understood all the same.
#[tokio::test(start_paused = true)]
async fn a_message_that_names_its_revision_needs_no_headers() {
    let mut client = Client::open(&with(|mcp| mcp)).await;
    let params = json!({"name": "echo", "arguments": {"text": "x"}, "_meta": modern_meta()});
    let answer = client.ask(message(1, "tools/call", params)).await;
    assert_eq!((text(&answer), &answer["result"]["resultType"]), ("x", &json!("complete")));
}

#[tokio::test(start_paused = true)]
async fn what_a_call_says_comes_before_its_answer_and_beside_others() {
    let probe = Probe::new();
    let mcp = server_with([probe.speaking_tool()], Mcp::legacy_sse);
    let mut client = Client::open(&mcp).await;
    client.say(call_with_progress("speak", json!({}))).await;
    assert_eq!(client.hear().await["method"], "notifications/progress");
    assert!(client.ask(message("p", "ping", json!({}))).await["result"].is_object());
    assert_eq!(code(&client.ask(message(1, "ping", json!({}))).await), -32600, "one with this id is running");
    probe.release();
    assert_eq!(text(&client.hear().await), "done");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_stopped_and_has_no_answer() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.legacy_sse().limits(patient()));
    let mut client = Client::open(&mcp).await;
    client.say(call("stuck", json!({}))).await;
    probe.started().await;
    client.say(notification("notifications/cancelled", json!({"requestId": 1}))).await;
    probe.dropped().await;
    client.nothing_comes().await;
}

fn note() -> Resource {
    resource_fn("note://a", "a", || "text")
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_on_the_stream_and_it_is_kept_alive() {
    let mcp = with(|mcp| mcp.resource(note()));
    let mut client = Client::open(&mcp).await;
    assert!(client.ask(message(1, "resources/subscribe", json!({"uri": "note://a"}))).await["result"].is_object());
    mcp.tools().remove("order");
    assert_eq!(client.hear().await["method"], "notifications/tools/list_changed");
    mcp.notify().resource_updated("note://a");
    assert_eq!(client.hear().await["params"]["uri"], "note://a");
    // A session lives as long as its stream.
    let beats = client.live.listen(secs(3600)).await;
    assert_eq!((beats.len(), beats.iter().all(|event| event.comment)), (240, true), "{beats:?}");
    assert_eq!(text(&client.ask(call("echo", json!({"text": "x"}))).await), "x");
}

#[tokio::test]
async fn the_endpoint_is_where_the_client_can_reach_it() {
    let peer: SocketAddr = "10.0.0.1:4711".parse().unwrap();
    let plain = with(|mcp| mcp.hosts(["example.com", "localhost"]));
    let based = with(|mcp| mcp.base_url("https://example.com/api"));
    let public = with(|mcp| mcp.public_url("https://mcp.example.com/v1"));
    let at_root = with(|mcp| mcp.public_url("https://mcp.example.com"));
    let proxied = with(|mcp| mcp.trusted_proxies(["10.0.0.0/8"]));
    let forwarded = || get().header("x-forwarded-prefix", "/pre");
    for (mcp, ask, expected) in [
        (&plain, get(), "/messages"),
        (&plain, get().header("host", "example.com"), "/messages"),
        (&plain, forwarded().peer(peer), "/messages"),
        (&based, get(), "/api/messages"),
        (&public, get(), "/v1/messages"),
        (&at_root, get(), "/messages"),
        (&proxied, forwarded().peer(peer), "/pre/messages"),
        (&proxied, forwarded().peer("192.0.2.1:1".parse().unwrap()), "/messages"),
    ] {
        let said = endpoint(&mut ask.open(mcp).await).await;
        let (path, id) = said.split_once("?sessionId=").expect("an id");
        assert_eq!((within_mount(path).as_str(), id.len()), (expected, 32));
    }
    let refused = get().header("x-forwarded-prefix", "//evil.example").peer(peer).to(&proxied).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test(start_paused = true)]
async fn both_routes_are_guarded() {
    let mcp = with(|mcp| mcp);
    let client = Client::open(&mcp).await;
    let ping = || client.post(message(1, "ping", json!({})));
    for ask in [get(), ping()] {
        for (header, value) in [("host", "evil.example"), ("origin", "https://evil.example"), ("origin", "null")] {
            let reply = ask.clone().header(header, value).to(&mcp).await;
            assert_eq!(reply.status, 403, "{header}: {value}\n{reply}");
        }
        assert_eq!(ask.clone().without("host").to(&mcp).await.status, 403);
        assert_eq!(
            ask.also("origin", "http://localhost").also("origin", "http://localhost").to(&mcp).await.status,
            403
        );
    }
    let mut live = get().header("origin", "http://localhost:6274").open(&mcp).await;
    endpoint(&mut live).await;
    assert_eq!(ping().header("origin", "http://localhost:6274").to(&mcp).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_conversation_is_refused_at_once() {
    let mcp = with(|mcp| mcp.limits(Limits::new().body_bytes(1000)));
    let mut client = Client::open(&mcp).await;
    for (ask, status) in [
        (get().header("accept", "application/json"), 406),
        (client.post("{}").header("content-type", "text/plain"), 415),
        (client.post("{}").header("content-encoding", "gzip"), 415),
        (client.post("x".repeat(1001)), 413),
        (client.post("{"), 400),
        (client.own(raw(&b"\xff"[..])), 400),
        (client.post(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#), 400),
    ] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.status, status, "{reply}");
        assert!(reply.error()["message"].is_string(), "{reply}");
    }
    for (path, methods) in [("/sse", "GET"), ("/messages", "POST")] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
            if method.as_str() == methods {
                continue;
            }
            let reply = bare(method, "").at(path).to(&mcp).await;
            assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some(methods)), "{reply}");
        }
    }
    client.nothing_comes().await;
    assert!(client.ask(message(1, "ping", json!({}))).await["result"].is_object());
}

fn same(one: &Reply, other: &Reply) {
    assert_eq!((one.status.as_u16(), &one.headers, &one.body), (404, &other.headers, &other.body), "{one}\n{other}");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_its_principals_alone() {
    let mcp = with(owned);
    let mut alice = Client::connect_as(&mcp, Some("alice")).await;
    alice.initialize(LATEST_SESSION).await;
    let ping = || alice.post(message(1, "ping", json!({})));
    let unknown = ping().at("/messages?sessionId=0123456789abcdef0123456789abcdef").to(&mcp).await;
    assert_eq!(unknown.code(), -32600);
    let mut anonymous = ping().request();
    anonymous.extensions_mut().clear();
    same(&ping().user("bob").to(&mcp).await, &unknown);
    same(&Ask::from(anonymous).to(&mcp).await, &unknown);
    for path in ["/messages", "/messages?", "/messages?sessionId=", "/messages?sessionId=1", "/messages?x=1"] {
        same(&ping().at(path).to(&mcp).await, &unknown);
    }
    let twice = format!("{}&{}", alice.messages, alice.messages.split_once('?').unwrap().1);
    same(&ping().at(&twice).to(&mcp).await, &unknown);
    assert!(alice.ask(message(1, "ping", json!({}))).await["result"].is_object());
    // One that nobody in particular has opened is not somebody's.
    let nobody = Client::connect(&mcp).await;
    same(&nobody.post(message(1, "ping", json!({}))).user("bob").to(&mcp).await, &unknown);
    drop(alice.live);
    pass(secs(1)).await;
    let gone = raw("{}").at(&alice.messages).user("alice").to(&mcp).await;
    same(&gone, &unknown);
}

#[tokio::test(start_paused = true)]
async fn pages_are_let_in_as_at_the_endpoint() {
    let mcp = with(|mcp| mcp.cors(["https://app.example.com"]));
    let page = Page("https://app.example.com");
    let mut live = page.open(get(), &mcp).await.expect("it may read");
    let messages = within_mount(&endpoint(&mut live).await);
    let ping = || raw(message(1, "ping", json!({})).to_string()).at(&messages);
    assert_eq!(page.fetch(ping(), &mcp).await.expect("it may post").status, 202);
    assert!(Page("https://evil.example").fetch(ping(), &mcp).await.is_err());
    assert!(Page("https://evil.example").open(get(), &mcp).await.is_err());
    assert!(live.message().await.is_some_and(|answer| answer["result"].is_object()));
}

#[tokio::test(start_paused = true)]
async fn handlers_find_the_post_that_brought_the_call() {
    let tool =
        tool_fn("post", "", |headers: Headers, user: Extension<User>, ctx: Context, url: EndpointUrl| async move {
            let trace = headers.get("x-trace").map(|value| value.to_str().unwrap_or_default().to_owned());
            format!("{trace:?} {} {:?} {}", user.0.0, ctx.principal().map(|principal| principal.id().to_owned()), url.0)
        });
    for layered in [false, true] {
        let mcp = server_with([tool.clone()], |mcp| {
            let mcp = owned(mcp.legacy_sse());
            if layered { mcp.http_layer(tower::layer::util::Identity::new()) } else { mcp }
        });
        let mut client = Client::connect_as(&mcp, Some("alice")).await;
        client.initialize(LATEST_SESSION).await;
        let reply = client.post(call("post", json!({}))).header("x-trace", "t").to(&mcp).await;
        assert_eq!(reply.status, 202);
        let found = within_mount(text(&client.hear().await));
        assert_eq!(found, r#"Some("t") alice Some("alice") http://localhost:8000"#);
    }
}

#[tokio::test]
async fn start_hooks_come_first() {
    let mcp = with(|mcp| mcp.on_start("database", || async { Err::<(), _>("no such host") }));
    for ask in [get(), raw("{}").at("/messages?sessionId=0123456789abcdef0123456789abcdef")] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.status, 503, "{reply}");
        assert!(reply.error()["message"].as_str().is_some_and(|text| text.contains("database")), "{reply}");
    }
}

#[test]
fn what_could_never_work_fails_to_build() {
    let fails = |configure: fn(Mcp) -> Mcp, names: &str| {
        let error = configure(Mcp::new("rig", "1")).build().expect_err("it cannot work").to_string();
        assert!(error.contains(names), "{error}");
    };
    fails(|mcp| mcp.legacy_sse().sessions(Sessions::disabled()), "legacy_sse");
    fails(|mcp| mcp.legacy_sse().revisions([Revision::V2026_07_28]), "legacy_sse");
    fails(|mcp| mcp.legacy_sse().json_only(), "json_only");
    fails(|mcp| mcp.legacy_sse_at("/a", "/a/"), "legacy_sse_at: \"/a/\"");
    fails(|mcp| mcp.legacy_sse_at("/", "/messages"), "legacy_sse_at: \"/\"");
    fails(|mcp| mcp.legacy_sse_at("/a", "/a"), "legacy_sse_at: POST /a is taken already");
    fails(|mcp| mcp.legacy_sse().health_at("/sse"), "legacy_sse_at: GET /sse is taken already, by health_at");
    fails(|mcp| mcp.legacy_sse().route(Method::PUT, "/sse", |_| async { "" }), "route: PUT /sse is taken already");
}

#[tokio::test]
async fn the_endpoint_itself_is_as_before() {
    let mcp = with(|mcp| mcp);
    assert_eq!(legacy(call("echo", json!({"text": "x"}))).to(&mcp).await.text(), "x");
    for path in ["/sse/", "/messages/", "/sse/x", "/SSE"] {
        assert_eq!(get().at(path).to(&mcp).await.status, 404, "{path}");
    }
    assert_eq!(get().at("/").to(&server([])).await.status, 400, "no session is named");
}
