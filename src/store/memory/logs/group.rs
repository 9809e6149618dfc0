//! The logs of one group, and what they cost.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::OVERHEAD;
use super::entries::Entries;
use crate::store::memory::millis;
use crate::store::{LogLimits, LogPage};

/// The room of so many logs is not worth giving back.
const SMALL: usize = 4;

/// The logs of one group. What they cost is kept beside them, and so are their ids, so that an append need not look at them
/// all.
#[derive(Default)]
pub(super) struct Group {
    /// Those of `logs`, in the same order.
    ids: Vec<u128>,
    logs: Vec<Log>,
    /// The ids of those that have ended, the first one first.
    ended: VecDeque<u128>,
    cost: usize,
    /// Until when (in ms) none of them expires.
    lasts: u64,
}

struct Log {
    about: Box<[u8]>,
    entries: Entries,
    /// The number of the oldest entry, or of the next one.
    first: u64,
    ended: bool,
    expires: u64,
}

impl Log {
    fn cost(&self) -> usize {
        self.entries.bytes() + self.about.len() + OVERHEAD * (self.entries.len() + 1)
    }

    /// The number of the next entry.
    fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Answers what is free by that.
    fn drop_oldest(&mut self) -> usize {
        let Some(oldest) = self.entries.pop() else { return 0 };
        self.first += 1;
        OVERHEAD + oldest
    }
}

impl Group {
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    pub(super) fn len(&self) -> usize {
        self.logs.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    pub(super) fn ids(&self) -> &[u128] {
        &self.ids
    }

    /// Where a log is. Who is written to is mostly the newest, which is behind the others.
    pub(super) fn position(&self, id: u128, now: u64) -> Option<usize> {
        let at = self.ids.iter().rposition(|one| *one == id)?;
        (self.logs[at].expires > now).then_some(at)
    }

    pub(super) fn has_ended(&self, at: usize) -> bool {
        self.logs[at].ended
    }

    /// The number of a log's newest entry.
    pub(super) fn newest(&self, at: usize) -> u64 {
        self.logs[at].next() - 1
    }

    /// Removes what has expired. Answers what that cost.
    pub(super) fn expire(&mut self, now: u64) -> usize {
        if now < self.lasts {
            return 0;
        }
        let before = self.cost;
        for at in (0..self.logs.len()).rev() {
            if self.logs[at].expires <= now {
                self.remove(at);
            }
        }
        self.lasts = self.logs.iter().map(|log| log.expires).min().unwrap_or(u64::MAX);
        before - self.cost
    }

    /// Where the log is that ended before the others.
    pub(super) fn first_ended(&self) -> Option<usize> {
        let first = self.ended.front()?;
        self.ids.iter().position(|id| id == first)
    }

    /// A new log, which has no entry yet.
    pub(super) fn make(&mut self, id: u128, about: &[u8], entries: Entries) -> usize {
        let log = Log { about: Box::from(about), entries, first: 1, ended: false, expires: 0 };
        self.cost += log.cost();
        self.ids.push(id);
        self.logs.push(log);
        self.logs.len() - 1
    }

    /// Answers the room of its entries, for those of another log.
    pub(super) fn remove(&mut self, at: usize) -> Entries {
        let (id, log) = (self.ids.swap_remove(at), self.logs.swap_remove(at));
        self.cost -= log.cost();
        if self.ended.front() == Some(&id) {
            self.ended.pop_front();
        } else if log.ended {
            self.ended.retain(|ended| *ended != id);
        }
        if self.logs.capacity() > SMALL && self.logs.len() < self.logs.capacity() / 4 {
            let room = self.logs.len() * 2;
            self.logs.shrink_to(room);
            self.ids.shrink_to(room);
            self.ended.shrink_to(room);
        }
        log.entries.reuse()
    }

    /// Answers the entry's number.
    pub(super) fn push(&mut self, at: usize, value: &Bytes, limits: LogLimits, now: u64) -> u64 {
        let log = &mut self.logs[at];
        let seq = log.next();
        log.entries.push(value);
        self.cost += OVERHEAD + value.len();
        while log.entries.len() > 1 && (log.entries.len() > limits.entries || log.entries.bytes() > limits.bytes) {
            self.cost -= log.drop_oldest();
        }
        log.expires = now.saturating_add(millis(limits.ttl));
        self.lasts = self.lasts.min(log.expires);
        seq
    }

    pub(super) fn end(&mut self, id: u128, now: u64) {
        if let Some(at) = self.position(id, now) {
            let log = &mut self.logs[at];
            log.ended = true;
            // Nothing is said any more that could need it.
            log.entries.give_back();
            self.ended.push_back(id);
        }
    }

    pub(super) fn keep(&mut self, id: u128, ttl: Duration, now: u64) -> bool {
        let Some(at) = self.position(id, now) else { return false };
        let log = &mut self.logs[at];
        log.expires = now.saturating_add(millis(ttl));
        self.lasts = self.lasts.min(log.expires);
        true
    }

    pub(super) fn read(&self, id: u128, after: u64, max: usize, now: u64) -> Option<LogPage> {
        let log = &self.logs[self.position(id, now)?];
        let skip = usize::try_from(after.saturating_add(1).saturating_sub(log.first)).unwrap_or(usize::MAX);
        let from = log.first + skip.min(log.entries.len()) as u64;
        let entries = (from..).zip(log.entries.iter(skip).take(max)).collect();
        let about = Bytes::copy_from_slice(&log.about);
        Some(LogPage { entries, first: log.first, last: log.next() - 1, closed: log.ended, about })
    }

    /// What they cost when all that may give way to log `writing` has.
    pub(super) fn least(&self, writing: Option<u128>) -> usize {
        let newest = |log: &Log, id: u128| {
            log.entries.newest().filter(|_| Some(id) != writing).map_or(0, |newest| OVERHEAD + newest)
        };
        let open = self.ids.iter().zip(&self.logs).filter(|(_, log)| !log.ended);
        open.map(|(id, log)| OVERHEAD + log.about.len() + newest(log, *id)).sum()
    }

    /// Drops what is missed the least: the log that ended first, then the oldest entry of the largest that has others.
    /// Answers whether there was any. `writing` is spared, but for its oldest entries.
    pub(super) fn give_way(&mut self, writing: Option<u128>) -> bool {
        let ended = self.ended.iter().find(|id| Some(**id) != writing);
        if let Some(at) = ended.and_then(|ended| self.ids.iter().position(|id| id == ended)) {
            self.remove(at);
            return true;
        }
        let largest = self.logs.iter_mut().filter(|log| log.entries.len() > 1).max_by_key(|log| log.cost());
        let free = largest.map(Log::drop_oldest);
        self.cost -= free.unwrap_or(0);
        free.is_some()
    }
}
