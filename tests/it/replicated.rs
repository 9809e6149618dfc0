//! Two servers on one store, as two processes have it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use mcp_mount::{
    Memory, Store,
    stores::{Cap, Expect, Key, Reserved, StoreFuture, Stored},
};

use crate::suite::log_stores::logs_in;

/// A memory that several servers share.
#[derive(Clone)]
pub struct Shared(pub Arc<Memory>);

impl Shared {
    pub fn new() -> Self {
        Self(Arc::new(Memory::new()))
    }
}

impl Store for Shared {
    fn is_shared(&self) -> bool {
        true
    }

    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        self.0.get(key, touch)
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        self.0.put(key, value, ttl, expect)
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        self.0.take(key)
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        self.0.reserve(key, value, ttl, cap)
    }

    logs_in!(self => self.0);
}
