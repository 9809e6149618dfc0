//! Whether the process is alive, and whether it takes requests: for those who look after it.

use http::Method;
use mcp_mount::{Mcp, McpService};
use serde_json::json;

use crate::{
    rig::{Probe, owned, rig_with, server_with},
    support::{Ask, Reply, bare, modern_call, pass, secs, soon},
};

fn get(path: &str) -> Ask {
    bare(Method::GET, "").at(path)
}

fn with(configure: impl FnOnce(Mcp) -> Mcp) -> McpService {
    rig_with(configure).mcp
}

fn status(reply: &Reply) -> serde_json::Value {
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply}");
    assert!(reply.header("cache-control").is_some_and(|value| value.contains("no-store")), "{reply}");
    reply.json()["status"].clone()
}

#[tokio::test]
async fn probes_answer_whoever_asks() {
    let mcp = with(|mcp| owned(mcp).health().hosts(["mcp.example.com"]).origins(["https://app.example.com"]));
    for (path, says) in [("/health", "ok"), ("/ready", "ready")] {
        for (name, ask) in [
            ("plainly", get(path)),
            ("by address", get(path).header("host", "10.1.2.3:8080")),
            ("for another host", get(path).header("host", "evil.example")),
            ("for no host", get(path).without("host")),
            ("for two hosts", get(path).also("host", "other")),
            ("from a page", get(path).header("origin", "https://evil.example")),
            ("with a query", get(&format!("{path}?verbose=1"))),
            ("with odd headers", get(path).header("accept", "text/plain").header("mcp-session-id", "x")),
        ] {
            let reply = ask.clone().to(&mcp).await;
            assert_eq!((reply.status.as_u16(), status(&reply)), (200, json!(says)), "{path} {name}\n{reply}");
            let head = ask.method(Method::HEAD).to(&mcp).await;
            assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{path} {name}\n{head}");
            assert_eq!(head.header("content-type"), reply.header("content-type"), "{path} {name}\n{head}");
        }
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
            let reply = get(path).method(method.clone()).to(&mcp).await;
            assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("GET, HEAD")), "{method}\n{reply}");
        }
    }
    let refused = get("/").header("host", "evil.example").to(&mcp).await;
    assert_eq!(refused.status, 403, "the endpoint is guarded as ever\n{refused}");
}

#[tokio::test]
async fn probes_are_where_they_were_put_and_nowhere_else() {
    for (mcp, there) in [
        (with(|mcp| mcp), &[][..]),
        (with(Mcp::health), &["/health", "/ready"]),
        (with(|mcp| mcp.health_at("/livez")), &["/livez"]),
        (with(|mcp| mcp.ready_at("/probes/ready.json")), &["/probes/ready.json"]),
        (with(|mcp| mcp.health().health_at("/livez")), &["/livez", "/ready"]),
    ] {
        for path in ["/health", "/ready", "/livez", "/probes/ready.json", "/health/", "/Health", "/healthz", "/probes"]
        {
            let reply = get(path).to(&mcp).await;
            let expected = if there.contains(&path) { 200 } else { 404 };
            assert_eq!(reply.status, expected, "{path} of {there:?}\n{reply}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_ends_with_the_beginning_of_the_end() {
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool()], Mcp::health);
    let running = tokio::spawn(modern_call("wait", json!({})).owned_to(&mcp));
    probe.started().await;
    assert_eq!(get("/ready").to(&mcp).await.status, 200);
    let lifespan = mcp.lifespan();
    let drain = tokio::spawn(async move { lifespan.shutdown().await });
    for _ in 0..2 {
        pass(secs(1)).await;
        let ready = get("/ready").to(&mcp).await;
        assert_eq!((ready.status.as_u16(), status(&ready)), (503, json!("draining")), "{ready}");
        let head = get("/ready").method(Method::HEAD).to(&mcp).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (503, 0), "{head}");
        let health = get("/health").to(&mcp).await;
        assert_eq!((health.status.as_u16(), status(&health)), (200, json!("ok")), "it is alive\n{health}");
        probe.release();
    }
    assert_eq!(soon("the call", running).await.expect("no panic").text(), "done");
    assert_eq!(soon("the drain", drain).await.expect("no panic").finished, 1);
}
