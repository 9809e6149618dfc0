//! The stores keep the contract; and a store that breaks a rule of it is found out.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use mcp_mount::testing::{StoreFixture, store_contract};
use mcp_mount::{Memory, Store};

mod broken;
mod lossy;

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

/// A rule fails, with words that say which operation is to blame.
async fn finds(rule: impl Future<Output = ()>, words: &str) {
    let panic = AssertUnwindSafe(rule).catch_unwind().await.expect_err("the rule finds the fault");
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
    assert!(text.contains(words), "{text}");
}
