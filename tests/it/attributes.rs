//! `#[resource]` and `#[prompt]`, and what the attributes can say of parameters.

use std::{collections::BTreeSet, thread};

use mcp_mount::{
    Args, CompletionRequest, Context, Extension, IntoToolResult, Json, Mcp, McpService, Principal, PromptMessage,
    ReadResourceResult, ResourceContents, State, ToolError, prompt, prompts, resource, resources, tool, tools,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    reply::Reply,
    rig::owned,
    support::{User, call, legacy, message, modern, modern_call},
};

#[derive(Clone)]
struct Shelf(&'static str);

#[derive(Serialize, JsonSchema)]
struct Bookmark {
    id: u64,
    shelf: String,
    tags: Vec<String>,
}

/// What the shelf is for.
#[resource("app://motto", title = "The motto", mime_type = "text/plain", size = 9, icon = "data:,", ttl = "2m")]
fn motto(ctx: Context) -> &'static str {
    assert_eq!(ctx.uri(), Some("app://motto"));
    "Read more"
}

/// A bookmark.
///
/// With its tags.
#[resource("bookmark://{id}{?tag*}", name = "bookmark", cache_scope = "public", ttl = 60)]
async fn bookmark_by_id(
    #[complete(ids)] id: u64,
    State(shelf): State<Shelf>,
    #[serde(default)] tag: Vec<String>,
) -> Result<Option<Json<Bookmark>>, ToolError> {
    match id {
        0 => Err(ToolError::expose("nothing is numbered 0")),
        1..10 => Ok(Some(Json(Bookmark { id, shelf: shelf.0.to_owned(), tags: tag }))),
        _ => Ok(None),
    }
}

async fn ids(request: CompletionRequest, State(shelf): State<Shelf>) -> Vec<String> {
    assert_eq!(shelf.0, "novels");
    (0..30).map(|id| id.to_string()).filter(|id| id.starts_with(request.value())).collect()
}

#[derive(Deserialize, JsonSchema)]
struct Page {
    book: String,
    page: u32,
}

/// A page.
#[resource("page://{book}/{page}", blocking)]
fn page(Args(Page { book, page }): Args<Page>) -> ReadResourceResult {
    ReadResourceResult::new([ResourceContents::text(format!("{book}, {page}"))])
}

/// Summarize bookmarks.
#[prompt(title = "Summarize", name = "sum.up")]
async fn summarize(
    /// Which of them.
    #[complete(tags)]
    tag: String,
    State(shelf): State<Shelf>,
    #[serde(rename = "max-words")]
    #[complete(self::numbers::of_words)]
    words: Option<u32>,
) -> String {
    format!("Summarize the {} about {tag} in {} words", shelf.0, words.unwrap_or(50))
}

fn tags(request: CompletionRequest) -> Vec<&'static str> {
    ["rust", "ruby"].into_iter().filter(|tag| tag.starts_with(request.value())).collect()
}

mod numbers {
    pub async fn of_words() -> [&'static str; 2] {
        ["100", "200"]
    }
}

/// Greet.
#[prompt]
fn greet(principal: Option<Principal>) -> Vec<PromptMessage> {
    vec![PromptMessage::user("Hello"), PromptMessage::assistant(principal.map_or("Hello you", |_| "Hello friend"))]
}

fn mcp() -> McpService {
    let mcp = Mcp::new("shelf", "1.0.0").state(Shelf("novels"));
    let mcp = mcp.resources(resources![motto, bookmark_by_id, page]).prompts(prompts![summarize, greet]);
    owned(mcp).build().expect("it builds")
}

async fn list(method: &str, of: &str) -> Value {
    let modern = modern(method, json!({})).to(&mcp()).await.result()[of].clone();
    let legacy = legacy(message(1, method, json!({}))).to(&mcp()).await.result()[of].clone();
    assert_eq!(modern, legacy, "{method}");
    modern
}

async fn read(uri: &str) -> Reply {
    modern("resources/read", json!({ "uri": uri })).header("mcp-name", uri).to(&mcp()).await
}

async fn get(prompt: &str, arguments: Value) -> Reply {
    modern("prompts/get", json!({ "name": prompt, "arguments": arguments })).user("alice").to(&mcp()).await
}

/// The suggestions for an argument of what `reference` names.
async fn complete(reference: Value, argument: &str, value: &str) -> Value {
    let params = json!({ "ref": reference, "argument": { "name": argument, "value": value } });
    legacy(message(1, "completion/complete", params)).to(&mcp()).await.result()["completion"]["values"].clone()
}

#[tokio::test]
async fn resources_are_listed_as_they_were_marked() {
    let resources = list("resources/list", "resources").await;
    let expected = json!([{
        "uri": "app://motto", "name": "motto", "title": "The motto", "description": "What the shelf is for.",
        "mimeType": "text/plain", "size": 9, "icons": [{ "src": "data:," }],
    }]);
    assert_eq!(resources, expected);
    let templates = list("resources/templates/list", "resourceTemplates").await;
    assert_eq!(templates[0]["uriTemplate"], json!("bookmark://{id}{?tag*}"));
    assert_eq!(templates[0]["name"], json!("bookmark"));
    assert_eq!(templates[0]["description"], json!("A bookmark.\n\nWith its tags."));
    assert_eq!(templates[1]["name"], json!("page"), "the function's own name");
}

#[tokio::test]
async fn resources_are_read() {
    let motto = read("app://motto").await;
    assert_eq!(motto.result()["contents"][0]["text"], json!("Read more"), "{motto}");
    assert_eq!(motto.result()["contents"][0]["mimeType"], json!("text/plain"), "{motto}");
    assert_eq!(motto.result()["ttlMs"], json!(120_000), "{motto}");
    assert_eq!(motto.result()["cacheScope"], json!("private"), "{motto}");
    let page = read("page://emma/12").await;
    assert_eq!(page.result()["contents"][0]["text"], json!("emma, 12"), "{page}");
    let legacy = legacy(message(1, "resources/read", json!({ "uri": "page://emma/13" }))).to(&mcp()).await;
    assert_eq!(legacy.result()["contents"][0]["text"], json!("emma, 13"), "{legacy}");
}

#[tokio::test]
async fn variables_are_read_into_the_parameters_types() {
    let plain = read("bookmark://7").await;
    let contents = plain.result()["contents"][0].clone();
    assert_eq!(contents["mimeType"], json!("application/json"), "{plain}");
    let bookmark: Value = serde_json::from_str(contents["text"].as_str().expect("a text")).expect("JSON");
    assert_eq!(bookmark, json!({ "id": 7, "shelf": "novels", "tags": [] }));
    assert_eq!(plain.result()["cacheScope"], json!("public"), "{plain}");
    let tagged = read("bookmark://7?tag=a&tag=b").await;
    assert!(tagged.result()["contents"][0]["text"].as_str().expect("a text").contains(r#"["a","b"]"#), "{tagged}");
    let missing = read("bookmark://12").await;
    assert_eq!(missing.error()["data"]["uri"], json!("bookmark://12"), "{missing}");
    let exposed = read("bookmark://0").await;
    assert!(exposed.error()["message"].as_str().expect("a message").contains("numbered 0"), "{exposed}");
    let wrong = read("bookmark://seven").await;
    assert_eq!(wrong.code(), -32602, "{wrong}");
    assert!(wrong.error()["message"].as_str().expect("a message").contains("id"), "{wrong}");
}

#[tokio::test]
async fn prompts_are_listed_and_filled() {
    let prompts = list("prompts/list", "prompts").await;
    let summarize = &prompts[0];
    assert_eq!(summarize["name"], json!("sum.up"));
    assert_eq!(summarize["title"], json!("Summarize"));
    assert_eq!(summarize["description"], json!("Summarize bookmarks."));
    let arguments = summarize["arguments"].as_array().expect("arguments");
    let argument = |name: &str| arguments.iter().find(|argument| argument["name"] == json!(name)).expect("an argument");
    assert_eq!(arguments.len(), 2, "{prompts}");
    assert_eq!(argument("tag"), &json!({ "name": "tag", "description": "Which of them.", "required": true }));
    assert_ne!(argument("max-words")["required"], json!(true));
    assert_eq!(prompts[1]["name"], json!("greet"));
    let filled = get("sum.up", json!({ "tag": "rust", "max-words": "70" })).await;
    let text = filled.result()["messages"][0]["content"]["text"].clone();
    assert_eq!(text, json!("Summarize the novels about rust in 70 words"), "{filled}");
    let without = get("sum.up", json!({ "tag": "rust" })).await;
    assert!(without.result()["messages"][0]["content"]["text"].as_str().expect("a text").contains("50 words"));
    let wrong = get("sum.up", json!({ "tag": "rust", "max-words": "many" })).await;
    assert_eq!(wrong.code(), -32602, "{wrong}");
    let greeted = get("greet", json!({})).await;
    assert_eq!(greeted.result()["messages"][1]["content"]["text"], json!("Hello friend"), "{greeted}");
}

#[tokio::test]
async fn arguments_and_variables_are_completed() {
    let prompt = || json!({ "type": "ref/prompt", "name": "sum.up" });
    assert_eq!(complete(prompt(), "tag", "ru").await, json!(["rust", "ruby"]));
    assert_eq!(complete(prompt(), "tag", "rus").await, json!(["rust"]));
    assert_eq!(complete(prompt(), "max-words", "").await, json!(["100", "200"]), "under the name in JSON");
    let bookmark = json!({ "type": "ref/resource", "uri": "bookmark://{id}{?tag*}" });
    assert_eq!(complete(bookmark, "id", "2").await.as_array().map(Vec::len), Some(11));
}

/// Deploy.
#[tool]
async fn deploy(#[mcp_header("Region")] region: String, #[mcp_header("Tier")] tier: u8) -> String {
    format!("{region} {tier}")
}

#[tokio::test]
async fn arguments_are_repeated_in_headers() {
    let mcp = Mcp::new("clouds", "1.0.0").tools(tools![deploy]).build().expect("it builds");
    let listed = modern("tools/list", json!({})).to(&mcp).await;
    let properties = listed.result()["tools"][0]["inputSchema"]["properties"].clone();
    assert_eq!(properties["region"]["x-mcp-header"], json!("Region"), "{listed}");
    assert_eq!(properties["tier"]["x-mcp-header"], json!("Tier"), "{listed}");
    let ask = || modern_call("deploy", json!({ "region": "eu", "tier": 2 })).header("mcp-param-tier", "2");
    assert_eq!(ask().header("mcp-param-region", "eu").to(&mcp).await.text(), "eu 2");
    assert_eq!(ask().header("mcp-param-region", "us").to(&mcp).await.code(), -32020);
}

/// Describe.
#[tool]
async fn describe(axum::Json(page): axum::Json<Page>, user: Option<Extension<User>>) -> String {
    format!("{} of {}, for {:?}", page.page, page.book, user.map(|Extension(user)| user.0))
}

/// Text of the server's own.
#[tool]
async fn lend(State(shelf): State<Shelf>, State(text): State<&str>, count: Count) -> std::borrow::Cow<'static, str> {
    let Count(count) = count;
    format!("{}{text}{count}", shelf.0).into()
}

/// A type that is seen here alone.
#[derive(Deserialize, JsonSchema)]
struct Count(u8);

/// What it returns has no name.
#[tool]
fn nameless(f: Count) -> impl IntoToolResult {
    f.0
}

macro_rules! doubled {
    ($name:ident, $number:ty, $args:ident) => {
        /// Double it.
        #[tool]
        async fn $name($args: $number, State(shelf): State<Shelf>) -> String {
            format!("{} {}", shelf.0, $args * 2 as $number)
        }
    };
}

// A parameter with the name of the wrapper's own binding.
doubled!(double, f32, args);

#[tokio::test]
async fn signatures_of_all_sorts() {
    let tools = tools![describe, lend, nameless, double];
    let mcp = Mcp::new("sorts", "1.0.0").state(Shelf("novels")).state(" & ").tools(tools).build().expect("it builds");
    for (tool, arguments, text) in [
        ("describe", json!({ "book": "emma", "page": 3 }), r#"3 of emma, for Some("alice")"#),
        ("lend", json!({ "count": 4 }), "novels & 4"),
        ("nameless", json!({ "f": 5 }), "5"),
        ("double", json!({ "args": 1.5 }), "novels 3"),
    ] {
        assert_eq!(legacy(call(tool, arguments)).user("alice").to(&mcp).await.text(), text, "{tool}");
    }
    let nobody = legacy(call("describe", json!({ "book": "emma", "page": 3 }))).to(&mcp).await;
    assert_eq!(nobody.text(), "3 of emma, for None");
}

/// Where this runs.
#[tool(blocking)]
fn thread_of_a_plain_function() -> String {
    format!("{:?}", thread::current().id())
}

/// Where this runs.
#[tool(blocking)]
async fn thread_of_an_async_function() -> String {
    tokio::task::yield_now().await;
    format!("{:?}", thread::current().id())
}

/// Where this runs.
#[tool(blocking = false)]
fn thread_of_the_runtime() -> String {
    format!("{:?}", thread::current().id())
}

#[tokio::test]
async fn blocking_functions_have_a_thread_of_their_own() {
    let tools = tools![thread_of_a_plain_function, thread_of_an_async_function, thread_of_the_runtime];
    let mcp = Mcp::new("threads", "1.0.0").tools(tools).build().expect("it builds");
    let mut threads = BTreeSet::new();
    for tool in ["thread_of_a_plain_function", "thread_of_an_async_function", "thread_of_the_runtime"] {
        threads.insert(modern_call(tool, json!({})).to(&mcp).await.text());
    }
    assert_eq!(threads.len(), 3, "{threads:?}");
    assert!(threads.contains(&format!("{:?}", thread::current().id())), "{threads:?}");
}
