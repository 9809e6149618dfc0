//! The servers under test, their tools, and sessions with them.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use mcp_mount::{Args, Context, Json, Limits, Mcp, McpService, Principal, Tool, tool_fn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{
    Ask, LATEST_SESSION, Reply, User, bare, call, initialize, legacy, modern_call, notification, post, soon,
};

#[derive(Deserialize, JsonSchema)]
pub struct Echo {
    /// What comes back.
    pub text: String,
}

#[derive(Deserialize, JsonSchema)]
pub struct Order {
    pub items: Vec<Item>,
}

#[derive(Deserialize, JsonSchema)]
pub struct Item {
    pub name: String,
    pub price: f64,
}

#[derive(Serialize, JsonSchema)]
pub struct Total {
    pub total: f64,
    pub first: String,
}

/// A server whose tools count their runs.
pub struct Rig {
    pub mcp: McpService,
    runs: Arc<AtomicUsize>,
}

pub fn rig() -> Rig {
    rig_with(|mcp| mcp)
}

pub fn rig_with(configure: impl FnOnce(Mcp) -> Mcp) -> Rig {
    let runs = Arc::new(AtomicUsize::new(0));
    let (echoes, orders, raws) = (runs.clone(), runs.clone(), runs.clone());
    let mcp = Mcp::new("rig", "1.2.3")
        .tool(tool_fn("echo", "Say it again", move |Args(a): Args<Echo>| {
            let runs = echoes.clone();
            async move {
                runs.fetch_add(1, SeqCst);
                a.text
            }
        }))
        .tool(tool_fn("order", "Add up an order", move |Args(a): Args<Order>| {
            let runs = orders.clone();
            async move {
                runs.fetch_add(1, SeqCst);
                Json(Total {
                    total: a.items.iter().map(|item| item.price).sum(),
                    first: a.items.first().map(|item| item.name.clone()).unwrap_or_default(),
                })
            }
        }))
        .tool(
            Tool::raw("raw", json!({"type": "object"}), move |Args(arguments): Args<Value>| {
                let runs = raws.clone();
                async move {
                    runs.fetch_add(1, SeqCst);
                    arguments.to_string()
                }
            })
            .description("Its arguments as JSON text"),
        );
    let mcp = configure(kept(mcp)).build().expect("the rig builds");
    Rig { mcp, runs }
}

impl Rig {
    /// How many handlers ran since the last time this was asked.
    pub fn runs(&self) -> usize {
        self.runs.swap(0, SeqCst)
    }

    /// The server still works, in both eras, whatever was sent to it before.
    pub async fn canary(&self, after: &str) {
        for ask in [legacy(call("echo", json!({"text": "canary"}))), modern_call("echo", json!({"text": "canary"}))] {
            let reply = ask.to(&self.mcp).await;
            let text = reply.status.is_success().then(|| reply.text());
            assert_eq!(text.as_deref(), Some("canary"), "the canary died after {after}\n{reply}");
        }
        self.runs.store(0, SeqCst);
    }
}

/// Builds a server with just these tools.
pub fn server(tools: impl IntoIterator<Item = Tool>) -> McpService {
    server_with(tools, |mcp| mcp)
}

pub fn server_with(tools: impl IntoIterator<Item = Tool>, configure: impl FnOnce(Mcp) -> Mcp) -> McpService {
    let mcp = tools.into_iter().fold(Mcp::new("rig", "1.2.3"), Mcp::tool);
    configure(kept(mcp)).build().expect("the server builds")
}

/// In the store that the suite is run with, if it is run with another than memory.
fn kept(mcp: Mcp) -> Mcp {
    match crate::suite::timely::chosen() {
        Some(store) => mcp.store(store),
        None => mcp,
    }
}

/// The owner of a request is the `User` on it.
pub fn owned(mcp: Mcp) -> Mcp {
    mcp.principal_from_extension::<User>(|user| Principal::new(user.0))
}

/// Limits whose tool timeout is out of the way.
pub fn patient() -> Limits {
    Limits::new().tool_timeout(std::time::Duration::from_secs(48 * 3600))
}

/// A tool that waits until the test lets it go, and tells how it ended.
#[derive(Clone)]
pub struct Probe(Arc<Inner>);

pub struct Inner {
    started: Semaphore,
    release: Semaphore,
    finished: AtomicUsize,
    dropped: Semaphore,
}

/// Counts a handler that is dropped before its end.
pub struct Guard {
    inner: Arc<Inner>,
    finished: bool,
}

impl Guard {
    /// The handler came to its end.
    pub fn done(mut self) {
        self.finished = true;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.finished {
            self.inner.finished.fetch_add(1, SeqCst);
        } else {
            self.inner.dropped.add_permits(1);
        }
    }
}

impl Probe {
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            started: Semaphore::new(0),
            release: Semaphore::new(0),
            finished: AtomicUsize::new(0),
            dropped: Semaphore::new(0),
        }))
    }

    /// In the handler: starts. A guard that is dropped without `done` counts as a handler that was stopped.
    pub fn start(&self) -> Guard {
        self.0.started.add_permits(1);
        Guard { inner: self.0.clone(), finished: false }
    }

    /// In the handler: starts, and ends when the test says so.
    pub async fn run(&self) -> &'static str {
        let guard = self.start();
        self.0.release.acquire().await.expect("never closed").forget();
        guard.done();
        "done"
    }

    /// In the handler: starts, and never ends.
    pub async fn stuck(&self) -> &'static str {
        let _guard = self.start();
        pending().await
    }

    /// In the test: a handler has started.
    pub async fn started(&self) {
        soon("the handler starts", self.0.started.acquire()).await.expect("never closed").forget();
    }

    /// In the test: lets one handler end.
    pub fn release(&self) {
        self.0.release.add_permits(1);
    }

    /// In the test: a handler was dropped before its end.
    pub async fn dropped(&self) {
        soon("the handler is dropped", self.0.dropped.acquire()).await.expect("never closed").forget();
    }

    /// Handlers that have started and `started` has not taken note of yet.
    pub fn starts(&self) -> usize {
        self.0.started.available_permits()
    }

    pub fn finished(&self) -> usize {
        self.0.finished.load(SeqCst)
    }

    /// Handlers dropped before their end that `dropped` has not taken note of yet.
    pub fn drops(&self) -> usize {
        self.0.dropped.available_permits()
    }

    /// Says nothing until it is done.
    pub fn silent_tool(&self) -> Tool {
        let probe = self.clone();
        tool_fn("wait", "Wait in silence", move || {
            let probe = probe.clone();
            async move { probe.run().await }
        })
    }

    /// Reports progress, then waits.
    pub fn speaking_tool(&self) -> Tool {
        let probe = self.clone();
        tool_fn("speak", "Report, then wait", move |ctx: Context| {
            let probe = probe.clone();
            async move {
                ctx.progress(1.0).total(2.0).message("half").await;
                probe.run().await
            }
        })
    }

    /// Never ends.
    pub fn stuck_tool(&self) -> Tool {
        let probe = self.clone();
        tool_fn("stuck", "Never answer", move || {
            let probe = probe.clone();
            async move { probe.stuck().await }
        })
    }
}

/// A session, and who owns it.
#[derive(Clone)]
pub struct Session {
    pub mcp: McpService,
    pub id: String,
    pub revision: String,
    user: Option<&'static str>,
}

/// A session of the newest revision that has them, initialised.
pub async fn session(mcp: &McpService) -> Session {
    Session::open(mcp, LATEST_SESSION, None).await
}

impl Session {
    pub async fn open(mcp: &McpService, revision: &str, user: Option<&'static str>) -> Self {
        let session = Self::begin(mcp, revision, user).await;
        let reply = session.post(notification("notifications/initialized", json!({}))).to(mcp).await;
        assert_eq!(reply.status, 202, "{reply}");
        session
    }

    /// `initialize` without the `notifications/initialized` that should follow.
    pub async fn begin(mcp: &McpService, revision: &str, user: Option<&'static str>) -> Self {
        let mut ask = initialize(revision);
        if let Some(user) = user {
            ask = ask.user(user);
        }
        let reply = ask.to(mcp).await;
        let negotiated = reply.result()["protocolVersion"].as_str().map(str::to_owned);
        let id = reply.header("mcp-session-id").map(str::to_owned);
        Self {
            mcp: mcp.clone(),
            id: id.unwrap_or_else(|| panic!("no session id\n{reply}")),
            revision: negotiated.unwrap_or_else(|| panic!("no version\n{reply}")),
            user,
        }
    }

    /// The session that this `initialize` opens.
    pub async fn with(mcp: &McpService, initialize: Ask) -> Self {
        let reply = initialize.to(mcp).await;
        let id = reply.header("mcp-session-id").unwrap_or_else(|| panic!("no session id\n{reply}")).to_owned();
        Self { mcp: mcp.clone(), id, revision: LATEST_SESSION.to_owned(), user: None }
    }

    fn own(&self, ask: Ask) -> Ask {
        let ask = ask.header("mcp-session-id", &self.id).header("mcp-protocol-version", &self.revision);
        match self.user {
            Some(user) => ask.user(user),
            None => ask,
        }
    }

    pub fn post(&self, message: Value) -> Ask {
        self.own(post(message))
    }

    pub fn get(&self) -> Ask {
        self.own(bare(http::Method::GET, "").header("accept", "text/event-stream"))
    }

    pub fn delete(&self) -> Ask {
        self.own(bare(http::Method::DELETE, ""))
    }

    pub async fn ping(&self) -> Reply {
        self.post(json!({"jsonrpc": "2.0", "id": "ping", "method": "ping"})).to(&self.mcp).await
    }

    /// The session is still known.
    pub async fn is_alive(&self) -> bool {
        let reply = self.ping().await;
        assert!(reply.status == 200 || reply.status == 404, "{reply}");
        reply.status == 200
    }
}
