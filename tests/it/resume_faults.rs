//! Stores that are slow, lose what they had, or fail: calls come to their end all the same, and clients do not come back
//! for what never comes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use mcp_mount::{
    AskError, Context, McpService, Memory, Store, Tool,
    stores::{
        Appended, Cap, Expect, Key, LogEntry, LogKey, LogLimits, LogPage, LogWatcher, Reserved, StoreError,
        StoreFuture, Stored,
    },
    tool_fn,
};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    asking::everything,
    rig::{Session, patient, server_with, session},
    suite::resuming::{Gate, begins_after, events, next, rest, short},
    support::{LATEST_SESSION, call, message, pass, post, secs},
};

/// Keeps its logs badly, as it is told.
#[derive(Clone, Default)]
struct Faulty(Arc<Inner>);

#[derive(Default)]
struct Inner {
    memory: Memory,
    fault: Mutex<Fault>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Fault {
    #[default]
    None,
    HangsAtEpoch,
    HangsAtAppend,
    HangsAtKeep,
    FailsAtKeep,
    HangsAtTell,
    /// Each append takes two seconds.
    Slow,
    FailsAtAppend,
    /// What has ended has lost its entries.
    LosesEntries,
}

impl Faulty {
    fn set(&self, fault: Fault) {
        *self.0.fault.lock().unwrap() = fault;
    }

    fn has(&self, fault: Fault) -> bool {
        *self.0.fault.lock().unwrap() == fault
    }

    fn hang<T: Send + 'static>() -> StoreFuture<'static, T> {
        StoreFuture::Boxed(Box::pin(std::future::pending()))
    }

    fn fail<T: Send + 'static>() -> StoreFuture<'static, T> {
        StoreFuture::Boxed(Box::pin(async { Err(StoreError::new("out of order")) }))
    }
}

impl Store for Faulty {
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
        let fault = *self.0.fault.lock().unwrap();
        match fault {
            Fault::HangsAtAppend => Self::hang(),
            Fault::FailsAtAppend => Self::fail(),
            Fault::Slow => StoreFuture::Boxed(Box::pin(async move {
                tokio::time::sleep(secs(2)).await;
                self.0.memory.append(log, entry, limits).await
            })),
            _ => self.0.memory.append(log, entry, limits),
        }
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        if !self.has(Fault::LosesEntries) {
            return self.0.memory.read(log, after, max);
        }
        StoreFuture::Boxed(Box::pin(async move {
            let page = self.0.memory.read(log, after, max).await?;
            Ok(page.map(|page| LogPage::new(Vec::new(), page.last + 1, page.last, page.closed)))
        }))
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        let fault = *self.0.fault.lock().unwrap();
        match fault {
            Fault::HangsAtKeep => Self::hang(),
            Fault::FailsAtKeep => Self::fail(),
            _ => self.0.memory.keep(log, ttl),
        }
    }

    fn watch(&self, watcher: LogWatcher) {
        self.0.memory.watch(watcher);
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        if self.has(Fault::HangsAtTell) { Self::hang() } else { self.0.memory.tell(log, word) }
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        if self.has(Fault::HangsAtEpoch) { Self::hang() } else { self.0.memory.epoch() }
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        self.0.memory.forget(group)
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_withholds_nothing_for_long() {
    let (gate, store) = (Gate::new(), Faulty::default());
    let mcp = gate.server(|mcp| mcp.store(store.clone()));
    for fault in [Fault::HangsAtEpoch, Fault::HangsAtAppend] {
        let session = session(&mcp).await;
        store.set(fault);
        for script in ["mm", "mym", "myyyym"] {
            let began = Instant::now();
            let mut stream = tokio::time::timeout(secs(60), session.talk(script).open(&mcp)).await.expect("a reply");
            let heard = tokio::time::timeout(secs(60), events(&mut stream)).await.expect("an end");
            let said: Vec<_> = heard.iter().filter(|event| !event.comment).collect();
            assert!(said.iter().all(|event| event.id.is_none()), "{script}: {heard:?}");
            let last = said.last().map(|event| short(&event.json()));
            assert_eq!((said.len(), last.as_deref()), (3, Some("done")), "{script}: {heard:?}");
            assert!(began.elapsed() <= secs(10), "{script}: {:?}", began.elapsed());
            pass(Duration::from_millis(1)).await;
            assert_eq!(session.talk("").to(&mcp).await.text(), "done", "the id is free again");
        }
        store.set(Fault::None);
    }
}

#[tokio::test(start_paused = true)]
async fn the_handler_goes_on_meanwhile() {
    let (gate, store) = (Gate::new(), Faulty::default());
    let mcp = gate.server(|mcp| mcp.store(store.clone()));
    let session = session(&mcp).await;
    store.set(Fault::HangsAtEpoch);
    gate.open();
    let began = Instant::now();
    let opening = tokio::time::timeout(secs(60), session.talk("myywm").open(&mcp));
    let mut stream = opening.await.expect("the reply begins");
    assert_eq!(began.elapsed(), Duration::ZERO);
    pass(Duration::from_millis(1)).await;
    assert!(!gate.take(), "it is through the gate");
    assert_eq!(rest(&mut stream).await, ["0", "4", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_holds_up_what_it_is_given_for_a_bounded_time() {
    let (gate, store) = (Gate::new(), Faulty::default());
    let mcp = gate.server(|mcp| mcp.store(store.clone()));
    let session = session(&mcp).await;
    store.set(Fault::Slow);
    for (script, prefix) in [("m".repeat(100), 0), ("m".repeat(100), 2), (format!("{}y", "m".repeat(100)), 0)] {
        let began = Instant::now();
        let mut stream = session.talk(&script[..script.len() - prefix]).open(&mcp).await;
        let heard = events(&mut stream).await;
        let with_ids = heard.iter().filter(|event| event.id.is_some()).count();
        assert!((1..10).contains(&with_ids), "as much as there was time for: {with_ids}");
        assert!(began.elapsed() <= secs(20), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_kept_alive_withholds_nothing() {
    let (gate, store) = (Gate::new(), Faulty::default());
    let mcp = gate.server(|mcp| mcp.store(store.clone()).limits(patient().log_ttl(secs(10))));
    let session = session(&mcp).await;
    let mut stream = session.talk("mwm").open(&mcp).await;
    next(&mut stream).await;
    next(&mut stream).await;
    store.set(Fault::HangsAtKeep);
    pass(secs(6)).await;
    gate.open();
    let began = Instant::now();
    let said = tokio::time::timeout(secs(60), rest(&mut stream)).await.expect("an end");
    assert_eq!(said, ["2", "done"]);
    assert!(began.elapsed() <= secs(10), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_log_that_could_not_be_kept_alive_is_kept_alive_soon() {
    let (gate, store) = (Gate::new(), Faulty::default());
    let mcp = gate.server(|mcp| mcp.store(store.clone()).limits(patient().log_ttl(secs(10))));
    let session = session(&mcp).await;
    let mut stream = session.talk("mwm").open(&mcp).await;
    let first = next(&mut stream).await;
    next(&mut stream).await;
    store.set(Fault::FailsAtKeep);
    pass(secs(8)).await;
    store.set(Fault::None);
    pass(secs(20)).await;
    gate.open();
    let heard = events(&mut stream).await;
    assert!(heard.iter().all(|event| event.comment || event.id.is_some()), "{heard:?}");
    assert_eq!(rest(&mut session.resume(first.id.as_deref().unwrap()).await).await, ["0", "2", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_closes_its_stream_does_not_wait_until_others_are_told() {
    let (gate, store) = (Gate::new(), Faulty::default());
    let mcp = gate.server(|mcp| mcp.store(store.clone()));
    let session = session(&mcp).await;
    store.set(Fault::HangsAtTell);
    let mut stream = session.talk("mwcwm").open(&mcp).await;
    gate.open();
    let heard = events(&mut stream).await;
    store.set(Fault::None);
    gate.open();
    let began = Instant::now();
    let mut resumed = session.resume(heard[1].id.as_deref().unwrap()).await;
    assert_eq!(rest(&mut resumed).await, ["4", "done"]);
    assert!(began.elapsed() <= secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_store_takes_its_time_keeps_its_place() {
    let (gate, store) = (Gate::new(), Faulty::default());
    let mcp = gate.server(|mcp| mcp.store(store.clone()).limits(patient().calls_in_flight(2)));
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(session(&mcp).await);
    }
    store.set(Fault::HangsAtAppend);
    let running: Vec<_> = sessions[1..].iter().map(|one| tokio::spawn(one.talk("mm").owned_to(&mcp))).collect();
    pass(secs(1)).await;
    let one_more = sessions[0].talk("mm").to(&mcp).await;
    assert_eq!(one_more.status, 503, "{one_more}");
    let report = mcp.lifespan().grace(secs(60)).shutdown().await;
    assert_eq!((report.finished, report.cut), (2, 0), "a drain waits for their answers");
    for call in running {
        assert_eq!(call.await.expect("no panic").status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_for_an_answer_that_is_lost_does_not_come_back_for_ever() {
    let (gate, store) = (Gate::new(), Faulty::default());
    let mcp = gate.server(|mcp| mcp.store(store.clone()));
    let session = session(&mcp).await;
    let heard = events(&mut session.talk("mm").open(&mcp).await).await;
    store.set(Fault::LosesEntries);
    let (answer, before) = heard.split_last().unwrap();
    for event in before {
        let mut resumed = session.resume(event.id.as_deref().unwrap()).await;
        assert_eq!(begins_after(&resumed), "earliest");
        let primer = next(&mut resumed).await;
        assert!(primer.data.is_empty() && primer.retry.is_some(), "{primer:?}");
        assert!(!resumed.ends_within(secs(20)).await, "it stays open, as what is unknown does");
    }
    let resumed = session.resume(answer.id.as_deref().unwrap()).await;
    assert_eq!(resumed.status, 405, "who has the answer has all of it");
}

/// Asks for the roots, and notes how that ended.
fn asking(end: &Arc<Mutex<Option<Result<(), String>>>>) -> Tool {
    let end = Arc::clone(end);
    tool_fn("ask", "", move |ctx: Context| {
        let end = Arc::clone(&end);
        async move {
            let answer: Result<_, AskError> = ctx.roots("roots").await;
            *end.lock().unwrap() = Some(answer.map(drop).map_err(|error| error.to_string()));
        }
    })
}

async fn askable(mcp: &McpService) -> Session {
    let client = json!({"name": "it", "version": "0.1"});
    let params = json!({"protocolVersion": LATEST_SESSION, "capabilities": everything(), "clientInfo": client});
    Session::with(mcp, post(message("init", "initialize", params))).await
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_who_cannot_come_back() {
    let (end, store) = (Arc::default(), Faulty::default());
    let mcp = server_with([asking(&end)], |mcp| mcp.store(store.clone()).limits(patient()));
    // Whether it was told an id, and whether its store fails before it leaves, or when it is told of it.
    for (reads, fault, waits) in [
        (false, Fault::None, false),
        (true, Fault::None, true),
        (true, Fault::FailsAtAppend, false),
        (false, Fault::HangsAtEpoch, false),
        (false, Fault::HangsAtAppend, false),
    ] {
        *end.lock().unwrap() = None;
        let session = askable(&mcp).await;
        store.set(fault);
        let mut stream = session.post(call("ask", json!({}))).open(&mcp).await;
        if reads {
            let question = stream.message().await.expect("a question");
            assert_eq!(question["method"], "roots/list");
        }
        drop(stream);
        pass(secs(10)).await;
        let ended = end.lock().unwrap().clone();
        assert_eq!(ended.is_none(), waits, "{fault:?}, read: {reads}: {ended:?}");
        if let Some(ended) = ended {
            assert!(ended.is_err_and(|error| error.contains("gone away")));
        }
        store.set(Fault::None);
        session.delete().to(&mcp).await;
    }
}
