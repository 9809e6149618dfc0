//! Over real sockets, as the home's own server has them: HTTP/1.1 and HTTP/2.

use http::Method;
use serde_json::json;

use crate::{
    connection::{Client, promptly},
    home,
    rig::{Probe, rig, rig_with, server},
    support::{
        Ask, LATEST_SESSION, bare, call, call_with_progress, initialize, legacy, modern, modern_call, notification,
    },
};

#[tokio::test]
async fn calls_in_both_eras_over_both_versions() {
    let address = home::serve(rig().mcp).await;
    for mut client in Client::both(address).await {
        for n in 0..3 {
            let text = format!("é {n}");
            for ask in [legacy(call("echo", json!({"text": text}))), modern_call("echo", json!({"text": text}))] {
                let reply = client.send(ask).await;
                assert_eq!(reply.text(), text, "several calls on one connection");
                let length = reply.header("content-length").map(str::to_owned);
                assert_eq!(length, Some(reply.body.len().to_string()), "{reply}");
            }
        }
        let live = client.open_at(modern_call("echo", json!({"text": "x"})), "/mcp/").await;
        assert_eq!(live.collect().await.text(), "x", "with a slash");
        let live = client.open_at(modern_call("echo", json!({"text": "x"})), "/elsewhere").await;
        assert_eq!(live.collect().await.status, 404, "elsewhere");
    }
}

#[tokio::test]
async fn refusals_arrive_whole() {
    let address = home::serve(rig().mcp).await;
    for mut client in Client::both(address).await {
        let reply = client.send(legacy(json!([]))).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32600), "{reply}");
        let reply = client.send(bare(Method::PUT, "")).await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("GET, POST, DELETE")), "{reply}");
        let reply = client.send(bare(Method::HEAD, "")).await;
        assert_eq!((reply.status.as_u16(), reply.body.len()), (405, 0), "{reply}");
        let reply = client.send(bare(Method::OPTIONS, "")).await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("GET, POST, DELETE")), "{reply}");
        let reply = client.send(legacy(notification("notifications/initialized", json!({})))).await;
        assert_eq!((reply.status.as_u16(), reply.body.len()), (202, 0), "{reply}");
        assert_eq!(reply.header("content-type"), None, "{reply}");
        let reply =
            client.send(legacy(call("echo", json!({"text": "x"}))).header("origin", "https://evil.example")).await;
        assert_eq!(reply.status, 403, "{reply}");
        assert_eq!(reply.header("connection"), None, "{reply}");
        let reply = client.send(legacy(call("echo", json!({"text": "still here"})))).await;
        assert_eq!(reply.text(), "still here");
    }
}

#[tokio::test]
async fn a_page_asks_first_and_is_answered() {
    let page = "https://app.example.com";
    let address = home::serve(rig_with(|mcp| mcp.cors([page])).mcp).await;
    for mut client in Client::both(address).await {
        let preflight = bare(Method::OPTIONS, "")
            .header("origin", page)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,mcp-protocol-version");
        let reply = client.send(preflight).await;
        assert_eq!((reply.status.as_u16(), reply.body.len()), (204, 0), "{reply}");
        assert_eq!(reply.header("access-control-allow-origin"), Some(page), "{reply}");
        assert_eq!(reply.header("content-length"), None, "RFC 9110, 8.6\n{reply}");
        let reply = client.send(modern_call("echo", json!({"text": "x"})).header("origin", page)).await;
        assert_eq!((reply.text().as_str(), reply.header("access-control-allow-origin")), ("x", Some(page)), "{reply}");
    }
}

#[tokio::test]
async fn a_foreign_authority_is_refused_over_both_versions() {
    let address = home::serve(rig().mcp).await;
    let good = || legacy(call("echo", json!({"text": "x"})));
    for mut client in Client::both(address).await {
        let reply = client.open_as("evil.example", "/mcp", good().request()).await.expect("a response");
        assert_eq!(reply.status, 403, "{}", client.version());
    }
}

#[tokio::test]
async fn progress_arrives_while_the_call_runs() {
    for version in ["h1", "h2"] {
        for era in ["session", "modern"] {
            let probe = Probe::new();
            let address = home::serve(server([probe.speaking_tool()])).await;
            let mut client = if version == "h1" { Client::h1(address).await } else { Client::h2(address).await };
            let meta = json!({"progressToken": "token"});
            let ask = match era {
                "session" => legacy(call_with_progress("speak", json!({}))),
                _ => modern("tools/call", json!({"name": "speak", "arguments": {}, "_meta": meta})),
            };
            let mut live = client.open(ask).await;
            assert!(live.is_sse(), "{version} {era}: {:#?}", live.headers);
            let first = promptly("progress", live.message()).await.expect("open");
            assert_eq!(first["method"], json!("notifications/progress"), "{version} {era}: {first}");
            assert_eq!(probe.finished(), 0, "{version} {era}: the handler still waits for this test");
            probe.release();
            let last = promptly("the result", live.message()).await.expect("open");
            assert_eq!(last["result"]["content"][0]["text"], json!("done"), "{version} {era}: {last}");
            assert_eq!(promptly("the end", live.next()).await, None, "{version} {era}");
        }
    }
}

#[tokio::test]
async fn a_session_with_its_stream() {
    let address = home::serve(rig().mcp).await;
    for (mut listener, mut client) in
        [(Client::h1(address).await, Client::h1(address).await), (Client::h2(address).await, Client::h2(address).await)]
    {
        let reply = client.send(initialize(LATEST_SESSION)).await;
        let id = reply.header("mcp-session-id").unwrap_or_else(|| panic!("no session\n{reply}")).to_owned();
        let inside = |ask: Ask| ask.header("mcp-session-id", &id).header("mcp-protocol-version", LATEST_SESSION);
        let reply = client.send(inside(legacy(notification("notifications/initialized", json!({}))))).await;
        assert_eq!(reply.status, 202, "{reply}");
        let get = inside(bare(Method::GET, "").header("accept", "text/event-stream"));
        let mut stream = listener.open(get).await;
        assert!(stream.is_sse(), "the headers come at once: {:#?}", stream.headers);
        let reply = client.send(inside(legacy(call("echo", json!({"text": "x"}))))).await;
        assert_eq!(reply.text(), "x");
        assert_eq!(client.send(inside(bare(Method::DELETE, ""))).await.status, 204);
        assert_eq!(promptly("the stream ends", stream.message()).await, None);
    }
}

#[tokio::test]
async fn many_calls_on_one_http_2_connection() {
    let address = home::serve(rig().mcp).await;
    let Client::H2(sender, _) = Client::h2(address).await else { panic!("HTTP/2") };
    let calls = (0..100).map(|n| {
        let mut client = Client::H2(sender.clone(), address);
        async move {
            // All with the same id: answers belong to their streams.
            let reply = client.send(modern_call("echo", json!({"text": n.to_string()}))).await;
            assert_eq!(reply.text(), n.to_string());
        }
    });
    promptly("a hundred calls", futures::future::join_all(calls)).await;
}
