//! The connections of a store in Redis: news, loss and recovery, and what is said when there is none.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use mcp_mount::stores::{
    Appended, Expect, Key, Kind, LogEntry, LogKey, LogLimits, LogNews, LogPlace, LogWatcher, StoreError,
};
use mcp_mount::{Redis, Store};
use tokio::time::{Instant, sleep, timeout};

use crate::redis_server::RedisServer;

pub const TTL: Duration = Duration::from_secs(60);

/// Longer than anything here takes.
pub const LONG: Duration = Duration::from_secs(15);

pub fn key(id: u128) -> Key {
    Key::new(Kind::State, id)
}

pub fn log(id: u128) -> LogKey {
    LogKey::new(1, id)
}

pub async fn append(store: &Redis, id: u128, place: LogPlace) -> Result<Appended, StoreError> {
    let entry = LogEntry::new(Bytes::from_static(b"said"), place);
    store.append(log(id), entry, LogLimits::new(10, 1_000, TTL)).await
}

/// What a watcher is told.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<LogNews>>>);

impl Told {
    pub fn of(store: &Redis) -> Self {
        let told = Self::default();
        let list = Arc::clone(&told.0);
        store.watch(LogWatcher::new(move |news| {
            list.lock().unwrap().push(news);
            true
        }));
        told
    }

    pub fn take(&self) -> Vec<LogNews> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub async fn until(&self, wanted: LogNews) {
        let told = async {
            while !self.0.lock().unwrap().contains(&wanted) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LONG, told).await.unwrap_or_else(|_| panic!("not told {wanted:?}"));
    }
}

/// Tries until it is answered, which takes as long as the connection is begun anew.
async fn recovered(store: &Redis) {
    let answered = async { while store.get(key(1), None).await.is_err() {} };
    timeout(LONG, answered).await.unwrap();
}

fn text(error: &StoreError) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

#[tokio::test]
async fn news_are_told_here_at_once_and_elsewhere_soon() {
    let server = RedisServer::start();
    let [here, there] = [server.store().await, server.store().await];
    let stranger = Redis::builder(&server.url()).prefix("other").connect().await.unwrap();
    let database = Redis::connect(&format!("{}/1", server.url())).await.unwrap();
    let told = [&here, &there, &stranger, &database].map(Told::of);
    append(&here, 1, LogPlace::First).await.unwrap();
    assert_eq!(told[0].take(), [LogNews::Touched(log(1))]);
    here.tell(log(2), u64::MAX).await.unwrap();
    here.forget(1).await.unwrap();
    assert_eq!(told[0].take(), [LogNews::Told(log(2), u64::MAX), LogNews::Touched(log(1))]);
    here.tell(log(3), 0).await.unwrap();
    told[1].until(LogNews::Told(log(3), 0)).await;
    let elsewhere = told[1].take();
    let expected = [LogNews::Touched(log(1)), LogNews::Told(log(2), u64::MAX), LogNews::Touched(log(1))];
    assert_eq!(elsewhere[..3], expected);
    there.tell(log(4), 4).await.unwrap();
    told[0].until(LogNews::Told(log(4), 4)).await;
    assert_eq!(told[0].take(), [LogNews::Told(log(3), 0), LogNews::Told(log(4), 4)], "nothing twice");
    stranger.tell(log(5), 5).await.unwrap();
    assert_eq!((told[2].take(), told[3].take()), (vec![LogNews::Told(log(5), 5)], vec![]));
    append(&stranger, 1, LogPlace::First).await.unwrap();
    assert!(here.read(log(1), 0, 1).await.unwrap().is_none(), "another prefix");
    assert!(database.read(log(1), 0, 1).await.unwrap().is_none(), "another database");
}

#[tokio::test]
async fn without_persistence_a_restart_is_another_epoch() {
    let mut server = RedisServer::start();
    let [store, other] = [server.store().await, server.store().await];
    let epoch = store.epoch().await.unwrap();
    assert_eq!(other.epoch().await.unwrap(), epoch);
    append(&store, 1, LogPlace::First).await.unwrap();
    store.put(key(1), Bytes::new(), TTL, Expect::Any).await.unwrap();
    let before = store.get(key(1), None).await.unwrap().unwrap().version;
    let told = [&store, &other].map(Told::of);
    server.down();
    let failed = append(&store, 1, LogPlace::Next).await.unwrap_err();
    assert!(text(&failed).contains(&format!("redis at 127.0.0.1:{}", server.port())), "{}", text(&failed));
    assert!(server.up());
    for told in &told {
        told.until(LogNews::Missed).await;
    }
    recovered(&store).await;
    let after = store.epoch().await.unwrap();
    assert_ne!(after, epoch);
    recovered(&other).await;
    assert_eq!(other.epoch().await.unwrap(), after);
    assert_eq!(append(&store, 1, LogPlace::Next).await.unwrap(), Appended::Closed);
    store.put(key(1), Bytes::new(), TTL, Expect::Any).await.unwrap();
    assert!(store.get(key(1), None).await.unwrap().unwrap().version > before, "no version is used again");
    told[0].take();
    other.tell(log(1), 1).await.unwrap();
    told[0].until(LogNews::Told(log(1), 1)).await;
}

#[tokio::test]
async fn what_is_always_written_is_there_after_a_restart() {
    let mut server = RedisServer::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store = server.store().await;
    let epoch = store.epoch().await.unwrap();
    append(&store, 1, LogPlace::First).await.unwrap();
    append(&store, 1, LogPlace::Next).await.unwrap();
    store.put(key(1), Bytes::from_static(b"kept"), TTL, Expect::Any).await.unwrap();
    let told = Told::of(&store);
    server.down();
    assert!(server.up());
    told.until(LogNews::Missed).await;
    recovered(&store).await;
    assert_eq!(store.epoch().await.unwrap(), epoch);
    assert_eq!(store.read(log(1), 0, 9).await.unwrap().unwrap().last, 2);
    assert_eq!(store.get(key(1), None).await.unwrap().unwrap().value, "kept");
    assert_eq!(append(&store, 1, LogPlace::Next).await.unwrap(), Appended::Seq(3));
    assert_eq!(server.store().await.epoch().await.unwrap(), epoch);
}

#[tokio::test]
async fn what_was_acknowledged_and_then_lost_is_another_epoch() {
    let mut server = RedisServer::with(&["--dbfilename", "dump.rdb"]);
    let [store, other] = [server.store().await, server.store().await];
    append(&store, 1, LogPlace::First).await.unwrap();
    let epoch = store.epoch().await.unwrap();
    server.ask::<String>(&["SAVE"]);
    for lost in [false, true] {
        if lost {
            append(&store, 1, LogPlace::Next).await.unwrap();
        }
        let told = [&store, &other].map(Told::of);
        server.down();
        assert!(server.up());
        for told in &told {
            told.until(LogNews::Missed).await;
        }
        recovered(&store).await;
        let after = store.epoch().await.unwrap();
        assert_eq!(after != epoch, lost);
        // Who has seen nothing of what was lost is told of the new one.
        let told = async {
            while other.epoch().await.unwrap() != after {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LONG, told).await.unwrap();
        assert_eq!(store.read(log(1), 0, 9).await.unwrap().unwrap().last, 1);
        assert_eq!(server.store().await.epoch().await.unwrap(), after);
    }
}

#[tokio::test]
async fn a_server_that_was_emptied_is_another_epoch() {
    let server = RedisServer::start();
    let [store, other] = [server.store().await, server.store().await];
    let epoch = store.epoch().await.unwrap();
    append(&store, 1, LogPlace::First).await.unwrap();
    let told = [&store, &other].map(Told::of);
    server.ask::<String>(&["FLUSHALL"]);
    assert!(store.read(log(1), 0, 1).await.unwrap().is_none());
    assert_ne!(store.epoch().await.unwrap(), epoch);
    // No connection was lost, and who reads has to look all the same.
    for told in &told {
        told.until(LogNews::Missed).await;
    }
    assert_eq!(other.epoch().await.unwrap(), store.epoch().await.unwrap());
    // Its scripts are sent again.
    server.ask::<String>(&["SCRIPT", "FLUSH"]);
    append(&store, 1, LogPlace::First).await.unwrap();
}

/// Whoever is left to notice it: a process that has only read what was lost.
#[tokio::test]
async fn what_was_read_and_then_lost_is_another_epoch() {
    let mut server = RedisServer::with(&["--dbfilename", "dump.rdb"]);
    let [store, other] = [server.store().await, server.store().await];
    append(&store, 1, LogPlace::First).await.unwrap();
    let epoch = store.epoch().await.unwrap();
    server.ask::<String>(&["SAVE"]);
    append(&store, 1, LogPlace::Next).await.unwrap();
    assert_eq!(other.read(log(1), 0, 9).await.unwrap().unwrap().last, 2);
    drop(store);
    let told = Told::of(&other);
    server.down();
    assert!(server.up());
    told.until(LogNews::Missed).await;
    recovered(&other).await;
    assert_eq!(other.read(log(1), 0, 9).await.unwrap().unwrap().last, 1);
    assert_ne!(other.epoch().await.unwrap(), epoch);
}

/// Whoever waits for news here is told of an append that nobody waits for: at once, since what it has published already was
/// taken for told, and again when it is published.
#[tokio::test]
async fn what_nobody_waits_for_is_told_here_too() {
    let server = RedisServer::start();
    let [store, other] = [server.store().await, server.store().await];
    // Redis knows the script.
    append(&store, 9, LogPlace::Only).await.unwrap();
    let [here, there] = [&store, &other].map(Told::of);
    // Dropped when it has been sent, and not carried out.
    server.pause();
    let mut appended = Box::pin(append(&store, 1, LogPlace::First));
    assert!((&mut appended).now_or_never().is_none());
    sleep(Duration::from_millis(100)).await;
    drop(appended);
    assert_eq!(here.take(), [LogNews::Touched(log(1))]);
    server.go_on();
    there.until(LogNews::Touched(log(1))).await;
    here.until(LogNews::Touched(log(1))).await;

    // Dropped only when it has been heard of.
    let store = server.store().await;
    let here = Told::of(&store);
    let mut appended = Box::pin(append(&store, 2, LogPlace::First));
    assert!((&mut appended).now_or_never().is_none());
    there.until(LogNews::Touched(log(2))).await;
    store.epoch().await.unwrap();
    other.tell(log(3), 3).await.unwrap();
    here.until(LogNews::Told(log(3), 3)).await;
    assert!(!here.take().contains(&LogNews::Touched(log(2))));
    drop(appended);
    assert_eq!(here.take(), [LogNews::Touched(log(2))]);

    // A word, and what is forgotten.
    drop(store.tell(log(4), 4).now_or_never());
    drop(store.forget(1).now_or_never());
    assert_eq!(here.take(), [LogNews::Told(log(4), 4), LogNews::Missed]);
    // What was answered is told once, and so is what was never sent.
    let store = server.store().await;
    let here = Told::of(&store);
    append(&store, 5, LogPlace::Only).await.unwrap();
    drop(append(&store, 6, LogPlace::Only));
    other.tell(log(7), 7).await.unwrap();
    here.until(LogNews::Told(log(7), 7)).await;
    assert_eq!(here.take().iter().filter(|news| **news == LogNews::Touched(log(5))).count(), 1);
}

#[tokio::test]
async fn a_paused_server_is_given_up_in_time_and_found_again() {
    let server = RedisServer::start();
    let store = server.store().await;
    append(&store, 1, LogPlace::First).await.unwrap();
    let told = Told::of(&store);
    server.pause();
    let begun = Instant::now();
    let operations = futures::future::join_all((0..20).map(|id| store.get(key(id), None)));
    assert!(operations.await.iter().all(Result::is_err));
    assert!(append(&store, 1, LogPlace::Next).await.is_err());
    assert!(store.epoch().await.is_err(), "it is not sure any more");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    server.go_on();
    told.until(LogNews::Missed).await;
    recovered(&store).await;
    assert!(matches!(append(&store, 1, LogPlace::Last).await.unwrap(), Appended::Seq(_)));
}

#[tokio::test]
async fn a_connection_that_is_silently_dead_is_found() {
    let server = RedisServer::start();
    let store = server.store().await;
    let told = Told::of(&store);
    server.pause();
    // Nothing is asked for: only the pings can tell.
    sleep(Duration::from_millis(5_500)).await;
    server.go_on();
    told.until(LogNews::Missed).await;
    recovered(&store).await;
}

#[tokio::test]
async fn an_operation_that_waits_for_a_restart_is_answered() {
    let mut server = RedisServer::start();
    let store = server.store().await;
    let told = Told::of(&store);
    server.down();
    assert!(server.up());
    // At once, whether the loss has been noticed or not.
    assert!(store.get(key(1), None).await.unwrap().is_none());
    told.until(LogNews::Missed).await;
}

#[tokio::test]
async fn there_are_two_connections_whatever_the_number_of_streams() {
    let server = RedisServer::start();
    let store = server.store().await;
    let _told: Vec<_> = (0..200).map(|_| Told::of(&store)).collect();
    let streams = (0..200).map(|id| {
        let store = store.clone();
        async move {
            append(&store, id, LogPlace::First).await?;
            store.read(LogKey::new(1, id), 0, 1).await.map(|page| page.is_some())
        }
    });
    // The group has 64 at most.
    let read = futures::future::join_all(streams).await;
    assert_eq!(read.iter().filter(|read| *read.as_ref().unwrap()).count(), 64);
    let clients = |server: &RedisServer| {
        let list: String = server.ask(&["CLIENT", "LIST"]);
        // But for the one that asks.
        list.lines().filter(|client| !client.contains("cmd=client|list")).count()
    };
    assert_eq!(clients(&server), 2);
    let other = server.store().await;
    assert_eq!(clients(&server), 4);
    let clone = other.clone();
    drop(other);
    assert_eq!(clients(&server), 4);
    drop(clone);
    let gone = async {
        while clients(&server) > 2 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, gone).await.unwrap();
    drop(store);
    let gone = async {
        while clients(&server) > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, gone).await.unwrap();
}

/// As workers of actix-web have one each: what a worker's runtime begins would end with it.
#[test]
fn a_runtime_that_ends_takes_no_connection_with_it() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = RedisServer::start();
    let (ready, store) = std::sync::mpsc::channel();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let url = server.url();
    let home = std::thread::Builder::new().spawn(move || {
        runtime().block_on(async {
            ready.send(Redis::connect(&url).await.unwrap()).unwrap();
            drop(ended.await);
        });
    });
    let store = store.recv().unwrap();
    let told = Told::of(&store);
    for round in 1..4 {
        let worker = runtime();
        worker.block_on(recovered(&store));
        let place = if round == 1 { LogPlace::First } else { LogPlace::Next };
        assert_eq!(worker.block_on(append(&store, 1, place)).unwrap(), Appended::Seq(round));
        if round == 2 {
            // The connection is begun anew while this worker, which ends, waits for it.
            told.take();
            server.ask::<u64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
            worker.block_on(recovered(&store));
            worker.block_on(told.until(LogNews::Missed));
        }
        drop(worker);
    }
    drop(end);
    home.unwrap().join().unwrap();
    let error = runtime().block_on(store.get(key(1), None)).unwrap_err();
    assert!(text(&error).contains("redis at 127.0.0.1"), "an error, and no waiting for ever");
    drop(store);
    drop(server);
}
