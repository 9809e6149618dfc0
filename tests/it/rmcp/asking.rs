//! What a server asks the Rust SDK's client: its user, its model, its roots; in sessions while the call runs, and in
//! 2026-07-28 by rounds, which the SDK drives.

#![expect(deprecated, reason = "the SDK warns of sampling and roots, which the specification means to give up")]

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ::rmcp::{
    ClientHandler, ClientLifecycleMode, ErrorData, RoleClient,
    model::{
        ClientConfig, CreateMessageRequestParams, CreateMessageResult, CustomNotification, ElicitRequestParams,
        ElicitResult, ElicitationAction, GetPromptRequestParams, ListRootsResult, ProtocolVersion, Role, Root,
        SamplingMessage,
    },
    service::{NotificationContext, RequestContext, RunningService},
};
use axum::{Router, http::Method};
use mcp_mount::{AskError, Context, CreateMessageRequest, Elicit, Elicited, Mcp, prompt_fn, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Server, WITHIN, call, text};

#[tokio::test]
async fn session_2024_11_05() {
    asked(ProtocolVersion::V_2024_11_05).await;
}

#[tokio::test]
async fn session_2025_03_26() {
    asked(ProtocolVersion::V_2025_03_26).await;
}

#[tokio::test]
async fn session_2025_06_18() {
    asked(ProtocolVersion::V_2025_06_18).await;
}

#[tokio::test]
async fn session_2025_11_25() {
    asked(ProtocolVersion::V_2025_11_25).await;
}

#[tokio::test]
async fn stateless() {
    asked(ProtocolVersion::V_2026_07_28).await;
}

type Asked = RunningService<RoleClient, Answering>;

/// The mode of a client that speaks this version.
pub(super) fn mode(version: &ProtocolVersion) -> ClientLifecycleMode {
    if *version == ProtocolVersion::V_2026_07_28 {
        ClientLifecycleMode::Discover { preferred_versions: vec![version.clone()] }
    } else {
        ClientLifecycleMode::Initialize
    }
}

async fn asked(version: ProtocolVersion) {
    let server = Server::of(|_| app()).await;
    let capabilities = json!({"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}});
    let handler = Answering::new(&version, capabilities);
    let offering_nothing = Answering::new(&version, json!({}));
    tokio::time::timeout(WITHIN, async {
        let client = server.client(handler, mode(&version)).await;
        model_and_roots(&client).await;
        if version < ProtocolVersion::V_2025_06_18 {
            nobody_to_ask(&client).await;
        } else {
            forms(&client).await;
            url(&client, &version).await;
            together(&client, &server, &version).await;
        }
        client.cancel().await.expect("the client closes");

        let client = server.client(offering_nothing, mode(&version)).await;
        let arguments = serde_json::from_value(json!({})).expect("an object");
        let params = ::rmcp::model::CallToolRequestParams::new("capital").with_arguments(arguments);
        match client.call_tool(params).await {
            Ok(result) => assert!(result.is_error == Some(true) && text(&result).contains("`sampling`"), "{result:?}"),
            Err(::rmcp::ServiceError::McpError(error)) => assert_eq!(error.code.0, -32021, "{error:?}"),
            Err(error) => panic!("{error}"),
        }
        client.cancel().await.expect("the client closes");
    })
    .await
    .expect("the client came to its end");
}

async fn model_and_roots(client: &Asked) {
    assert_eq!(text(&call(client, "capital", json!({})).await), "Paris");
    assert_eq!(text(&call(client, "roots", json!({})).await), "file:///workspace, file:///tmp");
    assert_eq!(client.service().take(), ["What is the capital of France?", "roots"]);
}

/// Elicitation came with 2025-06-18.
async fn nobody_to_ask(client: &Asked) {
    let refused = call(client, "greet", json!({"to": "accept"})).await;
    assert!(refused.is_error == Some(true) && text(&refused).contains("elicitation"), "{refused:?}");
    assert!(client.service().take().is_empty());
}

async fn forms(client: &Asked) {
    for (to, said) in [("accept", "Hello, Ada!"), ("decline", "Declined."), ("cancel", "Cancelled.")] {
        assert_eq!(text(&call(client, "greet", json!({"to": to})).await), said);
        assert_eq!(client.service().take(), [to]);
    }
}

async fn url(client: &Asked, version: &ProtocolVersion) {
    let visited = call(client, "visit", json!({})).await;
    if *version == ProtocolVersion::V_2025_06_18 {
        assert!(visited.is_error == Some(true) && text(&visited).contains("elicitation.url"), "{visited:?}");
        assert!(client.service().take().is_empty());
        return;
    }
    assert_eq!(text(&visited), "Accept(())");
    let mut seen = client.service().take();
    // 2026-07-28 has neither ids of elicitations nor a notification of their end.
    let mut expected = vec!["https://example.com/welcome"];
    if *version == ProtocolVersion::V_2025_11_25 {
        expected.push("complete");
        // The SDK hands out a notification beside the answer.
        while seen.len() < expected.len() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            seen.extend(client.service().take());
        }
    }
    assert_eq!(seen, expected);
}

async fn together(client: &Asked, server: &Server, version: &ProtocolVersion) {
    let posts = || server.log.of(&Method::POST).iter().filter(|seen| seen.session.is_none()).count();
    let rounds = |before: usize, stateless: usize| {
        let expected = if *version == ProtocolVersion::V_2026_07_28 { stateless } else { 0 };
        assert_eq!(posts() - before, expected, "requests without a session");
    };
    let before = posts();
    assert_eq!(text(&call(client, "joined", json!({})).await), "Paris, Ada, 2");
    let mut seen = client.service().take();
    seen.sort_unstable();
    assert_eq!(seen, ["What is the capital of France?", "accept", "roots"]);
    rounds(before, 2);

    let before = posts();
    assert_eq!(text(&call(client, "survey", json!({})).await), "Ada and Grace");
    assert_eq!(client.service().take(), ["accept", "Who else?"]);
    rounds(before, 3);

    let prompt = client.get_prompt(GetPromptRequestParams::new("greeting")).await.expect("prompts/get");
    let content = serde_json::to_value(&prompt.messages[0].content).expect("JSON");
    assert_eq!(content["text"], "Greet Ada.");
    assert_eq!(client.service().take(), ["accept"]);
}

/// A client that says what it is asked to, and notes what it was asked.
struct Answering {
    config: ClientConfig,
    asked: Mutex<Vec<String>>,
    elicitation: Mutex<Option<String>>,
}

impl Answering {
    fn new(version: &ProtocolVersion, capabilities: Value) -> Self {
        let mut config = ClientConfig::default().with_protocol_version(version.clone());
        config.capabilities = serde_json::from_value(capabilities).expect("capabilities");
        Self { config, asked: Mutex::default(), elicitation: Mutex::default() }
    }

    fn note(&self, asked: impl Into<String>) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientHandler for Answering {
    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        match request {
            ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } => {
                assert_eq!(requested_schema.required.as_deref(), Some(&["name".to_owned()][..]));
                self.note(message.as_str());
                Ok(match message.as_str() {
                    "decline" => ElicitResult::new(ElicitationAction::Decline),
                    "cancel" => ElicitResult::new(ElicitationAction::Cancel),
                    other => {
                        let name = if other == "accept" { "Ada" } else { "Grace" };
                        ElicitResult::new(ElicitationAction::Accept).with_content(json!({"name": name}))
                    }
                })
            }
            ElicitRequestParams::UrlElicitationParams { url, elicitation_id, .. } => {
                self.note(url);
                *self.elicitation.lock().unwrap_or_else(PoisonError::into_inner) = Some(elicitation_id);
                Ok(ElicitResult::new(ElicitationAction::Accept))
            }
            other => panic!("{other:?}"),
        }
    }

    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let question = serde_json::to_value(&params.messages[0].content).expect("JSON");
        self.note(question["text"].as_str().expect("a text"));
        let answer = SamplingMessage::new(Role::Assistant, "Paris");
        Ok(CreateMessageResult::new(answer, "none".to_owned()))
    }

    async fn list_roots(&self, _context: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        self.note("roots");
        Ok(ListRootsResult::new(vec![Root::new("file:///workspace").with_name("Workspace"), Root::new("file:///tmp")]))
    }

    async fn on_custom_notification(
        &self,
        notification: CustomNotification,
        _context: NotificationContext<RoleClient>,
    ) {
        assert_eq!(notification.method, "notifications/elicitation/complete");
        let known = self.elicitation.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let told = notification.params.and_then(|params| params["elicitationId"].as_str().map(str::to_owned));
        assert!(told.is_some() && told == known, "{told:?} is not {known:?}");
        self.note("complete");
    }

    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }
}

// The server under test.

#[derive(Debug, Deserialize, JsonSchema, Elicit)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct To {
    to: String,
}

async fn name(ctx: &Context, key: &str, message: &str) -> Result<String, AskError> {
    let answer = ctx.elicit::<Name>(key, message).await?;
    Ok(answer.accepted().map_or_else(String::new, |answer| answer.name))
}

async fn capital(ctx: &Context) -> Result<String, AskError> {
    let question = CreateMessageRequest::new(10).user("What is the capital of France?");
    Ok(ctx.sample("capital", question).await?.text())
}

async fn greet(mcp_mount::Args(To { to }): mcp_mount::Args<To>, ctx: Context) -> Result<String, AskError> {
    Ok(match ctx.elicit::<Name>("name", to).await? {
        Elicited::Accept(Name { name }) => format!("Hello, {name}!"),
        Elicited::Decline => "Declined.".to_owned(),
        Elicited::Cancel => "Cancelled.".to_owned(),
    })
}

async fn visit(ctx: Context) -> Result<String, AskError> {
    let answer = ctx.elicit_url("page", "Look.", "https://example.com/welcome").await?;
    ctx.elicitation_complete("page").await;
    Ok(format!("{answer:?}"))
}

async fn roots(ctx: Context) -> Result<String, AskError> {
    let roots = ctx.roots("roots").await?;
    Ok(roots.iter().map(|root| root.uri.as_str()).collect::<Vec<_>>().join(", "))
}

async fn joined(ctx: Context) -> Result<String, AskError> {
    let (capital, name, roots) = tokio::join!(capital(&ctx), name(&ctx, "name", "accept"), ctx.roots("roots"));
    Ok(format!("{}, {}, {}", capital?, name?, roots?.len()))
}

async fn survey(ctx: Context) -> Result<String, AskError> {
    let first = name(&ctx, "first", "accept").await?;
    Ok(format!("{first} and {}", name(&ctx, "second", "Who else?").await?))
}

async fn greeting(ctx: Context) -> Result<String, AskError> {
    Ok(format!("Greet {}.", name(&ctx, "name", "accept").await?))
}

fn app() -> Router {
    let mcp = Mcp::new("rmcp", "1.0.0")
        .tool(tool_fn("capital", "Ask the model.", |ctx: Context| async move { capital(&ctx).await }))
        .tool(tool_fn("roots", "Ask for the roots.", roots))
        .tool(tool_fn("greet", "Ask by a form.", greet))
        .tool(tool_fn("visit", "Ask by a URL.", visit))
        .tool(tool_fn("joined", "Ask everybody at once.", joined))
        .tool(tool_fn("survey", "Ask twice.", survey))
        .prompt(prompt_fn("greeting", "Ask for a name.", greeting))
        .build()
        .expect("the server builds");
    Router::new().merge(mcp.at("/mcp"))
}
