//! Logs: see `memory/logs.rs`.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::{OptionalExtension as _, Result};

use super::database::{Done, Work, later};
use super::room::{self, LOGS_OF_A_GROUP, Log, OVERHEAD};
use crate::store::{Appended, LogEntry, LogKey, LogLimits, LogNews, LogPage};

pub(super) fn append(work: &mut Work<'_>, key: LogKey, entry: &LogEntry, limits: LogLimits) -> Result<Done<Appended>> {
    let bound = room::bound_of_a_group(work.budget, limits);
    let about = if entry.place.begins() { entry.about.as_ref() } else { &[] };
    let needed = OVERHEAD * (1 + usize::from(entry.place.begins())) + about.len() + entry.value.len();
    if needed > bound {
        return Ok(Done::Undo(Appended::Full));
    }
    let mut logs = room::group(work, key.group)?;
    let mut place = place(work, &mut logs, key, entry)?;
    if place.is_ok() && room::total(work)? + needed > work.budget && room::least(&logs, key.id) + needed <= bound {
        room::make_room(work, work.budget.saturating_sub(needed))?;
        // Of these some may have given way.
        logs = room::group(work, key.group)?;
        place = self::place(work, &mut logs, key, entry)?;
    }
    let place = match place {
        Ok(place) => place,
        Err(refused) => return Ok(Done::Undo(refused)),
    };
    // What others hold of the budget is not this group's to take.
    let before = room::cost(&logs);
    let others = room::total(work)?.saturating_sub(before);
    let bound = bound.min(work.budget.saturating_sub(others));
    if room::least(&logs, key.id) + needed > bound {
        return Ok(Done::Undo(Appended::Full));
    }
    let place = match place {
        Some(place) => place,
        None => {
            logs.push(begin(work, key, about)?);
            logs.len() - 1
        }
    };
    let number = push(work, &mut logs[place], entry, limits)?;
    room::shrink(work, &mut logs, bound, Some(key.id))?;
    logs.iter().filter(|log| log.changed).try_for_each(|log| log.write(work))?;
    room::count(work, before, room::cost(&logs))?;
    work.news.push(LogNews::Touched(key));
    Ok(Done::Keep(Appended::Seq(number)))
}

/// Where the log is among those of its group; `None` for one that comes to be.
fn place(
    work: &Work<'_>,
    logs: &mut Vec<Log>,
    key: LogKey,
    entry: &LogEntry,
) -> Result<std::result::Result<Option<usize>, Appended>> {
    let log = logs.iter().position(|log| log.id == key.id && log.expires > work.now);
    Ok(match (log, entry.place.begins()) {
        (Some(place), false) if logs[place].ended.is_none() => {
            let newest = logs[place].next - 1;
            let fits = entry.after.is_none_or(|after| after == newest);
            if fits { Ok(Some(place)) } else { Err(Appended::Misplaced(newest)) }
        }
        (Some(_), _) | (None, false) => Err(Appended::Closed),
        (None, true) => {
            for expired in logs.extract_if(.., |log| log.expires <= work.now) {
                room::remove_counted(work, &expired)?;
            }
            if logs.len() < LOGS_OF_A_GROUP {
                return Ok(Ok(None));
            }
            let ended = logs.iter().enumerate().filter_map(|(at, log)| Some((log.ended?, at))).min();
            let Some((_, at)) = ended else { return Ok(Err(Appended::Full)) };
            room::remove_counted(work, &logs.swap_remove(at))?;
            Ok(None)
        }
    })
}

fn begin(work: &Work<'_>, key: LogKey, about: &[u8]) -> Result<Log> {
    let sql = "INSERT INTO log (member_of, id, first, next, bytes, newest, expires, about)
        VALUES (?1, ?2, 1, 1, 0, 0, 0, ?3)";
    work.connection.prepare_cached(sql)?.execute((key.group.to_be_bytes(), key.id.to_be_bytes(), about))?;
    let log = work.connection.last_insert_rowid();
    let (id, about) = (key.id, about.len());
    Ok(Log { log, id, first: 1, next: 1, bytes: 0, newest: 0, ended: None, expires: 0, about, changed: true })
}

/// Appends to a log that has room. Answers the number.
fn push(work: &mut Work<'_>, log: &mut Log, entry: &LogEntry, limits: LogLimits) -> Result<u64> {
    let number = log.next;
    let sql = "INSERT INTO entry (log, number, value) VALUES (?1, ?2, ?3)";
    work.connection.prepare_cached(sql)?.execute((log.log, number, entry.value.as_ref()))?;
    log.next += 1;
    log.newest = entry.value.len();
    log.bytes += log.newest;
    log.expires = later(work.now, limits.ttl);
    log.changed = true;
    log.drop_oldest(work, |log| log.entries() <= limits.entries && log.bytes <= limits.bytes)?;
    if entry.place.ends() {
        let sql = "UPDATE store SET ends = ends + 1 RETURNING ends";
        log.ended = work.connection.prepare_cached(sql)?.query_row((), |row| row.get(0))?;
        *work.full_until = 0;
    }
    Ok(number)
}

pub(super) fn read(work: &Work<'_>, key: LogKey, after: u64, max: usize) -> Result<Option<LogPage>> {
    let sql = "SELECT log, first, next, ended IS NOT NULL, about FROM log
        WHERE member_of = ?1 AND id = ?2 AND expires > ?3";
    let mut statement = work.connection.prepare_cached(sql)?;
    let name = (key.group.to_be_bytes(), key.id.to_be_bytes(), work.now);
    let found = statement.query_row(name, |row| {
        let (log, next, about): (i64, u64, Vec<u8>) = (row.get(0)?, row.get(2)?, row.get(4)?);
        Ok((log, LogPage::new(Vec::new(), row.get(1)?, next - 1, row.get(3)?).about(about.into())))
    });
    let Some((log, mut page)) = found.optional()? else { return Ok(None) };
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let sql = "SELECT number, value FROM entry WHERE log = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
    let mut statement = work.connection.prepare_cached(sql)?;
    let entries = statement.query_map((log, after, max), |row| {
        let value: Vec<u8> = row.get(1)?;
        Ok((row.get(0)?, Bytes::from(value)))
    })?;
    page.entries = entries.collect::<Result<_>>()?;
    Ok(Some(page))
}

pub(super) fn keep(work: &mut Work<'_>, key: LogKey, ttl: Duration) -> Result<Done<bool>> {
    let sql = "UPDATE log SET expires = ?4 WHERE member_of = ?1 AND id = ?2 AND expires > ?3";
    let mut statement = work.connection.prepare_cached(sql)?;
    let expires = later(work.now, ttl);
    let kept = statement.execute((key.group.to_be_bytes(), key.id.to_be_bytes(), work.now, expires))? > 0;
    Ok(if kept { Done::Keep(true) } else { Done::Undo(false) })
}

pub(super) fn forget(work: &mut Work<'_>, group: u128) -> Result<Done<()>> {
    let logs = room::group(work, group)?;
    for log in &logs {
        room::remove(work, log.log)?;
        work.news.push(LogNews::Touched(LogKey { group, id: log.id }));
    }
    room::count(work, room::cost(&logs), 0)?;
    *work.full_until = 0;
    Ok(Done::Keep(()))
}
