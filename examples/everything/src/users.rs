//! Who is asking, so that tests can see what belongs to whom. It is no login: whoever says one of the names is believed.

use std::sync::Arc;

use axum::http::{Request, header};
use mcp_mount::{Mcp, Principal};
use tower::util::MapRequestLayer;

/// The user of a request, in its extensions.
#[derive(Clone)]
struct User(String);

/// Tells the server apart who is asking, where there are `users`, separated by commas: `Authorization: Bearer ada` is
/// ada, if she is one of them. Everybody else is nobody.
pub(crate) fn configure(mcp: Mcp, users: &str) -> Mcp {
    let users: Arc<[String]> =
        users.split(',').map(str::trim).filter(|user| !user.is_empty()).map(str::to_owned).collect();
    if users.is_empty() {
        return mcp;
    }
    mcp.principal_from_extension::<User>(|User(name)| Principal::new(name)).http_layer(MapRequestLayer::new(
        move |mut request: Request<_>| {
            let name = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let name = name
                .and_then(|value| value.strip_prefix("Bearer "))
                .filter(|name| users.iter().any(|user| user == name));
            if let Some(user) = name.map(|name| User(name.to_owned())) {
                request.extensions_mut().insert(user);
            }
            request
        },
    ))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use mcp_mount::McpService;
    use tower::ServiceExt;

    use super::*;

    const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",
        "capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
    const PING: &str = r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#;

    /// The status, and the session that it gave.
    async fn post(mcp: &McpService, who: &str, session: &str, body: &'static str) -> (StatusCode, String) {
        let request = Request::post("/")
            .header("host", "127.0.0.1")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        let request = if who.is_empty() { request } else { request.header("authorization", who) };
        let request = if session.is_empty() { request } else { request.header("mcp-session-id", session) };
        let request = request.body(body.to_owned()).expect("a request");
        let response = mcp.clone().oneshot(request).await.expect("infallible");
        let given = response.headers().get("mcp-session-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
        (response.status(), given.to_owned())
    }

    #[tokio::test]
    async fn a_session_belongs_to_the_user_who_opened_it() {
        let mcp = configure(Mcp::new("demo", "1.0.0"), "ada, bo").build().expect("a server");
        let (_, session) = post(&mcp, "Bearer ada", "", INITIALIZE).await;
        let mut statuses = Vec::new();
        for who in ["Bearer ada", "Bearer bo", "Bearer eve", "Basic ada", ""] {
            statuses.push(post(&mcp, who, &session, PING).await.0.as_u16());
        }
        assert_eq!(statuses, [200, 404, 404, 404, 404]);
    }

    #[tokio::test]
    async fn without_users_everybody_is_nobody() {
        let mcp = configure(Mcp::new("demo", "1.0.0"), "").build().expect("a server");
        let (_, session) = post(&mcp, "Bearer ada", "", INITIALIZE).await;
        assert_eq!(post(&mcp, "", &session, PING).await.0, StatusCode::OK);
    }
}
