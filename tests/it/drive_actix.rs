//! actix-web's server, driven to its end: what only a server with workers of its own can show.

use std::{net::SocketAddr, thread, time::Duration};

use actix_web::{App, HttpServer};
use mcp_mount::{DrainReport, Limits, McpService};
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{
    connection::{Client, promptly},
    logs::Log,
    rig::{Probe, server, server_with},
    support::{call, legacy, modern, secs},
};

/// A server with one worker, until its lifespan ends. What the worker logs is listened to.
async fn drive(mcp: &McpService, log: &Log) -> (SocketAddr, thread::JoinHandle<DrainReport>) {
    let (bound, address) = tokio::sync::oneshot::channel();
    let (mcp, log) = (mcp.clone(), log.clone());
    let driving = thread::Builder::new().spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let lifespan = mcp.lifespan().grace(secs(5));
            let server = HttpServer::new(move || {
                // For as long as the worker's thread is there.
                std::mem::forget(log.listen());
                App::new().service(mcp.scope("/mcp"))
            });
            let server = server.workers(1).disable_signals().h1_allow_half_closed(false).tcp_nodelay(true);
            let server = server.bind_auto_h2c(("127.0.0.1", 0)).expect("a free port");
            bound.send(server.addrs()[0]).expect("the test waits");
            lifespan.drive_actix(server.run()).await.expect("no error")
        })
    });
    (address.await.expect("the server is bound"), driving.expect("a thread"))
}

async fn ended(driving: thread::JoinHandle<DrainReport>) -> DrainReport {
    let joined = tokio::task::spawn_blocking(move || driving.join().expect("no panic"));
    promptly("the server ends", joined).await.expect("no panic")
}

/// No connection holds the worker then, and with the worker its runtime would end, and the call with it.
async fn comes_to_its_end(leaves_before: bool) {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool()]);
    let (address, driving) = drive(&mcp, &Log::default()).await;
    let mut socket = TcpStream::connect(address).await.expect("connects");
    let body = legacy(call("wait", json!({}))).bytes().await;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(&[head.as_bytes(), &body].concat()).await.expect("sent");
    promptly("the call starts", probe.started()).await;
    let mut socket = Some(socket);
    if leaves_before {
        drop(socket.take());
        // For the worker to notice.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let ending = tokio::spawn({
        let lifespan = mcp.lifespan();
        async move { lifespan.shutdown().await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(socket);
    // Long enough for a worker without connections to end.
    tokio::time::sleep(secs(2)).await;
    assert_eq!((probe.finished(), probe.drops()), (0, 0), "it runs on");
    probe.release();
    promptly("the end", ending).await.expect("no panic");
    let report = ended(driving).await;
    assert_eq!((probe.finished(), report.finished, report.cut), (1, 1, 0), "{report:?}");
}

#[tokio::test]
async fn a_call_whose_client_has_left_comes_to_its_end_all_the_same() {
    comes_to_its_end(true).await;
}

#[tokio::test]
async fn a_call_whose_client_leaves_in_the_drain_comes_to_its_end_all_the_same() {
    comes_to_its_end(false).await;
}

/// Anybody may leave, as often as they like.
#[tokio::test]
async fn clients_of_http_2_that_leave_are_nothing_to_log() {
    let (probe, log) = (Probe::new(), Log::default());
    let limits = Limits::new().silence(Duration::from_millis(50)).keep_alive(secs(3600));
    let mcp = server_with([probe.silent_tool(), probe.speaking_tool()], |mcp| mcp.limits(limits));
    let (address, driving) = drive(&mcp, &log).await;
    for tool in ["wait", "speak"] {
        let mut client = Client::h2(address).await;
        let params = json!({"name": tool, "arguments": {}, "_meta": {"progressToken": 1}});
        let live = client.open(modern("tools/call", params)).await;
        assert!(live.is_sse(), "{tool}");
        drop((live, client));
        promptly("the handler is dropped", probe.dropped()).await;
    }
    promptly("the end", mcp.lifespan().shutdown()).await;
    ended(driving).await;
    let text = log.text();
    assert!(text.contains("tools/call"), "it was listened to\n{text}");
    let level = |line: &&str| matches!(line.split_whitespace().nth(1), Some("ERROR" | "WARN"));
    let loud: Vec<_> = text.lines().filter(level).collect();
    assert!(loud.is_empty(), "{loud:#?}");
}
