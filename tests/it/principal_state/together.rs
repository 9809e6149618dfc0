//! Several callers and replicas at a time, and stores that are slow or out of order.

use super::*;

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

#[tokio::test(start_paused = true)]
async fn what_takes_several_operations_has_the_time_of_one() {
    let store = Shared::default();
    let mcp = service_with(|mcp| mcp.store(store.clone()));
    let alice = alice(&mcp);
    alice.set("list", json!([])).await;
    store.set(Fault::Dawdles).await;
    assert_eq!(alice.get("list").await, json!([]), "one is in time");
    for (op, key) in [("set", "list"), ("push", "list"), ("set", "new"), ("push", "new")] {
        let began = Instant::now();
        let text = alice.refused(op, key, json!(1)).await;
        assert!(text.starts_with("store: "), "{op}: {text}");
        assert!((secs(5)..secs(6)).contains(&began.elapsed()), "{op}: {:?}", began.elapsed());
    }
}
