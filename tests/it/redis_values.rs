//! Values in Redis.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcp_mount::stores::{Cap, Expect, Key, Kind, Reserved};
use mcp_mount::{Redis, Store};

use crate::redis_server::RedisServer;

const TTL: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(30);

fn value(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn key(id: u128) -> Key {
    Key::new(Kind::Session, id)
}

async fn there(store: &Redis, id: u128) -> bool {
    store.get(key(id), None).await.unwrap().is_some()
}

#[tokio::test]
async fn a_touched_value_lives_on_and_an_untouched_one_expires() {
    let server = RedisServer::start();
    let store = server.store().await;
    store.put(key(1), value("a"), TTL, Expect::Absent).await.unwrap();
    store.advance(Duration::from_secs(59));
    assert!(store.get(key(1), Some(TTL)).await.unwrap().is_some());
    store.advance(Duration::from_secs(59));
    assert!(there(&store, 1).await);
    store.advance(Duration::from_secs(2));
    assert!(!there(&store, 1).await);
    assert!(store.take(key(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_write_that_expects_another_version_does_not_write() {
    let server = RedisServer::start();
    let store = server.store().await;
    assert!(!store.put(key(1), value("a"), TTL, Expect::Version(1)).await.unwrap());
    assert!(store.put(key(1), value("a"), TTL, Expect::Absent).await.unwrap());
    assert!(!store.put(key(1), value("b"), TTL, Expect::Absent).await.unwrap());
    let first = store.get(key(1), None).await.unwrap().unwrap();
    assert!(store.put(key(1), value("b"), TTL, Expect::Version(first.version)).await.unwrap());
    assert!(!store.put(key(1), value("c"), TTL, Expect::Version(first.version)).await.unwrap());
    assert_eq!(store.take(key(1)).await.unwrap().unwrap().value, value("b"));
    assert!(store.take(key(1)).await.unwrap().is_none());
    assert!(store.put(key(1), Bytes::from_static(&[0, 255, 13, 10]), TTL, Expect::Any).await.unwrap());
    let again = store.get(key(1), None).await.unwrap().unwrap();
    assert_eq!(again.value.as_ref(), [0, 255, 13, 10]);
    assert!(again.version > first.version);
}

#[tokio::test]
async fn of_fifty_that_swap_at_once_none_is_lost() {
    let server = RedisServer::start();
    let stores = [Arc::new(server.store().await), Arc::new(server.store().await)];
    stores[0].put(key(1), value("0"), TTL, Expect::Any).await.unwrap();
    let tasks: Vec<_> = (0..50)
        .map(|at| {
            let store = Arc::clone(&stores[at % 2]);
            tokio::spawn(async move {
                loop {
                    let found = store.get(key(1), Some(TTL)).await.unwrap().unwrap();
                    let number: u64 = std::str::from_utf8(&found.value).unwrap().parse().unwrap();
                    let next = Bytes::from((number + 1).to_string());
                    if store.put(key(1), next, TTL, Expect::Version(found.version)).await.unwrap() {
                        return;
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(stores[1].get(key(1), None).await.unwrap().unwrap().value, value("50"));
}

#[tokio::test]
async fn at_the_cap_only_what_is_idle_gives_way() {
    let server = RedisServer::start();
    let store = server.store().await;
    let cap = Cap::new(2, IDLE);
    let reserve = async |id| store.reserve(key(id), value("v"), TTL, cap).await.unwrap();
    assert_eq!((reserve(1).await, reserve(2).await), (Reserved::Free, Reserved::Free));
    let Reserved::Full(wait) = reserve(3).await else { panic!("all are in use") };
    assert!(wait <= IDLE && wait > IDLE / 2);
    store.advance(Duration::from_secs(20));
    store.get(key(1), Some(TTL)).await.unwrap();
    store.advance(Duration::from_secs(10));
    assert_eq!(reserve(3).await, Reserved::Evicted(key(2)));
    assert!(there(&store, 1).await);
    assert!(matches!(reserve(4).await, Reserved::Full(_)));
    store.take(key(1)).await.unwrap();
    assert_eq!(reserve(4).await, Reserved::Free);
    store.advance(TTL);
    assert_eq!((reserve(5).await, reserve(6).await), (Reserved::Free, Reserved::Free), "what has expired leaves room");
    assert!(matches!(reserve(7).await, Reserved::Full(_)));
}

#[tokio::test]
async fn a_group_has_a_cap_of_its_own() {
    let server = RedisServer::start();
    let store = server.store().await;
    let cap = |group| Cap::new(5, IDLE).in_group(group, 2);
    let reserve = async |id, group| store.reserve(key(id), value("v"), TTL, cap(group)).await.unwrap();
    assert_eq!((reserve(1, 1).await, reserve(2, 1).await), (Reserved::Free, Reserved::Free));
    assert!(matches!(reserve(3, 1).await, Reserved::Full(_)));
    assert_eq!((reserve(4, 2).await, reserve(5, 0).await), (Reserved::Free, Reserved::Free));
    store.advance(Duration::from_secs(20));
    store.get(key(1), Some(TTL)).await.unwrap();
    store.put(key(1), value("w"), TTL, Expect::Any).await.unwrap();
    let Reserved::Full(wait) = reserve(3, 1).await else { panic!("it is not idle yet") };
    assert!(wait <= Duration::from_secs(10));
    store.advance(Duration::from_secs(10));
    assert_eq!(reserve(3, 1).await, Reserved::Evicted(key(2)), "its own that was idle the longest");
    store.take(key(1)).await.unwrap();
    assert_eq!(reserve(6, 1).await, Reserved::Free);
    store.advance(TTL);
    assert_eq!((reserve(7, 1).await, reserve(8, 1).await), (Reserved::Free, Reserved::Free));
    // In no group, when it is there again after it has expired.
    store.advance(TTL);
    store.put(key(7), value("v"), TTL, Expect::Absent).await.unwrap();
    assert_eq!((reserve(9, 1).await, reserve(10, 1).await), (Reserved::Free, Reserved::Free));
    assert!(there(&store, 7).await);
}

#[tokio::test]
async fn a_value_stays_in_its_group_and_a_refusal_takes_no_place() {
    let server = RedisServer::start();
    let store = server.store().await;
    let cap = Cap::new(2, IDLE).in_group(1, 2);
    let [one, other, more] = [1, 2, 3].map(key);
    assert_eq!(store.reserve(one, value("v"), TTL, cap).await.unwrap(), Reserved::Free);
    assert!(store.put(one, value("w"), TTL, Expect::Any).await.unwrap());
    assert_eq!(store.reserve(one, value("x"), TTL, cap).await.unwrap(), Reserved::There);
    assert_eq!(store.reserve(other, value("v"), TTL, Cap::new(2, IDLE)).await.unwrap(), Reserved::Free);
    assert!(matches!(store.reserve(more, value("v"), TTL, cap).await.unwrap(), Reserved::Full(_)));
    store.take(other).await.unwrap();
    assert_eq!(store.reserve(more, value("v"), TTL, cap).await.unwrap(), Reserved::Free);
    let wide = Cap::new(3, IDLE).in_group(1, 2);
    assert!(matches!(store.reserve(other, value("v"), TTL, wide).await.unwrap(), Reserved::Full(_)));
}

/// Those that are too many do not become more, and one gives way at a time.
#[tokio::test]
async fn a_cap_that_became_smaller_is_come_down_to() {
    let server = RedisServer::start();
    let store = server.store().await;
    let before = Cap::new(6, IDLE);
    for id in 1..=6 {
        let cap = if id > 3 { before } else { before.in_group(1, 6) };
        assert_eq!(store.reserve(key(id), value("v"), TTL, cap).await.unwrap(), Reserved::Free);
        store.advance(Duration::from_millis(10));
    }
    let smaller = Cap::new(2, IDLE);
    let full = store.reserve(key(7), value("v"), TTL, smaller).await.unwrap();
    assert!(matches!(full, Reserved::Full(wait) if !wait.is_zero()), "{full:?}");
    store.advance(IDLE);
    for (new, old, cap) in [(7, 1, smaller), (8, 2, smaller.in_group(1, 1)), (9, 4, smaller)] {
        // The oldest of all, the oldest of the group, and again of all, where it is the one after those.
        if old == 4 {
            store.take(key(3)).await.unwrap();
        }
        let reserved = store.reserve(key(new), value("v"), TTL, cap).await.unwrap();
        assert_eq!(reserved, Reserved::Evicted(key(old)));
        let mut count = 0;
        for id in 1..=9 {
            count += usize::from(there(&store, id).await);
        }
        assert_eq!(count, if old == 4 { 5 } else { 6 }, "one came, and one gave way");
    }
}

#[tokio::test]
async fn kinds_do_not_take_each_others_places_and_what_lives_never_gives_way() {
    let server = RedisServer::start();
    let store = server.store().await;
    let cap = Cap::new(1, Duration::MAX);
    for kind in [Kind::Session, Kind::Replica, Kind::Reader, Kind::State] {
        assert_eq!(store.reserve(Key::new(kind, 1), value("v"), TTL, cap).await.unwrap(), Reserved::Free);
    }
    store.advance(TTL / 2);
    let full = store.reserve(Key::new(Kind::State, 2), value("v"), TTL, cap).await.unwrap();
    let Reserved::Full(wait) = full else { panic!("none gives way") };
    assert!(wait <= TTL / 2);
    let none = Cap::new(0, IDLE);
    assert!(matches!(store.reserve(key(3), value("v"), TTL, none).await.unwrap(), Reserved::Full(_)));
}

#[tokio::test]
async fn nothing_is_left_of_what_was_taken_or_has_expired() {
    let server = RedisServer::start();
    let store = server.store().await;
    let cap = Cap::new(100, IDLE).in_group(1, 100);
    for id in 0..60 {
        store.reserve(key(id), value("v"), TTL, cap).await.unwrap();
    }
    for id in 0..30 {
        store.take(key(id)).await.unwrap();
    }
    store.advance(TTL);
    store.put(key(99), value("v"), TTL, Expect::Absent).await.unwrap();
    store.take(key(99)).await.unwrap();
    let keys: Vec<String> = server.ask(&["KEYS", "*:v*"]);
    assert!(keys.is_empty(), "{keys:?}");
    // What is counted lives no longer than it has to, either.
    store.put(key(1), value("v"), TTL, Expect::Any).await.unwrap();
    for key in server.ask::<Vec<String>>(&["KEYS", "*:v*"]) {
        let left: i64 = server.ask(&["TTL", &key]);
        assert!((61..=1_000).contains(&left), "{key}: {left} s");
    }
}
