//! The latest changes, by their numbers.

use std::collections::VecDeque;

use super::Change;

/// The most changes that are remembered.
pub(super) const CHANGES: usize = 1_000;

/// The most bytes of URIs that are remembered.
pub(super) const BYTES: usize = 64 << 10;

/// What changed of late, whoever wanted to know.
#[derive(Debug, Default)]
pub(super) struct History {
    changes: VecDeque<(u64, Change)>,
    bytes: usize,
    /// The number of the latest change, or 0.
    number: u64,
    /// The number of the latest change that is forgotten, or 0.
    forgotten: u64,
}

impl History {
    /// Nothing is known of what came up to this number.
    pub(super) fn after_number(number: u64) -> Self {
        Self { number, forgotten: number, ..Self::default() }
    }

    /// Remembers a change. Answers its number.
    pub(super) fn add(&mut self, change: Change) -> u64 {
        self.add_at(self.number + 1, change);
        self.number
    }

    /// Remembers a change that has a number, which is higher than those before.
    pub(super) fn add_at(&mut self, number: u64, change: Change) {
        self.number = number;
        // The same thing over and over does not push out the others.
        if let Some((latest, _)) = self.changes.back_mut().filter(|(_, latest)| *latest == change) {
            *latest = number;
            return;
        }
        self.bytes += bytes(&change);
        self.changes.push_back((number, change));
        while self.changes.len() > CHANGES || self.bytes > BYTES {
            let Some((number, oldest)) = self.changes.pop_front() else { break };
            self.bytes -= bytes(&oldest);
            self.forgotten = number;
        }
    }

    /// At this number nothing changed.
    pub(super) fn pass(&mut self, number: u64) {
        self.number = number;
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether all that came after this number is remembered.
    pub(super) fn goes_back_to(&self, number: u64) -> bool {
        (self.forgotten..=self.number).contains(&number)
    }

    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = (u64, &Change)> {
        let known = self.changes.partition_point(|(one, _)| *one <= number);
        self.changes.iter().skip(known).map(|(number, change)| (*number, change))
    }
}

pub(super) fn bytes(change: &Change) -> usize {
    match change {
        Change::List(_) => 0,
        Change::Resource(uri) => uri.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_by_number_and_by_bytes() {
        for (length, kept) in [(10, CHANGES), (8 << 10, 8)] {
            let mut history = History::default();
            for n in 0..5_000 {
                history.add(Change::Resource(format!("{n:0length$}").into()));
            }
            assert_eq!((history.changes.len(), history.number()), (kept, 5_000));
            let oldest = 5_000 - kept as u64;
            assert!(history.goes_back_to(oldest) && !history.goes_back_to(oldest - 1));
            assert!(!history.goes_back_to(5_001), "that is no number yet");
            assert_eq!(history.after(4_998).map(|(number, _)| number).collect::<Vec<_>>(), [4_999, 5_000]);
        }
    }

    #[test]
    fn the_same_thing_over_and_over_is_one() {
        let mut history = History::default();
        history.add(Change::Resource("a".into()));
        for _ in 0..5_000 {
            history.add(Change::Resource("b".into()));
        }
        assert!(history.goes_back_to(0));
        assert_eq!(history.after(0).map(|(number, _)| number).collect::<Vec<_>>(), [1, 5_001]);
    }
}
