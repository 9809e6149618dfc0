//! The end of a server that is in use: 200 open streams and 100 calls a second of 300 ms each when SIGTERM comes to a
//! process of its own.
//!
//! What is measured is printed (`--nocapture`).

mod http;
mod load;
mod server;
mod verdict;

use std::time::Duration;

use ::http::Method;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::support::{bare, call_with_progress, modern_call, post, secs};

use http::{Connection, wire};
use load::{Client, Stream};
use server::{Host, Server, patiently};
use verdict::Seen;

/// Streams of each era.
const STREAMS: usize = 100;
/// Connections of each kind that are open and of no use: some were used before, others never.
const IDLE: usize = 5;
/// Between one call and the next.
const CALLS: Duration = Duration::from_millis(10);
/// How long a call takes.
const NAP: Duration = Duration::from_millis(300);
/// How long all of it goes on before SIGTERM.
const USE: Duration = secs(2);
/// Far longer than any of it takes.
const PATIENCE: Duration = secs(30);

/// What there is besides streams and calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Besides {
    Nothing,
    /// A call that never ends.
    StuckHandler,
    /// A client that does not read the answer of a call that never ends.
    UnreadSocket,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    host: Host,
    lame_duck: Duration,
    grace: Duration,
    besides: Besides,
}

impl Plan {
    /// With a lame duck that is long enough for readiness to be asked.
    fn new(host: Host) -> Self {
        Self { host, lame_duck: Duration::from_millis(300), grace: secs(10), besides: Besides::Nothing }
    }

    /// The drain begins with the signal.
    fn at_once(self) -> Self {
        Self { lame_duck: Duration::ZERO, ..self }
    }

    fn with(self, besides: Besides) -> Self {
        Self { besides, grace: secs(2), ..self }
    }
}

/// Opens all streams, and gives the clients that have sessions too.
async fn streams(server: &Server) -> (Vec<Client>, Vec<JoinHandle<Stream>>) {
    let mut sessions = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let session = Client::in_session(server.address).await;
        sessions.push(session.clone());
        for client in [session, Client::Stateless] {
            streams.push(Stream::open(server.address, client).await);
        }
    }
    (sessions, streams)
}

/// Opens connections that wait for a request which never comes. A task for each tells how it was closed.
async fn idle(server: &Server) -> Vec<JoinHandle<Result<(), String>>> {
    let probe = wire(bare(Method::GET, "").at("/mcp/health")).await;
    let mut idle = Vec::new();
    for used in [true, false].repeat(IDLE) {
        let mut connection = Connection::open(server.address).await.expect("the server listens");
        if used {
            let (head, body) = connection.answer(&probe).await.expect("an answer");
            assert!(head.status == 200 && !head.is_last(), "{head:?} {body}");
        }
        idle.push(tokio::spawn(connection.close()));
    }
    idle
}

/// Sends what never ends.
async fn besides(server: &mut Server, besides: Besides) -> Option<Connection> {
    let ask = match besides {
        Besides::Nothing => return None,
        Besides::StuckHandler => modern_call("stuck", serde_json::json!({})),
        Besides::UnreadSocket => post(call_with_progress("flood", serde_json::json!({}))),
    };
    let mut connection = Connection::open(server.address).await.expect("the server listens");
    connection.send(&wire(ask.at("/mcp")).await).await.expect("sent");
    server.line("running").await;
    Some(connection)
}

/// The answer to a call that does not end by itself, and when it came.
async fn cut(mut connection: Connection) -> (String, Instant) {
    let head = connection.head().await.expect("an answer");
    let body = connection.body(&head).await.expect("all of it");
    (body, Instant::now())
}

async fn round(plan: Plan) {
    let mut server = Server::start(plan.host, plan.lame_duck, plan.grace).await;
    let (sessions, streams) = streams(&server).await;
    let idle = idle(&server).await;
    let (mut unread, mut stuck) = (None, None);
    match (plan.besides, besides(&mut server, plan.besides).await) {
        (Besides::StuckHandler, Some(connection)) => stuck = Some(tokio::spawn(cut(connection))),
        (_, connection) => unread = connection,
    }
    let over = CancellationToken::new();
    let calls = tokio::spawn(load::calls(server.address, CALLS, sessions, over.clone()));
    let probes = tokio::spawn(load::probes(server.address, over.clone()));
    sleep(USE).await;

    let signal = server.terminate().await;
    let (report, ended) = server.ended().await;
    over.cancel();
    drop(unread);
    let mut seen = Seen {
        plan,
        signal,
        report,
        ended,
        calls: patiently("the calls", calls).await.expect("no panic"),
        probes: patiently("the probes", probes).await.expect("no panic"),
        streams: Vec::new(),
        cut: None,
    };
    for connection in idle {
        let closed = patiently("an idle connection", connection).await.expect("no panic");
        assert_eq!(closed, Ok(()), "an idle connection is closed, not reset");
    }
    for stream in streams {
        seen.streams.push(patiently("a stream", stream).await.expect("no panic"));
    }
    if let Some(stuck) = stuck {
        seen.cut = Some(patiently("the stuck call", stuck).await.expect("no panic"));
    }
    println!("{}", seen.figures());
    seen.check();
}

async fn three_rounds(plan: Plan) {
    for _ in 0..3 {
        round(plan).await;
    }
}

/// The same in every host.
macro_rules! rounds {
    ($home:ident, $host:expr) => {
        mod $home {
            use super::*;

            #[tokio::test]
            async fn nothing_is_lost() {
                three_rounds(Plan::new($host)).await;
            }

            #[tokio::test]
            async fn nothing_is_lost_without_a_lame_duck() {
                three_rounds(Plan::new($host).at_once()).await;
            }

            #[tokio::test]
            async fn a_stuck_handler_does_not_hold_it() {
                three_rounds(Plan::new($host).with(Besides::StuckHandler)).await;
            }

            #[tokio::test]
            async fn an_unread_socket_does_not_hold_it() {
                three_rounds(Plan::new($host).with(Besides::UnreadSocket)).await;
            }
        }
    };
}

rounds!(axum, Host::Axum);
#[cfg(feature = "actix-web")]
rounds!(actix_web, Host::ActixWeb);
