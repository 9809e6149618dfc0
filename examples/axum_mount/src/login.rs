//! Who is asking: a login middleware, as a host application has it long before MCP comes in.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bookmarks::{CHALLENGE, Logins, UNKNOWN_TOKEN};
use serde_json::json;

/// The middleware: puts the [`User`](bookmarks::User) into the request's extensions, or answers 401.
pub(crate) async fn login(State(logins): State<Arc<Logins>>, mut request: Request, next: Next) -> Response {
    let authorization = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    match logins.user(authorization) {
        Some(user) => {
            request.extensions_mut().insert(user);
            next.run(request).await
        }
        None => {
            let challenge = [(header::WWW_AUTHENTICATE, CHALLENGE)];
            (StatusCode::UNAUTHORIZED, challenge, Json(json!({ "error": UNKNOWN_TOKEN }))).into_response()
        }
    }
}
