//! What went wrong, and with which file.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

type BoxError = Box<dyn Error + Send + Sync>;

/// A store in a file could not be opened, or could not do what it was asked. The text names the file and the cause.
#[derive(Debug)]
pub struct SqliteError {
    path: PathBuf,
    cause: BoxError,
}

impl SqliteError {
    pub(super) fn new(path: &Path, cause: impl Into<BoxError>) -> Self {
        Self { path: path.to_owned(), cause: cause.into() }
    }

    /// What SQLite calls the error says little to who has not read its manual.
    fn hint(&self) -> &'static str {
        let code = self.cause.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
        match code {
            Some(ErrorCode::NotADatabase) => " (the file is something else, or damaged)",
            Some(ErrorCode::DatabaseCorrupt) => " (the file is damaged)",
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => " (somebody else holds it locked)",
            Some(ErrorCode::DiskFull) => " (no room on the disk)",
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => " (the file or its directory cannot be written)",
            Some(ErrorCode::CannotOpen) => " (is its directory there, and can it be written?)",
            _ => "",
        }
    }
}

impl fmt::Display for SqliteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLite, {}: {}{}", self.path.display(), self.cause, self.hint())
    }
}

impl Error for SqliteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // Its text is in this one's.
        self.cause.source()
    }
}
