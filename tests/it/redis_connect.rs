//! Connecting to Redis: who may, what is said when it cannot be, and servers that are not as usual.

use std::time::Duration;

use bytes::Bytes;
use mcp_mount::stores::{Appended, Cap, Expect, LogEntry, LogLimits, LogNews, LogPlace, Reserved, StoreError};
use mcp_mount::{Redis, Store};
use tokio::time::{Instant, sleep, timeout};

use crate::logs::Log;
use crate::redis_lines::{LONG, TTL, Told, append, key, log};
use crate::redis_server::{RedisServer, free_port};

#[tokio::test]
async fn a_login_that_is_refused_is_named_without_the_password() {
    let server = RedisServer::with_password("right", &[]);
    assert!(server.store().await.get(key(1), None).await.unwrap().is_none());
    let wrong = server.url().replace("right", "s3cret");
    let error = Redis::connect(&wrong).await.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", Redis::builder(&wrong));
    assert!(shown.contains(&format!("127.0.0.1:{}", server.port())), "{shown}");
    assert!(!shown.contains("s3cret") && !shown.contains("right"), "{shown}");
    server.ask::<String>(&["ACL", "SETUSER", "app", "on", ">pass", "~{app}*", "&{app}*", "+@all", "-@dangerous"]);
    let url = format!("redis://app:pass@127.0.0.1:{}/2", server.port());
    let store = Redis::builder(&url).prefix("app").connect().await.unwrap();
    append(&store, 1, LogPlace::Only).await.unwrap();
    store.put(key(1), Bytes::new(), TTL, Expect::Any).await.unwrap();
    store.epoch().await.unwrap();
    assert!(Redis::connect(&url).await.is_err(), "another prefix is not allowed to this user");
}

/// A user as the documentation has it.
fn documented_user(server: &RedisServer) -> String {
    let line = include_str!("../../src/store/redis.rs").lines().find_map(|line| line.strip_prefix("/// ACL SETUSER "));
    let mut command = vec!["ACL", "SETUSER"];
    command.extend(line.expect("it says what a user needs").split(' '));
    server.ask::<String>(&command);
    format!("redis://app:password@127.0.0.1:{}", server.port())
}

/// All that a store does.
async fn does_all(store: &Redis) -> Result<(), StoreError> {
    let cap = Cap::new(2, Duration::ZERO).in_group(1, 1);
    for id in 1..4 {
        store.reserve(key(id), Bytes::new(), TTL, cap).await?;
        store.put(key(id), Bytes::new(), TTL, Expect::Any).await?;
        store.get(key(id), Some(TTL)).await?;
    }
    store.take(key(3)).await?;
    // More than the group may have, and more than there is room for, so that all that there is to do is done.
    for id in 0..70 {
        for place in [LogPlace::First, LogPlace::Next, LogPlace::Next, LogPlace::Last] {
            let entry = LogEntry::new(Bytes::from(vec![b'x'; 1_000]), place).about(Bytes::from_static(b"about"));
            store.append(log(id), entry, LogLimits::new(2, 10_000, TTL)).await?;
        }
    }
    store.keep(log(69), TTL).await?;
    store.read(log(69), 0, 9).await?.expect("it is there");
    store.advance(TTL * 2);
    append(store, 1, LogPlace::Only).await?;
    store.reserve(key(5), Bytes::new(), TTL, cap).await?;
    store.forget(1).await?;
    store.tell(log(1), 1).await?;
    store.epoch().await.map(drop)
}

#[tokio::test]
async fn the_user_that_is_documented_can_do_all() {
    let captured = Log::default();
    let _listening = captured.listen();
    let server = RedisServer::start();
    let url = documented_user(&server);
    let [store, other] = [0, 1].map(|_| Redis::builder(&url).log_budget(40_000).connect());
    let [store, other] = [store.await.unwrap(), other.await.unwrap()];
    let told = Told::of(&other);
    does_all(&store).await.unwrap();
    told.until(LogNews::Told(log(1), 1)).await;
    assert!(!captured.text().contains("WARN"), "{}", captured.text());
    // What it does not need it may not do, so that the list is no longer than it has to be.
    let denied: Vec<Vec<redis::Value>> = server.ask(&["ACL", "LOG"]);
    let denied = format!("{denied:?}");
    assert!(!denied.contains("evalsha") && !denied.contains("subscribe"), "{denied}");
}

/// As commands that `INFO` is renamed to, or that a proxy does not know.
#[tokio::test]
async fn who_may_not_ask_is_warned_once() {
    let captured = Log::default();
    let _listening = captured.listen();
    let server = RedisServer::start();
    let url = documented_user(&server);
    server.ask::<String>(&["ACL", "SETUSER", "app", "-info"]);
    let store = Redis::connect(&url).await.unwrap();
    does_all(&store).await.unwrap();
    let warnings = |captured: &Log| captured.text().lines().filter(|line| line.contains("`INFO`")).count();
    assert_eq!(warnings(&captured), 1, "{}", captured.text());
    let warning = captured.text();
    let warning = warning.lines().find(|line| line.contains("`INFO`")).unwrap();
    assert!(warning.contains("WARN") && warning.contains(&server.port().to_string()), "{warning}");
    assert!(!captured.text().contains("password"));
    // Nor when the connection is begun anew.
    let told = Told::of(&store);
    server.ask::<u64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    told.until(LogNews::Missed).await;
    does_all(&store).await.unwrap();
    assert_eq!(warnings(&captured), 1, "{}", captured.text());
}

/// As one that was started together with the application.
#[tokio::test]
async fn a_server_that_reads_what_it_has_kept_is_waited_for() {
    let mut server = RedisServer::with(&["--dbfilename", "dump.rdb", "--key-load-delay", "0"]);
    let store = server.store().await;
    store.put(key(1), Bytes::from_static(b"kept"), TTL, Expect::Any).await.unwrap();
    let fill = "for i = 1, 3000 do redis.call('SET', 'other:' .. i, i) end";
    server.ask::<()>(&["EVAL", fill, "0"]);
    server.ask::<String>(&["SAVE"]);
    drop(store);
    server.down();
    // A key a millisecond, and about every tenth of them the server looks whether somebody asks for something.
    server.add(&["--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024"]);
    let begun = Instant::now();
    assert!(server.up_loading());
    let store = server.store().await;
    assert_eq!(store.get(key(1), None).await.unwrap().unwrap().value, "kept");
    assert!(begun.elapsed() > Duration::from_secs(1), "it was not slow, and this shows nothing");
}

/// It refuses what takes memory, each time as a whole.
#[tokio::test]
async fn a_server_without_memory_refuses_what_takes_some() {
    let server = RedisServer::start();
    let store = server.store().await;
    let cap = Cap::new(9, TTL * 9);
    append(&store, 1, LogPlace::First).await.unwrap();
    append(&store, 2, LogPlace::Only).await.unwrap();
    store.put(key(1), Bytes::new(), TTL, Expect::Any).await.unwrap();
    store.put(key(2), Bytes::new(), TTL * 9, Expect::Any).await.unwrap();
    // The second log and the first value expire, and would be swept.
    store.advance(TTL / 2);
    assert!(store.keep(log(1), TTL).await.unwrap());
    store.advance(TTL / 2);
    let digest = || server.ask::<String>(&["DEBUG", "DIGEST"]);
    let before = digest();
    server.ask::<String>(&["CONFIG", "SET", "maxmemory", "1"]);
    for failed in [
        append(&store, 1, LogPlace::Next).await.map(drop),
        append(&store, 3, LogPlace::First).await.map(drop),
        store.put(key(2), Bytes::new(), TTL, Expect::Any).await.map(drop),
        store.put(key(3), Bytes::new(), TTL, Expect::Absent).await.map(drop),
        store.reserve(key(4), Bytes::new(), TTL, cap).await.map(drop),
    ] {
        let error = std::error::Error::source(&failed.expect_err("it takes memory")).unwrap().to_string();
        assert!(error.contains("maxmemory"), "{error}");
    }
    assert_eq!(digest(), before, "nothing was done");
    // What takes none is done.
    assert_eq!(append(&store, 9, LogPlace::Next).await.unwrap(), Appended::Closed);
    assert!(!store.put(key(2), Bytes::new(), TTL, Expect::Absent).await.unwrap());
    assert_eq!(store.reserve(key(2), Bytes::new(), TTL, cap).await.unwrap(), Reserved::There);
    assert_eq!(store.read(log(1), 0, 9).await.unwrap().unwrap().last, 1);
    store.take(key(2)).await.unwrap().expect("it is there");
    store.forget(1).await.unwrap();
    server.ask::<String>(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(append(&store, 1, LogPlace::First).await.unwrap(), Appended::Seq(1));
}

#[tokio::test]
async fn mistakes_are_named() {
    let begun = Instant::now();
    let nobody = format!("redis://:s3cret@127.0.0.1:{}", free_port());
    for (url, named) in [
        (nobody.as_str(), "redis at 127.0.0.1"),
        ("redis://:s3cret@nowhere.invalid", "redis at nowhere.invalid:6379"),
        ("http://:s3cret@localhost", "its URL cannot be used"),
        ("redis://:s3cret@localhost/x", "its URL cannot be used"),
        ("s3cret", "its URL cannot be used"),
    ] {
        let error = Redis::connect(url).await.unwrap_err().to_string();
        assert!(error.contains(named) && !error.contains("s3cret"), "{error}");
    }
    assert!(begun.elapsed() < LONG);
    let error = Redis::builder("redis://localhost").prefix("a}b").connect().await.unwrap_err();
    assert!(error.to_string().contains("prefix"), "{error}");
}

#[test]
fn it_is_connected_within_a_runtime() {
    let error = futures::executor::block_on(Redis::connect("redis://localhost")).unwrap_err();
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}

#[tokio::test]
async fn one_node_of_a_cluster_will_do() {
    let server = RedisServer::with(&["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]);
    server.ask::<String>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    let ready = async {
        while !server.ask::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok") {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, ready).await.unwrap();
    let [store, other] = [server.store().await, server.store().await];
    let told = Told::of(&other);
    let cap = mcp_mount::stores::Cap::new(1, Duration::ZERO).in_group(1, 1);
    for id in 0..3 {
        store.reserve(key(id), Bytes::new(), TTL, cap).await.unwrap();
        store.put(key(id), Bytes::new(), TTL, Expect::Any).await.unwrap();
        store.get(key(id), Some(TTL)).await.unwrap();
        append(&store, id, LogPlace::First).await.unwrap();
        append(&store, id, LogPlace::Last).await.unwrap();
        assert!(store.keep(log(id), TTL).await.unwrap());
        assert_eq!(other.read(log(id), 0, 9).await.unwrap().unwrap().entries.len(), 2);
    }
    // While all is there: this node has every slot, so it would serve names that others of a cluster would not.
    one_slot(&server);
    store.take(key(2)).await.unwrap().unwrap();
    store.forget(1).await.unwrap();
    store.tell(log(7), 7).await.unwrap();
    told.until(LogNews::Told(log(7), 7)).await;
    assert_eq!(store.epoch().await.unwrap(), other.epoch().await.unwrap());
    one_slot(&server);
}

/// Every name begins with the prefix in braces, and is in its slot.
fn one_slot(server: &RedisServer) {
    let (mut cursor, mut names) = ("0".to_owned(), Vec::new());
    loop {
        let (next, some): (String, Vec<String>) = server.ask(&["SCAN", &cursor, "COUNT", "1000"]);
        names.extend(some);
        cursor = next;
        if cursor == "0" {
            break;
        }
    }
    let slot = |name: &str| server.ask::<u64>(&["CLUSTER", "KEYSLOT", name]);
    let ours = slot("{mcp-mount}");
    assert!(names.len() > 4, "{names:?}");
    for name in &names {
        assert!(name.starts_with("{mcp-mount}") && slot(name) == ours, "{name} is elsewhere");
    }
}
