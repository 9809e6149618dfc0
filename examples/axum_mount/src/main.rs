//! A small bookmarks service on axum, into which an MCP server is mounted.
//!
//! `app` and `login` are an application that could exist without MCP. What they serve, and the tools for MCP clients,
//! is in the library `bookmarks`, which knows no web framework. One `merge` below puts both on the same port, behind
//! the same login, on the same state.

mod app;
mod login;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::io;
use std::sync::Arc;

use axum::{Router, middleware};
use bookmarks::{Bookmarks, Logins, welcome};
use environment::Deployment;
use mcp_mount::McpService;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    environment::log();
    let addr = environment::variable("ADDR", "127.0.0.1:8000")?;
    let (bookmarks, logins) = (bookmarks::bookmarks_from_env()?, bookmarks::logins_from_env()?);

    let mcp = Deployment::from_env()?.configure(bookmarks::mcp(bookmarks.clone())).await?.build()?;
    let app = application(bookmarks, &mcp, logins);

    let listener = TcpListener::bind(&addr).await.map_err(|e| format!("ADDR={addr}: {e}"))?;
    let url = environment::url(listener.local_addr()?);
    welcome::print(&mut io::stdout().lock(), &url, &mcp.describe())?;

    let report = mcp.lifespan().serve(listener, app).await?;
    tracing::info!(?report, "stopped");
    Ok(())
}

/// The REST routes and the MCP server beside each other, with the login around both.
fn application(bookmarks: Bookmarks, mcp: &McpService, logins: Logins) -> Router {
    app::routes(bookmarks, mcp.notify())
        .merge(mcp.at("/mcp"))
        .layer(middleware::from_fn_with_state(Arc::new(logins), login::login))
}
