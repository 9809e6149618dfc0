//! actix-web's own server as it is by default: half-closed connections, no TCP_NODELAY, and timeouts of its own.

use std::{net::SocketAddr, time::Duration};

use actix_web::{App, HttpServer};
use mcp_mount::{Limits, McpService};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    connection::{Client, promptly},
    home::serve_with,
    rig::{Probe, owned, server, server_with},
    small_writes::{only_the_first_stalls, ticking},
    support::{Ask, modern, modern_call, secs},
};

/// What differs from actix-web's defaults, beside that clients which go away are noticed.
#[derive(Default)]
struct Settings {
    nodelay: bool,
    short_timeouts: bool,
}

/// A server on a thread of its own.
async fn serve(mcp: McpService, settings: Settings) -> SocketAddr {
    let (bound, address) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || App::new().service(mcp.scope("/mcp"))).workers(1).disable_signals();
            let mut server = server.h1_allow_half_closed(false);
            if settings.nodelay {
                server = server.tcp_nodelay(true);
            }
            if settings.short_timeouts {
                server = server.keep_alive(SHORT).client_request_timeout(SHORT).client_disconnect_timeout(SHORT);
            }
            let server = server.bind(("127.0.0.1", 0)).expect("a free port");
            bound.send(server.addrs()[0]).expect("the test waits");
            server.run().await
        })
    });
    address.await.expect("the server is bound")
}

const SHORT: Duration = Duration::from_millis(500);

#[tokio::test]
async fn small_events_stall_without_nodelay() {
    let (mcp, sent) = ticking();
    let without = serve(mcp.clone(), Settings::default()).await;
    let with = serve(mcp, Settings { nodelay: true, ..Settings::default() }).await;
    only_the_first_stalls(without, with, &sent).await;
}

/// They are about connections on which nothing is asked, or not completely.
#[tokio::test]
async fn actix_webs_timeouts_leave_calls_and_streams_alone() {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool(), probe.speaking_tool()]);
    let address = serve(mcp, Settings { short_timeouts: true, ..Settings::default() }).await;
    let params = json!({"name": "speak", "arguments": {}, "_meta": {"progressToken": 1}});
    let mut stream = Client::h1(address).await.open(modern("tools/call", params)).await;
    assert_eq!(promptly("progress", stream.message()).await.expect("open")["method"], "notifications/progress");
    let mut silent = Client::h1(address).await;
    let silent = tokio::spawn(async move { silent.send(modern_call("wait", json!({}))).await });
    sleep(SHORT * 6).await;
    probe.release();
    probe.release();
    let last = promptly("the answer", stream.message()).await.expect("open");
    assert_eq!(last["result"]["content"][0]["text"], "done", "{last}");
    assert_eq!(promptly("the silent call", silent).await.expect("a reply").text(), "done");
}

/// Sends a call, of which nothing is answered yet, and hangs up.
async fn hang_up(mut client: Client, probe: &Probe, ask: Ask) {
    let calling = tokio::spawn(async move { client.send(ask).await });
    promptly("the call starts", probe.started()).await;
    calling.abort();
}

/// A handler of whose reply nothing is sent yet runs on without its client.
async fn is_noticed_late(client: impl AsyncFn() -> Client, probe: &Probe) {
    // No stream can be made of the reply: nothing is sent before the end.
    let plain = modern_call("wait", json!({})).header("accept", "application/json");
    hang_up(client().await, probe, plain).await;
    assert!(timeout(secs(4), probe.dropped()).await.is_err(), "nobody noticed");
    probe.release();
    promptly("the call ends", async {
        while probe.finished() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;

    // A reply that becomes a stream after `Limits::silence` is noticed by what is sent from then on.
    hang_up(client().await, probe, modern_call("wait", json!({}))).await;
    assert!(timeout(secs(1), probe.dropped()).await.is_err(), "nothing was sent yet");
    promptly("the handler is dropped", probe.dropped()).await;
}

async fn waiting(probe: &Probe, allow_half_closed: bool) -> SocketAddr {
    let limits = Limits::new().silence(secs(2)).keep_alive(Duration::from_millis(300));
    serve_with(server_with([probe.silent_tool()], |mcp| mcp.limits(limits)), allow_half_closed).await
}

#[tokio::test]
async fn with_half_closed_connections_a_silent_handler_runs_on() {
    let probe = Probe::new();
    let address = waiting(&probe, true).await;
    is_noticed_late(async || Client::h1(address).await, &probe).await;
}

/// Each worker makes its application anew, and panics: the server does not start.
#[tokio::test]
async fn a_principal_that_is_not_forwarded_keeps_the_server_from_starting() {
    let mcp = server_with([], owned);
    let ended = tokio::task::spawn_blocking(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || App::new().service(mcp.scope("/mcp"))).workers(1).disable_signals();
            let server = server.bind(("127.0.0.1", 0)).expect("a free port").run();
            timeout(secs(20), server).await
        })
    });
    let error = ended.await.expect("the thread").expect("in time").expect_err("no worker has started");
    assert!(error.to_string().contains("worker"), "{error}");
}
