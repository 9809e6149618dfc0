//! What the Rust SDK's client is told of changes, by subscriptions or by `subscriptions/listen`, and how it cancels.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::rmcp::{
    ClientHandler, RoleClient,
    model::{
        CallToolRequestParams, ClientConfig, ProtocolVersion, ResourceUpdatedNotificationParam, ServerNotification,
        SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
    },
    service::{NotificationContext, RunningService, Subscription},
};
use axum::{Router, http::Method};
use mcp_mount::{Context, Mcp, Resource, State, tool_fn};
use serde_json::json;
use tokio::sync::mpsc;

use super::{Server, WITHIN, asking::mode, call};

const WATCHED: &str = "test://watched";

#[tokio::test]
async fn subscriptions_in_sessions() {
    for version in [
        ProtocolVersion::V_2024_11_05,
        ProtocolVersion::V_2025_03_26,
        ProtocolVersion::V_2025_06_18,
        ProtocolVersion::V_2025_11_25,
    ] {
        tokio::time::timeout(WITHIN, subscribed(version)).await.expect("the client came to its end");
    }
}

#[expect(deprecated, reason = "the SDK warns of what only sessions have")]
async fn subscribed(version: ProtocolVersion) {
    let server = Server::of(|_| app(Running::default())).await;
    let (listener, mut told) = Listener::new(&version);
    let client = server.client(listener, mode(&version)).await;
    while server.log.of(&Method::GET).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.subscribe(SubscribeRequestParams::new(WATCHED)).await.expect("resources/subscribe");
    call(&client, "touch", json!({})).await;
    assert_eq!(told.recv().await.as_deref(), Some(WATCHED));
    client.unsubscribe(UnsubscribeRequestParams::new(WATCHED)).await.expect("resources/unsubscribe");
    // What is told later comes later: an update that should not come would be here first.
    call(&client, "touch", json!({})).await;
    call(&client, "change_tools", json!({})).await;
    assert_eq!(told.recv().await.as_deref(), Some("tools"));
    client.cancel().await.expect("the client closes");
}

#[tokio::test]
async fn subscriptions_in_2026_07_28() {
    let version = ProtocolVersion::V_2026_07_28;
    let server = Server::of(|_| app(Running::default())).await;
    let (listener, mut told) = Listener::new(&version);
    tokio::time::timeout(WITHIN, async {
        let client = server.client(listener, mode(&version)).await;
        let filter = SubscriptionFilter::builder().tools_list_changed().resource_subscription(WATCHED).build();
        let mut subscription = client.listen(filter.clone()).await.expect("subscriptions/listen");
        assert_eq!(subscription.acknowledged(), &filter);
        call(&client, "touch", json!({})).await;
        match next(&mut subscription).await {
            ServerNotification::ResourceUpdatedNotification(updated) => assert_eq!(updated.params.uri, WATCHED),
            other => panic!("{other:?}"),
        }
        call(&client, "change_tools", json!({})).await;
        let changed = next(&mut subscription).await;
        assert!(matches!(changed, ServerNotification::ToolListChangedNotification(_)), "{changed:?}");
        subscription.cancel().await.expect("the subscription ends");

        let only_tools = SubscriptionFilter::builder().tools_list_changed().build();
        let mut subscription = client.listen(only_tools).await.expect("subscriptions/listen");
        call(&client, "touch", json!({})).await;
        call(&client, "change_tools", json!({})).await;
        let changed = next(&mut subscription).await;
        assert!(matches!(changed, ServerNotification::ToolListChangedNotification(_)), "{changed:?}");
        client.cancel().await.expect("the client closes");
    })
    .await
    .expect("the client came to its end");
    assert!(told.try_recv().is_err(), "what a subscription was told is told to nobody else");
}

async fn next(subscription: &mut Subscription) -> ServerNotification {
    subscription.next().await.expect("the subscription goes on").expect("a notification")
}

#[tokio::test]
async fn a_call_that_is_given_up_is_cancelled() {
    for version in [ProtocolVersion::V_2024_11_05, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28] {
        let running = Running::default();
        let server = Server::of(|_| app(running.clone())).await;
        tokio::time::timeout(WITHIN, given_up(&server, &running, &version)).await.expect("the client came to its end");
    }
}

/// In a session by a notification, in 2026-07-28 by the end of the connection.
async fn given_up(server: &Server, running: &Running, version: &ProtocolVersion) {
    let (listener, _told) = Listener::new(version);
    let client: RunningService<RoleClient, Listener> = server.client(listener, mode(version)).await;
    {
        let mut waiting = Box::pin(client.call_tool(CallToolRequestParams::new("wait")));
        tokio::select! {
            ended = &mut waiting => panic!("{ended:?}"),
            () = running.comes_to(1) => {}
        }
    }
    running.comes_to(0).await;
    // The client goes on.
    call(&client, "touch", json!({})).await;
    client.cancel().await.expect("the client closes");
}

/// A client that passes on what it is told of changes.
struct Listener {
    config: ClientConfig,
    told: mpsc::UnboundedSender<String>,
}

impl Listener {
    fn new(version: &ProtocolVersion) -> (Self, mpsc::UnboundedReceiver<String>) {
        let (told, hears) = mpsc::unbounded_channel();
        (Self { config: ClientConfig::default().with_protocol_version(version.clone()), told }, hears)
    }
}

impl ClientHandler for Listener {
    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.told.send(params.uri).expect("the test listens");
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.told.send("tools".to_owned()).expect("the test listens");
    }

    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }
}

// The server under test.

/// How many calls of `wait` there are.
#[derive(Clone, Default)]
struct Running(Arc<AtomicUsize>);

impl Running {
    async fn comes_to(&self, calls: usize) {
        while self.0.load(Ordering::SeqCst) != calls {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// One of them, until it is dropped.
struct Waiting(Running);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn wait(State(running): State<Running>) -> &'static str {
    running.0.fetch_add(1, Ordering::SeqCst);
    let _waiting = Waiting(running);
    std::future::pending().await
}

async fn touch(ctx: Context) -> &'static str {
    ctx.notify().resource_updated(WATCHED);
    "touched"
}

async fn change_tools(ctx: Context) -> &'static str {
    ctx.notify().tools_list_changed();
    "changed"
}

fn app(running: Running) -> Router {
    let mcp = Mcp::new("rmcp", "1.0.0")
        .tool(tool_fn("wait", "Never answer.", wait))
        .tool(tool_fn("touch", "Tell of an update.", touch))
        .tool(tool_fn("change_tools", "Tell of a change.", change_tools))
        .resource(Resource::text(WATCHED, "watched", "Touched, or not."))
        .state(running)
        .build()
        .expect("the server builds");
    Router::new().merge(mcp.at("/mcp"))
}
