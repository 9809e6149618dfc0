//! A small bookmarks service on actix-web, into which an MCP server is mounted.
//!
//! `app` and `login` are an application that could exist without MCP. What they serve, and the tools for MCP clients,
//! is in the library `bookmarks`, which knows no web framework. One `service` below puts both on the same port, behind
//! the same login, on the same state.

mod app;
mod login;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use bookmarks::{Bookmarks, Logins, User, welcome};
use environment::Deployment;
use mcp_mount::McpService;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    environment::log();
    let addr = environment::variable("ADDR", "127.0.0.1:8000")?;
    let (bookmarks, logins) = (bookmarks::bookmarks_from_env()?, bookmarks::logins_from_env()?);

    let deployment = Deployment::from_env()?;
    let mcp = deployment.configure(bookmarks::mcp(bookmarks.clone())).await?.build()?;
    let (server, address) =
        serve(&addr, bookmarks, mcp.clone(), logins, &deployment).map_err(|e| format!("ADDR={addr}: {e}"))?;
    welcome::print(&mut io::stdout().lock(), &environment::url(address), &mcp.describe())?;

    let report = mcp.lifespan().drive_actix(server).await?;
    tracing::info!(?report, "stopped");
    Ok(())
}

/// The REST routes and the MCP server beside each other, with the login around both. Each worker has an `App`; the
/// store and the MCP server are the same in all of them.
fn serve(
    addr: &str,
    bookmarks: Bookmarks,
    mcp: McpService,
    logins: Logins,
    deployment: &Deployment,
) -> io::Result<(Server, SocketAddr)> {
    let (bookmarks, notify, logins) = (Data::new(bookmarks), Data::new(mcp.notify()), Data::new(logins));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(bookmarks.clone())
            .app_data(notify.clone())
            .app_data(logins.clone())
            .configure(app::routes)
            .service(mcp.scope("/mcp").forward::<User>())
            .wrap(from_fn(login::login))
    })
    // Else a client that goes away is noticed late, when its keep-alives fail.
    .h1_allow_half_closed(false)
    // Else the second of two small writes waits up to 40 ms for the first one's acknowledgement.
    .tcp_nodelay(true)
    // Else actix-web ends by itself, before the drain.
    .disable_signals()
    // Else connections are closed 30 s after the drain began: with a longer grace, calls that run would have no answer.
    .shutdown_timeout(deployment.shutdown_timeout())
    .bind(addr)?;
    let address = server.addrs().first().copied().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok((server.run(), address))
}
