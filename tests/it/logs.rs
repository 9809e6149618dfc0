//! What the host's log says of a call, and what it never says.

use std::{
    future::pending,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use mcp_mount::{
    Args, Call, Context, FromCall, Headers, Lifespan, McpService, Needs, Refusal, Tool, ToolError, tool_fn,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::{level_filters::LevelFilter, subscriber::DefaultGuard};
use tracing_subscriber::fmt::format::FmtSpan;

use crate::{
    reply::Reply,
    rig::{Probe, Session, patient, rig, server, server_with, session},
    support::{Ask, call, call_with_progress, legacy, message, modern, modern_call, notification, pass, secs, soon},
};

/// Everything that is logged on this thread, at every level.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Listens until the guard is dropped. The tests' runtime has one thread, which is this.
    pub fn listen(&self) -> DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("logs are UTF-8")
    }

    /// The spans of calls that were closed since the last time, as far as they were recorded.
    pub fn closed_calls(&self) -> Vec<String> {
        let text = self.text();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let closed = text.lines().filter(|line| line.contains("tools/call{") && line.contains(": close "));
        closed.map(|line| line.replace('"', "")).collect()
    }
}

/// Exactly one call was closed, with these fields.
fn one_call(log: &Log, case: &str, fields: &[&str]) {
    let closed = log.closed_calls();
    let [line] = &closed[..] else { panic!("{case}: {} spans were closed: {closed:#?}", closed.len()) };
    for field in fields {
        assert!(line.contains(field), "{case}: does not say {field:?}: {line}");
    }
    assert!(line.contains("duration_ms="), "{case}: does not say how long it took: {line}");
    assert_eq!(line.matches("outcome=").count(), 1, "{case}: one outcome: {line}");
}

fn failing() -> Tool {
    tool_fn("failing", "Fail", || async { Err::<(), _>(ToolError::expose("no")) })
}

fn panicking() -> Tool {
    async fn explode() -> &'static str {
        panic!("the tool fell over")
    }
    tool_fn("panicking", "Panic", explode)
}

#[tokio::test(start_paused = true)]
async fn a_call_has_a_span_with_its_outcome() {
    let log = Log::default();
    let _guard = log.listen();
    let probe = Probe::new();
    let tools = [probe.silent_tool(), probe.stuck_tool().timeout(secs(1)), failing(), panicking()];
    let mcp = server(tools);
    let session = session(&mcp).await;
    assert_eq!(log.closed_calls(), [""; 0], "nothing was called yet");
    for (tool, outcome) in [("wait", "outcome=ok"), ("failing", "outcome=error"), ("panicking", "outcome=error")] {
        for (revision, ask) in
            [("2025-11-25", session.post(call(tool, json!({})))), ("2026-07-28", modern_call(tool, json!({})))]
        {
            probe.release();
            soon("the call", ask.to(&mcp)).await;
            let (name, revision) = (format!("tool={tool}"), format!("revision={revision}"));
            one_call(&log, tool, &[&name, &revision, outcome]);
        }
    }
    soon("the call", session.post(call("stuck", json!({}))).to(&mcp)).await.tool_error();
    one_call(&log, "timed out", &["tool=stuck", "outcome="]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_logged_as_cancelled() {
    let log = Log::default();
    let _guard = log.listen();
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool(), probe.speaking_tool()], |mcp| mcp.limits(patient()));
    let session = session(&mcp).await;
    for tool in ["stuck", "speak"] {
        let running = tokio::spawn(session.post(call_with_progress(tool, json!({}))).owned_to(&mcp));
        probe.started().await;
        let cancel = notification("notifications/cancelled", json!({"requestId": 1}));
        assert_eq!(session.post(cancel).to(&mcp).await.status, 202);
        soon("the reply", running).await.expect("no panic");
        one_call(&log, tool, &[&format!("tool={tool}"), "revision=2025-11-25", "outcome=cancelled"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_its_client_left_is_logged_as_abandoned() {
    let log = Log::default();
    let _guard = log.listen();
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool(), probe.speaking_tool()], |mcp| mcp.limits(patient()));
    // Before the reply has begun.
    let running = tokio::spawn(modern_call("stuck", json!({})).owned_to(&mcp));
    probe.started().await;
    pass(secs(1)).await;
    running.abort();
    probe.dropped().await;
    one_call(&log, "before the reply", &["tool=stuck", "revision=2026-07-28", "outcome=abandoned"]);
    // While the reply is a stream.
    let params = json!({"name": "speak", "arguments": {}, "_meta": {"progressToken": "token"}});
    let mut live = modern("tools/call", params).open(&mcp).await;
    soon("progress", live.message()).await.expect("a message");
    probe.started().await;
    drop(live);
    probe.dropped().await;
    pass(secs(1)).await;
    one_call(&log, "in the stream", &["tool=speak", "revision=2026-07-28", "outcome=abandoned"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_goes_on_without_its_client_is_logged_as_it_ends() {
    let log = Log::default();
    let _guard = log.listen();
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(patient()));
    let session = session(&mcp).await;
    let running = tokio::spawn(session.post(call("wait", json!({}))).owned_to(&mcp));
    probe.started().await;
    running.abort();
    pass(secs(1)).await;
    assert_eq!(log.closed_calls(), [""; 0], "in a session the call goes on");
    probe.release();
    pass(secs(1)).await;
    one_call(&log, "finished", &["tool=wait", "outcome=ok"]);
}

#[tokio::test(start_paused = true)]
async fn hooks_that_fail_are_logged_by_name() {
    let log = Log::default();
    let _guard = log.listen();
    let loud = |log: &Log| {
        let text = std::mem::take(&mut *log.0.lock().unwrap_or_else(PoisonError::into_inner));
        let text = String::from_utf8(text).expect("logs are UTF-8");
        text.lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect::<Vec<_>>()
    };
    let lifespan = Lifespan::new().grace(secs(1));
    lifespan.on_start("database", || async { Err::<(), _>("wrong password") });
    for _ in 0..2 {
        lifespan.start().await.expect_err("it fails");
    }
    let lines = loud(&log);
    let [line] = &lines[..] else { panic!("once: {lines:#?}") };
    assert!(line.contains("\"database\"") && line.contains("wrong password"), "{line}");

    let lifespan = Lifespan::new().grace(secs(1));
    lifespan.on_shutdown("stuck", pending::<()>);
    lifespan.on_shutdown("broken", || async { panic!("on purpose") });
    lifespan.on_shutdown("fine", || async {});
    lifespan.shutdown().await;
    let lines = loud(&log);
    let [broken, stuck] = &lines[..] else { panic!("two: {lines:#?}") };
    assert!(broken.contains("\"broken\"") && broken.contains("on purpose"), "{broken}");
    assert!(stuck.contains("\"stuck\"") && stuck.contains("time"), "{stuck}");
}

/// In every text that comes from outside. Its parts are no words that a log would have by chance.
pub const MARKER: &str = "zq7marker";

#[derive(Deserialize, JsonSchema)]
pub struct Secret {
    text: String,
}

/// Tells the client what it was told, in every way there is.
pub fn gossip() -> Tool {
    tool_fn("gossip", "Repeat it", |ctx: Context, headers: Headers, Args(secret): Args<Secret>| async move {
        ctx.progress(1.0).message(secret.text.as_str()).await;
        ctx.error(&secret.text).await;
        let count = headers.get_all("cookie").iter().count();
        if secret.text.ends_with("fail") {
            return Err(ToolError::expose(format!("{} {count}", secret.text)));
        }
        Ok(format!("{} {count}", secret.text))
    })
}

fn stuck() -> Tool {
    tool_fn("stuck", "Never answer", |_: Context, Args(_): Args<Secret>| pending::<&'static str>()).timeout(secs(20))
}

/// With what a client, or a proxy before it, puts on a request.
pub fn marked(ask: Ask) -> Ask {
    ask.header("authorization", format!("Bearer {MARKER}-bearer"))
        .header("cookie", format!("sid={MARKER}-cookie"))
        .also("cookie", format!("other={MARKER}-cookie"))
        .header("x-api-key", format!("{MARKER}-key"))
        .header("user-agent", format!("{MARKER}-agent"))
}

/// Tool, arguments, and whatever else may be in `params`: with answers and the state that they belong to, with answers
/// alone, and with neither. A state that is not this server's is refused in 2026-07-28, before any handler runs.
fn marked_params() -> Vec<Value> {
    let meta = json!({
        "progressToken": format!("{MARKER}-token"),
        "io.modelcontextprotocol/logLevel": "debug",
        format!("example.com/{MARKER}"): MARKER,
    });
    let params = |tool: &str, arguments: Value| json!({"name": tool, "arguments": arguments, "_meta": meta});
    let plain = [
        params("gossip", json!({"text": MARKER})),
        params("gossip", json!({"text": format!("{MARKER} fail")})),
        params("gossip", json!({"text": [MARKER]})),
        params("gossip", json!({format!("{MARKER}-key"): MARKER})),
        params("gossip", json!({"text": MARKER, "more": {MARKER: MARKER}})),
        params("panicking", json!({"text": MARKER})),
        params("failing", json!({"text": MARKER})),
        params("stuck", json!({"text": MARKER})),
        params(MARKER, json!({"text": MARKER})),
    ];
    let answered = plain.clone().map(|mut params| {
        params["inputResponses"] = json!({"ask": {"action": "accept", "content": {"secret": MARKER}}});
        params
    });
    let with_state = answered.clone().map(|mut params| {
        params["requestState"] = json!(format!("{MARKER}-state"));
        params
    });
    plain.into_iter().chain(answered).chain(with_state).collect()
}

/// Every call does what it is marked for: else nothing of it could be logged.
fn has_run(params: &Value, reply: &Reply) {
    let text = params["arguments"]["text"].as_str();
    match (params["name"].as_str(), text) {
        (Some("gossip"), Some(MARKER)) => assert!(reply.text().starts_with(MARKER), "{reply}"),
        (Some("gossip"), Some(text)) => assert!(reply.tool_error().starts_with(text), "{reply}"),
        (Some("stuck"), _) => assert!(reply.tool_error().contains("timeout"), "{reply}"),
        _ => {}
    }
}

/// Neither the marker nor any of these ids is in the log, nor the numbers that they stand for.
pub fn nothing_of(log: &Log, ids: &[String]) {
    let text = log.text();
    let lines = |what: &str| text.lines().filter(|line| line.contains(what)).collect::<Vec<_>>();
    assert_eq!(lines(MARKER), [""; 0]);
    for id in ids {
        assert_eq!(lines(id), [""; 0], "an id");
        let Ok(number) = u128::from_str_radix(id, 16) else { continue };
        for form in [&id[..16], &number.to_string(), &format!("{number:x}")] {
            assert_eq!(lines(form), [""; 0], "an id, in another form");
        }
    }
}

/// Everything a client may send that has the marker in it, in both eras; and what the sessions' ids were.
async fn send_everything(mcp: &McpService) -> Vec<String> {
    let (session, ended) = (session(mcp).await, session(mcp).await);
    ended.delete().to(mcp).await;
    let foreign = |ask: Ask, id: &str| marked(ask.header("mcp-session-id", id));
    for params in marked_params() {
        let in_session = session.post(message(format!("{MARKER}-id"), "tools/call", params.clone()));
        let without_session = legacy(message(1, "tools/call", params.clone()));
        for ask in [in_session, without_session] {
            has_run(&params, &soon("a reply", marked(ask).to(mcp)).await);
        }
        let reply = soon("a reply", marked(modern("tools/call", params.clone())).to(mcp)).await;
        if params.get("requestState").is_none() {
            has_run(&params, &reply);
        }
    }
    for id in [ended.id.clone(), MARKER.to_owned(), format!("{MARKER}{}", "0".repeat(23)), session.id.to_uppercase()] {
        for ask in [session.post(call("gossip", json!({"text": MARKER}))), session.get(), session.delete()] {
            foreign(ask, &id).to(mcp).await;
        }
    }
    for body in [format!("{{\"{MARKER}"), format!("[\"{MARKER}\"]"), format!("\"{MARKER}\"")] {
        marked(crate::support::raw(body)).to(mcp).await;
    }
    let level = message(1, "logging/setLevel", json!({"level": MARKER}));
    let cancel = notification("notifications/cancelled", json!({"requestId": MARKER, "reason": MARKER}));
    for message in [level, cancel, message(1, MARKER, json!({MARKER: MARKER})), notification(MARKER, json!({}))] {
        marked(session.post(message)).to(mcp).await;
    }
    let mut stream = marked(session.get()).open(mcp).await;
    stream.listen(secs(40)).await;
    let last = Session::begin(mcp, "2025-06-18", None).await;
    mcp.lifespan().shutdown().await;
    marked(session.post(call("gossip", json!({"text": MARKER})))).to(mcp).await;
    vec![session.id, ended.id, last.id]
}

#[tokio::test(start_paused = true)]
async fn nothing_from_outside_reaches_a_log() {
    let log = Log::default();
    let guard = log.listen();
    let mcp = server([gossip(), stuck(), failing(), panicking()]);
    let ids = send_everything(&mcp).await;
    drop(guard);
    let text = log.text();
    assert!(text.contains("tools/call{") && text.contains("the tool fell over"), "something is logged:\n{text}");
    assert!(ids.iter().all(|id| u128::from_str_radix(id, 16).is_ok()), "an id is a number");
    nothing_of(&log, &ids);
}

/// A call as it is seen by extractors, written with `{:?}`.
struct Seen(String);

impl FromCall for Seen {
    fn needs(needs: &mut Needs) {
        Headers::needs(needs);
        Context::needs(needs);
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        Ok(Self(format!("{call:?}\n{call:#?}")))
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_in_debug_has_no_arguments_and_no_header_values() {
    let mcp = server([tool_fn("seen", "Show the call", |Seen(text): Seen| async move { text })]);
    let session = session(&mcp).await;
    let params = json!({"name": "seen", "arguments": {"text": MARKER}, "_meta": {"progressToken": MARKER}});
    for ask in [session.post(message(1, "tools/call", params.clone())), modern("tools/call", params)] {
        let text = marked(ask).to(&mcp).await.text();
        assert!(text.contains("Call"), "it is shown: {text}");
        assert!(!text.contains(MARKER), "{text}");
        assert!(!text.contains(&session.id), "{text}");
        // `Bytes` and byte strings in other spellings.
        let numbers = format!("{:?}", MARKER.as_bytes());
        assert!(!text.contains(numbers.trim_matches(['[', ']'])), "{text}");
    }
}

/// The rig itself, so that a host that asks for nothing gets no more than the spans.
#[tokio::test(start_paused = true)]
async fn a_plain_call_logs_no_more_than_its_span() {
    let log = Log::default();
    let rig = rig();
    let guard = log.listen();
    modern_call("echo", json!({"text": "hello there"})).to(&rig.mcp).await;
    drop(guard);
    let text = log.text();
    assert!(!text.contains("hello there"), "{text}");
    let loud = text.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR ")).count();
    assert_eq!(loud, 0, "{text}");
}
