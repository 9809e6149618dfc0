//! What handlers keep for a principal.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::FutureExt as _;
use mcp_mount::{
    Args, Context, Limits, Mcp, McpService, Memory, Revision, StateError, Store, Tool, ToolError,
    stores::{Cap, Expect, Key, Kind, Reserved, StoreError, StoreFuture, Stored},
    tool_fn,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    asking::{Confirm, client_with, everything},
    rig::{Session, owned, server_with},
    suite::log_stores::logs_in,
    support::{LATEST_SESSION, Reply, User, call, legacy, modern_call, pass, secs},
};

#[derive(Deserialize, JsonSchema)]
struct Line {
    op: Op,
    key: String,
    #[serde(default)]
    value: Value,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Op {
    Get,
    Set,
    Take,
    Remove,
    /// As a list, one entry longer.
    Push,
    /// As a number.
    Count,
}

/// Does what it is told, and says what came of it.
fn keeper() -> Tool {
    tool_fn("keep", "Keep something", |Args(line): Args<Line>, ctx: Context| async move {
        run(&line, &ctx).await.map(|value| value.to_string()).map_err(|error| ToolError::expose(told(&error)))
    })
}

async fn run(line: &Line, ctx: &Context) -> Result<Value, StateError> {
    let state = ctx.state::<Value>(&line.key);
    Ok(match line.op {
        Op::Get => json!(state.get().await?),
        Op::Set => json!(state.set(&line.value).await?),
        Op::Take => json!(state.take().await?),
        Op::Remove => json!(state.remove().await?),
        Op::Push => {
            let push = |list: Option<Vec<Value>>| {
                let mut list = list.unwrap_or_default();
                list.push(line.value.clone());
                list
            };
            json!(ctx.state(&line.key).update(push).await?)
        }
        Op::Count => json!(ctx.state::<u64>(line.key.clone()).get().await?),
    })
}

/// The kind, and the text.
fn told(error: &StateError) -> String {
    let kind = match error {
        StateError::NoPrincipal => "no principal".to_owned(),
        StateError::TooLarge { bytes, max, .. } => format!("too large: {bytes} of {max}"),
        StateError::Full { retry_after, .. } => format!("full for {} s", retry_after.as_secs()),
        StateError::Contended { .. } => "contended".to_owned(),
        StateError::NotA { wanted, .. } => format!("not a {wanted}"),
        StateError::Store(_) => "store".to_owned(),
        other => format!("{other:?}"),
    };
    format!("{kind}: {error}")
}

fn service() -> McpService {
    service_with(|mcp| mcp)
}

fn service_with(configure: impl FnOnce(Mcp) -> Mcp) -> McpService {
    server_with([keeper()], |mcp| configure(owned(mcp)))
}

/// Who calls, and where.
#[derive(Clone)]
struct Caller {
    mcp: McpService,
    user: &'static str,
}

fn alice(mcp: &McpService) -> Caller {
    Caller { mcp: mcp.clone(), user: "alice" }
}

fn bob(mcp: &McpService) -> Caller {
    Caller { mcp: mcp.clone(), user: "bob" }
}

fn line(op: &str, key: &str, value: Value) -> Value {
    json!({"op": op, "key": key, "value": value})
}

impl Caller {
    async fn reply(&self, op: &str, key: &str, value: Value) -> Reply {
        modern_call("keep", line(op, key, value)).user(self.user).to(&self.mcp).await
    }

    /// What came of it.
    async fn says(&self, op: &str, key: &str, value: Value) -> Value {
        let text = self.reply(op, key, value).await.text();
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }

    async fn get(&self, key: &str) -> Value {
        self.says("get", key, Value::Null).await
    }

    async fn set(&self, key: &str, value: Value) {
        assert_eq!(self.says("set", key, value).await, Value::Null);
    }

    /// Why it was refused.
    async fn refused(&self, op: &str, key: &str, value: Value) -> String {
        self.reply(op, key, value).await.tool_error()
    }
}

/// Keeps its values in memory, and can be slow, or out of order. Clones are the same store, as two processes have it.
#[derive(Clone, Default)]
struct Shared(Arc<Inner>);

#[derive(Default)]
struct Inner {
    memory: Memory,
    fault: Mutex<Fault>,
    operations: AtomicUsize,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Fault {
    #[default]
    None,
    /// Each operation takes a millisecond, and others come in between.
    Slow,
    Fails,
    Hangs,
    /// Nothing that is there can be written.
    Overtakes,
}

impl Shared {
    async fn set(&self, fault: Fault) {
        *self.0.fault.lock().await = fault;
    }

    fn operation<'a, T: Send + Unpin + 'static>(
        &'a self,
        done: impl Fn() -> StoreFuture<'a, T> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        StoreFuture::Boxed(Box::pin(async move {
            self.0.operations.fetch_add(1, SeqCst);
            let fault = *self.0.fault.lock().await;
            match fault {
                Fault::None | Fault::Overtakes => {}
                Fault::Slow => pass(Duration::from_millis(1)).await,
                Fault::Fails => return Err(StoreError::new("out of order: secret")),
                Fault::Hangs => std::future::pending().await,
            }
            done().await
        }))
    }
}

impl Store for Shared {
    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        self.operation(move || self.0.memory.get(key, touch))
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        StoreFuture::Boxed(Box::pin(async move {
            if *self.0.fault.lock().await == Fault::Overtakes {
                pass(Duration::from_millis(100)).await;
                return Ok(false);
            }
            self.operation(move || self.0.memory.put(key, value.clone(), ttl, expect)).await
        }))
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        self.operation(move || self.0.memory.take(key))
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        self.operation(move || self.0.memory.reserve(key, value.clone(), ttl, cap))
    }

    logs_in!(self => self.0.memory);
}

#[tokio::test]
async fn a_value_is_kept_from_call_to_call_in_every_era() {
    let mcp = service();
    let alice = alice(&mcp);
    assert_eq!(alice.get("cart").await, Value::Null, "nothing was kept yet");
    alice.set("cart", json!({"items": ["tea"]})).await;
    let kept = json!({"items": ["tea"]});
    assert_eq!(alice.get("cart").await, kept);
    let in_session = Session::open(&mcp, LATEST_SESSION, Some("alice")).await;
    let ask = |op, value| call("keep", line(op, "cart", value));
    assert_eq!(in_session.post(ask("get", Value::Null)).to(&mcp).await.text(), kept.to_string());
    in_session.post(ask("set", json!("in a session"))).to(&mcp).await;
    let another = Session::open(&mcp, "2024-11-05", Some("alice")).await;
    assert_eq!(another.post(ask("get", Value::Null)).to(&mcp).await.text(), "\"in a session\"");
    let without = legacy(ask("get", Value::Null)).user("alice").to(&mcp).await;
    assert_eq!(without.text(), "\"in a session\"");
    in_session.delete().to(&mcp).await;
    assert_eq!(alice.get("cart").await, "in a session", "it belongs to no session");
}

#[tokio::test]
async fn it_is_changed_taken_and_removed() {
    let mcp = service();
    let alice = alice(&mcp);
    assert_eq!(alice.says("push", "list", json!(1)).await, json!([1]), "the first one is made");
    assert_eq!(alice.says("push", "list", json!(2)).await, json!([1, 2]));
    assert_eq!(alice.says("take", "list", Value::Null).await, json!([1, 2]));
    assert_eq!(alice.says("take", "list", Value::Null).await, Value::Null);
    assert_eq!(alice.says("remove", "list", Value::Null).await, false);
    alice.set("list", json!([3])).await;
    alice.set("list", json!([4])).await;
    assert_eq!(alice.get("list").await, json!([4]));
    assert_eq!(alice.says("remove", "list", Value::Null).await, true);
    assert_eq!(alice.get("list").await, Value::Null);
}

#[tokio::test]
async fn it_is_nobody_elses() {
    let mcp = service();
    let (alice, bob) = (alice(&mcp), bob(&mcp));
    alice.set("cart", json!("hers")).await;
    for op in ["get", "take"] {
        assert_eq!(bob.says(op, "cart", Value::Null).await, Value::Null, "{op}");
    }
    assert_eq!(bob.says("remove", "cart", Value::Null).await, false);
    bob.set("cart", json!("his")).await;
    assert_eq!((alice.get("cart").await, bob.get("cart").await), (json!("hers"), json!("his")));
    assert_eq!(alice.get("Cart").await, Value::Null, "another key");
    assert_eq!(alice.get("").await, Value::Null, "another key");
}

#[tokio::test]
async fn names_and_keys_do_not_run_together() {
    let mcp = service();
    let pairs = [("al", "icecart"), ("alice", "cart"), ("alicec", "art"), ("", "alicecart"), ("alicecart", "")];
    for (index, (user, key)) in pairs.into_iter().enumerate() {
        let caller = Caller { mcp: mcp.clone(), user };
        assert_eq!(caller.get(key).await, Value::Null, "{user}, {key}");
        caller.set(key, json!(index)).await;
    }
    for (index, (user, key)) in pairs.into_iter().enumerate() {
        assert_eq!(Caller { mcp: mcp.clone(), user }.get(key).await, index, "{user}, {key}");
    }
}

#[tokio::test]
async fn who_is_nobody_in_particular_keeps_nothing() {
    let store = Shared::default();
    let (anonymous, unknowing) = (service_with(|mcp| mcp.store(store.clone())), {
        let store = store.clone();
        server_with([keeper()], |mcp| mcp.store(store))
    });
    for op in ["get", "set", "take", "remove", "push"] {
        let without = modern_call("keep", line(op, "cart", Value::Null)).to(&anonymous).await;
        let unasked = modern_call("keep", line(op, "cart", Value::Null)).user("alice").to(&unknowing).await;
        for reply in [without, unasked] {
            let text = reply.tool_error();
            assert!(text.starts_with("no principal: ") && text.contains("`Mcp::principal_from_extension`"), "{reply}");
        }
    }
    assert_eq!(store.0.operations.load(SeqCst), 0, "the store was not even asked");
}

#[tokio::test]
async fn replicas_have_it_together_and_servers_of_another_name_do_not() {
    let store = Shared::default();
    let named = |name: &str| {
        let mcp = owned(Mcp::new(name, "1.0.0").tool(keeper())).store(store.clone());
        mcp.request_state_keys(["a secret of more than thirty-two bytes"]).build().expect("a server")
    };
    let (one, two, other) = (named("shop"), named("shop"), named("bank"));
    alice(&one).set("cart", json!("kept")).await;
    assert_eq!(alice(&two).get("cart").await, "kept");
    assert_eq!(alice(&other).get("cart").await, Value::Null);
    assert_eq!(bob(&two).get("cart").await, Value::Null);
    assert_eq!(alice(&two).says("take", "cart", Value::Null).await, "kept");
    assert_eq!(alice(&one).get("cart").await, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn no_change_is_lost_among_fifty_at_a_time() {
    let store = Shared::default();
    let replicas = [(); 2].map(|()| service_with(|mcp| mcp.store(store.clone())));
    store.set(Fault::Slow).await;
    let pushes = (0..50_usize).map(|number| {
        let alice = alice(&replicas[number % 2]);
        async move { alice.says("push", "list", json!(number)).await }
    });
    let said = futures::future::join_all(pushes).await;
    assert!(said.iter().all(Value::is_array), "{said:?}");
    let list = alice(&replicas[0]).get("list").await;
    let mut numbers: Vec<_> = list.as_array().expect("a list").iter().filter_map(Value::as_u64).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>(), "each once");
    let mut lengths: Vec<_> = said.iter().map(|list| list.as_array().map_or(0, Vec::len)).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, (1..=50).collect::<Vec<_>>(), "each saw those before it");
}

#[tokio::test(start_paused = true)]
async fn of_those_who_set_the_first_value_at_a_time_none_takes_a_second_place() {
    let store = Shared::default();
    let mcp = service_with(|mcp| mcp.store(store.clone()).limits(Limits::new().state_keys(2)));
    store.set(Fault::Slow).await;
    let alice = alice(&mcp);
    let sets = (0..20).map(|number| {
        let alice = alice.clone();
        async move { alice.says("set", "one", json!(number)).await }
    });
    assert!(futures::future::join_all(sets).await.iter().all(Value::is_null));
    alice.set("two", json!(2)).await;
    let full = alice.refused("set", "three", json!(3)).await;
    assert!(full.starts_with("full"), "{full}");
}

#[test]
fn of_those_who_reserve_the_last_place_for_one_value_each_finds_room_or_the_value() {
    let (store, key) = (Memory::new(), Key::new(Kind::State, 1));
    let (cap, held) = (Cap::new(1, Duration::MAX).in_group(1, 1), AtomicUsize::new(0));
    let reserve = || {
        for _ in 0..1_000 {
            let reserved = store.reserve(key, Bytes::from_static(b"v"), secs(60), cap).now_or_never();
            match reserved.expect("at hand").expect("it never fails") {
                Reserved::Free => {
                    assert_eq!(held.fetch_add(1, SeqCst), 0, "it is somebody else's");
                    held.fetch_sub(1, SeqCst);
                    assert!(store.take(key).now_or_never().expect("at hand").expect("it never fails").is_some());
                }
                Reserved::There => {}
                refused => panic!("{refused:?}: there is room for it"),
            }
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(reserve))));
}

#[tokio::test(start_paused = true)]
async fn one_of_many_takers_gets_it() {
    let store = Shared::default();
    let mcp = service_with(|mcp| mcp.store(store.clone()));
    alice(&mcp).set("ticket", json!("the one")).await;
    store.set(Fault::Slow).await;
    let takes = (0..20).map(|_| {
        let alice = alice(&mcp);
        async move { alice.says("take", "ticket", Value::Null).await }
    });
    let taken = futures::future::join_all(takes).await;
    assert_eq!(taken.iter().filter(|value| **value == "the one").count(), 1);
    assert_eq!(taken.iter().filter(|value| value.is_null()).count(), 19);
}

#[tokio::test(start_paused = true)]
async fn who_is_always_overtaken_is_told_so_in_time() {
    let store = Shared::default();
    let mcp = service_with(|mcp| mcp.store(store.clone()));
    let alice = alice(&mcp);
    alice.set("list", json!([])).await;
    store.set(Fault::Overtakes).await;
    for op in ["set", "push"] {
        let began = Instant::now();
        let text = alice.refused(op, "list", json!([1])).await;
        assert!(text.starts_with("contended: ") && text.contains("`list`"), "{text}");
        assert!((secs(4)..=secs(6)).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
    store.set(Fault::None).await;
    assert_eq!(alice.get("list").await, json!([]));
}

#[tokio::test]
async fn a_value_has_a_size() {
    let mcp = service_with(|mcp| mcp.limits(Limits::new().state_bytes(10)));
    let alice = alice(&mcp);
    alice.set("text", json!("12345678")).await;
    let text = alice.refused("set", "text", json!("123456789")).await;
    assert!(text.starts_with("too large: 11 of 10: ") && text.contains("`text`"), "{text}");
    assert!(text.contains("`Limits::state_bytes`") && !text.contains("1234"), "{text}");
    assert_eq!(alice.get("text").await, "12345678", "as it was");
    for number in 0..4 {
        assert!(alice.says("push", "list", json!(number)).await.is_array());
    }
    let text = alice.refused("push", "list", json!(4)).await;
    assert!(text.starts_with("too large: 11 of 10"), "{text}");
    assert_eq!(alice.get("list").await, json!([0, 1, 2, 3]));
}

#[tokio::test]
async fn by_default_a_value_has_64_kib() {
    let mcp = service();
    let alice = alice(&mcp);
    alice.set("text", json!("x".repeat((64 << 10) - 2))).await;
    let text = alice.refused("set", "text", json!("x".repeat((64 << 10) - 1))).await;
    assert!(text.starts_with("too large: 65537 of 65536"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_has_a_number_of_values_and_none_gives_way() {
    let mcp = service_with(|mcp| mcp.limits(Limits::new().state_keys(2).state_ttl(secs(100))));
    let (alice, bob) = (alice(&mcp), bob(&mcp));
    alice.set("one", json!(1)).await;
    pass(secs(50)).await;
    alice.set("two", json!(2)).await;
    let text = alice.refused("set", "three", json!(3)).await;
    // A store whose own clock goes on meanwhile is a moment ahead.
    let until = text.starts_with("full for 50 s: ") || text.starts_with("full for 49 s: ");
    assert!(until && text.contains("`three`"), "{text}");
    assert!(text.contains("`Limits::state_keys`") && text.contains("`Limits::state_entries`"), "{text}");
    assert!(alice.refused("push", "three", json!(3)).await.starts_with("full"));
    alice.set("one", json!("changed")).await;
    bob.set("one", json!("his own")).await;
    assert_eq!(alice.get("two").await, 2);
    alice.says("remove", "two", Value::Null).await;
    alice.set("three", json!(3)).await;
    pass(secs(100)).await;
    for key in ["four", "five"] {
        alice.set(key, json!("in the place of what has expired")).await;
    }
}

#[tokio::test]
async fn all_callers_have_a_number_of_values_together() {
    let mcp = service_with(|mcp| mcp.limits(Limits::new().state_entries(3)));
    let (alice, bob) = (alice(&mcp), bob(&mcp));
    alice.set("one", json!(1)).await;
    alice.set("two", json!(2)).await;
    bob.set("one", json!(1)).await;
    for caller in [&alice, &bob] {
        assert!(caller.refused("set", "more", json!(3)).await.starts_with("full"));
    }
    alice.says("take", "one", Value::Null).await;
    bob.set("more", json!(3)).await;
    let session = Session::open(&mcp, LATEST_SESSION, Some("alice")).await;
    assert!(session.is_alive().await, "sessions have places of their own");
}

#[tokio::test]
async fn by_default_a_caller_has_100_values() {
    let mcp = service();
    let alice = alice(&mcp);
    for key in 0..100 {
        alice.set(&key.to_string(), json!(key)).await;
    }
    assert!(alice.refused("set", "100", json!(100)).await.starts_with("full"));
}

#[tokio::test(start_paused = true)]
async fn it_is_kept_for_a_day_after_it_was_last_used() {
    let mcp = service();
    let alice = alice(&mcp);
    let (almost, day) = (secs(24 * 3600 - 1), secs(24 * 3600));
    alice.set("read", json!(1)).await;
    alice.set("written", json!(1)).await;
    alice.set("changed", json!([])).await;
    alice.set("left alone", json!(1)).await;
    pass(almost).await;
    assert_eq!(alice.get("read").await, 1);
    alice.set("written", json!(2)).await;
    alice.says("push", "changed", json!(1)).await;
    pass(almost).await;
    assert_eq!((alice.get("read").await, alice.get("written").await), (json!(1), json!(2)));
    assert_eq!((alice.get("changed").await, alice.get("left alone").await), (json!([1]), Value::Null));
    pass(day).await;
    assert_eq!(alice.get("read").await, Value::Null);
    assert_eq!(alice.says("push", "changed", json!(1)).await, json!([1]), "anew");
}

#[tokio::test]
async fn a_value_of_another_type_is_named_and_not_shown() {
    let mcp = service();
    let alice = alice(&mcp);
    alice.set("visits", json!("secret")).await;
    for op in ["count", "push"] {
        let text = alice.refused(op, "visits", json!(1)).await;
        assert!(text.starts_with("not a ") && text.contains("`visits`"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
    assert!(alice.refused("count", "visits", Value::Null).await.contains("`u64`"));
    assert_eq!(alice.get("visits").await, "secret", "it is still there");
    alice.set("visits", json!(7)).await;
    assert_eq!(alice.says("count", "visits", Value::Null).await, 7);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_told_of_in_time() {
    let store = Shared::default();
    let masked = tool_fn("masked", "Count", |ctx: Context| async move {
        Ok::<_, StateError>(ctx.state::<u32>("visits").update(|visits| visits.unwrap_or(0) + 1).await?.to_string())
    });
    let mcp = server_with([keeper(), masked], |mcp| owned(mcp).store(store.clone()));
    let alice = alice(&mcp);
    alice.set("cart", json!("kept")).await;
    for fault in [Fault::Fails, Fault::Hangs] {
        store.set(fault).await;
        let began = Instant::now();
        for op in ["get", "set", "push", "take", "remove"] {
            let text = alice.refused(op, "cart", json!(1)).await;
            assert!(text.starts_with("store: ") && !text.contains("secret"), "{op}: {text}");
        }
        assert!(began.elapsed() <= secs(25), "{:?}", began.elapsed());
        let text = modern_call("masked", json!({})).user("alice").to(&mcp).await.tool_error();
        assert!(!text.contains("store"), "{text}");
    }
    store.set(Fault::None).await;
    assert_eq!(alice.get("cart").await, "kept");
    assert_eq!(modern_call("masked", json!({})).user("alice").to(&mcp).await.text(), "1");
}

#[tokio::test]
async fn limits_that_could_keep_nothing_are_refused_by_name() {
    let zeros: [(&str, Limits); 4] = [
        ("state_bytes", Limits::new().state_bytes(0)),
        ("state_keys", Limits::new().state_keys(0)),
        ("state_entries", Limits::new().state_entries(0)),
        ("state_ttl", Limits::new().state_ttl(Duration::ZERO)),
    ];
    for (name, limits) in zeros {
        let error = Mcp::new("demo", "1.0.0").limits(limits).build().expect_err("zero").to_string();
        assert!(error.starts_with("limits: ") && error.contains(name), "{error}");
    }
    let ever = Limits::new().state_ttl(Duration::MAX).state_keys(usize::MAX).state_entries(usize::MAX);
    let mcp = service_with(|mcp| mcp.limits(ever));
    alice(&mcp).set("for ever", json!(1)).await;
    assert_eq!(alice(&mcp).get("for ever").await, 1);
}

/// What comes before a question runs once in each round, and what comes after it once.
#[tokio::test]
async fn what_is_written_behind_a_question_is_written_once_in_every_era() {
    let tool = tool_fn("buy", "Buy", |ctx: Context| async move {
        let count = |visits: Option<u32>| visits.unwrap_or(0) + 1;
        ctx.state("before").update(count).await.map_err(ToolError::expose)?;
        ctx.elicit::<Confirm>("sure", "Are you sure?").await?;
        ctx.state("after").update(count).await.map_err(ToolError::expose)?;
        Ok::<_, ToolError>("bought")
    });
    let mcp = server_with([tool, keeper()], owned);
    let alice = alice(&mcp);
    for (revision, before) in [(Revision::V2025_11_25, 1), (Revision::V2026_07_28, 2)] {
        let client = client_with(&mcp, revision, |client| {
            let accept = |_: &Value| json!({"action": "accept", "content": {"sure": true}});
            client.extension(User("alice")).capabilities(everything()).on_request("elicitation/create", accept)
        });
        let bought = client.await.call_tool("buy", json!({})).await.expect("bought");
        assert_eq!(bought.text(), "bought");
        let written = (alice.says("take", "before", Value::Null).await, alice.says("take", "after", Value::Null).await);
        assert_eq!(written, (json!(before), json!(1)), "{revision}");
    }
}

#[tokio::test]
async fn nothing_that_finds_or_tells_it_is_printed() {
    let printed = Arc::new(std::sync::Mutex::new(String::new()));
    let shown = printed.clone();
    let tool = tool_fn("show", "Show the handle", move |ctx: Context| {
        let shown = shown.clone();
        async move {
            *shown.lock().unwrap() = format!("{:?}", ctx.state::<u32>("visits"));
        }
    });
    let mcp = server_with([tool], owned);
    modern_call("show", json!({})).user("alice").to(&mcp).await;
    assert_eq!(*printed.lock().unwrap(), "PrincipalState { key: \"visits\", .. }");
    assert_eq!(format!("{:?}", Key::new(Kind::State, 7)), "Key { kind: State, .. }");
}
