//! Prompts: what is listed of them, how their arguments are read, and what is got (server/prompts).

use std::borrow::Cow;

use mcp_mount::{
    Args, BuildErrorKind, Content, GetPromptResult, Icon, Json, Mcp, McpService, Prompt, PromptMessage, ToolError,
    prompt_fn,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    eras::{PROMPTS, all, both, in_band, masked},
    support::Reply,
};

fn serving(prompts: impl IntoIterator<Item = Prompt>) -> McpService {
    Mcp::new("rig", "1.2.3").prompts(prompts).build().expect("the server builds")
}

fn text(reply: &Reply) -> String {
    let messages = reply.result()["messages"].clone();
    messages[0]["content"]["text"].as_str().unwrap_or_else(|| panic!("no text\n{reply}")).to_owned()
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Tone {
    Kind,
    Strict,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Review {
    /// The code to review
    #[schemars(title = "Code")]
    code: String,
    /// How many remarks at most
    limit: Option<u32>,
    tone: Tone,
    #[serde(default)]
    brief: bool,
    #[serde(default)]
    weight: f64,
}

fn review() -> Prompt {
    prompt_fn(
        "review",
        "Review some code",
        |Args(Review { code, limit, tone, brief, weight }): Args<Review>| async move {
            format!("{code:?} {limit:?} {tone:?} {brief} {weight}")
        },
    )
}

#[tokio::test]
async fn a_prompt_is_listed_as_far_as_the_revision_goes() {
    let mcp = serving([
        review().title("Code review").icons([Icon::new("https://example.com/i.svg")]),
        prompt_fn("plain", "Takes nothing", || "text"),
    ]);
    for client in all(&mcp).await {
        let listed = client.list(PROMPTS).await;
        let [review, plain] = &listed[..] else { panic!("two: {listed:?}") };
        assert_eq!(review["description"], json!("Review some code"));
        let has = |value: &Value, member: &str| value.get(member).is_some();
        assert_eq!(has(review, "title"), client.revision >= "2025-06-18", "{}: {review}", client.revision);
        assert_eq!(has(review, "icons"), client.revision >= "2025-11-25", "{}: {review}", client.revision);
        assert_eq!(*plain, json!({"name": "plain", "description": "Takes nothing"}), "{}", client.revision);
        let code = &review["arguments"].as_array().expect("arguments").iter().find(|one| one["name"] == "code");
        let code = code.expect("listed");
        assert_eq!(has(code, "title"), client.revision >= "2025-06-18", "{}: {code}", client.revision);
    }
}

#[tokio::test]
async fn arguments_are_listed_with_what_is_said_of_them() {
    let mcp = serving([review()]);
    for client in both(&mcp).await {
        let arguments = client.list(PROMPTS).await[0]["arguments"].as_array().cloned().expect("arguments");
        let of = |name: &str| arguments.iter().find(|one| one["name"] == name).expect("listed").clone();
        let code = json!({"name": "code", "title": "Code", "description": "The code to review", "required": true});
        assert_eq!(of("code"), code);
        assert_eq!(of("limit")["description"], json!("How many remarks at most"));
        let required = |name: &str| of(name)["required"] == json!(true);
        let names = ["code", "limit", "tone", "brief", "weight"];
        assert_eq!(names.map(required), [true, false, true, false, false]);
        assert_eq!(arguments.len(), 5);
        for argument in &arguments {
            let known = ["name", "title", "description", "required"];
            assert!(argument.as_object().expect("an object").keys().all(|key| known.contains(&key.as_str())));
        }
    }
}

/// A form asks for them in this order.
#[tokio::test]
async fn arguments_are_listed_in_the_order_of_the_fields() {
    let mcp = serving([review()]);
    for client in both(&mcp).await {
        let arguments = client.list(PROMPTS).await[0]["arguments"].as_array().cloned().expect("arguments");
        let names: Vec<&str> = arguments.iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(names, ["code", "limit", "tone", "brief", "weight"]);
    }
}

#[tokio::test]
async fn arguments_come_as_strings_and_are_read_into_the_fields() {
    let mcp = serving([review()]);
    for client in both(&mcp).await {
        for (arguments, expected) in [
            (json!({"code": "x", "tone": "kind"}), r#""x" None Kind false 0"#),
            (
                json!({"code": "", "tone": "strict", "limit": "7", "brief": "true", "weight": "0.5"}),
                r#""" Some(7) Strict true 0.5"#,
            ),
            (json!({"code": "7", "tone": "kind"}), r#""7" None Kind false 0"#),
            (json!({"code": "true", "tone": "kind"}), r#""true" None Kind false 0"#),
            (json!({"code": "{\"a\":1}", "tone": "kind"}), r#""{\"a\":1}" None Kind false 0"#),
            (json!({"code": "ü\n\u{1f600}", "tone": "kind"}), "\"ü\\n\u{1f600}\" None Kind false 0"),
        ] {
            assert_eq!(text(&client.get_prompt("review", arguments.clone()).await), expected, "{arguments}");
        }
    }
}

/// «Invalid prompt name: -32602», «Missing required arguments: -32602» (server/prompts, «Error Handling»).
#[tokio::test]
async fn wrong_arguments_are_invalid_and_named() {
    let mcp = serving([review()]);
    for client in both(&mcp).await {
        for (arguments, says) in [
            (json!({}), "code"),
            (json!({"code": "x"}), "tone"),
            (json!({"code": "x", "tone": "rude"}), "tone"),
            (json!({"code": "x", "tone": "kind", "limit": "many"}), "limit"),
            (json!({"code": "x", "tone": "kind", "limit": "-1"}), "limit"),
            (json!({"code": "x", "tone": "kind", "brief": "yes"}), "brief"),
            // The protocol has strings only.
            (json!({"code": 7, "tone": "kind"}), "code"),
            (json!({"code": null, "tone": "kind"}), "code"),
            (json!({"code": ["x"], "tone": "kind"}), "code"),
        ] {
            let reply = client.get_prompt("review", arguments.clone()).await;
            let (code, message) = in_band(&reply);
            assert_eq!(code, -32602, "{arguments}\n{reply}");
            assert!(message.contains(says), "{arguments}: does not name {says}\n{reply}");
        }
        let reply = client.get_prompt("preview", json!({})).await;
        let (code, message) = in_band(&reply);
        assert!(code == -32602 && message.contains("preview"), "{reply}");
        for params in [json!({}), json!({"name": 7}), json!({"name": "review", "arguments": ["x"]})] {
            let reply = client.send("prompts/get", params.clone()).await;
            assert_eq!(reply.code(), -32602, "{params}\n{reply}");
        }
        let reply = client.send("prompts/get", json!({"name": "review"})).await;
        assert_eq!(in_band(&reply).0, -32602, "arguments may be left out, what is required may not\n{reply}");
    }
}

fn messages() -> [PromptMessage; 2] {
    [PromptMessage::user("What is 2 + 2?"), PromptMessage::assistant("4")]
}

#[tokio::test]
async fn what_a_handler_returns_becomes_messages() {
    let user = |content: Value| json!([{"role": "user", "content": content}]);
    let words = |text: &str| user(json!({"type": "text", "text": text}));
    let talk = json!([
        {"role": "user", "content": {"type": "text", "text": "What is 2 + 2?"}},
        {"role": "assistant", "content": {"type": "text", "text": "4"}},
    ]);
    let image = json!({"type": "image", "data": "AQID", "mimeType": "image/png"});
    let embedded = json!({"uri": "it://x", "mimeType": "text/plain", "text": "here"});
    let one = |prompt: fn() -> &'static str| prompt_fn("p", "A prompt", prompt);
    for (prompt, expected) in [
        (one(|| "plain fn"), words("plain fn")),
        (prompt_fn("p", "", || async { "str" }), words("str")),
        (prompt_fn("p", "", || async { String::from("é\n") }), words("é\n")),
        (prompt_fn("p", "", || Cow::Borrowed("cow")), words("cow")),
        (prompt_fn("p", "", || Content::image([1, 2, 3], "image/png")), user(image)),
        (prompt_fn("p", "", || PromptMessage::user("one")), words("one")),
        (prompt_fn("p", "", || async { messages() }), talk.clone()),
        (prompt_fn("p", "", || Vec::from(messages())), talk.clone()),
        (prompt_fn("p", "", || GetPromptResult::new(messages())), talk),
        (prompt_fn("p", "", || Ok::<_, ToolError>("fine")), words("fine")),
        (prompt_fn("p", "", || GetPromptResult::new([])), json!([])),
        (
            prompt_fn("p", "", || PromptMessage::user(Content::text_resource("it://x", "text/plain", "here"))),
            user(json!({"type": "resource", "resource": embedded})),
        ),
    ] {
        let mcp = serving([prompt]);
        for client in both(&mcp).await {
            let result = client.get_prompt("p", json!({})).await.result();
            assert_eq!(result["messages"], expected, "{}", client.revision);
        }
    }
}

#[tokio::test]
async fn a_result_may_describe_itself() {
    let mcp = serving([
        prompt_fn("own", "As listed", || GetPromptResult::new(messages()).description("Of \"this\" one")),
        prompt_fn("json", "Takes Json", |Json(review): Json<Review>| review.code),
        prompt_fn("axum", "Takes axum's", |axum::Json(review): axum::Json<Review>| review.code),
    ]);
    for client in both(&mcp).await {
        let result = client.get_prompt("own", json!({})).await.result();
        assert_eq!(result["description"], json!("Of \"this\" one"));
        for prompt in ["json", "axum"] {
            let arguments = json!({"code": "fn main() {}", "tone": "kind"});
            assert_eq!(text(&client.get_prompt(prompt, arguments).await), "fn main() {}");
        }
    }
}

/// What a revision does not have is told in words.
#[tokio::test]
async fn a_message_is_sent_as_far_as_the_revision_goes() {
    let mcp = serving([prompt_fn("all", "Everything", || {
        [
            PromptMessage::user("text"),
            PromptMessage::user(Content::image([1], "image/png")),
            PromptMessage::user(Content::audio([1], "audio/x-birdsong")),
            PromptMessage::assistant(Content::resource_link("file:///r.pdf", "the report")),
            PromptMessage::assistant(Content::blob_resource("file:///b", "image/png", [1])),
        ]
    })]);
    for client in all(&mcp).await {
        let messages = client.get_prompt("all", json!({})).await.result()["messages"].clone();
        let messages = messages.as_array().expect("messages");
        let types: Vec<&str> = messages.iter().filter_map(|one| one["content"]["type"].as_str()).collect();
        let audio = if client.revision >= "2025-03-26" { "audio" } else { "text" };
        let link = if client.revision >= "2025-06-18" { "resource_link" } else { "text" };
        assert_eq!(types, ["text", "image", audio, link, "resource"], "{}", client.revision);
        let roles: Vec<&str> = messages.iter().filter_map(|one| one["role"].as_str()).collect();
        assert_eq!(roles, ["user", "user", "user", "assistant", "assistant"]);
        assert!(messages[2].to_string().contains("audio/x-birdsong") && messages[3].to_string().contains("r.pdf"));
    }
}

fn boom() -> String {
    panic!("hunter2 in a panic")
}

#[tokio::test]
async fn a_failure_is_masked_unless_it_was_made_for_the_client() {
    let mcp = serving([
        prompt_fn("err", "", || async { Err::<String, _>("hunter2") }),
        prompt_fn("plain_err", "", || Err::<String, _>(std::io::Error::other("hunter2"))),
        prompt_fn("panic", "", || async { boom() }),
        prompt_fn("plain_panic", "", boom),
        prompt_fn("exposed", "", || Err::<String, _>(ToolError::expose("come back at nine"))),
    ]);
    for client in both(&mcp).await {
        for prompt in ["err", "plain_err", "panic", "plain_panic"] {
            masked(&client.get_prompt(prompt, json!({})).await, "hunter2");
        }
        let (code, message) = in_band(&client.get_prompt("exposed", json!({})).await);
        assert_eq!((code, message.as_str()), (-32603, "come back at nine"));
    }
}

#[tokio::test]
async fn a_server_without_prompts_does_not_know_their_methods() {
    let (without, with) = (crate::rig::rig().mcp, serving([review()]));
    for (without, with) in both(&without).await.into_iter().zip(both(&with).await) {
        for method in ["prompts/list", "prompts/get"] {
            let reply = without.send(method, json!({"name": "review"})).await;
            let status = if without.is_modern() { 404 } else { 200 };
            assert_eq!((reply.code(), reply.status.as_u16()), (-32601, status), "{method}\n{reply}");
        }
        assert_eq!(without.capabilities().await.get("prompts"), None);
        assert!(with.capabilities().await["prompts"].is_object());
        assert_eq!(with.capabilities().await.get("tools"), None, "and nothing else is declared");
    }
}

#[test]
fn mistakes_are_found_when_it_is_built() {
    use BuildErrorKind::{DuplicatePrompt, InvalidCompletion, InvalidPrompt, MissingState};
    let plain = |name: &str| prompt_fn(name, "", || "text");
    let needy = |mcp_mount::State(word): mcp_mount::State<&'static str>| word;
    let script = Icon::new("javascript:alert(1)");
    for (kind, prompts, says) in [
        (DuplicatePrompt, vec![plain("a"), plain("b"), plain("a")], "`a`"),
        (InvalidPrompt, vec![plain("two words")], "two words"),
        (InvalidPrompt, vec![plain("")], "128"),
        (InvalidPrompt, vec![plain("late").timeout(std::time::Duration::ZERO)], "`late`"),
        (InvalidPrompt, vec![plain("icon").icons([script])], "javascript"),
        (InvalidCompletion, vec![review().complete("codes", || ["x"])], "codes"),
        (MissingState, vec![prompt_fn("needy", "", needy)], "needy"),
    ] {
        let Err(error) = Mcp::new("rig", "1.2.3").prompts(prompts).build() else { panic!("{kind:?}: built") };
        assert!(error.kind() == kind && error.to_string().contains(says), "{kind:?}: {error:?}");
    }
}

#[tokio::test]
async fn arguments_that_are_there_twice_or_without_end_are_refused() {
    let mcp = serving([mcp_mount::prompt_fn("any", "Any", || "text")]);
    let many: Vec<String> = (0..300).map(|number| format!(r#""{number}":"""#)).collect();
    for arguments in [r#""code":"a","code":"b""#.to_owned(), many.join(",")] {
        let ask = crate::support::modern("prompts/get", json!({"name": "any", "arguments": {"it": "x"}}));
        let body = String::from_utf8(ask.bytes().await.to_vec()).expect("UTF-8");
        let reply = ask.with_body(body.replace(r#""it":"x""#, &arguments)).to(&mcp).await;
        assert_eq!(reply.code(), -32602, "{reply}");
    }
}

#[test]
fn arguments_that_no_text_can_say_are_found_by_build() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Where {
        #[expect(dead_code, reason = "only its schema counts")]
        place: Place,
    }
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Place {
        #[expect(dead_code, reason = "only its schema counts")]
        zone: u8,
    }
    let prompt = mcp_mount::prompt_fn("go", "Go", |_: mcp_mount::Args<Where>| "text");
    let error = mcp_mount::Mcp::new("rig", "1.0.0").prompt(prompt).build().expect_err("it could never be got");
    assert!(error.to_string().contains("`place`"), "{error}");
    let twice = mcp_mount::tool_fn("twice", "Twice", |_: mcp_mount::Args<Place>, _: mcp_mount::Args<Where>| "text");
    let error = mcp_mount::Mcp::new("rig", "1.0.0").tool(twice).build().expect_err("it has two schemas");
    assert!(error.to_string().contains("more than once"), "{error}");
}
