//! `_meta`: what clients say in it reaches handlers, and what handlers say reaches clients.

use mcp_mount::{
    CallToolResult, Context, GetPromptResult, Mcp, McpService, PromptMessage, ReadResourceResult, Resource,
    ResourceContents, Tool, ToolError, prompt_fn, resource_fn, tool_fn,
};
use serde_json::{Value, json};

use crate::{
    rig::{Session, session},
    support::{ALL_REVISIONS, Ask, MODERN, SESSION_REVISIONS, message, modern},
};

const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// Says what it was sent.
fn meta() -> Tool {
    tool_fn("meta", "Say what came beside the arguments", |ctx: Context| async move {
        let number: Option<u32> = ctx.meta_value("com.example/number").map_err(ToolError::expose)?;
        Ok::<_, ToolError>(json!({ "whole": ctx.meta(), "number": number }))
    })
}

/// Answers with a `_meta` of its own.
fn server() -> McpService {
    let tool = tool_fn("tool", "Answer with metadata", || {
        CallToolResult::text("done")
            .meta("com.example/trace", json!({ "steps": 3 }))
            .meta("ui", true)
            .meta(SERVER_INFO, "forged")
            .meta("io.modelcontextprotocol/subscriptionId", 7)
    });
    let page = resource_fn("ui://page", "page", || {
        let part = ResourceContents::text("<p>").meta("ui", json!({ "prefersBorder": true }));
        ReadResourceResult::new([part]).meta("com.example/read", 1)
    });
    let prompt = prompt_fn("prompt", "Ask", || GetPromptResult::new([PromptMessage::user("ask")]).meta("of", "prompt"));
    Mcp::new("rig", "1.2.3")
        .tools([tool.meta("ui", json!({ "resourceUri": "ui://page" })), meta()])
        .resources([page.meta("com.example/owner", "ada"), Resource::text("a://{x}", "template", "").meta("of", "t")])
        .prompt(prompt.meta("com.example/level", 2))
        .build()
        .expect("the server builds")
}

/// The same request in a session of each revision, and in 2026-07-28.
async fn in_every_revision(mcp: &McpService, method: &str, params: Value) -> Vec<(&'static str, Value)> {
    let mut results = Vec::new();
    for revision in SESSION_REVISIONS {
        let session = Session::open(mcp, revision, None).await;
        results.push((revision, session.post(message(1, method, params.clone())).to(mcp).await.result()));
    }
    let mut ask = modern(method, params.clone());
    if let Some(uri) = params["uri"].as_str() {
        ask = ask.header("mcp-name", uri);
    }
    results.push((MODERN, ask.to(mcp).await.result()));
    assert_eq!(results.len(), ALL_REVISIONS.len());
    results
}

#[tokio::test]
async fn a_handler_sees_the_whole_of_what_its_client_sent() {
    let mcp = server();
    let said = json!({"com.example/number": 7, "progressToken": "p", "nested": {"a": [1, {"b": null}]}});
    let params = json!({"name": "meta", "arguments": {}, "_meta": said});
    let of = |result: Value| result["structuredContent"].clone();
    for (revision, result) in in_every_revision(&mcp, "tools/call", params).await {
        if revision < "2025-06-18" {
            continue; // which has no structured content to tell it by
        }
        let seen = of(result);
        assert_eq!(seen["number"], 7, "{revision}");
        for (key, value) in said.as_object().expect("an object") {
            assert_eq!(&seen["whole"][key], value, "{revision}: {key}");
        }
        assert_eq!(seen["whole"].get("io.modelcontextprotocol/protocolVersion").is_some(), revision == MODERN);
    }
    let session = session(&mcp).await;
    let without = session.post(message(1, "tools/call", json!({"name": "meta"}))).to(&mcp).await;
    assert_eq!(of(without.result()), json!({"whole": null, "number": null}));
    let params = json!({"name": "meta", "_meta": {"com.example/number": "seven"}});
    let wrong = session.post(message(1, "tools/call", params)).to(&mcp).await;
    assert!(wrong.tool_error().contains("invalid type: string"), "{wrong}");
}

#[tokio::test]
async fn a_result_has_its_own_and_the_servers() {
    let mcp = server();
    for (method, params, own) in [
        ("tools/call", json!({"name": "tool"}), json!({"com.example/trace": {"steps": 3}, "ui": true})),
        ("resources/read", json!({"uri": "ui://page"}), json!({"com.example/read": 1})),
        ("prompts/get", json!({"name": "prompt"}), json!({"of": "prompt"})),
    ] {
        for (revision, result) in in_every_revision(&mcp, method, params.clone()).await {
            let mut expected = own.clone();
            if revision == MODERN {
                expected[SERVER_INFO] = json!({"name": "rig", "version": "1.2.3"});
                assert_eq!(result["resultType"], "complete", "{method}");
            }
            assert_eq!(result["_meta"], expected, "{method} in {revision}");
        }
    }
}

#[tokio::test]
async fn no_key_is_there_twice() {
    let mcp = server();
    let reply = modern("tools/call", json!({"name": "tool"})).to(&mcp).await;
    let text = String::from_utf8(reply.body.to_vec()).expect("text");
    for key in [SERVER_INFO, "\"_meta\"", "com.example/trace"] {
        assert_eq!(text.matches(key).count(), 1, "{key} in {text}");
    }
    assert!(!text.contains("forged") && !text.contains("subscriptionId"), "{text}");
}

#[tokio::test]
async fn a_definition_lists_it_since_2025_06_18() {
    let mcp = server();
    for (method, list, expected) in [
        ("tools/list", "tools", json!({"ui": {"resourceUri": "ui://page"}})),
        ("resources/list", "resources", json!({"com.example/owner": "ada"})),
        ("resources/templates/list", "resourceTemplates", json!({"of": "t"})),
        ("prompts/list", "prompts", json!({"com.example/level": 2})),
    ] {
        for (revision, result) in in_every_revision(&mcp, method, json!({})).await {
            let expected = if revision < "2025-06-18" { Value::Null } else { expected.clone() };
            assert_eq!(result[list][0]["_meta"], expected, "{method} in {revision}");
        }
    }
    for (revision, result) in in_every_revision(&mcp, "resources/read", json!({"uri": "ui://page"})).await {
        let expected =
            if revision < "2025-06-18" { Value::Null } else { json!({"ui": {"prefersBorder": true}})["ui"].clone() };
        assert_eq!(result["contents"][0]["_meta"]["ui"], expected, "{revision}");
    }
}

#[test]
fn a_key_that_is_none_fails_the_build() {
    for (key, fault) in [
        ("a b", "no key"),
        ("-x", "no key"),
        ("com.example/a/b", "no key"),
        (SERVER_INFO, "the protocol's own"),
        ("progressToken", "the protocol's own"),
    ] {
        let build = |configure: &dyn Fn(Mcp) -> Mcp| configure(Mcp::new("demo", "1")).build().unwrap_err().to_string();
        let errors = [
            build(&|mcp| mcp.tool(tool_fn("work", "Work", || "done").meta(key, 1))),
            build(&|mcp| mcp.resource(Resource::text("a://work", "work", "").meta(key, 1))),
            build(&|mcp| mcp.prompt(prompt_fn("work", "Work", || "done").meta(key, 1))),
        ];
        for error in errors {
            assert!(error.contains("work") && error.contains("_meta") && error.contains(fault), "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_no_metadata_is_refused() {
    let mcp = server();
    let session = session(&mcp).await;
    let ask = |meta: Value| -> Ask { session.post(message(1, "tools/call", json!({"name": "meta", "_meta": meta}))) };
    for bad in [json!([]), json!("x"), json!(1)] {
        assert_eq!(ask(bad).to(&mcp).await.code(), -32602);
    }
    assert_eq!(ask(Value::Null).to(&mcp).await.result()["structuredContent"]["whole"], Value::Null);
}
