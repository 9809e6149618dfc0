//! A web server's own shutdown, tied to the end of the life.

use std::future::{Future, IntoFuture};
use std::sync::atomic::Ordering;

use super::signal::signal;
use super::{DrainReport, Lifespan, StartError};

impl Lifespan {
    /// Waits for SIGINT or SIGTERM, begins the shutdown, and resolves when the drain begins: for a web server's own
    /// graceful shutdown. Open streams never end by themselves, so they must end inside this, before the server waits for
    /// its connections; and in a [lame duck](Self::lame_duck) the server still has to accept. It also resolves when
    /// somebody else has begun the drain.
    ///
    /// At its first poll it begins to run the [start hooks](Self::on_start). The web server has to be
    /// [driven](Self::drive), which waits for them and for the end; else call [`shutdown`](Self::shutdown) after it.
    ///
    /// ```no_run
    /// # async fn example(app: axum::Router, lifespan: mcp_mount::Lifespan) -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    /// lifespan.drive(axum::serve(listener, app).with_graceful_shutdown(lifespan.until_signal())).await?;
    /// # Ok(()) }
    /// ```
    pub fn until_signal(&self) -> impl Future<Output = ()> + Send + use<> {
        self.shared.signals.store(true, Ordering::Relaxed);
        self.until(signal())
    }

    /// Waits for `future`, whatever it comes to, and begins the shutdown: [`until_signal`](Self::until_signal) for hosts
    /// that know better when to end.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let lifespan = mcp_mount::Lifespan::new();
    /// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    /// let until = lifespan.until(stopped); // for `with_graceful_shutdown`, say
    /// drop(stop);
    /// until.await;
    /// assert!(lifespan.is_draining());
    /// # }
    /// ```
    pub fn until<F: Future + Send>(&self, future: F) -> impl Future<Output = ()> + Send + use<F> {
        let lifespan = self.clone();
        async move {
            lifespan.begin_start();
            lifespan.watch_the_host();
            tokio::select! {
                _ = future => {}
                () = lifespan.shared.ending.cancelled() => {}
            }
            lifespan.begin();
            tokio::select! {
                () = lifespan.shared.drain.cancelled() => {}
                () = lifespan.ended() => {}
            }
        }
    }

    /// Runs the [start hooks](Self::on_start), then a web server to its end, then the [shutdown
    /// hooks](Self::on_shutdown). It gives up on the server one second after the drain's deadline, since a socket that
    /// nobody reads would hold it for ever. After [`until_signal`](Self::until_signal), a second signal cuts the rest
    /// short; while the start hooks run, one has its usual effect and ends the process. A server that ends by itself,
    /// well or badly, begins the drain at once.
    ///
    /// ```no_run
    /// # async fn example(app: axum::Router, lifespan: mcp_mount::Lifespan) -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    /// let server = axum::serve(listener, app).with_graceful_shutdown(lifespan.until_signal());
    /// let report = lifespan.drive(server).await?;
    /// println!("{} calls were cut", report.cut);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// That of a start hook, in which case the server is never polled; or the server's own, when the drain and the
    /// shutdown hooks are done.
    pub async fn drive<S, T, E>(&self, server: S) -> Result<DrainReport, E>
    where
        S: IntoFuture<Output = Result<T, E>>,
        E: From<StartError>,
    {
        match self.start().await {
            Ok(()) => {}
            Err(error) if error.is_too_late() => return Ok(self.shutdown().await),
            Err(error) => return Err(error.into()),
        }
        let driven = self.enter_server();
        let served = tokio::select! {
            served = server.into_future() => served.map(drop),
            () = self.overdue() => {
                tracing::warn!("something was still open one second after the deadline: giving up on it");
                Ok(())
            }
        };
        drop(driven);
        self.begin_at_once();
        self.ended().await;
        served.map(|()| self.report())
    }
}
