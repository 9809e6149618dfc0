//! What the REST routes of both hosts have in common: a page, a body, and the status of an error.

use serde::Deserialize;

use crate::bookmark::{Error, NewBookmark};

/// The page at `/`.
pub const INDEX: &str = r#"<!DOCTYPE html>
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

/// What is sent to add a bookmark.
#[derive(Debug, Deserialize)]
pub struct AddBody {
    url: String,
    title: String,
    #[serde(default)]
    tags: Vec<String>,
}

impl TryFrom<AddBody> for NewBookmark {
    type Error = Error;

    fn try_from(AddBody { url, title, tags }: AddBody) -> Result<Self, Error> {
        Self::new(&url, &title, tags)
    }
}

/// The HTTP status of an error, and what who asked is told of it. What failed on our side is logged and not told.
#[must_use]
pub fn problem(error: &Error) -> (u16, String) {
    let status = match error {
        Error::BadUrl { .. } | Error::NoTitle => 422,
        Error::Duplicate { .. } => 409,
        Error::NotFound(_) => 404,
        Error::Database(_) | Error::Column(_) | Error::Thread(_) => {
            tracing::error!(%error, "a request failed");
            return (500, "internal error".to_owned());
        }
    };
    (status, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_error_is_not_told() {
        let error = Error::from(serde_json::from_str::<i64>("secret").expect_err("no number"));
        assert_eq!(problem(&error), (500, "internal error".to_owned()));
        assert_eq!(problem(&Error::NotFound(7)), (404, "there is no bookmark number 7".to_owned()));
    }
}
