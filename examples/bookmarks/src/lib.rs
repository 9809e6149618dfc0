//! A small bookmarks service and what it offers to MCP clients, without the web framework around it.
//!
//! `examples/axum_mount` and `examples/actix_mount` are two applications made of it. Each has its own REST routes, its
//! own login middleware and its own `main`, in which the MCP server is mounted; all else is here and the same for both.

mod bookmark;
mod logins;
mod netscape;
mod resources;
pub mod rest;
mod store;
mod tools;
pub mod welcome;

use mcp_mount::{Mcp, Principal, prompts, resources, tools};

pub use self::bookmark::{Bookmark, Error, NewBookmark, Search, SearchResult};
pub use self::logins::{CHALLENGE, Logins, LoginsError, UNKNOWN_TOKEN, User};
pub use self::resources::uri;
pub use self::store::Bookmarks;

/// What a client's model is told about the server as a whole.
const INSTRUCTIONS: &str = "Bookmarks of the signed-in user, or of `guest`. \
    Search before adding: a URL is kept once. Tags are lower case.";

/// The MCP server, to be built: the tools, the state they share with the REST routes, and who is asking, which is the
/// [`User`] that the host's login has put into the request's extensions.
pub fn mcp(bookmarks: Bookmarks) -> Mcp {
    Mcp::new("bookmarks", env!("CARGO_PKG_VERSION"))
        .title("Bookmarks")
        .instructions(INSTRUCTIONS)
        .tools(tools![tools::search_bookmarks, tools::add_bookmark, tools::delete_bookmark, tools::import_bookmarks])
        .resources(resources![resources::bookmark])
        .prompts(prompts![resources::sum_up_tag])
        .state(bookmarks)
        .principal_from_extension::<User>(|user| Principal::new(&user.name))
        .health()
}

/// The store that `DATABASE` names, which is in memory if it is not set.
///
/// # Errors
///
/// When it cannot be opened. The error names the variable.
pub fn bookmarks_from_env() -> Result<Bookmarks, String> {
    let path = environment::variable("DATABASE", ":memory:")?;
    Bookmarks::open(&path).map_err(|e| format!("DATABASE={path}: {e}"))
}

/// Who can log in, which is what `BOOKMARKS_TOKENS` lists: `alice=secret1,bob=secret2`.
///
/// # Errors
///
/// When it is not such a list. The error names the variable, and no token.
pub fn logins_from_env() -> Result<Logins, String> {
    Logins::parse(&environment::variable("BOOKMARKS_TOKENS", "")?).map_err(|e| format!("BOOKMARKS_TOKENS: {e}"))
}
