//! The values of one kind.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;

use super::{SHARDS, lock, millis};
use crate::store::{Cap, Expect, GroupCap, Key, RandomId, Reserved, Stored, shrink};

/// How long to wait after a search for room that found nothing, or whose find was taken by somebody else.
const AGAIN: Duration = Duration::from_secs(1);

type ById<T> = HashMap<u128, T, BuildHasherDefault<RandomId>>;

/// How often a shard is looked through for what has expired.
const SWEEP_MS: u64 = 1_000;

pub(super) struct Values {
    shards: Box<[Mutex<Shard>; SHARDS]>,
    /// How many there are, expired ones included.
    count: AtomicUsize,
    /// Until when (in ms since the store's origin) a search for room need not be repeated.
    full_until: AtomicU64,
    groups: Mutex<ById<Group>>,
    /// Held while a value is reserved, so that a place that is taken for nothing is never in another one's way.
    reserving: Mutex<()>,
}

#[derive(Default)]
struct Shard {
    entries: ById<Entry>,
    /// When it was looked through (in ms since the store's origin).
    swept: u64,
}

impl Shard {
    fn remove(&mut self, id: u128) -> Option<Entry> {
        let entry = self.entries.remove(&id);
        shrink(&mut self.entries);
        entry
    }
}

pub(super) struct Entry {
    pub(super) value: Bytes,
    pub(super) version: u64,
    /// ms since the store's origin.
    pub(super) touched: u64,
    /// ms since the store's origin.
    pub(super) expires: u64,
    /// 0 for none.
    pub(super) group: u128,
}

/// How many values a group has, and until when a search for room among them need not be repeated.
#[derive(Default)]
struct Group {
    count: usize,
    full_until: u64,
}

/// What a search for room has found.
struct Search {
    /// What has been left alone the longest, and since when.
    oldest: Option<(u128, u64)>,
    /// When the next one expires.
    expiry: u64,
}

impl Values {
    pub(super) fn new() -> Self {
        Self {
            shards: Box::new(std::array::from_fn(|_| Mutex::default())),
            count: AtomicUsize::new(0),
            full_until: AtomicU64::new(0),
            groups: Mutex::default(),
            reserving: Mutex::default(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn get(&self, id: u128, touch: Option<Duration>, now: u64) -> Option<Stored> {
        let mut shard = self.shard(id);
        let entry = shard.entries.get_mut(&id)?;
        if entry.expires <= now {
            let expired = shard.remove(id);
            self.forget_entry(expired.as_ref());
            return None;
        }
        if let Some(ttl) = touch {
            entry.touched = now;
            entry.expires = now.saturating_add(millis(ttl));
            self.room_at(entry.expires, entry.group);
        }
        Some(Stored { value: entry.value.clone(), version: entry.version })
    }

    pub(super) fn put(&self, id: u128, mut entry: Entry, expect: Expect, now: u64) -> bool {
        let mut shard = self.shard(id);
        let there = shard.entries.get(&id).filter(|there| there.expires > now);
        let wanted = match expect {
            Expect::Any => true,
            Expect::Absent => there.is_none(),
            Expect::Version(version) => there.is_some_and(|there| there.version == version),
        };
        if wanted {
            entry.group = there.map_or(0, |there| there.group);
            self.room_at(entry.expires, entry.group);
            match shard.entries.insert(id, entry) {
                None => {
                    self.count.fetch_add(1, Ordering::Relaxed);
                }
                // Its place in the group is taken over, unless it had expired.
                Some(before) if before.expires <= now => self.leave_group(before.group),
                Some(_) => {}
            }
        }
        wanted
    }

    pub(super) fn take(&self, id: u128, now: u64) -> Option<Stored> {
        // The lock is held until its place is free again: who finds nothing there finds room.
        let mut shard = self.shard(id);
        let entry = shard.remove(id)?;
        self.forget_entry(Some(&entry));
        // There is room now, whatever an earlier search found.
        self.full_until.store(0, Ordering::Relaxed);
        (entry.expires > now).then_some(Stored { value: entry.value, version: entry.version })
    }

    pub(super) fn reserve(&self, key: Key, mut entry: Entry, cap: Cap, now: u64) -> Reserved {
        let _reserving = lock(&self.reserving);
        // Before anything gives way to it.
        if self.shard(key.id).entries.get(&key.id).is_some_and(|there| there.expires > now) {
            return Reserved::There;
        }
        let mut evicted = None;
        if let Some(group) = cap.group {
            match self.join_group(group, cap.idle, now) {
                Ok(gave_way) => evicted = gave_way,
                Err(full) => return full,
            }
            entry.group = group.id;
        }
        if evicted.is_some() {
            // What gave way in the group has made room for all.
            self.count.fetch_add(1, Ordering::Relaxed);
        } else if !self.claim(cap.max) {
            match self.make_room(now, cap) {
                Ok(gave_way) => evicted = gave_way,
                Err(full) => {
                    self.leave_group(entry.group);
                    return full;
                }
            }
        }
        let mut shard = self.shard(key.id);
        if now >= shard.swept + SWEEP_MS {
            self.sweep(&mut shard, now);
        }
        if shard.entries.get(&key.id).is_some_and(|there| there.expires > now) {
            // It was put there meanwhile: the place that was taken for it is free again.
            self.forget_entry(Some(&entry));
            return Reserved::There;
        }
        let expired = shard.entries.insert(key.id, entry);
        self.forget_entry(expired.as_ref());
        evicted.map_or(Reserved::Free, |id| Reserved::Evicted(Key { id, ..key }))
    }

    /// There will be room at this time, which may be earlier than a search has found.
    fn room_at(&self, expires: u64, group: u128) {
        if expires < self.full_until.load(Ordering::Relaxed) {
            self.full_until.fetch_min(expires, Ordering::Relaxed);
        }
        if group != 0
            && let Some(group) = lock(&self.groups).get_mut(&group)
        {
            group.full_until = group.full_until.min(expires);
        }
    }

    /// Takes one place of at most `max`.
    fn claim(&self, max: usize) -> bool {
        let claim = |count| (count < max).then_some(count + 1);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim).is_ok()
    }

    /// Takes one place of all. Answers which value gave way to that, if one did.
    ///
    /// One is enough where there are more than there may be, since the cap was a larger one: so they do not become more.
    fn make_room(&self, now: u64, cap: Cap) -> Result<Option<u128>, Reserved> {
        let full_until = self.full_until.load(Ordering::Relaxed);
        if now < full_until {
            return Err(Reserved::Full(Duration::from_millis(full_until - now)));
        }
        let found = self.search(now, |_| true);
        if self.claim(cap.max) {
            return Ok(None);
        }
        match self.evict(&found, cap.idle, now) {
            Ok(id) => {
                self.count.fetch_add(1, Ordering::Relaxed);
                Ok(Some(id))
            }
            Err(free_at) => {
                self.full_until.store(free_at, Ordering::Relaxed);
                Err(Reserved::Full(Duration::from_millis(free_at - now)))
            }
        }
    }

    /// Takes a place in a group. Answers which value gave way to that, if one did.
    fn join_group(&self, cap: GroupCap, idle: Duration, now: u64) -> Result<Option<u128>, Reserved> {
        match self.claim_in_group(cap) {
            Ok(()) => return Ok(None),
            Err(full_until) if now < full_until => {
                return Err(Reserved::Full(Duration::from_millis(full_until - now)));
            }
            Err(_) => {}
        }
        let found = self.search(now, |group| group == cap.id);
        if self.claim_in_group(cap).is_ok() {
            return Ok(None);
        }
        match self.evict(&found, idle, now) {
            Ok(id) => {
                lock(&self.groups).entry(cap.id).or_default().count += 1;
                Ok(Some(id))
            }
            Err(free_at) => {
                if let Some(group) = lock(&self.groups).get_mut(&cap.id) {
                    group.full_until = free_at;
                }
                Err(Reserved::Full(Duration::from_millis(free_at - now)))
            }
        }
    }

    /// # Errors
    ///
    /// Until when the group is full, as far as is known.
    fn claim_in_group(&self, cap: GroupCap) -> Result<(), u64> {
        let mut groups = lock(&self.groups);
        let group = groups.entry(cap.id).or_default();
        if group.count >= cap.max {
            return Err(group.full_until);
        }
        group.count += 1;
        Ok(())
    }

    fn leave_group(&self, group: u128) {
        if group == 0 {
            return;
        }
        if let Place::Occupied(mut place) = lock(&self.groups).entry(group) {
            let group = place.get_mut();
            group.count = group.count.saturating_sub(1);
            group.full_until = 0;
            if group.count == 0 {
                place.remove();
            }
        }
    }

    /// Removes what has expired, and searches the rest.
    fn search(&self, now: u64, of: impl Fn(u128) -> bool) -> Search {
        let mut found = Search { oldest: None, expiry: u64::MAX };
        for shard in self.shards.iter() {
            let mut shard = lock(shard);
            self.sweep(&mut shard, now);
            for (id, entry) in shard.entries.iter().filter(|(_, entry)| of(entry.group)) {
                found.expiry = found.expiry.min(entry.expires);
                if found.oldest.is_none_or(|(_, touched)| entry.touched < touched) {
                    found.oldest = Some((*id, entry.touched));
                }
            }
        }
        found
    }

    /// Removes what has expired in a shard.
    fn sweep(&self, shard: &mut Shard, now: u64) {
        shard.swept = now;
        for (_, expired) in shard.entries.extract_if(|_, entry| entry.expires <= now) {
            self.forget_entry(Some(&expired));
        }
        shrink(&mut shard.entries);
    }

    /// Removes what was found, if it has been idle for long enough and nobody touched it since.
    ///
    /// # Errors
    ///
    /// When it may give way.
    fn evict(&self, found: &Search, idle: Duration, now: u64) -> Result<u128, u64> {
        let again = now.saturating_add(millis(AGAIN));
        let Some((id, touched)) = found.oldest else { return Err(again) };
        let idle_at = touched.saturating_add(millis(idle));
        if idle_at > now {
            return Err(idle_at.min(found.expiry));
        }
        let mut shard = self.shard(id);
        if shard.entries.get(&id).is_none_or(|entry| entry.touched != touched) {
            return Err(again);
        }
        self.forget_entry(shard.remove(id).as_ref());
        Ok(id)
    }

    /// Counts an entry out that is no longer there.
    fn forget_entry(&self, entry: Option<&Entry>) {
        if let Some(entry) = entry {
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.leave_group(entry.group);
        }
    }

    fn shard(&self, id: u128) -> MutexGuard<'_, Shard> {
        lock(&self.shards[id as usize % SHARDS])
    }
}
