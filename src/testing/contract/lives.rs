//! Lives: what has expired is gone, and what is used lives on.

use std::time::Duration;

use super::StoreFixture;
use super::subject::{bytes, first, key, last, next, subject};
use crate::stores::{Appended, Cap, Expect, LogKey, LogLimits, Reserved};

/// A value lives as long as it was put for.
pub async fn a_value_expires(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    assert!(store.put_for(key(1), bytes("a"), step * 3, Expect::Any).await, "put: any write happens");
    assert!(store.put_for(key(2), bytes("b"), step * 3, Expect::Any).await, "put: any write happens");
    fixture.pass(step * 2).await;
    assert!(store.get(key(1)).await.is_some(), "put: it lives for its time");
    fixture.pass(step).await;
    assert_eq!(store.get(key(1)).await, None, "put: it lives no longer; reading it did not lengthen its life");
    assert_eq!(store.touch(key(1), step).await, None, "get: what has expired is not touched");
    assert_eq!(store.get(key(1)).await, None, "get: what has expired does not come back");
    assert_eq!(store.take(key(2)).await, None, "take: what has expired is not there");
    assert!(store.put(key(2), "c", Expect::Absent).await, "put: what has expired is absent");
}

/// A value that is read with `touch` lives that long from then on, longer or shorter.
pub async fn a_touched_value_lives_from_then_on(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    assert!(store.put_for(key(1), bytes("a"), step * 3, Expect::Any).await, "put: any write happens");
    assert!(store.put_for(key(2), bytes("b"), step * 9, Expect::Any).await, "put: any write happens");
    let put = store.get(key(1)).await;
    for _ in 0..2 {
        fixture.pass(step * 2).await;
        assert_eq!(store.touch(key(1), step * 3).await, put, "get: a touch is no write: value and version stay");
    }
    assert!(store.touch(key(2), step * 2).await.is_some(), "put: it lives for its time");
    fixture.pass(step * 2).await;
    assert_eq!(store.get(key(1)).await, put, "get: a value that was touched lives that long from then on");
    assert_eq!(store.get(key(2)).await, None, "get: a touch can also make a life shorter");
    fixture.pass(step).await;
    assert_eq!(store.get(key(1)).await, None, "get: a value that was touched lives that long and no longer");
}

/// A write sets the life of a value anew, and one that is refused does not.
pub async fn a_write_begins_a_new_life(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    for id in [1, 2] {
        assert!(store.put_for(key(id), bytes("a"), step * 2, Expect::Any).await, "put: any write happens");
    }
    fixture.pass(step).await;
    assert!(store.put_for(key(1), bytes("b"), step * 2, Expect::Any).await, "put: any write happens");
    let reserved = store.reserve_for(key(2), step * 2, Cap::new(10, step)).await;
    assert_eq!(reserved, Reserved::There, "reserve: what is there stays as it is");
    fixture.pass(step).await;
    assert_eq!(store.value(key(1)).await, Some(bytes("b")), "put: it lives from the last write");
    assert_eq!(store.get(key(2)).await, None, "reserve: what is refused does not lengthen a life");
    let reserved = store.reserve_for(key(2), step, Cap::new(10, step)).await;
    assert_eq!(reserved, Reserved::Free, "reserve: what has expired is not there");
    fixture.pass(step).await;
    assert_eq!(store.get(key(1)).await, None, "put: for its time and no longer");
    assert_eq!(store.get(key(2)).await, None, "reserve: for its time and no longer");
}

/// A life that is longer than the store can count is as long as it can count.
pub async fn a_life_may_be_longer_than_can_be_counted(fixture: &mut impl StoreFixture) {
    let (store, step, log) = (subject(fixture).await, fixture.step(), LogKey::new(1, 1));
    assert!(store.put_for(key(1), bytes("a"), Duration::MAX, Expect::Any).await, "put: any write happens");
    store.reserve_for(key(2), Duration::MAX, Cap::new(10, Duration::MAX)).await;
    let limits = LogLimits::new(10, 1_000, Duration::MAX);
    assert_eq!(store.append_within(log, first("a"), limits).await, Appended::Seq(1), "append: for a very long time");
    fixture.pass(step).await;
    assert!(store.touch(key(1), Duration::MAX).await.is_some(), "put: a very long life goes on");
    assert!(store.keep(log, Duration::MAX).await, "append: a very long life goes on");
    fixture.pass(step).await;
    assert!(store.get(key(1)).await.is_some(), "get: touched for a very long life");
    assert!(store.get(key(2)).await.is_some(), "reserve: a very long life goes on");
    assert!(store.read(log).await.is_some(), "keep: for a very long life");
}

/// A log lives from what was appended last.
pub async fn a_log_lives_from_its_last_entry(fixture: &mut impl StoreFixture) {
    let (store, step, log) = (subject(fixture).await, fixture.step(), LogKey::new(1, 1));
    let limits = LogLimits::new(10, 1_000, step * 3);
    assert_eq!(store.append_within(log, first("a"), limits).await, Appended::Seq(1), "append: it begins");
    for (number, entry) in [(2, next("b")), (3, last("c"))] {
        fixture.pass(step * 2).await;
        assert_eq!(store.append_within(log, entry, limits).await, Appended::Seq(number), "append: it lives");
    }
    assert_eq!(store.append_within(log, next("d"), limits).await, Appended::Closed, "append: it has ended");
    fixture.pass(step * 2).await;
    assert!(store.read(log).await.is_some(), "append: it lives from the last entry, all of it");
    assert_eq!(store.kept(log).await.map(|entries| entries.len()), Some(3), "append: it lives as a whole");
    fixture.pass(step).await;
    assert_eq!(store.read(log).await, None, "append: no longer; reading and a refused entry did not lengthen its life");
}

/// A log that is kept lives that long from then on, longer or shorter.
pub async fn a_log_that_is_kept_lives_from_then_on(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let logs @ [longer, shorter] = [1, 2].map(|id| LogKey::new(1, id));
    assert!(!store.keep(longer, step).await, "keep: answers that there is no such log");
    assert_eq!(store.read(longer).await, None, "keep: makes no log");
    for log in logs {
        let limits = LogLimits::new(10, 1_000, step * 3);
        assert_eq!(store.append_within(log, first("a"), limits).await, Appended::Seq(1), "append: it begins");
    }
    fixture.pass(step).await;
    assert!(store.keep(longer, step * 4).await, "keep: answers that the log is there");
    assert!(store.keep(shorter, step).await, "keep: answers that the log is there");
    fixture.pass(step).await;
    assert_eq!(store.read(shorter).await, None, "keep: can also make a life shorter");
    assert!(!store.keep(shorter, step).await, "keep: what has expired does not come back");
    fixture.pass(step * 2).await;
    assert_eq!(store.kept(longer).await, Some(vec![(1, "a".to_owned())]), "keep: it lives that long from then on");
    fixture.pass(step).await;
    assert_eq!(store.read(longer).await, None, "keep: that long and no longer");
}

/// A log that has expired is not there, and can begin anew.
pub async fn a_log_that_has_expired_is_gone(fixture: &mut impl StoreFixture) {
    let (store, step, log) = (subject(fixture).await, fixture.step(), LogKey::new(1, 1));
    let limits = LogLimits::new(10, 1_000, step);
    for entry in [first("a").about(bytes("before")), next("b")] {
        store.append_within(log, entry, limits).await;
    }
    fixture.pass(step).await;
    assert_eq!(store.read(log).await, None, "read: it has expired");
    assert_eq!(store.append_within(log, next("c"), limits).await, Appended::Closed, "append: it is not there any more");
    assert_eq!(store.append_within(log, last("c"), limits).await, Appended::Closed, "append: it is not there any more");
    assert_eq!(store.append_within(log, first("d"), limits).await, Appended::Seq(1), "append: it begins anew, with 1");
    assert_eq!(store.kept(log).await, Some(vec![(1, "d".to_owned())]), "read: nothing of the log that has expired");
    assert_eq!(store.read(log).await.map(|page| page.about), Some(bytes("")), "read: nothing is known of the new one");
}
