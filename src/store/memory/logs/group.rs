//! The logs of one group, and what they cost.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::OVERHEAD;
use crate::store::memory::millis;
use crate::store::{LogLimits, LogPage};

/// The logs of one group. What they cost is kept beside them, so that an append need not look at them all.
#[derive(Default)]
pub(super) struct Group {
    logs: Vec<Log>,
    cost: usize,
    /// Until when (in ms) none of them expires.
    lasts: u64,
}

struct Log {
    id: u128,
    about: Box<[u8]>,
    entries: VecDeque<Bytes>,
    /// The number of the oldest entry, or of the next one.
    first: u64,
    bytes: usize,
    /// Which of all logs that ended it was.
    ended: Option<u64>,
    expires: u64,
}

impl Log {
    fn cost(&self) -> usize {
        self.bytes + self.about.len() + OVERHEAD * (self.entries.len() + 1)
    }

    /// The number of the next entry.
    fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Answers what is free by that.
    fn drop_oldest(&mut self) -> usize {
        let Some(oldest) = self.entries.pop_front() else { return 0 };
        self.first += 1;
        self.bytes -= oldest.len();
        OVERHEAD + oldest.len()
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

    pub(super) fn ids(&self) -> impl Iterator<Item = u128> {
        self.logs.iter().map(|log| log.id)
    }

    /// Where a log is. Who is written to is mostly the newest, which is behind the others.
    pub(super) fn position(&self, id: u128, now: u64) -> Option<usize> {
        self.logs.iter().rposition(|log| log.id == id && log.expires > now)
    }

    pub(super) fn has_ended(&self, at: usize) -> bool {
        self.logs[at].ended.is_some()
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
        self.logs.retain(|log| {
            let lives = log.expires > now;
            self.cost -= if lives { 0 } else { log.cost() };
            lives
        });
        self.lasts = self.logs.iter().map(|log| log.expires).min().unwrap_or(u64::MAX);
        before - self.cost
    }

    /// Where the log is that ended before the others.
    pub(super) fn first_ended(&self) -> Option<usize> {
        self.logs.iter().enumerate().filter_map(|(at, log)| Some((log.ended?, at))).min().map(|(_, at)| at)
    }

    /// A new log, which has no entry yet.
    pub(super) fn make(&mut self, id: u128, about: &[u8]) -> usize {
        let (about, entries) = (Box::from(about), VecDeque::new());
        let log = Log { id, about, entries, first: 1, bytes: 0, ended: None, expires: 0 };
        self.cost += log.cost();
        self.logs.push(log);
        self.logs.len() - 1
    }

    pub(super) fn remove(&mut self, at: usize) {
        let log = self.logs.swap_remove(at);
        self.cost -= log.cost();
    }

    /// Answers the entry's number.
    pub(super) fn push(&mut self, at: usize, value: &Bytes, limits: LogLimits, now: u64) -> u64 {
        let log = &mut self.logs[at];
        let seq = log.next();
        log.bytes += value.len();
        // A copy, since the value may be a part of a buffer that is larger than what is counted.
        log.entries.push_back(Bytes::copy_from_slice(value));
        self.cost += OVERHEAD + value.len();
        while log.entries.len() > 1 && (log.entries.len() > limits.entries || log.bytes > limits.bytes) {
            self.cost -= log.drop_oldest();
        }
        log.expires = now.saturating_add(millis(limits.ttl));
        self.lasts = self.lasts.min(log.expires);
        seq
    }

    pub(super) fn end(&mut self, id: u128, now: u64, ended: u64) {
        if let Some(at) = self.position(id, now) {
            self.logs[at].ended = Some(ended);
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
        let entries = (from..).zip(log.entries.iter().skip(skip).take(max).cloned()).collect();
        let about = Bytes::copy_from_slice(&log.about);
        Some(LogPage { entries, first: log.first, last: log.next() - 1, closed: log.ended.is_some(), about })
    }

    /// What they cost when all that may give way to log `writing` has.
    pub(super) fn least(&self, writing: Option<u128>) -> usize {
        let newest = |log: &Log| {
            log.entries.back().filter(|_| Some(log.id) != writing).map_or(0, |newest| OVERHEAD + newest.len())
        };
        let open = self.logs.iter().filter(|log| log.ended.is_none());
        open.map(|log| OVERHEAD + log.about.len() + newest(log)).sum()
    }

    /// Drops what is missed the least: the log that ended first, then the oldest entry of the largest that has others.
    /// Answers whether there was any. `writing` is spared, but for its oldest entries.
    pub(super) fn give_way(&mut self, writing: Option<u128>) -> bool {
        let ended = self.logs.iter().enumerate().filter(|(_, log)| Some(log.id) != writing);
        if let Some((_, at)) = ended.filter_map(|(at, log)| Some((log.ended?, at))).min() {
            self.remove(at);
            return true;
        }
        let largest = self.logs.iter_mut().filter(|log| log.entries.len() > 1).max_by_key(|log| log.cost());
        let free = largest.map(Log::drop_oldest);
        self.cost -= free.unwrap_or(0);
        free.is_some()
    }
}
