//! Losses: what a store kept is gone, and all who use it get to know.
//!
//! These rules show nothing of a store whose fixture [cannot lose](StoreFixture::lose) what it has.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::sleep;

use super::StoreFixture;
use super::subject::{Subject, bytes, first, key, subject};
use super::watching::Told;
use crate::stores::{Expect, LogKey, LogNews};

const LOG: LogKey = LogKey { group: 1, id: 7 };

/// How often each rule has all lost.
const LOSSES: usize = 2;

/// Loses all, and waits until each of these handles answers again.
async fn lost(fixture: &mut impl StoreFixture, handles: [&Subject; 2]) -> bool {
    if !fixture.lose(&handles[0].store).await {
        return false;
    }
    for handle in handles {
        handle.recovers().await;
    }
    true
}

/// After each loss the epoch is one that it never was, in all processes, as soon as they see that something is gone.
pub async fn a_loss_is_another_epoch(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let another = store.another(fixture).await;
    let handles = [&store, &another];
    let mut epochs = HashSet::from([store.epoch().await]);
    for _ in 0..LOSSES {
        let logs = [LOG, LogKey::new(2, 7)];
        for (handle, log) in handles.into_iter().zip(logs) {
            handle.append(log, first("f")).await;
        }
        if !lost(fixture, handles).await {
            return;
        }
        let mut seen = Vec::new();
        for (handle, log) in handles.into_iter().zip(logs) {
            assert_eq!(handle.read(log).await, None, "StoreFixture::lose: nothing that was kept is there");
            let epoch = handle.epoch().await;
            assert!(!epochs.contains(&epoch), "epoch: another one after a loss, in each process");
            seen.push(epoch);
        }
        assert_eq!(seen[0], seen[1], "epoch: the same in all processes, after a loss, too");
        epochs.insert(seen[0]);
    }
}

/// No version of a key is used again after a loss, so that whoever has read a value before it cannot write over another.
pub async fn no_version_is_used_again(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let another = store.another(fixture).await;
    let mut versions = HashSet::new();
    for losses in 0..=LOSSES {
        if losses > 0 && !lost(fixture, [&store, &another]).await {
            return;
        }
        assert_eq!(store.get(key(1)).await, None, "StoreFixture::lose: nothing that was kept is there");
        for handle in [&store, &another, &store] {
            assert!(handle.put(key(1), "v", Expect::Any).await, "put: any write happens");
            let version = handle.get(key(1)).await.map(|stored| stored.version);
            assert!(versions.insert(version), "put: a version that was used before a loss is used again");
        }
        assert_eq!(another.value(key(1)).await, Some(bytes("v")), "put: it is written, after a loss, too");
    }
}

/// Watchers in all processes are told that they may have missed something, and of what comes then.
pub async fn watchers_are_told_of_a_loss(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let another = store.another(fixture).await;
    let handles = [&store, &another];
    for _ in 0..LOSSES {
        let told = handles.map(Told::by);
        store.append(LOG, first("f")).await;
        if !lost(fixture, handles).await {
            return;
        }
        // Who is told nothing need not be told this.
        for _ in 0..100 {
            if told.iter().all(|told| told.of(LogNews::Missed)) {
                break;
            }
            store.tell(LOG, 1).await;
            another.tell(LOG, 1).await;
            sleep(Duration::from_millis(50)).await;
        }
        let missed = told.iter().all(|told| told.of(LogNews::Missed));
        assert!(missed, "watch: after a loss each watcher is told that it may have missed something");
        another.tell(LOG, 2).await;
        for told in &told {
            told.hears(LogNews::Told(LOG, 2), "watch: goes on after a loss").await;
        }
    }
}
