//! How long results may be kept, and by whom (2026-07-28, server/utilities/caching).

use std::time::Duration;

use bytes::Bytes;

/// Who may keep a result: [`Mcp::cache_scope`](crate::Mcp::cache_scope) and
/// [`Resource::cache_scope`](crate::Resource::cache_scope).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheScope {
    /// Anybody, a shared gateway included: the result is the same for all callers, whoever they are.
    Public,
    /// The caller it was made for.
    #[default]
    Private,
}

impl CacheScope {
    /// The scope, as it travels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// The hints on one result. By default it is stale at once and belongs to its caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheHints {
    pub(crate) ttl: Duration,
    pub(crate) scope: CacheScope,
}

impl CacheHints {
    /// The members, each with a comma before it.
    pub(crate) fn members(self) -> Bytes {
        // Beyond 2^53 a client's number would not be exact.
        let ttl = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX).min((1 << 53) - 1);
        Bytes::from(format!(r#","ttlMs":{ttl},"cacheScope":"{}""#, self.scope.as_str()))
    }
}
