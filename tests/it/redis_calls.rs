//! What calls cost Redis.

use std::sync::Arc;

use mcp_mount::Store;
use serde_json::json;

use crate::redis_server::RedisServer;
use crate::rig::{Session, rig_with};
use crate::support::{LATEST_SESSION, call};

/// The commands that clients have sent, which are scripts: what these do is counted beside them.
fn scripts(server: &RedisServer) -> u64 {
    let stats: String = server.ask(&["INFO", "commandstats"]);
    let calls = |line: &str| line.split_once("calls=")?.1.split_once(',')?.0.parse::<u64>().ok();
    stats.lines().filter(|line| line.starts_with("cmdstat_eval")).filter_map(calls).sum()
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
    let before = scripts(&server);
    for _ in 0..20 {
        assert_eq!(echo().await, "again");
    }
    assert_eq!(scripts(&server) - before, 20);
}
