//! Messages by lines: a pair of pipes in place of the process's own streams, and one process with real ones.

use mcp_mount::{
    Args, Context, Headers, Limits, Mcp, McpService, Principal, Revision, Sessions, Tool, ToolError, tool_fn,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};

use crate::{
    rig::{Probe, patient, rig_with, server, server_with},
    support::{
        LATEST_SESSION, MODERN, SESSION_REVISIONS, User, call, call_with_progress, message, modern_meta, notification,
        secs, soon,
    },
};

/// A client at the other end of the pipes.
pub struct Peer {
    pub input: WriteHalf<DuplexStream>,
    pub output: Lines<BufReader<ReadHalf<DuplexStream>>>,
    pub served: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Peer {
    pub fn of(mcp: &McpService) -> Self {
        Self::with_pipe(mcp, 1 << 20)
    }

    pub fn with_pipe(mcp: &McpService, bytes: usize) -> Self {
        let (near, far) = tokio::io::duplex(bytes);
        let (output, input) = tokio::io::split(near);
        let (reader, writer) = tokio::io::split(far);
        let mcp = mcp.clone();
        let served = tokio::spawn(async move { mcp.serve_lines(reader, writer).await });
        Self { input, output: BufReader::new(output).lines(), served }
    }

    pub async fn open(mcp: &McpService, revision: &str) -> Self {
        let mut peer = Self::of(mcp);
        peer.initialize(revision).await;
        peer
    }

    /// One whose roots can be asked for.
    pub async fn open_with_roots(mcp: &McpService) -> Self {
        let mut peer = Self::of(mcp);
        peer.begin(LATEST_SESSION, json!({"roots": {}})).await;
        peer
    }

    /// `initialize` without the `notifications/initialized` that should follow.
    pub async fn begin(&mut self, revision: &str, capabilities: Value) -> Value {
        let info = json!({"name": "it", "version": "0"});
        let params = json!({"protocolVersion": revision, "capabilities": capabilities, "clientInfo": info});
        let answer = self.ask(message("init", "initialize", params)).await;
        assert_eq!(answer["id"], "init", "{answer}");
        answer
    }

    pub async fn initialize(&mut self, revision: &str) -> Value {
        let answer = self.begin(revision, json!({})).await;
        self.say(notification("notifications/initialized", json!({}))).await;
        answer
    }

    pub async fn say(&mut self, message: Value) {
        self.write(&format!("{message}\n")).await;
    }

    pub async fn write(&mut self, text: impl AsRef<[u8]>) {
        self.input.write_all(text.as_ref()).await.expect("somebody reads");
    }

    /// The next message, or `Null` at the end.
    pub async fn hear(&mut self) -> Value {
        let line = soon("a message comes", self.output.next_line()).await.expect("text");
        line.map_or(Value::Null, |line| serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e} in {line:?}")))
    }

    pub async fn ask(&mut self, message: Value) -> Value {
        self.say(message).await;
        self.hear().await
    }

    pub async fn nothing_comes(&mut self) {
        let heard = tokio::time::timeout(secs(5), self.output.next_line()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    /// Ends the input, and reads the rest of the output.
    pub async fn leave(mut self) -> Vec<Value> {
        self.input.shutdown().await.expect("open until now");
        let mut rest = Vec::new();
        loop {
            match self.hear().await {
                Value::Null => break,
                message => rest.push(message),
            }
        }
        soon("it ends", self.served).await.expect("no panic").expect("no error");
        rest
    }
}

/// A 2026-07-28 request.
pub fn modern(id: impl Into<Value>, method: &str, mut params: Value) -> Value {
    params["_meta"] = modern_meta();
    message(id, method, params)
}

pub fn modern_call(id: impl Into<Value>, tool: &str) -> Value {
    modern(id, "tools/call", json!({"name": tool, "arguments": {"text": "x"}}))
}

pub fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {answer}"))
}

pub fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error in {answer}"))
}

#[tokio::test(start_paused = true)]
async fn sessions_of_every_revision_are_served() {
    let mcp = rig_with(|mcp| mcp).mcp;
    for revision in SESSION_REVISIONS {
        let mut peer = Peer::of(&mcp);
        let answer = peer.initialize(revision).await;
        assert_eq!(answer["result"]["protocolVersion"], revision);
        let answer = peer.ask(call("echo", json!({"text": "é\n"}))).await;
        assert_eq!((text(&answer), &answer["id"]), ("é\n", &json!(1)));
        assert_eq!(peer.ask(message("p", "ping", json!({}))).await, json!({"jsonrpc": "2.0", "id": "p", "result": {}}));
        assert_eq!(code(&peer.ask(message(2, "no/such", json!({}))).await), -32601);
        assert!(peer.leave().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn both_eras_are_served_on_one_line() {
    let mcp = rig_with(|mcp| mcp).mcp;
    let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
    let answer = peer.ask(modern(7, "server/discover", json!({}))).await;
    assert_eq!(answer["result"]["supportedVersions"][0], MODERN, "{answer}");
    let answer = peer.ask(modern_call(8, "echo")).await;
    assert_eq!((text(&answer), &answer["result"]["resultType"]), ("x", &json!("complete")));
    assert!(peer.ask(call("echo", json!({"text": "y"}))).await["result"]["resultType"].is_null());
    let mut wrong = modern_call(9, "echo");
    wrong["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2031-01-01".into();
    assert_eq!(code(&peer.ask(wrong).await), -32022);
    assert_eq!(code(&peer.ask(modern("x", "no/such", json!({}))).await), -32601);
}

/// There are no headers that could mirror them (2026-07-28, basic/transports/stdio, «Request Metadata»).
#[tokio::test(start_paused = true)]
async fn arguments_that_http_has_mirrored_into_headers_are_read_from_the_body() {
    let schema = json!({"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}});
    let tool =
        Tool::raw("where", schema, |Args(arguments): Args<Value>| async move { arguments["region"].to_string() });
    let mcp = Mcp::new("rig", "1").tool(tool).build().unwrap();
    let mut peer = Peer::of(&mcp);
    let answer = peer.ask(modern(1, "tools/call", json!({"name": "where", "arguments": {"region": "eu"}}))).await;
    assert_eq!(text(&answer), "\"eu\"");
}

#[tokio::test(start_paused = true)]
async fn without_sessions_what_was_agreed_upon_holds() {
    let revision = tool_fn("revision", "", |ctx: Context| async move { ctx.revision().to_string() });
    let mcp = Mcp::new("rig", "1").tool(revision).sessions(Sessions::disabled()).build().unwrap();
    let mut peer = Peer::open(&mcp, "2025-06-18").await;
    assert_eq!(text(&peer.ask(call("revision", json!({}))).await), "2025-06-18");
    assert_eq!(text(&peer.ask(modern_call(2, "revision")).await), MODERN);
}

#[tokio::test(start_paused = true)]
async fn a_server_of_one_era_says_so_to_the_other() {
    let modern_only = rig_with(|mcp| mcp.revisions([Revision::V2026_07_28])).mcp;
    let mut peer = Peer::of(&modern_only);
    let answer = peer.ask(message(1, "initialize", json!({"protocolVersion": LATEST_SESSION}))).await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("2026-07-28 only"), "{answer}");
    assert_eq!(text(&peer.ask(modern_call(2, "echo")).await), "x");
    let sessions_only = rig_with(|mcp| mcp.revisions([Revision::V2025_11_25])).mcp;
    let answer = Peer::of(&sessions_only).ask(modern(1, "server/discover", json!({}))).await;
    assert_eq!(code(&answer), -32022);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_answered_and_the_next_line_is_read() {
    let limits = Limits::new().body_bytes(1000);
    let mcp = rig_with(|mcp| mcp.limits(limits)).mcp;
    let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
    for (line, expected) in [
        (&b"{"[..], -32700),
        (b"\xff\xfe{}", -32700),
        (b"\xef\xbb\xbf{}", -32700),
        (b"17", -32600),
        (br#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (&[b'x'; 1001], -32600),
        (&[b'x'; 100_000], -32600),
    ] {
        peer.write([line, b"\r\n"].concat()).await;
        let answer = peer.hear().await;
        assert_eq!(code(&answer), expected, "{answer}");
        // Blank lines are none.
        peer.write("\n \r\n").await;
        assert!(peer.ask(message("p", "ping", json!({}))).await["result"].is_object());
    }
    peer.say(notification("no/such", json!({}))).await;
    peer.say(json!({"jsonrpc": "2.0", "id": 99, "result": {}})).await;
    peer.nothing_comes().await;
    assert!(peer.ask(message("p", "ping", json!({}))).await["result"].is_object());
}

#[tokio::test(start_paused = true)]
async fn requests_run_beside_each_other_and_no_id_twice() {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool()]);
    let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
    peer.say(call("wait", json!({}))).await;
    probe.started().await;
    assert!(peer.ask(message("p", "ping", json!({}))).await["result"].is_object());
    let twice = peer.ask(message(1, "ping", json!({}))).await;
    assert_eq!(code(&twice), -32600);
    probe.release();
    assert_eq!(text(&peer.hear().await), "done");
    peer.say(call("wait", json!({}))).await;
    probe.started().await;
    probe.release();
    assert_eq!(text(&peer.hear().await), "done", "the id is free again");
}

/// A batch has no id, and is answered beside the others, in one line (2025-03-26, basic/index, «Batching»).
#[tokio::test(start_paused = true)]
async fn a_batch_holds_nothing_up() {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool()]);
    let mut peer = Peer::open(&mcp, "2025-03-26").await;
    peer.say(json!([call("wait", json!({})), message(2, "ping", json!({}))])).await;
    probe.started().await;
    assert_eq!(peer.ask(message("p", "ping", json!({}))).await["id"], "p");
    probe.release();
    let answers = peer.hear().await;
    assert_eq!((text(&answers[0]), &answers[1]["result"]), ("done", &json!({})));
    assert_eq!(code(&peer.ask(json!([])).await), -32600);
}

/// A question goes to the client on its line, and its answer comes back on it.
#[tokio::test(start_paused = true)]
async fn a_handler_asks_the_client_in_a_session() {
    let roots = tool_fn("roots", "", |ctx: Context| async move {
        Ok::<_, ToolError>(ctx.roots("roots").await?.iter().map(|root| root.uri.clone()).collect::<Vec<_>>().join(" "))
    });
    let mcp = server([roots]);
    let mut peer = Peer::open_with_roots(&mcp).await;
    let question = peer.ask(call("roots", json!({}))).await;
    assert_eq!(question["method"], "roots/list", "{question}");
    let result = json!({"roots": [{"uri": "file:///a"}]});
    let answer = peer.ask(json!({"jsonrpc": "2.0", "id": question["id"], "result": result})).await;
    assert_eq!(text(&answer), "file:///a");
}

/// Nobody comes back for the rest of a line.
#[tokio::test(start_paused = true)]
async fn closing_the_stream_of_a_call_is_nothing_here() {
    let leave = tool_fn("leave", "", |ctx: Context| async move {
        ctx.progress(1.0).await;
        ctx.close_stream().await;
        tokio::time::sleep(secs(20)).await;
        "still here"
    });
    let mut peer = Peer::open(&server([leave]), LATEST_SESSION).await;
    peer.say(call_with_progress("leave", json!({}))).await;
    assert_eq!(peer.hear().await["method"], "notifications/progress");
    assert_eq!(text(&peer.hear().await), "still here");
}

#[tokio::test(start_paused = true)]
async fn progress_comes_before_the_answer() {
    let probe = Probe::new();
    let mcp = server([probe.speaking_tool()]);
    let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
    peer.say(call_with_progress("speak", json!({}))).await;
    assert_eq!(peer.hear().await["method"], "notifications/progress");
    probe.release();
    assert_eq!(text(&peer.hear().await), "done");
}

/// In 2026-07-28 a line has rounds, too.
#[tokio::test(start_paused = true)]
async fn a_question_is_asked_in_either_era() {
    let tool = tool_fn("ask", "", |ctx: Context| async move { ctx.roots("roots").await.map(|roots| roots.len()) });
    let mcp = server_with([tool], |mcp| mcp);
    let mut peer = Peer::of(&mcp);
    let request = |id: u64, more: Value| {
        let mut params = json!({"name": "ask"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut request = modern(id, "tools/call", params);
        request["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({"roots": {}});
        request
    };
    let asked = peer.ask(request(1, json!({}))).await;
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    let roots = json!({"roots": [{"uri": "file:///a"}, {"uri": "file:///b"}]});
    let state = &asked["result"]["requestState"];
    let answered = peer.ask(request(2, json!({"inputResponses": {"roots": roots}, "requestState": state}))).await;
    assert_eq!(answered["result"]["content"][0]["text"], "2", "{answered}");
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_in_a_session_and_to_those_who_listen() {
    let mcp = rig_with(|mcp| mcp).mcp;
    let mut session = Peer::open(&mcp, LATEST_SESSION).await;
    let mut modern_peer = Peer::of(&mcp);
    let listen = modern(5, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let acknowledged = modern_peer.ask(listen.clone()).await;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    mcp.tools().remove("echo");
    assert_eq!(session.hear().await["method"], "notifications/tools/list_changed");
    let told = modern_peer.hear().await;
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 5, "{told}");
    modern_peer.say(notification("notifications/cancelled", json!({"requestId": 5}))).await;
    assert_eq!(text(&modern_peer.ask(modern_call(6, "raw")).await), r#"{"text":"x"}"#);
    mcp.tools().remove("order");
    modern_peer.nothing_comes().await;
    // A subscription that is open does not hold the end up.
    assert_eq!(modern_peer.ask(listen).await["method"], "notifications/subscriptions/acknowledged");
    assert!(modern_peer.leave().await.is_empty());
}

/// A person who types may take their time, before `notifications/initialized` and after.
#[tokio::test(start_paused = true)]
async fn a_session_lives_as_long_as_its_line() {
    let mcp = rig_with(|mcp| mcp).mcp;
    let mut peer = Peer::of(&mcp);
    peer.begin(LATEST_SESSION, json!({})).await;
    for pause in [secs(3600), secs(24 * 3600)] {
        tokio::time::sleep(pause).await;
        assert_eq!(text(&peer.ask(call("echo", json!({"text": "x"}))).await), "x");
    }
}

#[tokio::test(start_paused = true)]
async fn handlers_find_nothing_of_http() {
    #[derive(Deserialize, schemars::JsonSchema)]
    struct Nothing {}
    let tool = tool_fn("http", "", |Args(Nothing {}): Args<Nothing>, headers: Headers, ctx: Context| async move {
        format!("{} {:?}", headers.len(), ctx.principal().map(Principal::id))
    });
    let mcp = Mcp::new("rig", "1")
        .hosts(["example.com"])
        .principal_from_extension::<User>(|user| Principal::new(user.0))
        .tool(tool)
        .build()
        .unwrap();
    let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
    assert_eq!(text(&peer.ask(call("http", json!({}))).await), "0 None");
}

#[tokio::test(start_paused = true)]
async fn a_message_with_line_breaks_leaves_in_one_line() {
    let schema = serde_json::from_str::<Value>("{\n\"type\": \"object\"\n}").unwrap();
    let mcp = Mcp::new("rig", "1").tool(Tool::raw("raw", schema, || "a\r\nb")).build().unwrap();
    let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
    assert_eq!(text(&peer.ask(call("raw", json!({}))).await), "a\r\nb");
}

#[tokio::test(start_paused = true)]
async fn a_start_hook_that_fails_is_the_error() {
    let mcp = rig_with(|mcp| mcp.on_start("database", || async { Err::<(), _>("no such host") })).mcp;
    let error = mcp.serve_lines(&b""[..], Vec::new()).await.expect_err("not started");
    assert!(error.to_string().contains("database"), "{error}");
}

/// Each waits for the others while it has something to say, and none is given up for that.
#[tokio::test(start_paused = true)]
async fn who_reads_slowly_and_steadily_gets_every_answer() {
    let tool = tool_fn("speak", "", |ctx: Context| async move {
        for number in 0..6 {
            ctx.info(number).await;
        }
        "spoken"
    });
    let limits = patient().stream_events(2).stream_stall(secs(30));
    let mcp = server_with([tool], |mcp| mcp.limits(limits));
    let mut peer = Peer::with_pipe(&mcp, 64);
    peer.initialize(LATEST_SESSION).await;
    for id in 0..4 {
        peer.say(message(id, "tools/call", json!({"name": "speak"}))).await;
    }
    let mut answered = Vec::new();
    while answered.len() < 4 {
        tokio::time::sleep(secs(10)).await;
        let message = peer.hear().await;
        assert!(!message.is_null(), "{answered:?}");
        if message["method"].is_null() {
            assert_eq!(text(&message), "spoken");
            answered.push(message["id"].to_string());
        }
    }
}
