//! Who tells of changes: the application by its handle, a handler by its context, and what is served by itself.

use mcp_mount::{Args, Context, Json, Mcp, Notify, Resource, prompt_fn, resource_fn, tool_fn};
use serde_json::json;

use crate::{
    rig::{server as server_of, session},
    support::{Live, MODERN, call, initialize, legacy, message, modern, modern_call, soon},
    told::{Which, everything, listening, messages, server, server_with, told},
};

const NOTHING: [&str; 0] = [];

/// One client of each era, both wanting to know everything.
async fn clients(mcp: &mcp_mount::McpService) -> [Live; 2] {
    let session = session(mcp).await;
    for uri in ["test://a", "test://b"] {
        session.subscribed(uri).await;
    }
    [session.stream().await, listening(mcp, 1, everything()).await]
}

async fn all_told(clients: &mut [Live; 2], expected: &[&str], why: &str) {
    for client in clients {
        assert_eq!(told(client).await, expected, "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_call_reaches_both_eras() {
    let mcp = server();
    let mut clients = clients(&mcp).await;
    mcp.notify().tools_list_changed();
    mcp.notify().resource_updated("test://b");
    all_told(&mut clients, &["tools", "test://b"], "the handle").await;
    let (kept, of_a_clone): (Notify, Notify) = (mcp.notify().clone(), mcp.clone().notify());
    kept.prompts_list_changed();
    all_told(&mut clients, &["prompts"], "a clone of it").await;
    of_a_clone.resources_list_changed();
    all_told(&mut clients, &["resources"], "the handle of a clone of the service").await;
    mcp.on_path("/mcp").notify().resource_updated("test://a");
    all_told(&mut clients, &["test://a"], "of one mounted elsewhere").await;
}

#[tokio::test(start_paused = true)]
async fn a_service_tells_its_own_clients_only() {
    let (mcp, other) = (server(), server());
    let mut clients = clients(&mcp).await;
    other.notify().tools_list_changed();
    other.notify().resource_updated("test://a");
    all_told(&mut clients, &NOTHING, "another server's news").await;
}

#[tokio::test(start_paused = true)]
async fn any_thread_may_tell_and_nobody_has_to_listen() {
    let mcp = server();
    for _ in 0..1_000 {
        mcp.notify().tools_list_changed();
        mcp.notify().resource_updated("test://a");
    }
    let mut clients = clients(&mcp).await;
    all_told(&mut clients, &NOTHING, "what was before is not told").await;
    let notify = mcp.notify();
    std::thread::spawn(move || notify.tools_list_changed()).join().expect("no runtime is needed");
    all_told(&mut clients, &["tools"], "from a thread without a runtime").await;
    drop(clients);
    let notify = mcp.notify();
    soon("the drain", mcp.lifespan().shutdown()).await;
    notify.tools_list_changed();
    drop(mcp);
    notify.resource_updated("test://a");
}

#[test]
fn before_there_is_a_runtime() {
    let mcp = server();
    mcp.notify().prompts_list_changed();
    assert!(mcp.tools().disable("one"));
}

fn telling(mcp: Mcp) -> Mcp {
    mcp.tool(tool_fn("touch", "Touch a resource", |ctx: Context, Args(which): Args<Which>| async move {
        ctx.notify().resource_updated(&which.id);
        format!("touched {}", which.id)
    }))
    .tool(tool_fn("later", "Tell when it is over", |ctx: Context| async move {
        let notify = ctx.notify();
        tokio::spawn(async move {
            ctx.cancelled().await;
            notify.prompts_list_changed();
        });
        "soon"
    }))
    .resource(resource_fn("counter://reads", "reads", |ctx: Context| {
        ctx.notify().resource_updated("test://b");
        "read"
    }))
    .prompt(prompt_fn("news", "News", |ctx: Context| {
        ctx.notify().prompts_list_changed();
        ctx.notify().resources_list_changed();
        "Told."
    }))
}

#[tokio::test(start_paused = true)]
async fn a_handler_tells_by_its_context() {
    let mcp = server_with(telling);
    let mut clients = clients(&mcp).await;
    let touch = json!({"id": "test://a"});
    for ask in [legacy(call("touch", touch.clone())), modern_call("touch", touch)] {
        let reply = ask.to(&mcp).await;
        assert_eq!(
            (reply.text().as_str(), reply.is_sse()),
            ("touched test://a", false),
            "the news are not for the caller\n{reply}"
        );
        all_told(&mut clients, &["test://a"], "a tool").await;
    }
    assert_eq!(modern_call("later", json!({})).to(&mcp).await.text(), "soon");
    all_told(&mut clients, &["prompts"], "what outlives its call").await;
    let uri = "counter://reads";
    let read = modern("resources/read", json!({"uri": uri})).header("mcp-name", uri).to(&mcp).await;
    assert_eq!(read.result()["contents"][0]["text"], json!("read"), "{read}");
    all_told(&mut clients, &["test://b"], "a resource").await;
    let prompt = modern("prompts/get", json!({"name": "news"})).to(&mcp).await;
    assert_eq!(prompt.result()["messages"][0]["content"]["text"], json!("Told."), "{prompt}");
    all_told(&mut clients, &["prompts", "resources"], "a prompt").await;
}

/// On the real clock: threads do not wait for a paused one.
#[tokio::test]
async fn so_does_one_on_a_thread_of_its_own() {
    let tool = tool_fn("thread", "Tell", |ctx: Context| ctx.notify().tools_list_changed()).blocking(true);
    let mcp = server_with(|mcp| mcp.tool(tool));
    let mut clients = clients(&mcp).await;
    assert_eq!(modern_call("thread", json!({})).to(&mcp).await.status, 200);
    for client in &mut clients {
        let news = client.message().await.expect("open");
        assert_eq!(news["method"], json!("notifications/tools/list_changed"), "{news}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_has_told_already() {
    let probe = crate::rig::Probe::new();
    let waits = probe.clone();
    let tool = tool_fn("tell", "Tell, then wait", move |ctx: Context| {
        let probe = waits.clone();
        async move {
            ctx.notify().tools_list_changed();
            probe.run().await
        }
    });
    let mcp = server_with(|mcp| mcp.tool(tool));
    let mut clients = clients(&mcp).await;
    let running = tokio::spawn(modern_call("tell", json!({})).owned_to(&mcp));
    probe.started().await;
    all_told(&mut clients, &["tools"], "while the call runs").await;
    probe.release();
    let reply = soon("the call", running).await.expect("no panic");
    assert_eq!(reply.messages().len(), 1, "its own reply has its result and nothing else\n{reply}");
}

#[tokio::test(start_paused = true)]
async fn tools_that_come_and_go_tell_by_themselves() {
    let mcp = server();
    let mut clients = clients(&mcp).await;
    let tools = mcp.tools();
    tools.add(tool_fn("two", "Two", || "2")).expect("added");
    all_told(&mut clients, &["tools"], "added").await;
    assert_eq!(modern_call("two", json!({})).to(&mcp).await.text(), "2");
    assert!(tools.disable("one"));
    all_told(&mut clients, &["tools"], "disabled").await;
    assert_eq!(modern_call("one", json!({})).to(&mcp).await.code(), -32602);
    assert!(tools.enable("one"));
    all_told(&mut clients, &["tools"], "enabled").await;
    assert!(tools.remove("two"));
    all_told(&mut clients, &["tools"], "removed").await;
    assert_eq!(tools.keys(), ["one"]);
    assert!(!tools.enable("one") && !tools.disable("nobody") && !tools.enable("nobody") && !tools.remove("two"));
    assert!(tools.add(tool_fn("one", "The same name", || "?")).is_err());
    assert!(tools.add(tool_fn("no name", "Not a name", || "?")).is_err());
    all_told(&mut clients, &NOTHING, "nothing has changed").await;
}

#[tokio::test(start_paused = true)]
async fn resources_and_prompts_do_so_too() {
    let mcp = server();
    let mut clients = clients(&mcp).await;
    let (resources, prompts) = (mcp.resources(), mcp.prompts());
    resources.add(Resource::text("test://c", "c", "C")).expect("added");
    all_told(&mut clients, &["resources"], "a resource").await;
    resources.add(resource_fn("more://{id}", "more", |Args(which): Args<Which>| which.id)).expect("added");
    all_told(&mut clients, &["resources"], "a template").await;
    assert!(resources.disable("more://{id}") && resources.remove("test://c"));
    all_told(&mut clients, &["resources"], "two changes that nobody has read are one").await;
    assert!(!resources.remove("test://c") && !resources.disable("more://{id}"));
    assert!(resources.add(Resource::text("test://a", "a", "taken")).is_err());
    all_told(&mut clients, &NOTHING, "nothing has changed").await;
    prompts.add(prompt_fn("part", "Part", || "Bye.")).expect("added");
    all_told(&mut clients, &["prompts"], "a prompt").await;
    assert!(prompts.remove("greet"));
    all_told(&mut clients, &["prompts"], "a prompt less").await;
    assert!(prompts.add(prompt_fn("part", "Taken", || "Bye.")).is_err() && !prompts.enable("part"));
    all_told(&mut clients, &NOTHING, "nothing has changed").await;
}

/// Whoever is told asks for the list, and must not see the old one.
#[tokio::test]
async fn who_is_told_finds_the_list_changed() {
    let mcp = server();
    let mut stream = listening(&mcp, 1, everything()).await;
    for n in 0..50 {
        let (tools, name) = (mcp.tools(), format!("tool-{n}"));
        let adding = tokio::spawn(async move { tools.add(tool_fn(name, "New", || "new")) });
        let news = soon("news", stream.message()).await.expect("open");
        assert_eq!(news["method"], json!("notifications/tools/list_changed"), "{news}");
        let reply = modern("tools/list", json!({})).to(&mcp).await;
        let names = reply.result()["tools"].as_array().map(Vec::len);
        assert_eq!(names, Some(n + 2), "{reply}");
        soon("the tool", adding).await.expect("no panic").expect("added");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_declared_grows_with_what_is_served() {
    let mcp = server_of([tool_fn("one", "One", || Json(1))]);
    let declared = async || {
        let old = initialize("2025-11-25").to(&mcp).await.result()["capabilities"].clone();
        let new = modern("server/discover", json!({})).to(&mcp).await.result()["capabilities"].clone();
        assert_eq!(old, new);
        ["tools", "resources", "prompts"].map(|kind| new.get(kind).is_some())
    };
    let list = |method: &str| legacy(message(1, method, json!({})));
    assert_eq!(declared().await, [true, false, false]);
    assert_eq!(list("prompts/list").to(&mcp).await.code(), -32601);
    mcp.prompts().add(prompt_fn("greet", "Greet", || "Hello.")).expect("added");
    assert_eq!(declared().await, [true, false, true]);
    assert_eq!(list("prompts/list").to(&mcp).await.result()["prompts"].as_array().map(Vec::len), Some(1));
    mcp.resources().add(Resource::text("test://a", "a", "A")).expect("added");
    assert_eq!(declared().await, [true, true, true]);
    assert!(mcp.prompts().remove("greet") && mcp.tools().remove("one"));
    assert_eq!(declared().await, [true, true, true], "clients have been told; an empty list is a list");
    let reply = modern("prompts/list", json!({})).to(&mcp).await;
    assert_eq!(reply.result()["prompts"], json!([]), "{MODERN}\n{reply}");
}

#[tokio::test(start_paused = true)]
async fn odd_uris_arrive_whole() {
    let mcp =
        server_with(|mcp| mcp.resource(resource_fn("odd://{+rest}", "odd", |Args(which): Args<Rest>| which.rest)));
    let session = session(&mcp).await;
    for uri in ["odd://a%22b", "odd://%C3%A9/%E4%B8%96", "odd://x?y=1&z=%5C", "odd://a/b/c"] {
        let mut streams = [session.stream().await, listening(&mcp, 1, json!({"resourceSubscriptions": [uri]})).await];
        session.subscribed(uri).await;
        mcp.notify().resource_updated(uri);
        for stream in &mut streams {
            let heard = messages(stream).await;
            assert_eq!(heard.len(), 1, "{uri}: {heard:?}");
            assert_eq!(heard[0]["params"]["uri"], json!(uri));
        }
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Rest {
    rest: String,
}
