//! The steps of the end, and who waits for them.

use std::time::Duration;

use tokio::time::{sleep, sleep_until, timeout};

use super::one_run::Run;
use super::{Lifespan, PATIENCE};

/// What a drain came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Calls that ended by themselves after the drain had begun. What ends while the server is a lame duck does not
    /// count: until then everything is as usual.
    pub finished: usize,
    /// Calls that were cancelled at the deadline, or whose client left them.
    pub cut: usize,
    /// Open streams that were ended.
    pub streams: usize,
    /// The names of the shutdown hooks that panicked or did not finish in their time.
    pub failed_hooks: Vec<String>,
    /// How long all of it took, from the beginning of the shutdown: with the lame duck, the end of a web server that is
    /// [driven](Lifespan::drive), and the hooks.
    pub elapsed: Duration,
}

impl Lifespan {
    /// Ends the service. [`is_ready`](Self::is_ready) says no at once, and after the [lame duck](Self::lame_duck), if
    /// there is one, the drain begins: new sessions, streams and calls get 503, open streams end at once, running calls
    /// may finish until the deadline and are cancelled and answered with an error then. Last come the [shutdown
    /// hooks](Self::on_shutdown).
    ///
    /// It may be called more than once: there is one end, and everybody gets its report. It goes on when nobody waits for
    /// it. Needs a tokio runtime with its timers.
    ///
    /// While a web server is [driven](Self::drive), this returns when calls and streams are gone and leaves the hooks to
    /// `drive`, which runs them when the server has ended. So a route of the host's, or the server's own
    /// shutdown, may wait for this. A tool may not: it is itself one of the calls that are waited for, and would be cut at
    /// the deadline.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let lifespan = mcp_mount::Lifespan::new();
    /// let report = lifespan.shutdown().await;
    /// assert_eq!((report.finished, report.cut, report.streams), (0, 0, 0));
    /// # }
    /// ```
    pub async fn shutdown(&self) -> DrainReport {
        self.begin();
        if self.is_driven() {
            tokio::select! {
                () = self.ended() => {}
                () = self.shared.drained.cancelled() => {}
            }
        } else {
            self.ended().await;
        }
        self.report()
    }

    /// Waits for all of the end.
    pub(super) async fn ended(&self) {
        if self.shared.report.get().is_none() {
            self.shared.end.done(|| self.clone().end()).await;
        }
    }

    /// Has the end go on by itself. Without a runtime it goes on when somebody waits for it.
    pub(super) fn go_on_ending(&self) {
        if self.shared.report.get().is_none() && tokio::runtime::Handle::try_current().is_ok() {
            let _run: Run = self.shared.end.begin(|| self.clone().end());
        }
    }

    /// All steps; those that are behind us take no time.
    async fn end(self) {
        let times = self.times();
        tokio::select! {
            () = sleep_until(times.drain) => self.begin_drain(),
            () = self.shared.drain.cancelled() => {}
            () = self.second_signal() => self.begin_cut(),
        }
        tokio::select! {
            () = self.empty() => {}
            () = self.out_of_time() => {}
        }
        let _ = timeout(PATIENCE, self.empty()).await;
        self.shared.drained.cancel();
        tokio::select! {
            () = self.not_driven() => {}
            () = self.overdue() => {}
        }
        self.run_shutdown_hooks().await;
        let _ = self.shared.report.set(self.report());
    }

    /// Resolves at the deadline, or when somebody is in a hurry; then everything is cut.
    pub(super) async fn out_of_time(&self) {
        tokio::select! {
            () = sleep_until(self.times().deadline) => {}
            () = self.second_signal() => {}
            () = self.shared.cut.cancelled() => {}
        }
        self.begin_cut();
    }

    /// Resolves one second after the deadline, or after a second signal.
    pub(super) async fn overdue(&self) {
        self.shared.ending.cancelled().await;
        self.out_of_time().await;
        sleep(PATIENCE).await;
    }

    /// The end's report, or what it would be now.
    pub(super) fn report(&self) -> DrainReport {
        self.shared.report.get().cloned().unwrap_or_else(|| self.report_so_far())
    }

    fn report_so_far(&self) -> DrainReport {
        let (finished, cut, streams) = self.outcomes();
        let elapsed = self.times().began.elapsed();
        DrainReport { finished, cut, streams, failed_hooks: self.failed_hooks(), elapsed }
    }
}
