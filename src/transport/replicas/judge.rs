//! Whether another process has stopped: its sign of life does not move any more.
//!
//! Time counts only between two reads that succeed and find the same, and of each such time only a little; and only while
//! the store takes the judge's own sign of life. So nobody is condemned by a store that hangs or is down, or that answers
//! and takes nothing, nor by a judge that was paused itself.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::errand::{Errand, Running};
use super::{Replicas, beat_of};
use crate::lifespan::Lifespan;

/// How long a sign of life does not move before its process counts as stopped.
const STOPPED_AFTER: Duration = Duration::from_secs(5);

/// How often it is looked at.
const PERIOD: Duration = Duration::from_millis(250);

/// How much of the time between two looks counts at most: what a slow store takes, and not what a pause took.
const COUNTS: Duration = Duration::from_millis(500);

/// How soon a judge is replaced whose runtime has ended.
const AGAIN: Duration = Duration::from_millis(100);

/// Of how many stopped processes the last sign of life is remembered. Who comes later for a stream of theirs need not wait.
const REMEMBERED: usize = 64;

/// Who is being judged here, and who was found to have stopped.
#[derive(Default)]
pub(super) struct Judges {
    judged: HashMap<u128, Weak<Judgment>>,
    stopped: VecDeque<(u128, Beat)>,
}

impl fmt::Debug for Judges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judges").field("judged", &self.judged.len()).finish_non_exhaustive()
    }
}

/// A sign of life. One that is not there is one that does not move.
type Beat = Option<Bytes>;

/// What all wait for who want to know of one process.
#[derive(Debug, Default)]
struct Judgment {
    stopped: AtomicBool,
    errand: Arc<Errand>,
}

impl Replicas {
    /// Resolves when `replica` has stopped. While somebody waits, one judge looks at it.
    pub(crate) async fn stopped(self: Arc<Self>, replica: u128, lifespan: Lifespan) {
        let judgment = self.judgment(replica);
        loop {
            let ended = judgment.errand.ended();
            if judgment.stopped.load(Ordering::Acquire) {
                return;
            }
            if let Some(running) = judgment.errand.begin() {
                lifespan.adopt(judge(Arc::downgrade(&self), replica, Arc::downgrade(&judgment), running));
            }
            ended.await;
            if judgment.stopped.load(Ordering::Acquire) {
                return;
            }
            sleep(AGAIN).await;
        }
    }

    /// A process that was found to have stopped goes on after all, or may do so: it is judged anew.
    pub(crate) fn lives(&self, replica: u128) {
        self.judges().stopped.retain(|(stopped, _)| *stopped != replica);
    }

    fn judgment(&self, replica: u128) -> Arc<Judgment> {
        let mut judges = self.judges();
        judges.judged.retain(|_, judgment| judgment.strong_count() > 0);
        let known = judges.judged.get(&replica).and_then(Weak::upgrade);
        // One that has been made is over: what it found may be otherwise by now.
        known.filter(|judgment| !judgment.stopped.load(Ordering::Acquire)).unwrap_or_else(|| {
            let judgment = Arc::<Judgment>::default();
            judges.judged.insert(replica, Arc::downgrade(&judgment));
            judgment
        })
    }

    /// Whether the store takes signs of life: one of this process since `taken`, or another one now.
    async fn can_beat(&self, taken: &mut u64) -> bool {
        let can = self.heart.taken() > *taken || self.beat_once().await;
        *taken = self.heart.taken();
        can
    }

    fn has_stopped(&self, replica: u128, beat: &Beat) -> bool {
        self.judges().stopped.iter().any(|(stopped, last)| *stopped == replica && last == beat)
    }

    fn remember(&self, replica: u128, beat: Beat) {
        self.lives(replica);
        let mut judges = self.judges();
        judges.stopped.push_back((replica, beat));
        if judges.stopped.len() > REMEMBERED {
            judges.stopped.pop_front();
        }
    }

    fn judges(&self) -> MutexGuard<'_, Judges> {
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.judges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at a process as long as somebody waits and it has not stopped.
async fn judge(replicas: Weak<Replicas>, replica: u128, judgment: Weak<Judgment>, _running: Running) {
    let (mut stillness, mut taken) = (Stillness::default(), 0);
    let mut looks = interval(PERIOD);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let (Some(replicas), true) = (replicas.upgrade(), judgment.strong_count() > 0) else { return };
        let look = join(replicas.can_beat(&mut taken), replicas.store.get(beat_of(replica), None));
        let beat = match look.await {
            (true, Ok(stored)) => stored.map(|stored| stored.value),
            (could_beat, seen) => {
                tracing::debug!(could_beat, seen = seen.is_ok(), "whether another replica lives could not be seen");
                stillness.not_seen();
                continue;
            }
        };
        if !replicas.has_stopped(replica, &beat) {
            if stillness.seen(beat.clone(), Instant::now()) < STOPPED_AFTER {
                continue;
            }
            tracing::warn!("another replica has stopped: what its calls were saying comes to an end");
            replicas.remember(replica, beat);
        }
        if let Some(judgment) = judgment.upgrade() {
            judgment.stopped.store(true, Ordering::Release);
        }
        return;
    }
}

/// For how long a sign of life has not moved, as far as that was seen.
#[derive(Debug, Default)]
struct Stillness {
    beat: Option<Beat>,
    seen: Option<Instant>,
    still: Duration,
}

impl Stillness {
    fn seen(&mut self, beat: Beat, now: Instant) -> Duration {
        if self.beat.as_ref() == Some(&beat) {
            self.still += self.seen.map_or(Duration::ZERO, |seen| now.duration_since(seen).min(COUNTS));
        } else {
            (self.beat, self.still) = (Some(beat), Duration::ZERO);
        }
        self.seen = Some(now);
        self.still
    }

    /// It could not be seen: what counts begins anew when it is.
    fn not_seen(&mut self) {
        (self.seen, self.still) = (None, Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_that_was_seen_counts() {
        let (mut stillness, mut now) = (Stillness::default(), Instant::now());
        let mut look = |beat: Option<&'static str>, after_ms: u64| {
            now += Duration::from_millis(after_ms);
            stillness.seen(beat.map(Bytes::from), now).as_millis()
        };
        assert_eq!(look(Some("1"), 0), 0);
        assert_eq!(look(Some("1"), 250), 250);
        assert_eq!(look(Some("1"), 300), 550, "a slow store's time counts");
        assert_eq!(look(Some("1"), 60_000), 1_050, "of a pause only a little");
        assert_eq!(look(Some("2"), 250), 0, "it moves");
        assert_eq!(look(Some("2"), 250), 250);
        assert_eq!(look(None, 250), 0);
        assert_eq!(look(None, 250), 250, "what is not there does not move");
        stillness.not_seen();
        let later = now + Duration::from_secs(60);
        assert_eq!(stillness.seen(None, later).as_millis(), 0, "nothing adds up across outages");
        assert_eq!(stillness.seen(None, later + Duration::from_millis(100)).as_millis(), 100);
    }
}
