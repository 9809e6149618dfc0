//! rust-mcp-sdk in axum, mounted by rust-mcp-axum as its example `byo-server` does. With `JSON` it answers plain calls by
//! JSON instead of streams, and calls that report progress not at all.

#![expect(missing_docs, reason = "`tool_box!` writes none")]

use std::env;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use futures::future::join_all;
use rust_mcp_axum::{McpMountOptions, mcp_routes};
use rust_mcp_sdk::id_generator::{FastIdGenerator, UuidGenerator};
use rust_mcp_sdk::macros::{JsonSchema, mcp_tool};
use rust_mcp_sdk::mcp_http::{DEFAULT_MAX_LISTEN_STREAMS, McpAppState, McpHttpHandler};
use rust_mcp_sdk::mcp_server::ServerHandler;
use rust_mcp_sdk::schema::schema_utils::CallToolError;
use rust_mcp_sdk::schema::{
    CallToolRequestParams, CallToolResult, Implementation, ListToolsResult, ListToolsResultCacheScope,
    PaginatedRequestParams, ProgressNotificationParams, ProgressToken, RequestId, RpcError, ServerCapabilities,
    ServerCapabilitiesTools, ServerResult, SubscriptionsListenRequestParams, SubscriptionsListenResult,
    SubscriptionsListenResultMetaObject, TextContent, Tool,
};
use rust_mcp_sdk::{McpServer, RequestContext, ServerDetails, ToMcpServerHandler, tool_box};
use settings::Settings;
use tokio::net::TcpListener;

#[mcp_tool(name = "echo", description = "Say it again.")]
#[derive(Debug, serde::Deserialize, serde::Serialize, JsonSchema)]
struct Echo {
    message: String,
}

#[mcp_tool(name = "count", description = "Report progress, as often as is asked for.")]
#[derive(Debug, serde::Deserialize, serde::Serialize, JsonSchema)]
struct Count {
    events: u32,
    yields: bool,
}

tool_box!(Tools, [Echo, Count]);

struct Handler {
    more: Vec<String>,
    listeners: Listeners,
}

/// Those who sent a `subscriptions/listen`.
type Listeners = Arc<Mutex<Vec<Arc<dyn McpServer>>>>;

impl Handler {
    fn tools(&self) -> Vec<Tool> {
        let more = self.more.iter().map(|name| Tool { name: name.clone(), ..Echo::tool() });
        Tools::tools().into_iter().chain(more).collect()
    }
}

#[async_trait]
impl ServerHandler for Handler {
    async fn handle_list_tools_request(
        &self,
        _params: Option<PaginatedRequestParams>,
        _context: &RequestContext,
        _runtime: Arc<dyn McpServer>,
    ) -> Result<ListToolsResult, RpcError> {
        Ok(ListToolsResult {
            cache_scope: ListToolsResultCacheScope::Private,
            result_type: "complete".to_owned(),
            ttl_ms: 0,
            meta: None,
            next_cursor: None,
            tools: self.tools(),
        })
    }

    async fn handle_call_tool_request(
        &self,
        params: CallToolRequestParams,
        _context: &RequestContext,
        runtime: Arc<dyn McpServer>,
    ) -> Result<ServerResult, CallToolError> {
        // Of the others, each does what `echo` does.
        let name = if params.name == "count" { "count" } else { "echo" };
        let token = params.meta.progress_token.clone();
        let tool = Tools::try_from(CallToolRequestParams { name: name.to_owned(), ..params })
            .map_err(|error| CallToolError::from_message(error.to_string()))?;
        let text = match tool {
            Tools::Echo(Echo { message }) => message,
            Tools::Count(Count { events, yields }) => count(events, yields, token, &*runtime).await?,
        };
        Ok(CallToolResult::text_content(vec![TextContent::from(text)]).into())
    }

    async fn handle_subscriptions_listen_request(
        &self,
        request_id: RequestId,
        params: SubscriptionsListenRequestParams,
        _context: &RequestContext,
        runtime: Arc<dyn McpServer>,
    ) -> Result<SubscriptionsListenResult, RpcError> {
        runtime.store_subscription(params.notifications);
        self.listeners.lock().expect("not poisoned").push(runtime);
        Ok(SubscriptionsListenResult {
            meta: SubscriptionsListenResultMetaObject {
                io_modelcontextprotocol_server_info: None,
                io_modelcontextprotocol_subscription_id: request_id,
                extra: None,
            },
            result_type: "complete".to_owned(),
        })
    }
}

async fn count(
    events: u32,
    yields: bool,
    token: Option<ProgressToken>,
    runtime: &dyn McpServer,
) -> Result<String, CallToolError> {
    let token = token.ok_or_else(|| CallToolError::from_message("no progress token"))?;
    for index in 0..events {
        let progress = ProgressNotificationParams {
            message: None,
            meta: None,
            progress: index.into(),
            progress_token: token.clone(),
            total: None,
        };
        runtime.notify_progress(progress).await.map_err(CallToolError::new)?;
        if yields {
            tokio::task::yield_now().await;
        }
    }
    Ok(format!("counted to {events}"))
}

#[tokio::main(worker_threads = 1)]
async fn main() -> std::io::Result<()> {
    let settings = Settings::from_env();
    let listeners = Listeners::default();
    let handler = Handler { more: settings.more_tools().collect(), listeners: Arc::clone(&listeners) };
    let state = Arc::new(McpAppState {
        id_generator: Arc::new(UuidGenerator {}),
        stream_id_gen: Arc::new(FastIdGenerator::new(Some("s_"))),
        server_details: Arc::new(details()),
        handler: handler.to_mcp_server_handler(),
        ping_interval: Duration::from_secs(12),
        transport_options: Arc::default(),
        enable_json_response: env::var_os("JSON").is_some(),
        message_observer: None,
        extensions: Arc::default(),
        active_listen_streams: Arc::default(),
        max_listen_streams: settings.sessions.unwrap_or(DEFAULT_MAX_LISTEN_STREAMS),
    });
    let mcp = mcp_routes(state, &McpMountOptions::default(), McpHttpHandler::new(None, vec![], None));
    let app = Router::new().route("/announce", post(announce)).with_state(listeners).merge(mcp);
    let listener = TcpListener::bind(settings.address()).await?.tap_io(move |stream| {
        let _ = stream.set_nodelay(settings.nodelay);
    });
    axum::serve(listener, app).await
}

fn details() -> ServerDetails {
    ServerDetails {
        server_info: Implementation {
            name: "bench".to_owned(),
            version: "1.0.0".to_owned(),
            title: None,
            description: None,
            icons: vec![],
            website_url: None,
        },
        capabilities: ServerCapabilities {
            tools: Some(ServerCapabilitiesTools { list_changed: Some(true) }),
            ..Default::default()
        },
        instructions: None,
        meta: None,
    }
}

/// Tells all open streams that the tools have changed.
async fn announce(State(listeners): State<Listeners>) -> StatusCode {
    let all = listeners.lock().expect("not poisoned").clone();
    // A client that has gone is no failure.
    drop(join_all(all.iter().map(|listener| listener.notify_tool_list_changed(None))).await);
    StatusCode::NO_CONTENT
}
