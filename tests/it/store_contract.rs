//! The stores keep the contract; and a store that breaks a rule of it is found out.

use std::sync::Arc;
use std::time::Duration;

use mcp_mount::testing::{StoreFixture, store_contract};
use mcp_mount::{Memory, Store};

mod broken;

struct InMemory;

impl InMemory {
    fn new() -> Self {
        tokio::time::pause();
        Self
    }
}

impl StoreFixture for InMemory {
    async fn store(&mut self, log_budget: usize) -> Arc<dyn Store> {
        Arc::new(Memory::with_log_budget(log_budget))
    }

    async fn pass(&mut self, time: Duration) {
        tokio::time::advance(time).await;
    }
}

store_contract!(memory, InMemory::new());
