//! The three homes side by side: over HTTP/1.1, the same request has the same reply, byte for byte.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use mcp_mount::{Context, Limits, Mcp, McpService, tool_fn};
use serde_json::json;

use crate::{
    connection::{Client, written},
    homes,
    raw::{Raw, exchange, exchange_heads},
    rig::rig_with,
    support::{
        Ask, LATEST_SESSION, bare, call, call_with_progress, initialize, legacy, message, modern, modern_call,
        notification, post, raw,
    },
};

const PAGE: &str = "https://app.example.com";

fn mcp() -> McpService {
    let speak = tool_fn("speak", "Report twice", |ctx: Context| async move {
        ctx.progress(1.0).total(2.0).await;
        ctx.progress(2.0).total(2.0).message("é").await;
        "done"
    });
    let echo = |request: Request<Bytes>| async move { String::from_utf8_lossy(request.body()).into_owned() };
    let configure = |mcp: Mcp| {
        mcp.tool(speak)
            .cors([PAGE])
            .health()
            .limits(Limits::new().body_bytes(10_000))
            .route(Method::GET, "/version", |_| async { "1.2.3" })
            .route(Method::POST, "/v1/echo", echo)
    };
    rig_with(configure).mcp
}

/// Of these a home has its own: when it answers, and how it keeps its connections and frames its messages.
const OF_THE_CONNECTION: [&str; 4] = ["date", "connection", "keep-alive", "transfer-encoding"];

/// The three servers, by the name of the home.
async fn servers() -> [(&'static str, SocketAddr); 3] {
    [
        ("bare", homes::bare::serve(mcp()).await),
        ("axum", homes::axum::serve(mcp()).await),
        ("actix", homes::actix::serve(mcp()).await),
    ]
}

/// The reply without what is the connection's, and with the name of the session made equal.
async fn reply(address: SocketAddr, ask: &Ask, session: &str) -> Raw {
    comparable(exchange(address, &written(ask).await).await, session)
}

fn comparable(mut raw: Raw, session: &str) -> Raw {
    raw.headers.retain(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
    raw.headers = raw
        .headers
        .into_iter()
        .map(|(name, value)| if name == "mcp-session-id" { (name, "its id".to_owned()) } else { (name, value) })
        .collect();
    let body = String::from_utf8(raw.body.to_vec()).expect("UTF-8").replace(session, "its id");
    // Of an event's id, its number.
    let number = |line: &str| match line.strip_prefix("id: ").and_then(|id| id.rsplit_once('-')) {
        Some((_, number)) => format!("id: its id {number}"),
        None => line.to_owned(),
    };
    let body = body.split('\n').map(number).collect::<Vec<_>>().join("\n");
    raw.body = body.into();
    raw
}

fn echo() -> Ask {
    legacy(call("echo", json!({"text": "é"})))
}

fn modern_echo() -> Ask {
    modern_call("echo", json!({"text": "é"}))
}

fn get(path: &str) -> Ask {
    bare(Method::GET, "").at(path)
}

fn preflight() -> Ask {
    bare(Method::OPTIONS, "")
        .header("origin", PAGE)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,mcp-protocol-version")
}

/// What is answered as it was asked.
fn answered() -> Vec<(&'static str, Ask)> {
    let progress = json!({"name": "speak", "arguments": {}, "_meta": {"progressToken": "token"}});
    vec![
        ("a call", echo()),
        ("a call of 2026-07-28", modern_echo()),
        ("a call with a slash", modern_echo().at("/mcp/")),
        ("a call with a query", modern_echo().at("/mcp?a=1")),
        ("a call, as a stream", modern_echo().header("accept", "text/event-stream")),
        ("progress", legacy(call_with_progress("speak", json!({})))),
        ("progress in 2026-07-28", modern("tools/call", progress)),
        ("a page's call", modern_echo().header("origin", PAGE)),
        ("a page's question", preflight()),
        ("a page's question without names", preflight().without("access-control-request-headers")),
        ("tools", modern("tools/list", json!({}))),
        ("discovery", modern("server/discover", json!({}))),
        ("an answer to nothing", legacy(json!({"jsonrpc": "2.0", "id": 1, "result": {}}))),
        ("a notification", legacy(notification("notifications/initialized", json!({})))),
        ("health", get("/mcp/health")),
        ("readiness", get("/mcp/ready").header("host", "10.0.0.1")),
        ("health, HEAD", bare(Method::HEAD, "").at("/mcp/health")),
        ("a route", get("/mcp/version")),
        ("a route, HEAD", bare(Method::HEAD, "").at("/mcp/version")),
        ("a route with a body", bare(Method::POST, "é").at("/mcp/v1/echo")),
    ]
}

/// What fails or is refused.
fn refused() -> Vec<(&'static str, Ask)> {
    vec![
        ("a tool that is not there", modern_call("nothing", json!({}))),
        ("an argument that is missing", echo().with_body(call("echo", json!({})).to_string())),
        ("a method that is not there", legacy(message(1, "tools/nothing", json!({})))),
        ("a batch", legacy(json!([]))),
        ("no JSON", raw("{")),
        ("no body", raw("")),
        ("no version in 2026-07-28", modern_echo().without("mcp-protocol-version")),
        ("a version of nobody", echo().header("mcp-protocol-version", "1999-01-01")),
        ("a header that says otherwise", modern_echo().header("mcp-name", "other")),
        ("a session of nobody", echo().header("mcp-session-id", "f".repeat(32))),
        ("a stream without a session", get("/mcp").header("accept", "text/event-stream")),
        ("an end without a session", bare(Method::DELETE, "")),
        ("PUT", bare(Method::PUT, "")),
        ("PUT with a body", bare(Method::PUT, "{}")),
        ("HEAD", bare(Method::HEAD, "")),
        ("OPTIONS", bare(Method::OPTIONS, "")),
        ("a method of nobody's", bare(Method::from_bytes(b"PROPFIND").expect("a token"), "")),
        ("another host", echo().header("host", "evil.example")),
        ("another page", echo().header("origin", "https://evil.example")),
        ("another page's question", preflight().header("origin", "https://evil.example")),
        ("text", echo().header("content-type", "text/plain")),
        ("a type that is not readable", echo().header("content-type", b"application/json\xff")),
        ("compressed", echo().header("content-encoding", "gzip")),
        ("neither", echo().header("accept", "text/html")),
        ("nothing there", echo().at("/mcp/below")),
        ("a large body", legacy(call("echo", json!({"text": "x".repeat(10_000)})))),
        ("a probe, POST", bare(Method::POST, "").at("/mcp/health")),
        ("a route, DELETE", bare(Method::DELETE, "").at("/mcp/version")),
        ("a route of another host", get("/mcp/version").header("host", "evil.example")),
    ]
}

/// Where a request is sent that names no other path.
fn at_the_endpoint(ask: Ask) -> Ask {
    if ask.clone().request().uri().path() == "/" { ask.at("/mcp") } else { ask }
}

/// What the replies of the homes say that is not the same; nothing, in the best case.
fn compared(name: &str, replies: &[(&str, Raw)]) -> Option<String> {
    let (_, first) = &replies[0];
    let same = replies.iter().all(|(_, reply)| reply == first);
    (!same).then(|| format!("{name}:\n{replies:#?}"))
}

#[tokio::test]
async fn each_request_has_one_reply() {
    let servers = servers().await;
    let mut different = Vec::new();
    for (name, ask) in answered().into_iter().chain(refused()) {
        let ask = at_the_endpoint(ask);
        let mut replies = Vec::new();
        for (home, address) in servers {
            replies.push((home, reply(address, &ask, "no session").await));
        }
        different.extend(compared(name, &replies));
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// The same over HTTP/2, where what names the host is `:authority`. That an empty body has no bytes, actix-http says in a
/// header and hyper by ending the stream.
#[tokio::test]
async fn each_request_has_one_reply_over_http_2() {
    let servers = servers().await;
    for (name, ask) in answered().into_iter().chain(refused()) {
        let mut replies = Vec::new();
        for (home, address) in servers {
            let mut client = Client::h2(address).await;
            let request = at_the_endpoint(ask.clone()).request();
            let (path, host) = (request.uri().to_string(), request.headers()["host"].clone());
            let authority = host.to_str().expect("a host");
            let reply = client.open_as(authority, &path, request).await.expect("a reply").collect().await;
            let said = |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), value.as_bytes().to_vec());
            let mut headers: Vec<_> = reply.headers.iter().map(said).collect();
            headers.retain(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
            headers.retain(|(name, value)| name != "content-length" || value != b"0");
            headers.sort();
            replies.push((home, reply.status, headers, reply.body));
        }
        for (home, status, headers, body) in &replies[1..] {
            let (_, first_status, first_headers, first_body) = &replies[0];
            assert_eq!((status, headers, body), (first_status, first_headers, first_body), "{name}: {home}");
        }
    }
}

/// RFC 9112, 3.2: «A server MUST respond with a 400». actix-http does, before there is a request for a service; hyper
/// leaves it to the service, which has no host to compare.
#[tokio::test]
async fn a_request_without_a_host_is_refused_by_actix_web_itself() {
    for (home, address) in servers().await {
        let reply = reply(address, &at_the_endpoint(echo().without("host")), "no session").await;
        let (status, has_body) = (reply.status.as_str(), !reply.body.is_empty());
        match home {
            "actix" => assert_eq!((status, has_body), ("HTTP/1.1 400 Bad Request", false)),
            _ => assert_eq!((status, has_body), ("HTTP/1.1 403 Forbidden", true), "{home}"),
        }
    }
}

#[tokio::test]
async fn a_session_is_the_same_everywhere() {
    let mut conversations = Vec::new();
    for (home, address) in servers().await {
        conversations.push((home, conversation(address).await));
    }
    for turn in 0..conversations[0].1.len() {
        let replies: Vec<_> = conversations.iter().map(|(home, replies)| (*home, replies[turn].clone())).collect();
        assert_eq!(compared(&format!("turn {turn}"), &replies), None);
    }
}

/// A session from its beginning to its end.
async fn conversation(address: SocketAddr) -> Vec<Raw> {
    let begin = at_the_endpoint(initialize(LATEST_SESSION));
    let begun = exchange(address, &written(&begin).await).await;
    let id = begun.headers.iter().find(|(name, _)| name == "mcp-session-id").expect("a session").1.clone();
    let inside = |ask: Ask| {
        let ask = ask.header("mcp-session-id", &id).header("mcp-protocol-version", LATEST_SESSION);
        at_the_endpoint(ask)
    };
    let listen = || inside(bare(Method::GET, "").header("accept", "text/event-stream"));
    let mut replies = vec![reply(address, &begin, &id).await];
    for ask in [
        inside(post(notification("notifications/initialized", json!({})))),
        inside(post(call("echo", json!({"text": "x"})))),
        inside(post(call_with_progress("speak", json!({})))),
        inside(post(message(2, "ping", json!({})))),
    ] {
        replies.push(reply(address, &ask, &id).await);
    }
    replies.push(comparable(exchange_heads(address, &written(&listen()).await).await, &id));
    for ask in [listen().header("accept", "application/json"), inside(bare(Method::DELETE, "")), listen()] {
        replies.push(reply(address, &ask, &id).await);
    }
    replies
}
