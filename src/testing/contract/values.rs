//! Values: what is written is read, and of those who write at once each knows what it did.

use std::collections::HashSet;

use super::StoreFixture;
use super::subject::{bytes, key, subject};
use super::together::at_once;
use crate::stores::{Cap, Expect, Key, Kind};

const KINDS: [Kind; 4] = [Kind::Session, Kind::Replica, Kind::Reader, Kind::State];

/// A value that was put can be read, and is gone when it was taken.
pub async fn what_is_written_is_read(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    assert_eq!(store.get(key(1)).await, None, "get: an empty store has no value");
    assert_eq!(store.take(key(1)).await, None, "take: an empty store has no value");
    assert!(store.put(key(1), "one", Expect::Any).await, "put: any write happens");
    assert_eq!(store.value(key(1)).await, Some(bytes("one")), "get: reads what was put");
    assert_eq!(store.get(key(1)).await, store.get(key(1)).await, "get: changes nothing, the version neither");
    assert!(store.put(key(1), "two", Expect::Any).await, "put: any write happens");
    let two = store.get(key(1)).await;
    assert_eq!(two.as_ref().map(|stored| stored.value.clone()), Some(bytes("two")), "put: replaces what was there");
    assert_eq!(store.take(key(1)).await, two, "take: answers what `get` did");
    assert_eq!(store.get(key(1)).await, None, "take: removes the value");
    assert_eq!(store.take(key(1)).await, None, "take: removes the value");
}

/// A value may be empty, binary, and large.
pub async fn any_bytes_are_a_value(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let binary: Vec<u8> = (0..=255).cycle().take(1_000).collect();
    let large = [0, 0xff, b'\n', b'\''].repeat(1 << 18);
    for (id, value) in [(1, Vec::new()), (2, binary), (3, large)] {
        let length = value.len();
        assert!(store.put_for(key(id), value.clone().into(), store.long, Expect::Absent).await, "put: {length} bytes");
        let read = store.value(key(id)).await.expect("get: a value that was put is there, though it may be empty");
        assert!(read == value, "get: of {length} bytes that were put, {} others came back", read.len());
        assert!(!store.put(key(id), "x", Expect::Absent).await, "put: a value of {length} bytes is not absent");
        assert_eq!(store.take(key(id)).await.map(|stored| stored.value.len()), Some(length), "take: the value");
    }
}

/// Values whose ids differ in any bit are others.
pub async fn all_bits_of_an_id_count(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let bits = (0..128).step_by(9).chain([63, 64, 127]).map(|bit| 1 << bit);
    let ids: HashSet<u128> = bits.chain([0, u128::MAX, u128::from(u64::MAX), u128::MAX << 64, 1 << 127 | 1]).collect();
    for id in &ids {
        assert!(store.put(key(*id), &id.to_string(), Expect::Absent).await, "put: no other value has the id {id:#x}");
    }
    for id in &ids {
        assert_eq!(store.value(key(*id)).await, Some(bytes(&id.to_string())), "get: the value with the id {id:#x}");
    }
}

/// Values of different kinds with the same id are others.
pub async fn kinds_are_apart(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    for kind in KINDS {
        assert!(store.put(Key::new(kind, 1), kind.as_str(), Expect::Absent).await, "put: no other kind counts");
    }
    assert!(store.take(Key::new(Kind::Replica, 1)).await.is_some(), "take: a value of its kind");
    assert_eq!(store.value(Key::new(Kind::Session, 1)).await, Some(bytes("session")), "take: only of its kind");
    assert_eq!(store.value(Key::new(Kind::State, 1)).await, Some(bytes("state")), "take: only of its kind");
}

/// `Any`, `Absent` and `Version` are what they say.
pub async fn a_write_happens_if_what_is_there_is_expected(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    assert!(!store.put(key(1), "a", Expect::Version(0)).await, "put: an absent value has no version");
    assert!(!store.put(key(1), "a", Expect::Version(1)).await, "put: an absent value has no version");
    assert!(store.put(key(1), "a", Expect::Absent).await, "put: it was absent");
    assert!(!store.put(key(1), "b", Expect::Absent).await, "put: it is not absent");
    let a = store.get(key(1)).await.expect("get: it was put");
    assert!(store.put(key(1), "b", Expect::Version(a.version)).await, "put: that is its version");
    assert!(!store.put(key(1), "c", Expect::Version(a.version)).await, "put: that was its version");
    assert_eq!(store.value(key(1)).await, Some(bytes("b")), "put: what was refused is not written");
    assert!(store.put(key(1), "d", Expect::Any).await, "put: anything is expected");
    assert!(store.put(key(2), "e", Expect::Any).await, "put: nothing is expected, too");
    let d = store.take(key(1)).await.expect("take: it was put");
    assert!(!store.put(key(1), "f", Expect::Version(d.version)).await, "put: what was taken has no version");
    assert!(store.put(key(1), "f", Expect::Absent).await, "put: what was taken is absent");
}

/// A write that is refused leaves value, version and life as they are.
pub async fn a_refused_write_changes_nothing(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    assert!(store.put_for(key(1), bytes("a"), step * 2, Expect::Any).await, "put: any write happens");
    let before = store.get(key(1)).await;
    assert!(!store.put_for(key(1), bytes("b"), step * 9, Expect::Absent).await, "put: it is not absent");
    assert!(!store.put_for(key(1), bytes("b"), step * 9, Expect::Version(u64::MAX)).await, "put: another version");
    assert_eq!(store.get(key(1)).await, before, "put: what is refused changes neither value nor version");
    fixture.pass(step * 2).await;
    assert_eq!(store.get(key(1)).await, None, "put: what is refused does not lengthen a life");
}

/// A version is never used again, whatever became of the value meanwhile.
pub async fn each_write_has_a_version_of_its_own(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let another = store.another(fixture).await;
    let mut versions = HashSet::new();
    for round in 0..3 {
        assert!(store.put(key(1), "v", Expect::Any).await, "put: any write happens");
        assert!(versions.extend_by(store.get(key(1)).await), "put: the same value has another version, round {round}");
        assert!(another.put(key(1), "v", Expect::Any).await, "put: any write happens");
        assert!(versions.extend_by(store.get(key(1)).await), "put: here and in another process, round {round}");
        store.take(key(1)).await;
        store.reserve(key(1), Cap::new(10, step)).await;
        assert!(versions.extend_by(store.take(key(1)).await), "reserve: a write, too, round {round}");
        assert!(store.put_for(key(1), bytes("v"), step, Expect::Absent).await, "put: it was taken");
        assert!(versions.extend_by(store.get(key(1)).await), "put: also when it was taken before, round {round}");
        fixture.pass(step).await;
        assert!(store.put(key(1), "v", Expect::Absent).await, "put: it has expired");
        assert!(versions.extend_by(store.get(key(1)).await), "put: also when it expired before, round {round}");
    }
}

/// The versions that were seen.
trait Versions {
    /// Whether there is a value, with a version that was not seen.
    fn extend_by(&mut self, stored: Option<crate::stores::Stored>) -> bool;
}

impl Versions for HashSet<u64> {
    fn extend_by(&mut self, stored: Option<crate::stores::Stored>) -> bool {
        stored.is_some_and(|stored| self.insert(stored.version))
    }
}

/// Of fifty that each add one to a number at once, by its version, none is in vain.
pub async fn no_update_is_lost(fixture: &mut impl StoreFixture) {
    const TASKS: usize = 50;
    let store = subject(fixture).await;
    let handles = [store.clone(), store.another(fixture).await];
    assert!(store.put(key(1), "0", Expect::Absent).await, "put: it is absent");
    at_once(TASKS, move |task| {
        let store = handles[task % 2].clone();
        async move {
            // Whenever one is refused another was not, so that nobody needs more turns than there are tasks; but for
            // stores that refuse one now and then without a need.
            for _ in 0..TASKS * 10 {
                let stored = store.get(key(1)).await.expect("get: it was put");
                let number: usize = String::from_utf8_lossy(&stored.value).parse().expect("get: what was put");
                if store.put(key(1), &(number + 1).to_string(), Expect::Version(stored.version)).await {
                    return;
                }
            }
            panic!("put: refused {} times by its version, while {TASKS} tasks write", TASKS * 10);
        }
    })
    .await;
    let sum = store.value(key(1)).await;
    assert_eq!(sum, Some(bytes(&TASKS.to_string())), "put: an update by version was lost, or done twice");
}

/// Of many that expect nothing, one writes.
pub async fn one_of_many_makes_a_value(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let handles = [store.clone(), store.another(fixture).await];
    let wrote = at_once(40, move |task| {
        let store = handles[task % 2].clone();
        async move { store.put(key(1), &task.to_string(), Expect::Absent).await.then_some(task) }
    })
    .await;
    let wrote: Vec<_> = wrote.into_iter().flatten().collect();
    assert_eq!(wrote.len(), 1, "put: of many that expect nothing at once, one writes");
    assert_eq!(store.value(key(1)).await, Some(bytes(&wrote[0].to_string())), "put: the one that was told so wrote");
}

/// Of many that take a value, one gets it.
pub async fn one_of_many_takes_a_value(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let handles = [store.clone(), store.another(fixture).await];
    for round in 0..5 {
        assert!(store.put(key(round), "once", Expect::Absent).await, "put: it is absent");
        let handles = handles.clone();
        let taken = at_once(20, move |task| {
            let store = handles[task % 2].clone();
            async move { store.take(key(round)).await }
        })
        .await;
        assert_eq!(taken.iter().flatten().count(), 1, "take: of many at once, one gets the value");
        assert_eq!(store.get(key(round)).await, None, "take: the value is gone");
    }
}
