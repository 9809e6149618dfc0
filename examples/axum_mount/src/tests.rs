//! The tests that both hosts share, on axum.

#[path = "../../bookmarks/suite/mod.rs"]
mod suite;

use std::net::{SocketAddr, TcpListener};

use bookmarks::{Bookmarks, Logins};

/// Serves the application on a free port, until the test's runtime ends.
#[expect(clippy::disallowed_methods, reason = "the test's runtime ends it")]
fn start(bookmarks: Bookmarks, logins: Logins) -> SocketAddr {
    let mcp = bookmarks::mcp(bookmarks.clone()).build().expect("a valid configuration");
    let app = crate::application(bookmarks, &mcp, logins);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket for tokio");
    let address = listener.local_addr().expect("an address");
    let listener = listener.try_into().expect("a socket for tokio");
    tokio::spawn(async move { mcp.lifespan().serve(listener, app).await });
    address
}
