//! The bounds of what handlers keep for principals.

use std::time::Duration;

use super::Limits;
use crate::lifespan::LONGEST_WAIT;
use crate::server::principal_state::StateLimits;

impl StateLimits {
    pub(super) const DEFAULT: Self =
        Self { bytes: 64 << 10, keys: 100, entries: 10_000, ttl: Duration::from_secs(24 * 60 * 60) };

    /// What has a value that can never work.
    pub(super) fn zero(&self) -> [(&'static str, bool); 4] {
        [
            ("state_bytes", self.bytes == 0),
            ("state_keys", self.keys == 0),
            ("state_entries", self.entries == 0),
            ("state_ttl", self.ttl.is_zero()),
        ]
    }
}

impl Limits {
    /// How large a value that a handler [keeps](crate::Context::state) for its caller may be, in bytes of JSON. Default:
    /// 64 KiB. A larger one is refused.
    ///
    /// ```
    /// use mcp_mount::Limits;
    /// use std::time::Duration;
    ///
    /// let of_a_caller = Limits::new().state_bytes(4 * 1024).state_keys(10);
    /// let limits = of_a_caller.state_entries(100_000).state_ttl(Duration::from_secs(3600));
    /// # let _ = limits;
    /// ```
    #[must_use]
    pub fn state_bytes(mut self, bytes: usize) -> Self {
        self.state.bytes = bytes;
        self
    }

    /// How many values handlers may keep for one caller. Default: 100. Beyond it a new one is refused; none gives way.
    #[must_use]
    pub fn state_keys(mut self, keys: usize) -> Self {
        self.state.keys = keys;
        self
    }

    /// How many values handlers may keep for all callers together, in one store. Default: 10,000. Beyond it a new one is
    /// refused; none gives way.
    #[must_use]
    pub fn state_entries(mut self, entries: usize) -> Self {
        self.state.entries = entries;
        self
    }

    /// How long a value is kept after it was last read or written. Default: 24 h.
    #[must_use]
    pub fn state_ttl(mut self, ttl: Duration) -> Self {
        self.state.ttl = ttl;
        self
    }

    pub(crate) fn state_limits(&self) -> StateLimits {
        StateLimits { ttl: self.state.ttl.min(LONGEST_WAIT), ..self.state }
    }
}
