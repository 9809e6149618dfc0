//! The entries of one log, one behind the other in one buffer: most logs are short, and each of their entries would cost an
//! allocation.

use std::collections::VecDeque;

use bytes::Bytes;

/// Less is not worth moving the rest for.
const WORTH_MOVING: usize = 4 << 10;

#[derive(Default)]
pub(super) struct Entries {
    data: Vec<u8>,
    /// Where the oldest begins in `data`.
    from: usize,
    lengths: VecDeque<usize>,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// How long they are together.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() - self.from
    }

    /// How long the newest is.
    pub(super) fn newest(&self) -> Option<usize> {
        self.lengths.back().copied()
    }

    /// A copy of it is kept, since it may be a part of a buffer that is larger than what is counted.
    pub(super) fn push(&mut self, entry: &[u8]) {
        let room = self.data.capacity() - self.data.len();
        if room < entry.len() {
            // Not twice as much: what is counted is what they say.
            self.data.reserve_exact(entry.len().max(self.data.len() / 8));
        }
        self.data.extend_from_slice(entry);
        self.lengths.push_back(entry.len());
    }

    /// Drops the oldest. Answers how long it was.
    pub(super) fn pop(&mut self) -> Option<usize> {
        let length = self.lengths.pop_front()?;
        self.from += length;
        if self.from > self.data.len() / 2 && (self.from > WORTH_MOVING || self.lengths.is_empty()) {
            self.data.drain(..self.from);
            self.from = 0;
            self.data.shrink_to(self.data.len() * 2);
        }
        Some(length)
    }

    /// All but the oldest `skip`.
    pub(super) fn iter(&self, skip: usize) -> impl Iterator<Item = Bytes> {
        let skipped: usize = self.lengths.iter().take(skip).sum();
        let mut rest = &self.data[self.from + skipped..];
        self.lengths.iter().skip(skip).map(move |length| {
            let (entry, behind) = rest.split_at(*length);
            rest = behind;
            Bytes::copy_from_slice(entry)
        })
    }

    /// Those of a log that is gone, emptied for another one, unless they were many.
    pub(super) fn reuse(mut self) -> Self {
        if self.data.capacity() > WORTH_MOVING || self.lengths.capacity() > 64 {
            return Self::default();
        }
        self.data.clear();
        self.lengths.clear();
        Self { from: 0, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_said_last() {
        let mut entries = Entries::default();
        let mut said = VecDeque::new();
        for number in 0..5_000_usize {
            let entry = vec![number as u8; number % 97];
            entries.push(&entry);
            said.push_back(entry);
            if number % 5 != 0 {
                assert_eq!(entries.pop(), said.pop_front().map(|oldest| oldest.len()));
            }
            assert_eq!((entries.len(), entries.newest()), (said.len(), said.back().map(Vec::len)));
            assert_eq!(entries.bytes(), said.iter().map(Vec::len).sum::<usize>());
            assert!(entries.data.capacity() <= 2 * entries.bytes() + 2 * WORTH_MOVING, "{number}");
        }
        for skip in [0, 1, 500, said.len(), said.len() + 1] {
            assert!(entries.iter(skip).eq(said.iter().skip(skip).cloned()), "{skip}");
        }
        while entries.pop().is_some() {}
        assert_eq!((entries.bytes(), entries.iter(0).count(), entries.pop()), (0, 0, None));
    }

    #[test]
    fn a_short_log_leaves_its_room_to_the_next_and_a_long_one_does_not() {
        let mut entries = Entries::default();
        entries.push(b"short");
        let mut next = entries.reuse();
        assert!(next.data.capacity() > 0 && next.iter(0).next().is_none());
        next.push(&[0; 2 * WORTH_MOVING]);
        assert_eq!(next.reuse().data.capacity(), 0);
    }
}
