//! What MCP clients can read and be prompted with: the same functions on the same state as the tools.

use mcp_mount::{CompletionRequest, Content, Extension, Json, PromptMessage, State, ToolError, prompt, resource};

use crate::bookmark::{Bookmark, Error, Search};
use crate::logins::User;
use crate::store::Bookmarks;

/// How many bookmarks a prompt is about.
const MOST: u32 = 50;

/// The URI of a bookmark, as [`bookmark`] serves it.
#[must_use]
pub fn uri(id: i64) -> String {
    format!("bookmark://{id}")
}

/// A bookmark of the user's, by its number.
#[resource("bookmark://{id}", title = "A bookmark", mime_type = "application/json")]
pub(crate) async fn bookmark(
    id: i64,
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
) -> Result<Option<Json<Bookmark>>, ToolError> {
    match bookmarks.get(&user.name, id).await {
        Ok(bookmark) => Ok(Some(Json(bookmark))),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Sum up what the user has bookmarked under a tag.
#[prompt(title = "Sum up a tag")]
pub(crate) async fn sum_up_tag(
    /// One of the user's tags
    #[complete(tags)]
    tag: String,
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
) -> Result<Vec<PromptMessage>, ToolError> {
    let search = Search { tag: Some(tag.clone()), limit: Some(MOST), ..Search::default() };
    let found = bookmarks.search(&user.name, search).await?.bookmarks;
    if found.is_empty() {
        return Err(ToolError::expose(format!("nothing is bookmarked under the tag `{tag}`")));
    }
    let question = format!("These are my bookmarks with the tag `{tag}`. Sum up what I have collected, by theme.");
    let links = found.into_iter().map(|one| PromptMessage::user(Content::resource_link(uri(one.id), one.title)));
    Ok(std::iter::once(PromptMessage::user(question)).chain(links).collect())
}

/// The user's tags that begin with what has been typed, the most used first.
async fn tags(
    typed: CompletionRequest,
    State(bookmarks): State<Bookmarks>,
    Extension(user): Extension<User>,
) -> Result<Vec<String>, Error> {
    bookmarks.tags(&user.name, typed.value()).await
}
