//! actix-web's server, driven to its end.

use std::io;
use std::pin::pin;
use std::time::Duration;

use actix_web::dev::Server;
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};

use crate::lifespan::{DrainReport, Lifespan};

/// How long before the deadline the server is stopped at the latest.
const RESERVE: Duration = Duration::from_millis(500);

impl Lifespan {
    /// Runs actix-web's server until SIGINT or SIGTERM, then drains and ends: [`drive`](Self::drive) for this server. It is
    /// stopped gracefully when no call is left that goes on when its client leaves, as those of sessions do; until then it
    /// accepts, and answers calls with 503. The [start hooks](Self::on_start) run before a connection is accepted, the
    /// [shutdown hooks](Self::on_shutdown) when the server has ended.
    ///
    /// ```no_run
    /// use actix_web::{App, HttpServer};
    ///
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
    /// let lifespan = mcp.lifespan();
    /// let server = HttpServer::new(move || App::new().service(mcp.scope("/mcp")))
    ///     .h1_allow_half_closed(false) // else a client that goes away is not noticed while a handler runs
    ///     .tcp_nodelay(true)
    ///     .bind(("127.0.0.1", 8000))?
    ///     .disable_signals() // else actix-web ends by itself, before the drain
    ///     .run();
    /// let report = lifespan.drive_actix(server).await?;
    /// println!("{} calls were cut", report.cut);
    /// # Ok(()) }
    /// ```
    ///
    /// actix-web has a deadline of its own for a graceful stop, `HttpServer::shutdown_timeout`, 30 s by default, at which it
    /// drops connections without an answer. With a [`grace`](Self::grace) of more than 28 s, set it two seconds higher than
    /// that. Workers look at their connections once a second, so the end comes up to a second after the last answer;
    /// an HTTP/2 connection, which actix-web does not close by itself, holds it until one second after the deadline.
    ///
    /// # Errors
    ///
    /// That of a start hook, in which case the server never accepts; or the server's own.
    pub async fn drive_actix(&self, server: Server) -> io::Result<DrainReport> {
        let handle = server.handle();
        let until = self.until_signal();
        // A stopped worker ends with its last connection, and with it whatever still runs there: a call of a session, say,
        // whose client leaves. Workers look once a second, so they are told a little before the deadline at the latest.
        let until = async { until.then(|()| self.no_lasting_calls(RESERVE)).await };
        self.drive(async move {
            let server = match select(server, pin!(until)).await {
                Either::Left((served, _)) => return served,
                Either::Right(((), server)) => server,
            };
            // Said at once; it is the server itself that ends then.
            drop(handle.stop(true));
            server.await
        })
        .await
    }
}
