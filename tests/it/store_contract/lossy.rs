//! A store that loses all it has, and those that do not say so: which rule finds them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mcp_mount::stores::{
    Appended, Cap, Expect, Key, LogEntry, LogKey, LogLimits, LogNews, LogPage, LogWatcher, Reserved, StoreFuture,
    Stored,
};
use mcp_mount::testing::{StoreFixture, contract};
use mcp_mount::{Memory, Store};

use super::finds;

/// What is wrong when all has been lost.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    KeepsItsEpoch,
    TellsOneProcessOfItsEpoch,
    HasTwoEpochs,
    UsesVersionsAgain,
    NeverTellsOfLoss,
    TellsOneProcessOfLoss,
    TellsNothingAfterLoss,
}

/// Each loss goes on with the next.
#[derive(Default)]
struct Kept {
    memories: [Memory; 3],
    losses: AtomicUsize,
    /// With the handle that each watches through.
    watchers: Mutex<Vec<(usize, LogWatcher)>>,
}

/// As one process has it.
struct Handle {
    kept: Arc<Kept>,
    number: usize,
    fault: Fault,
}

impl Handle {
    fn losses(&self) -> usize {
        self.kept.losses.load(Ordering::Relaxed)
    }

    fn memory(&self) -> &Memory {
        &self.kept.memories[self.losses()]
    }

    /// What lies before the versions of what has been kept since the last loss.
    fn before(&self) -> u64 {
        if self.fault == Fault::UsesVersionsAgain { 0 } else { (self.losses() as u64) << 32 }
    }
}

impl Store for Handle {
    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        let before = self.before();
        StoreFuture::Boxed(Box::pin(async move {
            let stored = self.memory().get(key, touch).await?;
            Ok(stored.map(|stored| Stored::new(stored.value, before + stored.version)))
        }))
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        self.memory().put(key, value, ttl, expect)
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        self.memory().take(key)
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        self.memory().reserve(key, value, ttl, cap)
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        self.memory().append(log, entry, limits)
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        self.memory().read(log, after, max)
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        self.memory().keep(log, ttl)
    }

    fn watch(&self, watcher: LogWatcher) {
        let last = if self.fault == Fault::TellsNothingAfterLoss { self.losses() } else { usize::MAX };
        let memories = self.kept.memories.iter().enumerate();
        memories.filter(|(place, _)| *place <= last).for_each(|(_, memory)| memory.watch(watcher.clone()));
        self.kept.watchers.lock().unwrap().push((self.number, watcher));
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        self.memory().tell(log, word)
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        let place = match self.fault {
            Fault::KeepsItsEpoch => 0,
            Fault::TellsOneProcessOfItsEpoch if self.number > 0 => 0,
            Fault::HasTwoEpochs => self.losses() % 2,
            _ => self.losses(),
        };
        self.kept.memories[place].epoch()
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        self.memory().forget(group)
    }
}

struct Lossy {
    kept: Arc<Kept>,
    handles: usize,
    fault: Fault,
}

impl Lossy {
    fn new(fault: Fault) -> Self {
        Self { kept: Arc::default(), handles: 0, fault }
    }

    fn handle(&mut self) -> Arc<dyn Store> {
        let number = self.handles;
        self.handles += 1;
        Arc::new(Handle { kept: Arc::clone(&self.kept), number, fault: self.fault })
    }
}

impl StoreFixture for Lossy {
    async fn store(&mut self, _log_budget: usize) -> Arc<dyn Store> {
        self.handle()
    }

    async fn another(&mut self, _store: &Arc<dyn Store>) -> Arc<dyn Store> {
        self.handle()
    }

    async fn lose(&mut self, _store: &Arc<dyn Store>) -> bool {
        self.kept.losses.fetch_add(1, Ordering::Relaxed);
        for (handle, watcher) in self.kept.watchers.lock().unwrap().iter() {
            let tells = match self.fault {
                Fault::NeverTellsOfLoss => false,
                Fault::TellsOneProcessOfLoss => *handle == 0,
                _ => true,
            };
            assert!(!tells || watcher.tell(LogNews::Missed), "the rule goes on");
        }
        true
    }

    async fn pass(&mut self, time: Duration) {
        tokio::time::advance(time).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_says_so_keeps_the_rules() {
    contract::losses::a_loss_is_another_epoch(&mut Lossy::new(Fault::None)).await;
    contract::losses::no_version_is_used_again(&mut Lossy::new(Fault::None)).await;
    let mut fixture = Lossy::new(Fault::None);
    contract::losses::watchers_are_told_of_a_loss(&mut fixture).await;
    assert_eq!((fixture.kept.losses.load(Ordering::Relaxed), fixture.handles), (2, 2));
}

macro_rules! found_out {
    ($($test:ident: $fault:ident by $rule:ident, $words:literal;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $test() {
                finds(contract::losses::$rule(&mut Lossy::new(Fault::$fault)), $words).await;
            }
        )*
    };
}

found_out! {
    an_epoch_that_stays: KeepsItsEpoch by a_loss_is_another_epoch, "epoch: another one after a loss";
    an_epoch_of_one_process: TellsOneProcessOfItsEpoch by a_loss_is_another_epoch, "epoch: another one after a loss";
    an_epoch_that_was_there: HasTwoEpochs by a_loss_is_another_epoch, "epoch: another one after a loss";
    versions_used_again: UsesVersionsAgain by no_version_is_used_again, "put: a version that was used before a loss";
    a_loss_that_nobody_is_told_of: NeverTellsOfLoss by watchers_are_told_of_a_loss, "watch: after a loss";
    a_loss_that_one_process_is_told_of: TellsOneProcessOfLoss by watchers_are_told_of_a_loss, "watch: after a loss";
    no_news_after_a_loss: TellsNothingAfterLoss by watchers_are_told_of_a_loss, "watch: goes on after a loss";
}
