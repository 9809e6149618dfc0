//! Asking in 2026-07-28: `input_required`, the same request again, and the state in between (basic/patterns/mrtr).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use std::time::Duration;

use mcp_mount::{AskError, CacheScope, Context, Elicit, Elicited, Limits, Mcp, McpService, Tool, resource_fn, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    asking::everything,
    rig::{owned, server, server_with},
    support::{Reply, call, legacy, modern},
};

#[derive(Deserialize, JsonSchema, Elicit)]
struct Name {
    name: String,
}

/// Asks for a name, then for a colour, and counts its runs.
fn two_steps(runs: &Arc<AtomicUsize>) -> Tool {
    let runs = runs.clone();
    let ask = |ctx: Context, key: &'static str| async move {
        Ok::<_, AskError>(match ctx.elicit::<Name>(key, "Please tell").await? {
            Elicited::Accept(Name { name }) => name,
            Elicited::Decline | Elicited::Cancel => "nothing".to_owned(),
        })
    };
    tool_fn("two_steps", "", move |ctx: Context| {
        runs.fetch_add(1, SeqCst);
        async move {
            let name = ask(ctx.clone(), "name").await?;
            let colour = ask(ctx.clone(), "colour").await?;
            Ok::<_, AskError>(format!("{name} likes {colour}"))
        }
    })
}

/// One round of a tool.
async fn round(mcp: &McpService, tool: &str, arguments: Value, more: Value) -> Reply {
    round_of(mcp, tool, arguments, more, "alice").await
}

async fn round_of(mcp: &McpService, tool: &str, arguments: Value, more: Value, user: &'static str) -> Reply {
    let mut params = json!({"name": tool, "arguments": arguments});
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = everything();
    if let Value::Object(more) = more {
        params.as_object_mut().unwrap().extend::<Map<_, _>>(more);
    }
    modern("tools/call", params).user(user).to(mcp).await
}

fn accept(name: &str) -> Value {
    json!({"action": "accept", "content": {"name": name}})
}

/// What a reply asks, by key, and its state.
fn asks(reply: &Reply) -> (Vec<String>, String) {
    let result = reply.result();
    assert_eq!(result["resultType"], "input_required", "{reply}");
    assert!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"].is_string(), "{reply}");
    let requests = result["inputRequests"].as_object().unwrap_or_else(|| panic!("no requests\n{reply}"));
    let keys = requests.keys().cloned().collect();
    (keys, result["requestState"].as_str().expect("a state").to_owned())
}

#[tokio::test(start_paused = true)]
async fn each_round_asks_what_is_not_answered_yet() {
    let runs = Arc::default();
    let mcp = server([two_steps(&runs)]);
    let first = round(&mcp, "two_steps", json!({}), json!({})).await;
    let (keys, state) = asks(&first);
    assert_eq!(keys, ["name"]);
    let request = &first.result()["inputRequests"]["name"];
    assert_eq!(request["method"], "elicitation/create");
    assert_eq!(request["params"]["requestedSchema"]["required"], json!(["name"]));
    assert!(request.get("id").is_none() && request.get("jsonrpc").is_none(), "{first}");

    let more = json!({"inputResponses": {"name": accept("Ada")}, "requestState": state});
    let second = round(&mcp, "two_steps", json!({}), more).await;
    let (keys, next) = asks(&second);
    assert_eq!(keys, ["colour"], "what is answered is not asked again");
    assert_ne!(next, state);

    let more = json!({"inputResponses": {"colour": accept("blue")}, "requestState": next});
    let third = round(&mcp, "two_steps", json!({}), more).await;
    assert_eq!(third.text(), "Ada likes blue");
    assert_eq!(third.result()["resultType"], "complete");
    assert_eq!(runs.load(SeqCst), 3);
    assert!(!state.contains("Ada") && !next.contains("Ada"), "the state is no plain text");
}

#[tokio::test(start_paused = true)]
async fn a_state_is_worth_nothing_elsewhere() {
    let runs = Arc::default();
    let other = tool_fn("other", "", |ctx: Context| async move { ctx.roots("name").await.map(|_| "never") });
    let mcp = server_with([two_steps(&runs), other], owned);
    let arguments = json!({"to": "production", "count": 2});
    let (_, state) = asks(&round(&mcp, "two_steps", arguments.clone(), json!({})).await);
    runs.store(0, SeqCst);
    let more = |state: &str| json!({"inputResponses": {"name": accept("Ada")}, "requestState": state});
    let other_server = server_with([two_steps(&runs)], owned);
    let tampered = format!("{state}-TAMPERED");
    let other = if &state[50..51] == "A" { "B" } else { "A" };
    let flipped = format!("{}{other}{}", &state[..50], &state[51..]);
    for (what, reply) in [
        ("tampered", round(&mcp, "two_steps", arguments.clone(), more(&tampered)).await),
        ("flipped", round(&mcp, "two_steps", arguments.clone(), more(&flipped)).await),
        ("cut", round(&mcp, "two_steps", arguments.clone(), more(&state[..40])).await),
        ("empty", round(&mcp, "two_steps", arguments.clone(), more("")).await),
        ("made up", round(&mcp, "two_steps", arguments.clone(), more("eyJuYW1lIjoiQWRhIn0")).await),
        ("of another principal", round_of(&mcp, "two_steps", arguments.clone(), more(&state), "bob").await),
        ("for another tool", round(&mcp, "other", arguments.clone(), more(&state)).await),
        ("for other arguments", round(&mcp, "two_steps", json!({"to": "staging", "count": 2}), more(&state)).await),
        ("for no arguments", round(&mcp, "two_steps", json!({}), more(&state)).await),
        ("of another server", round(&other_server, "two_steps", arguments.clone(), more(&state)).await),
        ("a number", {
            let more = json!({"inputResponses": {}, "requestState": 5});
            round(&mcp, "two_steps", arguments.clone(), more).await
        }),
    ] {
        assert_eq!(reply.code(), -32602, "{what}\n{reply}");
        let message = reply.error()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("params.requestState: "), "{what}: {message}");
    }
    assert_eq!(runs.load(SeqCst), 0, "no handler runs on a state that is refused");
    let reordered = json!({"count": 2, "to": "production"});
    let (keys, _) = asks(&round(&mcp, "two_steps", reordered, more(&state)).await);
    assert_eq!(keys, ["colour"], "the order of arguments does not matter");
}

#[tokio::test(start_paused = true)]
async fn a_state_expires() {
    let runs = Arc::default();
    let mcp = server_with([two_steps(&runs)], |mcp| mcp.limits(Limits::new().ask_timeout(Duration::from_secs(60))));
    let (_, state) = asks(&round(&mcp, "two_steps", json!({}), json!({})).await);
    tokio::time::advance(Duration::from_secs(62)).await;
    let more = json!({"inputResponses": {"name": accept("Ada")}, "requestState": state});
    let reply = round(&mcp, "two_steps", json!({}), more).await;
    assert_eq!(reply.code(), -32602, "{reply}");
    assert!(reply.error()["message"].as_str().unwrap().contains("expired"), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn keys_rotate_between_replicas() {
    const NEW: &str = "a new secret, which is long enough for this";
    const OLD: &str = "an old secret, which is long enough for this";
    let runs = Arc::default();
    let replica = |keys: &[&'static str]| {
        let keys = keys.to_vec();
        server_with([two_steps(&runs)], move |mcp| mcp.request_state_keys(keys))
    };
    let (before, during, after) = (replica(&[OLD]), replica(&[NEW, OLD]), replica(&[NEW]));
    let more = |state: &str| json!({"inputResponses": {"name": accept("Ada")}, "requestState": state});
    let (_, old) = asks(&round(&before, "two_steps", json!({}), json!({})).await);
    asks(&round(&during, "two_steps", json!({}), more(&old)).await);
    assert_eq!(round(&after, "two_steps", json!({}), more(&old)).await.code(), -32602);
    let (_, new) = asks(&round(&during, "two_steps", json!({}), json!({})).await);
    asks(&round(&after, "two_steps", json!({}), more(&new)).await);
    assert_eq!(round(&before, "two_steps", json!({}), more(&new)).await.code(), -32602);
}

#[test]
fn weak_keys_fail_the_build() {
    let error = mcp_mount::Mcp::new("rig", "1").request_state_keys(["hunter2"]).build().unwrap_err();
    assert!(error.to_string().starts_with("request_state_keys: key 1 has 7 bytes"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn answers_without_a_state_are_taken_where_nothing_is_lost() {
    let runs = Arc::default();
    let mcp = server([two_steps(&runs)]);
    let more = json!({"inputResponses": {"name": accept("Ada"), "unasked": accept("x")}});
    let (keys, state) = asks(&round(&mcp, "two_steps", json!({}), more).await);
    assert_eq!(keys, ["colour"]);
    let more = json!({"inputResponses": {"colour": accept("blue")}, "requestState": state});
    assert_eq!(round(&mcp, "two_steps", json!({}), more).await.text(), "Ada likes blue", "the first answer was kept");
    let both = json!({"inputResponses": {"name": accept("Ada"), "colour": accept("red")}});
    assert_eq!(round(&mcp, "two_steps", json!({}), both).await.text(), "Ada likes red");
    // The earlier answer was in the state: without it, it is asked for again.
    let more = json!({"inputResponses": {"colour": accept("blue")}});
    assert_eq!(asks(&round(&mcp, "two_steps", json!({}), more).await).0, ["name"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_asked_again_and_what_is_unknown_ignored() {
    let runs = Arc::default();
    let mcp = server([two_steps(&runs)]);
    let (_, state) = asks(&round(&mcp, "two_steps", json!({}), json!({})).await);
    for responses in [json!({}), json!({"wrong": accept("Ada")}), Value::Null] {
        let more = json!({"inputResponses": responses, "requestState": state});
        assert_eq!(asks(&round(&mcp, "two_steps", json!({}), more).await).0, ["name"], "{responses}");
    }
    // A later question's answer does not come before it is asked.
    let more = json!({"inputResponses": {"name": accept("Ada"), "colour": accept("blue")}, "requestState": state});
    assert_eq!(asks(&round(&mcp, "two_steps", json!({}), more).await).0, ["colour"]);
    for responses in [json!([]), json!("name"), json!(5)] {
        let reply = round(&mcp, "two_steps", json!({}), json!({"inputResponses": responses})).await;
        assert_eq!(reply.code(), -32602, "{reply}");
        assert!(reply.error()["message"].as_str().unwrap().starts_with("params.inputResponses: "), "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_has_changed_is_asked_again() {
    let price = Arc::new(AtomicUsize::new(10));
    let now = price.clone();
    let mcp = server([tool_fn("buy", "", move |ctx: Context| {
        let price = now.load(SeqCst);
        async move {
            let answer = ctx.elicit::<Name>("name", format!("Who pays {price}?")).await?;
            Ok::<_, AskError>(
                answer.accepted().map_or_else(String::new, |Name { name }| format!("{name} pays {price}")),
            )
        }
    })]);
    let (_, state) = asks(&round(&mcp, "buy", json!({}), json!({})).await);
    price.store(1_000_000, SeqCst);
    let more = |state: &str| json!({"inputResponses": {"name": accept("Ada")}, "requestState": state});
    let asked = round(&mcp, "buy", json!({}), more(&state)).await;
    assert_eq!(asked.result()["inputRequests"]["name"]["params"]["message"], "Who pays 1000000?", "{asked}");
    let (_, state) = asks(&asked);
    assert_eq!(round(&mcp, "buy", json!({}), more(&state)).await.text(), "Ada pays 1000000");
}

#[tokio::test(start_paused = true)]
async fn a_value_is_computed_once_for_all_rounds() {
    let draws = Arc::new(AtomicUsize::new(0));
    let counter = draws.clone();
    let mcp = server([tool_fn("order", "", move |ctx: Context| {
        let draws = counter.clone();
        async move {
            let number = ctx.once("number", || async { 4711 + draws.fetch_add(1, SeqCst) }).await?;
            ctx.elicit::<Name>("name", format!("Who orders {number}?")).await?;
            let number_of_line = ctx.once("line", || async { draws.fetch_add(1, SeqCst) }).await?;
            ctx.elicit::<Name>("address", "Where to?").await?;
            let twice = ctx.once("number", || async { 0 }).await.is_err();
            Ok::<_, AskError>(format!("{number}, {number_of_line}, {twice}"))
        }
    })]);
    let (_, state) = asks(&round(&mcp, "order", json!({}), json!({})).await);
    let more = |key: &str, state: &str| json!({"inputResponses": {key: accept("Ada")}, "requestState": state});
    let (keys, state) = asks(&round(&mcp, "order", json!({}), more("name", &state)).await);
    assert_eq!(keys, ["address"]);
    assert_eq!(round(&mcp, "order", json!({}), more("address", &state)).await.text(), "4711, 1, true");
    assert_eq!(draws.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_into_a_state_is_a_named_error() {
    let mcp = server([tool_fn("large", "", |ctx: Context| async move {
        ctx.once("large", || async { "x".repeat(100_000) }).await?;
        ctx.roots("roots").await.map(|_| "never")
    })]);
    let reply = round(&mcp, "large", json!({}), json!({})).await;
    assert_eq!(reply.code(), -32603, "{reply}");
    assert!(reply.error()["message"].as_str().unwrap().contains("requestState"), "{reply}");
    let runs = Arc::default();
    let mcp = server([two_steps(&runs)]);
    let reply = round(&mcp, "two_steps", json!({}), json!({"requestState": "A".repeat(70_000)})).await;
    assert_eq!((reply.code(), runs.load(SeqCst)), (-32602, 0), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn only_what_the_client_offers_is_asked() {
    let mcp = server([tool_fn("both", "", |ctx: Context| async move {
        let (form, roots) = tokio::join!(ctx.elicit::<Name>("form", "Who?"), ctx.roots("roots"));
        roots.map(|_| format!("{:?}", form.is_ok()))
    })]);
    let mut params = json!({"name": "both"});
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({"roots": {}});
    let (keys, _) = asks(&modern("tools/call", params).to(&mcp).await);
    assert_eq!(keys, ["roots"], "what the client does not offer is not asked");
}

#[tokio::test(start_paused = true)]
async fn a_round_ends_at_once_and_its_handler_is_dropped() {
    let probe = crate::rig::Probe::new();
    let inner = probe.clone();
    let mcp = server([tool_fn("busy", "", move |ctx: Context| {
        let probe = inner.clone();
        async move {
            // Whoever waits for something else beside a question does not hold up the round.
            let (roots, _) = tokio::join!(ctx.roots("roots"), probe.stuck());
            roots.map(|_| "never")
        }
    })]);
    let began = tokio::time::Instant::now();
    let (keys, _) = asks(&round(&mcp, "busy", json!({}), json!({})).await);
    assert_eq!((keys, began.elapsed()), (vec!["roots".to_owned()], Duration::ZERO));
    probe.started().await;
    probe.dropped().await;
}

#[tokio::test(start_paused = true)]
async fn what_depends_on_answers_is_not_for_a_cache() {
    let read = |ctx: Context| async move { ctx.roots("roots").await.map(|roots| roots.len().to_string()) };
    let resource =
        resource_fn("test://roots", "roots", read).ttl(Duration::from_secs(60)).cache_scope(CacheScope::Public);
    let mcp = Mcp::new("rig", "1").resource(resource).build().unwrap();
    let read = async |more: Value| {
        let mut params = json!({"uri": "test://roots"});
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = everything();
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        modern("resources/read", params).header("mcp-name", "test://roots").to(&mcp).await
    };
    let asked = read(json!({})).await;
    let (_, state) = asks(&asked);
    assert!(asked.result().get("ttlMs").is_none() && asked.result().get("cacheScope").is_none(), "{asked}");
    let answered = read(json!({"requestState": state, "inputResponses": {"roots": {"roots": []}}})).await.result();
    assert_eq!((&answered["ttlMs"], &answered["cacheScope"]), (&json!(0), &json!("private")), "{answered}");
    assert_eq!(answered["contents"][0]["text"], "0");
}

#[tokio::test(start_paused = true)]
async fn what_was_said_before_the_questions_is_sent() {
    let mcp = server([tool_fn("chatty", "", |ctx: Context| async move {
        ctx.progress(1.0).await;
        ctx.roots("roots").await.map(|_| "never")
    })]);
    let mut params = json!({"name": "chatty"});
    params["_meta"] = json!({
        "progressToken": "p",
        "io.modelcontextprotocol/clientCapabilities": everything(),
    });
    let reply = modern("tools/call", params).to(&mcp).await;
    assert!(reply.is_sse(), "{reply}");
    let messages = reply.messages();
    assert_eq!(messages[0]["method"], "notifications/progress");
    assert!(messages[..messages.len() - 1].iter().all(|message| message.get("id").is_none()), "no request\n{reply}");
    assert_eq!(asks(&reply).0, ["roots"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_session_nothing_can_be_asked_before_2026() {
    let runs = Arc::default();
    let mcp = server([two_steps(&runs)]);
    let reply = legacy(call("two_steps", json!({}))).to(&mcp).await;
    assert!(reply.tool_error().contains("takes a session"), "{reply}");
}

/// As after a deployment in which the type has changed.
#[tokio::test(start_paused = true)]
async fn a_value_that_can_no_longer_be_read_is_computed_anew_and_kept() {
    const KEY: &str = "a secret that two versions of a server share";
    async fn ask_twice(ctx: Context, value: String) -> Result<String, AskError> {
        ctx.elicit::<Name>("first", format!("{value}?")).await?;
        ctx.elicit::<Name>("second", format!("{value}!")).await?;
        Ok(value)
    }
    let old = tool_fn("order", "", |ctx: Context| async move {
        let number = ctx.once("number", || async { 4711 }).await?;
        ask_twice(ctx, number.to_string()).await
    });
    let draws = Arc::new(AtomicUsize::new(0));
    let counter = draws.clone();
    let new = tool_fn("order", "", move |ctx: Context| {
        let draws = counter.clone();
        async move {
            let number = ctx.once("number", || async { format!("n{}", draws.fetch_add(1, SeqCst)) }).await?;
            ask_twice(ctx, number).await
        }
    });
    let [before, after] = [old, new].map(|tool| server_with([tool], |mcp| mcp.request_state_keys([KEY])));
    let more = |key: &str, state: &str| json!({"inputResponses": {key: accept("Ada")}, "requestState": state});
    let (_, state) = asks(&round(&before, "order", json!({}), json!({})).await);
    let (keys, state) = asks(&round(&after, "order", json!({}), more("first", &state)).await);
    assert_eq!(keys, ["first"], "it is another question now");
    let (keys, state) = asks(&round(&after, "order", json!({}), more("first", &state)).await);
    assert_eq!(keys, ["second"]);
    assert_eq!(round(&after, "order", json!({}), more("second", &state)).await.text(), "n0");
    assert_eq!(draws.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn answers_are_bounded() {
    let runs = Arc::default();
    let mcp = server([two_steps(&runs)]);
    let many: Map<_, _> = (0..300).map(|number| (number.to_string(), accept("Ada"))).collect();
    let reply = round(&mcp, "two_steps", json!({}), json!({"inputResponses": many})).await;
    assert_eq!((reply.code(), runs.load(SeqCst)), (-32602, 0), "{reply}");
}

/// A sibling that comes to its question in its second turn is asked in the same round.
#[tokio::test(start_paused = true)]
async fn a_round_waits_one_turn_for_siblings() {
    let mcp = server([tool_fn("siblings", "", |ctx: Context| async move {
        let late = async {
            let mut yielded = false;
            std::future::poll_fn(|cx| {
                if std::mem::replace(&mut yielded, true) {
                    return std::task::Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                std::task::Poll::Pending
            })
            .await;
            ctx.elicit::<Name>("late", "Who?").await
        };
        let (roots, late) = tokio::join!(ctx.roots("roots"), late);
        late.and(roots.map(|_| "done"))
    })]);
    let (mut keys, _) = asks(&round(&mcp, "siblings", json!({}), json!({})).await);
    keys.sort_unstable();
    assert_eq!(keys, ["late", "roots"]);
}
