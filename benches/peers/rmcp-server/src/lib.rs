//! rmcp's server, for both hosts: written by its macros, as its README teaches.
//!
//! `#[tool_handler]` makes the router anew for every request, unless it is told of one that is kept (`ROUTER=stored`).

use std::env;
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use rmcp::handler::server::router::tool::{ToolRoute, ToolRouter};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolResult, ContentBlock, ProgressNotificationParam, ServerCapabilities, ServerConfig, SubscriptionFilter,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler, tool, tool_handler, tool_router};
use settings::Settings;
use tokio::sync::watch;

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Echo {
    message: String,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Count {
    events: u32,
    yields: bool,
}

/// A handler. One is made for each session, and for each request that has none.
#[derive(Clone, Debug)]
pub struct Server {
    more: Arc<[String]>,
    stored: Option<Arc<ToolRouter<Self>>>,
    listeners: Listeners,
}

/// Who is told of changes. rmcp keeps no list of them.
#[derive(Clone, Debug)]
pub struct Listeners {
    /// Of sessions. Kept only if something will be announced, since the list would be measured as the sessions' memory.
    peers: Option<Arc<Mutex<Vec<Peer<RoleServer>>>>>,
    /// What `subscriptions/listen` waits for.
    changes: watch::Sender<u64>,
}

impl Listeners {
    /// Tells all open streams that the tools have changed.
    pub async fn announce(&self) {
        self.changes.send_modify(|changes| *changes += 1);
        let peers = self.peers.as_ref().map(|peers| peers.lock().expect("not poisoned").clone());
        let told = peers.iter().flatten().map(Peer::notify_tool_list_changed);
        // A client that has gone is no failure.
        drop(join_all(told).await);
    }
}

impl Server {
    /// The handler of which clones serve.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let peers = env::var_os("ANNOUNCE").map(|_| Arc::default());
        let listeners = Listeners { peers, changes: watch::Sender::new(0) };
        let mut server = Self { more: settings.more_tools().collect(), stored: None, listeners };
        if env::var("ROUTER").is_ok_and(|router| router == "stored") {
            server.stored = Some(Arc::new(server.tools()));
        }
        server
    }

    /// Who is told of changes.
    #[must_use]
    pub fn listeners(&self) -> Listeners {
        self.listeners.clone()
    }

    fn router(&self) -> Arc<ToolRouter<Self>> {
        self.stored.clone().unwrap_or_else(|| Arc::new(self.tools()))
    }

    fn tools(&self) -> ToolRouter<Self> {
        let mut router = Self::tool_router();
        for name in self.more.iter() {
            let mut tool = Self::echo_tool_attr();
            tool.name = name.clone().into();
            router.add_route(ToolRoute::new(tool, Self::echo));
        }
        router
    }
}

#[tool_router]
impl Server {
    #[tool(description = "Say it again.")]
    fn echo(&self, Parameters(Echo { message }): Parameters<Echo>) -> String {
        message
    }

    #[tool(description = "Report progress, as often as is asked for.")]
    async fn count(
        &self,
        Parameters(Count { events, yields }): Parameters<Count>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let token = context.meta.get_progress_token();
        let token = token.ok_or_else(|| ErrorData::invalid_params("no progress token", None))?;
        for index in 0..events {
            let progress = ProgressNotificationParam::new(token.clone(), index.into());
            let sent = context.peer.notify_progress(progress).await;
            sent.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
            if yields {
                tokio::task::yield_now().await;
            }
        }
        Ok(CallToolResult::success(vec![ContentBlock::text(format!("counted to {events}"))]))
    }
}

#[tool_handler(router = self.router())]
impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_tool_list_changed();
        ServerConfig::new(capabilities.build())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if let Some(peers) = &self.listeners.peers {
            peers.lock().expect("not poisoned").push(context.peer);
        }
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.listeners.changes.subscribe();
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                changed = changes.changed() => {
                    let told = match changed {
                        Ok(()) => context.sink().notify_tool_list_changed().await,
                        Err(_) => return Ok(()),
                    };
                    told.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
                }
            }
        }
    }
}
