//! Completion: suggestions for arguments and variables (server/utilities/completion).

use mcp_mount::{
    Args, Completion, CompletionRequest, Context, Mcp, McpService, Prompt, Resource, State, ToolError, prompt_fn,
    resource_fn,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    eras::{Client, all, both, in_band, masked},
    support::Reply,
};

fn prompt_ref(name: &str) -> Value {
    json!({"type": "ref/prompt", "name": name})
}

fn template_ref(uri: &str) -> Value {
    json!({"type": "ref/resource", "uri": uri})
}

async fn complete(client: &Client, reference: Value, argument: &str, value: &str) -> Reply {
    let params = json!({"ref": reference, "argument": {"name": argument, "value": value}});
    client.send("completion/complete", params).await
}

fn values(reply: &Reply) -> Vec<String> {
    let values = reply.result()["completion"]["values"].clone();
    serde_json::from_value(values).unwrap_or_else(|error| panic!("{error}\n{reply}"))
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Level {
    Low,
    LowerStill,
    High,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema matters")]
enum Described {
    /// The first
    First,
    /// The second
    Second,
    Third,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its schema matters")]
struct Code {
    language: String,
    framework: String,
    note: Option<String>,
    level: Level,
    maybe: Option<Described>,
}

fn review() -> Prompt {
    prompt_fn("review", "Review code", |Args(_): Args<Code>| "text")
}

async fn languages(request: CompletionRequest) -> Vec<String> {
    let all = ["python", "pytorch", "pyside", "rust"];
    all.iter().filter(|one| one.starts_with(request.value())).map(ToString::to_string).collect()
}

fn frameworks(request: CompletionRequest) -> Option<Vec<&'static str>> {
    assert_eq!(request.argument(), "framework");
    (request.context("language")? == "python").then(|| vec!["flask", "fastapi"])
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its schema matters")]
struct Place {
    owner: String,
    repo: String,
}

fn repository() -> Resource {
    resource_fn("repo://{owner}/{repo}", "repository", |Args(_): Args<Place>| "text")
}

fn repos(Args(so_far): Args<Owner>, request: CompletionRequest) -> Vec<String> {
    vec![format!("{}/{}", so_far.owner.unwrap_or_default(), request.value())]
}

#[derive(Deserialize, JsonSchema)]
struct Owner {
    owner: Option<String>,
}

fn built(mcp: Mcp) -> McpService {
    mcp.build().expect("the server builds")
}

fn mcp() -> Mcp {
    Mcp::new("rig", "1.2.3")
        .prompt(review().complete("language", languages).complete("framework", frameworks))
        .prompt(prompt_fn("plain", "Takes nothing", || "text"))
        .resource(repository().complete("owner", || ["ada", "bob"]).complete("repo", repos))
        .resource(Resource::text("fixed://x", "fixed", "text"))
}

#[tokio::test]
async fn prompts_and_templates_have_suggestions() {
    let mcp = built(mcp());
    for client in all(&mcp).await {
        let reply = complete(&client, prompt_ref("review"), "language", "py").await;
        assert_eq!(values(&reply), ["python", "pytorch", "pyside"], "as the handler ranks them");
        assert_eq!(values(&complete(&client, prompt_ref("review"), "language", "").await).len(), 4);
        let reply = complete(&client, template_ref("repo://{owner}/{repo}"), "owner", "b").await;
        assert_eq!(values(&reply), ["ada", "bob"], "{}: filtering is the handler's", client.revision);
        assert_eq!(reply.result().get("resultType").is_some(), client.is_modern(), "{reply}");
        let reply = complete(&client, template_ref("repo://ada/some"), "owner", "").await;
        assert_eq!(values(&reply), ["ada", "bob"], "a URI will do: it is one of the template's");
    }
}

#[tokio::test]
async fn what_was_filled_in_already_is_known() {
    let mcp = built(mcp());
    for client in both(&mcp).await {
        let ask = |reference: Value, argument: &str, context: Value| {
            let argument = json!({"name": argument, "value": "f"});
            client.send("completion/complete", json!({"ref": reference, "argument": argument, "context": context}))
        };
        for (context, expected) in [
            (json!({"arguments": {"language": "python", "note": "x"}}), &["flask", "fastapi"][..]),
            (json!({"arguments": {"language": "rust"}}), &[]),
            (json!({"arguments": {}}), &[]),
            (json!({}), &[]),
        ] {
            let reply = ask(prompt_ref("review"), "framework", context.clone()).await;
            assert_eq!(values(&reply), expected, "{context}");
        }
        let context = json!({"arguments": {"owner": "ada"}});
        let reply = ask(template_ref("repo://{owner}/{repo}"), "repo", context).await;
        assert_eq!(values(&reply), ["ada/f"], "arguments are what has been filled in");
        for context in [json!({"arguments": {"language": 7}}), json!({"arguments": ["python"]}), json!("python")] {
            let reply = ask(prompt_ref("review"), "framework", context.clone()).await;
            assert_eq!(in_band(&reply).0, -32602, "{context}\n{reply}");
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its schema matters")]
struct OfLevel {
    level: Level,
}

#[tokio::test]
async fn an_enum_suggests_its_values_by_itself() {
    let of_level = resource_fn("x://{level}", "of level", |Args(_): Args<OfLevel>| "text");
    let mcp = built(Mcp::new("rig", "1.2.3").prompt(review()).resource(of_level));
    for client in both(&mcp).await {
        let found = values(&complete(&client, template_ref("x://{level}"), "level", "h").await);
        assert_eq!(found, ["high"], "and so does a variable");
        for (argument, typed, expected) in [
            ("level", "", &["low", "lower_still", "high"][..]),
            ("level", "lo", &["low", "lower_still"]),
            ("level", "LOW", &["low", "lower_still"]),
            ("level", "x", &[]),
            ("maybe", "", &["first", "second", "third"]),
            ("maybe", "s", &["second"]),
        ] {
            let mut found = values(&complete(&client, prompt_ref("review"), argument, typed).await);
            let mut expected = expected.to_vec();
            // How documented values and others are ordered is for the schema to say.
            found.sort();
            expected.sort_unstable();
            assert_eq!(found, expected, "{argument} {typed:?}");
        }
    }
    let own = built(Mcp::new("rig", "1.2.3").prompt(review().complete("level", || ["mine"])));
    for client in both(&own).await {
        assert_eq!(values(&complete(&client, prompt_ref("review"), "level", "").await), ["mine"]);
    }
}

/// «Maximum 100 items per response».
#[tokio::test]
async fn more_than_a_hundred_values_are_cut() {
    let many = |count: usize| Completion::new((0..count).map(|number| number.to_string()));
    for (completion, sent, total, has_more) in [
        (many(100), 100, json!(null), json!(null)),
        (many(101), 100, json!(101), json!(true)),
        (many(1000), 100, json!(1000), json!(true)),
        (many(150).total(4000), 100, json!(4000), json!(true)),
        (many(150).has_more(false), 100, json!(150), json!(true)),
        (many(3).total(10).has_more(true), 3, json!(10), json!(true)),
        (many(3).total(3).has_more(false), 3, json!(3), json!(false)),
        (many(0), 0, json!(null), json!(null)),
    ] {
        let prompt = review().complete("note", move || completion.clone());
        let mcp = built(Mcp::new("rig", "1.2.3").prompt(prompt));
        for client in both(&mcp).await {
            let completion = complete(&client, prompt_ref("review"), "note", "").await.result()["completion"].clone();
            assert_eq!(completion["values"].as_array().map(Vec::len), Some(sent), "{completion}");
            assert_eq!((&completion["total"], &completion["hasMore"]), (&total, &has_more), "{completion}");
            assert!(sent == 0 || completion["values"][0] == "0", "the best are first");
        }
    }
}

#[tokio::test]
async fn an_argument_without_a_handler_has_no_suggestions() {
    let mcp = built(mcp());
    for client in both(&mcp).await {
        let reply = complete(&client, prompt_ref("review"), "note", "x").await;
        assert_eq!(reply.result()["completion"], json!({"values": []}), "{reply}");
    }
    let half = built(Mcp::new("rig", "1.2.3").resource(repository().complete("owner", || ["ada"])));
    for client in both(&half).await {
        let reply = complete(&client, template_ref("repo://{owner}/{repo}"), "repo", "x").await;
        assert_eq!(values(&reply), Vec::<String>::new());
    }
}

/// «Invalid prompt name: -32602», «Missing required arguments: -32602»: the page names no other code for what is asked
/// for wrongly, in any revision.
#[tokio::test]
async fn what_is_not_there_to_be_completed_is_an_error() {
    let mcp = built(mcp());
    for client in both(&mcp).await {
        for (reference, argument, says) in [
            (prompt_ref("preview"), "language", "preview"),
            (prompt_ref("review"), "languages", "languages"),
            (prompt_ref("plain"), "any", "any"),
            (template_ref("repo://{owner}"), "owner", ""),
            (template_ref("nowhere://x"), "owner", ""),
            (template_ref("repo://{owner}/{repo}"), "owners", "owners"),
            (template_ref("fixed://x"), "any", ""),
            (json!({"type": "ref/tool", "name": "review"}), "language", "ref"),
            (json!({"type": "ref/prompt"}), "language", "name"),
            (json!({"type": "ref/resource", "name": "review"}), "language", "uri"),
            (json!({"name": "review"}), "language", "type"),
            (json!("review"), "language", "ref"),
            (json!(["ref/prompt", "review"]), "language", "ref"),
        ] {
            let reply = complete(&client, reference.clone(), argument, "").await;
            let (code, message) = in_band(&reply);
            assert_eq!(code, -32602, "{}: {reference} {argument}\n{reply}", client.revision);
            assert!(message.contains(says), "{reference}: does not name {says:?}\n{reply}");
        }
        for params in [
            json!({"ref": prompt_ref("review")}),
            json!({"argument": {"name": "language", "value": ""}}),
            json!({"ref": prompt_ref("review"), "argument": {"name": "language"}}),
            json!({"ref": prompt_ref("review"), "argument": {"value": ""}}),
            json!({"ref": prompt_ref("review"), "argument": {"name": "language", "value": 7}}),
            json!({"ref": prompt_ref("review"), "argument": ["language", ""]}),
        ] {
            let reply = client.send("completion/complete", params.clone()).await;
            assert_eq!(in_band(&reply).0, -32602, "{params}\n{reply}");
        }
    }
}

#[tokio::test]
async fn the_capability_is_declared_only_if_there_is_something_to_suggest() {
    let with = [mcp(), Mcp::new("rig", "1").prompt(review()), {
        Mcp::new("rig", "1").resource(repository().complete("owner", || ["ada"]))
    }];
    for mcp in with {
        for client in both(&built(mcp)).await {
            assert_eq!(client.capabilities().await["completions"], json!({}), "{}", client.revision);
        }
    }
    let without = || Mcp::new("rig", "1").prompt(prompt_fn("plain", "", || "text")).resource(repository());
    for client in both(&built(without())).await {
        assert_eq!(client.capabilities().await.get("completions"), None);
        let reply = complete(&client, prompt_ref("plain"), "x", "").await;
        let status = if client.is_modern() { 404 } else { 200 };
        assert_eq!((reply.code(), reply.status.as_u16()), (-32601, status), "{reply}");
    }
}

#[tokio::test]
async fn a_handler_takes_what_others_take_and_fails_as_they_do() {
    let mcp = built(
        Mcp::new("rig", "1.2.3").state("stated").prompt(
            review()
                .complete("language", |State(word): State<&'static str>, ctx: Context| {
                    vec![format!("{word} {}", ctx.revision())]
                })
                .complete("framework", || async { Err::<Vec<String>, _>("hunter2") })
                .complete("note", || Err::<[String; 1], _>(ToolError::expose("come back at nine"))),
        ),
    );
    for client in both(&mcp).await {
        let reply = complete(&client, prompt_ref("review"), "language", "").await;
        assert_eq!(values(&reply), [format!("stated {}", client.revision)]);
        masked(&complete(&client, prompt_ref("review"), "framework", "").await, "hunter2");
        let (code, message) = in_band(&complete(&client, prompt_ref("review"), "note", "").await);
        assert_eq!((code, message.as_str()), (-32603, "come back at nine"));
    }
}

#[test]
fn only_a_completion_handler_has_something_to_complete() {
    let tool = mcp_mount::tool_fn("wrong", "Wrong", |_: CompletionRequest| "text");
    let error = Mcp::new("rig", "1.2.3").tool(tool).build().expect_err("it could never be called");
    assert!(error.to_string().contains("tool `wrong`") && error.to_string().contains("complete"), "{error}");
}
