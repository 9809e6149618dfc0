//! What both eras owe on the wire and no other module is about: rows T of `docs/conformance.md`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_mount::{Args, Call, CallToolResult, Context, Mcp, Principal, Reply as CallReply, Tool, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tower::ServiceExt as _;

use crate::{
    layered::around,
    rig::{Probe, owned, patient, rig, rig_with, server, server_with, session},
    support::{
        Ask, LATEST_SESSION, Live, MODERN, call, call_with_progress, legacy, message, modern, modern_call, modern_meta,
        notification, pass, post, raw, secs, soon,
    },
    table::{case, check},
};

/// T7. Input that cannot be accepted gets an error status; what the server says of it has no id, since nothing was asked.
#[tokio::test]
async fn what_asks_for_nothing_is_refused_without_an_id() {
    let answer = |message: Value| post(message).header("mcp-protocol-version", MODERN);
    let notice = || legacy(notification("notifications/initialized", json!({})));
    let mut modern_notice = notification("notifications/cancelled", json!({"requestId": 7}));
    modern_notice["params"]["_meta"] = modern_meta();
    check([
        case("no such session", 404, notice().header("mcp-session-id", "f".repeat(32))).code(-32600).no_id(),
        case("no such revision", 400, notice().header("mcp-protocol-version", "2099-01-01")).code(-32022).no_id(),
        case("headers that differ", 400, post(modern_notice)).code(-32020).no_id(),
        case("a result", 400, answer(json!({"jsonrpc": "2.0", "id": 9, "result": {}}))).code(-32600).no_id(),
        case("an error", 400, answer(json!({"jsonrpc": "2.0", "id": 9, "error": {"code": 1, "message": "m"}})))
            .code(-32600)
            .no_id(),
    ])
    .await;
}

/// T11. One process answers whatever comes next.
#[tokio::test]
async fn what_is_no_text_harms_nobody() {
    let rig = rig();
    let message = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let wide = |little: bool| -> Vec<u8> {
        let bytes = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
        message.encode_utf16().flat_map(bytes).collect()
    };
    let mut cut = message.replace("ping", "pin\u{1f600}").into_bytes();
    let end = cut.iter().position(|byte| *byte == 0xf0).expect("the first byte of four");
    cut.drain(end + 1..end + 4);
    for (name, body) in [
        ("UTF-16, little end first", wide(true)),
        ("UTF-16, big end first", wide(false)),
        ("UTF-32", message.chars().flat_map(|char| u32::from(char).to_le_bytes()).collect()),
        ("a byte order mark", [b"\xef\xbb\xbf", message.as_bytes()].concat()),
        ("Latin-1", message.replace("ping", "p*ng").bytes().map(|b| if b == b'*' { 0xed } else { b }).collect()),
        ("a character that is cut short", cut),
        ("zeros", vec![0; 4096]),
    ] {
        for ask in [raw(body.clone()), raw(body.clone()).header("mcp-protocol-version", LATEST_SESSION)] {
            let reply = ask.to(&rig.mcp).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (400, -32700), "{name}\n{reply}");
        }
        rig.canary(name).await;
    }
}

#[derive(Deserialize, JsonSchema)]
struct Secret {
    text: String,
    millis: u64,
}

/// Tells the client its own secret, now and later.
fn repeat() -> Tool {
    tool_fn("repeat", "Say it twice", |ctx: Context, Args(secret): Args<Secret>| async move {
        ctx.progress(1.0).message(secret.text.as_str()).await;
        sleep(Duration::from_millis(secret.millis)).await;
        secret.text
    })
}

/// T13. Clients count from the same number, and each has one request with it on the way. Each hears its own.
#[tokio::test(start_paused = true)]
async fn many_clients_with_the_same_id_are_told_apart() {
    const CLIENTS: u64 = 40;
    let mcp = server([repeat()]);
    let mut sessions = Vec::new();
    for _ in 0..CLIENTS {
        sessions.push(session(&mcp).await);
    }
    for round in 0..5 {
        let asks = sessions.iter().zip(0..CLIENTS).flat_map(|(session, client)| {
            let params = |era: &str| {
                let arguments = json!({"text": format!("{era} {client} {round}"), "millis": client * 37 % 101});
                json!({"name": "repeat", "arguments": arguments, "_meta": {"progressToken": "token"}})
            };
            [
                ("session", session.post(message(1, "tools/call", params("session")))),
                ("none", legacy(message(1, "tools/call", params("none")))),
                ("modern", modern("tools/call", params("modern"))),
            ]
            .map(|(era, ask)| (format!("{era} {client} {round}"), ask))
        });
        let mcp = &mcp;
        let replies = asks.map(|(secret, ask)| async move { (secret, ask.to(mcp).await) });
        for (secret, reply) in futures::future::join_all(replies).await {
            let messages = reply.messages();
            assert_eq!(messages.len(), 2, "{secret}\n{reply}");
            assert_eq!(messages[0]["params"]["message"], json!(secret), "{reply}");
            assert_eq!((reply.text(), &messages[1]["id"]), (secret, &json!(1)), "{reply}");
        }
    }
}

fn header<'a>(live: &'a Live, name: &str) -> Option<&'a str> {
    live.headers.get(name).map(|value| value.to_str().expect("text"))
}

/// T14. Nothing on the way may hold a stream back, keep it or take it for whole.
#[tokio::test(start_paused = true)]
async fn an_open_stream_is_for_nobody_to_keep() {
    let probe = Probe::new();
    let mcp = server_with([probe.speaking_tool()], |mcp| mcp.limits(patient()));
    let session = session(&mcp).await;
    let params = json!({"name": "speak", "arguments": {}, "_meta": {"progressToken": "token"}});
    for (name, ask) in [
        ("GET", session.get()),
        ("a call of a session", session.post(call_with_progress("speak", json!({})))),
        ("a call without a session", legacy(call_with_progress("speak", json!({})))),
        ("a call of 2026-07-28", modern("tools/call", params)),
    ] {
        let live = ask.open(&mcp).await;
        assert_eq!(header(&live, "content-type"), Some("text/event-stream"), "{name}");
        assert_eq!(header(&live, "x-accel-buffering"), Some("no"), "{name}");
        assert_eq!(header(&live, "content-length"), None, "{name}");
        let cache = header(&live, "cache-control").unwrap_or_default();
        assert!(cache.contains("no-cache") && cache.contains("no-store"), "{name}: {cache}");
    }
}

/// N16. `ttlMs` is for MCP clients; a cache of HTTP's between knows nothing of who asks.
#[tokio::test]
async fn no_answer_is_for_a_cache_of_http() {
    let hints = |mcp: Mcp| mcp.ttl(secs(60)).cache_scope(mcp_mount::CacheScope::Public);
    let mcp = rig_with(hints).mcp;
    let session = session(&mcp).await;
    for (name, ask) in [
        ("a call", modern_call("echo", json!({"text": "x"}))),
        ("a list", modern("tools/list", json!({}))),
        ("discovery", modern("server/discover", json!({}))),
        ("an error in band", modern_call("nobody", json!({}))),
        ("a refusal", modern("x", json!({}))),
        ("a list of a session", session.post(message(1, "tools/list", json!({})))),
        ("a call of a session", session.post(call("echo", json!({"text": "x"})))),
    ] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{name}\n{reply}");
    }
}

/// In a session and in none, with a token for progress.
async fn both(mcp: &mcp_mount::McpService, tool: &str) -> [(&'static str, Ask); 2] {
    let params = json!({"name": tool, "arguments": {}, "_meta": {"progressToken": "token"}});
    let session = session(mcp).await;
    [("session", session.post(message(1, "tools/call", params.clone()))), ("stateless", modern("tools/call", params))]
}

/// T16. A call that tells each second how far it is ends in the same time as a silent one.
#[tokio::test(start_paused = true)]
async fn progress_gives_a_call_no_more_time() {
    let busy = tool_fn("busy", "Report for ever", |ctx: Context| async move {
        for step in 1_u32.. {
            ctx.progress(f64::from(step)).await;
            sleep(secs(1)).await;
        }
    });
    let mcp = server([busy]);
    for (era, ask) in both(&mcp, "busy").await {
        let begun = Instant::now();
        let reply = soon("the time limit", ask.to(&mcp)).await;
        assert_eq!(begun.elapsed().as_secs(), 60, "{era}\n{reply}");
        assert!(reply.tool_error().contains("60"), "{era}: names the limit\n{reply}");
        assert!(reply.messages().len() > 30, "{era}: it did report\n{reply}");
    }
}

/// T22. «The progress value MUST increase with each notification» (2026-07-28, basic/patterns/progress).
#[tokio::test(start_paused = true)]
async fn progress_only_grows() {
    let back = tool_fn("back", "Report to and fro", |ctx: Context| async move {
        for step in [1.0, 3.0, 2.0, 3.0, f64::NAN, f64::INFINITY, -1.0, 3.5, 4.0] {
            ctx.progress(step).await;
        }
        "said"
    });
    let mcp = server([back]);
    for (era, ask) in both(&mcp, "back").await {
        let mut messages = ask.to(&mcp).await.messages();
        let answer = messages.pop().expect("an answer");
        assert_eq!(answer["result"]["content"][0]["text"], json!("said"), "{era}: {answer}");
        let told: Vec<_> = messages.iter().map(|message| message["params"]["progress"].as_f64()).collect();
        assert_eq!(told, [1.0, 3.0, 3.5, 4.0].map(Some), "{era}");
    }
}

/// T18. There is no rate that would be right for every tool, so there is none by default. A layer knows who calls what.
#[tokio::test(start_paused = true)]
async fn a_layer_limits_the_rate_of_each_caller() {
    const A_SECOND: u32 = 3;
    let spent = Arc::new(Mutex::new((Instant::now(), HashMap::<Option<String>, u32>::new())));
    let limit = around(move |call: Call, inner| {
        let within = {
            let mut spent = spent.lock().unwrap();
            if spent.0.elapsed() >= secs(1) {
                *spent = (Instant::now(), HashMap::new());
            }
            let caller = call.principal().map(Principal::id).map(str::to_owned);
            let calls = spent.1.entry(caller).or_default();
            *calls += 1;
            *calls <= A_SECOND
        };
        async move {
            if within {
                return inner.oneshot(call).await;
            }
            Ok(CallReply::Tool(CallToolResult::error("too many calls; come back in a second")))
        }
    });
    let rig = rig_with(|mcp| owned(mcp).layer(limit));
    let echo = || modern_call("echo", json!({"text": "x"}));
    for second in 0..2 {
        for user in ["alice", "bob"] {
            for _ in 0..A_SECOND {
                assert_eq!(echo().user(user).to(&rig.mcp).await.text(), "x", "{second}, {user}");
            }
            let refused = echo().user(user).to(&rig.mcp).await.tool_error();
            assert!(refused.contains("too many calls"), "{second}, {user}: {refused}");
        }
        assert_eq!(echo().to(&rig.mcp).await.text(), "x", "nobody in particular has calls too");
        assert_eq!(rig.runs(), 7, "no handler runs for what is refused");
        pass(secs(1)).await;
    }
}
