//! When actix-web notices that a client has gone: at once where it is told to, else when something is sent to it.

use std::time::Duration;

use mcp_mount::{Limits, McpService};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    connection::{Client, promptly},
    homes::actix::serve_with,
    rig::{Probe, server_with},
    support::{modern, secs},
};

const KEEP_ALIVE: Duration = secs(2);

fn speaking(probe: &Probe) -> McpService {
    server_with([probe.speaking_tool()], |mcp| mcp.limits(Limits::new().keep_alive(KEEP_ALIVE)))
}

/// Nothing is sent that could fail.
fn quiet(probe: &Probe) -> McpService {
    server_with([probe.speaking_tool()], |mcp| mcp.limits(Limits::new().keep_alive(secs(3600))))
}

/// How long the handler of a stream runs on when its client is gone.
async fn noticed_after(mut client: Client, probe: &Probe) -> Duration {
    let params = json!({"name": "speak", "arguments": {}, "_meta": {"progressToken": 1}});
    let mut live = client.open(modern("tools/call", params)).await;
    promptly("progress", live.message()).await.expect("open");
    drop((live, client));
    let gone = Instant::now();
    promptly("the handler is dropped", probe.dropped()).await;
    assert_eq!(probe.finished(), 0);
    gone.elapsed()
}

#[tokio::test]
async fn a_client_that_is_gone_is_noticed_at_once() {
    let probe = Probe::new();
    let address = serve_with(speaking(&probe), false).await;
    let after = noticed_after(Client::h1(address).await, &probe).await;
    assert!(after < KEEP_ALIVE - Duration::from_millis(500), "{after:?}");
}

/// The first one is sent into a connection that may be half closed, and is answered with a reset; so the second fails.
#[tokio::test]
async fn with_half_closed_connections_it_is_noticed_at_the_second_keep_alive() {
    let probe = Probe::new();
    let address = serve_with(speaking(&probe), true).await;
    let after = noticed_after(Client::h1(address).await, &probe).await;
    let (least, most) = (KEEP_ALIVE + Duration::from_millis(200), 4 * KEEP_ALIVE);
    assert!(least < after && after < most, "{after:?}");
}

/// HTTP/2 has no half-closed connections: it says that the stream was reset, and this is asked for every second.
#[tokio::test]
async fn over_http_2_it_is_noticed_within_a_second_or_so() {
    for allow_half_closed in [false, true] {
        let probe = Probe::new();
        let address = serve_with(quiet(&probe), allow_half_closed).await;
        let after = noticed_after(Client::h2(address).await, &probe).await;
        assert!(after < secs(4), "{after:?}");
    }
}
