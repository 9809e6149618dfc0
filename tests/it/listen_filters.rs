//! 2026-07-28, `subscriptions/listen`: the request, and what of its filter is honoured.

use mcp_mount::{Args, Resource, prompt_fn, resource_fn, tool_fn};
use serde_json::{Value, json};

use crate::{
    rig::{server as server_of, server_with as server_of_with, session},
    support::{MODERN, SESSION_REVISIONS, legacy, message, modern, modern_meta, notification, post, secs},
    table::{case, check_with},
    told::{Which, changing, everything, listen, listening, server, told},
};

const NOTHING: [&str; 0] = [];

/// What the acknowledgment of this filter says.
async fn honoured(mcp: &mcp_mount::McpService, filter: Value) -> Value {
    let mut stream = listen(1, filter).open(mcp).await;
    assert_eq!(stream.status, 200, "{:#?}", stream.headers);
    let acknowledged = stream.message().await.expect("an acknowledgment");
    acknowledged["params"]["notifications"].clone()
}

#[tokio::test(start_paused = true)]
async fn only_what_was_asked_for_is_told() {
    let mcp = server();
    let change_everything = || {
        mcp.notify().tools_list_changed();
        mcp.notify().prompts_list_changed();
        mcp.notify().resources_list_changed();
        mcp.notify().resource_updated("test://a");
        mcp.notify().resource_updated("test://b");
        mcp.notify().resource_updated("item://7");
    };
    for (filter, expected) in [
        (json!({}), &NOTHING[..]),
        (json!({"toolsListChanged": true}), &["tools"]),
        (json!({"promptsListChanged": true}), &["prompts"]),
        (json!({"resourcesListChanged": true}), &["resources"]),
        (json!({"resourceSubscriptions": ["test://b"]}), &["test://b"]),
        (json!({"resourceSubscriptions": ["item://7"]}), &["item://7"]),
        (json!({"resourceSubscriptions": []}), &[]),
        (json!({"toolsListChanged": false, "promptsListChanged": true}), &["prompts"]),
        (json!({"toolsListChanged": true, "resourceSubscriptions": ["test://a"]}), &["tools", "test://a"]),
    ] {
        let mut stream = listening(&mcp, 1, filter.clone()).await;
        change_everything();
        assert_eq!(told(&mut stream).await, expected, "{filter}");
        stream.listen(secs(120)).await;
        change_everything();
        assert_eq!(told(&mut stream).await, expected, "{filter}, later");
    }
}

#[tokio::test]
async fn the_acknowledgment_says_what_is_honoured() {
    let mcp = server();
    for filter in [
        json!({}),
        json!({"toolsListChanged": true}),
        json!({"promptsListChanged": true, "resourcesListChanged": true}),
        json!({"resourceSubscriptions": ["test://b", "test://a", "item://x"]}),
        everything(),
    ] {
        let mut said = honoured(&mcp, filter.clone()).await;
        let mut asked = filter;
        for one in [&mut said, &mut asked] {
            if let Some(uris) = one["resourceSubscriptions"].as_array_mut() {
                uris.sort_by_key(Value::to_string);
            }
        }
        assert_eq!(said, asked);
    }
    assert_eq!(honoured(&mcp, json!({"toolsListChanged": false})).await.get("promptsListChanged"), None);
    let twice = honoured(&mcp, json!({"resourceSubscriptions": ["test://a", "test://a"]})).await;
    assert_eq!(twice, json!({"resourceSubscriptions": ["test://a"]}));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_supported_is_left_out() {
    let tools = || tool_fn("one", "One", || "1");
    let prompts = || prompt_fn("greet", "Greet", || "Hello.");
    let templates = || resource_fn("item://{id}", "item", |Args(which): Args<Which>| which.id);
    for (mcp, supported) in [
        (server_of([]), json!({})),
        (server_of([tools()]), json!({"toolsListChanged": true})),
        (server_of_with([], |mcp| mcp.prompt(prompts())), json!({"promptsListChanged": true})),
        (server_of_with([], |mcp| mcp.resource(templates())), json!({"resourcesListChanged": true})),
        (
            server_of_with([], |mcp| mcp.resource(Resource::text("test://a", "a", "A"))),
            json!({"resourcesListChanged": true, "resourceSubscriptions": ["test://a"]}),
        ),
    ] {
        assert_eq!(honoured(&mcp, everything()).await, supported);
        let mut stream = listening(&mcp, 1, everything()).await;
        mcp.notify().tools_list_changed();
        mcp.notify().prompts_list_changed();
        mcp.notify().resources_list_changed();
        mcp.notify().resource_updated("test://b");
        let lists = ["toolsListChanged", "promptsListChanged", "resourcesListChanged"];
        let expected = lists.iter().filter(|list| supported.get(list).is_some()).count();
        assert_eq!(told(&mut stream).await.len(), expected, "{supported}: what is not acknowledged is not told");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_resource_is_left_out() {
    let mcp = server();
    let filter = json!({"resourceSubscriptions": ["test://nowhere", "test://a", "", "item://"]});
    assert_eq!(honoured(&mcp, filter.clone()).await, json!({"resourceSubscriptions": ["test://a"]}));
    let mut stream = listening(&mcp, 1, filter).await;
    mcp.notify().resource_updated("test://nowhere");
    assert_eq!(told(&mut stream).await, NOTHING);
    let nothing = honoured(&mcp, json!({"resourceSubscriptions": ["test://nowhere"]})).await;
    assert!(matches!(nothing.to_string().as_str(), "{}" | r#"{"resourceSubscriptions":[]}"#), "{nothing}");
}

#[tokio::test]
async fn what_other_versions_may_add_is_ignored() {
    let mcp = server();
    let filter = json!({"toolsListChanged": true, "tasksListChanged": true, "x": {"y": [1]}});
    assert_eq!(honoured(&mcp, filter).await, json!({"toolsListChanged": true}));
    let params = json!({"notifications": {}, "x": 1, "_meta": {"example.com/trace": "t"}});
    let mut stream = modern("subscriptions/listen", params).open(&mcp).await;
    assert!(stream.message().await.is_some());
}

#[tokio::test]
async fn bad_filters_are_refused_with_the_path() {
    let mcp = server();
    let reply = modern("subscriptions/listen", json!({})).to(&mcp).await;
    assert_eq!((reply.code(), &reply.json()["id"]), (-32602, &json!(1)), "{reply}");
    assert!(reply.error()["message"].as_str().is_some_and(|text| text.contains("params.notifications: ")), "{reply}");
    for (filter, path) in [
        (json!(null), ""),
        (json!([]), ""),
        (json!([true, true, true, []]), ""),
        (json!("toolsListChanged"), ""),
        (json!(1), ""),
        (json!({"toolsListChanged": "true"}), ".toolsListChanged"),
        (json!({"promptsListChanged": 1}), ".promptsListChanged"),
        (json!({"resourcesListChanged": null}), ".resourcesListChanged"),
        (json!({"resourceSubscriptions": "test://a"}), ".resourceSubscriptions"),
        (json!({"resourceSubscriptions": {"test://a": true}}), ".resourceSubscriptions"),
        (json!({"resourceSubscriptions": ["test://a", 7]}), ".resourceSubscriptions[1]"),
        (json!({"resourceSubscriptions": [null]}), ".resourceSubscriptions[0]"),
    ] {
        let reply = listen("f", filter.clone()).to(&mcp).await;
        assert_eq!((reply.code(), &reply.json()["id"]), (-32602, &json!("f")), "{filter}\n{reply}");
        let (text, path) = (reply.error()["message"].to_string(), format!("params.notifications{path}: "));
        assert!(text.contains(&path), "{filter}: {text} does not say {path}");
        assert!(!reply.is_sse(), "{filter}: no stream\n{reply}");
    }
}

#[tokio::test]
async fn the_headers_mirror_the_request() {
    let good = || listen(7, everything());
    check_with(
        changing,
        [
            case("Accept without a stream", 406, good().header("accept", "application/json"))
                .echoes(7)
                .says("text/event-stream"),
            case(
                "Accept with a stream of no weight",
                406,
                good().header("accept", "application/json, text/event-stream;q=0"),
            ),
            case("Accept of neither", 406, good().header("accept", "text/html")),
            case("no Mcp-Method", 400, good().without("mcp-method")).code(-32020).echoes(7).says("mcp-method"),
            case("another Mcp-Method", 400, good().header("mcp-method", "tools/list")).code(-32020).echoes(7),
            case("no version", 400, good().without("mcp-protocol-version")).code(-32020).echoes(7),
            case("another version", 400, good().header("mcp-protocol-version", "2025-11-25")).code(-32020).echoes(7),
            case("plain text", 415, good().header("content-type", "text/plain")),
            case("a foreign host", 403, good().header("host", "evil.example")),
            case("a foreign origin", 403, good().header("origin", "https://evil.example")),
            case(
                "no _meta",
                400,
                post(message(7, "subscriptions/listen", json!({"notifications": {}})))
                    .header("mcp-protocol-version", MODERN)
                    .header("mcp-method", "subscriptions/listen"),
            )
            .code(-32602)
            .echoes(7),
            case("no id", 202, {
                let params = json!({"notifications": everything(), "_meta": modern_meta()});
                post(notification("subscriptions/listen", params)).header("mcp-protocol-version", MODERN)
            }),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_does_not_matter_is_not_looked_at() {
    let mcp = server();
    for ask in [
        listen(1, everything()).header("mcp-name", "whatever"),
        listen(1, everything()).header("mcp-session-id", "whatever"),
        listen(1, everything()).header("last-event-id", "7"),
        listen(1, everything()).header("accept", "text/event-stream"),
        listen(1, everything()).header("accept", "*/*"),
        listen(1, everything()).without("accept"),
    ] {
        let stream = ask.open(&mcp).await;
        assert!(stream.status == 200 && stream.is_sse(), "{} {:#?}", stream.status, stream.headers);
    }
}

#[tokio::test]
async fn sessions_have_no_such_method() {
    let mcp = server();
    let ask = || message(1, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let reply = session(&mcp).await.post(ask()).to(&mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (200, -32601), "{reply}");
    for revision in SESSION_REVISIONS {
        let reply = legacy(ask()).header("mcp-protocol-version", revision).to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (200, -32601), "{revision}\n{reply}");
        assert!(!reply.is_sse(), "{reply}");
    }
}

/// A stream may be open for days, and there may be thousands: what one of them holds is bounded.
#[tokio::test]
async fn a_filter_has_a_bound() {
    let mcp = server();
    let uris = |count: usize| (0..count).map(|n| format!("item://{n:0>92}")).collect::<Vec<_>>();
    let few = honoured(&mcp, json!({"resourceSubscriptions": uris(100)})).await;
    assert_eq!(few["resourceSubscriptions"].as_array().map(Vec::len), Some(100));
    let many = listen(1, json!({"resourceSubscriptions": uris(10_000)})).to(&mcp).await;
    assert_eq!(many.code(), -32602, "a megabyte of URIs\n{many}");
    let text = many.error()["message"].to_string();
    assert!(text.contains("params.notifications.resourceSubscriptions"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_is_added_later_can_be_asked_for_later() {
    let mcp = server_of([tool_fn("one", "One", || "1")]);
    let mut early = listening(&mcp, 1, everything()).await;
    mcp.prompts().add(prompt_fn("greet", "Greet", || "Hello.")).expect("added");
    assert_eq!(told(&mut early).await, NOTHING, "it was not acknowledged");
    let mut late = listening(&mcp, 2, everything()).await;
    assert_eq!(
        honoured(&mcp, everything()).await,
        json!({"toolsListChanged": true, "promptsListChanged": true}),
        "the server has prompts by now"
    );
    mcp.prompts().disable("greet");
    assert_eq!(told(&mut late).await, ["prompts"]);
    assert_eq!(told(&mut early).await, NOTHING);
}
