//! Resources: what is listed of them, what is read, and what is said of those that are not there (server/resources).

use std::borrow::Cow;

use bytes::Bytes;
use mcp_mount::{
    Annotations, Icon, Json, Mcp, McpService, ReadResourceResult, Resource, ResourceContents, ToolError, resource_fn,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    eras::{RESOURCES, TEMPLATES, all, both, in_band, masked, sentinel},
    support::modern,
};

fn serving(resources: impl IntoIterator<Item = Resource>) -> McpService {
    Mcp::new("rig", "1.2.3").resources(resources).build().expect("the server builds")
}

fn described(resource: Resource) -> Resource {
    resource
        .title("The full one")
        .description("Everything said")
        .mime_type("text/markdown")
        .icons([Icon::new("https://example.com/i.png").mime_type("image/png").sizes(["48x48"])])
        .annotations(Annotations::new().audience(["user"]).priority(0.8).last_modified("2025-01-12T15:00:58Z"))
}

/// What a revision knows of a resource that says everything (the schemas, `Resource` and `ResourceTemplate`).
fn expected(revision: &str, key: &str, uri: &str) -> Value {
    let mut entry = json!({
        key: uri, "name": "full", "description": "Everything said", "mimeType": "text/markdown",
        "annotations": {"audience": ["user"], "priority": 0.8},
    });
    if revision >= "2025-06-18" {
        entry["title"] = json!("The full one");
        entry["annotations"]["lastModified"] = json!("2025-01-12T15:00:58Z");
    }
    if revision >= "2025-11-25" {
        entry["icons"] = json!([{"src": "https://example.com/i.png", "mimeType": "image/png", "sizes": ["48x48"]}]);
    }
    entry
}

#[tokio::test]
async fn a_resource_is_listed_as_far_as_the_revision_goes() {
    let full = |uri: &str| described(resource_fn(uri, "full", || "text")).size(7);
    let mcp = serving([full("full://x"), full("full://of/{id}")]);
    for client in all(&mcp).await {
        let mut resource = expected(client.revision, "uri", "full://x");
        resource["size"] = json!(7);
        assert_eq!(client.list(RESOURCES).await, [resource], "{}", client.revision);
        let template = expected(client.revision, "uriTemplate", "full://of/{id}");
        assert_eq!(client.list(TEMPLATES).await, [template], "{}: a template has no size", client.revision);
    }
}

#[tokio::test]
async fn what_was_not_said_is_not_listed() {
    let mcp = serving([resource_fn("bare://x", "bare", || "text"), resource_fn("bare://of/{id}", "bare", || "text")]);
    for client in all(&mcp).await {
        assert_eq!(client.list(RESOURCES).await, [json!({"uri": "bare://x", "name": "bare"})]);
        assert_eq!(client.list(TEMPLATES).await, [json!({"uriTemplate": "bare://of/{id}", "name": "bare"})]);
    }
}

#[tokio::test]
async fn what_never_changes_is_listed_with_its_size() {
    let mcp =
        serving([Resource::text("about://m", "m", "Keep it. Ü"), Resource::blob("about://b", "b", b"\x01\x02\x03")]);
    for client in both(&mcp).await {
        let [text, blob] = &client.list(RESOURCES).await[..] else { panic!("two") };
        assert_eq!((&text["size"], &text["mimeType"]), (&json!(11), &json!("text/plain")), "bytes, not characters");
        assert_eq!((&blob["size"], &blob["mimeType"]), (&json!(3), &json!("application/octet-stream")));
        let read = client.read("about://m").await.result()["contents"].clone();
        assert_eq!(read, json!([{"uri": "about://m", "mimeType": "text/plain", "text": "Keep it. Ü"}]));
        let read = client.read("about://b").await.result()["contents"].clone();
        assert_eq!(read, json!([{"uri": "about://b", "mimeType": "application/octet-stream", "blob": "AQID"}]));
    }
}

#[derive(Serialize, JsonSchema)]
struct Point {
    x: u8,
}

fn text(text: &str, mime_type: &str) -> Value {
    json!([{"uri": "it://x", "mimeType": mime_type, "text": text}])
}

fn blob(blob: &str, mime_type: &str) -> Value {
    json!([{"uri": "it://x", "mimeType": mime_type, "blob": blob}])
}

fn parts() -> [ResourceContents; 2] {
    [ResourceContents::text("a").uri("it://x/a").mime_type("text/html"), ResourceContents::blob([255])]
}

/// Handlers of all sorts, and the `contents` that each gives.
fn readable() -> Vec<(Resource, Value)> {
    macro_rules! reading {
        ($value:expr) => {
            resource_fn("it://x", "x", || async { $value })
        };
    }
    let (plain, octets, json) = ("text/plain", "application/octet-stream", "application/json");
    let two = json!([
        {"uri": "it://x/a", "mimeType": "text/html", "text": "a"},
        {"uri": "it://x", "mimeType": "application/octet-stream", "blob": "/w=="},
    ]);
    vec![
        (reading!("a \"str\"\n"), text("a \"str\"\n", plain)),
        (reading!(String::from("é\u{1f600}")), text("é\u{1f600}", plain)),
        (reading!(Cow::Borrowed("cow")), text("cow", plain)),
        (reading!(Box::<str>::from("box")), text("box", plain)),
        (reading!(vec![0_u8, 255]), blob("AP8=", octets)),
        (reading!(&b"static"[..]), blob("c3RhdGlj", octets)),
        (reading!(b"included"), blob("aW5jbHVkZWQ=", octets)),
        (reading!(Bytes::from_static(&[251, 255])), blob("+/8=", octets)),
        (reading!(Vec::<u8>::new()), blob("", octets)),
        (reading!(Json(Point { x: 1 })), text(r#"{"x":1}"#, json)),
        (reading!(axum::Json(Point { x: 1 })), text(r#"{"x":1}"#, json)),
        (reading!(ResourceContents::text("# T").mime_type("text/markdown")), text("# T", "text/markdown")),
        (reading!(Vec::from(parts())), two.clone()),
        (reading!(parts()), two.clone()),
        (reading!(ReadResourceResult::new(parts())), two),
        (reading!(Some("there")), text("there", plain)),
        (reading!(Ok::<_, ToolError>("fine")), text("fine", plain)),
        (reading!(Ok::<_, ToolError>(Some(vec![1_u8]))), blob("AQ==", octets)),
        // What the resource says goes before what the type suggests, and what the answer says before both.
        (reading!("a,b").mime_type("text/csv"), text("a,b", "text/csv")),
        (reading!(vec![1_u8]).mime_type("image/png"), blob("AQ==", "image/png")),
        (reading!(Json(Point { x: 2 })).mime_type("application/ld+json"), text(r#"{"x":2}"#, "application/ld+json")),
        (reading!(ResourceContents::text("a").mime_type("a/b")).mime_type("c/d"), text("a", "a/b")),
        // There, and empty: what is not there is an error.
        (reading!(Vec::<ResourceContents>::new()), json!([])),
        (resource_fn("it://x", "x", || "not async"), text("not async", plain)),
    ]
}

#[tokio::test]
async fn text_bytes_json_and_several_parts_are_read() {
    for (number, (resource, contents)) in readable().into_iter().enumerate() {
        let mcp = serving([resource]);
        for client in both(&mcp).await {
            let result = client.read("it://x").await.result();
            assert_eq!(result["contents"], contents, "number {number} in {}", client.revision);
            let modern = result["resultType"] == "complete";
            assert_eq!(modern, client.is_modern(), "number {number} in {}", client.revision);
        }
    }
}

#[tokio::test]
async fn a_resource_that_is_not_there_is_an_error_of_its_revision() {
    let mcp = serving([
        Resource::text("there://x", "x", "text"),
        resource_fn("gone://x", "gone", || async { None::<String> }),
        resource_fn("gone://of/{id}", "gone", || Ok::<Option<Vec<u8>>, ToolError>(None)),
    ]);
    let unknown =
        ["there://y", "there://X", "there://x/", "gone://x", "gone://of/7", "nowhere", "", "ü://\u{1f600} \n"];
    for client in all(&mcp).await {
        for uri in unknown {
            let reply = client.read(uri).await;
            let (code, _) = in_band(&reply);
            assert_eq!(code, if client.is_modern() { -32602 } else { -32002 }, "{} {uri:?}", client.revision);
            assert_eq!(reply.error()["data"], json!({ "uri": uri }), "{}\n{reply}", client.revision);
        }
        client.read("there://x").await.result();
    }
}

#[tokio::test]
async fn the_uri_is_a_string_and_has_to_be_there() {
    let mcp = serving([Resource::text("there://x", "x", "text")]);
    for client in both(&mcp).await {
        for params in [json!({}), json!({"uri": 7}), json!({"uri": null}), json!({"uri": ["there://x"]})] {
            let reply = client.send("resources/read", params.clone()).await;
            assert_eq!(reply.code(), -32602, "{params}\n{reply}");
            assert!(reply.error()["message"].to_string().contains("uri"), "{params}\n{reply}");
        }
    }
}

fn boom() -> String {
    panic!("hunter2 in a panic")
}

fn failing() -> Vec<Resource> {
    vec![
        resource_fn("fail://err", "err", || async { Err::<String, _>("hunter2") }),
        resource_fn("fail://of/{id}", "of", || Err::<Option<String>, _>(std::io::Error::other("hunter2"))),
        resource_fn("fail://panic", "panic", || async { boom() }),
        resource_fn("fail://plain_panic", "plain_panic", boom),
    ]
}

#[tokio::test]
async fn a_failure_is_masked_unless_it_was_made_for_the_client() {
    let mut resources = failing();
    resources.push(resource_fn("exposed://x", "exposed", || Err::<String, _>(ToolError::expose("come back at nine"))));
    resources.push(Resource::text("fine://x", "fine", "fine"));
    let mcp = serving(resources);
    for client in both(&mcp).await {
        for uri in ["fail://err", "fail://of/7", "fail://panic", "fail://plain_panic"] {
            masked(&client.read(uri).await, "hunter2");
            client.read("fine://x").await.result();
        }
        let (code, message) = in_band(&client.read("exposed://x").await);
        assert_eq!((code, message.as_str()), (-32603, "come back at nine"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_has_a_time_limit() {
    let stuck = resource_fn("stuck://x", "stuck", std::future::pending::<&str>);
    let mcp = serving([stuck.timeout(std::time::Duration::from_secs(5))]);
    for client in both(&mcp).await {
        let begun = tokio::time::Instant::now();
        let (code, message) = in_band(&client.read("stuck://x").await);
        assert_eq!((code, begun.elapsed().as_secs()), (-32603, 5), "{message}");
        assert!(message.contains('5'), "names the limit: {message}");
    }
}

/// «Method not found» where the capability is not declared, with 404 in 2026-07-28 (basic/transports/streamable-http).
#[tokio::test]
async fn a_server_without_resources_does_not_know_their_methods() {
    let without = crate::rig::rig().mcp;
    let with = serving([resource_fn("only://a/{template}", "template", || "text")]);
    for (without, with) in both(&without).await.into_iter().zip(both(&with).await) {
        for method in ["resources/list", "resources/templates/list", "resources/read"] {
            let reply = without.send(method, json!({"uri": "x://y"})).await;
            let status = if without.is_modern() { 404 } else { 200 };
            assert_eq!((reply.code(), reply.status.as_u16()), (-32601, status), "{method}\n{reply}");
        }
        assert_eq!(without.capabilities().await.get("resources"), None);
        assert!(with.capabilities().await["resources"].is_object());
        assert_eq!(with.list(RESOURCES).await, Vec::<Value>::new(), "there may be none");
    }
}

/// 2026-07-28, basic/transports/streamable-http, «Standard Request Headers» and «Value Encoding».
#[tokio::test]
async fn mcp_name_mirrors_the_uri() {
    let uris = ["note://plain", "note://ü \u{1f600}", "=?base64?bm90ZTovL3g=?="];
    let echo = |uri: &str| resource_fn(uri, "echo", || "there");
    let mcp = serving([echo("note://plain"), echo("note://x"), echo("note://{+any}")]);
    let read = |uri: &str| modern("resources/read", json!({ "uri": uri }));
    for uri in ["note://plain", "note://ü \u{1f600}", "note://a b"] {
        let reply = read(uri).header("mcp-name", sentinel(uri)).to(&mcp).await;
        assert_eq!(reply.result()["contents"][0]["text"], json!("there"), "{uri}\n{reply}");
    }
    assert_eq!(read("note://plain").header("mcp-name", "note://plain").to(&mcp).await.status, 200);
    let plain = || read("note://plain");
    for (what, ask) in [
        ("missing", plain()),
        ("another", plain().header("mcp-name", "note://x")),
        ("another, encoded", plain().header("mcp-name", sentinel("note://x"))),
        ("another case", plain().header("mcp-name", "note://PLAIN")),
        ("empty", plain().header("mcp-name", "")),
        ("twice", plain().header("mcp-name", "note://plain").also("mcp-name", "note://plain")),
        ("no Base64", plain().header("mcp-name", "=?base64?note?=")),
        ("not encoded", read(uris[1]).header("mcp-name", uris[1])),
        // Decoded it is `note://x`, which is not what the body has.
        ("a URI that looks encoded", read(uris[2]).header("mcp-name", uris[2])),
    ] {
        let reply = ask.to(&mcp).await;
        assert_eq!((reply.code(), reply.status.as_u16()), (-32020, 400), "{what}\n{reply}");
    }
    let reply = read(uris[2]).header("mcp-name", sentinel(uris[2])).to(&mcp).await;
    assert_eq!(reply.error()["data"]["uri"], json!(uris[2]), "mirrored well, and not there\n{reply}");
}
