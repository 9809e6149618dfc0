//! What the application offers to MCP clients: plain functions on the state and the user that the REST routes have.

use std::borrow::Cow;

use mcp_mount::{Context, Extension, Json, State, ToolError, tool};
use schemars::JsonSchema;
use serde::Serialize;

use crate::bookmark::{Bookmark, Error, NewBookmark, Search, SearchResult};
use crate::logins::User;
use crate::store::Bookmarks;
use crate::{netscape, resources};

/// What `import_bookmarks` reads when it is given no file: an export such as a browser writes.
const SAMPLE: &str = include_str!("../data/bookmarks.html");

/// Bookmarks are imported, and their progress reported, by so many at a time: one transaction each.
const BATCH: usize = 25;

/// What an import did.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct ImportReport {
    /// How many bookmarks were added.
    pub(crate) imported: usize,
    /// How many were not: already there, or not the URL of a web page.
    pub(crate) skipped: usize,
    /// How many folders the file has. The names of the folders around it are tags of a bookmark.
    pub(crate) folders: usize,
}

/// Search the user's bookmarks, the newest first.
#[tool(title = "Search bookmarks", read_only)]
pub(crate) async fn search_bookmarks(
    /// Words that must all be part of the title, the URL or a tag, in any case. Empty finds everything.
    query: String,
    /// How many bookmarks to return: 20 if not given, at most 100.
    limit: Option<u32>,
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
) -> Result<Json<SearchResult>, ToolError> {
    let search = Search { query, limit, ..Search::default() };
    Ok(Json(bookmarks.search(&user.name, search).await?))
}

/// Add a bookmark. A URL can be bookmarked once.
#[tool(title = "Add a bookmark", destructive = false)]
pub(crate) async fn add_bookmark(
    /// The address of a web page, with its scheme: `https://example.com/page`.
    url: String,
    /// What to call it.
    title: String,
    /// Words to find it by. They are kept in lower case.
    tags: Option<Vec<String>>,
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
) -> Result<Json<Bookmark>, ToolError> {
    let new = NewBookmark::new(&url, &title, tags.unwrap_or_default()).map_err(told)?;
    bookmarks.add(&user.name, new).await.map(Json).map_err(told)
}

/// Delete a bookmark.
#[tool(title = "Delete a bookmark", destructive)]
pub(crate) async fn delete_bookmark(
    /// Its number
    id: i64,
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
    ctx: Context,
) -> Result<String, ToolError> {
    bookmarks.delete(&user.name, id).await.map_err(told)?;
    // Who has subscribed to it learns that there is nothing any more.
    ctx.notify().resource_updated(resources::uri(id));
    Ok(format!("bookmark {id} is deleted"))
}

/// Import the bookmarks a browser has exported as HTML. What is already there is skipped.
#[tool(title = "Import bookmarks", destructive = false, idempotent)]
pub(crate) async fn import_bookmarks(
    /// The text of the exported file. Without it, a sample of 500 bookmarks is imported.
    html: Option<String>,
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
    ctx: Context,
) -> Result<Json<ImportReport>, ToolError> {
    let export = netscape::parse_in_background(html.map_or(SAMPLE.into(), Cow::Owned)).await?;
    let total = export.links.len();
    if total == 0 {
        return Err(ToolError::expose("no bookmark found: `html` should be the file that a browser exports as HTML"));
    }

    let (mut read, mut imported) = (0, 0);
    for batch in export.links.chunks(BATCH) {
        // What was imported stays: each batch is complete in itself, and a new import skips it.
        if ctx.is_cancelled() {
            return Err(ToolError::expose(format!("cancelled after {read} of {total} bookmarks")));
        }
        let good = batch.iter().filter_map(|link| NewBookmark::try_from(link).ok()).collect();
        imported += bookmarks.add_all(&user.name, good).await?;
        read += batch.len();
        let folder = batch.last().map(netscape::Link::folder).unwrap_or_default();
        ctx.progress(read as f64).total(total as f64).message(folder).await;
    }
    tracing::info!(imported, total, "bookmarks imported");
    Ok(Json(ImportReport { imported, skipped: total - imported, folders: export.folders }))
}

/// Tells the client what it did wrong. What failed on our side stays masked, as `?` leaves it.
fn told(error: Error) -> ToolError {
    if error.is_internal() { error.into() } else { ToolError::expose(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Bookmarks {
        Bookmarks::in_memory().expect("an empty database")
    }

    async fn add(store: &Bookmarks, url: &str) -> Result<Json<Bookmark>, ToolError> {
        let tags = Some(vec!["Reading".to_owned()]);
        let (state, user) = (State(store.clone()), Extension(User::guest()));
        add_bookmark(url.to_owned(), "A page".to_owned(), tags, state, user).await
    }

    // Tools are plain functions, so a test calls them as such.
    #[tokio::test]
    async fn what_was_added_is_found() {
        let store = store();
        let Json(added) = add(&store, "https://example.com/page").await.expect("added");
        let (state, user) = (State(store), Extension(User::guest()));
        let Json(result) = search_bookmarks("READING".to_owned(), None, state, user).await.expect("a search");
        assert_eq!(result, SearchResult { bookmarks: vec![added], total: 1 });
    }

    #[tokio::test]
    async fn bad_and_known_urls_are_refused() {
        let store = store();
        assert!(add(&store, "not a url").await.is_err());
        assert!(add(&store, "https://example.com/").await.is_ok());
        assert!(add(&store, "https://example.com").await.is_err(), "the same page");
    }
}
