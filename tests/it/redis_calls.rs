//! What calls cost Redis.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_mount::Store;
use serde_json::json;

use crate::redis_server::RedisServer;
use crate::rig::{Session, rig_with};
use crate::support::{LATEST_SESSION, call};

/// How often each command was run, by clients and by the scripts of clients.
fn commands(server: &RedisServer) -> BTreeMap<String, u64> {
    let stats: String = server.ask(&["INFO", "commandstats"]);
    let command = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        // How the test itself asks.
        (name != "info").then_some((name.to_owned(), rest.split_once(',')?.0.parse().ok()?))
    };
    stats.lines().filter_map(command).collect()
}

#[tokio::test]
async fn a_plain_call_in_a_session_is_one_round_trip() {
    let server = RedisServer::start();
    let store: Arc<dyn Store> = Arc::new(server.store().await);
    let rig = rig_with(|mcp| mcp.store(store));
    let session = Session::open(&rig.mcp, LATEST_SESSION, None).await;
    let echo = async || session.post(call("echo", json!({"text": "again"}))).to(&rig.mcp).await.text();
    // What is sent once: the scripts themselves.
    assert_eq!(echo().await, "again");
    let before = commands(&server);
    for _ in 0..20 {
        assert_eq!(echo().await, "again");
    }
    let mut more = commands(&server);
    more.iter_mut().for_each(|(name, calls)| *calls -= before.get(name).copied().unwrap_or_default());
    more.retain(|_, calls| *calls > 0);
    // One script, and what it does in Redis, which is no round trip: nothing else.
    let expected =
        [("evalsha", 20), ("hmget", 20), ("hset", 20), ("pexpire", 20), ("pttl", 40), ("time", 20), ("zadd", 40)];
    assert_eq!(more, expected.map(|(name, calls)| (name.to_owned(), calls)).into());
}
