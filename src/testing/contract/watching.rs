//! Watching: who wants to know of news is told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::StoreFixture;
use super::subject::{Subject, first, last, next, subject};
use super::together::eventually;
use crate::stores::{LogKey, LogNews};

const LOG: LogKey = LogKey { group: 1, id: u128::MAX };

/// What a watcher has been told.
#[derive(Clone, Default)]
pub(super) struct Told(Arc<Mutex<Vec<LogNews>>>);

impl Told {
    /// A watcher that writes down what it is told.
    pub(super) fn by(store: &Subject) -> Self {
        let told = Self::default();
        let news_of = told.clone();
        store.watch(move |news| {
            news_of.0.lock().unwrap_or_else(PoisonError::into_inner).push(news);
            true
        });
        told
    }

    /// Whether it has been told this.
    pub(super) fn of(&self, news: LogNews) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&news)
    }

    /// Waits for news.
    pub(super) async fn hears(&self, expected: LogNews, why: &str) {
        assert!(eventually(|| self.of(expected)).await, "{why}: {expected:?} did not come");
    }

    /// Waits for news. What came before it is not looked at again.
    async fn comes(&self, expected: LogNews, why: &str) {
        self.hears(expected, why).await;
        let told = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        assert!(!told.contains(&LogNews::Missed), "watch: nothing is missed while nothing fails");
    }
}

/// A watcher is told of each log that is appended to or forgotten.
pub async fn a_watcher_is_told_of_logs(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let told = Told::by(&store);
    for entry in [first("f"), next("n"), last("l")] {
        store.append(LOG, entry).await;
        told.comes(LogNews::Touched(LOG), "watch: a log that is appended to").await;
    }
    let other = LogKey::new(1, 0);
    store.append(other, first("f")).await;
    told.comes(LogNews::Touched(other), "watch: a log that is appended to").await;
    store.forget(1).await;
    let both = || {
        let told = told.0.lock().unwrap_or_else(PoisonError::into_inner);
        [LOG, other].iter().all(|log| told.contains(&LogNews::Touched(*log)))
    };
    assert!(eventually(both).await, "watch: each log of a group that is forgotten");
}

/// A watcher is told each word, though its log need not be there.
pub async fn a_watcher_is_told_words(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let told = Told::by(&store);
    for word in [0, 1, i64::MAX as u64, 1 << 63, u64::MAX] {
        for log in [LOG, LogKey::new(u128::MAX, 0), LogKey::new(0, 1 << 64)] {
            store.tell(log, word).await;
            told.comes(LogNews::Told(log, word), "tell: a word").await;
        }
    }
    assert_eq!(store.read(LOG).await, None, "tell: makes no log");
}

/// Watchers are told side by side.
pub async fn each_watcher_is_told(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let watchers = [Told::by(&store), Told::by(&store), Told::by(&store)];
    store.append(LOG, first("f")).await;
    store.tell(LOG, 7).await;
    for told in &watchers {
        let both = || {
            let told = told.0.lock().unwrap_or_else(PoisonError::into_inner);
            [LogNews::Touched(LOG), LogNews::Told(LOG, 7)].iter().all(|news| told.contains(news))
        };
        assert!(eventually(both).await, "watch: each watcher is told of all");
    }
}

/// What happens in one process is told in others, which find what they are told of.
pub async fn another_process_is_told(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let another = store.another(fixture).await;
    let (here, there) = (Told::by(&store), Told::by(&another));
    for (number, entry) in [(1, first("f")), (2, next("n")), (3, last("l"))] {
        store.append(LOG, entry).await;
        there.comes(LogNews::Touched(LOG), "watch: what another process appends").await;
        let newest = another.read(LOG).await.map(|page| page.last);
        assert_eq!(newest, Some(number), "watch: what was told of is there");
    }
    another.tell(LOG, u64::MAX).await;
    here.comes(LogNews::Told(LOG, u64::MAX), "tell: a word of another process").await;
    another.forget(LOG.group).await;
    here.comes(LogNews::Touched(LOG), "watch: what another process forgets").await;
    assert_eq!(store.read(LOG).await, None, "watch: what was told of is gone");
    store.append(LOG, first("again")).await;
    there.comes(LogNews::Touched(LOG), "watch: goes on").await;
}

/// A watcher that wants to know nothing any more is dropped, and others are not.
pub async fn who_wants_no_more_is_let_go(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let (held, calls, wants) = (Arc::new(()), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let (holding, called, wanting) = (Arc::downgrade(&held), Arc::clone(&calls), Arc::clone(&wants));
    store.watch(move |_| {
        let _ = &held;
        called.fetch_add(1, Ordering::Relaxed);
        wanting.load(Ordering::Relaxed)
    });
    let told = Told::by(&store);
    store.tell(LOG, 1).await;
    assert!(eventually(|| calls.load(Ordering::Relaxed) > 0).await, "watch: it is told");
    told.comes(LogNews::Told(LOG, 1), "tell: a word").await;
    wants.store(false, Ordering::Relaxed);
    store.tell(LOG, 2).await;
    assert!(eventually(|| holding.strong_count() == 0).await, "watch: who answers `false` is let go");
    let before = calls.load(Ordering::Relaxed);
    store.tell(LOG, 3).await;
    told.comes(LogNews::Told(LOG, 3), "tell: a word, to those who are still there").await;
    assert_eq!(calls.load(Ordering::Relaxed), before, "watch: who was let go is not told any more");
}
