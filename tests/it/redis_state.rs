//! What handlers keep for a principal, in Redis; and the store that a URL names.

use std::sync::Arc;
use std::time::Duration;

use mcp_mount::stores::{Appended, Expect, Key, Kind, LogEntry, LogKey, LogLimits, LogPlace};
use mcp_mount::{Context, Limits, Mcp, McpService, StateError, Store, ToolError, store_from_url, tool_fn};
use serde_json::json;

use crate::redis_server::{RedisServer, free_port};
use crate::rig::owned;
use crate::support::modern_call;

/// A replica, whose tool makes a list longer.
fn replica(store: Arc<dyn Store>) -> McpService {
    let push = tool_fn("push", "Push", |ctx: Context| async move {
        let longer = |list: Option<Vec<usize>>| {
            let mut list = list.unwrap_or_default();
            list.push(list.len());
            list
        };
        let list = ctx.state("list").update(longer).await.map_err(|error| ToolError::expose(error.to_string()))?;
        Ok::<_, ToolError>(list.len().to_string())
    });
    let many = tool_fn("many", "Keep many", |ctx: Context| async move {
        for key in 0_usize.. {
            match ctx.state(key.to_string()).set(&key).await {
                Ok(()) => {}
                Err(StateError::Full { .. }) => return key.to_string(),
                Err(error) => return error.to_string(),
            }
        }
        unreachable!("there is an end to it")
    });
    let mcp = owned(Mcp::new("shop", "1.0.0").tool(push).tool(many)).store(store);
    let mcp = mcp.limits(Limits::new().state_keys(5)).request_state_keys(["a secret of more than thirty-two bytes"]);
    mcp.build().expect("a server")
}

async fn says(mcp: &McpService, tool: &str, user: &'static str) -> String {
    modern_call(tool, json!({})).user(user).to(mcp).await.text()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_is_lost_on_two_replicas() {
    let server = RedisServer::start();
    let mut replicas = Vec::new();
    for _ in 0..2 {
        replicas.push(replica(store_from_url(&server.url()).await.expect("it runs")));
    }
    let pushes = (0..50).map(|number: usize| {
        let mcp = replicas[number % 2].clone();
        tokio::spawn(async move { says(&mcp, "push", "alice").await })
    });
    let mut lengths = Vec::new();
    for push in pushes.collect::<Vec<_>>() {
        lengths.push(push.await.expect("no panic").parse::<usize>().expect("a number"));
    }
    lengths.sort_unstable();
    assert_eq!(lengths, (1..=50).collect::<Vec<_>>(), "each saw those before it");
    assert_eq!(says(&replicas[0], "push", "bob").await, "1", "his own");
    assert_eq!(says(&replicas[1], "many", "alice").await, "4", "one of five is the list");
    assert_eq!(says(&replicas[0], "many", "bob").await, "4");
}

#[tokio::test]
async fn a_prefix_keeps_services_apart() {
    let server = RedisServer::start();
    let url = |query: &str| server.url() + query;
    let [one, same, other] = [url("?prefix=one"), url("/0?prefix=one"), url("?prefix=other")];
    let key = Key::new(Kind::State, 1);
    let one = store_from_url(&one).await.expect("it runs");
    assert!(one.put(key, "v".into(), Duration::from_secs(60), Expect::Any).await.unwrap());
    let there = async |url: &str| store_from_url(url).await.expect("it runs").get(key, None).await.unwrap().is_some();
    assert!(there(&same).await);
    assert!(!there(&other).await && !there(&server.url()).await);
    let names: Vec<String> = server.ask(&["KEYS", "*"]);
    assert!(names.iter().any(|name| name.starts_with("{one}")), "{names:?}");
}

#[tokio::test]
async fn a_budget_in_the_url_is_the_stores() {
    let server = RedisServer::start();
    let log = LogKey::new(1, 1);
    for (query, expected) in [("", Appended::Seq(1)), ("?log_budget=10000&prefix=small", Appended::Full)] {
        let store = store_from_url(&(server.url() + query)).await.expect("it runs");
        let entry = LogEntry::new(vec![b'x'; 20_000].into(), LogPlace::Only);
        let limits = LogLimits::new(10, 1 << 20, Duration::from_secs(60));
        assert_eq!(store.append(log, entry, limits).await.unwrap(), expected, "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_connected_is_told_without_the_password() {
    let server = RedisServer::with_password("right", &[]);
    assert!(store_from_url(&server.url()).await.is_ok());
    let wrong = server.url().replace("right", "secret");
    let gone = format!("redis://:secret@127.0.0.1:{}", free_port());
    for url in [wrong, gone, "redis://:secret@127.0.0.1:no-port".to_owned(), "redis://:secret@".to_owned()] {
        let error = store_from_url(&url).await.err().expect("it cannot be");
        let mut text = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text} {cause} {cause:?}");
            source = cause.source();
        }
        assert!(!text.contains("secret"), "{text}");
        assert!(matches!(error, mcp_mount::stores::StoreUrlError::Open(_)), "{text}");
    }
}

/// Nothing of a caller can be read from the names in Redis.
#[tokio::test]
async fn names_tell_nothing() {
    let server = RedisServer::start();
    let mcp = replica(store_from_url(&server.url()).await.expect("it runs"));
    says(&mcp, "push", "alice").await;
    let names: Vec<String> = server.ask(&["KEYS", "*"]);
    let told = |word: &str| names.iter().any(|name| name.contains(word));
    assert!(names.len() >= 2 && !told("alice") && !told("list") && !told("shop"), "{names:?}");
}
