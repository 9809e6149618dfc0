//! From the one watcher of a store to those who wait for news of a log.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future as _, poll_fn};
use std::hash::BuildHasherDefault;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::{Sleep, sleep};

use super::{LogKey, LogNews, RandomId};

/// Over how long those who listen look when something was missed: a store that has just come back is not asked by all at
/// once.
const SPREAD: Duration = Duration::from_secs(1);

/// The golden ratio's part behind the point, in 32 bits: its multiples fill the circle evenly, however many there are.
const GOLDEN: u32 = 0x9e37_79b9;

/// Who waits for news of which log.
#[derive(Default)]
pub(crate) struct Signals {
    listening: Mutex<Listening>,
    /// How many have ever listened.
    count: AtomicU32,
}

type Listening = HashMap<LogKey, Vec<Arc<Signal>>, BuildHasherDefault<RandomId>>;

#[derive(Debug, Default)]
struct Signal {
    /// The one word that counts, unless all news does.
    word: Option<u64>,
    raised: AtomicBool,
    /// Whether there may have been news that nobody could tell.
    missed: AtomicBool,
    waker: AtomicWaker,
}

impl Signal {
    fn raise(&self, flag: &AtomicBool) {
        flag.store(true, Ordering::Release);
        self.waker.wake();
    }
}

impl Signals {
    /// Listens for news of a log, until the listener is dropped.
    pub(crate) fn listen(self: &Arc<Self>, log: LogKey) -> Listener {
        self.enlist(log, None)
    }

    /// Listens for one word about a log.
    pub(crate) fn listen_for(self: &Arc<Self>, log: LogKey, word: u64) -> Listener {
        self.enlist(log, Some(word))
    }

    fn enlist(self: &Arc<Self>, log: LogKey, word: Option<u64>) -> Listener {
        let signal = Arc::new(Signal { word, ..Signal::default() });
        self.lock().entry(log).or_default().push(Arc::clone(&signal));
        let turn = self.count.fetch_add(1, Ordering::Relaxed).wrapping_mul(GOLDEN);
        let delay = SPREAD.mul_f64(f64::from(turn) / f64::from(u32::MAX));
        Listener { signals: Arc::clone(self), log, signal, delay, look: None }
    }

    /// Tells who listens.
    pub(crate) fn tell(&self, news: LogNews) {
        let listening = self.lock();
        let of = |log: LogKey| listening.get(&log).into_iter().flatten();
        let told: Vec<_> = match news {
            LogNews::Touched(log) => of(log).filter(|signal| signal.word.is_none()).cloned().collect(),
            LogNews::Told(log, word) => {
                of(log).filter(|signal| signal.word.is_none_or(|one| one == word)).cloned().collect()
            }
            LogNews::Missed => listening.values().flatten().cloned().collect(),
        };
        // Wakers are foreign code: called without the lock.
        drop(listening);
        for signal in &told {
            signal.raise(if news == LogNews::Missed { &signal.missed } else { &signal.raised });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Listening> {
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("logs", &self.lock().len()).finish()
    }
}

/// One who waits for news of a log. It is told once of all news since it was told last; when something may have been missed,
/// it is told within [`SPREAD`], each at a time of its own.
#[derive(Debug)]
pub(crate) struct Listener {
    signals: Arc<Signals>,
    log: LogKey,
    signal: Arc<Signal>,
    delay: Duration,
    /// Until it is told of what was missed.
    look: Option<Pin<Box<Sleep>>>,
}

impl Listener {
    /// Resolves when there is news.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.signal.waker.register(cx.waker());
        let missed = self.signal.missed.swap(false, Ordering::AcqRel);
        if self.signal.raised.swap(false, Ordering::AcqRel) {
            // Who looks now finds what was missed, too.
            self.look = None;
            return Poll::Ready(());
        }
        if missed && self.look.is_none() {
            self.look = Some(Box::pin(sleep(self.delay)));
        }
        let told = self.look.as_mut().is_some_and(|look| look.as_mut().poll(cx).is_ready());
        if told {
            self.look = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Waits for news. Dropping the future loses nothing.
    pub(crate) async fn news(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut listening = self.signals.lock();
        if let Some(signals) = listening.get_mut(&self.log) {
            signals.retain(|signal| !Arc::ptr_eq(signal, &self.signal));
            if signals.is_empty() {
                listening.remove(&self.log);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::time::advance;

    use super::*;

    fn told(listener: &mut Listener) -> bool {
        listener.news().now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn who_listens_is_told_once_and_nothing_is_kept_of_who_has_left() {
        let signals = Arc::<Signals>::default();
        let [log, other] = [1, 2].map(|id| LogKey::new(1, id));
        let [mut one, mut two, mut another] = [log, log, other].map(|log| signals.listen(log));
        assert!(!told(&mut one));
        signals.tell(LogNews::Touched(log));
        signals.tell(LogNews::Told(log, 7));
        assert_eq!([&mut one, &mut two, &mut another].map(told), [true, true, false]);
        assert!(!told(&mut one));
        drop(one);
        signals.tell(LogNews::Missed);
        for listener in [&mut two, &mut another] {
            told(listener);
        }
        advance(SPREAD).await;
        let again = [&mut two, &mut another].map(told);
        assert_eq!(again, [true, true]);
        drop((two, another));
        assert!(signals.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_listens_for_a_word_is_told_of_no_other() {
        let (signals, log) = (Arc::<Signals>::default(), LogKey::new(1, 1));
        let mut listener = signals.listen_for(log, 7);
        for (news, expected) in [
            (LogNews::Touched(log), false),
            (LogNews::Told(log, 0), false),
            (LogNews::Told(LogKey::new(1, 2), 7), false),
            (LogNews::Told(log, 7), true),
        ] {
            signals.tell(news);
            assert_eq!(told(&mut listener), expected, "{news:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_missed_is_looked_for_at_many_times_and_news_at_once() {
        let (signals, log) = (Arc::<Signals>::default(), LogKey::new(1, 1));
        let mut listeners: Vec<_> = (0..1_000).map(|_| signals.listen(log)).collect();
        signals.tell(LogNews::Missed);
        let told_now =
            |listeners: &mut Vec<Listener>| listeners.iter_mut().filter_map(|one| told(one).then_some(())).count();
        let (mut all, mut most) = (0, 0);
        for ms in 0..=1_000 {
            let now = told_now(&mut listeners);
            (all, most) = (all + now, most.max(now));
            if ms == 500 {
                assert!((400..600).contains(&all), "half of them: {all}");
            }
            advance(Duration::from_millis(1)).await;
        }
        assert!((all, most <= 5) == (1_000, true), "{all} {most}");
        signals.tell(LogNews::Missed);
        told_now(&mut listeners);
        signals.tell(LogNews::Touched(log));
        assert_eq!(told_now(&mut listeners), 1_000);
        advance(SPREAD * 2).await;
        assert_eq!(told_now(&mut listeners), 0, "they have looked");
    }
}
