//! How refusals are worded, and which of them are worth a line in the log.

use std::sync::Once;
use std::time::Duration;

use http::StatusCode;

/// A value from outside, fit to be shown: short, printable, in quotes.
pub(super) fn quoted(value: &[u8]) -> String {
    format!("{:?}", shorten(&String::from_utf8_lossy(value)))
}

pub(super) fn shorten(text: &str) -> String {
    const LONGEST: usize = 100;
    text.chars().take(LONGEST).collect()
}

pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
}

pub(super) static HOST_WARNING: Once = Once::new();
pub(super) static ORIGIN_WARNING: Once = Once::new();
pub(super) static CORS_WARNING: Once = Once::new();
pub(super) static FORWARDED_WARNING: Once = Once::new();

/// The first refusal of its kind is worth a warning: most often a setting is missing.
pub(super) fn warn_once(once: &Once, status: StatusCode, text: &str) {
    once.call_once(|| tracing::warn!("refused a request with {}: {text} (said once)", status.as_u16()));
}
