//! The file: made, opened, and known for what it is.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::time::Instant;

use super::database::random;

mod loss;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a file that is locked by somebody else is waited for. Less than what an operation may take.
pub(super) const LOCKED: Duration = Duration::from_secs(3);

/// How long to wait before a file that is locked is opened again.
const AGAIN: Duration = Duration::from_millis(20);

/// "mcpm": what tells the file from those of other applications.
const APPLICATION: i64 = 0x6d63_706d;

/// Which tables there are.
const SCHEMA: i64 = 1;

/// What all tables together need of prepared statements.
const STATEMENTS: usize = 64;

/// To how many bytes SQLite cuts the file of its latest writes, once they are in the file itself.
const JOURNAL: i64 = 20 << 20;

/// After how many pages of latest writes they are put into the file itself, which waits for the disk.
const CHECKPOINT: i64 = 4_000;

/// Ids are big-endian. Times are milliseconds since 1970. Of an entry only its number and its bytes are kept.
const TABLES: &str = "
    CREATE TABLE store (
        epoch INTEGER NOT NULL,
        boot TEXT NOT NULL,
        -- What has been counted: writes of values, logs that ended, and what all logs cost.
        versions INTEGER NOT NULL,
        ends INTEGER NOT NULL,
        cost INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE value (
        kind TEXT NOT NULL,
        id BLOB NOT NULL,
        version INTEGER NOT NULL,
        touched INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        member_of BLOB,
        value BLOB NOT NULL,
        UNIQUE (kind, id)
    ) STRICT;
    CREATE INDEX value_touched ON value (kind, touched);
    CREATE INDEX value_expires ON value (kind, expires);
    CREATE INDEX value_group ON value (kind, member_of, touched, expires) WHERE member_of IS NOT NULL;

    CREATE TABLE log (
        log INTEGER PRIMARY KEY,
        member_of BLOB NOT NULL,
        id BLOB NOT NULL,
        -- The number of the oldest entry, and of the next one.
        first INTEGER NOT NULL,
        next INTEGER NOT NULL,
        -- The bytes of all entries that are kept, and of the newest.
        bytes INTEGER NOT NULL,
        newest INTEGER NOT NULL,
        ended INTEGER,
        expires INTEGER NOT NULL,
        about BLOB NOT NULL,
        UNIQUE (member_of, id)
    ) STRICT;
    CREATE INDEX log_expires ON log (expires);

    -- Not WITHOUT ROWID, which would put each entry of more than a quarter of a page on a page of its own.
    CREATE TABLE entry (
        log INTEGER NOT NULL,
        number INTEGER NOT NULL,
        value BLOB NOT NULL,
        UNIQUE (log, number)
    ) STRICT;

    -- The newest rows are kept, so that numbers grow. No word: the log was appended to or forgotten.
    CREATE TABLE news (
        number INTEGER PRIMARY KEY,
        publisher INTEGER NOT NULL,
        at INTEGER NOT NULL,
        member_of BLOB NOT NULL,
        id BLOB NOT NULL,
        word INTEGER
    ) STRICT;
";

/// Opens the store in a file, or makes it. `boot` is what is another one after each start of the machine, or `""`.
pub(super) fn open(path: &Path, boot: &str) -> Result<Connection, BoxError> {
    let began = Instant::now();
    loop {
        match try_open(path, boot) {
            // SQLite itself does not wait where several open a file for the first time.
            Err(error) if is_locked(&error) && began.elapsed() < LOCKED => thread::sleep(AGAIN),
            outcome => return outcome,
        }
    }
}

fn is_locked(error: &BoxError) -> bool {
    let code = error.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn try_open(path: &Path, boot: &str) -> Result<Connection, BoxError> {
    make(path)?;
    let unfinished = is_unfinished(path);
    if unfinished {
        loss::look_for(path, boot)?;
    }
    let mut connection = connect(path, LOCKED)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    known(&connection)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(
            format!("needs a write-ahead log, which this file system does not give (journal_mode={mode})").into()
        );
    }
    // A process that ends loses nothing so; a machine without power may.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL)?;
    begin(&mut connection, boot, unfinished)?;
    Ok(connection)
}

fn connect(path: &Path, locked: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(locked)?;
    Ok(connection)
}

/// Makes an empty file for nobody else to read, unless it is there. What SQLite puts beside it has the same mode.
fn make(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// # Errors
///
/// When the file is another application's, or of a version that is not known here.
fn known(connection: &Connection) -> Result<(), BoxError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables: i64 = connection.query_row("SELECT COUNT(*) FROM sqlite_schema", (), |row| row.get(0))?;
    let (application, schema) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION && (tables > 0 || application != 0) {
        return Err("is a database of another application; give the store a file of its own".into());
    }
    if schema > SCHEMA {
        return Err(
            format!("was written by a later version of mcp-mount (schema {schema}; this one knows {SCHEMA})").into()
        );
    }
    Ok(())
}

/// Makes the tables, if they are not there.
fn begin(connection: &mut Connection, boot: &str, unfinished: bool) -> Result<(), BoxError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Somebody else may have made them meanwhile.
    known(&transaction)?;
    let schema: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if schema == 0 {
        transaction.execute_batch(TABLES)?;
        transaction.execute("INSERT INTO store VALUES (?1, ?2, 0, 0, 0)", (random(), boot))?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
    } else if !boot.is_empty() {
        // What was left unfinished has been looked at, or belongs to others who have the file open: then it is theirs to
        // say by which start of the machine it is, unless they do not know.
        let new = "UPDATE store SET boot = ?1 WHERE boot != ?1 AND (boot = '' OR NOT ?2)";
        transaction.execute(new, (boot, unfinished))?;
    }
    transaction.commit()?;
    Ok(())
}

/// What is another one after each start of the machine, or `""` where that is not known.
pub(super) fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// Whether something is beside the file that was left behind by a process that did not close it, or is there because another
/// has it open.
fn is_unfinished(path: &Path) -> bool {
    let mut journal: PathBuf = path.into();
    journal.as_mut_os_string().push("-wal");
    journal.metadata().is_ok_and(|file| file.len() > 0)
}
