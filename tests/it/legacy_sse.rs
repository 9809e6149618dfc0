//! HTTP+SSE of 2024-11-05: a stream that says where to post, and everything that is said on it.

use std::{net::SocketAddr, pin::pin};

use http::Method;
use mcp_mount::{
    Context, EndpointUrl, Extension, Headers, Limits, Mcp, McpService, OnDisconnect, Resource, Revision, Sessions,
    resource_fn, tool_fn,
};
use serde_json::{Value, json};

use crate::{
    page::Page,
    rig::{Probe, owned, patient, rig, rig_with, server, server_with},
    support::{
        Ask, LATEST_SESSION, Live, Reply, SESSION_REVISIONS, User, bare, call, call_with_progress, legacy, message,
        modern_meta, notification, pass, raw, secs, soon,
    },
};

fn get() -> Ask {
    bare(Method::GET, "").at("/sse").header("accept", "text/event-stream")
}

fn with(configure: impl FnOnce(Mcp) -> Mcp) -> McpService {
    rig_with(|mcp| configure(mcp.legacy_sse())).mcp
}

/// What the first event says.
async fn endpoint(live: &mut Live) -> String {
    assert_eq!((live.status.as_u16(), live.is_sse()), (200, true));
    let first = live.next().await.expect("an event");
    assert!(first.endpoint && first.id.is_none(), "{first:?}");
    first.data
}

/// A URL less the path that a home has the service at.
fn within_mount(url: &str) -> String {
    url.replacen("/mcp", "", 1)
}

/// A client of that time.
struct Client {
    mcp: McpService,
    live: Live,
    /// As the home is asked for it.
    messages: String,
    user: Option<&'static str>,
}

impl Client {
    async fn connect_as(mcp: &McpService, user: Option<&'static str>) -> Self {
        let ask = user.map_or_else(get, |user| get().user(user));
        let mut live = ask.open(mcp).await;
        let messages = endpoint(&mut live).await;
        let messages = within_mount(&messages);
        Self { mcp: mcp.clone(), live, messages, user }
    }

    async fn connect(mcp: &McpService) -> Self {
        Self::connect_as(mcp, None).await
    }

    async fn open(mcp: &McpService) -> Self {
        let mut client = Self::connect(mcp).await;
        client.initialize(LATEST_SESSION).await;
        client
    }

    async fn initialize(&mut self, revision: &str) -> Value {
        let info = json!({"name": "it", "version": "0.1"});
        let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": info});
        let answer = self.ask(message("init", "initialize", params)).await;
        self.say(notification("notifications/initialized", json!({}))).await;
        answer
    }

    fn own(&self, ask: Ask) -> Ask {
        let ask = ask.at(&self.messages);
        self.user.map_or(ask.clone(), |user| ask.user(user))
    }

    /// As such clients do it: they take no stream in answer to a POST.
    fn post(&self, body: impl ToString) -> Ask {
        self.own(raw(body.to_string()).header("accept", "*/*"))
    }

    async fn say(&self, message: Value) {
        let reply = self.post(message).to(&self.mcp).await;
        assert_eq!((reply.status.as_u16(), &reply.body[..]), (202, &b""[..]), "{reply}");
    }

    async fn hear(&mut self) -> Value {
        soon("a message comes", self.live.message()).await.unwrap_or_default()
    }

    async fn ask(&mut self, message: Value) -> Value {
        self.say(message).await;
        self.hear().await
    }

    async fn nothing_comes(&mut self) {
        let heard = self.live.listen(secs(5)).await;
        assert!(heard.iter().all(|event| event.comment), "{heard:?}");
        assert!(!self.live.ended);
    }
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {answer}"))
}

fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error in {answer}"))
}

#[tokio::test]
async fn it_is_off_by_default() {
    let mcp = rig().mcp;
    assert_eq!(get().to(&mcp).await.status, 404);
    assert_eq!(raw("{}").at("/messages?sessionId=1").to(&mcp).await.status, 404);
    assert!(mcp.describe().routes.is_empty());
    assert_eq!(with(|mcp| mcp).describe().routes, ["GET /sse", "POST /messages"]);
    let elsewhere = rig_with(|mcp| mcp.legacy_sse_at("/old/stream", "/old/post")).mcp;
    let mut live = get().at("/old/stream").open(&elsewhere).await;
    assert!(endpoint(&mut live).await.contains("/old/post?sessionId="));
    assert_eq!(get().to(&elsewhere).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn every_revision_that_has_sessions_is_spoken() {
    let mcp = with(|mcp| mcp);
    for revision in SESSION_REVISIONS {
        let mut client = Client::connect(&mcp).await;
        assert_eq!(client.initialize(revision).await["result"]["protocolVersion"], revision);
        assert_eq!(text(&client.ask(call("echo", json!({"text": "é\n"}))).await), "é\n");
        assert!(client.ask(message("p", "ping", json!({}))).await["result"].is_object());
        assert_eq!(code(&client.ask(message(3, "no/such", json!({}))).await), -32601);
        assert_eq!(code(&client.ask(message(4, "tools/call", json!({}))).await), -32602);
        client.say(json!({"jsonrpc": "2.0", "id": 7, "result": {}})).await;
        client.nothing_comes().await;
    }
}

/// No client of that time is of this one; what it says is understood all the same.
#[tokio::test(start_paused = true)]
async fn a_message_that_names_its_revision_needs_no_headers() {
    let mut client = Client::open(&with(|mcp| mcp)).await;
    let params = json!({"name": "echo", "arguments": {"text": "x"}, "_meta": modern_meta()});
    let answer = client.ask(message(1, "tools/call", params)).await;
    assert_eq!((text(&answer), &answer["result"]["resultType"]), ("x", &json!("complete")));
}

#[tokio::test(start_paused = true)]
async fn what_a_call_says_comes_before_its_answer_and_beside_others() {
    let probe = Probe::new();
    let mcp = server_with([probe.speaking_tool()], Mcp::legacy_sse);
    let mut client = Client::open(&mcp).await;
    client.say(call_with_progress("speak", json!({}))).await;
    assert_eq!(client.hear().await["method"], "notifications/progress");
    assert!(client.ask(message("p", "ping", json!({}))).await["result"].is_object());
    assert_eq!(code(&client.ask(message(1, "ping", json!({}))).await), -32600, "one with this id is running");
    probe.release();
    assert_eq!(text(&client.hear().await), "done");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_stopped_and_has_no_answer() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], Mcp::legacy_sse);
    let mut client = Client::open(&mcp).await;
    client.say(call("stuck", json!({}))).await;
    probe.started().await;
    client.say(notification("notifications/cancelled", json!({"requestId": 1}))).await;
    probe.dropped().await;
    client.nothing_comes().await;
}

fn note() -> Resource {
    resource_fn("note://a", "a", || "text")
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_on_the_stream_and_it_is_kept_alive() {
    let mcp = with(|mcp| mcp.resource(note()));
    let mut client = Client::open(&mcp).await;
    assert!(client.ask(message(1, "resources/subscribe", json!({"uri": "note://a"}))).await["result"].is_object());
    mcp.tools().remove("order");
    assert_eq!(client.hear().await["method"], "notifications/tools/list_changed");
    mcp.notify().resource_updated("note://a");
    assert_eq!(client.hear().await["params"]["uri"], "note://a");
    // A session lives as long as its stream.
    let beats = client.live.listen(secs(3600)).await;
    assert_eq!((beats.len(), beats.iter().all(|event| event.comment)), (240, true), "{beats:?}");
    assert_eq!(text(&client.ask(call("echo", json!({"text": "x"}))).await), "x");
}

#[tokio::test]
async fn the_endpoint_is_where_the_client_can_reach_it() {
    let peer: SocketAddr = "10.0.0.1:4711".parse().unwrap();
    let plain = with(|mcp| mcp.hosts(["example.com", "localhost"]));
    let based = with(|mcp| mcp.base_url("https://example.com/api"));
    let public = with(|mcp| mcp.public_url("https://mcp.example.com/v1"));
    let at_root = with(|mcp| mcp.public_url("https://mcp.example.com"));
    let proxied = with(|mcp| mcp.trusted_proxies(["10.0.0.0/8"]));
    let forwarded = || get().header("x-forwarded-prefix", "/pre");
    for (mcp, ask, expected) in [
        (&plain, get(), "/messages"),
        (&plain, get().header("host", "example.com"), "/messages"),
        (&plain, forwarded().peer(peer), "/messages"),
        (&based, get(), "/api/messages"),
        (&public, get(), "/v1/messages"),
        (&at_root, get(), "/messages"),
        (&proxied, forwarded().peer(peer), "/pre/messages"),
        (&proxied, forwarded().peer("192.0.2.1:1".parse().unwrap()), "/messages"),
    ] {
        let said = endpoint(&mut ask.open(mcp).await).await;
        let (path, id) = said.split_once("?sessionId=").expect("an id");
        assert_eq!((within_mount(path).as_str(), id.len()), (expected, 32));
    }
    let refused = get().header("x-forwarded-prefix", "//evil.example").peer(peer).to(&proxied).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test(start_paused = true)]
async fn both_routes_are_guarded() {
    let mcp = with(|mcp| mcp);
    let client = Client::open(&mcp).await;
    let ping = || client.post(message(1, "ping", json!({})));
    for ask in [get(), ping()] {
        for (header, value) in [("host", "evil.example"), ("origin", "https://evil.example"), ("origin", "null")] {
            let reply = ask.clone().header(header, value).to(&mcp).await;
            assert_eq!(reply.status, 403, "{header}: {value}\n{reply}");
        }
        assert_eq!(ask.clone().without("host").to(&mcp).await.status, 403);
        assert_eq!(
            ask.also("origin", "http://localhost").also("origin", "http://localhost").to(&mcp).await.status,
            403
        );
    }
    let mut live = get().header("origin", "http://localhost:6274").open(&mcp).await;
    endpoint(&mut live).await;
    assert_eq!(ping().header("origin", "http://localhost:6274").to(&mcp).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_conversation_is_refused_at_once() {
    let mcp = with(|mcp| mcp.limits(Limits::new().body_bytes(1000)));
    let mut client = Client::open(&mcp).await;
    for (ask, status) in [
        (get().header("accept", "application/json"), 406),
        (client.post("{}").header("content-type", "text/plain"), 415),
        (client.post("{}").header("content-encoding", "gzip"), 415),
        (client.post("x".repeat(1001)), 413),
        (client.post("{"), 400),
        (client.own(raw(&b"\xff"[..])), 400),
        (client.post(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#), 400),
    ] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.status, status, "{reply}");
        assert!(reply.error()["message"].is_string(), "{reply}");
    }
    for (path, methods) in [("/sse", "GET"), ("/messages", "POST")] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
            if method.as_str() == methods {
                continue;
            }
            let reply = bare(method, "").at(path).to(&mcp).await;
            assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some(methods)), "{reply}");
        }
    }
    client.nothing_comes().await;
    assert!(client.ask(message(1, "ping", json!({}))).await["result"].is_object());
}

fn same(one: &Reply, other: &Reply) {
    assert_eq!((one.status.as_u16(), &one.headers, &one.body), (404, &other.headers, &other.body), "{one}\n{other}");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_its_principals_alone() {
    let mcp = with(owned);
    let mut alice = Client::connect_as(&mcp, Some("alice")).await;
    alice.initialize(LATEST_SESSION).await;
    let ping = || alice.post(message(1, "ping", json!({})));
    let unknown = ping().at("/messages?sessionId=0123456789abcdef0123456789abcdef").to(&mcp).await;
    assert_eq!(unknown.code(), -32600);
    let mut anonymous = ping().request();
    anonymous.extensions_mut().clear();
    same(&ping().user("bob").to(&mcp).await, &unknown);
    same(&Ask::from(anonymous).to(&mcp).await, &unknown);
    for path in ["/messages", "/messages?", "/messages?sessionId=", "/messages?sessionId=1", "/messages?x=1"] {
        same(&ping().at(path).to(&mcp).await, &unknown);
    }
    let twice = format!("{}&{}", alice.messages, alice.messages.split_once('?').unwrap().1);
    same(&ping().at(&twice).to(&mcp).await, &unknown);
    assert!(alice.ask(message(1, "ping", json!({}))).await["result"].is_object());
    // One that nobody in particular has opened is not somebody's.
    let nobody = Client::connect(&mcp).await;
    same(&nobody.post(message(1, "ping", json!({}))).user("bob").to(&mcp).await, &unknown);
    drop(alice.live);
    pass(secs(1)).await;
    let gone = raw("{}").at(&alice.messages).user("alice").to(&mcp).await;
    same(&gone, &unknown);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_leaves_nothing() {
    let probe = Probe::new();
    let tools = [probe.stuck_tool().on_disconnect(OnDisconnect::Finish)];
    let mcp = server_with(tools, |mcp| {
        mcp.legacy_sse().sessions(Sessions::new().max(1)).limits(patient().open_streams(1).calls_in_flight(1))
    });
    for _ in 0..3 {
        let client = Client::open(&mcp).await;
        client.say(call("stuck", json!({}))).await;
        probe.started().await;
        drop(client);
        probe.dropped().await;
    }
    assert_eq!(mcp.lifespan().shutdown().await.cut, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_left() {
    let probe = Probe::new();
    let limits = patient().stream_events(2);
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.legacy_sse().limits(limits));
    let client = Client::open(&mcp).await;
    client.say(call("stuck", json!({}))).await;
    probe.started().await;
    for id in 2..10 {
        client.say(message(id, "ping", json!({}))).await;
    }
    pass(secs(31)).await;
    probe.dropped().await;
    assert_eq!(client.post(message(99, "ping", json!({}))).to(&mcp).await.status, 404);
    let Client { mut live, .. } = client;
    while live.frame().await {}
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_are_bounded() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.legacy_sse().limits(patient()));
    let client = Client::open(&mcp).await;
    let stuck = |id: usize| client.post(message(id, "tools/call", json!({"name": "stuck"})));
    for id in 0..256 {
        assert_eq!(stuck(id).to(&mcp).await.status, 202, "{id}");
    }
    let refused = stuck(256).to(&mcp).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, Some("1")), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn each_takes_one_place_among_the_open_streams() {
    let mcp = with(|mcp| mcp.limits(Limits::new().open_streams(1)));
    let full = async || get().to(&mcp).await.status == 503;
    let mut client = Client::connect(&mcp).await;
    assert!(full().await, "before it is initialized");
    client.initialize(LATEST_SESSION).await;
    assert!(full().await, "and after it");
    mcp.tools().remove("echo");
    assert_eq!(client.hear().await["method"], "notifications/tools/list_changed");
    drop(client);
    pass(secs(1)).await;
    let mut client = Client::connect(&mcp).await;
    // Whoever does not open a session in time makes room.
    pass(secs(59)).await;
    assert!(full().await);
    assert!(client.live.ends_within(secs(2)).await);
    assert!(!full().await);
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_no_other_way_than_with_its_stream() {
    let mcp = with(|mcp| mcp.sessions(Sessions::new().max(1)));
    let mut client = Client::open(&mcp).await;
    assert_eq!(Client::connect(&mcp).await.initialize_refused().await, -32603, "there is room for one");
    client.say(notification("notifications/initialized", json!({}))).await;
    assert_eq!(code(&client.ask(message(1, "initialize", json!({"protocolVersion": LATEST_SESSION}))).await), -32600);
    assert!(client.ask(message(1, "ping", json!({}))).await["result"].is_object());
}

impl Client {
    async fn initialize_refused(&mut self) -> i64 {
        let info = json!({"name": "it", "version": "0.1"});
        let params = json!({"protocolVersion": LATEST_SESSION, "capabilities": {}, "clientInfo": info});
        code(&self.ask(message("init", "initialize", params)).await)
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_delivers_what_runs_and_ends_the_stream() {
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool()], Mcp::legacy_sse);
    let mut client = Client::open(&mcp).await;
    let mut idle = Client::open(&mcp).await;
    let mut begun = Client::connect(&mcp).await;
    client.say(call("wait", json!({}))).await;
    probe.started().await;
    let lifespan = mcp.lifespan();
    let mut draining = pin!(lifespan.shutdown());
    assert!(futures::poll!(&mut draining).is_pending());
    assert!(idle.live.ends_within(secs(1)).await);
    assert!(begun.live.ends_within(secs(1)).await);
    assert_eq!(get().to(&mcp).await.status, 503);
    assert_eq!(code(&client.ask(message(9, "tools/list", json!({}))).await), -32603);
    probe.release();
    assert_eq!(text(&client.hear().await), "done");
    assert!(client.live.ends_within(secs(1)).await);
    let report = draining.await;
    assert_eq!((report.finished, report.cut, report.streams), (1, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_a_call_is_cut_and_its_client_is_told() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], Mcp::legacy_sse);
    let mut client = Client::open(&mcp).await;
    client.say(call("stuck", json!({}))).await;
    probe.started().await;
    assert_eq!(mcp.lifespan().shutdown().await.cut, 1);
    assert_eq!(code(&client.hear().await), -32603);
    assert!(client.live.ends_within(secs(1)).await);
}

#[tokio::test(start_paused = true)]
async fn pages_are_let_in_as_at_the_endpoint() {
    let mcp = with(|mcp| mcp.cors(["https://app.example.com"]));
    let page = Page("https://app.example.com");
    let mut live = page.open(get(), &mcp).await.expect("it may read");
    let messages = within_mount(&endpoint(&mut live).await);
    let ping = || raw(message(1, "ping", json!({})).to_string()).at(&messages);
    assert_eq!(page.fetch(ping(), &mcp).await.expect("it may post").status, 202);
    assert!(Page("https://evil.example").fetch(ping(), &mcp).await.is_err());
    assert!(Page("https://evil.example").open(get(), &mcp).await.is_err());
    assert!(live.message().await.is_some_and(|answer| answer["result"].is_object()));
}

#[tokio::test(start_paused = true)]
async fn handlers_find_the_post_that_brought_the_call() {
    let tool =
        tool_fn("post", "", |headers: Headers, user: Extension<User>, ctx: Context, url: EndpointUrl| async move {
            let trace = headers.get("x-trace").map(|value| value.to_str().unwrap_or_default().to_owned());
            format!("{trace:?} {} {:?} {}", user.0.0, ctx.principal().map(|principal| principal.id().to_owned()), url.0)
        });
    for layered in [false, true] {
        let mcp = server_with([tool.clone()], |mcp| {
            let mcp = owned(mcp.legacy_sse());
            if layered { mcp.http_layer(tower::layer::util::Identity::new()) } else { mcp }
        });
        let mut client = Client::connect_as(&mcp, Some("alice")).await;
        client.initialize(LATEST_SESSION).await;
        let reply = client.post(call("post", json!({}))).header("x-trace", "t").to(&mcp).await;
        assert_eq!(reply.status, 202);
        let found = within_mount(text(&client.hear().await));
        assert_eq!(found, r#"Some("t") alice Some("alice") http://localhost:8000"#);
    }
}

#[tokio::test]
async fn start_hooks_come_first() {
    let mcp = with(|mcp| mcp.on_start("database", || async { Err::<(), _>("no such host") }));
    for ask in [get(), raw("{}").at("/messages?sessionId=0123456789abcdef0123456789abcdef")] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.status, 503, "{reply}");
        assert!(reply.error()["message"].as_str().is_some_and(|text| text.contains("database")), "{reply}");
    }
}

#[test]
fn what_could_never_work_fails_to_build() {
    let fails = |configure: fn(Mcp) -> Mcp, names: &str| {
        let error = configure(Mcp::new("rig", "1")).build().expect_err("it cannot work").to_string();
        assert!(error.contains(names), "{error}");
    };
    fails(|mcp| mcp.legacy_sse().sessions(Sessions::disabled()), "legacy_sse");
    fails(|mcp| mcp.legacy_sse().revisions([Revision::V2026_07_28]), "legacy_sse");
    fails(|mcp| mcp.legacy_sse_at("/a", "/a/"), "legacy_sse_at: \"/a/\"");
    fails(|mcp| mcp.legacy_sse_at("/", "/messages"), "legacy_sse_at: \"/\"");
    fails(|mcp| mcp.legacy_sse_at("/a", "/a"), "legacy_sse_at: POST /a is taken already");
    fails(|mcp| mcp.legacy_sse().health_at("/sse"), "legacy_sse_at: GET /sse is taken already, by health_at");
    fails(|mcp| mcp.legacy_sse().route(Method::PUT, "/sse", |_| async { "" }), "route: PUT /sse is taken already");
}

#[tokio::test]
async fn the_endpoint_itself_is_as_before() {
    let mcp = with(|mcp| mcp);
    assert_eq!(legacy(call("echo", json!({"text": "x"}))).to(&mcp).await.text(), "x");
    for path in ["/sse/", "/messages/", "/sse/x", "/SSE"] {
        assert_eq!(get().at(path).to(&mcp).await.status, 404, "{path}");
    }
    assert_eq!(get().at("/").to(&server([])).await.status, 400, "no session is named");
}
