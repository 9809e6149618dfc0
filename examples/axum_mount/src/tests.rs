//! The tests that both hosts share, on axum.

#[path = "../../bookmarks/suite/mod.rs"]
mod suite;

use std::net::SocketAddr;

use bookmarks::{Bookmarks, Logins};
use tokio::net::TcpListener;

/// Serves the application on a free port, until the test's runtime ends.
#[expect(clippy::disallowed_methods, reason = "the test's runtime ends it")]
async fn start(bookmarks: Bookmarks, logins: Logins) -> SocketAddr {
    let mcp = bookmarks::mcp(bookmarks.clone()).build().expect("a valid configuration");
    let app = crate::application(bookmarks, &mcp, logins);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { mcp.lifespan().serve(listener, app).await });
    address
}
