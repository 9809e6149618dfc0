//! The store in Redis keeps the contract.

use std::sync::Arc;
use std::time::Duration;

use mcp_mount::testing::{StoreFixture, store_contract};
use mcp_mount::{Redis, Store};

use crate::redis_server::RedisServer;

struct InRedis {
    server: RedisServer,
    log_budget: usize,
    /// All that were asked for: each has a time of its own.
    stores: Vec<Redis>,
}

impl InRedis {
    fn new() -> Self {
        Self { server: RedisServer::start(), log_budget: 0, stores: Vec::new() }
    }

    async fn connect(&mut self) -> Arc<dyn Store> {
        let store = Redis::builder(&self.server.url()).log_budget(self.log_budget).connect().await.unwrap();
        self.stores.push(store.clone());
        Arc::new(store)
    }
}

impl StoreFixture for InRedis {
    async fn store(&mut self, log_budget: usize) -> Arc<dyn Store> {
        self.log_budget = log_budget;
        self.connect().await
    }

    async fn another(&mut self, _store: &Arc<dyn Store>) -> Arc<dyn Store> {
        self.connect().await
    }

    async fn lose(&mut self, _store: &Arc<dyn Store>) -> bool {
        self.server.down();
        assert!(self.server.up(), "it starts anew, and has kept nothing on its disk");
        true
    }

    async fn pass(&mut self, time: Duration) {
        self.stores.iter().for_each(|store| store.advance(time));
    }
}

store_contract!(contract, InRedis::new());
