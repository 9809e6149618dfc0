//! Clients that go away, over real sockets: what they have asked for ends soon.

use std::time::Duration;

use mcp_mount::Limits;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    connection::{Client, promptly},
    home,
    rig::{Probe, server, server_with},
    support::{call, legacy, modern, modern_call, secs},
};

/// Much sooner than any keep-alive, which is what notices a client whose going away was not told.
const SOON: Duration = secs(5);

/// The silent call becomes a stream soon, so that its headers arrive while it waits.
fn streaming() -> Limits {
    Limits::new().silence(Duration::from_millis(50))
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_its_modern_call() {
    for version in ["h1", "h2"] {
        for tool in ["wait", "speak"] {
            let probe = Probe::new();
            let tools = [probe.silent_tool(), probe.speaking_tool()];
            let address = home::serve(server_with(tools, |mcp| mcp.limits(streaming()))).await;
            let mut client = if version == "h1" { Client::h1(address).await } else { Client::h2(address).await };
            let meta = json!({"progressToken": "token"});
            let live = client.open(modern("tools/call", json!({"name": tool, "arguments": {}, "_meta": meta}))).await;
            assert!(live.is_sse(), "{version} {tool}");
            assert_eq!(probe.drops(), 0, "{version} {tool}");
            drop(live);
            drop(client);
            timeout(SOON, probe.dropped()).await.unwrap_or_else(|_| panic!("{version} {tool}: the handler runs on"));
            assert_eq!(probe.finished(), 0, "{version} {tool}");
        }
    }
}

/// While it waits for an answer of which nothing has been sent, not even the status.
#[tokio::test]
async fn a_client_that_hangs_up_before_the_answer_cancels_its_modern_call() {
    for version in ["h1", "h2"] {
        let probe = Probe::new();
        let address = home::serve(server_with([probe.silent_tool()], |mcp| mcp)).await;
        let mut client = if version == "h1" { Client::h1(address).await } else { Client::h2(address).await };
        let calling = tokio::spawn(async move { client.send(modern_call("wait", json!({}))).await });
        promptly("the call starts", probe.started()).await;
        calling.abort();
        timeout(SOON, probe.dropped()).await.unwrap_or_else(|_| panic!("{version}: the handler runs on"));
        assert_eq!(probe.finished(), 0, "{version}");
    }
}

/// «Disconnection SHOULD NOT be interpreted as the client cancelling its request» (2025-11-25, basic/transports).
#[tokio::test]
async fn a_call_of_a_session_outlives_its_client() {
    for version in ["h1", "h2"] {
        let probe = Probe::new();
        let address = home::serve(server([probe.silent_tool()])).await;
        let mut client = if version == "h1" { Client::h1(address).await } else { Client::h2(address).await };
        let calling = tokio::spawn(async move { client.send(legacy(call("wait", json!({})))).await });
        promptly("the call starts", probe.started()).await;
        calling.abort();
        tokio::time::sleep(secs(1)).await;
        assert_eq!(probe.drops(), 0, "{version}");
        probe.release();
        promptly("the call ends", async {
            while probe.finished() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}
