//! What has changed, and who wants to know: from the handle that the application calls to the open streams.
//!
//! A stream that is not read keeps no queue. It remembers which lists and which of its resources have changed since it
//! was read last, so that it is bounded by its own filter, and a thousand changes of one list are told once.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use futures_util::task::AtomicWaker;

use crate::protocol::params::Filter;
use crate::protocol::subscriptions::ChangedList;

/// Tells clients of changes: from [`McpService::notify`](crate::McpService::notify) or
/// [`Context::notify`](crate::Context::notify). A clone tells the same clients.
///
/// It reaches the GET streams of sessions and the `subscriptions/listen` streams of 2026-07-28 that are open in this process
/// and asked for it. Several changes of one thing that a client has not read yet are told once. It never waits.
///
/// ```
/// # fn main() -> Result<(), mcp_mount::BuildError> {
/// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
/// let notify = mcp.notify();
/// notify.resource_updated("bookmark://7");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Notify(Arc<Changes>);

impl Notify {
    pub(crate) fn new(changes: Arc<Changes>) -> Self {
        Self(changes)
    }

    /// What this URI stands for is no longer what it was. Clients that subscribed to exactly this URI are told, whoever
    /// they are: they learn that it has changed, and read it as anybody does. Where that alone is too much, give what
    /// different users have different URIs.
    pub fn resource_updated(&self, uri: impl AsRef<str>) {
        self.0.resource_updated(uri.as_ref());
    }

    /// There are other tools. Adding and removing them by [`McpService::tools`](crate::McpService::tools) tells it by
    /// itself.
    pub fn tools_list_changed(&self) {
        self.0.list_changed(ChangedList::Tools);
    }

    /// There are other resources. Adding and removing them by [`McpService::resources`](crate::McpService::resources)
    /// tells it by itself.
    pub fn resources_list_changed(&self) {
        self.0.list_changed(ChangedList::Resources);
    }

    /// There are other prompts. Adding and removing them by [`McpService::prompts`](crate::McpService::prompts) tells it
    /// by itself.
    pub fn prompts_list_changed(&self) {
        self.0.list_changed(ChangedList::Prompts);
    }
}

/// Everybody who wants to know.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    watches: Mutex<HashMap<u64, Arc<Watch>>>,
    next: AtomicU64,
}

/// One who wants to know.
#[derive(Debug, Default)]
struct Watch {
    state: Mutex<State>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    /// Which lists are wanted; the resources are in `uris`.
    filter: Filter,
    uris: HashSet<String>,
    news: News,
    outdated: bool,
}

/// What has changed since it was last read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) tools: bool,
    pub(crate) resources: bool,
    pub(crate) prompts: bool,
    /// Each once, in the order of their first change.
    pub(crate) uris: Vec<String>,
}

impl News {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Changes {
    /// Watches for what `filter` names, until the watcher is dropped.
    pub(crate) fn watch(self: &Arc<Self>, mut filter: Filter) -> Watcher {
        let uris = mem::take(&mut filter.resource_subscriptions).into_iter().collect();
        let state = Mutex::new(State { filter, uris, ..State::default() });
        let watch = Arc::new(Watch { state, waker: AtomicWaker::new() });
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.watches).insert(id, Arc::clone(&watch));
        Watcher { watch, id, changes: Arc::clone(self) }
    }

    pub(crate) fn list_changed(&self, list: ChangedList) {
        self.tell(|state| match list {
            ChangedList::Tools => set(&mut state.news.tools, state.filter.tools_list_changed),
            ChangedList::Resources => set(&mut state.news.resources, state.filter.resources_list_changed),
            ChangedList::Prompts => set(&mut state.news.prompts, state.filter.prompts_list_changed),
        });
    }

    pub(crate) fn resource_updated(&self, uri: &str) {
        self.tell(|state| {
            let wanted = state.uris.contains(uri) && !state.news.uris.iter().any(|told| told == uri);
            if wanted {
                state.news.uris.push(uri.to_owned());
            }
            wanted
        });
    }

    /// `note` answers whether the watch has news.
    fn tell(&self, note: impl Fn(&mut State) -> bool) {
        let mut woken = Vec::new();
        for watch in lock(&self.watches).values() {
            if note(&mut lock(&watch.state)) {
                woken.push(Arc::clone(watch));
            }
        }
        // Wakers are foreign code: called without the locks.
        woken.iter().for_each(|watch| watch.waker.wake());
    }
}

fn set(news: &mut bool, wanted: bool) -> bool {
    *news |= wanted;
    wanted
}

/// A subscription to changes.
#[derive(Debug)]
pub(crate) struct Watcher {
    watch: Arc<Watch>,
    id: u64,
    changes: Arc<Changes>,
}

impl Watcher {
    /// Subscribes to these resources from now on, which were read elsewhere.
    pub(crate) fn set_subscriptions(&self, uris: Vec<String>) {
        let mut state = lock(&self.watch.state);
        let State { uris: known, news, outdated, .. } = &mut *state;
        if *outdated {
            // They may have been read before somebody changed them. They are read again; until then nothing is missed.
            known.extend(uris);
        } else if uris.len() != known.len() || !uris.iter().all(|uri| known.contains(uri)) {
            *known = uris.into_iter().collect();
            // What is no longer subscribed to is no longer told.
            news.uris.retain(|uri| known.contains(uri));
        }
    }

    /// Subscribes to one more resource, or to one less, and has what is known of the others looked at again: somebody else
    /// may have changed them at the same time.
    pub(crate) fn subscribe(&self, uri: &str, wanted: bool) {
        let mut state = lock(&self.watch.state);
        if wanted {
            state.uris.insert(uri.to_owned());
        } else {
            state.uris.remove(uri);
            state.news.uris.retain(|one| one != uri);
        }
        state.outdated = true;
        drop(state);
        self.watch.waker.wake();
    }

    /// Takes over what another has subscribed to, and then what it has not read: so nothing falls in between.
    pub(crate) fn inherit(&self, other: &Self) {
        let uris = lock(&other.watch.state).uris.clone();
        lock(&self.watch.state).uris.extend(uris);
        let Some(theirs) = other.news() else { return };
        let mut state = lock(&self.watch.state);
        let ours = &mut state.news;
        ours.tools |= theirs.tools;
        ours.resources |= theirs.resources;
        ours.prompts |= theirs.prompts;
        let more: Vec<_> = theirs.uris.into_iter().filter(|uri| !ours.uris.contains(uri)).collect();
        ours.uris.extend(more);
        drop(state);
        self.watch.waker.wake();
    }

    /// Whether the subscriptions have to be looked at again.
    pub(crate) fn take_outdated(&self) -> bool {
        mem::take(&mut lock(&self.watch.state).outdated)
    }

    /// Has `cx` woken by what comes; to be called before anything else is looked at.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.watch.waker.register(cx.waker());
    }

    /// What has changed since the last time, if anything has.
    pub(crate) fn news(&self) -> Option<News> {
        let news = mem::take(&mut lock(&self.watch.state).news);
        (!news.is_empty()).then_some(news)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        lock(&self.changes.watches).remove(&self.id);
    }
}

/// No code that can panic runs under these locks, so what a poisoned one holds is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(uris: &[&str]) -> Filter {
        let resource_subscriptions = uris.iter().map(ToString::to_string).collect();
        Filter { tools_list_changed: true, resource_subscriptions, ..Filter::default() }
    }

    #[test]
    fn only_what_was_asked_for_is_told_and_once() {
        let changes = Arc::new(Changes::default());
        let watcher = changes.watch(filter(&["a", "b"]));
        for _ in 0..3 {
            changes.list_changed(ChangedList::Tools);
            changes.list_changed(ChangedList::Prompts);
            changes.resource_updated("b");
            changes.resource_updated("c");
        }
        assert_eq!(watcher.news(), Some(News { tools: true, uris: vec!["b".into()], ..News::default() }));
        assert_eq!(watcher.news(), None);
    }

    #[test]
    fn a_resource_that_was_unsubscribed_from_is_no_longer_told() {
        let changes = Arc::new(Changes::default());
        let watcher = changes.watch(filter(&["a", "b"]));
        changes.resource_updated("a");
        changes.resource_updated("b");
        watcher.set_subscriptions(vec!["b".into()]);
        assert_eq!(watcher.news(), Some(News { uris: vec!["b".into()], ..News::default() }));
    }

    #[test]
    fn a_subscription_is_not_lost_to_what_was_read_before_it() {
        let changes = Arc::new(Changes::default());
        let watcher = changes.watch(filter(&["a"]));
        watcher.subscribe("b", true);
        watcher.set_subscriptions(vec!["a".into(), "c".into()]);
        for uri in ["a", "b", "c"] {
            changes.resource_updated(uri);
        }
        assert_eq!(watcher.news().map(|news| news.uris.len()), Some(3));
        assert!(watcher.take_outdated());
        watcher.set_subscriptions(vec!["a".into()]);
        for uri in ["a", "b", "c"] {
            changes.resource_updated(uri);
        }
        assert_eq!(watcher.news(), Some(News { uris: vec!["a".into()], ..News::default() }));
    }

    #[test]
    fn nothing_is_kept_of_who_went_away() {
        let changes = Arc::new(Changes::default());
        drop(changes.watch(filter(&["a"])));
        assert!(lock(&changes.watches).is_empty());
    }
}
