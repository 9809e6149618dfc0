//! What is served changes while it is: the handles of a running server.

use mcp_mount::{
    Args, BuildErrorKind, Mcp, McpService, Prompt, Resource, State, Tool, prompt_fn, resource_fn, tool_fn,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::{
    eras::{Client, LISTS, List, PROMPTS, RESOURCES, TEMPLATES, TOOLS, both, in_band},
    rig::Probe,
    support::soon,
};

fn built(mcp: Mcp) -> McpService {
    mcp.build().expect("the server builds")
}

fn empty() -> McpService {
    built(Mcp::new("rig", "1.2.3"))
}

fn tool(name: &str) -> Tool {
    tool_fn(name, "A tool", || "text")
}

fn prompt(name: &str) -> Prompt {
    prompt_fn(name, "A prompt", || "text")
}

fn resource(uri: &str) -> Resource {
    resource_fn(uri, "resource", || "text")
}

async fn listed(client: &Client, list: List) -> Vec<String> {
    list.keys(&client.list(list).await)
}

#[tokio::test]
async fn what_is_added_is_served_to_those_who_are_there() {
    let mcp = empty();
    let clients = both(&mcp).await;
    mcp.tools().add(tool("t")).expect("added");
    mcp.prompts().add(prompt("p")).expect("added");
    mcp.resources().add(resource("x://r")).expect("added");
    mcp.resources().add(resource("x://of/{id}")).expect("added");
    for client in &clients {
        assert_eq!(client.call("t", json!({})).await.text(), "text");
        client.get_prompt("p", json!({})).await.result();
        client.read("x://r").await.result();
        client.read("x://of/7").await.result();
        for (list, key) in [(TOOLS, "t"), (PROMPTS, "p"), (RESOURCES, "x://r"), (TEMPLATES, "x://of/{id}")] {
            assert_eq!(listed(client, list).await, [key]);
        }
    }
    assert_eq!(mcp.describe().tools, ["t"]);
    assert_eq!(mcp.describe().resource_templates, ["x://of/{id}"]);
}

/// A capability is declared from the first addition on, and stays declared: clients have been told.
#[tokio::test]
async fn capabilities_follow_the_first_addition() {
    let mcp = empty();
    let offers = async |name: &str| {
        let [session, modern] = both(&mcp).await;
        let declared = [session.capabilities().await, modern.capabilities().await];
        assert_eq!(declared[0], declared[1], "the eras differ");
        declared[0].get(name).cloned()
    };
    for client in both(&mcp).await {
        for list in LISTS {
            assert_eq!(client.send(list.method, json!({})).await.code(), -32601, "{}", list.method);
        }
    }
    for name in ["tools", "prompts", "resources", "completions"] {
        assert_eq!(offers(name).await, None, "{name}");
    }
    mcp.tools().add(tool("t")).expect("added");
    assert_eq!(offers("tools").await, Some(json!({"listChanged": true})));
    assert_eq!(offers("prompts").await, None);
    mcp.prompts().add(prompt("p")).expect("added");
    assert_eq!(offers("prompts").await, Some(json!({"listChanged": true})));
    assert_eq!(offers("completions").await, None);
    mcp.resources().add(resource("x://{id}").complete("id", || ["1"])).expect("added");
    assert_eq!(offers("resources").await, Some(json!({"listChanged": true, "subscribe": true})));
    assert_eq!(offers("completions").await, Some(json!({})));

    assert!(mcp.tools().remove("t") && mcp.prompts().disable("p") && mcp.resources().remove("x://{id}"));
    mcp.prompts().add(prompt("q")).expect("added");
    assert!(mcp.prompts().remove("q"));
    for name in ["tools", "prompts", "resources", "completions"] {
        assert!(offers(name).await.is_some(), "{name}");
    }
    for client in both(&mcp).await {
        for list in LISTS {
            assert_eq!(listed(&client, list).await, Vec::<String>::new(), "{}: declared, so answered", list.method);
        }
    }
}

#[tokio::test]
async fn what_is_disabled_or_removed_is_not_there() {
    let ways: [fn(&McpService) -> bool; 2] = [|mcp| mcp.tools().disable("t"), |mcp| mcp.tools().remove("t")];
    for hide in ways {
        let mcp = built(Mcp::new("rig", "1.2.3").tools([tool("a"), tool("t"), tool("z")]));
        let clients = both(&mcp).await;
        assert!(hide(&mcp) && !hide(&mcp), "only the first changes anything");
        for client in &clients {
            assert_eq!(listed(client, TOOLS).await, ["a", "z"]);
            let reply = client.call("t", json!({})).await;
            let (code, message) = in_band(&reply);
            assert!(code == -32602 && message.contains("\"t\""), "as a tool that never was: {reply}");
        }
        assert_eq!(mcp.tools().keys(), ["a", "z"]);
    }
    let mcp = built(
        Mcp::new("rig", "1.2.3")
            .prompts([prompt("p"), prompt("q")])
            .resources([resource("x://r"), resource("y://{id}").complete("id", || ["1"])]),
    );
    assert!(mcp.prompts().disable("p") && mcp.resources().disable("x://r") && mcp.resources().disable("y://{id}"));
    for client in both(&mcp).await {
        assert_eq!(in_band(&client.get_prompt("p", json!({})).await).0, -32602);
        for uri in ["x://r", "y://7"] {
            let code = if client.is_modern() { -32602 } else { -32002 };
            assert_eq!(in_band(&client.read(uri).await).0, code, "{uri}");
        }
        let reference = json!({"type": "ref/resource", "uri": "y://{id}"});
        let params = json!({"ref": reference, "argument": {"name": "id", "value": ""}});
        assert_eq!(in_band(&client.send("completion/complete", params).await).0, -32602);
        assert_eq!(listed(&client, PROMPTS).await, ["q"]);
        assert_eq!(listed(&client, RESOURCES).await, Vec::<String>::new());
        assert_eq!(listed(&client, TEMPLATES).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_is_enabled_again_is_in_its_old_place() {
    let mcp = built(Mcp::new("rig", "1.2.3").tools([tool("c"), tool("a"), tool("b")]));
    let tools = mcp.tools();
    assert!(!tools.enable("a"), "it is enabled");
    assert!(tools.disable("a") && tools.enable("a"));
    assert_eq!(tools.keys(), ["c", "a", "b"]);
    assert!(tools.disable("c") && !tools.disable("nothing") && !tools.enable("nothing"));
    tools.add(tool("d")).expect("added");
    assert!(tools.enable("c"));
    for client in both(&mcp).await {
        assert_eq!(listed(&client, TOOLS).await, ["c", "a", "b", "d"]);
        assert_eq!(client.call("c", json!({})).await.text(), "text");
    }
}

#[tokio::test]
async fn a_name_is_taken_until_its_owner_is_removed() {
    use BuildErrorKind::{DuplicatePrompt, DuplicateResource, DuplicateTool};
    let mcp = built(
        Mcp::new("rig", "1.2.3")
            .tool(tool("x"))
            .prompt(prompt("x"))
            .resources([resource("x://y"), resource("x://{y}")]),
    );
    let refused = |kind: BuildErrorKind, names: &str| {
        let found = match kind {
            DuplicateTool => mcp.tools().add(tool_fn("x", "Another", || "other")),
            DuplicatePrompt => mcp.prompts().add(prompt_fn("x", "Another", || "other")),
            _ => mcp.resources().add(resource_fn(names, "another", || "other")),
        };
        let error = found.expect_err("it is taken");
        assert!(error.kind() == kind && error.to_string().contains(names), "{error:?}");
    };
    let all =
        [(DuplicateTool, "x"), (DuplicatePrompt, "x"), (DuplicateResource, "x://y"), (DuplicateResource, "x://{y}")];
    all.iter().for_each(|(kind, names)| refused(*kind, names));
    assert!(mcp.tools().disable("x") && mcp.prompts().disable("x"));
    assert!(mcp.resources().disable("x://y") && mcp.resources().disable("x://{y}"));
    all.iter().for_each(|(kind, names)| refused(*kind, names));
    assert!(mcp.tools().enable("x"));
    for client in both(&mcp).await {
        assert_eq!(client.call("x", json!({})).await.text(), "text", "the first one");
    }
    assert!(mcp.tools().remove("x") && mcp.resources().remove("x://{y}"));
    mcp.tools().add(tool_fn("x", "Another", || "other")).expect("it is free");
    mcp.resources().add(resource_fn("x://{y}", "another", || "other")).expect("it is free");
    for client in both(&mcp).await {
        assert_eq!(client.call("x", json!({})).await.text(), "other");
    }
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only its schema matters")]
struct Id {
    id: u32,
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_as_when_it_is_built() {
    use BuildErrorKind::{InvalidCompletion, InvalidPrompt, InvalidResource, InvalidTool, MissingState};
    let mcp = built(Mcp::new("rig", "1.2.3").state("a state"));
    let (tools, prompts, resources) = (mcp.tools(), mcp.prompts(), mcp.resources());
    let unmirrored = json!({"type": "object", "properties": {"a": {"type": "number", "x-mcp-header": "A"}}});
    let needy = |State(number): State<u8>| number.to_string();
    for (kind, refused) in [
        (InvalidTool, tools.add(tool("two words"))),
        (InvalidTool, tools.add(Tool::raw("raw", json!({"type": "array"}), || "text"))),
        (InvalidTool, tools.add(Tool::raw("raw", unmirrored, || "text"))),
        (MissingState, tools.add(tool_fn("needy", "", needy))),
        (InvalidPrompt, prompts.add(prompt(""))),
        (MissingState, prompts.add(prompt_fn("needy", "", needy))),
        (InvalidCompletion, prompts.add(prompt("p").complete("x", || ["1"]))),
        (InvalidResource, resources.add(resource("x://{"))),
        (InvalidResource, resources.add(resource("no scheme"))),
        (InvalidResource, resources.add(resource_fn("x://{no}", "r", |Args(_): Args<Id>| "text"))),
        (MissingState, resources.add(resource_fn("x://y", "needy", needy))),
    ] {
        assert_eq!(refused.expect_err("refused").kind(), kind);
    }
    tools.add(tool_fn("stated", "", |State(text): State<&'static str>| text)).expect("this state was given");
    for client in both(&mcp).await {
        assert_eq!(listed(&client, TOOLS).await, ["stated"], "nothing else came");
        assert_eq!(client.call("stated", json!({})).await.text(), "a state");
        for name in ["prompts", "resources", "completions"] {
            assert_eq!(client.capabilities().await.get(name), None, "{name}");
        }
    }
}

#[tokio::test]
async fn keys_are_what_is_enabled() {
    let mcp = built(
        Mcp::new("rig", "1.2.3")
            .resources([resource("z://1"), resource("z://{id}"), resource("a://1"), resource("a://{id}")])
            .prompts([prompt("z"), prompt("a")]),
    );
    assert_eq!(mcp.resources().keys(), ["z://1", "a://1", "z://{id}", "a://{id}"], "templates come last");
    mcp.resources().disable("z://{id}");
    assert_eq!(mcp.resources().keys(), ["z://1", "a://1", "a://{id}"]);
    assert_eq!(mcp.prompts().keys(), ["z", "a"]);
    assert_eq!(mcp.tools().keys(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_running_call_outlives_its_tool() {
    let probe = Probe::new();
    let mcp = built(Mcp::new("rig", "1.2.3").tools([probe.silent_tool()]));
    for client in both(&mcp).await {
        let running = tokio::spawn(client.ask("tools/call", json!({"name": "wait"})).owned_to(&mcp));
        probe.started().await;
        assert!(mcp.tools().remove("wait"));
        assert_eq!(in_band(&client.call("wait", json!({})).await).0, -32602);
        probe.release();
        assert_eq!(soon("the answer", running).await.expect("no panic").text(), "done");
        mcp.tools().add(probe.silent_tool()).expect("its name is free");
    }
}

#[tokio::test]
async fn what_is_hidden_is_not_served_by_a_template_instead() {
    let mcp = built(Mcp::new("rig", "1.2.3").resources([resource("notes://secret"), resource("notes://{id}")]));
    for client in both(&mcp).await {
        assert!(mcp.resources().disable("notes://secret"));
        let (code, _) = in_band(&client.read("notes://secret").await);
        assert!([-32602, -32002].contains(&code), "{code}");
        assert_eq!(client.read("notes://other").await.status, 200);
        assert!(mcp.resources().remove("notes://secret"));
        assert!(client.read("notes://secret").await.json().get("result").is_some(), "removed, it is the template's");
        mcp.resources().add(resource("notes://secret")).expect("its URI is free");
    }
}
