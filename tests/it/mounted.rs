//! What is to be seen of a mount from outside, whatever the host.

use http::Method;
use mcp_mount::McpService;
use serde_json::json;

use crate::{
    rig::rig,
    support::{Ask, LATEST_SESSION, bare, call, initialize, legacy, modern_call, notification},
    target::Target,
};

pub fn echo() -> Ask {
    legacy(call("echo", json!({"text": "hello"})))
}

pub fn mcp() -> McpService {
    rig().mcp
}

/// The whole of both eras at this path.
pub async fn served(app: &impl Target, path: &str) {
    let reply = modern_call("echo", json!({"text": "modern"})).at(path).to(app).await;
    assert_eq!(reply.text(), "modern", "{path}");
    let reply = echo().at(path).to(app).await;
    assert_eq!(reply.text(), "hello", "{path}");

    let reply = initialize(LATEST_SESSION).at(path).to(app).await;
    assert_eq!(reply.status, 200, "{path}\n{reply}");
    let id = reply.header("mcp-session-id").unwrap_or_else(|| panic!("{path}: no session\n{reply}")).to_owned();
    let inside = |ask: Ask| ask.header("mcp-session-id", &id).header("mcp-protocol-version", LATEST_SESSION).at(path);
    let reply = inside(legacy(notification("notifications/initialized", json!({})))).to(app).await;
    assert_eq!(reply.status, 202, "{path}\n{reply}");
    let listen = || inside(bare(Method::GET, "").header("accept", "text/event-stream"));
    let stream = listen().open(app).await;
    assert!(stream.is_sse(), "{path}: {} {:#?}", stream.status, stream.headers);
    let reply = inside(bare(Method::DELETE, "")).to(app).await;
    assert_eq!(reply.status, 204, "{path}\n{reply}");
    // RFC 9110, 8.6; hyper leaves it out in HTTP/1.1, and sends it in HTTP/2.
    assert_eq!(reply.header("content-length"), None, "{path}\n{reply}");
    let head = bare(Method::HEAD, "").at(path).to(app).await;
    assert_eq!(head.header("content-length"), None, "{path}\n{head}");
    assert_eq!(listen().to(app).await.status, 404, "{path}");

    let reply = bare(Method::PUT, "").at(path).to(app).await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("GET, POST, DELETE")), "{path}\n{reply}");
    let reply = echo().header("host", "evil.example").at(path).to(app).await;
    assert_eq!(reply.status, 403, "{path}: the guard is mounted too\n{reply}");
}

/// Nothing of MCP here: 404 for every method, and no redirect.
pub async fn missing(app: &impl Target, path: &str) {
    for ask in [echo(), modern_call("echo", json!({"text": "x"})), bare(Method::GET, ""), bare(Method::DELETE, "")] {
        let reply = ask.at(path).to(app).await;
        assert_eq!(reply.status, 404, "{path}\n{reply}");
        assert_eq!(reply.header("location"), None, "{path}\n{reply}");
    }
}

pub async fn hosts_own(app: &impl Target, path: &str, text: &str) {
    let reply = bare(Method::GET, "").at(path).to(app).await;
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (200, text.as_bytes()), "{path}\n{reply}");
}
