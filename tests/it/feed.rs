//! Changes that are told on one replica and heard on others, through the store that they share.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use mcp_mount::stores::{
    Appended, Cap, Expect, Key, LogEntry, LogKey, LogLimits, LogPage, LogWatcher, Reserved, StoreError, StoreFuture,
    Stored,
};
use mcp_mount::{Limits, Mcp, McpService, Memory, Store, tool_fn};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    rig::{Session, session},
    suite::resuming::{begins_after, next},
    support::{Live, modern_call, pass, secs, soon},
    told::{changing, everything, listen, listening, server_with, told},
};

const NOTHING: [&str; 0] = [];

/// What replicas share, as one of them sees it.
#[derive(Clone)]
struct Handle {
    store: Arc<Inner>,
    /// Whether it can be reached from here.
    down: Arc<AtomicBool>,
    reads: Arc<AtomicUsize>,
    operations: Arc<AtomicUsize>,
}

struct Inner {
    memory: Memory,
    shared: bool,
    epoch: AtomicU64,
    /// Whether logs expire although they are kept alive.
    forgets: AtomicBool,
    groups: Mutex<HashSet<u128>>,
}

impl Handle {
    fn new(shared: bool) -> Self {
        let store = Inner {
            memory: Memory::new(),
            shared,
            epoch: AtomicU64::new(7),
            forgets: AtomicBool::new(false),
            groups: Mutex::default(),
        };
        Self { store: Arc::new(store), down: Arc::default(), reads: Arc::default(), operations: Arc::default() }
    }

    /// The same store, for another replica.
    fn replica(&self) -> Self {
        Self { store: self.store.clone(), down: Arc::default(), reads: Arc::default(), operations: Arc::default() }
    }

    fn server(&self) -> McpService {
        server_with(|mcp| mcp.store(self.clone()))
    }

    /// All logs are gone.
    fn lose(&self) {
        let groups = std::mem::take(&mut *self.store.groups.lock().unwrap());
        for group in groups {
            drop(self.store.memory.forget(group));
        }
    }

    fn ask<'a, T: Send + 'a>(&'a self, operation: impl FnOnce(&'a Memory) -> StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        self.operations.fetch_add(1, SeqCst);
        if self.down.load(SeqCst) {
            return StoreFuture::Boxed(Box::pin(async { Err(StoreError::new("out of reach")) }));
        }
        operation(&self.store.memory)
    }
}

impl Store for Handle {
    fn is_shared(&self) -> bool {
        self.store.shared
    }

    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        self.store.memory.get(key, touch)
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        self.store.memory.put(key, value, ttl, expect)
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        self.store.memory.take(key)
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        self.store.memory.reserve(key, value, ttl, cap)
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        self.store.groups.lock().unwrap().insert(log.group);
        self.ask(|memory| memory.append(log, entry, limits))
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        self.reads.fetch_add(1, SeqCst);
        self.ask(|memory| memory.read(log, after, max))
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        let forgets = self.store.forgets.load(SeqCst);
        self.ask(|memory| if forgets { StoreFuture::ready(true) } else { memory.keep(log, ttl) })
    }

    fn watch(&self, watcher: LogWatcher) {
        self.operations.fetch_add(1, SeqCst);
        self.store.memory.watch(watcher);
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        self.ask(|memory| memory.tell(log, word))
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        let epoch = self.store.epoch.load(SeqCst);
        self.ask(|_| StoreFuture::ready(epoch))
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        self.ask(|memory| memory.forget(group))
    }
}

/// Two replicas, and what each has of their store.
fn two() -> ([McpService; 2], [Handle; 2]) {
    let one = Handle::new(true);
    let handles = [one.replica(), one.replica()];
    (handles.each_ref().map(Handle::server), handles)
}

/// The same session, on another replica.
fn moved(session: &Session, mcp: &McpService) -> Session {
    let mut moved = session.clone();
    moved.mcp = mcp.clone();
    moved
}

/// A GET stream that asked for `test://a`, and a `subscriptions/listen`.
async fn streams(mcp: &McpService) -> [Live; 2] {
    let session = session(mcp).await;
    session.subscribed("test://a").await;
    [session.stream().await, listening(mcp, 1, everything()).await]
}

async fn sorted(stream: &mut Live) -> Vec<String> {
    let mut told = told(stream).await;
    told.sort();
    told
}

const ALL: [&str; 4] = ["prompts", "resources", "test://a", "tools"];

#[tokio::test(start_paused = true)]
async fn what_is_told_on_one_replica_is_heard_on_all_once_and_in_order() {
    let ([a, b], _) = two();
    let mut heard = [streams(&a).await, streams(&b).await];
    for here in [&a, &b, &a] {
        here.notify().tools_list_changed();
        for _ in 0..3 {
            here.notify().resource_updated("test://a");
            here.notify().resource_updated("test://unheard");
            here.notify().prompts_list_changed();
        }
        for stream in heard.iter_mut().flatten() {
            assert_eq!(told(stream).await, ["tools", "test://a", "prompts"]);
            assert_eq!(told(stream).await, NOTHING, "and not again");
        }
    }
    a.notify().prompts_list_changed();
    b.notify().tools_list_changed();
    let mut orders = HashSet::new();
    for stream in heard.iter_mut().flatten() {
        orders.insert(told(stream).await);
    }
    assert_eq!(orders.len(), 1, "all agree on what came first: {orders:?}");
}

#[tokio::test(start_paused = true)]
async fn it_is_heard_at_once() {
    let ([a, b], _) = two();
    let mut stream = listening(&b, 1, everything()).await;
    let mut own = listening(&a, 1, everything()).await;
    let begun = Instant::now();
    a.notify().tools_list_changed();
    for stream in [&mut stream, &mut own] {
        soon("news", stream.message()).await.expect("open");
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_told_of_what_comes_after_it() {
    let ([a, b], _) = two();
    a.notify().tools_list_changed();
    pass(secs(1)).await;
    let mut heard = streams(&b).await;
    for stream in &mut heard {
        assert_eq!(told(stream).await, NOTHING);
    }
    a.notify().prompts_list_changed();
    for stream in &mut heard {
        assert_eq!(told(stream).await, ["prompts"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_streams_are_told_by_one_read() {
    let ([a, b], [_, reads]) = two();
    let mut open = Vec::new();
    for _ in 0..1_000 {
        let session = session(&b).await;
        session.subscribed("test://a").await;
        open.push(session.stream().await);
    }
    // Their pulses do not read logs, and nothing else is due within the next seconds.
    pass(secs(16)).await;
    for _ in 0..3 {
        let before = reads.reads.load(SeqCst);
        a.notify().resource_updated("test://a");
        let heard = futures::future::join_all(open.iter_mut().map(|stream| stream.listen(Duration::from_millis(10))));
        let told = heard.await.iter().flatten().filter(|event| event.data.contains("test://a")).count();
        assert_eq!((told, reads.reads.load(SeqCst) - before), (1_000, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_to_another_replica_misses_nothing_and_hears_nothing_twice() {
    let ([a, b], _) = two();
    let here = session(&a).await;
    here.subscribed("test://a").await;
    let there = moved(&here, &b);
    let mut stream = here.stream().await;
    let primer = next(&mut stream).await.id.unwrap();
    a.notify().tools_list_changed();
    let id = next(&mut stream).await.id.unwrap();
    drop(stream);
    let mut ids = HashSet::from([primer.clone(), id.clone()]);
    a.notify().resource_updated("test://a");
    b.notify().prompts_list_changed();
    pass(secs(1)).await;
    for (from, expected) in [(&id, &["test://a", "prompts"][..]), (&primer, &["tools", "test://a", "prompts"][..])] {
        for session in [&there, &here] {
            let mut resumed = session.resume(from).await;
            assert_eq!(begins_after(&resumed), from);
            let position = next(&mut resumed).await.id.unwrap();
            assert!(ids.insert(position.clone()), "{position} was there before, be it on another replica");
            assert_eq!(told(&mut resumed).await, expected);
        }
    }
    // On and on, each event on the other replica.
    let (mut last, sessions) = (id, [&there, &here]);
    let mut stream = there.resume(&last).await;
    for at in 0..6 {
        sessions[at % 2].mcp.notify().resource_updated("test://a");
        let events = stream.listen(secs(1)).await;
        let with_data: Vec<_> = events.iter().filter(|event| !event.data.is_empty()).collect();
        assert_eq!(with_data.len(), if at == 0 { 3 } else { 1 }, "{events:?}");
        last = events.last().and_then(|event| event.id.clone()).unwrap();
        drop(stream);
        stream = sessions[(at + 1) % 2].resume(&last).await;
        assert_eq!(begins_after(&stream), last);
    }
    assert_eq!(told(&mut stream).await, NOTHING);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_new_goes_on_for_the_clients_of_others() {
    let ([a, _], [handle, _]) = two();
    let session = session(&a).await;
    session.subscribed("test://a").await;
    let primer = next(&mut session.stream().await).await.id.unwrap();
    for n in 0..500 {
        a.notify().resource_updated(format!("other://{n}"));
    }
    a.notify().resource_updated("test://a");
    pass(secs(1)).await;
    let late = handle.replica().server();
    let mut resumed = moved(&session, &late).resume(&primer).await;
    assert_eq!(begins_after(&resumed), primer);
    assert_eq!(told(&mut resumed).await, ["test://a"]);
    drop(a);
    let latest = handle.replica().server();
    let again = moved(&session, &latest).resume(&primer).await;
    assert_eq!(begins_after(&again), primer, "whoever appended it may have ended");
}

#[tokio::test(start_paused = true)]
async fn what_is_only_on_its_way_is_known_before_a_stream_is_resumed() {
    let ([a, b], [_, handle]) = two();
    let here = session(&a).await;
    here.subscribed("test://a").await;
    let mut stream = here.stream().await;
    let idle = listening(&b, 1, everything()).await;
    // It hears of nothing until it looks.
    handle.down.store(true, SeqCst);
    a.notify().resource_updated("test://a");
    let id = stream.listen(secs(1)).await.last().and_then(|event| event.id.clone()).unwrap();
    handle.down.store(false, SeqCst);
    let resumed = moved(&here, &b).resume(&id).await;
    assert_eq!(begins_after(&resumed), id);
    drop(idle);
    let (head, number) = id.rsplit_once('-').unwrap();
    let ahead = format!("{head}-{}", number.parse::<u64>().unwrap() + 1);
    let resumed = moved(&here, &b).resume(&ahead).await;
    assert_eq!(begins_after(&resumed), "earliest", "a number that nobody has given out");
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_down_changes_wait_and_open_streams_stay() {
    let ([a, b], [down, other]) = two();
    let mut heard = [streams(&a).await, streams(&b).await];
    for stream in heard.iter_mut().flatten() {
        assert_eq!(told(stream).await, NOTHING);
    }
    let session = session(&a).await;
    for handle in [&down, &other] {
        handle.down.store(true, SeqCst);
    }
    for round in 0..30 {
        a.notify().tools_list_changed();
        a.notify().resource_updated("test://a");
        if round % 10 == 0 {
            let refused = session.get().to(&a).await;
            assert_eq!(refused.status, 503, "{refused}");
            assert!(refused.header("retry-after").is_some(), "{refused}");
            assert_eq!(listen(1, everything()).to(&b).await.status, 503);
        }
        pass(secs(1)).await;
    }
    for handle in [&down, &other] {
        handle.down.store(false, SeqCst);
    }
    let begun = Instant::now();
    for stream in heard.iter_mut().flatten() {
        let news = [soon("news", stream.message()).await.unwrap(), soon("news", stream.message()).await.unwrap()];
        assert!(news[0].to_string().contains("tools") && news[1].to_string().contains("test://a"), "{news:?}");
    }
    assert!(begun.elapsed() <= secs(15), "{:?}", begun.elapsed());
    for stream in heard.iter_mut().flatten() {
        assert_eq!(told(stream).await, NOTHING, "each once");
        assert!(!stream.ended);
    }
    session.stream().await;
}

#[tokio::test(start_paused = true)]
async fn too_much_while_the_store_is_down_is_everything() {
    for distinct in [900, 1_100] {
        let ([a, b], [down, _]) = two();
        let mut heard = [streams(&a).await, streams(&b).await];
        for stream in heard.iter_mut().flatten() {
            assert_eq!(told(stream).await, NOTHING);
        }
        down.down.store(true, SeqCst);
        for n in 0..distinct {
            a.notify().resource_updated(format!("other://{n}"));
        }
        pass(secs(30)).await;
        down.down.store(false, SeqCst);
        pass(secs(6)).await;
        for [get, listen] in &mut heard {
            let everything = sorted(get).await;
            assert_eq!(everything, if distinct > 1_000 { ALL.to_vec() } else { vec![] }, "{distinct}");
            assert_eq!(sorted(listen).await.len(), if distinct > 1_000 { 5 } else { 0 }, "{distinct}");
        }
        a.notify().prompts_list_changed();
        for stream in heard.iter_mut().flatten() {
            assert_eq!(told(stream).await, ["prompts"], "and it goes on");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_missed_more_than_is_kept_is_told_everything() {
    let ([a, b], [_, away]) = two();
    let here = session(&a).await;
    here.subscribed("test://a").await;
    let primer = next(&mut here.stream().await).await.id.unwrap();
    let mut heard = streams(&b).await;
    for stream in &mut heard {
        assert_eq!(told(stream).await, NOTHING);
    }
    away.down.store(true, SeqCst);
    for round in 0..3 {
        for n in 0..500 {
            a.notify().resource_updated(format!("other://{round}/{n}"));
        }
        pass(secs(1)).await;
    }
    away.down.store(false, SeqCst);
    pass(secs(6)).await;
    assert_eq!(sorted(&mut heard[0]).await, ALL);
    assert_eq!(sorted(&mut heard[1]).await.len(), 5);
    for mcp in [&a, &b] {
        let mut resumed = moved(&here, mcp).resume(&primer).await;
        assert_eq!(begins_after(&resumed), "earliest");
        assert_eq!(sorted(&mut resumed).await, ALL);
    }
}

/// Whoever is connected is told that everything may have changed, at the end of this time at the latest, and whoever comes
/// back with an id of before.
async fn begins_anew([a, b]: &[McpService; 2], within: Duration, happens: impl FnOnce()) {
    let here = session(a).await;
    here.subscribed("test://a").await;
    let mut own = here.stream().await;
    let primer = next(&mut own).await.id.unwrap();
    let [[one, two], [three, four]] = [streams(a).await, streams(b).await];
    let mut heard = [own, one, three, two, four];
    a.notify().prompts_list_changed();
    for stream in &mut heard {
        assert_eq!(told(stream).await, ["prompts"]);
    }
    happens();
    let listening = heard.iter_mut().map(|stream| stream.listen(within));
    for (at, mut events) in futures::future::join_all(listening).await.into_iter().enumerate() {
        events.retain(|event| !event.data.is_empty());
        assert_eq!(events.len(), if at < 3 { 4 } else { 5 }, "three lists, and what it subscribed to: {events:?}");
        let ids: Vec<_> = events.iter().map(|event| event.id.is_some()).collect();
        assert!(at >= 3 || ids == [false, false, false, true], "who has heard all may go on from there: {events:?}");
    }
    b.notify().tools_list_changed();
    for stream in &mut heard {
        assert_eq!(told(stream).await, ["tools"], "and it goes on");
    }
    for mcp in [a, b] {
        let mut resumed = moved(&here, mcp).resume(&primer).await;
        assert_eq!(begins_after(&resumed), "earliest");
        let again = next(&mut resumed).await.id.unwrap();
        let told = resumed.listen(secs(1)).await;
        assert_eq!(told.iter().filter(|event| !event.data.is_empty()).count(), 4);
        let last = told.last().and_then(|event| event.id.clone()).unwrap();
        drop(resumed);
        assert_eq!(begins_after(&moved(&here, mcp).resume(&again).await), "earliest");
        assert_eq!(begins_after(&moved(&here, mcp).resume(&last).await), last);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lost_everything_is_signalled_in_every_stream() {
    let (servers, [handle, _]) = two();
    begins_anew(&servers, secs(1), || handle.lose()).await;
}

#[tokio::test(start_paused = true)]
async fn so_is_one_that_may_have_lost_something() {
    let (servers, [handle, _]) = two();
    begins_anew(&servers, secs(16), || handle.store.epoch.store(8, SeqCst)).await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_expired_begins_anew_and_one_that_is_kept_does_not() {
    let (servers, [handle, _]) = two();
    let [a, b] = &servers;
    let mut heard = streams(b).await;
    let primer = next(&mut heard[0]).await.id.unwrap();
    drop(heard);
    pass(secs(72 * 3600)).await;
    let session = session(a).await;
    let mut stream = session.stream().await;
    let later = next(&mut stream).await.id.unwrap();
    assert_eq!(later.split_once('-').unwrap().0, primer.split_once('-').unwrap().0, "the same numbers after days");
    drop(stream);
    begins_anew(&servers, secs(25 * 3600), || handle.store.forgets.store(true, SeqCst)).await;
}

/// On the real clock: threads do not wait for a paused one.
#[tokio::test]
async fn a_thread_without_a_runtime_may_tell() {
    let ([a, b], _) = two();
    let mut stream = listening(&b, 1, everything()).await;
    let tell = |mcp: &McpService| {
        let notify = mcp.notify();
        std::thread::spawn(move || notify.tools_list_changed()).join().unwrap();
    };
    tell(&a);
    tell(&a);
    assert!(stream.listen(Duration::from_millis(50)).await.is_empty(), "nothing runs there yet");
    assert_eq!(modern_call("one", json!({})).to(&a).await.text(), "1");
    let news = tokio::time::timeout(secs(20), stream.message()).await.expect("news").expect("open");
    assert_eq!(news["method"], json!("notifications/tools/list_changed"), "{news}");
    tell(&a);
    tokio::time::timeout(secs(20), stream.message()).await.expect("at once from now on").expect("open");
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_tell_and_tools_that_come_tell_by_themselves() {
    let one = Handle::new(true);
    let tool = tool_fn("touch", "Touch", |ctx: mcp_mount::Context| ctx.notify().resource_updated("test://a"));
    let a = server_with(|mcp| mcp.store(one.clone()).tool(tool));
    let b = one.replica().server();
    let mut heard = streams(&b).await;
    assert_eq!(modern_call("touch", json!({})).to(&a).await.status, 200);
    for stream in &mut heard {
        assert_eq!(told(stream).await, ["test://a"]);
    }
    a.tools().add(tool_fn("two", "Two", || "2")).expect("added");
    for stream in &mut heard {
        assert_eq!(told(stream).await, ["tools"]);
    }
}

#[tokio::test(start_paused = true)]
async fn services_of_different_names_do_not_hear_each_other() {
    let one = Handle::new(true);
    let build = |name: &str| changing(Mcp::new(name, "1.0.0")).store(one.replica()).build().expect("builds");
    let (notes, tasks, again) = (build("notes"), build("tasks"), build("notes"));
    let mut streams = [&notes, &tasks, &again].map(|mcp| (mcp.clone(), None));
    for (mcp, stream) in &mut streams {
        *stream = Some(listening(mcp, 1, everything()).await);
    }
    notes.notify().tools_list_changed();
    let mut heard = Vec::new();
    for (_, stream) in &mut streams {
        heard.push(told(stream.as_mut().unwrap()).await.len());
    }
    assert_eq!(heard, [1, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_store_of_this_process_alone_has_nothing_to_do_with_changes() {
    let handle = Handle::new(false);
    let mcp = handle.server();
    let session = session(&mcp).await;
    session.subscribed("test://a").await;
    let mut stream = session.stream().await;
    let primer = next(&mut stream).await.id.unwrap();
    let mut listening = listening(&mcp, 1, everything()).await;
    for stream in [&mut stream, &mut listening] {
        mcp.notify().tools_list_changed();
        assert_eq!(told(stream).await, ["tools"]);
    }
    drop(stream);
    pass(secs(60)).await;
    assert_eq!(told(&mut session.resume(&primer).await).await, ["tools"]);
    assert_eq!(handle.operations.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_a_service_that_is_gone() {
    let handle = Handle::new(true);
    let store = Arc::downgrade(&handle.store);
    let mcp = handle.server();
    let late = handle.replica().server();
    let mut stream = listening(&late, 1, everything()).await;
    assert_eq!(told(&mut listening(&mcp, 1, everything()).await).await, NOTHING);
    mcp.notify().tools_list_changed();
    drop(mcp);
    assert_eq!(told(&mut stream).await, ["tools"], "what it told last is still told");
    drop((stream, late, handle));
    pass(secs(1)).await;
    assert!(store.upgrade().is_none(), "no task holds the store");
}

/// Without tokio's macro, to end one runtime before the other: as a worker of actix-web ends.
#[test]
fn a_runtime_that_ends_takes_nothing_along() {
    let ([a, b], _) = two();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    first.block_on(async { drop(listening(&a, 1, everything()).await) });
    drop(first);
    let mut stream = runtime().block_on(async { listening(&a, 1, everything()).await });
    runtime().block_on(async {
        b.notify().tools_list_changed();
        let mut again = listening(&a, 2, everything()).await;
        b.notify().prompts_list_changed();
        tokio::time::timeout(secs(20), again.message()).await.expect("news").expect("open");
        tokio::time::timeout(secs(20), stream.message()).await.expect("news").expect("open");
    });
}

#[tokio::test(start_paused = true)]
async fn opening_a_stream_costs_one_read_and_many_at_a_time_share_it() {
    let one = Handle::new(true);
    let mcp = server_with(|mcp| mcp.store(one.clone()).limits(Limits::new()));
    drop(listening(&mcp, 0, everything()).await);
    pass(secs(1)).await;
    let before = one.reads.load(SeqCst);
    drop(listening(&mcp, 1, everything()).await);
    assert_eq!(one.reads.load(SeqCst) - before, 1);
    let opening = (0..100).map(|n| listen(n, everything()).open(&mcp));
    let opened = futures::future::join_all(opening).await;
    assert!(opened.iter().all(|stream| stream.status == 200));
    assert!(one.reads.load(SeqCst) - before <= 4, "{}", one.reads.load(SeqCst) - before);
}
