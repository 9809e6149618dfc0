//! The logs of the store in memory.
//!
//! Each bound has its own way to be kept: a log drops its oldest entries; a group its log that ended first, then the oldest
//! entries of its largest; and all logs together what the largest groups have, a part of it at a time, so that the search
//! for them is rare. The newest entry of a log that has not ended is never dropped: what there is no room for is refused.

use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::fmt;
use std::hash::BuildHasherDefault;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::{SHARDS, lock, millis};
use crate::store::log::Watchers;
use crate::store::{Appended, LogEntry, LogKey, LogLimits, LogNews, LogPage, LogWatcher, RandomId};

/// The most logs of a group: so many streams of one client can be resumed.
const LOGS_OF_A_GROUP: usize = 64;

/// Which part of the budget a group may take, so that one client does not push out what others have.
const GROUP_PART: usize = 8;

/// What an entry costs beside its bytes, and a log beside its entries, about.
const OVERHEAD: usize = 64;

/// How often a shard is searched for what has expired, and how long a search for room that found none is trusted.
const SWEEP_MS: u64 = 1_000;

/// All logs.
pub(super) struct Logs {
    shards: Box<[Mutex<Shard>; SHARDS]>,
    /// What all of them may cost.
    budget: usize,
    /// What all of them cost.
    cost: AtomicUsize,
    /// Counts what ends, so that it is known what ended first.
    ends: AtomicU64,
    /// Until when (in ms) nothing is looked for that gives way to others.
    full_until: AtomicU64,
    epoch: u64,
    watchers: Watchers,
}

#[derive(Default)]
struct Shard {
    groups: HashMap<u128, Vec<Log>, BuildHasherDefault<RandomId>>,
    swept: u64,
}

impl Shard {
    fn cost(&self, group: u128) -> usize {
        self.groups.get(&group).map_or(0, |logs| cost(logs))
    }
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

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.first += 1;
            self.bytes -= oldest.len();
        }
    }

    fn push(&mut self, value: &Bytes, limits: LogLimits) -> u64 {
        let seq = self.next();
        self.bytes += value.len();
        // A copy, since the value may be a part of a buffer that is larger than what is counted.
        self.entries.push_back(Bytes::copy_from_slice(value));
        while self.entries.len() > 1 && (self.entries.len() > limits.entries || self.bytes > limits.bytes) {
            self.drop_oldest();
        }
        seq
    }
}

/// Where a log is among those of its group, or where a new one comes to be, and which one that has ended gives way to it.
struct Place {
    at: usize,
    gives_way: Option<u64>,
}

impl Logs {
    pub(super) fn new(budget: usize) -> Self {
        Self {
            shards: Box::new(std::array::from_fn(|_| Mutex::default())),
            budget,
            cost: AtomicUsize::new(0),
            ends: AtomicU64::new(0),
            full_until: AtomicU64::new(0),
            epoch: Uuid::new_v4().as_u64_pair().1,
            watchers: Watchers::default(),
        }
    }

    pub(super) fn append(&self, key: LogKey, entry: &LogEntry, limits: LogLimits, now: u64) -> Appended {
        let (needed, bound) = (needed(entry), self.bound_of_a_group(limits));
        if needed > bound {
            return Appended::Full;
        }
        if self.cost.load(Ordering::Relaxed) + needed > self.budget {
            // Nothing gives way to what is refused.
            let fits = self.fit(&mut lock(self.shard(key.group)), key, entry, bound, now);
            if let Err(refused) = fits {
                return refused;
            }
            self.make_room(key, needed, now);
        }
        let appended = self.append_within(key, entry, limits, now).map_or_else(|refused| refused, Appended::Seq);
        if matches!(appended, Appended::Seq(_)) {
            self.tell(LogNews::Touched(key));
        }
        appended
    }

    fn append_within(&self, key: LogKey, entry: &LogEntry, limits: LogLimits, now: u64) -> Result<u64, Appended> {
        let mut shard = lock(self.shard(key.group));
        self.sweep(&mut shard, now);
        let others = self.cost.load(Ordering::Relaxed).saturating_sub(shard.cost(key.group));
        // What others hold of the budget is not this group's to take.
        let bound = self.bound_of_a_group(limits).min(self.budget.saturating_sub(others));
        let Place { mut at, gives_way } = self.fit(&mut shard, key, entry, bound, now)?;
        let logs = shard.groups.entry(key.group).or_default();
        let before = cost(logs);
        if let Some(first) = gives_way {
            logs.retain(|log| log.ended != Some(first));
            at = logs.len();
        }
        if at == logs.len() {
            let (about, entries) = (entry.about.as_ref().into(), VecDeque::new());
            logs.push(Log { id: key.id, about, entries, first: 1, bytes: 0, ended: None, expires: 0 });
        }
        let log = &mut logs[at];
        let seq = log.push(&entry.value, limits);
        log.expires = now.saturating_add(millis(limits.ttl));
        while cost(logs) > bound && give_way(logs, Some(key.id)) {}
        let after = cost(logs);
        if let Some(log) = logs.iter_mut().find(|log| log.id == key.id).filter(|_| entry.place.ends()) {
            log.ended = Some(self.ends.fetch_add(1, Ordering::Relaxed));
            self.full_until.store(0, Ordering::Relaxed);
        }
        // At once: counted twice for a moment, others would be refused meanwhile.
        if after >= before {
            self.cost.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.cost.fetch_sub(before - after, Ordering::Relaxed);
        }
        Ok(seq)
    }

    /// Where an entry belongs, if its group has room for it within `bound`.
    fn fit(&self, shard: &mut Shard, key: LogKey, entry: &LogEntry, bound: usize, now: u64) -> Result<Place, Appended> {
        let place = self.place(shard, key, entry, now)?;
        // What has ended is not counted among the least, whether or not it has given way yet.
        let least = shard.groups.get(&key.group).map_or(0, |logs| least(logs, Some(key.id)));
        if least + needed(entry) > bound { Err(Appended::Full) } else { Ok(place) }
    }

    /// What a group may cost: a part of the budget, and one log at least.
    fn bound_of_a_group(&self, limits: LogLimits) -> usize {
        let one_log = limits.bytes.saturating_add(OVERHEAD.saturating_mul(limits.entries.saturating_add(1)));
        (self.budget / GROUP_PART).max(one_log).min(self.budget)
    }

    fn place(&self, shard: &mut Shard, key: LogKey, entry: &LogEntry, now: u64) -> Result<Place, Appended> {
        let begins = entry.place.begins();
        let at = |at| Place { at, gives_way: None };
        let Some(logs) = shard.groups.get_mut(&key.group) else {
            return if begins { Ok(at(0)) } else { Err(Appended::Closed) };
        };
        match (logs.iter().position(|log| log.id == key.id && log.expires > now), begins) {
            (Some(place), false) if logs[place].ended.is_none() => {
                let newest = logs[place].next() - 1;
                let fits = entry.after.is_none_or(|after| after == newest);
                return if fits { Ok(at(place)) } else { Err(Appended::Misplaced(newest)) };
            }
            (Some(_), _) | (None, false) => return Err(Appended::Closed),
            (None, true) => {}
        }
        self.retain(logs, |log| log.expires > now);
        if logs.len() < LOGS_OF_A_GROUP {
            return Ok(at(logs.len()));
        }
        let first = logs.iter().filter_map(|log| log.ended).min().ok_or(Appended::Full)?;
        Ok(Place { at: logs.len(), gives_way: Some(first) })
    }

    pub(super) fn read(&self, key: LogKey, after: u64, max: usize, now: u64) -> Option<LogPage> {
        let shard = lock(self.shard(key.group));
        let log = shard.groups.get(&key.group)?.iter().find(|log| log.id == key.id && log.expires > now)?;
        let skip = usize::try_from(after.saturating_add(1).saturating_sub(log.first)).unwrap_or(usize::MAX);
        let from = log.first + skip.min(log.entries.len()) as u64;
        let entries = (from..).zip(log.entries.iter().skip(skip).take(max).cloned()).collect();
        let about = Bytes::copy_from_slice(&log.about);
        Some(LogPage { entries, first: log.first, last: log.next() - 1, closed: log.ended.is_some(), about })
    }

    pub(super) fn keep(&self, key: LogKey, ttl: Duration, now: u64) -> bool {
        let mut shard = lock(self.shard(key.group));
        let logs = shard.groups.get_mut(&key.group).map(Vec::as_mut_slice).unwrap_or_default();
        let log = logs.iter_mut().find(|log| log.id == key.id && log.expires > now);
        if let Some(log) = log {
            log.expires = now.saturating_add(millis(ttl));
            return true;
        }
        false
    }

    pub(super) fn forget(&self, group: u128) {
        let mut logs = lock(self.shard(group)).groups.remove(&group).unwrap_or_default();
        let ids: Vec<_> = logs.iter().map(|log| log.id).collect();
        self.retain(&mut logs, |_| false);
        ids.into_iter().for_each(|id| self.tell(LogNews::Touched(LogKey { group, id })));
    }

    pub(super) fn watch(&self, watcher: LogWatcher) {
        self.watchers.add(watcher);
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn tell(&self, news: LogNews) {
        self.watchers.tell(news);
    }

    /// Removes what has expired, and then what the groups have that have the most, until there is a good deal more room than
    /// is needed for an entry of this log. If there cannot be as much, nothing gives way.
    fn make_room(&self, key: LogKey, needed: usize, now: u64) {
        if now < self.full_until.load(Ordering::Relaxed) {
            return;
        }
        let budget = self.budget.saturating_sub(needed);
        let (mut groups, mut least_of_all) = (BinaryHeap::new(), 0);
        for shard in self.shards.iter() {
            let mut shard = lock(shard);
            self.sweep_now(&mut shard, now);
            groups.extend(shard.groups.iter().map(|(group, logs)| (cost(logs), *group)));
            let least = |(group, logs): (&u128, &Vec<Log>)| least(logs, (*group == key.group).then_some(key.id));
            least_of_all += shard.groups.iter().map(least).sum::<usize>();
        }
        if least_of_all > budget {
            self.full_until.store(now + SWEEP_MS, Ordering::Relaxed);
            return;
        }
        let enough = budget - budget / 8;
        while self.cost.load(Ordering::Relaxed) > enough {
            let Some((_, group)) = groups.pop() else {
                self.full_until.store(now + SWEEP_MS, Ordering::Relaxed);
                return;
            };
            if let Some(cost) = self.shrink(group) {
                groups.push((cost, group));
            }
        }
    }

    /// Has some of what a group has give way. Answers what it costs then, or `None` if nothing of it could.
    fn shrink(&self, group: u128) -> Option<usize> {
        let mut shard = lock(self.shard(group));
        let logs = shard.groups.get_mut(&group)?;
        let before = cost(logs);
        // By parts, so that a group with many small entries does not take a turn for each.
        while cost(logs) > before - before / 8 && give_way(logs, None) {}
        let after = cost(logs);
        if logs.is_empty() {
            shard.groups.remove(&group);
        }
        self.cost.fetch_sub(before - after, Ordering::Relaxed);
        (after < before).then_some(after)
    }

    /// Removes what has expired in a shard, now and then.
    fn sweep(&self, shard: &mut Shard, now: u64) {
        if now >= shard.swept + SWEEP_MS {
            self.sweep_now(shard, now);
        }
    }

    fn sweep_now(&self, shard: &mut Shard, now: u64) {
        shard.swept = now;
        shard.groups.retain(|_, logs| {
            self.retain(logs, |log| log.expires > now);
            !logs.is_empty()
        });
    }

    fn retain(&self, logs: &mut Vec<Log>, keep: impl Fn(&Log) -> bool) {
        logs.retain(|log| {
            let keep = keep(log);
            if !keep {
                self.cost.fetch_sub(log.cost(), Ordering::Relaxed);
            }
            keep
        });
    }

    fn shard(&self, group: u128) -> &Mutex<Shard> {
        &self.shards[group as usize % SHARDS]
    }
}

fn cost(logs: &[Log]) -> usize {
    logs.iter().map(Log::cost).sum()
}

/// What an entry costs, with its log if it makes it.
fn needed(entry: &LogEntry) -> usize {
    let log = if entry.place.begins() { OVERHEAD + entry.about.len() } else { 0 };
    log + OVERHEAD + entry.value.len()
}

/// What logs cost when all that may give way to log `writing` has.
fn least(logs: &[Log], writing: Option<u128>) -> usize {
    let newest =
        |log: &Log| log.entries.back().filter(|_| Some(log.id) != writing).map_or(0, |newest| OVERHEAD + newest.len());
    logs.iter().filter(|log| log.ended.is_none()).map(|log| OVERHEAD + log.about.len() + newest(log)).sum()
}

/// Drops what is missed the least: the log that ended first, then the oldest entry of the largest that has others. Answers
/// whether there was any. `writing` is spared, but for its oldest entries.
fn give_way(logs: &mut Vec<Log>, writing: Option<u128>) -> bool {
    let ended = logs.iter().enumerate().filter(|(_, log)| Some(log.id) != writing);
    if let Some((_, at)) = ended.filter_map(|(at, log)| Some((log.ended?, at))).min() {
        logs.remove(at);
        return true;
    }
    let largest = logs.iter_mut().filter(|log| log.entries.len() > 1).max_by_key(|log| log.cost());
    largest.map(Log::drop_oldest).is_some()
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("cost", &self.cost).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
