//! The domain: bookmarks, each of one owner.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

/// Longer tags are cut. A tag may be the name of a folder, repeated for each bookmark in it, so an absurdly long one
/// would multiply.
const MAX_TAG_CHARS: usize = 64;

/// A bookmark as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bookmark {
    /// The number by which it can be fetched or deleted.
    pub id: i64,
    /// The address of the page, in its normal form.
    pub url: String,
    /// What it is called.
    pub title: String,
    /// Lower-case words, each once.
    pub tags: Vec<String>,
    /// When it was added, in seconds since 1970-01-01 UTC.
    pub added: i64,
}

/// What a search found.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SearchResult {
    /// The newest that match, up to the limit.
    pub bookmarks: Vec<Bookmark>,
    /// How many match in all.
    pub total: u32,
}

/// What to look for. The default is everything.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Search {
    /// Words; each must be part of the title, the URL or a tag.
    pub query: String,
    /// Only bookmarks that have this tag.
    pub tag: Option<String>,
    /// 20 if not given, and at most 100.
    #[serde(deserialize_with = "number_or_empty")]
    pub limit: Option<u32>,
}

/// An HTML form sends a field that was left empty as `limit=`.
fn number_or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
}

/// A bookmark to be added. Having one means that its URL and title are good.
#[derive(Debug, Clone)]
pub struct NewBookmark {
    pub(crate) url: Url,
    pub(crate) title: String,
    pub(crate) tags: Vec<String>,
    pub(crate) added: Option<i64>,
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not the address of a web page.
    #[error("`{url}` cannot be bookmarked: {reason}")]
    BadUrl {
        /// What was to be bookmarked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The title is empty.
    #[error("a bookmark needs a title")]
    NoTitle,
    /// The owner has the page already.
    #[error("`{url}` is already bookmarked, as number {id}")]
    Duplicate {
        /// What was to be bookmarked.
        url: String,
        /// The bookmark that is there.
        id: i64,
    },
    /// The owner has no bookmark of that number.
    #[error("there is no bookmark number {0}")]
    NotFound(i64),
    /// SQLite failed.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// What is in the database is not what was written there.
    #[error("a column of the database is damaged: {0}")]
    Column(#[from] serde_json::Error),
    /// The work on the database panicked, or the process is at its end.
    #[error("the database's thread failed: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl Error {
    /// Whether this is the service's own failure, whose text is for its log and not for who asked.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Database(_) | Self::Column(_) | Self::Thread(_))
    }
}

impl NewBookmark {
    /// Checks the URL and the title, and puts the tags into their normal form.
    ///
    /// # Errors
    ///
    /// When the URL is not that of a web page, or the title is empty.
    pub fn new(url: &str, title: &str, tags: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, Error> {
        let bad = |reason: String| Error::BadUrl { url: url.to_owned(), reason };
        let parsed = Url::parse(url.trim()).map_err(|e| match e {
            url::ParseError::RelativeUrlWithoutBase => bad("it has no scheme, such as `https://`".to_owned()),
            e => bad(e.to_string()),
        })?;
        // `javascript:` bookmarklets, `file:`, `place:` and their like are a browser's own business.
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(bad(format!("its scheme is `{}`, not http or https", parsed.scheme())));
        }
        let title = words(title);
        if title.is_empty() {
            return Err(Error::NoTitle);
        }
        let mut kept: Vec<String> = Vec::new();
        for tag in tags {
            let tag = normal_tag(tag.as_ref());
            if !tag.is_empty() && !kept.contains(&tag) {
                kept.push(tag);
            }
        }
        Ok(Self { url: parsed, title, tags: kept, added: None })
    }

    /// When it was added, in seconds since 1970-01-01 UTC. It is now, if that is not known.
    #[must_use]
    pub fn added(mut self, added: Option<i64>) -> Self {
        self.added = added;
        self
    }

    pub(crate) fn search_text(&self) -> String {
        format!("{}\n{}\n{}", self.title, self.url, self.tags.join("\n")).to_lowercase()
    }
}

/// White space runs become one space: titles in exports are often broken over lines.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn normal_tag(tag: &str) -> String {
    let cut: String = words(tag).to_lowercase().chars().take(MAX_TAG_CHARS).collect();
    cut.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_url_says_what_is_wrong_with_it() {
        let error = |url: &str| NewBookmark::new(url, "t", [""; 0]).expect_err("a bad URL").to_string();
        assert_eq!(error("example.com"), "`example.com` cannot be bookmarked: it has no scheme, such as `https://`");
        assert!(error("javascript:alert(1)").contains("its scheme is `javascript`, not http or https"));
        assert!(error("https://").contains("empty host"));
        assert!(error("").contains("no scheme"));
        assert!(matches!(NewBookmark::new("https://example.com", " \n", [""; 0]), Err(Error::NoTitle)));
    }
}
