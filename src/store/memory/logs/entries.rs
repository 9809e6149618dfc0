//! The entries of one log, one behind the other in one buffer: most logs are short, and each of their entries would cost an
//! allocation.

use std::collections::VecDeque;

use bytes::Bytes;

/// What is left of a buffer that is not needed: less is not worth a copy.
const SPARE: usize = 256;

/// The largest buffer that the next log takes over, and the most entries: so much of it is not counted while it is written.
const REUSED: (usize, usize) = (512, 16);

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
            self.close_up();
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
        self.give_back();
        Some(length)
    }

    /// Keeps no more than about twice what it counts.
    pub(super) fn give_back(&mut self) {
        if self.data.capacity() > 2 * self.bytes() + SPARE {
            self.close_up();
            self.data.shrink_to(self.data.len() + self.data.len() / 8);
        }
        if self.lengths.capacity() > REUSED.1.max(4 * self.len()) {
            self.lengths.shrink_to(2 * self.len());
        }
    }

    /// What has been dropped leaves its place to what comes.
    fn close_up(&mut self) {
        self.data.drain(..self.from);
        self.from = 0;
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

    /// Those of a log that is gone, emptied for another one, unless they had much room: another one may say little.
    pub(super) fn reuse(mut self) -> Self {
        if self.data.capacity() > REUSED.0 || self.lengths.capacity() > REUSED.1 {
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
            assert!(entries.data.capacity() <= 2 * entries.bytes() + SPARE, "{number}");
            assert!(entries.lengths.capacity() <= 4 * entries.len() + REUSED.1, "{number}");
        }
        for skip in [0, 1, 500, said.len(), said.len() + 1] {
            assert!(entries.iter(skip).eq(said.iter().skip(skip).cloned()), "{skip}");
        }
        while entries.pop().is_some() {
            assert!(entries.data.capacity() <= 2 * entries.bytes() + SPARE, "of {} entries", entries.len());
            assert!(entries.lengths.capacity() <= 4 * entries.len() + REUSED.1, "of {} entries", entries.len());
        }
        assert_eq!((entries.bytes(), entries.iter(0).count(), entries.pop()), (0, 0, None));
    }

    #[test]
    fn a_short_log_leaves_its_room_to_the_next_and_a_long_one_does_not() {
        let mut entries = Entries::default();
        entries.push(b"short");
        let mut next = entries.reuse();
        assert!(next.data.capacity() > 0 && next.iter(0).next().is_none());
        next.push(&[0; REUSED.0 + 1]);
        assert_eq!(next.reuse().data.capacity(), 0);
        let mut many = Entries::default();
        (0..=REUSED.1).for_each(|_| many.push(b""));
        assert_eq!(many.reuse().lengths.capacity(), 0);
    }

    #[test]
    fn what_says_less_than_the_log_before_it_gives_the_rest_back() {
        let mut entries = Entries::default();
        entries.push(&[0; REUSED.0]);
        let mut next = entries.reuse();
        next.push(b"short");
        assert!(next.data.capacity() >= REUSED.0);
        next.give_back();
        assert!(next.data.capacity() <= 2 * next.bytes() + SPARE);
        assert!(next.iter(0).eq([Bytes::from_static(b"short")]));
    }
}
