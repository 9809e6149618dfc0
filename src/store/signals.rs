//! From the one watcher of a store to those who wait for news of a log.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

use super::{LogKey, LogNews, RandomId};

/// Who waits for news of which log.
#[derive(Default)]
pub(crate) struct Signals(Mutex<HashMap<LogKey, Vec<Arc<Signal>>, BuildHasherDefault<RandomId>>>);

#[derive(Debug, Default)]
struct Signal {
    raised: AtomicBool,
    waker: AtomicWaker,
}

impl Signal {
    fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        self.waker.wake();
    }
}

impl Signals {
    /// Listens for news of a log, until the listener is dropped.
    pub(crate) fn listen(self: &Arc<Self>, log: LogKey) -> Listener {
        let signal = Arc::<Signal>::default();
        self.lock().entry(log).or_default().push(Arc::clone(&signal));
        Listener { signals: Arc::clone(self), log, signal }
    }

    /// Tells who listens.
    pub(crate) fn tell(&self, news: LogNews) {
        let listening = self.lock();
        let raised: Vec<_> = match news {
            LogNews::Touched(log) | LogNews::Told(log, _) => listening.get(&log).cloned().unwrap_or_default(),
            LogNews::Missed => listening.values().flatten().cloned().collect(),
        };
        // Wakers are foreign code: called without the lock.
        drop(listening);
        raised.iter().for_each(|signal| signal.raise());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LogKey, Vec<Arc<Signal>>, BuildHasherDefault<RandomId>>> {
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("logs", &self.lock().len()).finish()
    }
}

/// One who waits for news of a log. It is told once of all news since it was told last.
#[derive(Debug)]
pub(crate) struct Listener {
    signals: Arc<Signals>,
    log: LogKey,
    signal: Arc<Signal>,
}

impl Listener {
    /// Resolves when there is news.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        self.signal.waker.register(cx.waker());
        if self.signal.raised.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits for news.
    pub(crate) async fn news(&self) {
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

    use super::*;

    #[test]
    fn who_listens_is_told_once_and_nothing_is_kept_of_who_has_left() {
        let signals = Arc::<Signals>::default();
        let [log, other] = [1, 2].map(|id| LogKey::new(1, id));
        let [one, two, another] = [log, log, other].map(|log| signals.listen(log));
        let told = |listener: &Listener| listener.news().now_or_never().is_some();
        assert!(!told(&one));
        signals.tell(LogNews::Touched(log));
        signals.tell(LogNews::Told(log, 7));
        assert_eq!([told(&one), told(&one), told(&two), told(&another)], [true, false, true, false]);
        drop(one);
        signals.tell(LogNews::Missed);
        assert_eq!([told(&two), told(&another)], [true, true]);
        drop((two, another));
        assert!(signals.lock().is_empty());
    }
}
