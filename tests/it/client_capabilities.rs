//! What a client can do for a handler, and what it is told when it cannot (2026-07-28, basic/index, «Error Codes»).

use http::StatusCode;
use mcp_mount::{
    Capability::{self, Elicitation, ElicitationUrl, Roots, Sampling, SamplingTools},
    Context, Mcp, McpService, Tool, ToolError, prompt_fn, resource_fn, tool_fn,
};
use serde_json::{Value, json};

use crate::{
    eras::in_band,
    rig::server,
    support::{Ask, LATEST_SESSION, Reply, call, legacy, message, modern, post},
};

const ALL: [Capability; 5] = [Sampling, SamplingTools, Elicitation, ElicitationUrl, Roots];

/// A session whose client has these capabilities.
async fn session(mcp: &McpService, capabilities: Value) -> impl Fn(&str, Value) -> Ask + use<> {
    let params = json!({
        "protocolVersion": LATEST_SESSION,
        "capabilities": capabilities,
        "clientInfo": {"name": "it", "version": "0.1"},
    });
    let reply = post(message("init", "initialize", params)).to(mcp).await;
    let id = reply.header("mcp-session-id").unwrap_or_else(|| panic!("no session\n{reply}")).to_owned();
    move |method, params| legacy(message(1, method, params)).header("mcp-session-id", &id)
}

fn stateless(method: &str, mut params: Value, capabilities: &Value) -> Ask {
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities.clone();
    let uri = params["uri"].as_str().map(str::to_owned);
    let ask = modern(method, params);
    match uri {
        Some(uri) => ask.header("mcp-name", uri),
        None => ask,
    }
}

/// The tool `supports`, which lists what its client has.
fn supports() -> Tool {
    tool_fn("supports", "", |ctx: Context| {
        let has = ALL.into_iter().filter(|capability| ctx.supports(*capability));
        has.map(Capability::as_str).collect::<Vec<_>>().join(" ")
    })
}

#[tokio::test]
async fn what_a_client_declares_is_supported() {
    let mcp = server([supports()]);
    let params = json!({"name": "supports"});
    for (capabilities, expected) in [
        (json!({}), ""),
        (json!({"sampling": {}}), "sampling"),
        (json!({"sampling": {"tools": {}}}), "sampling sampling.tools"),
        (json!({"sampling": {"context": {}}}), "sampling"),
        // An empty object is forms, as it was before there were others.
        (json!({"elicitation": {}}), "elicitation"),
        (json!({"elicitation": {"form": {}}}), "elicitation"),
        (json!({"elicitation": {"url": {}}}), "elicitation.url"),
        (json!({"elicitation": {"form": {}, "url": {}}}), "elicitation elicitation.url"),
        (json!({"roots": {"listChanged": true}}), "roots"),
        (json!({"experimental": {"sampling": {}}, "extensions": {"roots": {}}}), ""),
        (json!({"roots": {}, "sampling": {}, "elicitation": {}}), "sampling elicitation roots"),
    ] {
        let in_session = session(&mcp, capabilities.clone()).await;
        assert_eq!(in_session("tools/call", params.clone()).to(&mcp).await.text(), expected, "{capabilities}");
        let reply = stateless("tools/call", params.clone(), &capabilities).to(&mcp).await;
        assert_eq!(reply.text(), expected, "{capabilities}");
    }
    assert_eq!(legacy(call("supports", json!({}))).to(&mcp).await.text(), "", "nothing is known without a session");
}

fn needs(capability: Capability) -> impl Fn(Context) -> Result<&'static str, ToolError> + Clone {
    move |ctx| {
        ctx.require(capability)?;
        Ok("went on")
    }
}

/// A tool, a resource, a prompt and a completion that need the same.
fn all_need(capability: Capability) -> McpService {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Word {
        #[allow(dead_code, reason = "only its schema matters")]
        word: Option<String>,
    }
    let needs = needs(capability);
    let suggest = needs.clone();
    let mcp = Mcp::new("rig", "1.2.3")
        .tool(tool_fn("t", "", needs.clone()))
        .resource(resource_fn("x://r", "r", needs.clone()))
        .prompt(
            prompt_fn("p", "", move |ctx: Context, _: mcp_mount::Args<Word>| needs(ctx))
                .complete("word", move |ctx: Context| suggest(ctx).map(|word| vec![word])),
        );
    mcp.build().expect("the server builds")
}

fn asks() -> [(&'static str, Value); 4] {
    let reference = json!({"type": "ref/prompt", "name": "p"});
    [
        ("tools/call", json!({"name": "t"})),
        ("resources/read", json!({"uri": "x://r"})),
        ("prompts/get", json!({"name": "p"})),
        ("completion/complete", json!({"ref": reference, "argument": {"name": "word", "value": ""}})),
    ]
}

fn cannot_go_on(reply: &Reply, required: &Value) {
    assert_eq!((reply.status, reply.code()), (StatusCode::BAD_REQUEST, -32021), "{reply}");
    assert_eq!(reply.error()["data"], json!({ "requiredCapabilities": required }), "{reply}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply}");
    assert_eq!(reply.json()["id"], json!(1), "{reply}");
}

/// «The server MUST return a MissingRequiredClientCapabilityError (-32021) whose data.requiredCapabilities lists the
/// missing capabilities. On HTTP, the response status MUST be 400 Bad Request.»
#[tokio::test]
async fn what_is_missing_is_named() {
    for (capability, required) in [
        (Sampling, json!({"sampling": {}})),
        (SamplingTools, json!({"sampling": {"tools": {}}})),
        (Elicitation, json!({"elicitation": {}})),
        (ElicitationUrl, json!({"elicitation": {"url": {}}})),
        (Roots, json!({"roots": {}})),
    ] {
        let mcp = all_need(capability);
        for (method, params) in asks() {
            cannot_go_on(&stateless(method, params.clone(), &json!({})).to(&mcp).await, &required);
            let reply = stateless(method, params, &required).to(&mcp).await;
            assert!(reply.result().to_string().contains("went on"), "{method}\n{reply}");
        }
    }
}

/// There is no such code in sessions: a tool has failed, and anything else with -32603.
#[tokio::test]
async fn a_session_is_told_in_words() {
    for (capability, required) in
        [(Sampling, json!({"sampling": {}})), (ElicitationUrl, json!({"elicitation": {"url": {}}}))]
    {
        let mcp = all_need(capability);
        let poor = session(&mcp, json!({"experimental": {}})).await;
        let rich = session(&mcp, required).await;
        for (method, params) in asks() {
            let reply = poor(method, params.clone()).to(&mcp).await;
            if method == "tools/call" {
                assert!(reply.tool_error().contains(capability.as_str()), "{reply}");
            } else {
                let (code, message) = in_band(&reply);
                assert!(code == -32603 && message.contains(capability.as_str()), "{method}\n{reply}");
            }
            let reply = rich(method, params).to(&mcp).await;
            assert!(reply.result().to_string().contains("went on"), "{method}\n{reply}");
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("hunter2")]
struct Wrapped(#[from] mcp_mount::MissingCapability);

/// Whatever error the handler makes of it.
#[tokio::test]
async fn it_travels_through_any_error() {
    let mcp = server([
        tool_fn("own", "", |ctx: Context| -> Result<&str, Wrapped> { Ok(ctx.require(Roots).map(|()| "went on")?) }),
        tool_fn("text", "", async |ctx: Context| ctx.require(Roots).map_err(|_| "hunter2")),
        tool_fn("exposed", "", async |ctx: Context| ctx.require(Roots).map_err(ToolError::expose)),
        tool_fn("first", "", async |ctx: Context| -> Result<(), ToolError> {
            ctx.require(Roots).or_else(|_| ctx.require(Sampling))?;
            Ok(())
        }),
        tool_fn("blocking", "", |ctx: Context| ctx.require(Roots)).blocking(true),
        tool_fn("later", "", async |ctx: Context| {
            tokio::task::yield_now().await;
            ctx.require(Roots)
        }),
    ]);
    for tool in ["own", "text", "exposed", "first", "blocking", "later"] {
        let reply = stateless("tools/call", json!({ "name": tool }), &json!({})).to(&mcp).await;
        cannot_go_on(&reply, &json!({"roots": {}}));
        assert!(!reply.to_string().contains("hunter2"), "{reply}");
        let in_session = session(&mcp, json!({})).await;
        let reply = in_session("tools/call", json!({ "name": tool })).to(&mcp).await;
        assert!(reply.tool_error().contains("roots"), "{reply}");
    }
}

/// What the handler said of its progress before is not worth the status.
#[tokio::test]
async fn the_status_is_right_as_long_as_nothing_was_sent() {
    let tool = tool_fn("says", "", async |ctx: Context| {
        ctx.progress(1.0).await;
        ctx.require(Roots)
    });
    let mcp = server([tool]);
    let params = json!({"name": "says", "_meta": {"progressToken": "token"}});
    cannot_go_on(&stateless("tools/call", params, &json!({})).to(&mcp).await, &json!({"roots": {}}));
}

#[tokio::test]
async fn a_handler_that_goes_another_way_has_not_failed() {
    let mcp = server([
        tool_fn("another", "", |ctx: Context| match ctx.require(Roots) {
            Ok(()) => "with roots".to_owned(),
            Err(missing) => format!("without {}: {missing}", missing.capability().as_str()),
        }),
        tool_fn("fails", "", |_: Context| Err::<(), _>(ToolError::expose("for another reason"))),
    ]);
    let another = stateless("tools/call", json!({"name": "another"}), &json!({})).to(&mcp).await.text();
    assert!(another.starts_with("without roots: ") && another.contains("`roots`"), "{another}");
    let fails = stateless("tools/call", json!({"name": "fails"}), &json!({})).to(&mcp).await;
    assert_eq!(fails.tool_error(), "for another reason");
}
