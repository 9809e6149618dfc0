//! The MCP server in it: behind the same login, on the same state.

use http::Request;
use mcp_mount::Revision;
use mcp_mount::testing::Message;
use serde_json::json;

use super::App;

#[tokio::test]
async fn what_a_tool_adds_the_rest_route_of_the_same_user_serves() {
    let app = App::start();
    let page = json!({ "url": "https://example.com/", "title": "Example" });
    let added = app.mcp_as("secret1").call_tool("add_bookmark", &page).await.expect("added");
    let added = added.structured().expect("structured").clone();
    let path = format!("/api/bookmarks/{}", added["id"]);
    assert_eq!(app.rest("secret1", "GET", &path, "").await, (200, added));
    assert_eq!(app.rest("", "GET", &path, "").await.0, 404, "it is alice's");
}

#[tokio::test]
async fn a_bookmark_can_be_read_and_its_end_is_told() {
    let app = App::start();
    let client = app.mcp();
    let page = json!({ "url": "https://example.com/", "title": "Example", "tags": ["demo"] });
    let added = client.call_tool("add_bookmark", &page).await.expect("added");
    let uri = format!("bookmark://{}", added.structured().expect("structured")["id"]);
    let read = client.read_resource(&uri).await.expect("the bookmark");
    assert!(read.text().contains("https://example.com/"), "{read:?}");

    let mut changes = client.listen(json!({ "resourceSubscriptions": [uri] })).await.expect("a subscription");
    let path = uri.replace("bookmark://", "/api/bookmarks/");
    assert_eq!(app.rest("", "DELETE", &path, "").await.0, 204);
    let told = changes.next().await.expect("a message");
    let Some(Message::Notification { method, params, .. }) = told else { panic!("{told:?}") };
    assert_eq!((method.as_str(), &params["uri"]), ("notifications/resources/updated", &json!(uri)));
    let gone = client.read_resource(&uri).await.expect_err("it is gone");
    assert_eq!(gone.code(), Some(-32602));
}

#[tokio::test]
async fn a_session_is_known_to_every_connection() {
    let app = App::start();
    let client = app.mcp_as("secret1").revision(Revision::V2025_11_25).connect().await.expect("a session");
    for page in 0..8 {
        let page = json!({ "url": format!("https://example.com/{page}"), "title": "Example" });
        client.call_tool("add_bookmark", &page).await.expect("added");
    }
    let found = client.call_tool("search_bookmarks", json!({ "query": "" })).await.expect("a search");
    assert_eq!(found.structured().expect("structured")["total"], 8);

    let id = client.session_id().expect("a session").to_owned();
    let stolen = app.mcp().revision(Revision::V2025_11_25).header("mcp-session-id", id);
    let error = stolen.list_tools().await.expect_err("the session is alice's");
    assert_eq!(error.status().map(|status| status.as_u16()), Some(404), "{error}");
}

#[tokio::test]
async fn a_tag_is_completed_and_summed_up() {
    let app = App::start();
    let client = app.mcp();
    client.call_tool("import_bookmarks", ()).await.expect("imported");
    let tags = client.complete_prompt("sum_up_tag", "tag", "r").await.expect("suggestions");
    let tag = tags.values.first().expect("a tag that begins with r").clone();
    assert!(tag.starts_with('r'), "{tag}");
    let prompt = client.get_prompt("sum_up_tag", json!({ "tag": tag })).await.expect("a prompt");
    assert!(prompt.messages().len() > 1, "{prompt:?}");
    let none = client.get_prompt("sum_up_tag", json!({ "tag": "no such tag" })).await.expect_err("nothing there");
    assert!(none.to_string().contains("no such tag"), "{none}");
}

#[tokio::test]
async fn a_bad_url_is_a_tool_error_that_says_what_is_wrong() {
    let app = App::start();
    let page = json!({ "url": "example.com", "title": "Example" });
    let refused = app.mcp().call_tool("add_bookmark", &page).await.expect("a result");
    assert!(refused.is_error(), "{refused:?}");
    assert!(refused.text().contains("`example.com` cannot be bookmarked"), "{refused:?}");
}

#[tokio::test]
async fn an_import_reports_progress_and_a_second_one_adds_nothing() {
    let app = App::start();
    for (imported, skipped) in [(500, 0), (0, 500)] {
        let outcome = app.mcp().call_tool("import_bookmarks", ()).await.expect("imported");
        let report = outcome.structured().expect("structured");
        assert_eq!((&report["imported"], &report["skipped"]), (&json!(imported), &json!(skipped)));
        let progress = outcome.progress();
        assert_eq!(progress.len(), 20, "{progress:?}");
        assert_eq!(progress.last().map(|last| last.progress), Some(500.0));
    }
}

#[tokio::test]
async fn the_login_guards_the_mount_too() {
    let app = App::start();
    let error = app.mcp_as("guessed").list_tools().await.expect_err("a wrong token");
    assert_eq!(error.status().map(|status| status.as_u16()), Some(401), "{error}");
}

#[tokio::test]
async fn both_slashes_and_the_probes_answer_and_no_more() {
    let app = App::start();
    app.0.clone().path("/mcp/").list_tools().await.expect("with a slash");
    for (path, expected) in [("/mcp/health", 200), ("/mcp/ready", 200), ("/mcpx", 404)] {
        let response = app.0.raw(Request::get(path).body("").expect("a valid request")).await.expect("a reply");
        assert_eq!(response.status(), expected, "{path}");
    }
}
