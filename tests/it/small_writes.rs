//! What TCP_NODELAY is for: without it the second of two small writes waits for the first one's acknowledgement, which the
//! other side delays by up to 40 ms.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_mount::{Context, McpService, tool_fn};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    connection::Client,
    rig::server,
    support::{modern, modern_call},
};

/// How many events a call sends, and how long it waits between two of them.
const EVENTS: usize = 10;
const PAUSE: Duration = Duration::from_millis(3);
/// A connection begins with acknowledgements that are not delayed: 16 of them, in Linux.
const CALLS_BEFORE: usize = 40;

/// When each event was sent.
pub type Sent = Arc<Mutex<Vec<Instant>>>;

/// A server whose tool sends small events.
pub fn ticking() -> (McpService, Sent) {
    let sent = Sent::default();
    let log = Arc::clone(&sent);
    let tick = tool_fn("tick", "Send small events", move |ctx: Context| {
        let log = Arc::clone(&log);
        async move {
            for event in 1_u32.. {
                log.lock().unwrap().push(Instant::now());
                ctx.progress(f64::from(event)).await;
                if event as usize == EVENTS {
                    break;
                }
                sleep(PAUSE).await;
            }
        }
    });
    (server([tick, tool_fn("nothing", "Do nothing", || "")]), sent)
}

/// How long the slowest event was on its way.
async fn slowest(address: SocketAddr, sent: &Sent) -> Duration {
    let mut client = Client::h1(address).await;
    for _ in 0..CALLS_BEFORE {
        assert_eq!(client.send(modern_call("nothing", json!({}))).await.text(), "");
    }
    sent.lock().unwrap().clear();
    let params = json!({"name": "tick", "arguments": {}, "_meta": {"progressToken": 1}});
    let mut live = client.open(modern("tools/call", params)).await;
    let mut arrived = Vec::new();
    while let Some(message) = live.message().await {
        if message["method"] == "notifications/progress" {
            arrived.push(Instant::now());
        }
    }
    let sent = sent.lock().unwrap();
    assert_eq!((sent.len(), arrived.len()), (EVENTS, EVENTS));
    arrived.iter().zip(sent.iter()).map(|(arrived, sent)| *arrived - *sent).max().unwrap_or_default()
}

/// Several attempts, the quickest first.
async fn attempts(address: SocketAddr, sent: &Sent) -> Vec<Duration> {
    let mut took = Vec::new();
    for _ in 0..ATTEMPTS {
        took.push(slowest(address, sent).await);
    }
    took.sort();
    took
}

const ATTEMPTS: usize = 7;

/// Half of what an acknowledgement is late.
const STALLED: Duration = Duration::from_millis(20);

/// Events wait at the one address, and do not at the other.
pub async fn only_the_first_stalls(without: SocketAddr, with: SocketAddr, sent: &Sent) {
    let (without, with) = (attempts(without, sent).await, attempts(with, sent).await);
    // A busy machine is slow by itself, but not each time.
    assert!(with[0] < STALLED, "with TCP_NODELAY an event took {with:?}");
    // Other systems acknowledge at other times.
    #[cfg(target_os = "linux")]
    assert!(without[ATTEMPTS / 2] > STALLED, "without TCP_NODELAY an event took {without:?}");
    #[cfg(not(target_os = "linux"))]
    let _ = without;
}
