//! What is kept for who comes back: how much, by whom, and what happens when it is not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use mcp_mount::{
    Args, Context, Limits, Mcp, Memory, Sessions, Store,
    stores::{
        Appended, Cap, Expect, Key, LogEntry, LogKey, LogLimits, LogPage, LogWatcher, Reserved, StoreError,
        StoreFuture, Stored,
    },
    tool_fn,
};
use serde_json::json;

use crate::{
    rig::{Session, patient, server_with, session},
    suite::resuming::{Gate, begins_after, events, rest, short},
    support::{call, legacy, message, modern_call, secs},
};

/// Counts what is done with logs, and fails when it is told to.
#[derive(Clone, Default)]
struct Counting(Arc<Inner>);

#[derive(Default)]
struct Inner {
    memory: Memory,
    appended: AtomicUsize,
    forgotten: AtomicUsize,
    fails: AtomicBool,
}

impl Counting {
    fn appended(&self) -> usize {
        self.0.appended.swap(0, SeqCst)
    }
}

impl Store for Counting {
    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        self.0.memory.get(key, touch)
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        self.0.memory.put(key, value, ttl, expect)
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        self.0.memory.take(key)
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        self.0.memory.reserve(key, value, ttl, cap)
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        self.0.appended.fetch_add(1, SeqCst);
        if self.0.fails.load(SeqCst) {
            return StoreFuture::Boxed(Box::pin(async { Err(StoreError::new("out of order")) }));
        }
        // As a store elsewhere does: not at once.
        StoreFuture::Boxed(Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.memory.append(log, entry, limits).await
        }))
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        StoreFuture::Boxed(Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.memory.read(log, after, max).await
        }))
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        self.0.memory.keep(log, ttl)
    }

    fn watch(&self, watcher: LogWatcher) {
        self.0.memory.watch(watcher);
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        self.0.memory.tell(log, word)
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        self.0.memory.epoch()
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        self.0.forgotten.fetch_add(1, SeqCst);
        self.0.memory.forget(group)
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Sizes {
    sizes: Vec<usize>,
}

#[tokio::test(start_paused = true)]
async fn the_oldest_gives_way_and_the_client_is_told() {
    let gate = Gate::new();
    let heavy = tool_fn("heavy", "Say large things", |ctx: Context| async move {
        for n in 0..6 {
            ctx.info(format!("{n}{}", "x".repeat(1_000))).await;
        }
        "done"
    });
    let limits = [patient().log_events(4), patient().log_bytes(4_000)];
    for (limits, tool, missing) in [(limits[0], "talk", 4), (limits[1], "heavy", 4)] {
        let mcp = server_with([gate.tool(), heavy.clone()], |mcp| mcp.limits(limits));
        let session = session(&mcp).await;
        let heard = events(&mut session.post(call(tool, json!({"script": "mmmmmm"}))).open(&mcp).await).await;
        let ids: Vec<_> = heard.iter().map(|event| event.id.as_deref().unwrap()).collect();
        assert_eq!(ids.len(), 8);
        for (at, id) in ids[..7].iter().enumerate() {
            let mut resumed = session.resume(id).await;
            assert_eq!(begins_after(&resumed), ids[at.max(missing - 1)], "{tool}: what really comes before");
            assert_eq!(events(&mut resumed).await, heard[at.max(missing - 1) + 1..], "{tool}");
        }
    }
}

/// In memory a whole stream is recorded in one go, which may come to an end in the middle.
#[tokio::test(start_paused = true)]
async fn a_stream_is_recorded_as_far_as_there_is_room_and_has_ids_so_far() {
    let says = tool_fn("says", "Say so many letters each time", |ctx: Context, Args(Sizes { sizes })| async move {
        let mut texts: Vec<_> = sizes.into_iter().map(|size| "x".repeat(size)).collect();
        let answer = texts.pop().unwrap_or_default();
        for text in texts {
            ctx.info(text).await;
        }
        answer
    });
    let store = Arc::new(Memory::with_log_budget(3_000));
    let mcp = server_with([says], |mcp| mcp.store(store).limits(patient()));
    for (revision, primer) in [("2025-11-25", 1), ("2025-06-18", 0)] {
        for too_large in 0..=4 {
            // Each in a session of its own. Sizes tell the messages apart.
            let session = Session::open(&mcp, revision, None).await;
            let mut sizes = [1, 2, 3, 4, 5];
            sizes[too_large] = 5_000;
            let mut stream = session.post(call("says", json!({"sizes": sizes}))).open(&mcp).await;
            assert!(stream.length().is_some(), "in one piece");
            let heard = events(&mut stream).await;
            let lengths: Vec<_> = heard[primer..].iter().map(|event| short(&event.json()).len()).collect();
            assert_eq!(lengths, sizes, "all of it is sent");
            let has_ids: Vec<_> = heard.iter().map(|event| event.id.is_some()).collect();
            let kept = primer + too_large;
            assert_eq!(has_ids, (0..primer + 5).map(|at| at < kept).collect::<Vec<_>>(), "{revision}, {sizes:?}");
            for at in 0..kept {
                let mut resumed = session.resume(heard[at].id.as_deref().unwrap()).await;
                assert_eq!(begins_after(&resumed), heard[at].id.as_deref().unwrap());
                let again: Vec<_> = resumed.listen(secs(1)).await.into_iter().filter(|event| !event.comment).collect();
                assert_eq!(again, heard[at + 1..kept], "{revision}, {sizes:?}: what is kept, each once");
            }
            session.delete().to(&mcp).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_gave_way_under_a_reader_is_not_left_out_in_silence() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp.limits(patient().log_events(4)));
    let session = session(&mcp).await;
    let heard = events(&mut session.talk("mcwmmmmmmmm").open(&mcp).await).await;
    let id = heard[0].id.as_deref().unwrap();
    let mut unread = session.resume(id).await;
    assert_eq!(unread.message().await.map(|message| short(&message)).as_deref(), Some("0"));
    gate.open();
    crate::support::pass(Duration::from_millis(1)).await;
    unread.breaks().await;
    let mut again = session.resume(heard[1].id.as_deref().unwrap()).await;
    assert_ne!(begins_after(&again), heard[1].id.as_deref().unwrap());
    assert_eq!(rest(&mut again).await, ["8", "9", "10", "done"]);
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_log_makes_none() {
    let (gate, store) = (Gate::new(), Counting::default());
    let mcp = gate.server(|mcp| mcp.store(store.clone()));
    let session = session(&mcp).await;
    let old = Session::open(&mcp, "2024-11-05", None).await;
    let talk = || call("talk", json!({"script": "myym"}));
    for (name, ask) in [
        ("a plain call", session.talk("")),
        ("a plain call that waits", session.talk("yys")),
        ("a list", session.post(message(1, "tools/list", json!({})))),
        ("a client without streams", session.talk("myym").header("accept", "application/json")),
        ("a client without ids", old.post(talk())),
        ("no session", legacy(talk())),
        ("2026-07-28", modern_call("talk", json!({"script": "myym"}))),
    ] {
        let reply = ask.to(&mcp).await;
        assert_eq!((reply.status.as_u16(), store.appended()), (200, 0), "{name}: {reply}");
    }
    for script in ["mm", "mym", "myym"] {
        session.talk(script).to(&mcp).await;
        assert_eq!(store.appended(), 4, "the beginning, two messages, the answer");
    }
    session.delete().to(&mcp).await;
    assert_eq!(store.0.forgotten.load(SeqCst), 2, "its streams and, since the store is shared, its letters");
}

#[tokio::test(start_paused = true)]
async fn without_its_store_a_stream_is_as_good_as_it_can_be() {
    let (gate, store) = (Gate::new(), Counting::default());
    let mcp = gate.server(|mcp| mcp.store(store.clone()));
    let session = session(&mcp).await;
    store.0.fails.store(true, SeqCst);
    for script in ["mm", "mym", "myym", "ymcym", "ymcyym"] {
        let heard = events(&mut session.talk(script).open(&mcp).await).await;
        assert!(heard.iter().all(|event| event.id.is_none() && event.retry.is_none()), "{heard:?}");
        let said: Vec<_> = heard.iter().map(|event| short(&event.json())).collect();
        assert_eq!((said.len(), said[2].as_str()), (3, "done"), "{script}: {said:?}");
        // As long as a store that is restarted may take, and not for each message anew.
        assert!((15..30).contains(&store.appended()), "it is tried for ten seconds");
    }
    store.0.fails.store(false, SeqCst);
    let mut stream = session.talk("mwmwm").open(&mcp).await;
    let first = crate::suite::resuming::next(&mut stream).await.id.unwrap();
    assert_eq!(stream.next().await.map(|event| event.id.is_some()), Some(true));
    store.0.fails.store(true, SeqCst);
    gate.open();
    assert_eq!(stream.next().await.map(|event| event.id), Some(None), "what was not kept has no id");
    store.0.fails.store(false, SeqCst);
    gate.open();
    let rest = events(&mut stream).await;
    assert!(rest.len() == 2 && rest.iter().all(|event| event.id.is_none()), "nor has what comes after it: {rest:?}");
    assert_eq!(short(&session.resume(&first).await.message().await.unwrap()), "0", "what was kept is there");
}

#[test]
fn a_setting_that_can_never_work_is_named() {
    type Wrong = (&'static str, fn(Mcp) -> Mcp);
    let builds = |configure: fn(Mcp) -> Mcp| configure(Mcp::new("demo", "1.0.0")).build().map(drop);
    let too_short: [Wrong; 7] = [
        ("log_events", |mcp| mcp.limits(Limits::new().log_events(0))),
        ("log_bytes", |mcp| mcp.limits(Limits::new().log_bytes(0))),
        ("log_budget", |mcp| mcp.limits(Limits::new().log_budget(1_000))),
        ("log_ttl", |mcp| mcp.limits(Limits::new().log_ttl(Duration::ZERO))),
        // A state says when it ends in whole seconds.
        ("ask_timeout is less than a second", |mcp| mcp.limits(Limits::new().ask_timeout(Duration::ZERO))),
        ("ask_timeout is less than a second", |mcp| mcp.limits(Limits::new().ask_timeout(Duration::from_millis(999)))),
        ("retry_interval", |mcp| mcp.sessions(Sessions::new().retry_interval(Duration::ZERO))),
    ];
    for (name, configure) in too_short {
        let error = builds(configure).expect_err(name).to_string();
        assert!(error.contains(name), "{error}");
    }
    assert!(builds(|mcp| mcp.limits(Limits::new().log_ttl(Duration::MAX))).is_ok());
    assert!(builds(|mcp| mcp.limits(Limits::new().ask_timeout(Duration::from_secs(1)))).is_ok());
}
