//! A session's requests that meet its end, each on a connection of its own, and with it on a thread of its own where the
//! home's server has several.

use std::{net::SocketAddr, time::Duration};

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    connection::{Client, promptly},
    home,
    rig::{Probe, patient, server_with},
    support::{Ask, LATEST_SESSION, Reply, bare, call, initialize, message, notification, post},
};

/// Sends it on a connection of its own.
async fn apart(address: SocketAddr, round: usize, ask: Ask) -> JoinHandle<Reply> {
    let mut client = if round.is_multiple_of(2) { Client::h1(address).await } else { Client::h2(address).await };
    tokio::spawn(async move { client.send(ask).await })
}

/// One session; its stream, a call, a ping and its end, all at the same time.
async fn race(address: SocketAddr, round: usize) {
    let mut client = Client::h1(address).await;
    let begun = client.send(initialize(LATEST_SESSION)).await;
    let id = begun.header("mcp-session-id").unwrap_or_else(|| panic!("no session\n{begun}")).to_owned();
    let inside = |ask: Ask| ask.header("mcp-session-id", &id).header("mcp-protocol-version", LATEST_SESSION);
    let said = |message: Value| inside(post(message));
    client.send(said(notification("notifications/initialized", json!({})))).await;

    let listen = inside(bare(Method::GET, "").header("accept", "text/event-stream"));
    let opened = apart(address, round, listen).await;
    let called = apart(address, round, said(call("stuck", json!({})))).await;
    let pinged = apart(address, round, said(message("ping", "ping", json!({})))).await;
    // Every round meets them at another place.
    tokio::time::sleep(Duration::from_micros(100 * (round as u64 % 8))).await;
    let deleted = apart(address, round, inside(bare(Method::DELETE, ""))).await;

    let ended = async |what: &str, running: JoinHandle<Reply>| {
        promptly(&format!("round {round}: {what} was left open"), running).await.expect("no panic")
    };
    assert_eq!(ended("DELETE", deleted).await.status, 204, "round {round}");
    assert!(matches!(ended("a ping", pinged).await.status.as_u16(), 200 | 404), "round {round}");
    let called = ended("a call", called).await;
    assert!(called.json().get("error").is_some(), "round {round}: the call ends with an error\n{called}");
    assert!(matches!(ended("the stream", opened).await.status.as_u16(), 200 | 404), "round {round}");
}

#[tokio::test]
async fn delete_may_meet_anything_else_of_its_session() {
    let probe = Probe::new();
    let address = home::serve(server_with([probe.stuck_tool()], |mcp| mcp.limits(patient()))).await;
    for round in 0..40 {
        race(address, round).await;
    }
    promptly("calls that run on", async {
        while probe.drops() < probe.starts() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
