//! One who wants to know: what its stream has been told, and what it has not read yet.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex};
use std::task::Context;

use futures_util::task::AtomicWaker;

use super::{Change, Changes, lock};
use crate::protocol::params::Filter;
use crate::protocol::subscriptions::ChangedList;

/// One who wants to know.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) state: Mutex<State>,
    pub(super) waker: AtomicWaker,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Which lists are wanted.
    lists: Lists,
    /// Most want a few, if any.
    uris: BTreeSet<Box<str>>,
    news: Vec<News>,
    pub(super) position: Position,
    /// Whose numbers these are.
    epoch: u64,
    outdated: bool,
}

/// The lists of a filter, without the room that its resources take.
#[derive(Debug, Default)]
struct Lists {
    tools: bool,
    resources: bool,
    prompts: bool,
}

/// What has changed since it was last read. Each thing is told once, in the order of their latest changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// The number of its latest change, if who has been told of it has been told of all before it.
    pub(crate) number: Option<u64>,
    /// Whose number it is.
    pub(crate) epoch: u64,
    /// Whether it is the last of everything that may have changed: another has the same number then.
    pub(crate) everything: bool,
    pub(crate) change: Change,
}

/// Up to which change a client says that it has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Whose number it is.
    pub(crate) epoch: u64,
    pub(crate) number: u64,
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
    /// Of one who is told what comes after `number`.
    pub(super) fn new(filter: Filter, epoch: u64, number: u64) -> Self {
        let lists = Lists {
            tools: filter.tools_list_changed,
            resources: filter.resources_list_changed,
            prompts: filter.prompts_list_changed,
        };
        let uris = filter.resource_subscriptions.into_iter().map(String::into_boxed_str).collect();
        Self { lists, uris, epoch, position: Position::After(number), ..Self::default() }
    }

    fn wants(&self, change: &Change) -> bool {
        match change {
            Change::List(ChangedList::Tools) => self.lists.tools,
            Change::List(ChangedList::Resources) => self.lists.resources,
            Change::List(ChangedList::Prompts) => self.lists.prompts,
            Change::Resource(uri) => self.uris.contains(&**uri),
        }
    }

    /// Takes note of a change that is wanted. Answers whether it is.
    pub(super) fn note(&mut self, number: Option<u64>, change: &Change) -> bool {
        let wanted = self.wants(change);
        if wanted {
            self.news.retain(|news| news.change != *change);
            self.news.push(News { number, epoch: self.epoch, everything: false, change: change.clone() });
        }
        wanted
    }

    /// Takes over what another has subscribed to, and what it has not read.
    pub(super) fn inherit(&mut self, theirs: &mut Self) {
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
        for News { number, everything, change, .. } in later {
            if self.note(number, &change)
                && let Some(news) = self.news.last_mut()
            {
                news.everything = everything;
            }
        }
        self.news.sort_by_key(|news| news.number);
    }

    /// What was missed is not known: takes note of everything that is wanted, up to `number`. Answers whether anything is.
    pub(super) fn lose(&mut self, epoch: u64, number: u64) -> bool {
        (self.epoch, self.position) = (epoch, Position::Lost);
        let lists = [ChangedList::Tools, ChangedList::Resources, ChangedList::Prompts].map(Change::List);
        let uris: Vec<_> = self.uris.iter().map(|uri| Change::Resource((**uri).into())).collect();
        for change in lists.into_iter().chain(uris) {
            self.note(None, &change);
        }
        if let Some(last) = self.news.last_mut() {
            (last.number, last.everything) = (Some(number), true);
        }
        !self.news.is_empty()
    }
}

/// A subscription to changes.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(super) watch: Arc<Watch>,
    pub(super) id: u64,
    pub(super) changes: Arc<Changes>,
}

impl Watcher {
    /// Subscribes to these resources from now on, which were read elsewhere.
    pub(crate) fn set_subscriptions(&self, uris: Vec<String>) {
        let mut state = lock(&self.watch.state);
        let State { uris: known, news, outdated, .. } = &mut *state;
        if *outdated {
            // They may have been read before somebody changed them. They are read again; until then nothing is missed.
            known.extend(uris.into_iter().map(String::into_boxed_str));
        } else if uris.len() != known.len() || !uris.iter().all(|uri| known.contains(&**uri)) {
            *known = uris.into_iter().map(String::into_boxed_str).collect();
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
            state.uris.insert(uri.into());
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

    /// Which of all that were told under the same numbers it is.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Up to where the client has been told.
    pub(crate) fn position(&self) -> Position {
        self.stand().1
    }

    /// The same, and whose numbers these are.
    pub(crate) fn stand(&self) -> (u64, Position) {
        let state = lock(&self.watch.state);
        (state.epoch, state.position)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        lock(&self.changes.inner).leave(self.id);
    }
}
