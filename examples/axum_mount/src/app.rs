//! The application that was already here: bookmarks over REST.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use mcp_mount::Notify;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::bookmarks::{Bookmark, Bookmarks, Error, NewBookmark, Search, SearchResult};
use crate::login::User;
use crate::resources;

const INDEX: &str = r#"<!DOCTYPE html>
<html lang="en">
<title>Bookmarks</title>
<h1>Bookmarks</h1>
<ul>
<li><a href="/api/bookmarks"><code>GET /api/bookmarks?query=&amp;tag=&amp;limit=</code></a> searches
<li><code>POST /api/bookmarks</code> adds <code>{"url": "..", "title": "..", "tags": [".."]}</code>
<li><code>GET /api/bookmarks/{id}</code> shows one
<li><code>DELETE /api/bookmarks/{id}</code> deletes it
</ul>
"#;

/// The routes. They expect a [`User`] in the request's extensions.
///
/// What they change, they tell the MCP clients that have subscribed to it.
pub(crate) fn routes(bookmarks: Bookmarks, notify: Notify) -> Router {
    Router::new()
        .route("/", get(|| async { Html(INDEX) }))
        .route("/api/bookmarks", get(search).post(add))
        .route("/api/bookmarks/{id}", get(show).delete(remove))
        .method_not_allowed_fallback(|| async { ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed") })
        .fallback(|| async { ApiError::new(StatusCode::NOT_FOUND, "nothing is here") })
        .layer(Extension(notify))
        .with_state(bookmarks)
}

#[derive(Deserialize)]
struct SearchQuery {
    #[serde(default)]
    query: String,
    tag: Option<String>,
    #[serde(default, deserialize_with = "number_or_empty")]
    limit: Option<u32>,
}

/// An HTML form sends a field that was left empty as `limit=`.
fn number_or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
}

async fn search(
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
    query: Result<Query<SearchQuery>, QueryRejection>,
) -> Result<Json<SearchResult>, ApiError> {
    let Query(SearchQuery { query, tag, limit }) = query?;
    Ok(Json(bookmarks.search(&user.name, Search { query, tag, limit }).await?))
}

#[derive(Deserialize)]
struct AddBody {
    url: String,
    title: String,
    #[serde(default)]
    tags: Vec<String>,
}

async fn add(
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
    body: Result<Json<AddBody>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(AddBody { url, title, tags }) = body?;
    let bookmark = bookmarks.add(&user.name, NewBookmark::new(&url, &title, tags)?).await?;
    let location = [(header::LOCATION, format!("/api/bookmarks/{}", bookmark.id))];
    Ok((StatusCode::CREATED, location, Json(bookmark)))
}

async fn show(
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<Bookmark>, ApiError> {
    let Path(id) = id?;
    Ok(Json(bookmarks.get(&user.name, id).await?))
}

async fn remove(
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
    Extension(notify): Extension<Notify>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let Path(id) = id?;
    bookmarks.delete(&user.name, id).await?;
    notify.resource_updated(resources::uri(id));
    Ok(StatusCode::NO_CONTENT)
}

/// Every error of the API: a status, and a JSON object that says what is wrong.
struct ApiError {
    status: StatusCode,
    text: String,
}

impl ApiError {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.text }))).into_response()
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::BadUrl { .. } | Error::NoTitle => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Duplicate { .. } => StatusCode::CONFLICT,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Database(_) | Error::Column(_) | Error::Thread(_) => {
                tracing::error!(%error, "a request failed");
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
            }
        };
        Self::new(status, error.to_string())
    }
}

/// axum's own refusals keep their status and text, and get our form.
macro_rules! from_rejection {
    ($($rejection:ty),*) => {$(
        impl From<$rejection> for ApiError {
            fn from(rejection: $rejection) -> Self {
                Self::new(rejection.status(), rejection.body_text())
            }
        }
    )*};
}

from_rejection!(JsonRejection, PathRejection, QueryRejection);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::{Body, to_bytes};
    use axum::http::{Method, Request};
    use axum::middleware;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::login::{self, Logins};

    fn app() -> Router {
        let logins = Logins::parse("alice=secret1").expect("valid logins");
        let bookmarks = Bookmarks::in_memory().expect("an empty database");
        let mcp = mcp_mount::Mcp::new("bookmarks", "1.0.0").build().expect("a server");
        routes(bookmarks, mcp.notify()).layer(middleware::from_fn_with_state(Arc::new(logins), login::login))
    }

    /// Sends a request, with a JSON body unless it is empty, and returns the status and what came back.
    async fn send(app: &Router, token: &str, method: Method, path: &str, body: &str) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Body::from(body.to_owned())).expect("a valid request");
        let response = app.clone().oneshot(request).await.expect("a router is infallible");
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a readable body");
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    #[tokio::test]
    async fn a_bookmark_from_its_adding_to_its_end() {
        let app = app();
        let body = r#"{"url": "https://example.com/a", "title": "A", "tags": ["X"]}"#;
        let (status, added) = send(&app, "", Method::POST, "/api/bookmarks", body).await;
        assert_eq!(status, 201);
        let one = format!("/api/bookmarks/{}", added["id"]);
        assert_eq!(send(&app, "", Method::GET, &one, "").await, (200, added.clone()));

        let expected = json!({ "bookmarks": [added], "total": 1 });
        for query in ["", "?query=&tag=&limit=", "?query=EXAMPLE", "?tag=x&limit=5"] {
            let found = send(&app, "", Method::GET, &format!("/api/bookmarks{query}"), "").await;
            assert_eq!(found, (200, expected.clone()), "{query}");
        }
        let (_, nothing) = send(&app, "", Method::GET, "/api/bookmarks?query=elsewhere", "").await;
        assert_eq!(nothing, json!({ "bookmarks": [], "total": 0 }));

        assert_eq!(send(&app, "secret1", Method::DELETE, &one, "").await.0, 404, "it is the guest's");
        assert_eq!(send(&app, "", Method::DELETE, &one, "").await, (204, Value::Null));
        assert_eq!(send(&app, "", Method::GET, &one, "").await.0, 404);
    }

    #[tokio::test]
    async fn every_refusal_has_its_status_and_a_json_error() {
        let app = app();
        let good = r#"{"url": "https://example.com/", "title": "Example"}"#;
        assert_eq!(send(&app, "", Method::POST, "/api/bookmarks", good).await.0, 201);
        for (method, path, body, expected) in [
            (Method::POST, "/api/bookmarks", good, 409),
            (Method::POST, "/api/bookmarks", r#"{"url": "example.com", "title": "t"}"#, 422),
            (Method::POST, "/api/bookmarks", r#"{"url": "https://example.com/b", "title": " "}"#, 422),
            (Method::POST, "/api/bookmarks", r#"{"title": "t"}"#, 422),
            (Method::POST, "/api/bookmarks", "{", 400),
            (Method::POST, "/api/bookmarks", "", 415),
            (Method::GET, "/api/bookmarks?limit=many", "", 400),
            (Method::GET, "/api/bookmarks/one", "", 400),
            (Method::GET, "/api/bookmarks/77", "", 404),
            (Method::PUT, "/api/bookmarks", "", 405),
            (Method::GET, "/elsewhere", "", 404),
        ] {
            let (status, reply) = send(&app, "", method.clone(), path, body).await;
            assert_eq!(status, expected, "{method} {path} {body}");
            assert!(reply["error"].is_string(), "{method} {path} {body}: {reply}");
        }
        assert_eq!(send(&app, "guessed", Method::GET, "/", "").await.0, 401);
    }

    #[tokio::test]
    async fn the_index_names_the_routes() {
        let response = app().oneshot(Request::get("/").body(Body::empty()).expect("valid")).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::OK);
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a readable body");
        assert!(String::from_utf8_lossy(&bytes).contains("/api/bookmarks"));
    }
}
