//! News, for the watchers of this process and of others.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};

use super::database::{epoch, random, wall_clock};
use crate::store::log::Watchers;
use crate::store::{LogKey, LogNews};

/// How many rows of news are kept: what comes in a second or more, and is looked at ten times in it.
const KEPT: i64 = 10_000;

/// By how much a watcher is told of more than it wants, in ms: it does not begin in between.
const MARGIN: i64 = 1_000;

pub(super) struct News {
    watchers: Arc<Watchers>,
    /// Which news is this handle's own.
    publisher: i64,
    /// Whether what others do is looked at.
    watching: bool,
    /// The number of what was looked at last; `None` if it could not be found.
    position: Option<i64>,
    /// What SQLite calls the state of the file: another number when somebody else has written.
    state: Option<i64>,
    /// Of the file, as far as the watchers know.
    epoch: i64,
    failing: bool,
}

impl News {
    pub(super) fn new(watchers: Arc<Watchers>, epoch: i64) -> Self {
        Self { watchers, publisher: random(), watching: false, position: None, state: None, epoch, failing: false }
    }

    /// Whether what others do is looked at.
    pub(super) fn is_watching(&self) -> bool {
        self.watching
    }

    /// Writes down for others what is about to be done.
    pub(super) fn publish(&self, connection: &Connection, news: &[LogNews]) -> rusqlite::Result<()> {
        for news in news {
            let (log, word) = match *news {
                LogNews::Touched(log) => (log, None),
                LogNews::Told(log, word) => (log, Some(word.cast_signed())),
                LogNews::Missed => continue,
            };
            connection
                .prepare_cached("INSERT INTO news (publisher, at, member_of, id, word) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute((self.publisher, wall_clock(), log.group.to_be_bytes(), log.id.to_be_bytes(), word))?;
            let number = connection.last_insert_rowid();
            connection.prepare_cached("DELETE FROM news WHERE number <= ?1")?.execute([number - KEPT])?;
        }
        Ok(())
    }

    /// Tells the watchers of this process.
    pub(super) fn tell(&self, news: &[LogNews]) {
        news.iter().for_each(|news| self.watchers.tell(*news));
    }

    /// Begins with what was written after `since`, by the wall clock, unless somebody watches already.
    pub(super) fn watch(&mut self, connection: &Connection, since: i64) {
        if !self.watching {
            let before = "SELECT coalesce(max(number), 0) FROM news WHERE at < ?1";
            self.position = connection.query_row(before, [since - MARGIN], |row| row.get(0)).ok();
            self.state = None;
            self.watching = true;
        }
    }

    /// Tells what other processes have done since it was looked at last.
    pub(super) fn look(&mut self, connection: &Connection, path: &Path) {
        // Who watches next begins anew.
        self.watching &= !self.watchers.is_empty();
        if !self.watching {
            return;
        }
        match self.try_look(connection) {
            Ok(found) => {
                self.failing = false;
                self.tell(&found);
            }
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::warn!(path = %path.display(), %error, "the news of other processes cannot be read");
            }
            Err(_) => {}
        }
    }

    fn try_look(&mut self, connection: &Connection) -> rusqlite::Result<Vec<LogNews>> {
        let state = connection.prepare_cached("PRAGMA data_version")?.query_row((), |row| row.get(0))?;
        if self.state == Some(state) && self.position.is_some() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        let epoch = epoch(connection)?;
        if epoch != self.epoch {
            found.push(LogNews::Missed);
        }
        let mut newest = self.position;
        let position = self.position.unwrap_or(i64::MAX);
        {
            let rows = "SELECT number, publisher, member_of, id, word FROM news WHERE number > ?1 ORDER BY number";
            let mut rows = connection.prepare_cached(rows)?;
            let mut rows = rows.query([position])?;
            while let Some(row) = rows.next()? {
                let number: i64 = row.get(0)?;
                if newest.is_some_and(|newest| number != newest + 1) {
                    found.push(LogNews::Missed);
                }
                newest = Some(number);
                if row.get::<_, i64>(1)? != self.publisher {
                    let id = |index| row.get(index).map(u128::from_be_bytes);
                    let log = LogKey { group: id(2)?, id: id(3)? };
                    let word: Option<i64> = row.get(4)?;
                    found.push(word.map_or(LogNews::Touched(log), |word| LogNews::Told(log, word.cast_unsigned())));
                }
            }
        }
        if newest.is_none() {
            found.push(LogNews::Missed);
            newest = connection.query_row("SELECT max(number) FROM news", (), |row| row.get(0)).optional()?.flatten();
        }
        (self.position, self.state, self.epoch) = (newest.or(Some(0)), Some(state), epoch);
        Ok(found)
    }
}
