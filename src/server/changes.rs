//! What has changed, and who wants to know: from the handle that the application calls to the open streams.
//!
//! A stream that is not read keeps no queue. It remembers which lists and which of its resources have changed since it
//! was read last, so that it is bounded by its own filter, and a thousand changes of one list are told once.
//!
//! Every change has a number. A client that comes back says up to which it has been told, and the [history] has what came
//! after it. Where several replicas share a store, the numbers are those of a log of theirs, the [feed]: a change that is
//! told on one of them comes to all by it, and so does each replica's own.
//!
//! ```text
//! watch     one who wants to know
//! history   the latest changes
//! feed      the log, and what is on its way there
//! task      appends what is queued, and reads on
//! queue     what waits to be appended
//! entry     how a change is written
//! ```

mod entry;
pub(crate) mod feed;
mod history;
mod queue;
mod task;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::task::AtomicWaker;
use uuid::Uuid;

use self::entry::Entry;
use self::feed::Feed;
use self::history::History;
pub(crate) use self::watch::{Mark, News, Position, Watcher};
use self::watch::{State, Watch};
use crate::protocol::params::Filter;
use crate::protocol::subscriptions::ChangedList;
use crate::store::{LogPage, StoreError, shrink};

/// Tells clients of changes: from [`McpService::notify`](crate::McpService::notify) or
/// [`Context::notify`](crate::Context::notify). A clone tells the same clients.
///
/// It reaches the GET streams of sessions and the `subscriptions/listen` streams of 2026-07-28 that are open and asked for
/// it. Several changes of one thing that a client has not read yet are told once. It never waits.
///
/// With a [store](crate::Mcp::store) that several processes share, it reaches the streams of all servers with the same name
/// there, those of this process included, as soon as the store has taken it. While the store fails, up to 1,000 changes or
/// 64 KiB of URIs wait for it; if there are more, all streams are told that everything may have changed, and so they are if
/// the store has lost what was told. A change of which it is not known whether the store has taken it may be told twice.
/// What is told outside of a tokio runtime, before anything has been told or listened to inside of one, waits for the next
/// request.
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
    /// itself: to the clients of all replicas that share a store, although it changes this process alone. Who lists the
    /// tools of another finds them as they were.
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
    inner: Mutex<Inner>,
    /// Through which all replicas are told, if the store is shared by some.
    feed: Option<Arc<Feed>>,
}

#[derive(Debug)]
struct Inner {
    watches: HashMap<u64, Arc<Watch>>,
    next: u64,
    history: History,
    /// Whose numbers these are: another in each process, or for each log.
    epoch: u64,
}

/// Something that can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    List(ChangedList),
    Resource(Arc<str>),
}

impl Default for Inner {
    fn default() -> Self {
        Self { watches: HashMap::new(), next: 0, history: History::default(), epoch: random() }
    }
}

impl Inner {
    /// Takes note of a change with its number. Who is to be woken is added to `woken`.
    fn tell(&self, number: u64, change: &Change, woken: &mut Vec<Arc<Watch>>) {
        for watch in self.watches.values() {
            if lock(&watch.state).note(Some(number), change) {
                woken.push(Arc::clone(watch));
            }
        }
    }

    fn leave(&mut self, watch: u64) {
        self.watches.remove(&watch);
        shrink(&mut self.watches);
    }

    /// Nothing is known of what came up to this number: everything may have changed.
    fn lose(&mut self, epoch: u64, number: u64, woken: &mut Vec<Arc<Watch>>) {
        (self.epoch, self.history) = (epoch, History::after_number(number));
        for watch in self.watches.values() {
            if lock(&watch.state).lose(epoch, number) {
                woken.push(Arc::clone(watch));
            }
        }
    }
}

impl Changes {
    /// Changes that all replicas are told of.
    pub(crate) fn of_feed(feed: Feed) -> Self {
        // So that watches of several replicas under the same numbers are told apart.
        let inner = Inner { next: random(), ..Inner::default() };
        Self { inner: Mutex::new(inner), feed: Some(Arc::new(feed)) }
    }

    /// Sees to it that who watches from now on is told what comes after this: what other replicas were told until now is
    /// known then.
    pub(crate) async fn catch_up(self: &Arc<Self>) -> Result<(), Arc<StoreError>> {
        match &self.feed {
            None => Ok(()),
            // Boxed, since it is rare and every future that may catch up would have room for it.
            Some(feed) => Box::pin(feed.catch_up(self)).await,
        }
    }

    /// Has what was told where there was no runtime go on its way, and what the others tell come here if the runtime where it
    /// came to has ended. To be called where there is one.
    pub(crate) fn go_on(self: &Arc<Self>) {
        if let Some(feed) = &self.feed {
            feed.go_on(self);
        }
    }

    fn is_watched(&self) -> bool {
        !lock(&self.inner).watches.is_empty()
    }

    /// Watches for what `filter` names from now on, until the watcher is dropped.
    pub(crate) fn watch(self: &Arc<Self>, filter: Filter) -> Watcher {
        self.watch_since(filter, None, None)
    }

    /// Watches, for a client that has been told up to a mark, or for one that has never been told. What `before` has
    /// subscribed to and not read is taken over, and it is told no more: each change is told on one stream only
    /// (2025-11-25, basic/transports, «Multiple Connections»).
    pub(crate) fn watch_since(
        self: &Arc<Self>,
        filter: Filter,
        since: Option<Mark>,
        before: Option<&Watcher>,
    ) -> Watcher {
        let mut inner = lock(&self.inner);
        let now = inner.history.number();
        let mut state = State::new(filter, inner.epoch, now);
        match since {
            None => {}
            Some(Mark { epoch, number }) if epoch == inner.epoch && inner.history.goes_back_to(number) => {
                for (number, change) in inner.history.after(number) {
                    state.note(Some(number), change);
                }
                state.position = Position::After(number);
            }
            Some(_) => {
                state.lose(inner.epoch, now);
            }
        }
        // Under the lock by which changes come, so that none is told to both or to neither.
        if let Some(before) = before {
            inner.leave(before.id);
            state.inherit(&mut lock(&before.watch.state));
        }
        let watch = Arc::new(Watch { state: Mutex::new(state), waker: AtomicWaker::new() });
        let id = inner.next;
        inner.next = id.wrapping_add(1);
        inner.watches.insert(id, Arc::clone(&watch));
        drop(inner);
        Watcher { watch, id, changes: Arc::clone(self) }
    }

    pub(crate) fn list_changed(self: &Arc<Self>, list: ChangedList) {
        self.tell(Change::List(list));
    }

    pub(crate) fn resource_updated(self: &Arc<Self>, uri: &str) {
        self.tell(Change::Resource(uri.into()));
    }

    fn tell(self: &Arc<Self>, change: Change) {
        if let Some(feed) = &self.feed {
            feed.tell(self, change);
            return;
        }
        let mut woken = Vec::new();
        let mut inner = lock(&self.inner);
        let number = inner.history.add(change.clone());
        inner.tell(number, &change, &mut woken);
        drop(inner);
        wake(&woken);
    }

    /// Up to where the feed is known.
    fn known(&self) -> Mark {
        let inner = lock(&self.inner);
        Mark { epoch: inner.epoch, number: inner.history.number() }
    }

    /// Takes note of what was read of the log with this epoch.
    fn take(&self, epoch: u64, page: &LogPage) {
        let mut woken = Vec::new();
        let mut inner = lock(&self.inner);
        let known = inner.history.number();
        if epoch != inner.epoch || page.first > known.saturating_add(1) {
            inner.lose(epoch, page.first.saturating_sub(1), &mut woken);
        } else if page.last < known {
            // Its newest entries are gone, and their numbers are given out again.
            inner.lose(epoch, page.last, &mut woken);
        }
        for (number, entry) in &page.entries {
            if *number <= inner.history.number() {
                continue;
            }
            match Entry::decode(entry) {
                Entry::Nothing => inner.history.pass(*number),
                Entry::Everything => inner.lose(epoch, *number, &mut woken),
                Entry::Change(change) => {
                    inner.tell(*number, &change, &mut woken);
                    inner.history.add_at(*number, change);
                }
            }
        }
        drop(inner);
        wake(&woken);
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        if let Some(feed) = &self.feed {
            feed.close();
        }
    }
}

/// Wakers are foreign code: called without the locks.
fn wake(woken: &[Arc<Watch>]) {
    woken.iter().for_each(|watch| watch.waker.wake());
}

fn random() -> u64 {
    Uuid::new_v4().as_u64_pair().1
}

/// No code that can panic runs under these locks, so what a poisoned one holds is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
