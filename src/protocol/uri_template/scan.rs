//! All that looks through a URI, in one place, so that the tests can count how much is looked at.
//!
//! The texts are [normalised](super::value::normalise), that is ASCII: every position is a character's.

/// A set of ASCII characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set(u128);

impl Set {
    pub(super) fn of(bytes: &[u8]) -> Self {
        bytes.iter().fold(Self(0), |set, byte| set.with(*byte))
    }

    pub(super) fn with(self, byte: u8) -> Self {
        Self(self.0 | Self::bit(byte))
    }

    pub(super) fn without(self, byte: u8) -> Self {
        Self(self.0 & !Self::bit(byte))
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn contains(self, byte: u8) -> bool {
        self.0 & Self::bit(byte) != 0
    }

    fn bit(byte: u8) -> u128 {
        if byte.is_ascii() { 1 << byte } else { 0 }
    }
}

pub(super) fn first_of(text: &str, set: Set) -> Option<usize> {
    let found = text.bytes().position(|byte| set.contains(byte));
    looked_at(found.map_or(text.len(), |at| at + 1));
    found
}

pub(super) fn last_of(text: &str, set: Set) -> Option<usize> {
    let found = text.bytes().rposition(|byte| set.contains(byte));
    looked_at(text.len() - found.unwrap_or(0));
    found
}

/// std searches for a text in linear time.
pub(super) fn find(text: &str, wanted: &str) -> Option<usize> {
    let found = text.find(wanted);
    looked_at(found.map_or(text.len(), |at| at + wanted.len()));
    found
}

pub(super) fn rfind(text: &str, wanted: &str) -> Option<usize> {
    let found = text.rfind(wanted);
    looked_at(text.len() - found.unwrap_or(0));
    found
}

/// Where the `n`th `byte` is, counted from 1.
pub(super) fn nth(text: &str, byte: u8, n: usize) -> Option<usize> {
    let found = text.match_indices(char::from(byte)).nth(n - 1).map(|(at, _)| at);
    looked_at(found.map_or(text.len(), |at| at + 1));
    found
}

/// Where the `n`th last `byte` is, or the first one if there are fewer.
pub(super) fn nth_last(text: &str, byte: u8, n: usize) -> Option<usize> {
    let found = text.rmatch_indices(char::from(byte)).take(n).last().map(|(at, _)| at);
    looked_at(text.len());
    found
}

pub(super) fn count(text: &str, byte: u8) -> usize {
    looked_at(text.len());
    text.bytes().filter(|other| *other == byte).count()
}

pub(super) fn split(text: &str, byte: u8) -> std::str::Split<'_, char> {
    looked_at(text.len());
    text.split(char::from(byte))
}

/// Notes how many bytes were looked at.
pub(super) fn looked_at(bytes: usize) {
    #[cfg(test)]
    steps::add(bytes);
    let _ = bytes;
}

#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local!(static STEPS: Cell<usize> = const { Cell::new(0) });

    pub(super) fn add(bytes: usize) {
        STEPS.set(STEPS.get() + bytes + 1);
    }

    /// How many bytes `work` looked at, each call counted as one more.
    pub(in super::super) fn count<T>(work: impl FnOnce() -> T) -> (T, usize) {
        STEPS.set(0);
        let result = work();
        (result, STEPS.get())
    }
}
