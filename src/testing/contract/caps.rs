//! Caps: how many values there may be, and which give way.

use std::time::Duration;

use super::StoreFixture;
use super::subject::{Subject, bytes, key, subject};
use super::together::at_once;
use crate::stores::{Cap, Expect, Key, Kind, Reserved};

/// Reserves a place that is free.
async fn reserve(store: &Subject, id: u128, cap: Cap) {
    assert_eq!(store.reserve(key(id), cap).await, Reserved::Free, "reserve: there is room for number {id}");
}

/// The time after which there may be room.
fn wait(reserved: Reserved) -> Duration {
    match reserved {
        Reserved::Full(wait) => wait,
        reserved => panic!("reserve: nothing may give way, and so it is full, not {reserved:?}"),
    }
}

/// What is not idle stays, and the time after which the first may give way is told.
pub async fn at_the_cap_nothing_in_use_gives_way(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let cap = Cap::new(2, step * 4);
    reserve(&store, 1, cap).await;
    fixture.pass(step).await;
    reserve(&store, 2, cap).await;
    let full = wait(store.reserve(key(3), cap).await);
    assert!(full <= step * 3 && full > step * 2, "reserve: number 1 may give way after three steps, not {full:?}");
    assert_eq!(store.get(key(3)).await, None, "reserve: what is refused is not written");
    fixture.pass(step).await;
    let full = wait(store.reserve(key(3), cap).await);
    assert!(full <= step * 2 && full > step, "reserve: number 1 may give way after two steps, not {full:?}");
    fixture.pass(full).await;
    let reserved = store.reserve(key(3), cap).await;
    assert_eq!(reserved, Reserved::Evicted(key(1)), "reserve: after the time that was told one gives way");
    assert!(store.get(key(2)).await.is_some(), "reserve: one gives way, and no other");
    assert_eq!(store.value(key(3)).await, Some(bytes("v")), "reserve: what took a place is written");
}

/// The value that was left alone the longest is the first to give way.
pub async fn what_is_idle_the_longest_gives_way(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let cap = Cap::new(3, step * 2);
    for id in [2, 1, 3] {
        reserve(&store, id, cap).await;
        fixture.pass(step).await;
    }
    let reserved = store.reserve(key(4), cap).await;
    assert_eq!(reserved, Reserved::Evicted(key(2)), "reserve: what was left alone the longest gives way");
    assert_eq!(store.get(key(2)).await, None, "reserve: what gave way is gone");
    assert_eq!(store.reserve(key(5), cap).await, Reserved::Evicted(key(1)), "reserve: then the next one");
    wait(store.reserve(key(6), cap).await);
    for id in [3, 4, 5] {
        assert!(store.get(key(id)).await.is_some(), "reserve: number {id} is not idle for long enough");
    }
}

/// A value that is written or touched is not idle; one that is only read is.
pub async fn reads_and_writes_that_touch_keep_a_value(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let cap = Cap::new(3, step * 2);
    for id in [1, 2, 3] {
        reserve(&store, id, cap).await;
    }
    fixture.pass(step).await;
    assert!(store.touch(key(1), store.long).await.is_some(), "get: it is there");
    assert!(store.put(key(2), "w", Expect::Any).await, "put: any write happens");
    assert!(store.get(key(3)).await.is_some(), "get: it is there");
    fixture.pass(step).await;
    let reserved = store.reserve(key(4), cap).await;
    assert_eq!(reserved, Reserved::Evicted(key(3)), "reserve: what was neither touched nor written gives way");
    wait(store.reserve(key(5), cap).await);
    assert!(store.get(key(1)).await.is_some(), "reserve: what was touched stays");
    assert_eq!(store.value(key(2)).await, Some(bytes("w")), "reserve: what was written stays");
}

/// With `Duration::MAX` for `idle` nothing gives way before it expires.
pub async fn a_live_value_never_gives_way(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let cap = Cap::new(2, Duration::MAX);
    for id in [1, 2] {
        let reserved = store.reserve_for(key(id), step * 4, cap).await;
        assert_eq!(reserved, Reserved::Free, "reserve: there is room for number {id}");
    }
    fixture.pass(step * 3).await;
    let full = wait(store.reserve(key(3), cap).await);
    assert!(!full.is_zero() && full <= step, "reserve: there is room when the first expires, not in {full:?}");
    fixture.pass(step).await;
    assert_eq!(store.reserve(key(3), cap).await, Reserved::Free, "reserve: what has expired takes no place");
}

/// A value that was taken or has expired leaves its place, also in its group.
pub async fn what_is_gone_leaves_room(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let cap = Cap::new(10, Duration::MAX).in_group(7, 2);
    for round in 0..3 {
        for id in [1, 2] {
            let reserved = store.reserve_for(key(id), step * 2, cap).await;
            assert_eq!(reserved, Reserved::Free, "reserve: there is room for number {id}, round {round}");
        }
        wait(store.reserve(key(3), cap).await);
        assert!(store.take(key(1)).await.is_some(), "take: it was reserved");
        let reserved = store.reserve_for(key(3), step * 2, cap).await;
        assert_eq!(reserved, Reserved::Free, "reserve: what was taken takes no place, round {round}");
        // A life that becomes shorter leaves room earlier than it was told.
        wait(store.reserve(key(4), cap).await);
        assert!(store.touch(key(2), step).await.is_some(), "get: it was reserved");
        fixture.pass(step).await;
        let reserved = store.reserve_for(key(4), step, cap).await;
        assert_eq!(reserved, Reserved::Free, "reserve: what has expired takes no place, round {round}");
        fixture.pass(step).await;
    }
    let cap = Cap::new(2, Duration::MAX);
    reserve(&store, 5, cap).await;
    reserve(&store, 6, cap).await;
    wait(store.reserve(key(7), cap).await);
}

/// Values that were put count as those do that were reserved, but only those of the same kind.
pub async fn all_values_of_a_kind_count(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let cap = Cap::new(2, step * 2);
    for id in [1, 2] {
        assert!(store.put(key(id), "v", Expect::Absent).await, "put: a cap does not hold up what is put");
        fixture.pass(step).await;
    }
    assert_eq!(store.reserve(key(3), cap).await, Reserved::Evicted(key(1)), "reserve: what was put gives way, too");
    wait(store.reserve(key(4), cap).await);
    for kind in [Kind::Replica, Kind::Reader, Kind::State] {
        let reserved = store.reserve(Key::new(kind, 1), cap).await;
        assert_eq!(reserved, Reserved::Free, "reserve: kinds do not take each other's places");
    }
}

/// What is there stays where it is reserved again, and nothing gives way to it, though all is full and idle.
pub async fn a_value_that_is_there_stays(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let cap = Cap::new(3, step).in_group(7, 2);
    for id in [1, 2] {
        reserve(&store, id, cap).await;
    }
    assert!(store.put(key(3), "w", Expect::Absent).await, "put: it is absent");
    fixture.pass(step).await;
    for id in [1, 3] {
        let before = store.get(key(id)).await;
        assert_eq!(store.reserve(key(id), cap).await, Reserved::There, "reserve: there is a value of this key");
        assert_eq!(store.get(key(id)).await, before, "reserve: what is there stays as it is");
    }
    for id in [1, 2, 3] {
        assert!(store.get(key(id)).await.is_some(), "reserve: nothing gives way to what is there");
    }
    let reserved = store.reserve(key(4), Cap::new(4, Duration::MAX).in_group(7, 3)).await;
    assert_eq!(reserved, Reserved::Free, "reserve: a value that is there takes one place, of all and in its group");
}

/// Of many that reserve the same, one writes.
pub async fn one_of_many_reserves_a_value(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let handles = [store.clone(), store.another(fixture).await];
    let cap = Cap::new(2, Duration::MAX).in_group(7, 1);
    let reserved = at_once(40, move |task| {
        let store = handles[task % 2].clone();
        async move { store.reserve(key(1), cap).await }
    })
    .await;
    let count = |wanted| reserved.iter().filter(|reserved| **reserved == wanted).count();
    assert_eq!(count(Reserved::Free), 1, "reserve: of many at once one writes: {reserved:?}");
    assert_eq!(count(Reserved::There), 39, "reserve: the others find it there: {reserved:?}");
    reserve(&store, 2, Cap::new(2, Duration::MAX)).await;
}

/// A group has a cap of its own, and no other group pays for it.
pub async fn a_group_is_full_by_itself(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let all = Cap::new(5, step * 4);
    let cap = |group: u128| all.in_group(group, 2);
    let [one, other] = [1, u128::MAX];
    for id in [1, 2] {
        reserve(&store, id, cap(one)).await;
    }
    let full = wait(store.reserve(key(3), cap(one)).await);
    assert!(full <= step * 4 && full > step * 3, "reserve: its own may give way after four steps, not {full:?}");
    for id in [4, 5] {
        reserve(&store, id, cap(other)).await;
    }
    reserve(&store, 6, all).await;
    wait(store.reserve(key(7), all).await);
    for id in [1, 2, 4, 5, 6] {
        assert!(store.get(key(id)).await.is_some(), "reserve: number {id} is there");
    }
}

/// At the cap of a group, what gives way is the group's own, though others are idle for longer.
pub async fn in_a_full_group_its_own_give_way(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let all = Cap::new(10, step * 2);
    reserve(&store, 1, all).await;
    reserve(&store, 2, all.in_group(7, 2)).await;
    fixture.pass(step).await;
    for id in [3, 4] {
        reserve(&store, id, all.in_group(8, 2)).await;
    }
    fixture.pass(step).await;
    wait(store.reserve(key(5), all.in_group(8, 2)).await);
    assert!(store.touch(key(3), store.long).await.is_some(), "get: it is there");
    fixture.pass(step).await;
    let reserved = store.reserve(key(5), all.in_group(8, 2)).await;
    assert_eq!(reserved, Reserved::Evicted(key(4)), "reserve: the one of the group that was left alone the longest");
    for id in [1, 2, 3] {
        assert!(store.get(key(id)).await.is_some(), "reserve: number {id} had no reason to give way");
    }
    // What gives way to somebody else leaves its place in its group.
    let reserved = store.reserve(key(6), Cap::new(4, step)).await;
    assert!(matches!(reserved, Reserved::Evicted(key) if key.id <= 2), "reserve: 1 or 2 gives way, not {reserved:?}");
    let reserved = store.reserve(key(7), Cap::new(4, step)).await;
    assert!(matches!(reserved, Reserved::Evicted(key) if key.id <= 2), "reserve: 1 or 2 gives way, not {reserved:?}");
    for id in [8, 9] {
        reserve(&store, id, all.in_group(7, 2)).await;
    }
}

/// A write keeps a value in its group; one that was only put is in none.
pub async fn a_value_stays_in_its_group(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let cap = Cap::new(10, Duration::MAX).in_group(7, 2);
    reserve(&store, 1, cap).await;
    reserve(&store, 2, cap).await;
    assert!(store.put(key(1), "w", Expect::Any).await, "put: any write happens");
    let version = store.get(key(2)).await.map_or(0, |stored| stored.version);
    assert!(store.put_for(key(2), bytes("w"), step, Expect::Version(version)).await, "put: that is its version");
    assert!(store.put(key(3), "w", Expect::Absent).await, "put: it is absent");
    wait(store.reserve(key(4), cap).await);
    assert!(store.take(key(1)).await.is_some(), "take: it is there");
    reserve(&store, 4, cap).await;
    wait(store.reserve(key(5), cap).await);
    // What is put after it expired is another value, of no group.
    fixture.pass(step).await;
    assert!(store.put(key(2), "w", Expect::Absent).await, "put: it has expired");
    reserve(&store, 5, cap).await;
    wait(store.reserve(key(6), cap).await);
}

/// Who is refused has no place, neither of all nor in its group.
pub async fn a_refusal_takes_no_place(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let all = Cap::new(2, Duration::MAX);
    reserve(&store, 1, all).await;
    reserve(&store, 2, all).await;
    for _ in 0..5 {
        wait(store.reserve(key(3), all.in_group(7, 1)).await);
    }
    assert!(store.take(key(1)).await.is_some(), "take: it is there");
    reserve(&store, 3, all.in_group(7, 1)).await;
    for _ in 0..5 {
        wait(store.reserve(key(4), Cap::new(3, Duration::MAX).in_group(7, 1)).await);
    }
    reserve(&store, 4, Cap::new(3, Duration::MAX)).await;
}

/// Where more are there than may be, one gives way for each that comes, so that they do not become more; and each that goes
/// makes them fewer.
pub async fn a_cap_that_became_smaller_is_come_down_to(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let before = Cap::new(6, Duration::MAX).in_group(7, 6);
    for id in 1..=6 {
        reserve(&store, id, if id == 2 { Cap::new(6, Duration::MAX) } else { before }).await;
    }
    let there = async || {
        let mut there = Vec::new();
        for id in 1..=12 {
            there.extend(store.get(key(id)).await.map(|_| id));
        }
        there
    };
    let (all, group) = (Cap::new(3, step * 2), Cap::new(3, step * 2).in_group(7, 2));
    wait(store.reserve(key(7), group).await);
    assert_eq!(there().await, [1, 2, 3, 4, 5, 6], "reserve: nothing gives way to what is refused");
    fixture.pass(step).await;
    for id in [2, 3, 4, 5, 6] {
        assert!(store.touch(key(id), store.long).await.is_some(), "get: it is there");
    }
    fixture.pass(step).await;
    let reserved = store.reserve(key(7), group).await;
    assert_eq!(
        reserved,
        Reserved::Evicted(key(1)),
        "reserve: one gives way, of the group, though there are more than may be"
    );
    assert_eq!(there().await, [2, 3, 4, 5, 6, 7], "reserve: the one that was told, and no other");
    wait(store.reserve(key(8), group).await);
    wait(store.reserve(key(8), all).await);
    assert_eq!(there().await, [2, 3, 4, 5, 6, 7], "reserve: nothing gives way to what is refused");
    fixture.pass(step).await;
    for id in [8, 9] {
        let reserved = store.reserve(key(id), all).await;
        assert!(matches!(reserved, Reserved::Evicted(_)), "reserve: one gives way, not {reserved:?}");
        assert_eq!(there().await.len(), 6, "reserve: those that were too many do not become more");
    }
    for id in there().await.into_iter().take(4) {
        assert!(store.take(key(id)).await.is_some(), "take: it is there");
    }
    reserve(&store, 10, all).await;
    wait(store.reserve(key(11), all).await);
    assert_eq!(there().await.len(), 3, "reserve: as many as there may be");
}

/// Of many that reserve at once, as many as the cap allows are given a place.
pub async fn no_more_than_the_cap_at_once(fixture: &mut impl StoreFixture) {
    const MAX: usize = 10;
    let store = subject(fixture).await;
    let handles = [store.clone(), store.another(fixture).await];
    for (base, cap) in [(100, Cap::new(100, Duration::MAX).in_group(7, MAX)), (200, Cap::new(2 * MAX, Duration::MAX))] {
        let handles = handles.clone();
        let reserved = at_once(40, move |task| {
            let (store, id) = (handles[task % 2].clone(), base + task as u128);
            async move { (id, store.reserve(key(id), cap).await) }
        })
        .await;
        let free = reserved.iter().filter(|(_, reserved)| *reserved == Reserved::Free).count();
        assert_eq!(free, MAX, "reserve: of forty at once as many as there is room for get a place: {reserved:?}");
        for (id, reserved) in reserved {
            let there = store.get(key(id)).await.is_some();
            assert_eq!(there, reserved == Reserved::Free, "reserve: who has a place is there, and nobody else");
        }
    }
}
