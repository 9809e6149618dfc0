//! Who is asking: a login middleware, as a host application has it long before MCP comes in.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use subtle::ConstantTimeEq;

/// The user of requests without a token. Nobody can log in by this name.
const GUEST: &str = "guest";

/// The user of a request, put into its extensions by [`login`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
}

impl User {
    pub(crate) fn guest() -> Self {
        Self { name: GUEST.to_owned() }
    }
}

/// The tokens and whose they are. Not `Debug`, so that no log can hold a token by accident.
pub(crate) struct Logins(Vec<Login>);

struct Login {
    user: User,
    token: String,
}

/// What is wrong with a list of logins. Names the user, never the token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoginsError {
    #[error("entry {0} is not of the form name=token")]
    Form(usize),
    #[error("the name `{GUEST}` is for requests without a token")]
    Guest,
    #[error("the name or the token of `{0}` is there twice")]
    Twice(String),
}

impl Logins {
    /// Reads `alice=secret1,bob=secret2`. An empty text is an empty list: everybody is a guest.
    pub(crate) fn parse(text: &str) -> Result<Self, LoginsError> {
        let mut logins = Vec::new();
        let (mut names, mut tokens) = (HashSet::new(), HashSet::new());
        for (index, entry) in text.split(',').enumerate().filter(|(_, entry)| !entry.trim().is_empty()) {
            let (name, token) = entry.split_once('=').ok_or(LoginsError::Form(index + 1))?;
            let (name, token) = (name.trim(), token.trim());
            if name.is_empty() || token.is_empty() {
                return Err(LoginsError::Form(index + 1));
            }
            if name == GUEST {
                return Err(LoginsError::Guest);
            }
            if !names.insert(name) || !tokens.insert(token) {
                return Err(LoginsError::Twice(name.to_owned()));
            }
            logins.push(Login { user: User { name: name.to_owned() }, token: token.to_owned() });
        }
        Ok(Self(logins))
    }

    /// The user of a request with these headers, or `None` if they claim to be somebody and cannot show it.
    ///
    /// Only the absence of the header makes a guest: a mistyped token must not look like a login that worked.
    fn user(&self, headers: &HeaderMap) -> Option<User> {
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Some(User::guest());
        };
        // RFC 9110 §11.1: the name of the scheme is case-insensitive.
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        // In constant time, so that how long a refusal takes does not tell how much of a token was right.
        let token = token.trim().as_bytes();
        self.0.iter().find(|login| login.token.as_bytes().ct_eq(token).into()).map(|login| login.user.clone())
    }
}

/// The middleware: puts the [`User`] into the request's extensions, or answers 401.
pub(crate) async fn login(State(logins): State<Arc<Logins>>, mut request: Request, next: Next) -> Response {
    match logins.user(request.headers()) {
        Some(user) => {
            request.extensions_mut().insert(user);
            next.run(request).await
        }
        None => {
            let error = "unknown token: send a known one as `Authorization: Bearer <token>`, or none";
            let challenge = [(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)];
            (StatusCode::UNAUTHORIZED, challenge, Json(json!({ "error": error }))).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn user(authorization: Option<&'static str>) -> Option<String> {
        let logins = Logins::parse("alice=secret1, bob=se=cret2").expect("valid logins");
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        logins.user(&headers).map(|user| user.name)
    }

    #[test]
    fn a_token_names_its_user_and_none_is_a_guest() {
        assert_eq!(user(None).as_deref(), Some("guest"));
        assert_eq!(user(Some("Bearer secret1")).as_deref(), Some("alice"));
        assert_eq!(user(Some("bearer se=cret2")).as_deref(), Some("bob"));
    }

    #[test]
    fn whatever_else_is_refused() {
        for header in ["Bearer", "Bearer ", "Bearer secret", "Bearer secret11", "Basic secret1", "secret1", ""] {
            assert_eq!(user(Some(header)), None, "{header:?}");
        }
    }

    #[test]
    fn a_mistake_in_the_list_is_named_without_the_token() {
        let error = |text| Logins::parse(text).err();
        assert_eq!(error(""), None);
        assert_eq!(error("alice=1,bob"), Some(LoginsError::Form(2)));
        assert_eq!(error("alice="), Some(LoginsError::Form(1)));
        assert_eq!(error("=1"), Some(LoginsError::Form(1)));
        assert_eq!(error("guest=1"), Some(LoginsError::Guest));
        assert_eq!(error("alice=1,alice=2"), Some(LoginsError::Twice("alice".to_owned())));
        assert_eq!(error("alice=1,bob=1"), Some(LoginsError::Twice("bob".to_owned())));
    }
}
