//! The logs of the store in memory.
//!
//! Each bound has its own way to be kept: a log drops its oldest entries; a group its log that ended first, then the oldest
//! entries of its largest; and all logs together what the largest groups have, a part of it at a time, so that the search
//! for them is rare. The newest entry of a log that has not ended is never dropped: what there is no room for is refused.

mod entries;
mod group;

use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::hash::BuildHasherDefault;
use std::slice;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use uuid::Uuid;

use self::group::Group;
use super::{SHARDS, lock};
use crate::store::log::Watchers;
use crate::store::{Appended, LogEntry, LogKey, LogLimits, LogNews, LogPage, LogWatcher, RandomId, shrink};

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
    /// Until when (in ms) nothing is looked for that gives way to others.
    full_until: AtomicU64,
    epoch: u64,
    watchers: Watchers,
}

#[derive(Default)]
struct Shard {
    groups: HashMap<u128, Group, BuildHasherDefault<RandomId>>,
    swept: u64,
}

/// Where a log is among those of its group, or that it is a new one, and which one that has ended gives way to it.
enum Place {
    At(usize),
    New { gives_way: Option<usize> },
}

impl Logs {
    pub(super) fn new(budget: usize) -> Self {
        Self {
            shards: Box::new(std::array::from_fn(|_| Mutex::default())),
            budget,
            cost: AtomicUsize::new(0),
            full_until: AtomicU64::new(0),
            epoch: Uuid::new_v4().as_u64_pair().1,
            watchers: Watchers::default(),
        }
    }

    pub(super) fn append(&self, key: LogKey, entry: &LogEntry, limits: LogLimits, now: u64) -> Appended {
        self.append_all(key, slice::from_ref(entry), limits, now)
    }

    /// Appends entries in a row, until one is refused. Answers what became of the last that was tried.
    pub(super) fn append_all(&self, key: LogKey, entries: &[LogEntry], limits: LogLimits, now: u64) -> Appended {
        let (mut appended, mut any) = (Appended::Closed, false);
        for entry in entries {
            appended = self.append_quietly(key, entry, limits, now);
            if !matches!(appended, Appended::Seq(_)) {
                break;
            }
            any = true;
        }
        if any {
            self.tell(LogNews::Touched(key));
        }
        appended
    }

    fn append_quietly(&self, key: LogKey, entry: &LogEntry, limits: LogLimits, now: u64) -> Appended {
        let (needed, bound) = (needed(entry), self.bound_of_a_group(limits));
        if needed > bound {
            return Appended::Full;
        }
        if self.cost.load(Ordering::Relaxed) + needed > self.budget {
            // Nothing gives way to what is refused.
            let fits = match lock(self.shard(key.group)).groups.get_mut(&key.group) {
                Some(group) => self.fit(group, key, entry, bound, now),
                None => self.fit(&mut Group::default(), key, entry, bound, now),
            };
            if let Err(refused) = fits {
                return refused;
            }
            self.make_room(key, needed, now);
        }
        self.append_within(key, entry, limits, now).map_or_else(|refused| refused, Appended::Seq)
    }

    fn append_within(&self, key: LogKey, entry: &LogEntry, limits: LogLimits, now: u64) -> Result<u64, Appended> {
        let mut shard = lock(self.shard(key.group));
        self.sweep(&mut shard, now);
        let group = shard.groups.entry(key.group).or_default();
        let others = self.cost.load(Ordering::Relaxed).saturating_sub(group.cost());
        // What others hold of the budget is not this group's to take.
        let bound = self.bound_of_a_group(limits).min(self.budget.saturating_sub(others));
        let place = match self.fit(group, key, entry, bound, now) {
            Ok(place) => place,
            Err(refused) => {
                if group.is_empty() {
                    shard.groups.remove(&key.group);
                }
                return Err(refused);
            }
        };
        let before = group.cost();
        let at = match place {
            Place::At(at) => at,
            Place::New { gives_way } => {
                let room = gives_way.map(|ended| group.remove(ended)).unwrap_or_default();
                group.make(key.id, &entry.about, room)
            }
        };
        let seq = group.push(at, &entry.value, limits, now);
        while group.cost() > bound && group.give_way(Some(key.id)) {}
        let after = group.cost();
        if entry.place.ends() {
            group.end(key.id, now);
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
    fn fit(&self, group: &mut Group, key: LogKey, entry: &LogEntry, bound: usize, now: u64) -> Result<Place, Appended> {
        let place = self.place(group, key, entry, now)?;
        // What has ended is not counted among the least, whether or not it has given way yet.
        let fits = |cost: usize| cost + needed(entry) <= bound;
        if fits(group.cost()) || fits(group.least(Some(key.id))) { Ok(place) } else { Err(Appended::Full) }
    }

    /// What a group may cost: a part of the budget, and one log at least.
    fn bound_of_a_group(&self, limits: LogLimits) -> usize {
        let one_log = limits.bytes.saturating_add(OVERHEAD.saturating_mul(limits.entries.saturating_add(1)));
        (self.budget / GROUP_PART).max(one_log).min(self.budget)
    }

    fn place(&self, group: &mut Group, key: LogKey, entry: &LogEntry, now: u64) -> Result<Place, Appended> {
        match (group.position(key.id, now), entry.place.begins()) {
            (Some(at), false) if !group.has_ended(at) => {
                let newest = group.newest(at);
                let fits = entry.after.is_none_or(|after| after == newest);
                return if fits { Ok(Place::At(at)) } else { Err(Appended::Misplaced(newest)) };
            }
            (Some(_), _) | (None, false) => return Err(Appended::Closed),
            (None, true) => {}
        }
        self.cost.fetch_sub(group.expire(now), Ordering::Relaxed);
        if group.len() < LOGS_OF_A_GROUP {
            return Ok(Place::New { gives_way: None });
        }
        let ended = group.first_ended().ok_or(Appended::Full)?;
        Ok(Place::New { gives_way: Some(ended) })
    }

    pub(super) fn read(&self, key: LogKey, after: u64, max: usize, now: u64) -> Option<LogPage> {
        lock(self.shard(key.group)).groups.get(&key.group)?.read(key.id, after, max, now)
    }

    pub(super) fn keep(&self, key: LogKey, ttl: Duration, now: u64) -> bool {
        let mut shard = lock(self.shard(key.group));
        shard.groups.get_mut(&key.group).is_some_and(|group| group.keep(key.id, ttl, now))
    }

    pub(super) fn forget(&self, group: u128) {
        let mut shard = lock(self.shard(group));
        let logs = shard.groups.remove(&group).unwrap_or_default();
        shrink(&mut shard.groups);
        drop(shard);
        self.cost.fetch_sub(logs.cost(), Ordering::Relaxed);
        logs.ids().iter().for_each(|id| self.tell(LogNews::Touched(LogKey { group, id: *id })));
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
            groups.extend(shard.groups.iter().map(|(group, logs)| (logs.cost(), *group)));
            let least = |(group, logs): (&u128, &Group)| logs.least((*group == key.group).then_some(key.id));
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
            if let Some(cost) = self.press(group) {
                groups.push((cost, group));
            }
        }
    }

    /// Has some of what a group has give way. Answers what it costs then, or `None` if nothing of it could.
    fn press(&self, group: u128) -> Option<usize> {
        let mut shard = lock(self.shard(group));
        let logs = shard.groups.get_mut(&group)?;
        let before = logs.cost();
        // By parts, so that a group with many small entries does not take a turn for each.
        while logs.cost() > before - before / 8 && logs.give_way(None) {}
        let after = logs.cost();
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
            self.cost.fetch_sub(logs.expire(now), Ordering::Relaxed);
            !logs.is_empty()
        });
        shrink(&mut shard.groups);
    }

    fn shard(&self, group: u128) -> &Mutex<Shard> {
        &self.shards[group as usize % SHARDS]
    }
}

/// What an entry costs, with its log if it makes it.
fn needed(entry: &LogEntry) -> usize {
    let log = if entry.place.begins() { OVERHEAD + entry.about.len() } else { 0 };
    log + OVERHEAD + entry.value.len()
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("cost", &self.cost).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
