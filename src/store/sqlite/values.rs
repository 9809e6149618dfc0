//! Values: see `memory/values.rs`.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::{OptionalExtension as _, Result, Row};

use super::database::{Done, Work, later, until};
use super::room;
use crate::store::{Cap, Expect, Key, Reserved, Stored};

/// A place of a value: whose it is, when it was touched, and when it expires.
struct Candidate {
    id: u128,
    touched: i64,
}

fn stored(row: &Row<'_>) -> Result<Stored> {
    let value: Vec<u8> = row.get(0)?;
    Ok(Stored { value: value.into(), version: row.get(1)? })
}

pub(super) fn get(work: &Work<'_>, key: Key) -> Result<Option<Stored>> {
    let sql = "SELECT value, version FROM value WHERE kind = ?1 AND id = ?2 AND expires > ?3";
    let mut statement = work.connection.prepare_cached(sql)?;
    statement.query_row((key.kind.as_str(), key.id.to_be_bytes(), work.now), stored).optional()
}

pub(super) fn touch(work: &mut Work<'_>, key: Key, ttl: Duration) -> Result<Done<Option<Stored>>> {
    let sql = "UPDATE value SET touched = ?3, expires = ?4 WHERE kind = ?1 AND id = ?2 AND expires > ?3
        RETURNING value, version";
    let mut statement = work.connection.prepare_cached(sql)?;
    let expires = later(work.now, ttl);
    let found = statement.query_row((key.kind.as_str(), key.id.to_be_bytes(), work.now, expires), stored).optional()?;
    Ok(if found.is_some() { Done::Keep(found) } else { Done::Undo(None) })
}

pub(super) fn put(work: &mut Work<'_>, key: Key, value: &Bytes, ttl: Duration, expect: Expect) -> Result<Done<bool>> {
    let there = place(work, key)?;
    let wanted = match expect {
        Expect::Any => true,
        Expect::Absent => there.is_none(),
        Expect::Version(version) => there.as_ref().is_some_and(|(there, _)| *there == version),
    };
    if !wanted {
        return Ok(Done::Undo(false));
    }
    write(work, key, value, ttl, there.and_then(|(_, group)| group))?;
    Ok(Done::Keep(true))
}

/// The version and the group of a value that is there.
fn place(work: &Work<'_>, key: Key) -> Result<Option<(u64, Option<[u8; 16]>)>> {
    let sql = "SELECT version, member_of FROM value WHERE kind = ?1 AND id = ?2 AND expires > ?3";
    let mut statement = work.connection.prepare_cached(sql)?;
    let place =
        statement.query_row((key.kind.as_str(), key.id.to_be_bytes(), work.now), |row| Ok((row.get(0)?, row.get(1)?)));
    place.optional()
}

fn write(work: &Work<'_>, key: Key, value: &Bytes, ttl: Duration, group: Option<[u8; 16]>) -> Result<()> {
    let sql = "UPDATE store SET versions = versions + 1 RETURNING versions";
    let version: i64 = work.connection.prepare_cached(sql)?.query_row((), |row| row.get(0))?;
    let sql = "INSERT INTO value (kind, id, version, touched, expires, member_of, value)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, touched = excluded.touched,
            expires = excluded.expires, member_of = excluded.member_of, value = excluded.value";
    let mut statement = work.connection.prepare_cached(sql)?;
    let (kind, id) = (key.kind.as_str(), key.id.to_be_bytes());
    statement.execute((kind, id, version, work.now, later(work.now, ttl), group, value.as_ref()))?;
    Ok(())
}

pub(super) fn take(work: &mut Work<'_>, key: Key) -> Result<Done<Option<Stored>>> {
    let taken = get(work, key)?;
    if taken.is_none() {
        return Ok(Done::Undo(None));
    }
    remove(work, key)?;
    Ok(Done::Keep(taken))
}

fn remove(work: &Work<'_>, key: Key) -> Result<()> {
    let sql = "DELETE FROM value WHERE kind = ?1 AND id = ?2";
    work.connection.prepare_cached(sql)?.execute((key.kind.as_str(), key.id.to_be_bytes()))?;
    Ok(())
}

pub(super) fn reserve(work: &mut Work<'_>, key: Key, value: &Bytes, ttl: Duration, cap: Cap) -> Result<Done<Reserved>> {
    if place(work, key)?.is_some() {
        return Ok(Done::Undo(Reserved::There));
    }
    let group = cap.group.map(|group| group.id.to_be_bytes());
    let mut reserved = Reserved::Free;
    // First in the group: who gives way there makes room for all. One is enough also where there are more than there may be,
    // since the cap was a larger one: so they do not become more.
    let bounds = [cap.group.map(|of| (group, of.max)), Some((None, cap.max))];
    for (group, max) in bounds.into_iter().flatten() {
        if count(work, key, group, max)? < max {
            continue;
        }
        match idle(work, key, group, cap.idle)? {
            Ok(id) => {
                remove(work, Key { id, ..key })?;
                reserved = Reserved::Evicted(Key { id, ..key });
                break;
            }
            Err(full) => return Ok(Done::Undo(Reserved::Full(full))),
        }
    }
    write(work, key, value, ttl, group)?;
    Ok(Done::Keep(reserved))
}

/// How many values of a kind there are, in a group or in all: at most `max`.
fn count(work: &Work<'_>, key: Key, group: Option<[u8; 16]>, max: usize) -> Result<usize> {
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let kind = key.kind.as_str();
    let count: i64 = match group {
        Some(group) => {
            let sql = "SELECT COUNT(*) FROM
                (SELECT 1 FROM value WHERE kind = ?1 AND member_of = ?2 AND expires > ?3 LIMIT ?4)";
            work.connection.prepare_cached(sql)?.query_row((kind, group, work.now, max), |row| row.get(0))?
        }
        None => {
            let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM value WHERE kind = ?1 AND expires > ?2 LIMIT ?3)";
            work.connection.prepare_cached(sql)?.query_row((kind, work.now, max), |row| row.get(0))?
        }
    };
    Ok(usize::try_from(count).unwrap_or_default())
}

/// What has been left alone the longest, if for long enough; else how long until something may give way or expires.
fn idle(
    work: &Work<'_>,
    key: Key,
    group: Option<[u8; 16]>,
    idle: Duration,
) -> Result<std::result::Result<u128, Duration>> {
    // Otherwise the search below would look at what has expired again and again.
    room::sweep_values(work, key.kind.as_str(), usize::MAX)?;
    let kind = key.kind.as_str();
    let candidate = |row: &Row<'_>| Ok(Candidate { id: row.get(0).map(u128::from_be_bytes)?, touched: row.get(1)? });
    let (oldest, expiry): (Option<Candidate>, Option<i64>) = match group {
        Some(group) => {
            let sql = "SELECT id, touched FROM value WHERE kind = ?1 AND member_of = ?2 ORDER BY touched LIMIT 1";
            let oldest = work.connection.prepare_cached(sql)?.query_row((kind, group), candidate).optional()?;
            let sql = "SELECT min(expires) FROM value WHERE kind = ?1 AND member_of = ?2";
            (oldest, work.connection.prepare_cached(sql)?.query_row((kind, group), |row| row.get(0))?)
        }
        None => {
            let sql = "SELECT id, touched FROM value WHERE kind = ?1 ORDER BY touched LIMIT 1";
            let oldest = work.connection.prepare_cached(sql)?.query_row([kind], candidate).optional()?;
            let sql = "SELECT min(expires) FROM value WHERE kind = ?1";
            (oldest, work.connection.prepare_cached(sql)?.query_row([kind], |row| row.get(0))?)
        }
    };
    // A cap of none.
    let Some(oldest) = oldest else { return Ok(Err(Duration::from_secs(1))) };
    let idle_at = later(oldest.touched, idle);
    if idle_at <= work.now {
        return Ok(Ok(oldest.id));
    }
    Ok(Err(until(idle_at.min(expiry.unwrap_or(i64::MAX)), work.now)))
}
