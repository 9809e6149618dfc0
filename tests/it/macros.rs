//! `#[tool]` and `tools![..]`.

use mcp_mount::{Args, Context, Extension, Headers, Json, State, ToolError, tool, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    rig::{server, server_with},
    support::{User, call, legacy, message, modern, modern_call, soon},
};

/// Add two numbers.
///
/// The second paragraph belongs to the description too.
#[tool]
async fn add(
    /// The first number.
    a: f64,
    /// The second number.
    b: f64,
) -> f64 {
    a + b
}

/// Subtract, without `async`.
#[tool]
fn subtract(a: i64, b: Option<i64>) -> i64 {
    a - b.unwrap_or(1)
}

/// Search the shop.
#[tool(name = "shop.search", title = "Search", read_only, idempotent, destructive = false, open_world)]
async fn search(query: String, #[serde(default)] limit: u32) -> String {
    format!("{query} {limit}")
}

#[derive(Clone)]
struct Shop(&'static str);

#[derive(Serialize, JsonSchema)]
struct Receipt {
    shop: String,
    user: String,
    client: String,
    item: String,
}

/// Buy an item.
#[tool]
async fn buy(
    State(shop): State<Shop>,
    Extension(user): Extension<User>,
    headers: Headers,
    ctx: Context,
    /// What to buy.
    item: String,
) -> Result<Json<Receipt>, ToolError> {
    if item.is_empty() {
        return Err(ToolError::expose("nothing to buy"));
    }
    let _: u64 = item.len().try_into()?;
    ctx.progress(1.0).await;
    let client = headers.get("user-agent").map_or("nobody", |value| value.to_str().unwrap_or("?"));
    Ok(Json(Receipt { shop: shop.0.to_owned(), user: user.0.to_owned(), client: client.to_owned(), item }))
}

/// The arguments of `whole`.
#[derive(Deserialize, JsonSchema)]
struct Whole {
    /// How many.
    count: u8,
}

/// Take all arguments at once.
#[tool]
async fn whole(Args(all): Args<Whole>) -> u8 {
    all.count
}

/// Never done.
#[tool(timeout = "3s")]
async fn slow() -> &'static str {
    std::future::pending().await
}

/// Tools in a module of their own.
pub mod elsewhere {
    use mcp_mount::tool;

    /// Multiply two numbers.
    #[tool]
    pub async fn multiply(a: f64, b: f64) -> f64 {
        a * b
    }
}

/// A clash: this name is a module already.
#[tool(companion = clash_tool)]
async fn clash() -> &'static str {
    "clashed"
}

mod clash {
    pub const NAME: &str = "a module of the same name";
}

/// Configured away, with all that the attribute would have written for it.
#[cfg(any())]
#[tool]
async fn gone(argument: NoSuchType) -> String {
    argument.to_string()
}

/// The one that is there in its place.
#[tool]
async fn gone() -> &'static str {
    "here"
}

fn mcp() -> mcp_mount::McpService {
    let tools = tools![add, subtract, search, buy, whole, slow, elsewhere::multiply, clash_tool, gone];
    server_with(tools, |mcp| mcp.state(Shop("corner shop")))
}

async fn listed(name: &str) -> Value {
    let reply = modern("tools/list", json!({})).to(&mcp()).await;
    let tools = reply.result()["tools"].as_array().cloned().unwrap_or_default();
    let found = tools.into_iter().find(|tool| tool["name"] == json!(name));
    found.unwrap_or_else(|| panic!("{name} is not listed\n{reply}"))
}

#[tokio::test]
async fn the_function_stays_a_function() {
    assert_eq!(add(1.0, 2.0).await, 3.0);
    assert_eq!(subtract(5, None), 4);
    assert_eq!(elsewhere::multiply(2.0, 4.0).await, 8.0);
    assert_eq!(search("a".to_owned(), 3).await, "a 3");
    assert_eq!(gone().await, "here");
    assert_eq!(clash().await, "clashed");
    assert_eq!(clash::NAME, "a module of the same name");
}

#[tokio::test]
async fn names_and_descriptions_come_from_the_function() {
    let tool = listed("add").await;
    let description = tool["description"].as_str().expect("a description");
    assert!(description.starts_with("Add two numbers."), "{description}");
    assert!(description.contains("The second paragraph"), "{description}");
    assert_eq!(listed("multiply").await["description"], json!("Multiply two numbers."));
    let search = listed("shop.search").await;
    assert_eq!(search["title"], json!("Search"));
    let hints = json!({"readOnlyHint": true, "idempotentHint": true, "destructiveHint": false, "openWorldHint": true});
    assert_eq!(search["annotations"], hints);
    assert_eq!(tool.get("annotations"), None, "a flag that is left out is not sent");
}

#[tokio::test]
async fn parameters_are_the_schema() {
    let schema = listed("add").await["inputSchema"].clone();
    assert_eq!(schema["type"], json!("object"));
    assert_eq!(schema["properties"]["a"]["type"], json!("number"));
    assert_eq!(schema["properties"]["a"]["description"], json!("The first number."));
    assert_eq!(schema["properties"]["b"]["description"], json!("The second number."));
    assert_eq!(schema["required"], json!(["a", "b"]));
    let schema = listed("subtract").await["inputSchema"].clone();
    assert_eq!(schema["required"], json!(["a"]), "an Option may be left out");
    let schema = listed("shop.search").await["inputSchema"].clone();
    assert_eq!(schema["required"], json!(["query"]), "so may what has a default");
    let schema = listed("whole").await["inputSchema"].clone();
    assert_eq!(schema["properties"]["count"]["description"], json!("How many."));
    let buy = listed("buy").await;
    let properties = buy["inputSchema"]["properties"].as_object().expect("properties");
    assert_eq!(properties.keys().collect::<Vec<_>>(), ["item"], "extractors are no arguments");
    assert_eq!(properties["item"]["description"], json!("What to buy."));
    assert_eq!(buy["outputSchema"]["type"], json!("object"));
    assert!(buy["outputSchema"]["properties"]["shop"].is_object(), "{buy}");
    assert_eq!(listed("slow").await["inputSchema"]["type"], json!("object"));
}

#[tokio::test]
async fn calls() {
    let mcp = mcp();
    for (tool, arguments, text) in [
        ("add", json!({"a": 1.5, "b": 2}), "3.5"),
        ("subtract", json!({"a": 5, "b": 3}), "2"),
        ("subtract", json!({"a": 5}), "4"),
        ("subtract", json!({"a": 5, "b": null}), "4"),
        ("shop.search", json!({"query": "tea"}), "tea 0"),
        ("shop.search", json!({"query": "tea", "limit": 7}), "tea 7"),
        ("whole", json!({"count": 200}), "200"),
        ("multiply", json!({"a": 2, "b": 3.5}), "7"),
        ("clash", json!({}), "clashed"),
    ] {
        assert_eq!(modern_call(tool, arguments.clone()).to(&mcp).await.text(), text, "{tool} {arguments}");
        assert_eq!(legacy(call(tool, arguments.clone())).to(&mcp).await.text(), text, "{tool} {arguments}");
    }
}

#[tokio::test]
async fn extractors_and_results() {
    let mcp = mcp();
    let reply = modern_call("buy", json!({"item": "tea"})).user("alice").header("user-agent", "it").to(&mcp).await;
    let receipt = json!({"shop": "corner shop", "user": "alice", "client": "it", "item": "tea"});
    assert_eq!(reply.result()["structuredContent"], receipt, "{reply}");
    let reply = modern_call("buy", json!({"item": ""})).user("alice").to(&mcp).await;
    assert_eq!(reply.tool_error(), "nothing to buy");
}

#[tokio::test]
async fn bad_arguments_name_the_path() {
    let mcp = mcp();
    for (tool, arguments, says) in [
        ("add", json!({"a": "one", "b": 2}), ["arguments.a", "f64"]),
        ("add", json!({"a": 1}), ["arguments", "`b`"]),
        ("whole", json!({"count": 256}), ["arguments.count", "u8"]),
        ("shop.search", json!({"query": "tea", "limit": -1}), ["arguments.limit", "u32"]),
    ] {
        let text = modern_call(tool, arguments.clone()).to(&mcp).await.tool_error();
        for expected in says {
            assert!(text.contains(expected), "{tool} {arguments}: {text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_timeout_is_the_attributes() {
    let mcp = mcp();
    let begun = Instant::now();
    let reply = soon("the timeout", modern_call("slow", json!({})).to(&mcp)).await;
    assert_eq!(begun.elapsed().as_secs(), 3);
    reply.tool_error();
}

#[tokio::test]
async fn the_list_keeps_the_order_of_the_code() {
    let reply = legacy(message(1, "tools/list", json!({}))).to(&server(tools![subtract, add])).await;
    let names: Vec<_> = reply.result()["tools"].as_array().expect("tools").iter().map(|t| t["name"].clone()).collect();
    assert_eq!(names, ["subtract", "add"], "{reply}");
    let none: Vec<mcp_mount::Tool> = tools![];
    assert!(none.is_empty());
}
