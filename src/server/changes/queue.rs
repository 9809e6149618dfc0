//! What waits to be appended to the feed.

use std::collections::VecDeque;

use super::Change;
use super::entry::Entry;
use super::history::{BYTES, CHANGES, bytes};

/// The changes that wait. The same thing waits once, and what is too much for the history of those who read it is too much
/// here: everything may have changed then.
#[derive(Debug, Default)]
pub(super) struct Queue {
    changes: VecDeque<Change>,
    bytes: usize,
    everything: bool,
}

impl Queue {
    /// Has a change wait behind the others.
    pub(super) fn put(&mut self, change: Change) {
        if self.everything {
            return;
        }
        if let Some(at) = self.changes.iter().position(|one| *one == change) {
            self.changes.remove(at);
        } else {
            self.bytes += bytes(&change);
        }
        self.changes.push_back(change);
        self.bound();
    }

    /// Takes what has waited for the longest time.
    pub(super) fn next(&mut self) -> Option<Entry> {
        if std::mem::take(&mut self.everything) {
            return Some(Entry::Everything);
        }
        let change = self.changes.pop_front()?;
        self.bytes -= bytes(&change);
        Some(Entry::Change(change))
    }

    /// Has what was taken wait again, before the others.
    pub(super) fn put_back(&mut self, entry: Entry) {
        match entry {
            Entry::Nothing => {}
            Entry::Everything => self.give_up(),
            // It has changed again meanwhile, which is told later.
            Entry::Change(change) if self.everything || self.changes.contains(&change) => {}
            Entry::Change(change) => {
                self.bytes += bytes(&change);
                self.changes.push_front(change);
                self.bound();
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.everything
    }

    fn bound(&mut self) {
        if self.changes.len() > CHANGES || self.bytes > BYTES {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        *self = Self { everything: true, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(uri: &str) -> Change {
        Change::Resource(uri.into())
    }

    fn all(queue: &mut Queue) -> Vec<Entry> {
        std::iter::from_fn(|| queue.next()).collect()
    }

    #[test]
    fn the_same_thing_waits_once_and_at_its_latest_change() {
        let mut queue = Queue::default();
        for uri in ["a", "b", "a", "c", "b"] {
            queue.put(resource(uri));
        }
        assert_eq!(all(&mut queue), ["a", "c", "b"].map(|uri| Entry::Change(resource(uri))));
        assert_eq!((queue.is_empty(), queue.bytes), (true, 0));
    }

    #[test]
    fn what_could_not_be_appended_is_first_again_unless_it_has_changed_again() {
        let mut queue = Queue::default();
        queue.put(resource("a"));
        queue.put(resource("b"));
        let a = queue.next().unwrap();
        queue.put_back(a);
        assert_eq!(queue.next(), Some(Entry::Change(resource("a"))));
        queue.put(resource("a"));
        queue.put_back(Entry::Change(resource("a")));
        assert_eq!(all(&mut queue), ["b", "a"].map(|uri| Entry::Change(resource(uri))));
    }

    #[test]
    fn too_much_is_everything() {
        for (length, most) in [(10, CHANGES), (8 << 10, 8)] {
            let mut queue = Queue::default();
            for n in 0..most {
                queue.put(resource(&format!("{n:0length$}")));
            }
            assert_eq!(queue.changes.len(), most);
            queue.put(resource(&"x".repeat(length)));
            assert_eq!(queue.bytes, 0);
            queue.put(resource("late"));
            assert_eq!(queue.next(), Some(Entry::Everything));
            queue.put(resource("later"));
            queue.put_back(Entry::Everything);
            assert_eq!(all(&mut queue), [Entry::Everything]);
        }
    }
}
