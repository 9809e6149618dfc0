//! The tests that both hosts share, on actix-web.

#[path = "../../bookmarks/suite/mod.rs"]
mod suite;

use std::net::SocketAddr;

use bookmarks::{Bookmarks, Logins};
use environment::Deployment;

/// Serves the application on a free port, until the test's runtime ends.
#[expect(clippy::disallowed_methods, reason = "the test's runtime ends it")]
fn start(bookmarks: Bookmarks, logins: Logins) -> SocketAddr {
    let mcp = bookmarks::mcp(bookmarks.clone()).build().expect("a valid configuration");
    let serving = crate::serve("127.0.0.1:0", bookmarks, mcp.clone(), logins, &Deployment::default());
    let (server, address) = serving.expect("a free port");
    tokio::spawn(async move { mcp.lifespan().drive_actix(server).await });
    address
}
