//! How much is kept, and for how long.

use super::*;

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
