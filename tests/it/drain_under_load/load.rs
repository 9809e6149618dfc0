//! What the clients do meanwhile: streams, calls, and the probes of a load balancer.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use http::Method;
use serde_json::json;
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    h2,
    http::{Broken, Connection, wire},
};
use crate::{
    support::{Ask, LATEST_SESSION, bare, call, initialize, modern_call, notification, post},
    told::listen,
};

/// Between one probe and the next.
const PROBES: Duration = Duration::from_millis(5);

fn in_session(id: &str, ask: Ask) -> Ask {
    ask.at("/mcp").header("mcp-session-id", id).header("mcp-protocol-version", LATEST_SESSION)
}

/// A client of one of the two eras.
#[derive(Clone, Debug)]
pub enum Client {
    Session(String),
    Stateless,
}

impl Client {
    pub async fn in_session(address: SocketAddr) -> Self {
        let mut connection = Connection::open(address).await.expect("the server listens");
        let request = wire(initialize(LATEST_SESSION).at("/mcp")).await;
        let (head, body) = connection.answer(&request).await.expect("an answer");
        assert_eq!(head.status, 200, "{body}");
        let id = head.header("mcp-session-id").expect("a session").to_owned();
        let request = wire(in_session(&id, post(notification("notifications/initialized", json!({}))))).await;
        connection.send(&request).await.expect("sent");
        assert_eq!(connection.head().await.expect("an answer").status, 202);
        Self::Session(id)
    }

    pub fn call(&self) -> Ask {
        match self {
            Self::Session(id) => in_session(id, post(call("nap", json!({})))),
            Self::Stateless => modern_call("nap", json!({})).at("/mcp"),
        }
    }

    /// What opens its stream of changes.
    pub fn stream(&self) -> Ask {
        match self {
            Self::Session(id) => in_session(id, bare(Method::GET, "").header("accept", "text/event-stream")),
            Self::Stateless => listen(7, json!({"toolsListChanged": true})).at("/mcp"),
        }
    }
}

/// How a stream ended.
#[derive(Debug)]
pub struct Stream {
    pub client: Client,
    pub text: String,
    /// Whether its last chunk came.
    pub complete: Result<(), Broken>,
    /// Whether the connection was closed cleanly after it.
    pub closed: Result<(), String>,
    /// When its last chunk came.
    pub at: Instant,
}

impl Stream {
    /// Opens it and sees that it is open; the rest is read by a task.
    pub async fn open(address: SocketAddr, client: Client) -> JoinHandle<Self> {
        let mut connection = Connection::open(address).await.expect("the server listens");
        connection.send(&wire(client.stream()).await).await.expect("sent");
        let head = connection.head().await.expect("an answer");
        assert!(head.status == 200 && head.is_sse(), "{head:?}");
        tokio::spawn(Self::follow(connection, client))
    }

    async fn follow(mut connection: Connection, client: Client) -> Self {
        let mut text = Vec::new();
        let complete = loop {
            match connection.chunk().await {
                Ok(Some(chunk)) => text.extend(chunk),
                Ok(None) => break Ok(()),
                Err(broken) => break Err(broken),
            }
        };
        let at = Instant::now();
        let closed = connection.close().await;
        Self { client, text: String::from_utf8(text).expect("UTF-8"), complete, closed, at }
    }
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Result,
    /// A 503 that says that the server is shutting down, and when to come again.
    Refused,
    /// No connection could be made: the request was not written at all.
    NotConnected(String),
    Broken(Broken),
    Odd(String),
}

impl Outcome {
    pub fn of(status: u16, retry_after: bool, body: &str) -> Self {
        match status {
            200 if body.contains(r#""text":"rested""#) => Self::Result,
            503 if body.contains("shutting down") && retry_after => Self::Refused,
            _ => Self::Odd(format!("{status}, Retry-After: {retry_after}, {body}")),
        }
    }
}

#[derive(Debug)]
pub struct Call {
    pub session: bool,
    /// When its request had been written.
    pub written: Instant,
    /// When its answer was there, or what came in its place.
    pub at: Instant,
    pub outcome: Outcome,
}

/// Connections that are kept alive, the last one that was used first.
#[derive(Debug)]
pub struct Pool {
    address: SocketAddr,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::default() }
    }

    async fn take(&self) -> std::io::Result<Connection> {
        while let Some(connection) = self.idle().pop() {
            if connection.is_alive() {
                return Ok(connection);
            }
        }
        Connection::open(self.address).await
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().expect("no panic")
    }

    /// What comes of a call, and when its request had been written.
    async fn call(&self, client: &Client) -> (Instant, Outcome) {
        let request = wire(client.call()).await;
        let begun = Instant::now();
        let mut connection = match self.take().await {
            Ok(connection) => connection,
            Err(error) => return (begun, Outcome::NotConnected(error.to_string())),
        };
        if let Err(broken) = connection.send(&request).await {
            return (begun, Outcome::Broken(broken));
        }
        let written = Instant::now();
        (written, self.read(connection).await.unwrap_or_else(Outcome::Broken))
    }

    async fn read(&self, mut connection: Connection) -> Result<Outcome, Broken> {
        let head = connection.head().await?;
        let body = connection.body(&head).await?;
        if !head.is_last() {
            self.idle().push(connection);
        }
        Ok(Outcome::of(head.status, head.header("retry-after").is_some(), &body))
    }
}

/// What carries calls.
#[derive(Debug)]
pub enum Carrier {
    Http1(Pool),
    Http2(h2::Connections),
}

impl Carrier {
    async fn call(&self, client: Client) -> Call {
        let (written, outcome) = match self {
            Self::Http1(pool) => pool.call(&client).await,
            Self::Http2(connections) => connections.call(&client).await,
        };
        Call { session: matches!(client, Client::Session(_)), written, at: Instant::now(), outcome }
    }
}

/// A call of which one half has been written.
#[derive(Debug)]
pub struct Half {
    connection: Connection,
    rest: Vec<u8>,
}

impl Half {
    /// The part that is written has all of the head and some of the body.
    pub async fn open(address: SocketAddr) -> Self {
        let mut request = wire(Client::Stateless.call()).await;
        let rest = request.split_off(request.len() - 20);
        let mut connection = Connection::open(address).await.expect("the server listens");
        connection.send(&request).await.expect("sent");
        Self { connection, rest }
    }

    pub async fn finish(mut self, at: Instant) -> Outcome {
        sleep_until(at).await;
        match self.connection.answer(&self.rest).await {
            Ok((head, body)) => Outcome::of(head.status, head.header("retry-after").is_some(), &body),
            Err(broken) => Outcome::Broken(broken),
        }
    }
}

/// An open loop: a call begins at each tick, whatever has become of the others. One half is of each era.
pub async fn calls(carrier: Carrier, every: Duration, sessions: Vec<Client>, over: CancellationToken) -> Vec<Call> {
    let carrier = Arc::new(carrier);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut calls = JoinSet::new();
    let clients = sessions.iter().cycle().flat_map(|session| [session.clone(), Client::Stateless]);
    for client in clients {
        tokio::select! {
            _ = ticks.tick() => {}
            () = over.cancelled() => break,
        }
        let carrier = Arc::clone(&carrier);
        calls.spawn(async move { carrier.call(client).await });
    }
    calls.join_all().await
}

/// What a probe of readiness was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Ready,
    NotReady,
    Nothing(String),
}

#[derive(Debug)]
pub struct Probe {
    pub begun: Instant,
    /// When its answer was there.
    pub at: Instant,
    pub told: Told,
}

/// Asks whether the server is ready, each time on a new connection as load balancers do.
pub async fn probes(address: SocketAddr, over: CancellationToken) -> Vec<Probe> {
    let request = wire(bare(Method::GET, "").at("/mcp/ready").header("connection", "close")).await;
    let mut probes = Vec::new();
    while !over.is_cancelled() {
        let begun = Instant::now();
        let told = match Connection::open(address).await {
            Ok(mut connection) => match connection.answer(&request).await {
                Ok((head, _)) if head.status == 200 => Told::Ready,
                Ok((head, _)) if head.status == 503 => Told::NotReady,
                Ok((head, body)) => panic!("{head:?} {body}"),
                Err(broken) => Told::Nothing(format!("{broken:?}")),
            },
            Err(error) => Told::Nothing(error.to_string()),
        };
        probes.push(Probe { begun, at: Instant::now(), told });
        sleep(PROBES).await;
    }
    probes
}
