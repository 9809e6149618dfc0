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

mod limits;
mod together;

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
    /// Each operation takes three seconds.
    Dawdles,
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
                Fault::Dawdles => pass(secs(3)).await,
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
