//! tower-mcp in axum, mounted as its deployment guide teaches.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use settings::{Mode, Settings};
use tokio::net::TcpListener;
use tower_mcp::context::{NotificationSender, ServerNotification, notification_channel};
use tower_mcp::extract::{Context, Json};
use tower_mcp::stateless::StatelessConfig;
use tower_mcp::{CallToolResult, HttpTransport, McpRouter, SubscriptionLimits, Tool, ToolBuilder};

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Echo {
    message: String,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Count {
    events: u32,
    yields: bool,
}

fn echo(name: &str) -> Tool {
    ToolBuilder::new(name)
        .description("Say it again.")
        .handler(|echo: Echo| async move { Ok(CallToolResult::text(echo.message)) })
        .build()
}

fn count() -> Tool {
    ToolBuilder::new("count")
        .description("Report progress, as often as is asked for.")
        .extractor_handler((), |context: Context, Json(Count { events, yields }): Json<Count>| async move {
            for index in 0..events {
                context.report_progress(index.into(), None, None).await;
                if yields {
                    tokio::task::yield_now().await;
                }
            }
            Ok(CallToolResult::text(format!("counted to {events}")))
        })
        .build()
}

#[tokio::main(worker_threads = 1)]
async fn main() -> std::io::Result<()> {
    let settings = Settings::from_env();
    let (changes, told) = notification_channel(64);
    let mut router = McpRouter::new().server_info("bench", "1.0.0").tool(echo("echo")).tool(count());
    for name in settings.more_tools() {
        router = router.tool(echo(&name));
    }
    let mut transport = HttpTransport::with_notifications(router, told);
    if settings.mode == Mode::Legacy {
        transport = transport.stateless(StatelessConfig::backward_compatible());
    }
    if let Some(streams) = settings.sessions {
        transport = transport.subscription_limits(SubscriptionLimits::default().max_active(streams));
    }
    let app =
        Router::new().route("/announce", post(announce)).with_state(changes).merge(transport.into_router_at("/mcp"));
    let listener = TcpListener::bind(settings.address()).await?.tap_io(move |stream| {
        let _ = stream.set_nodelay(settings.nodelay);
    });
    axum::serve(listener, app).await
}

/// Tells all open streams that the tools have changed.
async fn announce(State(changes): State<NotificationSender>) -> StatusCode {
    match changes.send(ServerNotification::ToolsListChanged).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
