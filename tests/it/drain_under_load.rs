//! The end of a server that is in use: 200 open streams and 100 calls a second of 300 ms each when SIGTERM comes to a
//! process of its own.
//!
//! What is measured is printed (`--nocapture`).

mod h2;
mod http;
mod load;
mod server;
mod verdict;

use std::time::Duration;

use ::http::Method;
use serde_json::json;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::support::{bare, call_with_progress, modern_call, post, secs};

use http::{Connection, wire};
use load::{Carrier, Client, Half, Outcome, Pool, Stream};
use server::{Host, Server, patiently};
use verdict::Seen;

/// Streams of each era.
const STREAMS: usize = 100;
/// Connections of each kind that are open and of no use: some were used before, others never.
const IDLE: usize = 5;
/// Connections that carry everything over HTTP/2.
const CONNECTIONS: usize = 4;
/// Between one call and the next.
const CALLS: Duration = Duration::from_millis(10);
/// How long a call takes.
const NAP: Duration = Duration::from_millis(300);
/// How long all of it goes on before SIGTERM.
const USE: Duration = secs(2);
/// How long after the beginning of the drain a request is finished that was begun before.
const LATE: Duration = Duration::from_millis(100);
/// Far longer than any of it takes.
const PATIENCE: Duration = secs(30);

/// What there is besides streams and calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Besides {
    Nothing,
    /// A call that never ends, and one that never ends on a thread of its own.
    StuckHandlers,
    /// A client that does not read the answer of a call that never ends.
    UnreadSocket,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    host: Host,
    lame_duck: Duration,
    grace: Duration,
    besides: Besides,
    /// Whether streams and calls come over HTTP/2.
    http2: bool,
}

impl Plan {
    /// With a lame duck that is long enough for readiness to be asked.
    fn new(host: Host) -> Self {
        Self { host, lame_duck: Duration::from_millis(300), grace: secs(10), besides: Besides::Nothing, http2: false }
    }

    /// The drain begins with the signal.
    fn at_once(self) -> Self {
        Self { lame_duck: Duration::ZERO, ..self }
    }

    fn over_http2(self) -> Self {
        Self { http2: true, grace: secs(2), ..self }
    }

    fn with(self, besides: Besides) -> Self {
        Self { besides, grace: secs(2), ..self }
    }
}

/// Opens all streams, and gives the clients that have sessions too.
async fn streams(server: &Server, http2: Option<&h2::Connections>) -> (Vec<Client>, Vec<JoinHandle<Stream>>) {
    let mut sessions = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let session = Client::in_session(server.address).await;
        sessions.push(session.clone());
        for client in [session, Client::Stateless] {
            streams.push(match http2 {
                Some(connections) => connections.stream(client).await,
                None => Stream::open(server.address, client).await,
            });
        }
    }
    (sessions, streams)
}

/// Opens connections that wait for a request which never comes. A task for each tells how it was closed, and
/// when.
async fn idle(server: &Server) -> Vec<JoinHandle<(Result<(), String>, Instant)>> {
    let probe = wire(bare(Method::GET, "").at("/mcp/health")).await;
    let mut idle = Vec::new();
    for used in [true, false].repeat(IDLE) {
        let mut connection = Connection::open(server.address).await.expect("the server listens");
        if used {
            let (head, body) = connection.answer(&probe).await.expect("an answer");
            assert!(head.status == 200 && !head.is_last(), "{head:?} {body}");
        }
        idle.push(tokio::spawn(async { (connection.close().await, Instant::now()) }));
    }
    idle
}

/// Sends what never ends.
async fn besides(server: &mut Server, besides: Besides) -> Vec<Connection> {
    let asks = match besides {
        Besides::Nothing => Vec::new(),
        Besides::StuckHandlers => vec![modern_call("stuck", json!({})), modern_call("stuck_thread", json!({}))],
        Besides::UnreadSocket => vec![post(call_with_progress("flood", json!({})))],
    };
    let mut connections = Vec::new();
    for ask in asks {
        let mut connection = Connection::open(server.address).await.expect("the server listens");
        connection.send(&wire(ask.at("/mcp")).await).await.expect("sent");
        server.line("running").await;
        connections.push(connection);
    }
    connections
}

/// The answer to a call that does not end by itself, and when it came.
async fn cut(mut connection: Connection) -> (String, Instant) {
    let head = connection.head().await.expect("an answer");
    let body = connection.body(&head).await.expect("all of it");
    (body, Instant::now())
}

async fn round(plan: Plan) -> Seen {
    let mut server = Server::start(&plan).await;
    let (http2, ends) = if plan.http2 {
        let (connections, ends) = h2::Connections::open(server.address, CONNECTIONS).await;
        (Some(connections), ends)
    } else {
        (None, Vec::new())
    };
    let (sessions, streams) = streams(&server, http2.as_ref()).await;
    let carrier = http2.map_or_else(|| Carrier::Http1(Pool::new(server.address)), Carrier::Http2);
    let idle = idle(&server).await;
    let half = Half::open(server.address).await;
    let mut unread = besides(&mut server, plan.besides).await;
    let stuck = if plan.besides == Besides::StuckHandlers { std::mem::take(&mut unread) } else { Vec::new() };
    let stuck: Vec<_> = stuck.into_iter().map(|connection| tokio::spawn(cut(connection))).collect();
    let over = CancellationToken::new();
    let calls = tokio::spawn(load::calls(carrier, CALLS, sessions, over.clone()));
    let probes = tokio::spawn(load::probes(server.address, over.clone()));
    sleep(USE).await;

    let signal = server.terminate().await;
    let drain = signal.not_after + plan.lame_duck;
    let half = tokio::spawn(half.finish(drain + LATE));
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
        cut: Vec::new(),
    };
    let late = patiently("the call that was half written", half).await.expect("no panic");
    assert_eq!(late, Outcome::Refused, "it is read to its end");
    for end in ends {
        let end = patiently("a connection of HTTP/2", end).await.expect("no panic");
        assert!(end.is_ok() || !plan.host.ends_http2(), "closed after its last stream: {end:?}");
    }
    for connection in idle {
        let (closed, at) = patiently("an idle connection", connection).await.expect("no panic");
        assert_eq!(closed, Ok(()), "an idle connection is closed, not reset");
        // actix-web is told to close them when no call is left that goes on when its client leaves.
        let by = if plan.host == Host::ActixWeb { secs(1).max(plan.grace) } else { secs(1) };
        let by = if plan.besides == Besides::Nothing { secs(1) } else { by };
        assert!(at < drain + by || (plan.http2 && !plan.host.ends_http2()), "{:?} after the drain", at - drain);
    }
    for stream in streams {
        seen.streams.push(patiently("a stream", stream).await.expect("no panic"));
    }
    for stuck in stuck {
        seen.cut.push(patiently("a stuck call", stuck).await.expect("no panic"));
    }
    println!("{}", seen.figures());
    seen.check();
    seen
}

async fn three_rounds(plan: Plan) {
    let mut prompt = 0;
    for _ in 0..3 {
        prompt += usize::from(round(plan).await.is_prompt());
    }
    assert!(prompt > 0, "readiness was late in each of them");
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
            async fn nothing_is_lost_over_http2() {
                three_rounds(Plan::new($host).over_http2()).await;
            }

            #[tokio::test]
            async fn stuck_handlers_do_not_hold_it() {
                three_rounds(Plan::new($host).with(Besides::StuckHandlers)).await;
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
