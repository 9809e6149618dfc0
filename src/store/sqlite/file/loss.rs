//! What the machine may have lost when it went down, which is found out when it is up again.
//!
//! Who closes the file last leaves nothing unfinished beside it. Where something is, and the machine has been started since
//! it was written, what was written last may be lost, and with it numbers that clients know. While somebody has the file
//! open, that is not so: whoever opened it first has looked already.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};
use tokio::time::Instant;
use uuid::Uuid;

use super::{BoxError, LOCKED, connect, is_locked, is_unfinished, known};
use crate::store::sqlite::database::random;

/// After how long it is believed that somebody else has the file open: more than it takes several to start at once.
const OTHERS: Duration = Duration::from_secs(1);

/// The longest pause in between, in ms.
const PAUSE_MS: u64 = 30;

/// Looks at what was left unfinished, and has the epoch be another one if something may be lost.
pub(super) fn look_for(path: &Path, boot: &str) -> Result<(), BoxError> {
    let began = Instant::now();
    while may_be(path, boot)? && !alone(path, boot)? && began.elapsed() < OTHERS {
        // Several that look at once are in each other's way: each waits for a time of its own.
        thread::sleep(Duration::from_millis(1 + Uuid::new_v4().as_u64_pair().1 % PAUSE_MS));
    }
    Ok(())
}

/// Whether something was left unfinished by another start of the machine. Where it is not known which start this is, nothing
/// is: a process that was killed is more frequent by far than a machine without power.
fn may_be(path: &Path, boot: &str) -> Result<bool, BoxError> {
    if boot.is_empty() || !is_unfinished(path) {
        return Ok(false);
    }
    is_of_another(&look_at(path, LOCKED)?, boot)
}

/// What is unfinished stays so, to be found by who looks next.
fn look_at(path: &Path, locked: Duration) -> rusqlite::Result<Connection> {
    let connection = connect(path, locked)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

fn is_of_another(connection: &Connection, boot: &str) -> Result<bool, BoxError> {
    known(connection)?;
    let schema: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let other = "SELECT boot NOT IN ('', ?1) FROM store";
    Ok(schema > 0 && connection.query_row(other, [boot], |row| row.get(0))?)
}

/// Picks another epoch, if nobody else has the file open. Answers `false` if somebody may have.
fn alone(path: &Path, boot: &str) -> Result<bool, BoxError> {
    let mut connection = look_at(path, Duration::ZERO)?;
    match try_alone(&mut connection, boot) {
        Err(error) if is_locked(&error) => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

fn try_alone(connection: &mut Connection, boot: &str) -> Result<(), BoxError> {
    // Before anything is read, so that it is the file that is locked: whoever has it open has a lock of it, too.
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    if is_of_another(&transaction, boot)? {
        transaction.execute("UPDATE store SET boot = ?1, epoch = ?2", (boot, random()))?;
    }
    transaction.commit()?;
    Ok(())
}
