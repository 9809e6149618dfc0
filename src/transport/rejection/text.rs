//! How refusals are worded, and which of them are worth a line in the log.

use std::sync::Once;
use std::time::Duration;

use http::StatusCode;

/// `named`: whether it is a principal's, who has a cap beside the server's. A store does not say which of them it was.
pub(super) fn too_many_sessions(named: bool) -> &'static str {
    if named {
        "you have as many live sessions as `Sessions::max_per_principal` allows, or the server as many as `Sessions::max` allows; \
         end one, or try again later"
    } else {
        "the server has as many live sessions as `Sessions::max` allows; try again later"
    }
}

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
