//! The hooks around an actix-web server that the lifespan drives, and the deadline that it has beside the lifespan's.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use actix_web::{App, HttpServer};
use http::Method;
use mcp_mount::{DrainReport, McpService};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, oneshot},
    time::{sleep, timeout},
};

use crate::{
    connection::{Client, promptly, written},
    rig::{Probe, server},
    support::{Reply, bare, modern_call, secs},
};

/// A server that its lifespan drives.
struct Driven {
    address: SocketAddr,
    /// What `drive_actix` comes to.
    end: oneshot::Receiver<io::Result<DrainReport>>,
    /// How many connections its worker was given.
    accepted: Arc<AtomicUsize>,
}

impl Driven {
    async fn start(mcp: McpService, shutdown_timeout: u64) -> Self {
        let accepted = Arc::new(AtomicUsize::new(0));
        let ((bound, address), (ended, end)) = (oneshot::channel(), oneshot::channel());
        let connections = Arc::clone(&accepted);
        let serving = move || async move {
            let lifespan = mcp.lifespan();
            let server = HttpServer::new(move || App::new().service(mcp.scope("/mcp"))).workers(1).disable_signals();
            let server = server.h1_allow_half_closed(false).tcp_nodelay(true).shutdown_timeout(shutdown_timeout);
            let server = server.on_connect(move |_, _| {
                connections.fetch_add(1, Relaxed);
            });
            let server = server.bind(("127.0.0.1", 0)).expect("a free port");
            bound.send(server.addrs()[0]).expect("the test waits");
            drop(ended.send(lifespan.drive_actix(server.run()).await));
        };
        std::thread::spawn(|| actix_web::rt::System::new().block_on(serving()));
        Self { address: address.await.expect("the server is bound"), end, accepted }
    }

    async fn ended(self) -> io::Result<DrainReport> {
        promptly("the end", self.end).await.expect("no panic")
    }
}

/// What hooks have done, in its order.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<&'static str>>>);

impl Journal {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    fn read(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_start_hook_that_fails_is_its_error_and_nobody_is_served() {
    let mcp = server([]);
    let go = Arc::new(Notify::new());
    let told = Arc::clone(&go);
    mcp.lifespan().on_start("database", move || async move {
        told.notified().await;
        Err::<(), _>("wrong password")
    });
    let driven = Driven::start(mcp, 30).await;
    let (address, accepted) = (driven.address, Arc::clone(&driven.accepted));
    // The system has it wait for somebody who accepts.
    let mut early = TcpStream::connect(address).await.expect("the port is bound");
    early.write_all(&written(&bare(Method::PUT, "").at("/mcp")).await).await.expect("sent");
    let mut answer = Vec::new();
    let waiting = timeout(Duration::from_millis(300), early.read_buf(&mut answer)).await;
    assert!(waiting.is_err(), "while the hook runs nobody answers: {waiting:?}");
    go.notify_one();
    let error = driven.ended().await.expect_err("the hook's").to_string();
    assert!(error.contains("`database`") && !error.contains("wrong password"), "{error}");
    let closed = promptly("the end of the connection", early.read_buf(&mut answer)).await;
    assert!(matches!(closed, Ok(0) | Err(_)) && answer.is_empty(), "{answer:?}");
    assert_eq!(accepted.load(Relaxed), 0);
    TcpStream::connect(address).await.expect_err("the port is free again");
}

#[tokio::test]
async fn hooks_run_before_it_accepts_and_when_it_has_ended() {
    let (probe, journal) = (Probe::new(), Journal::default());
    let mcp = server([probe.silent_tool()]);
    let lifespan = mcp.lifespan();
    let notes = journal.clone();
    lifespan.on_start("database", move || async move {
        notes.note("started");
        Ok::<_, io::Error>(())
    });
    let (port, bound) = oneshot::channel::<SocketAddr>();
    let notes = journal.clone();
    lifespan.on_shutdown("database", move || async move {
        let connected = TcpStream::connect(bound.await.expect("told before")).await;
        notes.note(if connected.is_err() { "stopped, and nobody listens" } else { "stopped before the server" });
    });
    let driven = Driven::start(mcp, 30).await;
    port.send(driven.address).expect("the hook waits");
    let mut client = Client::h1(driven.address).await;
    let call = tokio::spawn(async move { client.send(modern_call("wait", json!({}))).await });
    promptly("the call", probe.started()).await;
    assert_eq!(journal.read(), ["started"]);

    let ending = tokio::spawn(async move { lifespan.shutdown().await });
    sleep(Duration::from_millis(300)).await;
    assert_eq!(journal.read(), ["started"], "the call may need what the hook closes");
    probe.release();
    assert_eq!(promptly("the answer", call).await.expect("no panic").text(), "done");
    let accepted = Arc::clone(&driven.accepted);
    let report = driven.ended().await.expect("no error");
    assert_eq!((report.finished, report.cut, &report.failed_hooks[..]), (1, 0, &[][..]));
    assert_eq!(journal.read(), ["started", "stopped, and nobody listens"]);
    assert_eq!(accepted.load(Relaxed), 1);
    promptly("the shutdown", ending).await.expect("no panic");
}

/// What a call that never ends is answered when its server ends.
async fn stuck(grace: Duration, shutdown_timeout: u64) -> Option<Reply> {
    let probe = Probe::new();
    let mcp = server([probe.stuck_tool()]);
    let lifespan = mcp.lifespan().grace(grace);
    let driven = Driven::start(mcp, shutdown_timeout).await;
    let mut client = Client::h1(driven.address).await;
    let calling = tokio::spawn(async move {
        let live = client.open_as("localhost", "/mcp", modern_call("stuck", json!({})).request()).await.ok()?;
        Some(live.collect().await)
    });
    promptly("the call", probe.started()).await;
    promptly("the shutdown", lifespan.shutdown()).await;
    driven.ended().await.expect("no error");
    promptly("the client", calling).await.expect("no panic")
}

/// `HttpServer::shutdown_timeout` begins with the drain.
#[tokio::test]
async fn an_actix_web_that_ends_before_the_grace_closes_calls_unanswered() {
    let reply = stuck(secs(4), 1).await;
    assert!(reply.is_none(), "{reply:?}");
    let reply = stuck(secs(2), 2 + 2).await.expect("an answer");
    assert_eq!(reply.code(), -32603, "{reply}");
    assert!(reply.error()["message"].as_str().expect("text").contains("shutting down"), "{reply}");
}
