//! How long results may be kept, and by whom (2026-07-28, server/utilities/caching).

use std::time::Duration;

use mcp_mount::{
    CacheScope, Mcp, McpService, ReadResourceResult, Resource, ResourceContents, prompt_fn, resource_fn, tool_fn,
};
use serde_json::{Value, json};

use crate::{
    eras::{Client, LISTS},
    support::{LATEST_SESSION, MODERN},
};

const MINUTE: Duration = Duration::from_secs(60);

/// One of everything.
fn full() -> Mcp {
    Mcp::new("rig", "1.2.3")
        .tool(tool_fn("t", "A tool", || "text"))
        .prompt(prompt_fn("p", "A prompt", || "text"))
        .resource(Resource::text("x://plain", "plain", "text"))
        .resource(resource_fn("x://of/{id}", "template", || Some("text")))
}

fn built(mcp: Mcp) -> McpService {
    mcp.build().expect("the server builds")
}

fn hints(result: &Value) -> (Option<i64>, Option<&str>) {
    (result["ttlMs"].as_i64(), result["cacheScope"].as_str())
}

/// The results of the operations that the specification names, `resources/read` apart.
async fn cacheable(client: &Client) -> Vec<(&'static str, Value)> {
    let mut results = Vec::new();
    for list in LISTS {
        results.push((list.method, client.send(list.method, json!({})).await.result()));
    }
    if client.is_modern() {
        results.push(("server/discover", client.send("server/discover", json!({})).await.result()));
    }
    results
}

#[tokio::test]
async fn lists_and_the_server_itself_say_how_long_they_may_be_kept() {
    for (mcp, expected) in [
        (full(), (0, "private")),
        (full().ttl(MINUTE), (60_000, "private")),
        (full().cache_scope(CacheScope::Public), (0, "public")),
        (full().ttl(Duration::from_millis(1500)).cache_scope(CacheScope::Public), (1500, "public")),
        (full().ttl(Duration::from_nanos(1)), (0, "private")),
        // The largest number that every client reads as it is.
        (full().ttl(Duration::MAX), (9_007_199_254_740_991, "private")),
    ] {
        let client = Client::new(&built(mcp), MODERN).await;
        for (method, result) in cacheable(&client).await {
            assert_eq!(hints(&result), (Some(expected.0), Some(expected.1)), "{method}");
        }
    }
}

#[tokio::test]
async fn a_resource_and_its_answer_say_it_of_what_is_read() {
    use CacheScope::{Private, Public};
    let resource = |uri: &str| resource_fn(uri, "x", || "text");
    let answer = || ReadResourceResult::new([ResourceContents::text("text")]);
    let mcp = built(
        Mcp::new("rig", "1.2.3")
            // Of lists: what is read may be of somebody.
            .ttl(Duration::from_secs(5))
            .cache_scope(Public)
            .resource(resource("x://plain"))
            .resource(resource("x://kept").ttl(MINUTE))
            .resource(resource("x://public").cache_scope(Public))
            .resource(resource("x://of/{id}").cache_scope(Public).ttl(MINUTE))
            .resource(resource_fn("x://answer", "x", move || answer().ttl(MINUTE).cache_scope(Public)))
            .resource(
                resource_fn("x://over", "x", move || answer().ttl(Duration::ZERO).cache_scope(Private))
                    .ttl(MINUTE)
                    .cache_scope(Public),
            )
            .resource(resource_fn("x://half", "x", move || answer().ttl(MINUTE * 2)).cache_scope(Public).ttl(MINUTE)),
    );
    let client = Client::new(&mcp, MODERN).await;
    for (uri, expected) in [
        ("x://plain", (0, "private")),
        ("x://kept", (60_000, "private")),
        ("x://public", (0, "public")),
        ("x://of/7", (60_000, "public")),
        ("x://answer", (60_000, "public")),
        ("x://over", (0, "private")),
        ("x://half", (120_000, "public")),
    ] {
        assert_eq!(hints(&client.read(uri).await.result()), (Some(expected.0), Some(expected.1)), "{uri}");
    }
}

#[tokio::test]
async fn nothing_else_is_cacheable() {
    let mcp = built(full().ttl(MINUTE).cache_scope(CacheScope::Public));
    let client = Client::new(&mcp, MODERN).await;
    for reply in [client.call("t", json!({})).await, client.get_prompt("p", json!({})).await] {
        assert_eq!(hints(&reply.result()), (None, None), "{reply}");
    }
    let missing = client.read("x://missing").await.error();
    assert!(!missing.to_string().contains("ttlMs"), "{missing}");
    let session = Client::new(&mcp, LATEST_SESSION).await;
    let mut results = cacheable(&session).await;
    results.push(("resources/read", session.read("x://plain").await.result()));
    for (method, result) in results {
        assert_eq!(hints(&result), (None, None), "{method}: sessions know nothing of it");
    }
}
