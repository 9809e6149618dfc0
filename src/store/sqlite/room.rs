//! Room: what logs cost, and what gives way. See `memory/logs.rs`, whose rules these are.

use std::collections::BinaryHeap;

use rusqlite::{Result, Row};

use super::database::Work;
use crate::store::{Kind, LogLimits};

/// The most logs of a group: so many streams of one client can be resumed.
pub(super) const LOGS_OF_A_GROUP: usize = 64;

/// Which part of the budget a group may take, so that one client does not push out what others have.
const GROUP_PART: usize = 8;

/// What an entry costs beside its bytes, and a log beside its entries, about.
pub(super) const OVERHEAD: usize = 64;

/// How long a search for room that found none is trusted, in ms.
const FULL_MS: i64 = 1_000;

/// How much gives way at a time where all logs cost too much: enough that this is rare, and not so much that others wait.
const AT_A_TIME: usize = 256 << 10;

/// How much that has expired is removed at a time, of values and of logs.
const SWEPT: usize = 32;

/// What is known of a log, but for its entries and what it is about.
pub(super) struct Log {
    pub(super) log: i64,
    pub(super) id: u128,
    pub(super) first: u64,
    pub(super) next: u64,
    pub(super) bytes: usize,
    /// The bytes of the newest entry.
    pub(super) newest: usize,
    pub(super) ended: Option<i64>,
    pub(super) expires: i64,
    /// The bytes that are known about it.
    pub(super) about: usize,
    /// Whether the file has to be told.
    pub(super) changed: bool,
}

impl Log {
    fn of(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            log: row.get(0)?,
            id: row.get(1).map(u128::from_be_bytes)?,
            first: row.get(2)?,
            next: row.get(3)?,
            bytes: row.get(4)?,
            newest: row.get(5)?,
            ended: row.get(6)?,
            expires: row.get(7)?,
            about: row.get(8)?,
            changed: false,
        })
    }

    pub(super) fn entries(&self) -> usize {
        usize::try_from(self.next - self.first).unwrap_or(usize::MAX)
    }

    pub(super) fn cost(&self) -> usize {
        self.bytes + self.about + OVERHEAD * (self.entries() + 1)
    }

    /// Drops the oldest entries but for the newest, until `enough` has been saved.
    pub(super) fn drop_oldest(&mut self, work: &Work<'_>, enough: impl Fn(&Self) -> bool) -> Result<()> {
        if self.entries() <= 1 || enough(self) {
            return Ok(());
        }
        let sql = "SELECT length(value) FROM entry WHERE log = ?1 AND number >= ?2 ORDER BY number";
        let mut statement = work.connection.prepare_cached(sql)?;
        let mut sizes = statement.query((self.log, self.first))?;
        while self.entries() > 1 && !enough(self) {
            // One that is not there saves nothing.
            let bytes: usize = sizes.next()?.map_or(Ok(0), |row| row.get(0))?;
            self.first += 1;
            self.bytes = self.bytes.saturating_sub(bytes);
        }
        self.changed = true;
        let sql = "DELETE FROM entry WHERE log = ?1 AND number < ?2";
        work.connection.prepare_cached(sql)?.execute((self.log, self.first))?;
        Ok(())
    }

    /// Writes down what has changed, but for the entries.
    pub(super) fn write(&self, work: &Work<'_>) -> Result<()> {
        let sql =
            "UPDATE log SET first = ?2, next = ?3, bytes = ?4, newest = ?5, ended = ?6, expires = ?7 WHERE log = ?1";
        let mut statement = work.connection.prepare_cached(sql)?;
        statement.execute((self.log, self.first, self.next, self.bytes, self.newest, self.ended, self.expires))?;
        Ok(())
    }
}

/// The logs of a group.
pub(super) fn group(work: &Work<'_>, group: u128) -> Result<Vec<Log>> {
    let sql = "SELECT log, id, first, next, bytes, newest, ended, expires, length(about) FROM log WHERE member_of = ?1";
    let mut statement = work.connection.prepare_cached(sql)?;
    statement.query_map([group.to_be_bytes()], Log::of)?.collect()
}

pub(super) fn cost(logs: &[Log]) -> usize {
    logs.iter().map(Log::cost).sum()
}

/// What all logs cost.
pub(super) fn total(work: &Work<'_>) -> Result<usize> {
    work.connection.prepare_cached("SELECT cost FROM store")?.query_row((), |row| row.get(0))
}

/// Counts that logs cost `after` where they did `before`.
pub(super) fn count(work: &Work<'_>, before: usize, after: usize) -> Result<()> {
    let signed = |cost| i64::try_from(cost).unwrap_or(i64::MAX);
    let more = signed(after) - signed(before);
    if more != 0 {
        work.connection.prepare_cached("UPDATE store SET cost = max(cost + ?1, 0)")?.execute([more])?;
    }
    Ok(())
}

/// Removes a log, which is counted by who calls.
pub(super) fn remove(work: &Work<'_>, log: i64) -> Result<()> {
    work.connection.prepare_cached("DELETE FROM entry WHERE log = ?1")?.execute([log])?;
    work.connection.prepare_cached("DELETE FROM log WHERE log = ?1")?.execute([log])?;
    Ok(())
}

/// Removes a log, and counts that.
pub(super) fn remove_counted(work: &Work<'_>, log: &Log) -> Result<()> {
    remove(work, log.log)?;
    count(work, log.cost(), 0)
}

/// What a group may cost: a part of the budget, and one log at least.
pub(super) fn bound_of_a_group(budget: usize, limits: LogLimits) -> usize {
    let one_log = limits.bytes.saturating_add(OVERHEAD.saturating_mul(limits.entries.saturating_add(1)));
    (budget / GROUP_PART).max(one_log).min(budget)
}

/// What logs cost when all that may give way to log `writing` has.
pub(super) fn least(logs: &[Log], writing: u128) -> usize {
    let newest = |log: &Log| if log.id == writing || log.entries() == 0 { 0 } else { OVERHEAD + log.newest };
    logs.iter().filter(|log| log.ended.is_none()).map(|log| OVERHEAD + log.about + newest(log)).sum()
}

/// Has logs give way until they cost no more than `bound`: those that ended, the first of them first, then the oldest
/// entries of the largest. `writing` is spared, but for its oldest entries.
pub(super) fn shrink(work: &Work<'_>, logs: &mut Vec<Log>, bound: usize, writing: Option<u128>) -> Result<()> {
    loop {
        let cost = cost(logs);
        if cost <= bound {
            return Ok(());
        }
        let ended = logs.iter().enumerate().filter(|(_, log)| Some(log.id) != writing);
        if let Some((_, at)) = ended.filter_map(|(at, log)| Some((log.ended?, at))).min() {
            remove(work, logs.swap_remove(at).log)?;
            continue;
        }
        let mut sizes: Vec<_> = logs.iter_mut().filter(|log| log.entries() > 1).collect();
        sizes.sort_unstable_by_key(|log| std::cmp::Reverse(log.cost()));
        // Down to the next one's size, so that it is not looked for again for each entry.
        let next = sizes.get(1).map_or(0, |log| log.cost());
        let Some(largest) = sizes.into_iter().next() else { return Ok(()) };
        let before = largest.cost();
        let enough = |log: &Log| log.cost() < before && (log.cost() < next || cost - (before - log.cost()) <= bound);
        largest.drop_oldest(work, enough)?;
    }
}

/// Removes what has expired, and then what the groups have that have the most, until all logs cost a good deal less than
/// `budget`.
pub(super) fn make_room(work: &mut Work<'_>, budget: usize) -> Result<()> {
    // Not if the clock was set back meanwhile.
    if (1..=FULL_MS).contains(&(*work.full_until - work.now)) {
        return Ok(());
    }
    sweep_logs(work, usize::MAX)?;
    let sql = "SELECT sum(bytes + length(about) + ?1 * (next - first + 1)), member_of FROM log GROUP BY member_of";
    let mut statement = work.connection.prepare_cached(sql)?;
    let groups =
        statement.query_map([OVERHEAD], |row| Ok((row.get::<_, usize>(0)?, row.get(1).map(u128::from_be_bytes)?)))?;
    let mut groups: BinaryHeap<_> = groups.collect::<Result<_>>()?;
    let enough = budget - (budget / 8).min(AT_A_TIME);
    let mut all = total(work)?;
    let before_all = all;
    while all > enough {
        let Some((before, id)) = groups.pop() else {
            *work.full_until = work.now + FULL_MS;
            break;
        };
        let mut logs = group(work, id)?;
        // By parts, so that a group with many small entries does not take a turn for each.
        shrink(work, &mut logs, before - before / 8, None)?;
        logs.iter().filter(|log| log.changed).try_for_each(|log| log.write(work))?;
        let after = cost(&logs);
        all = all.saturating_sub(before.saturating_sub(after));
        if after < before && after > 0 {
            groups.push((after, id));
        }
    }
    count(work, before_all, all)
}

/// Removes some of what has expired. Answers whether that was all.
pub(super) fn sweep(work: &mut Work<'_>) -> Result<bool> {
    let mut all = sweep_logs(work, SWEPT)?;
    for kind in Kind::ALL {
        all &= sweep_values(work, kind.as_str(), SWEPT)?;
    }
    Ok(all)
}

/// Removes values of a kind that have expired. Answers whether that was all of them.
pub(super) fn sweep_values(work: &Work<'_>, kind: &str, most: usize) -> Result<bool> {
    let sql = "DELETE FROM value WHERE rowid IN
        (SELECT rowid FROM value WHERE kind = ?1 AND expires <= ?2 LIMIT ?3)";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let swept = work.connection.prepare_cached(sql)?.execute((kind, work.now, most))?;
    Ok(i64::try_from(swept).is_ok_and(|swept| swept < most))
}

fn sweep_logs(work: &Work<'_>, most: usize) -> Result<bool> {
    let sql = "SELECT log, id, first, next, bytes, newest, ended, expires, length(about) FROM log
        WHERE expires <= ?1 LIMIT ?2";
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement = work.connection.prepare_cached(sql)?;
    let logs: Vec<_> = statement.query_map((work.now, limit), Log::of)?.collect::<Result<_>>()?;
    logs.iter().try_for_each(|log| remove(work, log.log))?;
    count(work, cost(&logs), 0)?;
    Ok(logs.len() < most)
}
