//! What has changed, and who wants to know: from the handle that the application calls to the open streams.
//!
//! A stream that is not read keeps no queue. It remembers which lists and which of its resources have changed since it
//! was read last, so that it is bounded by its own filter, and a thousand changes of one list are told once.
//!
//! Every change has a number. A client that comes back says up to which it has been told, and the [history] has what came
//! after it.

mod history;

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use futures_util::task::AtomicWaker;
use uuid::Uuid;

use self::history::History;
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
#[derive(Debug)]
pub(crate) struct Changes {
    inner: Mutex<Inner>,
    epoch: u64,
}

#[derive(Debug, Default)]
struct Inner {
    watches: HashMap<u64, Arc<Watch>>,
    next: u64,
    history: History,
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
    news: Vec<News>,
    position: Position,
    outdated: bool,
}

/// Something that can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    List(ChangedList),
    Resource(Arc<str>),
}

/// What has changed since it was last read. Each thing is told once, in the order of their latest changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// The number of its latest change, if who has been told of it has been told of all before it.
    pub(crate) number: Option<u64>,
    pub(crate) change: Change,
}

/// Up to where a client has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// All up to the change with this number.
    After(u64),
    /// What it has missed is not known any more: everything may have changed.
    Lost,
}

impl Default for Position {
    fn default() -> Self {
        Self::After(0)
    }
}

impl State {
    fn wants(&self, change: &Change) -> bool {
        match change {
            Change::List(ChangedList::Tools) => self.filter.tools_list_changed,
            Change::List(ChangedList::Resources) => self.filter.resources_list_changed,
            Change::List(ChangedList::Prompts) => self.filter.prompts_list_changed,
            Change::Resource(uri) => self.uris.contains(&**uri),
        }
    }

    /// Takes note of a change that is wanted. Answers whether it is.
    fn note(&mut self, number: Option<u64>, change: &Change) -> bool {
        let wanted = self.wants(change);
        if wanted {
            self.news.retain(|news| news.change != *change);
            self.news.push(News { number, change: change.clone() });
        }
        wanted
    }

    /// Takes over what another has subscribed to, and what it has not read.
    fn inherit(&mut self, theirs: &mut Self) {
        self.uris.extend(theirs.uris.iter().cloned());
        let news = mem::take(&mut theirs.news);
        if news.is_empty() {
            return;
        }
        self.position = match (self.position, theirs.position) {
            (Position::After(ours), Position::After(theirs)) => Position::After(ours.min(theirs)),
            _ => Position::Lost,
        };
        // What we have been told ourselves is later, or the same.
        let later = mem::replace(&mut self.news, news);
        for News { number, change } in later {
            self.note(number, &change);
        }
        self.news.sort_by_key(|news| news.number);
    }

    /// Takes note of everything that is wanted, of which `number` is the last.
    fn note_all(&mut self, number: u64) {
        let lists = [ChangedList::Tools, ChangedList::Resources, ChangedList::Prompts].map(Change::List);
        let uris: Vec<_> = self.uris.iter().map(|uri| Change::Resource(uri.as_str().into())).collect();
        for change in lists.into_iter().chain(uris) {
            self.note(None, &change);
        }
        if let Some(last) = self.news.last_mut() {
            last.number = Some(number);
        }
    }
}

impl Default for Changes {
    fn default() -> Self {
        Self { inner: Mutex::default(), epoch: Uuid::new_v4().as_u64_pair().1 }
    }
}

impl Changes {
    /// Watches for what `filter` names from now on, until the watcher is dropped.
    pub(crate) fn watch(self: &Arc<Self>, filter: Filter) -> Watcher {
        self.watch_since(filter, None, None)
    }

    /// Watches, for a client that has been told up to a position, or for one that has never been told. What `before` has
    /// subscribed to and not read is taken over, and it is told no more: each change is told on one stream only
    /// (2025-11-25, basic/transports, «Multiple Connections»).
    pub(crate) fn watch_since(
        self: &Arc<Self>,
        mut filter: Filter,
        since: Option<Position>,
        before: Option<&Watcher>,
    ) -> Watcher {
        let uris = mem::take(&mut filter.resource_subscriptions).into_iter().collect();
        let mut state = State { filter, uris, ..State::default() };
        let mut inner = lock(&self.inner);
        let now = inner.history.number();
        state.position = match since {
            None => Position::After(now),
            Some(Position::After(number)) if inner.history.goes_back_to(number) => {
                for (number, change) in inner.history.after(number) {
                    state.note(Some(number), change);
                }
                Position::After(number)
            }
            Some(_) => {
                state.note_all(inner.history.skip());
                Position::Lost
            }
        };
        // Under the lock by which changes come, so that none is told to both or to neither.
        if let Some(before) = before {
            inner.watches.remove(&before.id);
            state.inherit(&mut lock(&before.watch.state));
        }
        let watch = Arc::new(Watch { state: Mutex::new(state), waker: AtomicWaker::new() });
        let id = inner.next;
        inner.next += 1;
        inner.watches.insert(id, Arc::clone(&watch));
        drop(inner);
        Watcher { watch, id, changes: Arc::clone(self) }
    }

    /// Whose numbers these are: another in each process.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn list_changed(&self, list: ChangedList) {
        self.tell(&Change::List(list));
    }

    pub(crate) fn resource_updated(&self, uri: &str) {
        self.tell(&Change::Resource(uri.into()));
    }

    fn tell(&self, change: &Change) {
        let mut woken = Vec::new();
        let mut inner = lock(&self.inner);
        let number = inner.history.add(change.clone());
        for watch in inner.watches.values() {
            if lock(&watch.state).note(Some(number), change) {
                woken.push(Arc::clone(watch));
            }
        }
        drop(inner);
        // Wakers are foreign code: called without the locks.
        woken.iter().for_each(|watch| watch.waker.wake());
    }
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
            news.retain(|news| match &news.change {
                Change::List(_) => true,
                Change::Resource(uri) => known.contains(&**uri),
            });
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
            state.news.retain(|news| !matches!(&news.change, Change::Resource(one) if **one == *uri));
        }
        state.outdated = true;
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
    pub(crate) fn news(&self) -> Vec<News> {
        let mut state = lock(&self.watch.state);
        let news = mem::take(&mut state.news);
        if let Some(number) = news.iter().rev().find_map(|news| news.number) {
            state.position = Position::After(number);
        }
        news
    }

    /// Which of all that were in this process it is.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Up to where the client has been told.
    pub(crate) fn position(&self) -> Position {
        lock(&self.watch.state).position
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        lock(&self.changes.inner).watches.remove(&self.id);
    }
}

/// No code that can panic runs under these locks, so what a poisoned one holds is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
