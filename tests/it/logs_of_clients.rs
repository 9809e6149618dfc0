//! What a client says reaches no log, whichever way it comes: answers, event ids, other transports, whole requests.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use mcp_mount::{Args, Context, Elicit, Json, McpService, Tool, ToolError, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    asking::everything,
    legacy_client::Client,
    logs::{Log, MARKER, gossip, marked, nothing_of},
    rig::{Session, server_with},
    suite::{
        asking_resumed::asked_session,
        resuming::{Gate, next},
    },
    support::{
        LATEST_SESSION, MODERN, bare, call, initialize, legacy, message, modern, modern_meta, notification, post, raw,
        secs, soon,
    },
};

#[derive(Deserialize, JsonSchema, Elicit)]
struct Secret {
    secret: String,
}

/// Asks by a form, for a text of a model, and for roots, and repeats all of it. How often it got to its end is counted.
fn asking(ends: &Arc<AtomicUsize>) -> Tool {
    let ends = Arc::clone(ends);
    tool_fn("asking", "Ask, and repeat", move |ctx: Context| {
        let ends = Arc::clone(&ends);
        async move {
            let secret = ctx.elicit::<Secret>("secret", "Your secret?").await?.accepted().map(|answer| answer.secret);
            let roots = ctx.roots("roots").await?;
            ctx.info(format!("{secret:?} {roots:?}")).await;
            ends.fetch_add(1, SeqCst);
            match secret {
                Some(secret) if secret.ends_with("fail") => Err(ToolError::expose(secret)),
                secret => Ok(format!("{secret:?} {roots:?}")),
            }
        }
    })
}

fn server(ends: &Arc<AtomicUsize>) -> McpService {
    server_with([asking(ends), gossip(), Gate::new().tool()], |mcp| {
        mcp.legacy_sse()
            .method("example/echo", |Args(params): Args<Value>| async move { Json(params) })
            .method("example/fails", |Args(params): Args<Value>| async move {
                Err::<Json<Value>, _>(ToolError::expose(params.to_string()))
            })
            .method("example/strict", |Args(Secret { secret }): Args<Secret>| async move { Json(secret) })
    })
}

/// What a client may answer to the form, and to the question for its roots; the first two come to the handler's end.
fn answers() -> Vec<[Value; 2]> {
    let accept = |content: Value| json!({"action": "accept", "content": content});
    let roots = || json!({"roots": [{"uri": format!("file:///{MARKER}"), "name": MARKER}]});
    vec![
        [accept(json!({"secret": MARKER})), roots()],
        [accept(json!({"secret": format!("{MARKER} fail")})), roots()],
        [accept(json!({"secret": [MARKER]})), roots()],
        [accept(json!({MARKER: MARKER})), roots()],
        [accept(json!(MARKER)), roots()],
        [json!({"action": MARKER}), roots()],
        [json!(MARKER), roots()],
        [accept(json!({"secret": MARKER})), json!({"roots": [{"uri": {MARKER: MARKER}}]})],
        [accept(json!({"secret": MARKER})), json!({"roots": MARKER})],
    ]
}

/// Until the log is read, nothing may have been logged of these ids.
struct Watched {
    log: Log,
    ids: Vec<String>,
}

impl Watched {
    fn saw(&mut self, id: &Value) {
        self.ids.push(id.as_str().expect("a text").to_owned());
    }
}

/// Answers what a call in this session asks, and reads on to its end.
async fn answer_in_session(session: &Session, answers: [Value; 2], watched: &mut Watched) {
    let mut stream = marked(session.post(call("asking", json!({})))).open(&session.mcp).await;
    for answer in answers {
        let Some(asked) = soon("a question", stream.message()).await.filter(|message| message.get("id").is_some())
        else {
            break;
        };
        if asked.get("method").is_none() {
            break;
        }
        watched.saw(&asked["id"]);
        let answer = match answer {
            Value::Object(member) if member.contains_key("error") => {
                json!({"jsonrpc": "2.0", "id": asked["id"], "error": member["error"]})
            }
            result => json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}),
        };
        assert_eq!(marked(session.post(answer)).to(&session.mcp).await.status, 202);
    }
    assert!(stream.ends_within(secs(60)).await, "the call ends");
}

#[tokio::test(start_paused = true)]
async fn answers_in_a_session() {
    let log = Log::default();
    let guard = log.listen();
    let ends = Arc::default();
    let mcp = server(&ends);
    let session = asked_session(&mcp).await;
    let mut watched = Watched { log, ids: vec![session.id.clone()] };
    for answers in answers() {
        answer_in_session(&session, answers, &mut watched).await;
    }
    assert_eq!(ends.load(SeqCst), 2, "handlers had it, and said it");
    let error = |error: Value| [json!({"error": error}), Value::Null];
    for answers in [
        error(json!({"code": -1, "message": MARKER, "data": MARKER})),
        error(json!({"code": MARKER, "message": MARKER})),
        error(json!(MARKER)),
    ] {
        answer_in_session(&session, answers, &mut watched).await;
    }
    for id in [json!(MARKER), json!(7), json!({MARKER: MARKER}), Value::Null] {
        for part in ["result", "error"] {
            marked(session.post(json!({"jsonrpc": "2.0", "id": id, part: {MARKER: MARKER}}))).to(&mcp).await;
        }
    }
    drop(guard);
    assert!(watched.log.text().contains("tools/call{") && watched.ids.len() > 12, "{:?}", watched.ids);
    nothing_of(&watched.log, &watched.ids);
}

#[tokio::test(start_paused = true)]
async fn answers_that_come_with_a_request() {
    let log = Log::default();
    let guard = log.listen();
    let ends = Arc::default();
    let mcp = server(&ends);
    let mut states = Vec::new();
    for [secret, roots] in answers() {
        let mut params = json!({"name": "asking"});
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = everything();
        for answer in [("secret", secret), ("roots", roots)] {
            let reply = marked(modern("tools/call", params.clone())).to(&mcp).await;
            let Some(state) = reply.json()["result"]["requestState"].as_str().map(str::to_owned) else { break };
            params["inputResponses"] = json!({answer.0: answer.1});
            params["requestState"] = json!(state);
            states.push(state);
        }
        soon("the last round", marked(modern("tools/call", params)).to(&mcp)).await;
    }
    drop(guard);
    assert_eq!(ends.load(SeqCst), 2, "handlers had it, and said it");
    assert!(states.len() > 9);
    // Not even a part of one.
    states.extend(states.clone().iter().map(|state| state[..24].to_owned()));
    nothing_of(&log, &states);
}

#[tokio::test(start_paused = true)]
async fn ids_of_events() {
    let log = Log::default();
    let guard = log.listen();
    let mcp = server(&Arc::default());
    let (session, other) = (asked_session(&mcp).await, asked_session(&mcp).await);
    let mut stream = session.talk("mwm").open(&mcp).await;
    let (first, second) = (next(&mut stream).await.id.expect("an id"), next(&mut stream).await.id.expect("an id"));
    drop(stream);
    let shouted = second.to_uppercase();
    for (session, id) in [(&session, &first), (&session, &second), (&session, &shouted), (&other, &second)] {
        marked(session.get()).header("last-event-id", id).open(&mcp).await.listen(secs(40)).await;
    }
    for id in [MARKER.to_owned(), format!("{MARKER}-1-1"), format!("{second}-{MARKER}"), MARKER.repeat(1000)] {
        marked(session.get()).header("last-event-id", id).open(&mcp).await.listen(secs(40)).await;
    }
    session.delete().to(&mcp).await;
    marked(session.get()).header("last-event-id", &second).to(&mcp).await;
    drop(guard);
    let mut ids: Vec<_> = second.split('-').take(2).map(str::to_owned).collect();
    assert!(ids.iter().all(|id| id.len() == 16 || id.len() == 32), "{second}");
    ids.extend([first, second, session.id, other.id]);
    nothing_of(&log, &ids);
}

/// Messages as they may come over any transport; and a few that are none.
fn messages() -> Vec<String> {
    let tool = |text: Value| json!({"name": "gossip", "arguments": {"text": text}});
    let info = json!({"name": MARKER, "version": MARKER, "title": MARKER});
    let capabilities = json!({"experimental": {MARKER: {MARKER: MARKER}}});
    let initialize = json!({"protocolVersion": MARKER, "clientInfo": info, "capabilities": capabilities, MARKER: 1});
    let method = |name: &str| json!({"secret": MARKER, "more": MARKER, "name": name});
    let mut messages: Vec<_> = [
        ("tools/call", tool(json!(MARKER))),
        ("tools/call", tool(json!([MARKER]))),
        ("tools/list", json!({"cursor": MARKER})),
        ("resources/read", json!({"uri": format!("file:///{MARKER}")})),
        ("resources/subscribe", json!({"uri": format!("file:///{MARKER}")})),
        ("prompts/get", json!({"name": MARKER, "arguments": {MARKER: MARKER}})),
        ("completion/complete", json!({"ref": {"type": MARKER}, "argument": {"name": MARKER, "value": MARKER}})),
        ("logging/setLevel", json!({"level": MARKER})),
        ("subscriptions/listen", json!({"notifications": {"resourceSubscriptions": [format!("file:///{MARKER}")]}})),
        ("initialize", initialize),
        ("example/echo", method("echo")),
        ("example/fails", method("fails")),
        ("example/strict", method("strict")),
        ("example/strict", json!({MARKER: MARKER})),
        (MARKER, method(MARKER)),
    ]
    .into_iter()
    .enumerate()
    .map(|(at, (method, params))| message(format!("{MARKER}-{at}"), method, params).to_string())
    .collect();
    let cancelled = json!({"requestId": format!("{MARKER}-0"), "reason": MARKER});
    messages.push(notification("notifications/cancelled", cancelled).to_string());
    let progress = json!({"progressToken": MARKER, "progress": 1, "message": MARKER});
    messages.push(notification("notifications/progress", progress).to_string());
    messages.push(notification(MARKER, json!({MARKER: MARKER})).to_string());
    messages.extend([
        format!("{{\"{MARKER}"),
        format!("[\"{MARKER}\"]"),
        format!("\"{MARKER}\""),
        format!("{{\"jsonrpc\":\"{MARKER}\",\"id\":1,\"method\":\"ping\"}}"),
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{{\"{MARKER}\":1}},\"method\":\"ping\"}}"),
        format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":\"{MARKER}\"}}"),
        MARKER.repeat(10_000),
    ]);
    messages
}

#[tokio::test(start_paused = true)]
async fn messages_and_batches_of_them() {
    let log = Log::default();
    let guard = log.listen();
    let mcp = server(&Arc::default());
    let (session, old) = (asked_session(&mcp).await, Session::open(&mcp, "2025-03-26", None).await);
    for message in messages() {
        let in_session = session.post(Value::Null).with_body(message.clone());
        let without = legacy(Value::Null).with_body(message.clone());
        let batch = old.post(Value::Null).with_body(format!("[{message},{message}]"));
        for ask in [in_session, without, batch] {
            marked(ask).open(&mcp).await.listen(secs(40)).await;
        }
    }
    for (method, name) in [("example/echo", "x"), ("example/fails", "x"), ("example/strict", "x"), (MARKER, MARKER)] {
        let params = json!({"name": name, "secret": MARKER, "more": {MARKER: MARKER}});
        marked(modern(method, params)).to(&mcp).await;
    }
    drop(guard);
    nothing_of(&log, &[session.id, old.id]);
}

#[tokio::test(start_paused = true)]
async fn heads_of_requests() {
    let log = Log::default();
    let guard = log.listen();
    let mcp = server(&Arc::default());
    let echo = || modern("tools/call", json!({"name": "gossip", "arguments": {"text": MARKER}}));
    // Which host or origin is not allowed, is said once, by design: it is what the server's owner has to allow.
    for header in [
        "accept",
        "content-type",
        "content-encoding",
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
        "mcp-session-id",
        "mcp-param-text",
        "referer",
        "forwarded",
        "x-forwarded-host",
        "x-forwarded-for",
        "x-request-id",
        "tracestate",
        "baggage",
        "access-control-request-method",
    ] {
        for value in
            [MARKER.to_owned(), format!("https://{MARKER}.example/{MARKER}"), format!("text/{MARKER}; q={MARKER}")]
        {
            marked(echo()).header(header, &value).to(&mcp).await;
            marked(legacy(call("gossip", json!({"text": MARKER})))).header(header, &value).to(&mcp).await;
        }
    }
    for path in [format!("/{MARKER}"), format!("/?{MARKER}={MARKER}"), format!("/sse/{MARKER}?{MARKER}")] {
        marked(echo().at(&path)).to(&mcp).await;
        marked(bare(http::Method::GET, "").at(&path)).to(&mcp).await;
    }
    marked(initialize(MARKER)).to(&mcp).await;
    drop(guard);
    nothing_of(&log, &[]);
}

#[tokio::test(start_paused = true)]
async fn conversations_over_two_routes() {
    let log = Log::default();
    let guard = log.listen();
    let mcp = server(&Arc::default());
    let mut client = Client::connect(&mcp).await;
    let info = json!({"name": MARKER, "version": MARKER});
    let params = json!({"protocolVersion": LATEST_SESSION, "capabilities": everything(), "clientInfo": info});
    client.ask(message("init", "initialize", params)).await;
    let id = client.messages.split_once("sessionId=").expect("an id").1.to_owned();
    for message in messages() {
        marked(client.post(message)).to(&mcp).await;
        client.live.listen(secs(1)).await;
    }
    let asked = client.ask(call("asking", json!({}))).await;
    client.say(json!({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -1, "message": MARKER}})).await;
    client.hear().await;
    for wrong in [MARKER.to_owned(), id.to_uppercase(), format!("{id}{MARKER}"), format!("{id}&sessionId={MARKER}")] {
        marked(raw(json!(MARKER).to_string())).at(&format!("/messages?sessionId={wrong}")).to(&mcp).await;
    }
    marked(bare(http::Method::GET, "")).at(&format!("/sse?{MARKER}={MARKER}")).open(&mcp).await;
    let messages = client.messages.clone();
    drop(client);
    crate::support::pass(secs(40)).await;
    marked(post(json!({MARKER: MARKER})).at(&messages)).to(&mcp).await;
    drop(guard);
    nothing_of(&log, &[id, asked["id"].as_str().expect("an id").to_owned()]);
}

#[tokio::test(start_paused = true)]
async fn lines() {
    let log = Log::default();
    let guard = log.listen();
    let mcp = server(&Arc::default());
    for opened in [true, false] {
        let (mut near, far) = tokio::io::duplex(1 << 22);
        let (reader, writer) = tokio::io::split(far);
        let info = json!({"name": MARKER, "version": MARKER});
        let params = json!({"protocolVersion": LATEST_SESSION, "capabilities": {}, "clientInfo": info});
        let mut said: Vec<_> = opened.then(|| message(0, "initialize", params).to_string()).into_iter().collect();
        said.extend(messages());
        let mut named = json!({"name": "gossip", "arguments": {"text": MARKER}, "_meta": modern_meta()});
        named["_meta"][MARKER] = json!(MARKER);
        said.push(message(MARKER, "tools/call", named).to_string());
        near.write_all(format!("{}\n", said.join("\n")).as_bytes()).await.expect("there is room");
        near.shutdown().await.expect("open until now");
        soon("the end of the lines", mcp.serve_lines(reader, writer)).await.expect("no error");
        let mut answered = String::new();
        near.read_to_string(&mut answered).await.expect("text");
        assert!(answered.lines().count() > 15 && answered.contains(MARKER), "{answered}");
    }
    drop(guard);
    nothing_of(&log, &[]);
    assert!(log.text().contains(MODERN), "calls were made");
}
