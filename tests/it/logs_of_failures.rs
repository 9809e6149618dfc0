//! What a client is not told, the log says; what a client has said, it does not.

use bytes::Bytes;
use http::{Method, Request, Response};
use mcp_mount::{Body, CallToolResult, Limits, Mcp, Reply};
use serde_json::json;
use tower::timeout::TimeoutLayer;

use crate::{
    layered::{BoxError, around, callable, calls},
    logs::Log,
    rig::{Probe, rig_with, server_with, session},
    support::{bare, message, modern, modern_call, secs, soon},
    told::{listen, server},
};

const SECRET: &str = "the password is secret";

/// The lines that say so at this level.
fn lines(log: &Log, level: &str) -> Vec<String> {
    log.text().lines().filter(|line| line.contains(level)).map(str::to_owned).collect()
}

fn one_line(log: &Log, level: &str, parts: &[&str]) {
    let lines = lines(log, level);
    let fits = |line: &&String| parts.iter().all(|part| line.contains(part));
    assert_eq!(lines.iter().filter(fits).count(), 1, "{parts:?} in {lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_layer_failed_with() {
    for (kind, _, ask, _) in calls() {
        let log = Log::default();
        let _guard = log.listen();
        let (mcp, _) = callable(|mcp| mcp.layer(around(|_, _| async { Err::<Reply, BoxError>(SECRET.into()) })));
        let name = match kind {
            "tool" => "echo",
            "resource" => "a",
            "template" => "item",
            "prompt" => "greet",
            _ => "id",
        };
        let reply = ask.to(&mcp).await;
        assert!(!reply.to_string().contains(SECRET), "{reply}");
        one_line(&log, "ERROR", &[SECRET, name]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_layers_panic_its_timeout_and_its_wrong_reply() {
    let log = Log::default();
    let _guard = log.listen();
    let panics = || around(|_, _| -> std::future::Ready<Result<Reply, BoxError>> { panic!("{SECRET}") });
    let wrong = || around(|_, _| async { Ok(Reply::Completion(mcp_mount::Completion::new(["x"]))) });
    let stuck = Probe::new();
    let late = || server_with([stuck.stuck_tool()], |mcp| mcp.layer(TimeoutLayer::new(secs(5))));
    for (mcp, tool, says) in [
        (callable(|mcp| mcp.layer(panics())).0, "echo", SECRET),
        (callable(|mcp| mcp.layer(wrong())).0, "echo", "another method"),
        (late(), "stuck", "timed out"),
    ] {
        soon(tool, modern_call(tool, json!({"text": "x"})).to(&mcp)).await.tool_error();
        one_line(&log, "ERROR", &[says, tool]);
    }
    let fine = callable(|mcp| mcp.layer(around(|_, _| async { Ok(Reply::Tool(CallToolResult::text("x"))) }))).0;
    let before = lines(&log, "ERROR").len();
    assert_eq!(modern_call("echo", json!({"text": "x"})).to(&fine).await.text(), "x");
    assert_eq!(lines(&log, "ERROR").len(), before, "what goes well is no error");
}

#[tokio::test(start_paused = true)]
async fn what_a_route_or_a_layer_of_http_failed_with() {
    let log = Log::default();
    let _guard = log.listen();
    let configure = |mcp: Mcp| {
        mcp.limits(Limits::new().tool_timeout(secs(3)))
            .route(Method::GET, "/panics", |_: Request<Bytes>| -> std::future::Ready<&str> { panic!("{SECRET}") })
            .route(Method::GET, "/stuck", |_| std::future::pending::<&str>())
    };
    let mcp = rig_with(configure).mcp;
    for (path, says) in [("/panics", SECRET), ("/stuck", "tool_timeout")] {
        let reply = soon(path, bare(Method::GET, "").at(path).to(&mcp)).await;
        assert_eq!(reply.status, 500, "{reply}");
        one_line(&log, "ERROR", &[path, says]);
    }
    let failing = tower::layer::layer_fn(|_: mcp_mount::HttpService| {
        tower::service_fn(|_| async { Err::<Response<Body>, BoxError>(SECRET.into()) })
    });
    let mcp = rig_with(|mcp| mcp.http_layer(failing)).mcp;
    let before = lines(&log, "ERROR").len();
    assert_eq!(modern_call("echo", json!({"text": "x"})).to(&mcp).await.status, 500);
    let errors = lines(&log, "ERROR");
    assert!(errors.len() == before + 1 && errors[before].contains(SECRET), "{errors:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_clients_ask_for_reaches_no_log() {
    const MARK: &str = "xq7marked";
    let log = Log::default();
    let _guard = log.listen();
    let (mcp, _) = callable(|mcp| mcp);
    let uri = format!("item://{MARK}");
    let filter = json!({"resourceSubscriptions": [uri, format!("test://{MARK}")]});
    let completion = json!({"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "id", "value": MARK}});
    for mcp in [&mcp, &server()] {
        let session = session(mcp).await;
        let mut stream = session.stream().await;
        for params in [json!({"uri": uri}), json!({"uri": format!("test://{MARK}")}), json!({"uri": {MARK: MARK}})] {
            for method in ["resources/read", "resources/subscribe", "resources/unsubscribe"] {
                session.post(message(1, method, params.clone())).to(mcp).await;
            }
        }
        let mut listened = listen(1, filter.clone()).open(mcp).await;
        listen(1, json!({"resourceSubscriptions": MARK, MARK: MARK})).to(mcp).await;
        mcp.notify().resource_updated(&uri);
        stream.listen(secs(20)).await;
        listened.listen(secs(20)).await;
        modern("resources/read", json!({"uri": uri})).header("mcp-name", &uri).to(mcp).await;
        for arguments in [json!({"id": MARK}), json!({MARK: MARK}), json!({"id": [MARK]})] {
            modern("prompts/get", json!({"name": "greet", "arguments": arguments})).to(mcp).await;
        }
        for name in [MARK, "greet"] {
            session.post(message(1, "prompts/get", json!({"name": name, "arguments": {"id": MARK}}))).to(mcp).await;
        }
        modern("completion/complete", completion.clone()).to(mcp).await;
        bare(Method::GET, MARK).at(&format!("/{MARK}")).to(mcp).await;
    }
    let text = log.text();
    let told: Vec<_> = text.lines().filter(|line| line.contains(MARK)).collect();
    assert!(told.is_empty(), "{told:#?}");
    assert!(text.contains("resources/read") && text.contains("prompts/get"), "the calls are there");
}
