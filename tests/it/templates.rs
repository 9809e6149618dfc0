//! Templates: which URI reaches which handler, and with what.

use std::collections::BTreeMap;
use std::fmt::Debug;

use mcp_mount::{Args, BuildErrorKind, Context, Json, Mcp, McpService, Resource, prompt_fn, resource_fn};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    eras::{Client, TEMPLATES, both, in_band},
    support::Reply,
};

fn serving(resources: impl IntoIterator<Item = Resource>) -> McpService {
    Mcp::new("rig", "1.2.3").resources(resources).build().expect("the server builds")
}

fn text(reply: &Reply) -> String {
    let contents = reply.result()["contents"].clone();
    contents[0]["text"].as_str().unwrap_or_else(|| panic!("no text\n{reply}")).to_owned()
}

/// A template whose text is what its handler was given.
fn shows<T: DeserializeOwned + JsonSchema + Debug + Send + 'static>(template: &str) -> Resource {
    resource_fn(template, "shows", |Args(given): Args<T>| async move { format!("{given:?}") })
}

async fn read(mcp: &McpService, uri: &str) -> String {
    let [session, modern] = both(mcp).await;
    let texts = [text(&session.read(uri).await), text(&modern.read(uri).await)];
    assert_eq!(texts[0], texts[1], "{uri}: the eras differ");
    let [text, _] = texts;
    text
}

/// The URI is none of this server's.
async fn missing(mcp: &McpService, uri: &str) {
    for client in both(mcp).await {
        let reply = client.read(uri).await;
        let code = if client.is_modern() { -32602 } else { -32002 };
        assert_eq!(in_band(&reply).0, code, "{uri:?}\n{reply}");
        assert_eq!(reply.error()["data"], json!({ "uri": uri }), "{uri:?}\n{reply}");
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "shown by Debug")]
struct Typed {
    id: u64,
    by: f64,
    on: bool,
    kind: Kind,
    name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Book,
    LongPlay,
}

#[tokio::test]
async fn variables_are_read_into_the_types_of_the_fields() {
    let mcp = serving([shows::<Typed>("t://{id}/{by}/{on}/{kind}/{name}")]);
    for (uri, expected) in [
        ("t://7/2.5/true/book/ada", r#"id: 7, by: 2.5, on: true, kind: Book, name: "ada""#),
        ("t://0/-1/false/long_play/7", r#"id: 0, by: -1.0, on: false, kind: LongPlay, name: "7""#),
        ("t://18446744073709551615/1e3/true/book/007", {
            r#"id: 18446744073709551615, by: 1000.0, on: true, kind: Book, name: "007""#
        }),
        ("t://7/1/true/book/true", r#"id: 7, by: 1.0, on: true, kind: Book, name: "true""#),
        ("t://7/1/true/book/null", r#"id: 7, by: 1.0, on: true, kind: Book, name: "null""#),
        ("t://7/1/true/book/1e3", r#"id: 7, by: 1.0, on: true, kind: Book, name: "1e3""#),
        ("t://7/1/true/book/a%20b%2Fc%C3%BC", r#"id: 7, by: 1.0, on: true, kind: Book, name: "a b/cü""#),
        ("t://7/1/true/book/dü", r#"id: 7, by: 1.0, on: true, kind: Book, name: "dü""#),
    ] {
        assert_eq!(read(&mcp, uri).await, format!("Typed {{ {expected} }}"), "{uri}");
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_named() {
    let mcp = serving([shows::<Typed>("t://{id}/{by}/{on}/{kind}/{name}")]);
    for (uri, variable) in [
        ("t://x/1/true/book/a", "id"),
        ("t://-1/1/true/book/a", "id"),
        ("t://1.5/1/true/book/a", "id"),
        ("t://18446744073709551616/1/true/book/a", "id"),
        ("t://7/much/true/book/a", "by"),
        ("t://7/1/yes/book/a", "on"),
        ("t://7/1/1/book/a", "on"),
        ("t://7/1/true/film/a", "kind"),
    ] {
        for client in both(&mcp).await {
            let reply = client.read(uri).await;
            let (code, message) = in_band(&reply);
            assert_eq!(code, -32602, "{uri}\n{reply}");
            assert!(message.contains(variable), "{uri}: does not name {variable}\n{reply}");
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "shown by Debug")]
struct Search {
    q: String,
    limit: Option<u32>,
    #[serde(default)]
    tag: Vec<String>,
}

#[tokio::test]
async fn variables_of_a_query_come_in_any_order_and_may_be_left_out() {
    let mcp = serving([shows::<Search>("s://items{?q,limit,tag*}")]);
    for (uri, expected) in [
        ("s://items?q=rust", r#"q: "rust", limit: None, tag: []"#),
        ("s://items?limit=3&q=rust", r#"q: "rust", limit: Some(3), tag: []"#),
        ("s://items?q=&utm=x", r#"q: "", limit: None, tag: []"#),
        ("s://items?q=a%26b+c", r#"q: "a&b+c", limit: None, tag: []"#),
        ("s://items?tag=a&q=x&tag=b", r#"q: "x", limit: None, tag: ["a", "b"]"#),
        ("s://items?tag=7&q=x", r#"q: "x", limit: None, tag: ["7"]"#),
    ] {
        assert_eq!(read(&mcp, uri).await, format!("Search {{ {expected} }}"), "{uri}");
    }
    for client in both(&mcp).await {
        for (uri, variable) in [("s://items", "q"), ("s://items?limit=3", "q"), ("s://items?q=x&limit=many", "limit")] {
            let (code, message) = in_band(&client.read(uri).await);
            assert!(code == -32602 && message.contains(variable), "{uri}: {message}");
        }
    }
    missing(&mcp, "s://items/?q=x").await;
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "shown by Debug")]
struct Path {
    path: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "shown by Debug")]
struct Numbers {
    n: Vec<u8>,
}

#[tokio::test]
async fn an_exploded_variable_is_a_list() {
    let mcp = serving([shows::<Path>("p://root{/path*}"), shows::<Numbers>("n://all{/n*}")]);
    assert_eq!(read(&mcp, "p://root/a").await, r#"Path { path: ["a"] }"#);
    assert_eq!(read(&mcp, "p://root/a/7/c%20d").await, r#"Path { path: ["a", "7", "c d"] }"#);
    assert_eq!(read(&mcp, "n://all/1/2/3").await, "Numbers { n: [1, 2, 3] }");
    for client in both(&mcp).await {
        let (code, message) = in_band(&client.read("n://all/1/x").await);
        assert!(code == -32602 && message.contains('n'), "{message}");
    }
}

#[tokio::test]
async fn a_handler_may_take_the_variables_as_they_are_or_none() {
    let map = |uri: &str| {
        resource_fn(uri, "map", |Args(all): Args<BTreeMap<String, String>>| async move {
            all.iter().map(|(name, value)| format!("{name}={value};")).collect::<String>()
        })
    };
    let uri = resource_fn("uri://{+any}", "uri", |ctx: Context| async move { ctx.uri().map(str::to_owned) });
    let ours = resource_fn("json://{id}", "json", |Json(v): Json<Numeric>| v.id.to_string());
    let axums = resource_fn("axum://{id}", "axum", |axum::Json(v): axum::Json<Numeric>| v.id.to_string());
    let mcp = serving([map("map://{a}/{b}"), uri, ours, axums]);
    assert_eq!(read(&mcp, "map://x/y%2Dz").await, "a=x;b=y-z;");
    assert_eq!(read(&mcp, "uri://a%2Db?q=%C3%BC#f").await, "uri://a%2Db?q=%C3%BC#f", "as it was sent");
    assert_eq!(read(&mcp, "json://7").await, "7");
    assert_eq!(read(&mcp, "axum://7").await, "7");
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Numeric {
    id: u32,
}

fn named(uri: &str, text: &'static str) -> Resource {
    resource_fn(uri, text, move || text)
}

#[tokio::test]
async fn what_is_there_goes_before_templates_and_these_by_their_order() {
    let fixed = || named("x://a/b", "fixed");
    let narrow = || named("x://a/{id}", "narrow");
    let wide = || named("x://{+any}", "wide");
    for (resources, of_ab, of_ac) in [
        (vec![fixed(), narrow(), wide()], "fixed", "narrow"),
        (vec![wide(), narrow(), fixed()], "fixed", "wide"),
        (vec![narrow(), fixed(), wide()], "fixed", "narrow"),
    ] {
        let mcp = serving(resources);
        assert_eq!(read(&mcp, "x://a/b").await, of_ab);
        assert_eq!(read(&mcp, "x://a/c").await, of_ac);
        assert_eq!(read(&mcp, "x://other").await, "wide");
    }
    let mcp = serving([narrow(), wide()]);
    let resources = mcp.resources();
    resources.disable("x://a/{id}");
    assert_eq!(read(&mcp, "x://a/b").await, "wide");
    resources.enable("x://a/{id}");
    assert_eq!(read(&mcp, "x://a/b").await, "narrow", "in its old place");
    resources.remove("x://a/{id}");
    resources.add(narrow()).expect("it was removed");
    assert_eq!(read(&mcp, "x://a/b").await, "wide", "it is the last one now");
    resources.add(fixed()).expect("not there yet");
    assert_eq!(read(&mcp, "x://a/b").await, "fixed");
}

/// «Servers MUST sanitize file paths to prevent directory traversal attacks» (server/resources).
#[tokio::test]
async fn no_value_leads_out_of_a_directory() {
    let mcp = serving([
        shows::<BTreeMap<String, String>>("file:///srv/{+path}"),
        shows::<BTreeMap<String, String>>("one://{name}"),
        shows::<BTreeMap<String, String>>("list://base{/path*}"),
    ]);
    for uri in [
        "file:///srv/../etc/passwd",
        "file:///srv/a/../../etc",
        "file:///srv/..",
        "file:///srv/%2e%2e/etc",
        "file:///srv/.%2E/etc",
        "file:///srv/%252e%252e%252fetc",
        "file:///srv/..%5Cetc",
        "file:///srv/a\\..\\..\\etc",
        "file:///srv//etc/passwd",
        "file:///srv/%2Fetc/passwd",
        "file:///srv/C:%5Cwindows",
        "file:///srv/a%00.txt",
        "one://..",
        "one://%2e%2e",
        "one://..%2Fetc",
        "one://%2Fetc",
        "list://base/a/../b",
        "list://base/%2e%2e",
        "list://base/..%2f..",
    ] {
        missing(&mcp, uri).await;
    }
    assert_eq!(read(&mcp, "file:///srv/a/b..c/...txt").await, r#"{"path": "a/b..c/...txt"}"#);
    assert_eq!(read(&mcp, "one://.env").await, r#"{"name": ".env"}"#);
}

#[tokio::test]
async fn what_fits_no_template_is_not_there() {
    let mcp = serving([named("u://users/{id}", "user"), named("v://{a}/b", "b")]);
    let others = ["u://users/", "u://users", "u://users/1/2", "u://users/%", "u://users/%FF", "v:///b", "v://a/bc"];
    for uri in others {
        missing(&mcp, uri).await;
    }
    assert_eq!(read(&mcp, "u://users/1").await, "user");
    assert_eq!(read(&mcp, "v://a/b").await, "b");
}

/// The text of the error and its kind.
fn refused(resources: Vec<Resource>) -> (BuildErrorKind, String) {
    let Err(error) = Mcp::new("rig", "1.2.3").resources(resources).build() else { panic!("it builds") };
    (error.kind(), error.to_string())
}

#[test]
fn mistakes_in_templates_are_found_when_it_is_built() {
    use BuildErrorKind::{DuplicateResource, InvalidCompletion, InvalidResource};
    for (resource, says) in [
        (named("x://{id", "a"), "x://{id"),
        (named("x://id}", "a"), "x://id}"),
        (named("x://{}", "a"), "x://{}"),
        (named("x://{a b}", "a"), "x://{a b}"),
        (named("x://{+a}{+b}", "a"), "x://{+a}{+b}"),
        (named("x://{a}{b}", "a"), "x://{a}{b}"),
        (shows::<Numeric>("x://{other}"), "`id`"),
        (shows::<Numeric>("x://fixed"), "`id`"),
        (named("no scheme", "a"), "no scheme"),
        (named("", "a"), "scheme"),
        (named("x://y", ""), "name"),
    ] {
        let (kind, text) = refused(vec![resource]);
        assert!(kind == InvalidResource && text.contains(says), "{says}: {kind:?} {text}");
    }
    for uri in ["x://y", "x://{y}"] {
        let (kind, text) = refused(vec![named(uri, "a"), named(uri, "b")]);
        assert!(kind == DuplicateResource && text.contains(uri), "{kind:?} {text}");
    }
    for uri in ["x://y", "x://{y}"] {
        let (kind, text) = refused(vec![named(uri, "a").complete("z", || ["1"])]);
        assert!(kind == InvalidCompletion && text.contains("\"z\""), "{kind:?} {text}");
    }
    let built = Mcp::new("rig", "1.2.3").resource(named("x://y", "x")).prompt(prompt_fn("x", "", || "x")).build();
    assert!(built.is_ok(), "names of resources are for people, and none of prompts");
}

#[tokio::test]
async fn templates_are_listed_as_they_were_written() {
    let uris = ["z://{id}", "a://items{?q,limit}", "m://{+path}", "m://root{/path*}"];
    let mcp = serving(uris.map(|uri| named(uri, "template")));
    for client in both(&mcp).await {
        let listed = client.list(TEMPLATES).await;
        assert_eq!(TEMPLATES.keys(&listed), uris, "in the order of registration");
    }
    let modern = Client::new(&mcp, crate::support::MODERN).await;
    assert_eq!(text(&modern.read("z://7").await), "template");
}
