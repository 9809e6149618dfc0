//! The application that was already here: bookmarks over REST.

use std::fmt;

use actix_web::error::JsonPayloadError;
use actix_web::http::{StatusCode, header};
use actix_web::web::{
    self, Data, Html, Json, JsonConfig, Path, PathConfig, Query, QueryConfig, ReqData, ServiceConfig,
};
use actix_web::{HttpResponse, ResponseError, Route};
use bookmarks::rest::{self, AddBody};
use bookmarks::{Bookmark, Bookmarks, Error, Search, SearchResult, User};
use mcp_mount::Notify;
use serde_json::json;

/// The routes. They expect a [`User`] in the request's extensions, and [`Bookmarks`] and [`Notify`] in the app's data.
///
/// What they change, they tell the MCP clients that have subscribed to it.
pub(crate) fn routes(config: &mut ServiceConfig) {
    // actix-web's own refusals get our form.
    let query = QueryConfig::default().error_handler(|error, _| ApiError::bad_request(&error).into());
    let path = PathConfig::default().error_handler(|error, _| ApiError::bad_request(&error).into());
    let body = JsonConfig::default().error_handler(|error, _| ApiError::from(error).into());
    config.app_data(query).app_data(path).app_data(body);

    config
        .service(web::resource("/").get(index).default_service(no_other("GET")))
        .service(web::resource("/api/bookmarks").get(search).post(add).default_service(no_other("GET, POST")))
        .service(web::resource("/api/bookmarks/{id}").get(show).delete(remove).default_service(no_other("GET, DELETE")))
        .default_service(web::to(nothing));
}

/// Answers the methods that a path does not have. RFC 9110 §15.5.6: `Allow` names those that it has.
fn no_other(allow: &'static str) -> Route {
    web::to(move || async move {
        let mut response = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed").error_response();
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allow));
        response
    })
}

async fn nothing() -> HttpResponse {
    ApiError::new(StatusCode::NOT_FOUND, "nothing is here").error_response()
}

async fn index() -> Html {
    Html::new(rest::INDEX)
}

async fn search(
    bookmarks: Data<Bookmarks>,
    user: ReqData<User>,
    Query(search): Query<Search>,
) -> Result<Json<SearchResult>, ApiError> {
    Ok(Json(bookmarks.search(&user.name, search).await?))
}

async fn add(
    bookmarks: Data<Bookmarks>,
    user: ReqData<User>,
    Json(body): Json<AddBody>,
) -> Result<HttpResponse, ApiError> {
    let bookmark = bookmarks.add(&user.name, body.try_into()?).await?;
    let location = (header::LOCATION, format!("/api/bookmarks/{}", bookmark.id));
    Ok(HttpResponse::Created().insert_header(location).json(bookmark))
}

async fn show(bookmarks: Data<Bookmarks>, user: ReqData<User>, id: Path<i64>) -> Result<Json<Bookmark>, ApiError> {
    Ok(Json(bookmarks.get(&user.name, *id).await?))
}

async fn remove(
    bookmarks: Data<Bookmarks>,
    user: ReqData<User>,
    notify: Data<Notify>,
    id: Path<i64>,
) -> Result<HttpResponse, ApiError> {
    bookmarks.delete(&user.name, *id).await?;
    notify.resource_updated(bookmarks::uri(*id));
    Ok(HttpResponse::NoContent().finish())
}

/// Every error of the API: a status, and a JSON object that says what is wrong.
#[derive(Debug)]
struct ApiError {
    status: StatusCode,
    text: String,
}

impl ApiError {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    fn bad_request(error: &impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status).json(json!({ "error": self.text }))
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let (status, text) = rest::problem(&error);
        Self::new(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), text)
    }
}

/// actix-web has 400 for what is not JSON, for JSON that is no bookmark, and for a body that is said to be none.
impl From<JsonPayloadError> for ApiError {
    fn from(error: JsonPayloadError) -> Self {
        let status = match &error {
            JsonPayloadError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            JsonPayloadError::Deserialize(error) if error.is_data() => StatusCode::UNPROCESSABLE_ENTITY,
            error => error.status_code(),
        };
        Self::new(status, error.to_string())
    }
}
