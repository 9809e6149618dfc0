//! The ids of streams: no two the same, of all processes that share a store.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// Gives out the ids of this process's streams.
///
/// They need not be hard to guess: who asks for a stream has to know the session, whose id is, and be its owner. So the
/// system's generator is asked once, and not for every call that speaks. A client sees by them how many calls of this process
/// have spoken, as it sees by its own calls how busy it is; it sees nothing of whose they are.
pub(crate) struct StreamIds {
    process: u64,
    given_out: AtomicU64,
}

impl StreamIds {
    /// The next one. Never 0, which is the session's own stream.
    pub(crate) fn next(&self) -> u128 {
        let number = self.given_out.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        u128::from(self.process) << 64 | u128::from(number)
    }
}

impl Default for StreamIds {
    fn default() -> Self {
        // 62 random bits, and two that are never 0 together.
        Self { process: Uuid::new_v4().as_u64_pair().1, given_out: AtomicU64::new(0) }
    }
}

impl fmt::Debug for StreamIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamIds(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_comes_twice_be_it_from_another_process() {
        let [one, other] = [StreamIds::default(), StreamIds::default()];
        let mut ids: Vec<_> = (0..100).flat_map(|_| [one.next(), other.next()]).chain([0]).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
