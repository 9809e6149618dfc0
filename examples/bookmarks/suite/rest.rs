//! The application that was already there.

use http::Request;
use serde_json::{Value, json};

use super::App;

const ALL: &str = "/api/bookmarks";

#[tokio::test]
async fn a_bookmark_from_its_adding_to_its_end() {
    let app = App::start();
    let body = r#"{"url": "https://example.com/a", "title": "A", "tags": ["X"]}"#;
    let (status, added) = app.rest("", "POST", ALL, body).await;
    assert_eq!(status, 201);
    let one = format!("{ALL}/{}", added["id"]);
    assert_eq!(app.rest("", "GET", &one, "").await, (200, added.clone()));

    let expected = json!({ "bookmarks": [added], "total": 1 });
    for query in ["", "?query=&tag=&limit=", "?query=EXAMPLE", "?tag=x&limit=5"] {
        let found = app.rest("", "GET", &format!("{ALL}{query}"), "").await;
        assert_eq!(found, (200, expected.clone()), "{query}");
    }
    let (_, nothing) = app.rest("", "GET", &format!("{ALL}?query=elsewhere"), "").await;
    assert_eq!(nothing, json!({ "bookmarks": [], "total": 0 }));

    assert_eq!(app.rest("secret1", "DELETE", &one, "").await.0, 404, "it is the guest's");
    assert_eq!(app.rest("", "DELETE", &one, "").await, (204, Value::Null));
    assert_eq!(app.rest("", "GET", &one, "").await.0, 404);
}

#[tokio::test]
async fn every_refusal_has_its_status_and_a_json_error() {
    let app = App::start();
    let good = r#"{"url": "https://example.com/", "title": "Example"}"#;
    assert_eq!(app.rest("", "POST", ALL, good).await.0, 201);
    for (method, path, body, expected) in [
        ("POST", ALL, good, 409),
        ("POST", ALL, r#"{"url": "example.com", "title": "t"}"#, 422),
        ("POST", ALL, r#"{"url": "https://example.com/b", "title": " "}"#, 422),
        ("POST", ALL, r#"{"title": "t"}"#, 422),
        ("POST", ALL, "{", 400),
        ("POST", ALL, "", 415),
        ("GET", "/api/bookmarks?limit=many", "", 400),
        ("GET", "/api/bookmarks/one", "", 400),
        ("GET", "/api/bookmarks/77", "", 404),
        ("PUT", ALL, "", 405),
        ("POST", "/api/bookmarks/77", "", 405),
        ("GET", "/elsewhere", "", 404),
    ] {
        let (status, reply) = app.rest("", method, path, body).await;
        assert_eq!(status, expected, "{method} {path} {body}");
        assert!(reply["error"].is_string(), "{method} {path} {body}: {reply}");
    }
}

#[tokio::test]
async fn a_405_says_what_is_allowed() {
    let app = App::start();
    for (path, allowed) in [("/", "GET"), (ALL, "POST"), ("/api/bookmarks/1", "DELETE")] {
        let response = app.0.raw(Request::put(path).body("").expect("a valid request")).await.expect("a reply");
        assert_eq!(response.status(), 405, "{path}");
        assert!(response.header("allow").is_some_and(|allow| allow.contains(allowed)), "{path}: {response}");
    }
}

#[tokio::test]
async fn where_a_new_bookmark_is_the_reply_says() {
    let app = App::start();
    let body = r#"{"url": "https://example.com/", "title": "Example"}"#;
    let request = Request::post(ALL).header("content-type", "application/json").body(body).expect("a valid request");
    let response = app.0.raw(request).await.expect("a reply");
    let location = format!("{ALL}/{}", response.json()["id"]);
    assert_eq!(response.header("location"), Some(location.as_str()));
}

#[tokio::test]
async fn an_unknown_token_is_challenged_everywhere() {
    let app = App::start();
    for path in ["/", ALL, "/mcp", "/elsewhere"] {
        let request = Request::get(path).header("authorization", "Bearer guessed").body("").expect("a valid request");
        let response = app.0.raw(request).await.expect("a reply");
        assert_eq!(response.status(), 401, "{path}");
        assert_eq!(response.header("www-authenticate"), Some(r#"Bearer error="invalid_token""#), "{path}");
        assert!(response.json()["error"].is_string(), "{path}: {response}");
    }
}

#[tokio::test]
async fn the_index_names_the_routes() {
    let app = App::start();
    let response = app.0.raw(Request::get("/").body("").expect("a valid request")).await.expect("a reply");
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(response.text().contains(ALL), "{response}");
}
