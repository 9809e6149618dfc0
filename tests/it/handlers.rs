//! Functions as handlers: async or not, named or closures, with whatever they ask for.

use mcp_mount::{
    Args, Call, Context, Extension, FromCall, Headers, Json, Mcp, McpService, Needs, Principal, Refusal, State,
    ToolError, prompt_fn, resource_fn, tool_fn,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    eras::{Client, both, in_band},
    rig::{owned, server},
    support::{Ask, User},
};

#[derive(Deserialize, JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

async fn add(Args(Add { a, b }): Args<Add>) -> i64 {
    a + b
}

fn add_plainly(Args(Add { a, b }): Args<Add>) -> i64 {
    a + b
}

fn fallible(Args(Add { a, b }): Args<Add>) -> Result<i64, ToolError> {
    a.checked_add(b).ok_or_else(|| ToolError::expose("too much"))
}

async fn add_json(Json(Add { a, b }): Json<Add>) -> Result<Json<i64>, std::num::TryFromIntError> {
    Ok(Json(a + b))
}

fn nothing() {}

#[tokio::test]
async fn functions_and_closures_async_or_not_serve_tools() {
    let offset = 1_i64;
    let mcp = server([
        tool_fn("async_fn", "", add),
        tool_fn("plain_fn", "", add_plainly),
        tool_fn("fallible_fn", "", fallible),
        tool_fn("async_json", "", add_json),
        tool_fn("closure", "", |Args(Add { a, b }): Args<Add>| a + b),
        tool_fn("async_block", "", |Args(Add { a, b }): Args<Add>| async move { a + b }),
        tool_fn("async_closure", "", async |Args(Add { a, b }): Args<Add>| a + b),
        tool_fn("captures", "", move |Args(Add { a, b }): Args<Add>| a + b + offset - 1),
        tool_fn("unit", "", nothing),
    ]);
    for client in both(&mcp).await {
        let sum = json!({"a": 40, "b": 2});
        for tool in
            ["async_fn", "plain_fn", "fallible_fn", "async_json", "closure", "async_block", "async_closure", "captures"]
        {
            assert_eq!(client.call(tool, sum.clone()).await.text(), "42", "{tool}");
        }
        assert_eq!(client.call("fallible_fn", json!({"a": i64::MAX, "b": 1})).await.tool_error(), "too much");
        assert!(client.call("plain_fn", json!({"a": "x", "b": 1})).await.tool_error().contains("arguments.a"));
        assert_eq!(client.call("unit", json!({})).await.result()["content"], json!([]));
    }
}

/// What a handler asks for, all of it at once: eight is the most.
#[expect(clippy::too_many_arguments, reason = "the most there can be")]
fn everything(
    Args(Add { a, b }): Args<Add>,
    State(word): State<&'static str>,
    State(number): State<u8>,
    Extension(user): Extension<User>,
    headers: Headers,
    principal: Principal,
    ctx: Context,
    Lang(lang): Lang,
) -> String {
    let agent = headers.get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or("none");
    let same = ctx.principal() == Some(&principal);
    format!("{a} {b} {word} {number} {} {agent} {same} {} {lang}", user.0, ctx.name())
}

#[expect(clippy::too_many_arguments, reason = "the most there can be")]
async fn everything_async(
    ctx: Context,
    lang: Lang,
    principal: Principal,
    headers: Headers,
    user: Extension<User>,
    number: State<u8>,
    word: State<&'static str>,
    args: Args<Add>,
) -> String {
    everything(args, word, number, user, headers, principal, ctx, lang)
}

/// An extractor of the application's own.
struct Lang(String);

impl FromCall for Lang {
    fn needs(needs: &mut Needs) {
        needs.headers();
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        let lang = call.headers().and_then(|headers| headers.get("accept-language"));
        let lang = lang.and_then(|lang| lang.to_str().ok()).map(|lang| Self(format!("{lang} {}", call.method())));
        lang.ok_or_else(|| Refusal::new("say which language"))
    }
}

/// The tool, the resource and the prompt of these handlers.
fn all_three() -> McpService {
    let mcp = Mcp::new("rig", "1.2.3")
        .state("word")
        .state(7_u8)
        .tool(tool_fn("plain", "", everything))
        .tool(tool_fn("async", "", everything_async))
        .resource(resource_fn("plain://{a}/{b}", "plain", everything))
        .resource(resource_fn("async://{a}/{b}", "async", everything_async))
        .prompt(prompt_fn("plain", "", everything))
        .prompt(prompt_fn("async", "", everything_async));
    owned(mcp).build().expect("the server builds")
}

#[tokio::test]
async fn tools_resources_and_prompts_ask_for_the_same_things() {
    let mcp = all_three();
    let dress = |ask: Ask| ask.user("ada").header("user-agent", "it/1").header("accept-language", "fr");
    for name in ["plain", "async"] {
        let (arguments, strings) = (json!({"a": 1, "b": 2}), json!({"a": "1", "b": "2"}));
        let uri = format!("{name}://1/2");
        for (method, params, pointer) in [
            ("tools/call", json!({"name": name, "arguments": arguments}), "/content/0/text"),
            ("resources/read", json!({ "uri": uri }), "/contents/0/text"),
            ("prompts/get", json!({"name": name, "arguments": strings}), "/messages/0/content/text"),
        ] {
            for client in both(&mcp).await {
                // The session is nobody's; the call is Ada's.
                let ask = client.ask(method, params.clone()).without("mcp-session-id");
                let result = dress(ask).to(&mcp).await.result();
                let expected = format!("1 2 word 7 ada it/1 true {name} fr {method}");
                assert_eq!(result.pointer(pointer), Some(&json!(expected)), "{method} {}", client.revision);
            }
        }
    }
}

/// A tool's model may correct what it is told of; the others have errors only.
#[tokio::test]
async fn what_cannot_be_had_is_refused_by_name() {
    type Spoil = fn(Ask) -> Ask;

    let mcp = all_three();
    let full = |ask: Ask| ask.user("ada").header("accept-language", "fr");
    let stranger = |ask: Ask| {
        let mut request = ask.request();
        request.extensions_mut().clear();
        Ask::from(request)
    };
    let refusals: [(Spoil, &str); 3] =
        [(|ask| ask.without("accept-language"), "say which language"), (stranger, "User"), (|ask| ask, "")];
    for (spoil, says) in refusals {
        for client in both(&mcp).await {
            let ask = |method: &str, params: Value| {
                spoil(full(client.ask(method, params).without("mcp-session-id"))).to(&mcp)
            };
            let tool = ask("tools/call", json!({"name": "plain", "arguments": {"a": 1, "b": 2}})).await;
            let read = ask("resources/read", json!({"uri": "plain://1/2"})).await;
            let got = ask("prompts/get", json!({"name": "plain", "arguments": {"a": "1", "b": "2"}})).await;
            if says.is_empty() {
                tool.text();
                read.result();
                got.result();
                continue;
            }
            assert!(tool.tool_error().contains(says), "{says}\n{tool}");
            for reply in [read, got] {
                let (code, message) = in_band(&reply);
                assert!(code == -32602 && message.contains(says), "{says}\n{reply}");
            }
        }
    }
}

#[tokio::test]
async fn a_principal_has_to_be_there_unless_it_is_optional() {
    let mcp = owned(
        Mcp::new("rig", "1.2.3")
            .tool(tool_fn("mine", "", |_: Principal| "yours"))
            .tool(tool_fn("whose", "", |who: Option<Principal>| format!("{}", who.is_some())))
            .prompt(prompt_fn("mine", "", |_: Principal| "yours")),
    );
    let mcp = mcp.build().expect("the server builds");
    for client in both(&mcp).await {
        let call = |name: &str| client.ask("tools/call", json!({ "name": name })).without("mcp-session-id");
        assert!(call("mine").to(&mcp).await.tool_error().contains("signed in"));
        assert_eq!(call("mine").user("ada").to(&mcp).await.text(), "yours");
        assert_eq!(call("whose").to(&mcp).await.text(), "false");
        assert_eq!(call("whose").user("ada").to(&mcp).await.text(), "true");
        let (code, message) = in_band(&client.get_prompt("mine", json!({})).await);
        assert!(code == -32602 && message.contains("signed in"), "{message}");
    }
}

#[tokio::test]
async fn an_optional_extractor_is_none_where_there_is_nothing() {
    let optional = |user: Option<Extension<User>>,
                    state: Option<State<u8>>,
                    other: Option<State<String>>,
                    lang: Option<Lang>,
                    args: Option<Args<Add>>,
                    headers: Option<Headers>,
                    ctx: Option<Context>| {
        let args = args.map(|Args(Add { a, b })| a + b);
        format!(
            "{:?} {:?} {:?} {:?} {args:?} {} {}",
            user.map(|Extension(user)| user.0),
            state.map(|State(state)| state),
            other.map(|State(other)| other),
            lang.map(|Lang(lang)| lang),
            headers.is_some(),
            ctx.is_some(),
        )
    };
    let mcp = Mcp::new("rig", "1.2.3").state(7_u8).tool(tool_fn("optional", "", optional)).build();
    let mcp = mcp.expect("a state that may be missing is not missed");
    for client in both(&mcp).await {
        let call = |arguments: Value| client.ask("tools/call", json!({"name": "optional", "arguments": arguments}));
        let none = call(json!({})).to(&mcp).await.text();
        assert_eq!(none, "None Some(7) None None None true true");
        let ask = call(json!({"a": 1, "b": 2})).user("ada").header("accept-language", "fr").without("mcp-session-id");
        let some = ask.to(&mcp).await.text();
        assert_eq!(some, r#"Some("ada") Some(7) None Some("fr tools/call") Some(3) true true"#);
    }
}

/// Progress and log messages are of any call, not of tools alone.
#[tokio::test]
async fn every_handler_can_tell_how_far_it_is() {
    let text = async |ctx: Context| {
        ctx.progress(1.0).total(2.0).await;
        ctx.warning("half").await;
        "spoken"
    };
    let values = move |ctx: Context| async move { [text(ctx).await] };
    let mcp = Mcp::new("rig", "1.2.3")
        .resource(resource_fn("x://{id}", "r", text).complete("id", values))
        .prompt(prompt_fn("p", "", text));
    let mcp = mcp.build().expect("the server builds");
    let meta = json!({"progressToken": 7, "io.modelcontextprotocol/logLevel": "info"});
    for client in both(&mcp).await {
        let reference = json!({"type": "ref/resource", "uri": "x://{id}"});
        for (method, params) in [
            ("resources/read", json!({"uri": "x://1", "_meta": meta})),
            ("prompts/get", json!({"name": "p", "_meta": meta})),
            ("completion/complete", json!({"ref": reference, "argument": {"name": "id", "value": ""}, "_meta": meta})),
        ] {
            let reply = client.send(method, params).await;
            let [progress, log, answer] = &reply.messages()[..] else { panic!("three messages\n{reply}") };
            assert_eq!(progress["params"], json!({"progressToken": 7, "progress": 1, "total": 2}), "{method}");
            assert_eq!((&log["method"], &log["params"]["data"]), (&json!("notifications/message"), &json!("half")));
            assert!(answer["result"].to_string().contains("spoken"), "{method}\n{reply}");
        }
    }
}

#[tokio::test]
async fn the_context_knows_what_is_called() {
    let about = |ctx: Context| {
        let client = ctx.client_info().map(|info| info.name).unwrap_or_default();
        format!("{} {:?} {} {client}", ctx.name(), ctx.uri(), ctx.revision())
    };
    let mcp = Mcp::new("rig", "1.2.3")
        .tool(tool_fn("t", "", about))
        .resource(resource_fn("x://{id}", "r", about))
        .prompt(prompt_fn("p", "", about));
    let mcp = mcp.build().expect("the server builds");
    for revision in crate::support::ALL_REVISIONS {
        let client = Client::new(&mcp, revision).await;
        assert_eq!(client.call("t", json!({})).await.text(), format!("t None {revision} it"));
        let text = client.read("x://a%20b").await.result()["contents"][0]["text"].clone();
        assert_eq!(text, json!(format!("r Some(\"x://a%20b\") {revision} it")));
        let text = client.get_prompt("p", json!({})).await.result()["messages"][0]["content"]["text"].clone();
        assert_eq!(text, json!(format!("p None {revision} it")));
    }
}
