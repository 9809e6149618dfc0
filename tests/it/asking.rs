//! A handler asks its client, and one handler serves every revision that has something to ask with: the same answers, the
//! same end.

use http_body_util::{BodyExt as _, Full};
use mcp_mount::{
    Args, AskError, Context, CreateMessageRequest, Elicit, Elicited, Mcp, McpService, Revision, Tool, ToolError,
    prompt_fn, resource_fn, testing::Client, tool_fn,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{rig::server, target::Target as _};

pub const ASKING: [Revision; 3] = [Revision::V2025_06_18, Revision::V2025_11_25, Revision::V2026_07_28];

#[derive(Debug, Deserialize, JsonSchema, Elicit)]
pub struct Confirm {
    /// Really?
    pub sure: bool,
    pub reason: Option<String>,
}

/// A client of the service in this home, connected where that means something.
pub async fn client_with(mcp: &McpService, revision: Revision, set: impl FnOnce(Client) -> Client) -> Client {
    let door = mcp
        .door()
        .map_request(|request: http::Request<Full<_>>| request.map(|body| body.map_err(Into::into).boxed_unsync()));
    let client = set(Client::new(door).revision(revision));
    if revision < Revision::V2026_07_28 { client.connect().await.expect("the session opens") } else { client }
}

pub fn everything() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}})
}

/// Asks once, and tells what came of it.
fn confirm() -> Tool {
    tool_fn("confirm", "Ask", |ctx: Context| async move {
        Ok::<_, ToolError>(match ctx.elicit::<Confirm>("deployment", "Deploy?").await? {
            Elicited::Accept(Confirm { sure, reason }) => format!("accepted: {sure}, {reason:?}"),
            Elicited::Decline => "declined".to_owned(),
            Elicited::Cancel => "cancelled".to_owned(),
        })
    })
}

#[tokio::test(start_paused = true)]
async fn every_answer_of_the_user_is_the_same_in_every_revision() {
    let mcp = server([confirm()]);
    for revision in ASKING {
        for (answer, expected) in [
            (json!({"action": "accept", "content": {"sure": true}}), "accepted: true, None"),
            (
                json!({"action": "accept", "content": {"sure": false, "reason": "late"}}),
                "accepted: false, Some(\"late\")",
            ),
            (json!({"action": "decline"}), "declined"),
            (json!({"action": "decline", "content": {"sure": true}}), "declined"),
            (json!({"action": "cancel"}), "cancelled"),
        ] {
            let client = client_with(&mcp, revision, |client| {
                client.capabilities(json!({"elicitation": {}})).on_request("elicitation/create", move |params| {
                    assert_eq!(params["message"], "Deploy?");
                    let schema = &params["requestedSchema"];
                    assert_eq!(schema["type"], "object");
                    assert_eq!(schema["properties"]["sure"]["type"], "boolean");
                    assert_eq!(schema["properties"]["reason"]["type"], "string");
                    assert_eq!(schema["required"], json!(["sure"]));
                    answer.clone()
                })
            });
            let outcome = client.await.call_tool("confirm", ()).await.unwrap();
            assert_eq!(outcome.ok().unwrap().text(), expected, "{revision}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_malformed_answer_is_named_in_every_revision() {
    let mcp = server([confirm()]);
    for revision in ASKING {
        for (answer, fault) in [
            (json!({"action": "accept", "content": {"sure": "yes"}}), "sure"),
            (json!({"action": "accept", "content": {}}), "sure"),
            (json!({"action": "accept"}), "sure"),
            (json!({"action": "accept", "content": [true]}), "content"),
            (json!({"action": "perhaps"}), "action"),
            (json!({"content": {"sure": true}}), "action"),
            (json!(12345), "object"),
        ] {
            let given = answer.clone();
            let client = client_with(&mcp, revision, |client| {
                client.capabilities(json!({"elicitation": {}})).on_request("elicitation/create", move |_| given.clone())
            });
            let error = client.await.call_tool("confirm", ()).await.unwrap_err();
            assert_eq!(error.code(), Some(-32602), "{revision} {answer}: {error}");
            let message = error.message().unwrap_or_default();
            assert!(message.contains("`deployment`") && message.contains(fault), "{revision} {answer}: {message}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_live_with_a_malformed_answer() {
    let mcp = server([tool_fn("forgiving", "", |ctx: Context| async move {
        match ctx.elicit::<Confirm>("sure", "Deploy?").await {
            Err(AskError::Malformed { key, .. }) => format!("nothing of use about {key}"),
            other => format!("{other:?}"),
        }
    })]);
    for revision in ASKING {
        let client = client_with(&mcp, revision, |client| {
            client.capabilities(json!({"elicitation": {}})).on_request("elicitation/create", |_| json!({}))
        });
        let outcome = client.await.call_tool("forgiving", ()).await.unwrap();
        assert_eq!(outcome.text(), "nothing of use about sure", "{revision}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_the_capability_is_told_so_and_asked_nothing() {
    let asks = || {
        let ask = |ctx: Context| async move {
            ctx.sample("s", CreateMessageRequest::new(10).user("hello")).await.map(|answer| answer.text())
        };
        [
            confirm(),
            tool_fn("sample", "", ask),
            tool_fn("roots", "", |ctx: Context| async move { ctx.roots("r").await.map(|roots| roots.len()) }),
        ]
    };
    let mcp = server(asks());
    for revision in ASKING {
        for (tool, missing, offered) in [
            ("confirm", "elicitation", json!({"sampling": {}, "roots": {}})),
            ("sample", "sampling", json!({"elicitation": {}, "roots": {}})),
            ("roots", "roots", json!({"elicitation": {}, "sampling": {}})),
        ] {
            let client = client_with(&mcp, revision, |client| {
                ["elicitation/create", "sampling/createMessage", "roots/list"]
                    .into_iter()
                    .fold(client.capabilities(offered), |client, method| {
                        client.on_request(method, |_| panic!("nothing may be asked"))
                    })
            });
            let outcome = client.await.call_tool(tool, ()).await;
            if revision == Revision::V2026_07_28 {
                let error = outcome.unwrap_err();
                assert_eq!((error.code(), error.status().map(|status| status.as_u16())), (Some(-32021), Some(400)));
                assert_eq!(error.data().unwrap()["requiredCapabilities"], json!({ missing: {} }));
            } else {
                let outcome = outcome.unwrap();
                assert!(outcome.is_error() && outcome.text().contains(missing), "{revision}: {}", outcome.text());
            }
        }
    }
}

/// Asks three at once, of three kinds.
fn survey() -> Tool {
    tool_fn("survey", "", |ctx: Context| async move {
        let (sure, greeting, roots) = tokio::join!(
            ctx.elicit::<Confirm>("sure", "Sure?"),
            ctx.sample("greeting", CreateMessageRequest::new(50).user("Greet.")),
            ctx.roots("roots"),
        );
        let sure = sure?.accepted().is_some_and(|answer| answer.sure);
        let (greeting, roots) = (greeting?.text(), roots?);
        Ok::<_, AskError>(format!("{sure}, {greeting}, {}", roots[0].uri))
    })
}

/// Answers everything.
pub fn helpful(client: Client) -> Client {
    client
        .capabilities(everything())
        .on_request("elicitation/create", |_| json!({"action": "accept", "content": {"sure": true}}))
        .on_request("sampling/createMessage", |params| {
            assert_eq!(params["maxTokens"], 50);
            assert_eq!(params["messages"][0]["role"], "user");
            let content = json!({"type": "text", "text": "hello"});
            json!({"role": "assistant", "content": content, "model": "m", "stopReason": "endTurn"})
        })
        .on_request("roots/list", |_| json!({"roots": [{"uri": "file:///home/ada", "name": "Ada"}]}))
}

#[tokio::test(start_paused = true)]
async fn questions_of_three_kinds_are_asked_together() {
    let mcp = server([survey()]);
    for revision in ASKING {
        let client = client_with(&mcp, revision, helpful).await;
        let outcome = client.call_tool("survey", ()).await.unwrap();
        assert_eq!(outcome.ok().unwrap().text(), "true, hello, file:///home/ada", "{revision}");
    }
}

#[tokio::test(start_paused = true)]
async fn resources_and_prompts_ask_too() {
    let name = |ctx: Context| async move {
        let roots = ctx.roots("roots").await?;
        Ok::<_, AskError>(roots[0].name.clone().unwrap_or_default())
    };
    let mcp = Mcp::new("rig", "1")
        .resource(resource_fn("test://name", "name", name))
        .prompt(prompt_fn("name", "", name))
        .build()
        .unwrap();
    for revision in ASKING {
        let client = client_with(&mcp, revision, helpful).await;
        assert_eq!(client.read_resource("test://name").await.unwrap().text(), "Ada", "{revision}");
        assert_eq!(client.get_prompt("name", ()).await.unwrap().text(), "Ada", "{revision}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_dropped_is_withdrawn() {
    let mcp = server([tool_fn("hasty", "", |ctx: Context| async move {
        // A default that is at hand wins over the user.
        let quick = tokio::select! {
            biased;
            answer = ctx.elicit::<Confirm>("sure", "Sure?") => format!("{answer:?}"),
            () = std::future::ready(()) => "the default".to_owned(),
        };
        let roots = ctx.roots("roots").await.map(|roots| roots.len());
        format!("{quick}, {roots:?}")
    })]);
    for revision in ASKING {
        let client = client_with(&mcp, revision, |client| {
            helpful(client).on_request("elicitation/create", |_| json!({"action": "decline"}))
        });
        let outcome = client.await.call_tool("hasty", ()).await.unwrap();
        assert_eq!(outcome.text(), "the default, Ok(1)", "{revision}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_used_once_and_a_question_belongs_into_its_handler() {
    let twice = tool_fn("twice", "", |ctx: Context| async move {
        ctx.roots("roots").await?;
        match ctx.roots("roots").await {
            Err(AskError::KeyUsedTwice { key }) => Ok::<_, ToolError>(format!("twice: {key}")),
            other => Ok(format!("{other:?}")),
        }
    });
    let spawned = tool_fn("spawned", "", |ctx: Context| async move {
        let asked = tokio::spawn(async move { ctx.roots("roots").await });
        format!(
            "{:?}",
            asked.await.expect("no panic").map_err(|error| matches!(error, AskError::OutsideHandler { .. }))
        )
    });
    let mcp = server([twice, spawned]);
    for revision in ASKING {
        let client = client_with(&mcp, revision, helpful).await;
        assert_eq!(client.call_tool("twice", ()).await.unwrap().text(), "twice: roots", "{revision}");
        assert_eq!(client.call_tool("spawned", ()).await.unwrap().text(), "Err(true)", "{revision}");
    }
}

/// On the real clock: a paused one would not wait for the thread.
#[tokio::test]
async fn a_handler_on_a_thread_of_its_own_cannot_ask() {
    let blocking = tool_fn("blocking", "", |ctx: Context| async move {
        format!("{:?}", ctx.roots("roots").await.map_err(|error| matches!(error, AskError::OutsideHandler { .. })))
    })
    .blocking(true);
    let mcp = server([blocking]);
    for revision in ASKING {
        let client = client_with(&mcp, revision, helpful).await;
        assert_eq!(client.call_tool("blocking", ()).await.unwrap().text(), "Err(true)", "{revision}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mistake_in_a_question_is_the_servers_and_is_masked() {
    let nested = json!({"type": "object", "properties": {"home": {"type": "object"}}});
    let mcp = server([
        tool_fn("form", "", move |ctx: Context| {
            let nested = nested.clone();
            async move { ctx.elicit_form("key", "Where?", nested).await.map(|_| "answered") }
        }),
        tool_fn("url", "", |ctx: Context| async move {
            ctx.elicit_url("key", "Go there", "javascript:alert(1)").await.map(|_| "answered")
        }),
        tool_fn("key", "", |ctx: Context| async move { ctx.roots("").await.map(|_| "answered") }),
    ]);
    for revision in ASKING {
        let client = client_with(&mcp, revision, helpful).await;
        for tool in ["form", "url", "key"] {
            let outcome = client.call_tool(tool, ()).await.unwrap();
            assert!(outcome.is_error() && outcome.text().contains("internal error"), "{revision}: {}", outcome.text());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_completion_cannot_ask() {
    #[derive(Deserialize, JsonSchema)]
    struct Name {
        name: String,
    }
    let values = |ctx: Context| async move {
        match ctx.roots("roots").await {
            Err(AskError::Unreachable { reason, .. }) => vec![reason.to_owned()],
            other => vec![format!("{other:?}")],
        }
    };
    let mcp = Mcp::new("rig", "1")
        .prompt(prompt_fn("greet", "", |Args(Name { name }): Args<Name>| async move { name }).complete("name", values))
        .build()
        .unwrap();
    for revision in ASKING {
        let client = client_with(&mcp, revision, helpful).await;
        let values = client.complete_prompt("greet", "name", "").await.unwrap().values;
        assert_eq!(values, ["only tools, resources and prompts may ask"], "{revision}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_without_an_answer_fails_for_its_own_reasons() {
    let mcp = server([tool_fn("goes_on", "", |ctx: Context| async move {
        let _unanswered = ctx.elicit::<Confirm>("deployment", "Deploy?").await.ok();
        Err::<(), _>(ToolError::expose("there is no such file"))
    })]);
    for revision in ASKING {
        for capabilities in [json!({}), json!({"elicitation": {}})] {
            let client = client_with(&mcp, revision, |client| {
                client.capabilities(capabilities).on_request("elicitation/create", |_| json!("malformed"))
            });
            let outcome = client.await.call_tool("goes_on", ()).await.unwrap();
            assert!(outcome.is_error(), "{revision}");
            assert_eq!(outcome.text(), "there is no such file", "{revision}");
        }
    }
}
