//! What was promised, and what was seen.

use std::{fmt::Write as _, time::Duration};

use tokio::time::Instant;

use super::{
    Besides, Plan, STREAMS, USE,
    http::Broken,
    load::{Call, Client, Outcome, Probe, Stream, Told},
    server::{Report, Signal},
};
use crate::support::secs;

/// A call that was written this long before something began has been read by then: on the way are the loopback device,
/// which is done when the write is, and one turn of a worker of the server's, which takes less than a millisecond on an
/// idle machine. What is written later may be on either side. How late a busy machine is comes on top: see `lateness`.
const MARGIN: Duration = Duration::from_millis(50);

/// How soon after the signal a probe is told that the server is not ready.
const FLIP: Duration = Duration::from_millis(100);

/// The most that is put down to the machine. With `MARGIN` it is a fifth of a second, so that a server which closes its
/// connections half a second early loses calls that nothing excuses.
const LATEST: Duration = Duration::from_millis(150);

/// How long after the deadline a socket that nobody reads is given up: docs/lifespan.md.
const GIVEN_UP: Duration = secs(1);

#[derive(Debug)]
pub struct Seen {
    pub plan: Plan,
    pub signal: Signal,
    pub report: Report,
    pub ended: Instant,
    pub calls: Vec<Call>,
    pub probes: Vec<Probe>,
    pub streams: Vec<Stream>,
    /// What the calls were answered that never end by themselves.
    pub cut: Vec<(String, Instant)>,
}

impl Seen {
    pub fn check(&self) {
        self.check_calls();
        self.check_streams();
        self.check_probes();
        self.check_report();
        match self.plan.besides {
            Besides::Nothing if self.plan.http2 && !self.plan.host.ends_http2() => self.check_latest(GIVEN_UP),
            Besides::Nothing => {
                let took = self.ended - self.last_answer();
                assert!(took < self.plan.host.tidies_up_within(), "{took:?} after the last answer");
            }
            Besides::StuckHandlers => self.check_cut(),
            Besides::UnreadSocket => self.check_end(GIVEN_UP),
        }
    }

    /// The slowest probe before the signal, of some hundreds: what this machine adds to anything at the time, and nothing
    /// that the server does at its end can pass for it.
    fn slowest_probe(&self) -> Duration {
        let before = self.probes.iter().filter(|probe| probe.at < self.signal.not_before);
        before.map(|probe| probe.at - probe.begun).max().expect("there were some")
    }

    /// How late this machine may be with a call: with every other processor taken, a process may not have a turn for a
    /// tenth of a second, and at the end there is more to do than before.
    fn lateness(&self) -> Duration {
        (self.slowest_probe() * 4).min(LATEST)
    }

    /// At the latest.
    fn drain(&self) -> Instant {
        self.signal.not_after + self.plan.lame_duck
    }

    /// Results and the ends of streams: what clients are told later that wait for nothing is no answer.
    fn last_answer(&self) -> Instant {
        let results = self.calls.iter().filter(|call| call.outcome == Outcome::Result).map(|call| call.at);
        let streams = self.streams.iter().map(|stream| stream.at);
        results.chain(streams).chain(self.cut.iter().map(|cut| cut.1)).max().expect("there were some")
    }

    /// At the earliest.
    fn accepts_until(&self) -> Instant {
        self.signal.not_before + self.plan.lame_duck
    }

    /// Calls that came to nothing although they were written before the drain, so shortly that they may not have been read.
    fn excused(&self) -> usize {
        let early = |call: &&Call| call.written < self.accepts_until() && call.outcome != Outcome::Result;
        self.calls.iter().filter(early).count()
    }

    fn check_calls(&self) {
        let results = self.calls.iter().filter(|call| call.outcome == Outcome::Result).count();
        assert_eq!(results, self.report.started, "what has begun is answered");
        // Until the drain begins everything is as before.
        let accepted = self.accepts_until() - MARGIN - self.lateness();
        for call in &self.calls {
            let before = call.written < accepted;
            match &call.outcome {
                Outcome::Result => {}
                Outcome::Refused | Outcome::NotConnected(_) | Outcome::Broken(Broken::Unanswered(_)) if !before => {}
                other => panic!("{:+.3} s from the signal: {other:?}", self.since_signal(call.written)),
            }
        }
        // Those that are due while the server does not have a turn, and one that was on its way.
        let most = 1 + self.lateness().as_millis() / super::CALLS.as_millis();
        assert!(self.excused() as u128 <= most, "{} calls were lost, and {most} may be", self.excused());
        for session in [true, false] {
            let accepted = |call: &&Call| call.session == session && call.written < self.signal.not_before - MARGIN;
            let accepted = self.calls.iter().filter(accepted).count() as u128;
            let due = (USE - MARGIN).as_millis() / super::CALLS.as_millis() / 2;
            assert!(accepted * 10 > due * 8, "an open loop has {due} in that time: {accepted}");
        }
    }

    fn check_streams(&self) {
        assert_eq!(self.streams.len(), 2 * STREAMS);
        for stream in &self.streams {
            assert_eq!((&stream.complete, &stream.closed), (&Ok(()), &Ok(())), "{stream:#?}");
            let last = stream.text.trim_end().rsplit("\n\n").next().expect("there is one");
            let goodbye = match stream.client {
                Client::Session(_) => "retry: ",
                Client::Stateless => r#""id":7,"result":{"resultType":"complete""#,
            };
            assert!(last.contains(goodbye), "{stream:#?}");
            assert!(stream.text.contains("tools/list_changed"), "it was of use: {stream:#?}");
            assert!(stream.at >= self.signal.not_before + self.plan.lame_duck, "only the drain ends it");
        }
    }

    fn check_probes(&self) {
        let (before, after): (Vec<_>, Vec<_>) = self.probes.iter().partition(|probe| probe.at < self.signal.not_before);
        assert!(!before.is_empty() && before.iter().all(|probe| probe.told == Told::Ready), "{before:#?}");
        // What tells is a probe, and one that was served no slower than before is this late at most. See also
        // `is_prompt`.
        let late = self.slowest_probe().min(LATEST);
        assert!(self.flip() <= FLIP + late, "{:?}, where a probe takes {late:?}", self.flip());
        let mut since = after.iter().skip_while(|probe| probe.told == Told::Ready);
        let first = since.next().map(|probe| &probe.told);
        let refused = self.plan.lame_duck.is_zero() && matches!(first, Some(Told::Nothing(_)));
        assert!(first == Some(&Told::NotReady) || refused, "{first:?}");
        assert!(since.all(|probe| probe.told != Told::Ready), "and it stays so: {after:#?}");
    }

    /// Whether readiness flipped in time by the clock of the client, with nothing put down to the machine. This is the
    /// promise; a machine on which something else runs now and then keeps it in most rounds, and a server that is late by
    /// itself in none.
    pub fn is_prompt(&self) -> bool {
        self.flip() <= FLIP
    }

    /// How long after the signal a probe was told that the server is not ready, or found nobody there.
    fn flip(&self) -> Duration {
        let flipped = |probe: &&Probe| probe.at >= self.signal.not_before && probe.told != Told::Ready;
        let first = self.probes.iter().find(flipped).expect("probes go on until the process has ended");
        first.at - self.signal.not_before
    }

    fn check_report(&self) {
        let cut = match self.plan.besides {
            Besides::Nothing => 0,
            Besides::StuckHandlers => self.cut.len(),
            Besides::UnreadSocket => 1,
        };
        assert_eq!((self.report.cut, self.report.streams), (cut, 2 * STREAMS), "{:?}", self.report);
        // The clients have an answer after the server has given it.
        let drain = self.signal.not_before + self.plan.lame_duck;
        let late = self.calls.iter().filter(|call| call.outcome == Outcome::Result && call.at > drain).count();
        assert!((1..=late).contains(&self.report.finished), "{:?} of {late}", self.report);
    }

    fn check_cut(&self) {
        assert_eq!(self.cut.len(), 2);
        for (answer, at) in &self.cut {
            assert!(answer.contains("-32603") && answer.contains("shutting down"), "{answer}");
            assert!(*at < self.drain() + self.plan.grace + secs(1), "{:+.3} s", self.since_signal(*at));
        }
        self.check_end(Duration::ZERO);
    }

    /// The process ends so long after the deadline, and then by itself.
    fn check_end(&self, later: Duration) {
        let earliest = self.signal.not_before + self.plan.lame_duck + self.plan.grace + later;
        assert!(self.ended >= earliest, "{:+.3} s", self.since_signal(self.ended));
        self.check_latest(later);
    }

    fn check_latest(&self, later: Duration) {
        let latest = self.drain() + self.plan.grace + later + self.plan.host.tidies_up_within();
        assert!(self.ended < latest, "{:+.3} s", self.since_signal(self.ended));
    }

    fn since_signal(&self, at: Instant) -> f64 {
        let signal = self.signal.not_before;
        at.saturating_duration_since(signal).as_secs_f64() - signal.saturating_duration_since(at).as_secs_f64()
    }

    /// One round in one line.
    pub fn figures(&self) -> String {
        let Plan { host, lame_duck, grace, besides, http2 } = self.plan;
        let version = if http2 { "HTTP/2" } else { "HTTP/1.1" };
        let count = |of: &dyn Fn(&Call) -> bool| self.calls.iter().filter(|call| of(call)).count();
        let is = |outcome: &'static dyn Fn(&Outcome) -> bool| count(&|call| outcome(&call.outcome));
        let before = count(&|call| call.written < self.signal.not_before - MARGIN);
        let signal = self.signal.not_after - self.signal.not_before;
        let mut line = format!(
            "{host:?}, {version}, besides: {besides:?}, lame duck {lame_duck:?}, grace {grace:?}: signal within {signal:.1?}; "
        );
        let ended = self.ended - self.last_answer();
        let streams = self.streams.iter().map(|stream| self.since_signal(stream.at)).fold(0.0, f64::max);
        write!(
            line,
            "slowest probe before {:.1?}; {} calls excused; not ready after {:.1?}; {} calls, {before} written before the signal, {} answered, {} refused with 503, \
             {} not connected, {} closed unanswered, {} cut; {} streams, the last one ended after {streams:.3} s; last \
             answer after {:.3} s, end after {:.3} s, {ended:.1?} after the last answer; {:?}",
            self.slowest_probe(),
            self.excused(),
            self.flip(),
            self.calls.len(),
            is(&|outcome| *outcome == Outcome::Result),
            is(&|outcome| *outcome == Outcome::Refused),
            is(&|outcome| matches!(outcome, Outcome::NotConnected(_))),
            is(&|outcome| matches!(outcome, Outcome::Broken(Broken::Unanswered(_)))),
            is(&|outcome| matches!(outcome, Outcome::Broken(Broken::Cut(_)))),
            self.streams.len(),
            self.since_signal(self.last_answer()),
            self.since_signal(self.ended),
            self.report,
        )
        .expect("a string takes it");
        line
    }
}

/// What the verdict rests on.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::drain_under_load::{
        CALLS,
        load::Told::{NotReady, Ready},
        server::Host,
    };

    const DRAIN: i64 = 2300;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A round of 2 s of use, in which probes take this long, readiness flips so long after the signal, and no call comes
    /// to anything from so many milliseconds after the beginning of the drain on.
    fn seen(probes_take: u64, flip: u64, closed: i64) -> Seen {
        let begun = Instant::now();
        let not_before = begun + USE;
        let mut calls = Vec::new();
        for at in (0..3000).step_by(CALLS.as_millis() as usize) {
            let outcome =
                if at as i64 >= DRAIN + closed { Outcome::NotConnected("refused".into()) } else { Outcome::Result };
            let (session, written) = (at % 20 == 0, begun + ms(at));
            calls.push(Call { session, written, at: written + ms(300), outcome });
        }
        let started = calls.iter().filter(|call| call.outcome == Outcome::Result).count();
        let probe = |at: Instant, told| Probe { begun: at - ms(probes_take), at, told };
        let probes = vec![probe(not_before - ms(5), Ready), probe(not_before + ms(flip), NotReady)];
        Seen {
            plan: Plan::new(Host::Axum),
            signal: Signal { not_before, not_after: not_before + ms(2) },
            report: Report { finished: 30, cut: 0, streams: 2 * STREAMS, started },
            ended: begun + ms(3000),
            calls,
            probes,
            streams: Vec::new(),
            cut: Vec::new(),
        }
    }

    fn passes(check: impl Fn(&Seen) + std::panic::UnwindSafe, seen: Seen) -> bool {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&seen))).is_ok()
    }

    #[test]
    fn a_server_that_closes_its_connections_early_does_not_pass() {
        assert!(passes(Seen::check_calls, seen(2, 10, 0)));
        // Those on the way when the drain begins.
        assert!(passes(Seen::check_calls, seen(2, 10, -10)));
        for early in [-500, -250, -100, -60] {
            assert!(!passes(Seen::check_calls, seen(2, 10, early)), "{early} ms");
        }
        // However slow the machine is.
        for early in [-500, -250] {
            assert!(!passes(Seen::check_calls, seen(400, 10, early)), "{early} ms");
        }
    }

    #[test]
    fn readiness_flips_within_a_tenth_of_a_second_and_what_a_probe_takes() {
        for (probes_take, flip, passing, prompt) in [
            (2, 100, true, true),
            (2, 102, true, false),
            (2, 103, false, false),
            (40, 140, true, false),
            (40, 141, false, false),
        ] {
            let seen = seen(probes_take, flip, 0);
            assert_eq!(seen.is_prompt(), prompt, "{flip} ms");
            assert_eq!(passes(Seen::check_probes, seen), passing, "{flip} ms, where a probe takes {probes_take}");
        }
    }
}
