//! For stores of tests that are not about logs: these are kept in memory.

/// The operations on logs, done by a `Memory`.
macro_rules! logs_in {
    ($this:ident => $memory:expr) => {
        fn append(
            &$this,
            log: mcp_mount::stores::LogKey,
            entry: mcp_mount::stores::LogEntry,
            limits: mcp_mount::stores::LogLimits,
        ) -> mcp_mount::stores::StoreFuture<'_, mcp_mount::stores::Appended> {
            $memory.append(log, entry, limits)
        }

        fn read(
            &$this,
            log: mcp_mount::stores::LogKey,
            after: u64,
            max: usize,
        ) -> mcp_mount::stores::StoreFuture<'_, Option<mcp_mount::stores::LogPage>> {
            $memory.read(log, after, max)
        }

        fn keep(
            &$this,
            log: mcp_mount::stores::LogKey,
            ttl: std::time::Duration,
        ) -> mcp_mount::stores::StoreFuture<'_, bool> {
            $memory.keep(log, ttl)
        }

        fn watch(&$this, watcher: mcp_mount::stores::LogWatcher) {
            $memory.watch(watcher);
        }

        fn tell(&$this, log: mcp_mount::stores::LogKey, word: u64) -> mcp_mount::stores::StoreFuture<'_, ()> {
            $memory.tell(log, word)
        }

        fn epoch(&$this) -> mcp_mount::stores::StoreFuture<'_, u64> {
            $memory.epoch()
        }

        fn forget(&$this, group: u128) -> mcp_mount::stores::StoreFuture<'_, ()> {
            $memory.forget(group)
        }
    };
}

pub(crate) use logs_in;
