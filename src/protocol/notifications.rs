//! What a running call tells its client: progress and log messages.

use bytes::{BufMut, Bytes};
use serde::Serialize;

use super::escape::write_string;
use super::id::RequestId;

/// How grave a log message is: the severities of syslog (RFC 5424), for [`Context::log`](crate::Context::log).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LogLevel {
    /// What a developer wants to see.
    Debug,
    /// What goes on.
    Info,
    /// Normal, but worth a look.
    Notice,
    /// Something may be wrong.
    Warning,
    /// An operation failed.
    Error,
    /// A part of the system failed.
    Critical,
    /// Somebody must act at once.
    Alert,
    /// The system is unusable.
    Emergency,
}

impl LogLevel {
    const ALL: [Self; 8] = [
        Self::Debug,
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Critical,
        Self::Alert,
        Self::Emergency,
    ];

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }

    pub(crate) fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// The level's name, as it travels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }
}

/// `notifications/progress`.
pub(crate) fn progress(token: &RequestId, progress: f64, total: Option<f64>, message: Option<&str>) -> Bytes {
    let mut out = Vec::with_capacity(160);
    out.put_slice(br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"#);
    token.write(&mut out);
    out.put_slice(br#","progress":"#);
    write_number(&mut out, progress);
    if let Some(total) = total {
        out.put_slice(br#","total":"#);
        write_number(&mut out, total);
    }
    if let Some(message) = message {
        out.put_slice(br#","message":"#);
        write_string(&mut out, message);
    }
    out.put_slice(b"}}");
    Bytes::from(out)
}

/// `notifications/message`.
///
/// # Errors
///
/// When `data` cannot be written as JSON.
pub(crate) fn message<T: Serialize>(level: LogLevel, logger: &str, data: &T) -> Result<Bytes, serde_json::Error> {
    let mut out = Vec::with_capacity(160);
    out.put_slice(br#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":""#);
    out.put_slice(level.as_str().as_bytes());
    out.put_slice(br#"","logger":"#);
    write_string(&mut out, logger);
    out.put_slice(br#","data":"#);
    serde_json::to_writer((&mut out).writer(), data)?;
    out.put_slice(b"}}");
    Ok(Bytes::from(out))
}

/// 50 is written as `50`, not `50.0`, which some clients read as a float and show so.
#[expect(clippy::cast_possible_truncation, reason = "an integral value within 2^53 fits an i64")]
fn write_number(out: &mut Vec<u8>, number: f64) {
    let written = if number.fract() == 0.0 && number.abs() < 9e15 {
        serde_json::to_writer(out.writer(), &(number as i64))
    } else {
        serde_json::to_writer(out.writer(), &number)
    };
    written.expect("writing a number to memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_written_as_the_schema_wants_it() {
        let written = progress(&RequestId::Text("a\"b".into()), 50.0, Some(0.5), Some("half"));
        let value: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(
            value,
            serde_json::json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": {
                "progressToken": "a\"b", "progress": 50, "total": 0.5, "message": "half" } })
        );
    }

    #[test]
    fn levels_are_ordered_and_named() {
        assert!(LogLevel::Debug < LogLevel::Info && LogLevel::Alert < LogLevel::Emergency);
        for (index, level) in (0u8..).zip(LogLevel::ALL) {
            assert_eq!(LogLevel::parse(level.as_str()), Some(level));
            assert_eq!(LogLevel::from_index(index), Some(level));
            assert_eq!(level as u8, index);
        }
        assert_eq!(LogLevel::parse("loud"), None);
    }
}
