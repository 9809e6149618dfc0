//! Settings that tools, resources and prompts have alike, written once.

/// The name for people.
macro_rules! title {
    () => {
        /// The name to show to people, since 2025-06-18.
        #[must_use]
        pub fn title(mut self, title: impl Into<String>) -> Self {
            self.definition.title = Some(title.into());
            self
        }
    };
}

/// Metadata.
macro_rules! meta {
    () => {
        /// Adds a member to the `_meta` that the list shows, since 2025-06-18: for extensions such as MCP Apps, whose
        /// tools name their page by it.
        #[must_use]
        pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
            self.definition.meta.insert(key.into(), value.into());
            self
        }
    };
}

/// The pictures.
macro_rules! icons {
    () => {
        /// Pictures to show, since 2025-11-25.
        #[must_use]
        pub fn icons(mut self, icons: impl IntoIterator<Item = Icon>) -> Self {
            self.definition.icons = icons.into_iter().collect();
            self
        }
    };
}

/// How the handler runs.
macro_rules! runs {
    () => {
        /// How long a call may take, in place of [`Limits::tool_timeout`](crate::Limits::tool_timeout).
        #[must_use]
        pub fn timeout(mut self, timeout: Duration) -> Self {
            Arc::make_mut(&mut self.target).timeout = Some(timeout);
            self
        }

        /// What happens to a running call when its client goes away, in place of what the client's revision says.
        #[must_use]
        pub fn on_disconnect(mut self, on_disconnect: OnDisconnect) -> Self {
            Arc::make_mut(&mut self.target).on_disconnect = Some(on_disconnect);
            self
        }

        /// Runs each call on a thread of its own, for handlers that block or compute for long. There are at most as many
        /// threads as [`Limits::calls_in_flight`](crate::Limits::calls_in_flight).
        ///
        /// A call that times out or is cancelled is answered at once, but no thread can be stopped from outside: the
        /// handler runs on, and keeps its place among the calls, until it looks at
        /// [`Context::is_cancelled`](crate::Context::is_cancelled) or ends. It does not hold up the process's end.
        #[must_use]
        pub fn blocking(mut self, blocking: bool) -> Self {
            Arc::make_mut(&mut self.target).blocking = blocking;
            self
        }
    };
}

pub(crate) use {icons, meta, runs, title};
