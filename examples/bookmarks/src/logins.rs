//! Who is asking: what a login middleware decides by, whichever framework it is written for.

use std::collections::HashSet;

use subtle::ConstantTimeEq;

/// The header `WWW-Authenticate` of a request that [`Logins::user`] refuses.
pub const CHALLENGE: &str = r#"Bearer error="invalid_token""#;

/// What such a request is told.
pub const UNKNOWN_TOKEN: &str = "unknown token: send a known one as `Authorization: Bearer <token>`, or none";

/// The user of requests without a token. Nobody can log in by this name.
const GUEST: &str = "guest";

/// The user of a request, put into its extensions by the login middleware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, which owns the bookmarks.
    pub name: String,
}

impl User {
    /// The user of requests without a token.
    #[must_use]
    pub fn guest() -> Self {
        Self { name: GUEST.to_owned() }
    }
}

/// The tokens and whose they are.
#[expect(missing_debug_implementations, reason = "so that no log can hold a token by accident")]
pub struct Logins(Vec<Login>);

struct Login {
    user: User,
    token: String,
}

/// What is wrong with a list of logins. Names the user, never the token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginsError {
    /// An entry, counted from 1, that cannot be read.
    #[error("entry {0} is not of the form name=token")]
    Form(usize),
    /// A login by the name of those who do not log in.
    #[error("the name `{GUEST}` is for requests without a token")]
    Guest,
    /// Two logins that cannot be told apart.
    #[error("the name or the token of `{0}` is there twice")]
    Twice(String),
}

impl Logins {
    /// Reads `alice=secret1,bob=secret2`. An empty text is an empty list: everybody is a guest.
    ///
    /// # Errors
    ///
    /// When it is not such a list.
    pub fn parse(text: &str) -> Result<Self, LoginsError> {
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

    /// The user of a request with this `Authorization` header, or `None` if it claims to be somebody and cannot show
    /// it.
    ///
    /// Only the absence of the header makes a guest: a mistyped token must not look like a login that worked.
    #[must_use]
    pub fn user(&self, authorization: Option<&[u8]>) -> Option<User> {
        let Some(value) = authorization else {
            return Some(User::guest());
        };
        // RFC 9110 §11.1: the name of the scheme is case-insensitive.
        let (scheme, token) = str::from_utf8(value).ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        // In constant time, so that how long a refusal takes does not tell how much of a token was right.
        let token = token.trim().as_bytes();
        self.0.iter().find(|login| login.token.as_bytes().ct_eq(token).into()).map(|login| login.user.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(authorization: Option<&str>) -> Option<String> {
        let logins = Logins::parse("alice=secret1, bob=se=cret2").expect("valid logins");
        logins.user(authorization.map(str::as_bytes)).map(|user| user.name)
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
        let logins = Logins::parse("alice=\u{e9}").expect("valid logins");
        assert_eq!(logins.user(Some(b"Bearer \xe9")), None, "not UTF-8");
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
