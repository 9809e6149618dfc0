//! The application that was already here: bookmarks over REST.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use bookmarks::rest::{self, AddBody};
use bookmarks::{Bookmark, Bookmarks, Error, Search, SearchResult, User};
use mcp_mount::Notify;
use serde_json::json;

/// The routes. They expect a [`User`] in the request's extensions.
///
/// What they change, they tell the MCP clients that have subscribed to it.
pub(crate) fn routes(bookmarks: Bookmarks, notify: Notify) -> Router {
    Router::new()
        .route("/", get(|| async { Html(rest::INDEX) }))
        .route("/api/bookmarks", get(search).post(add))
        .route("/api/bookmarks/{id}", get(show).delete(remove))
        .method_not_allowed_fallback(|| async { ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed") })
        .fallback(|| async { ApiError::new(StatusCode::NOT_FOUND, "nothing is here") })
        .layer(Extension(notify))
        .with_state(bookmarks)
}

async fn search(
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Json<SearchResult>, ApiError> {
    let Query(search) = search?;
    Ok(Json(bookmarks.search(&user.name, search).await?))
}

async fn add(
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
    body: Result<Json<AddBody>, JsonRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(body) = body?;
    let bookmark = bookmarks.add(&user.name, body.try_into()?).await?;
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
    notify.resource_updated(bookmarks::uri(id));
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
        let (status, text) = rest::problem(&error);
        Self::new(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), text)
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
