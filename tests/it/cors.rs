//! CORS: what a page of another origin may send, and what it can read.

use http::{HeaderMap, Method};
use mcp_mount::{Limits, Mcp, McpService, Principal, Revision, Sessions};
use serde_json::json;

use crate::{
    page::{Page, list},
    rig::{Probe, Session, patient, rig_with, server_with, session},
    support::{
        Ask, LATEST_SESSION, Reply, User, bare, call, call_with_progress, initialize, legacy, modern, modern_call,
        notification, post, raw,
    },
};

const APP: &str = "https://app.example.com";
const PAGE: Page = Page(APP);
/// Let in by the guard, as long as nobody says otherwise.
const LOCAL: &str = "http://localhost:6274";
const FOREIGN: &str = "https://elsewhere.example";

fn app(mcp: Mcp) -> Mcp {
    mcp.cors([APP])
}

fn mcp() -> McpService {
    rig_with(app).mcp
}

fn echo() -> Ask {
    legacy(call("echo", json!({"text": "hello"})))
}

fn modern_echo() -> Ask {
    modern_call("echo", json!({"text": "hello"}))
}

fn preflight() -> Ask {
    PAGE.preflight(&modern_echo())
}

/// The reply says to a cache that it depends on the page, and to nobody that he may read it.
fn unreadable(case: &str, reply: &Reply) {
    let ours: Vec<_> = reply.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
    assert!(ours.is_empty(), "{case}: {ours:?}\n{reply}");
    assert_eq!(list(&reply.headers, "vary"), ["Origin"], "{case}\n{reply}");
}

/// The reply is for pages of this origin.
fn readable(case: &str, headers: &HeaderMap, origin: &str) {
    let only = |name| {
        let values: Vec<_> = headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(values.len(), 1, "{case}: {name}\n{headers:#?}");
        values[0].to_owned()
    };
    assert_eq!(only("access-control-allow-origin"), origin, "{case}");
    assert_eq!(
        only("access-control-expose-headers"),
        "mcp-session-id, mcp-protocol-version, www-authenticate, retry-after, last-event-id",
        "{case}"
    );
    assert!(list(headers, "vary").contains(&"Origin".to_owned()), "{case}\n{headers:#?}");
    assert!(!headers.contains_key("access-control-allow-credentials"), "{case}\n{headers:#?}");
}

#[tokio::test]
async fn a_page_lives_a_session() {
    let mcp = mcp();
    let reply = PAGE.fetch(initialize(LATEST_SESSION), &mcp).await.unwrap();
    let id = reply.header("mcp-session-id").expect("the page sees the id").to_owned();
    let inside = |ask: Ask| {
        let ask = ask.header("mcp-session-id", &id).header("mcp-protocol-version", LATEST_SESSION);
        ask.header("authorization", "Bearer secret")
    };
    let reply = PAGE.fetch(inside(post(notification("notifications/initialized", json!({})))), &mcp).await.unwrap();
    assert_eq!(reply.status, 202, "{reply}");
    let reply = PAGE.fetch(inside(echo()), &mcp).await.unwrap();
    assert_eq!(reply.text(), "hello");
    let listen = || inside(bare(Method::GET, "").header("accept", "text/event-stream").header("last-event-id", "1"));
    let stream = PAGE.open(listen(), &mcp).await.unwrap();
    assert!(stream.is_sse(), "{} {:#?}", stream.status, stream.headers);
    let reply = PAGE.fetch(inside(bare(Method::DELETE, "")), &mcp).await.unwrap();
    assert_eq!(reply.status, 204, "{reply}");
    let reply = PAGE.fetch(listen(), &mcp).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.code()), (404, -32600), "{reply}");
}

#[tokio::test]
async fn a_page_calls_without_a_session() {
    let mcp = mcp();
    let ask = || modern_echo().header("authorization", "Bearer secret");
    assert_eq!(PAGE.fetch(ask(), &mcp).await.unwrap().text(), "hello");
    let reply = PAGE.fetch(ask().header("mcp-param-region", "eu").header("x-api-key", "k"), &mcp).await.unwrap();
    assert_eq!(reply.text(), "hello", "with a parameter and a header of the host's own");
    let reply = PAGE.fetch(ask().header("mcp-name", "other"), &mcp).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.code()), (400, -32020), "{reply}");
    let refused = PAGE.fetch(ask().method(Method::PUT), &mcp).await.unwrap_err();
    assert!(refused.contains("the method PUT"), "{refused}");
}

#[tokio::test]
async fn a_preflight_is_answered_before_anything_else() {
    let asked = |_: &User| -> Principal { panic!("nobody asks who sends a preflight") };
    let rig = rig_with(|mcp| app(mcp).principal_from_extension::<User>(asked).sessions(Sessions::new().max(1)));
    rig.mcp.lifespan().shutdown().await;
    // Everything that a later step would refuse.
    let ask = preflight().user("alice").header("content-type", "text/plain").header("content-encoding", "gzip");
    let reply = ask.header("accept", "text/html").header("mcp-protocol-version", "1999-01-01").to(&rig.mcp).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (204, 0), "{reply}");
    readable("preflight", &reply.headers, APP);
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET, POST, DELETE"));
    assert_eq!(reply.header("access-control-max-age"), Some("7200"));
    let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    assert_eq!(reply.headers.get_all("vary").iter().collect::<Vec<_>>(), [vary]);
    assert_eq!(reply.header("content-type"), None);
    let names = list(&reply.headers, "access-control-allow-headers");
    for name in [
        "authorization",
        "content-type",
        "accept",
        "mcp-protocol-version",
        "mcp-session-id",
        "mcp-method",
        "mcp-name",
        "last-event-id",
    ] {
        assert!(names.iter().any(|allowed| allowed == name), "{name}\n{reply}");
    }
    assert_eq!(names.len(), 8, "nothing that was not asked for\n{reply}");
}

#[tokio::test]
async fn a_preflight_of_the_private_network() {
    const ASK: &str = "access-control-request-private-network";
    const ALLOW: &str = "access-control-allow-private-network";
    for (asked, expected) in [(Some("true"), Some("true")), (Some("false"), None), (None, None)] {
        let ask = asked.into_iter().fold(preflight(), |ask, value| ask.header(ASK, value));
        let reply = ask.to(&mcp()).await;
        assert_eq!((reply.status.as_u16(), reply.header(ALLOW)), (204, expected), "{asked:?}\n{reply}");
    }
}

#[tokio::test]
async fn without_sessions_there_is_only_post() {
    let configure: [fn(Mcp) -> Mcp; 2] =
        [|mcp| mcp.sessions(Sessions::disabled()), |mcp| mcp.revisions([Revision::V2026_07_28])];
    for configure in configure {
        let mcp = rig_with(|mcp| configure(app(mcp))).mcp;
        let reply = preflight().to(&mcp).await;
        assert_eq!(reply.header("access-control-allow-methods"), Some("POST"), "{reply}");
        let reply = bare(Method::OPTIONS, "").to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("POST, OPTIONS")), "{reply}");
    }
}

#[tokio::test]
async fn options_is_a_preflight_or_nothing() {
    let mcp = mcp();
    for (case, ask) in [
        ("bare", bare(Method::OPTIONS, "")),
        ("no origin", preflight().without("origin")),
        ("no method", preflight().without("access-control-request-method")),
    ] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.status, 405, "{case}\n{reply}");
        assert_eq!(reply.header("allow"), Some("GET, POST, DELETE, OPTIONS"), "{case}\n{reply}");
    }
    let reply = preflight().method(Method::POST).to(&mcp).await;
    assert_eq!(reply.status, 415, "a POST with a preflight's headers is a POST\n{reply}");
}

/// Replies to the page, each with the status that it has without CORS.
#[tokio::test]
async fn every_reply_to_the_page_can_be_read() {
    let mcp = rig_with(|mcp| app(mcp).limits(Limits::new().body_bytes(1000)).sessions(Sessions::new().max(1))).mcp;
    let session = Session::open(&mcp, LATEST_SESSION, None).await;
    let large = "x".repeat(1000);
    for (case, status, ask) in [
        ("result", 200, echo()),
        ("modern result", 200, modern_echo()),
        ("rpc error", 200, session.post(call("nothing", json!({})))),
        ("events", 200, modern_echo().header("accept", "text/event-stream")),
        ("notification", 202, session.post(notification("notifications/x", json!({})))),
        ("no JSON", 400, raw("{")),
        ("no name", 400, modern_echo().without("mcp-name")),
        ("revision", 400, modern_echo().header("mcp-protocol-version", "1999-01-01")),
        ("host", 403, echo().header("host", FOREIGN)),
        ("no host", 403, echo().without("host")),
        ("path", 404, echo().at("/elsewhere")),
        ("preflight of the path", 404, preflight().at("/elsewhere")),
        ("unknown session", 404, echo().header("mcp-session-id", "0")),
        ("unknown method", 404, modern("no/such", json!({}))),
        ("method", 405, bare(Method::PUT, "")),
        ("HEAD", 405, bare(Method::HEAD, "")),
        ("accept", 406, echo().header("accept", "text/html")),
        ("accept of a stream", 406, session.get().header("accept", "application/json")),
        ("large", 413, legacy(call("echo", json!({"text": large})))),
        ("content type", 415, echo().header("content-type", "text/plain")),
        ("compressed", 415, echo().header("content-encoding", "gzip")),
        ("too many sessions", 503, initialize(LATEST_SESSION)),
        ("the end of the session", 204, session.delete()),
    ] {
        let reply = ask.header("origin", APP).to(&mcp).await;
        assert_eq!(reply.status, status, "{case}\n{reply}");
        readable(case, &reply.headers, APP);
    }
    mcp.lifespan().shutdown().await;
    let reply = PAGE.fetch(echo(), &mcp).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (503, Some("1")), "draining\n{reply}");
}

#[tokio::test(start_paused = true)]
async fn every_stream_to_the_page_can_be_read() {
    let probe = Probe::new();
    let mcp = server_with([probe.speaking_tool(), probe.silent_tool()], |mcp| app(mcp).limits(patient()));
    let session = session(&mcp).await;
    for (case, ask) in [
        ("stream of a session", session.get()),
        ("a call that speaks", session.post(call_with_progress("speak", json!({})))),
        ("a call that is silent", modern_call("wait", json!({}))),
    ] {
        let live = ask.header("origin", APP).open(&mcp).await;
        assert!(live.is_sse(), "{case}: {} {:#?}", live.status, live.headers);
        readable(case, &live.headers, APP);
    }
}

#[tokio::test]
async fn nobody_else_can_read_anything() {
    let mcp = mcp();
    for (case, status, ask) in [
        ("no page", 200, echo()),
        ("a page that may call", 200, echo().header("origin", LOCAL)),
        ("its preflight", 403, Page(LOCAL).preflight(&echo())),
        ("the server's own page", 200, echo().header("host", "localhost").header("origin", "http://localhost")),
        ("another page", 403, echo().header("origin", FOREIGN)),
        ("its preflight", 403, Page(FOREIGN).preflight(&echo())),
        ("a page without an origin", 403, echo().header("origin", "null")),
        ("its preflight", 403, Page("null").preflight(&echo())),
        ("another scheme", 403, echo().header("origin", "http://app.example.com")),
        ("another port", 403, echo().header("origin", "https://app.example.com:8443")),
        ("a suffix", 403, echo().header("origin", "https://app.example.com.evil.example")),
        ("a subdomain", 403, echo().header("origin", "https://x.app.example.com")),
        ("a path", 403, echo().header("origin", "https://app.example.com/")),
        ("twice", 403, echo().header("origin", APP).also("origin", APP)),
        ("two origins", 403, echo().header("origin", APP).also("origin", FOREIGN)),
        ("a list", 403, echo().header("origin", format!("{APP}, {FOREIGN}"))),
    ] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.status, status, "{case}\n{reply}");
        unreadable(case, &reply);
    }
    let reply = Page(LOCAL).preflight(&echo()).to(&mcp).await;
    let text = reply.error()["message"].to_string();
    assert!(text.contains(LOCAL) && text.contains("cors("), "{text}");
    let reply = Page(FOREIGN).preflight(&echo()).to(&mcp).await;
    let text = reply.error()["message"].to_string();
    assert!(text.contains(FOREIGN) && text.contains("cors(") && text.contains("origins("), "{text}");
}

#[tokio::test]
async fn the_guard_lets_the_pages_in_whatever_is_called_first() {
    const FRIEND: &str = "https://friend.example";
    type Configure = fn(Mcp) -> Mcp;
    let beside: [Configure; 2] = [|mcp| mcp.origins([FRIEND]).cors([APP]), |mcp| mcp.cors([APP]).origins([FRIEND])];
    let closed: [Configure; 2] =
        [|mcp| mcp.origins([] as [&str; 0]).cors([APP]), |mcp| mcp.cors([APP]).origins([] as [&str; 0])];
    let open: [Configure; 2] =
        [|mcp| mcp.dangerously_allow_any_origin().cors([APP]), |mcp| mcp.cors([APP]).dangerously_allow_any_origin()];
    // Per origin: APP, LOCAL, FRIEND, FOREIGN.
    let cases = [(beside, [200, 403, 200, 403]), (closed, [200, 403, 403, 403]), (open, [200, 200, 200, 200])];
    for (index, (configures, expected)) in cases.into_iter().enumerate() {
        for configure in configures {
            let mcp = rig_with(configure).mcp;
            for (origin, status) in [APP, LOCAL, FRIEND, FOREIGN].into_iter().zip(expected) {
                let reply = echo().header("origin", origin).to(&mcp).await;
                assert_eq!(reply.status, status, "{index}, {origin}\n{reply}");
                let read = Page(origin).fetch(echo(), &mcp).await;
                assert_eq!(read.is_ok(), origin == APP, "{index}, {origin}: {read:?}");
            }
        }
    }
    let mcp = rig_with(|mcp| mcp.cors([FOREIGN]).cors([APP])).mcp;
    assert_eq!(echo().header("origin", FOREIGN).to(&mcp).await.status, 403, "the last call counts");
}

#[tokio::test]
async fn any_page_must_be_spelled_out() {
    let mcp = rig_with(Mcp::dangerously_allow_any_cors_origin).mcp;
    for origin in [APP, LOCAL, FOREIGN, "null", "chrome-extension://abc"] {
        let ask = || modern_echo().header("authorization", "Bearer secret").header("mcp-param-region", "eu");
        let reply = Page(origin).fetch(ask(), &mcp).await.unwrap();
        assert_eq!(reply.text(), "hello", "{origin}");
        let refused = Page(origin).fetch(ask().header("x-forwarded-user", "root"), &mcp).await.unwrap_err();
        assert!(refused.contains("x-forwarded-user"), "{refused}");
        let reply = ask().header("origin", origin).to(&mcp).await;
        readable(origin, &reply.headers, "*");
        let reply = ask().header("origin", origin).header("host", "evil.example").to(&mcp).await;
        assert_eq!(reply.status, 403, "any page is not any host\n{reply}");
    }
}

#[tokio::test]
async fn without_the_call_there_is_no_cors() {
    let rig = rig_with(|mcp| mcp.origins([APP]));
    for (case, status, ask) in [
        ("call", 200, echo().header("origin", APP)),
        ("preflight", 405, preflight()),
        ("refusal", 403, echo().header("origin", FOREIGN)),
    ] {
        let reply = ask.to(&rig.mcp).await;
        assert_eq!(reply.status, status, "{case}\n{reply}");
        for name in reply.headers.keys() {
            assert!(!name.as_str().starts_with("access-control-") && name != "vary", "{case}: {name}");
        }
        let allow = if status == 405 { Some("GET, POST, DELETE") } else { None };
        assert_eq!(reply.header("allow"), allow, "{case}\n{reply}");
    }
}

#[test]
fn lists_that_could_not_work() {
    for (origin, names) in [
        ("*", "dangerously_allow_any_cors_origin()"),
        ("null", "dangerously_allow_any_cors_origin()"),
        ("https://*.example.com", "dangerously_allow_any_cors_origin()"),
        ("app.example.com", "not an origin"),
        ("https://app.example.com/", "not an origin"),
        ("", "not an origin"),
    ] {
        let error = rig_error(|mcp| mcp.cors([APP, origin]));
        assert!(error.starts_with("cors: ") && error.contains(names) && error.contains(origin), "{origin}: {error}");
    }
    let error = rig_error(|mcp| mcp.cors([] as [&str; 0]));
    assert!(error.starts_with("cors: ") && error.contains("empty"), "{error}");
    assert!(Mcp::new("name", "1.0.0").cors(["*"]).cors([String::from(APP)]).build().is_ok(), "the last call counts");
}

fn rig_error(configure: impl FnOnce(Mcp) -> Mcp) -> String {
    configure(Mcp::new("name", "1.0.0")).build().expect_err("it was built").to_string()
}
