//! `testing::Client` and servers that were written by hand: the features, and every breach of the protocol it reports.

use std::time::Duration;

use mcp_mount::{
    Revision,
    testing::{ErrorKind, Message},
};
use serde_json::{Value, json};

use crate::scripted::{Got, Script, Then, accepted, events, json_reply, reply};

/// A small server of 2026-07-28.
fn library(got: &Got) -> Value {
    let params = &got.message["params"];
    let text = |text: &str| json!({"type": "text", "text": text});
    match got.about() {
        "resources/list" => match params["cursor"].as_str() {
            None => got.complete(json!({"resources": [{"uri": "a://1", "name": "one"}], "nextCursor": "p2"})),
            Some("p2") => got.complete(json!({"resources": [], "nextCursor": "p3"})),
            Some("p3") => got.complete(json!({"resources": [{"uri": "a://2", "name": "two"}]})),
            Some(other) => panic!("no such cursor: {other}"),
        },
        "resources/templates/list" => {
            got.complete(json!({"resourceTemplates": [{"uriTemplate": "a://{id}", "name": "any"}]}))
        }
        "prompts/list" => got.complete(json!({"prompts": [{"name": "greet"}]})),
        "resources/read" => {
            assert_eq!(got.header("mcp-name"), params["uri"].as_str());
            got.complete(json!({"contents": [
                {"uri": "a://1", "mimeType": "text/markdown", "text": "# One"},
                {"uri": "a://1/image", "mimeType": "image/png", "blob": "AQID"},
            ]}))
        }
        "prompts/get" => {
            assert_eq!(got.header("mcp-name"), Some("greet"));
            let name = params["arguments"]["name"].as_str().unwrap();
            got.complete(json!({"description": "Greets", "messages": [
                {"role": "user", "content": text(&format!("Greet {name}"))},
                {"role": "assistant", "content": text("Hello")},
            ]}))
        }
        "completion/complete" => {
            let known = match params["ref"]["type"].as_str() {
                Some("ref/prompt") => params["ref"]["name"] == "greet",
                _ => params["ref"]["uri"] == "a://{id}",
            };
            assert!(known && params["argument"]["value"] == "r", "{params}");
            got.complete(json!({"completion": {"values": ["ruby", "rust"], "total": 12, "hasMore": true}}))
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn resources_prompts_and_completion() {
    let script = Script::new(|got| json_reply(&library(got)));
    let client = &script.client;
    let names: Vec<_> = client.list_resources().await.unwrap().into_iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(script.got().len(), 3, "a page each");
    assert_eq!(client.list_resource_templates().await.unwrap()[0]["name"], "any");
    assert_eq!(client.list_prompts().await.unwrap()[0]["name"], "greet");

    let read = client.read_resource("a://1").await.unwrap();
    assert_eq!((read.text().as_str(), read.mime_type()), ("# One", Some("text/markdown")));
    assert_eq!(read.blob(), Some(vec![1, 2, 3]));
    assert_eq!(read.contents().len(), 2);

    let prompt = client.get_prompt("greet", json!({"name": "Ada"})).await.unwrap();
    assert_eq!((prompt.text().as_str(), prompt.description()), ("Greet Ada\nHello", Some("Greets")));
    assert_eq!(prompt.messages()[1]["role"], "assistant");

    for completions in [
        client.complete_prompt("greet", "name", "r").await.unwrap(),
        client.complete_resource("a://{id}", "id", "r").await.unwrap(),
    ] {
        assert_eq!(completions.values, ["ruby", "rust"]);
        assert_eq!((completions.total, completions.has_more), (Some(12), Some(true)));
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_subscribe_to_resources() {
    let updated = json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "a://1"}});
    let script = Script::new(move |got| match got.about() {
        "GET" => events([&updated], Then::StaysOpen),
        _ => json_reply(&got.result(json!({}))),
    });
    let client = script.client.clone().revision(Revision::V2025_11_25);
    client.subscribe("a://1").await.unwrap();
    client.unsubscribe("a://1").await.unwrap();
    let about: Vec<_> =
        script.got().iter().map(|got| (got.about().to_owned(), got.message["params"].clone())).collect();
    let uri = json!({"uri": "a://1"});
    let wanted = [("resources/subscribe".to_owned(), uri.clone()), ("resources/unsubscribe".to_owned(), uri.clone())];
    assert_eq!(about, wanted);
    let mut stream = client.get_stream().await.unwrap();
    let change = Message::Notification { method: "notifications/resources/updated".to_owned(), params: uri };
    assert_eq!(stream.next().await.unwrap(), Some(change));
}

fn tagged(id: &Value, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({"io.modelcontextprotocol/subscriptionId": id});
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn acknowledged(id: &Value, filter: Value) -> Value {
    tagged(id, "notifications/subscriptions/acknowledged", json!({"notifications": filter}))
}

#[tokio::test(start_paused = true)]
async fn changes_are_listened_to() {
    let script = Script::new(|got| {
        let id = &got.message["id"];
        assert_eq!(got.header("mcp-method"), Some("subscriptions/listen"));
        let filter = json!({"toolsListChanged": true, "resourceSubscriptions": ["a://1"]});
        assert_eq!(got.message["params"]["notifications"], filter);
        let end = json!({"_meta": {"io.modelcontextprotocol/subscriptionId": id}});
        let messages = [
            acknowledged(id, filter),
            tagged(id, "notifications/tools/list_changed", json!({})),
            tagged(id, "notifications/resources/updated", json!({"uri": "a://1"})),
            got.complete(end),
        ];
        events(&messages, Then::Ends)
    });
    let filter = json!({"toolsListChanged": true, "resourceSubscriptions": ["a://1"]});
    let mut changes = script.client.listen(&filter).await.unwrap();
    assert_eq!(changes.acknowledged(), Some(&filter));
    for method in ["notifications/tools/list_changed", "notifications/resources/updated"] {
        assert_eq!(changes.next().await.unwrap().unwrap().method(), Some(method));
    }
    assert!(matches!(changes.next().await.unwrap(), Some(Message::Answer(_))), "the server ends it in order");
    assert_eq!(changes.next().await.unwrap(), None);
}

/// What the client says of a server that sends this on `subscriptions/listen`.
async fn listening(messages: impl Fn(&Value, &Got) -> Vec<Value> + Send + Sync + 'static) -> String {
    let script = Script::new(move |got| events(&messages(&got.message["id"], got), Then::Ends));
    let error = match script.client.listen(json!({"toolsListChanged": true})).await {
        Ok(mut stream) => loop {
            match stream.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return "nothing".to_owned(),
                Err(error) => break error,
            }
        },
        Err(error) => error,
    };
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn subscriptions_that_break_the_protocol() {
    let agreed = || json!({"toolsListChanged": true});
    let changed = "notifications/tools/list_changed";
    let said = listening(move |id, _| vec![tagged(id, changed, json!({}))]).await;
    assert!(said.contains("a message before notifications/subscriptions/acknowledged"), "{said}");
    let said = listening(move |_, _| vec![acknowledged(&json!(99), agreed())]).await;
    assert!(said.contains("`subscriptionId` is 99"), "{said}");
    let said = listening(|id, _| vec![acknowledged(id, json!({"promptsListChanged": true}))]).await;
    assert!(said.contains("`promptsListChanged` is acknowledged, and nobody asked for it"), "{said}");
    let other = "notifications/prompts/list_changed";
    let said = listening(move |id, _| vec![acknowledged(id, agreed()), tagged(id, other, json!({}))]).await;
    assert!(said.contains("`promptsListChanged` was not acknowledged"), "{said}");
    let untagged = json!({"jsonrpc": "2.0", "method": changed});
    let said = listening(move |id, _| vec![acknowledged(id, agreed()), untagged.clone()]).await;
    assert!(said.contains("`subscriptionId` is null"), "{said}");
    let said = listening(|_, got| vec![got.complete(json!({}))]).await;
    assert!(said.contains("a result before the acknowledgement"), "{said}");
    let said = listening(move |id, _| vec![acknowledged(id, agreed())]).await;
    assert!(said.contains("the connection ended before the answer"), "{said}");
}

/// What the client says of a server that answers `tools/call`, of id 1, with this event stream.
async fn streaming(revision: Revision, messages: Vec<Value>) -> String {
    let script = Script::new(move |_| events(&messages, Then::Ends));
    let outcome = script.client.clone().revision(revision).call_tool("x", ()).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn streams_that_break_the_protocol() {
    let notification = |method: &str, params: Value| json!({"jsonrpc": "2.0", "method": method, "params": params});
    let progress = |token: Value, number: i32| {
        notification("notifications/progress", json!({"progressToken": token, "progress": number}))
    };
    let answer = |id: i32| json!({"jsonrpc": "2.0", "id": id, "result": {"resultType": "complete", "content": []}});
    let log = notification("notifications/message", json!({"level": "info", "data": "x"}));
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let changed = notification("notifications/tools/list_changed", json!({}));
    let modern = Revision::V2026_07_28;
    let session = Revision::V2025_11_25;
    for (revision, messages, complaint) in [
        (session, vec![answer(2)], "an answer to 2, where 1 was asked"),
        (session, vec![answer(1), answer(1)], "a message after the answer"),
        (session, vec![progress(json!("other"), 1)], "progress under a token that is not the request's"),
        (session, vec![progress(json!(1), 2), progress(json!(1), 2)], "progress that does not increase"),
        (session, vec![json!({"id": 1, "result": {}})], "`jsonrpc` is not \"2.0\""),
        (session, vec![json!("text")], "a message is an object"),
        (
            session,
            vec![notification("notifications/progress", json!({"progressToken": 1}))],
            "missing field `progress`",
        ),
        (session, vec![json!({"jsonrpc": "2.0", "id": 1, "result": {"content": 3}})], "`content` is not an array"),
        (modern, vec![json!({"jsonrpc": "2.0", "id": 1, "result": {}})], "a result without `resultType`"),
        (modern, vec![log], "a log message, for which the request did not ask"),
        (modern, vec![request], "a request of the server's, which 2026-07-28 does not have"),
        (modern, vec![changed], "a change that has nothing to do with the request"),
    ] {
        let said = streaming(revision, messages).await;
        assert!(said.contains(complaint), "{complaint}: {said}");
        assert!(said.contains("the reply breaks the protocol"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn replies_that_break_the_protocol() {
    let answer = r#"{"jsonrpc":"2.0","id":9,"error":{"code":-1,"message":"x"}}"#;
    for (status, content_type, body, complaint) in [
        (200, "text/html", "<p>hello", "by JSON or by an event stream: 200 OK, body: <p>hello"),
        (202, "application/json", "", "no JSON: EOF while parsing"),
        (200, "application/json; charset=utf-8", "[]", "a message is an object"),
        (200, "application/json", answer, "an answer to 9, where 1 was asked"),
        (400, "application/json", answer, "an answer to 9"),
    ] {
        let script = Script::new(move |_| reply(status, content_type, body));
        let error = script.client.request("tools/list", ()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
        assert!(error.to_string().contains(complaint), "{complaint}: {error}");
    }
    let script = Script::new(|got| json_reply(&got.result(json!({}))));
    let error = script.client.notify("notifications/x", ()).await.unwrap_err();
    assert!(error.to_string().contains("it is accepted by 202 without a body: 200 OK, body: {"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn results_that_break_the_protocol() {
    let script = |result: Value| Script::new(move |got| json_reply(&got.complete(result.clone())));
    let endless = script(json!({"tools": [], "nextCursor": "again"}));
    let error = endless.client.list_tools().await.unwrap_err();
    assert!(error.to_string().contains("the cursor \"again\" comes twice"), "{error}");
    let error = script(json!({"tools": {}})).client.list_tools().await.unwrap_err();
    assert!(error.to_string().contains("`tools` is not an array"), "{error}");
    let schema = json!({"properties": {"a": {"type": "number", "x-mcp-header": "A"}}});
    let error = script(json!({"tools": [{"name": "t", "inputSchema": schema}]})).client.list_tools().await.unwrap_err();
    assert!(error.to_string().contains("x-mcp-header in the input schema of the tool `t`: `a` is neither"), "{error}");

    let uncached = Script::new(|got| {
        json_reply(&got.result(json!({"resultType": "complete", "tools": [], "contents": [], "cacheScope": "private"})))
    });
    for error in [
        uncached.client.list_tools().await.unwrap_err(),
        uncached.client.read_resource("a:").await.unwrap_err(),
        uncached.client.discover().await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("`ttlMs` and `cacheScope` are missing or wrong"), "{error}");
    }
    for contents in [json!({}), json!([{"text": "x"}]), json!([{"uri": "a:"}]), json!([{"uri": "a:", "blob": "?"}])] {
        let error = script(json!({"contents": contents})).client.read_resource("a:").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{contents}: {error}");
    }
    let message = json!({"role": "system", "content": {"type": "text", "text": "x"}});
    let error = script(json!({"messages": [message]})).client.get_prompt("p", ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
    let many: Vec<_> = (0..101).map(|number| number.to_string()).collect();
    let error = script(json!({"completion": {"values": many}})).client.complete_prompt("p", "a", "").await.unwrap_err();
    assert!(error.to_string().contains("101 values, where 100 are the most"), "{error}");
    let error = script(json!({"supportedVersions": ["2025-11-25"], "capabilities": {}})).client.connect().await;
    assert!(error.unwrap_err().to_string().contains("is without 2026-07-28, in which it was asked for"));
}

#[tokio::test(start_paused = true)]
async fn handshakes_that_break_the_protocol() {
    let hello = |version: &str, session: &'static str| {
        let version = version.to_owned();
        Script::new(move |got| {
            if got.about() != "initialize" {
                return accepted();
            }
            let info = json!({"name": "s", "version": "1"});
            let result = json!({"protocolVersion": version, "capabilities": {}, "serverInfo": info});
            let mut reply = json_reply(&got.result(result));
            reply.headers_mut().insert("mcp-session-id", session.parse().unwrap());
            reply
        })
    };
    let connect = |script: Script| async move {
        script.client.clone().revision(Revision::V2025_11_25).connect().await.map_err(|error| error.to_string())
    };
    assert_eq!(connect(hello("2025-03-26", "s")).await.unwrap().negotiated(), Revision::V2025_03_26);
    for version in ["2026-07-28", "1.0"] {
        let said = connect(hello(version, "s")).await.unwrap_err();
        assert!(said.contains("is no revision that `initialize` can agree to"), "{said}");
    }
    let said = connect(hello("2025-11-25", "a b")).await.unwrap_err();
    assert!(said.contains("Mcp-Session-Id must be visible ASCII"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn errors_say_what_was_asked_and_what_came() {
    let script = Script::new(|_| reply(401, "text/plain", "who are you?"));
    let error = script.client.clone().path("/mcp").call_tool("add", ()).await.unwrap_err();
    assert_eq!(
        format!("{error:?}"),
        "Error(Status: tools/call \"add\" (POST /mcp, 2026-07-28): refused: 401 Unauthorized, body: who are you?)"
    );
    assert_eq!(error.response().unwrap().header("content-type"), Some("text/plain"));
    assert_eq!((error.code(), error.message(), error.data()), (None, None, None));

    let refusal =
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32022, "message": "no", "data": {"supported": []}}});
    for status in [400, 200] {
        let refusal = refusal.to_string();
        let script = Script::new(move |_| reply(status, "application/json", refusal.clone()));
        let error = script.client.clone().list_tools().await.unwrap_err();
        let status = error.status().unwrap();
        assert_eq!(
            error.to_string(),
            format!("tools/list (POST /, 2026-07-28): error -32022: no, data: {{\"supported\":[]}} ({status})")
        );
        assert_eq!(error.kind(), ErrorKind::Rpc);
        assert_eq!((error.code(), error.message()), (Some(-32022), Some("no")));
        assert_eq!(error.data(), Some(&json!({"supported": []})));
    }

    let broken = tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
        Err::<http::Response<String>, _>(std::io::Error::other("the middleware is broken"))
    });
    let error = mcp_mount::testing::Client::new(broken).post_raw("x").await.unwrap_err();
    assert_eq!(error.to_string(), "POST /: the service returned an error: the middleware is broken");
    assert_eq!(error.kind(), ErrorKind::Service);

    let long = Script::new(|_| reply(500, "text/plain", "x".repeat(10_000)));
    let text = long.client.patience(Duration::MAX).list_tools().await.unwrap_err().to_string();
    assert!(text.ends_with("x [.. 10000 bytes in all]") && text.len() < 2_200, "{} bytes", text.len());
}
