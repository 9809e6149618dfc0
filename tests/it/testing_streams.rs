//! Streams of `testing::Client`: calls as they run, sessions and their end, reconnects, hangs that are told.

use std::time::Duration;

use mcp_mount::{
    Limits, Revision,
    testing::{Client, ErrorKind, Message, Progress},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    rig::{Probe, server, server_with},
    scripted::{Script, Then, accepted, events, json_reply, pieces},
    support::{pass, secs},
};

const SESSION: Revision = Revision::V2025_11_25;

#[tokio::test(start_paused = true)]
async fn messages_come_while_the_call_runs() {
    for revision in Revision::ALL {
        let probe = Probe::new();
        let mcp = server([probe.speaking_tool()]);
        let client = Client::new(mcp).revision(revision).connect().await.unwrap();
        let mut stream = client.start_tool("speak", ()).await.unwrap();
        assert!(stream.is_event_stream(), "{revision}");
        let half = Progress::new(1.0).total(2.0).message("half");
        assert_eq!(stream.next().await.unwrap(), Some(Message::Progress(half)), "{revision}");

        // What is dropped while it waits has lost nothing.
        assert!(tokio::time::timeout(secs(1), stream.next()).await.is_err());
        assert_eq!(probe.finished(), 0);
        probe.release();
        let Some(Message::Answer(result)) = stream.next().await.unwrap() else { panic!("{revision}") };
        assert_eq!(result["content"][0]["text"], "done", "{revision}");
        assert_eq!(stream.next().await.unwrap(), None, "{revision}");
        assert_eq!(stream.next().await.unwrap(), None, "{revision}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_answer_is_a_stream_of_one() {
    let probe = Probe::new();
    probe.release();
    let client = Client::new(server([probe.silent_tool()]));
    let mut stream = client.start("tools/call", json!({"name": "wait"})).await.unwrap();
    assert!(!stream.is_event_stream());
    assert!(matches!(stream.next().await.unwrap(), Some(Message::Answer(_))));
    assert_eq!(stream.next().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_stream_is_a_client_that_goes_away() {
    let probe = Probe::new();
    let mcp = server([probe.speaking_tool()]);
    let modern = Client::new(mcp.clone());
    drop(modern.start_tool("speak", ()).await.unwrap());
    probe.dropped().await;

    // A session's client that only goes away cancels nothing.
    let session = Client::new(mcp).revision(SESSION).connect().await.unwrap();
    drop(session.start_tool("speak", ()).await.unwrap());
    probe.release();
    pass(secs(1)).await;
    assert_eq!((probe.finished(), probe.drops()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn cancelling_works_in_every_revision() {
    for revision in Revision::ALL {
        let probe = Probe::new();
        let client = Client::new(server([probe.speaking_tool()])).revision(revision).connect().await.unwrap();
        let stream = client.start_tool("speak", ()).await.unwrap();
        stream.cancel().await.unwrap();
        probe.dropped().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_from_its_beginning_to_its_end() {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool()]);
    for revision in &Revision::ALL[..4] {
        let application = Client::new(mcp.clone()).revision(*revision);
        let (one, other) = (application.connect().await.unwrap(), application.connect().await.unwrap());
        assert_ne!(one.session_id(), other.session_id());
        let mut events = one.get_stream().await.unwrap();
        events.disconnect();
        events.reconnect().await.unwrap();
        one.ping().await.unwrap();

        one.close().await.unwrap();
        assert_eq!(events.next().await.unwrap(), None, "{revision}: the session's stream ends with it");
        for error in [
            one.list_tools().await.unwrap_err(),
            one.ping().await.unwrap_err(),
            one.get_stream().await.unwrap_err(),
            one.close().await.unwrap_err(),
            one.notify("notifications/initialized", ()).await.unwrap_err(),
        ] {
            assert_eq!(error.status().unwrap(), 404, "{revision}: {error}");
        }
        other.ping().await.unwrap();
        one.connect().await.unwrap().ping().await.unwrap();
    }
    let modern = Client::new(mcp).connect().await.unwrap();
    let error = modern.get_stream().await.unwrap_err();
    assert!(error.status().unwrap().is_client_error(), "{error}");
    assert_eq!(modern.ping().await.unwrap_err().code(), Some(-32601));
}

#[tokio::test(start_paused = true)]
async fn a_hang_is_told() {
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool(), probe.speaking_tool()], |mcp| {
        let day = secs(24 * 3600);
        mcp.limits(Limits::new().tool_timeout(day).silence(day))
    });
    let client = Client::new(mcp).patience(Duration::from_secs(60));
    let began = Instant::now();
    let error = client.call_tool("stuck", ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let text = "tools/call \"stuck\" (POST /, 2026-07-28): the reply did not come within 60s (`Client::patience`)";
    assert_eq!(error.to_string(), text);
    assert_eq!(began.elapsed(), secs(60));
    probe.dropped().await;

    // The keep-alives of a stream are no messages.
    let error = client.call_tool("speak", ()).await.unwrap_err();
    let text = "tools/call \"speak\" (POST /, 2026-07-28): the next message, after notifications/progress, did not come \
                within 60s (`Client::patience`)";
    assert_eq!(error.to_string(), text);

    let session = client.clone().revision(SESSION).connect().await.unwrap();
    let request = http::Request::get("/")
        .header("host", "localhost")
        .header("accept", "text/event-stream")
        .header("mcp-session-id", session.session_id().unwrap())
        .body("")
        .unwrap();
    let error = session.raw(request.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("the end of the reply did not come within 60s"), "{error}");
    assert_eq!(error.status().unwrap(), 200, "what has come is there");
    let stream = session.open(request).await.unwrap();
    assert!(stream.is_event_stream());
}

fn numbered(id: u32, message: &Value) -> String {
    format!("id: {id}\ndata: {message}\n\n")
}

fn progress(number: u32) -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": number}})
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_resumed_from_the_last_event_taken() {
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}});
    let first = [
        "id: 0\nretry: 3000\ndata:\n\n".to_owned(),
        format!("{}{}", numbered(1, &progress(1)), numbered(2, &progress(2))),
    ];
    let second = [numbered(2, &progress(2)), numbered(3, &answer)];
    let script = Script::replies([pieces(first, Then::BreaksOff), pieces(second, Then::Ends)]);
    let client = script.client.clone().revision(SESSION);
    let mut stream = client.start_tool("import", ()).await.unwrap();
    assert_eq!(stream.id(), Some(1));
    assert_eq!(stream.next().await.unwrap(), Some(Message::Progress(Progress::new(1.0))));
    assert_eq!(stream.last_event_id(), Some("1"), "the other one has come, and has not been taken");
    assert_eq!(stream.retry(), Some(secs(3)));
    stream.disconnect();
    assert_eq!(stream.next().await.unwrap(), None);

    let began = Instant::now();
    stream.reconnect().await.unwrap();
    assert_eq!(began.elapsed(), secs(3), "it waits as the server's `retry` says");
    assert_eq!(stream.next().await.unwrap(), Some(Message::Progress(Progress::new(2.0))));
    assert_eq!(stream.answer().await.unwrap(), json!({"content": []}));
    let got = script.got();
    assert_eq!(got[1].method, "GET");
    assert_eq!((got[1].header("last-event-id"), got[1].header("accept")), (Some("1"), Some("text/event-stream")));
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_says_what_came_before() {
    for then in [Then::Ends, Then::BreaksOff] {
        let script = Script::new(move |_| events([&progress(1), &progress(2)], then));
        let client = script.client.clone().revision(SESSION).without_progress();
        let params = json!({"name": "import", "_meta": {"progressToken": 1}});
        let mut stream = client.start("tools/call", params).await.unwrap();
        stream.next().await.unwrap();
        stream.next().await.unwrap();
        let error = stream.next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ended);
        let text = match then {
            Then::BreaksOff => {
                "tools/call \"import\" (POST /, 2025-11-25): the connection broke off after 2 messages, the last one \
                 notifications/progress: reset by peer"
            }
            _ => {
                "tools/call \"import\" (POST /, 2025-11-25): the connection ended before the answer, after 2 messages, \
                 the last one notifications/progress"
            }
        };
        assert_eq!(error.to_string(), text);
        assert_eq!(stream.next().await.unwrap(), None, "it is over");
        let error = stream.reconnect().await.unwrap_err();
        assert!(error.to_string().ends_with("no event had an id, so there is nothing to resume from"), "{error}");
    }
    let modern = Script::new(|got| events([&got.complete(json!({}))], Then::Ends));
    let error = modern.client.start("tools/list", ()).await.unwrap().reconnect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request, "{error}");
}

#[tokio::test(start_paused = true)]
async fn any_stream_can_be_resumed_by_an_event_id() {
    let answer = json!({"jsonrpc": "2.0", "id": 77, "result": {}});
    let script = Script::new(move |_| events([&answer], Then::StaysOpen));
    let client = script.client.clone().revision(SESSION);
    let mut stream = client.resume("41").await.unwrap();
    assert_eq!(stream.next().await.unwrap(), Some(Message::Answer(json!({}))));
    assert_eq!(script.only().header("last-event-id"), Some("41"));
    // The session's own stream begins anew; an answer does not belong there.
    let error = client.get_stream().await.unwrap().next().await.unwrap_err();
    assert!(error.to_string().contains("an answer on a stream that is no request's"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn batches_are_of_2025_03_26() {
    let batch = json!([progress(1), {"jsonrpc": "2.0", "id": 1, "result": {"content": []}}]);
    for revision in [Revision::V2025_03_26, SESSION] {
        let batch = batch.clone();
        let script = Script::new(move |_| events([&batch], Then::Ends));
        let outcome = script.client.clone().revision(revision).call_tool("x", ()).await;
        match revision {
            SESSION => assert!(outcome.unwrap_err().to_string().contains("a message is an object")),
            _ => assert_eq!(outcome.unwrap().progress().len(), 1),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn questions_on_a_sessions_stream_are_answered() {
    let question = |id: Value, method: &str| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {"message": "Deploy?"}});
    let questions =
        [question(json!("q1"), "elicitation/create"), question(json!(2), "ping"), question(json!(3), "roots/list")];
    let script = Script::new(move |got| match got.about() {
        "tools/call" => {
            let answer = got.result(json!({"content": [{"type": "text", "text": "deployed"}]}));
            events(questions.iter().chain([&answer]), Then::Ends)
        }
        _ => accepted(),
    });
    let client = script.client.clone().revision(SESSION).on_request("elicitation/create", |params| {
        assert_eq!(params["message"], "Deploy?");
        json!({"action": "accept"})
    });
    let outcome = client.call_tool("deploy", ()).await.unwrap();
    assert_eq!(outcome.text(), "deployed");
    assert_eq!(outcome.seen().len(), 3);
    let answers: Vec<_> = script.got().into_iter().skip(1).map(|got| got.message).collect();
    assert_eq!(answers[0], json!({"jsonrpc": "2.0", "id": "q1", "result": {"action": "accept"}}));
    assert_eq!(answers[1], json!({"jsonrpc": "2.0", "id": 2, "result": {}}));
    assert_eq!((&answers[2]["id"], &answers[2]["error"]["code"]), (&json!(3), &json!(-32601)));

    // On a stream the test answers by itself.
    let mut stream = client.start_tool("deploy", ()).await.unwrap();
    let Some(Message::Request { id, method, .. }) = stream.next().await.unwrap() else { panic!("no question") };
    assert_eq!((id, method.as_str()), (json!("q1"), "elicitation/create"));
}

#[tokio::test(start_paused = true)]
async fn input_is_given_in_another_round() {
    let script = Script::new(|got| {
        let params = &got.message["params"];
        json_reply(&if params["inputResponses"]["sure"]["action"] == "accept" {
            assert_eq!(params["requestState"], "sealed");
            assert_eq!(params["arguments"], json!({"to": "production"}));
            got.complete(json!({"content": [{"type": "text", "text": "deployed"}]}))
        } else {
            let request = json!({"method": "elicitation/create", "params": {"message": "Deploy?"}});
            got.result(
                json!({"resultType": "input_required", "inputRequests": {"sure": request}, "requestState": "sealed"}),
            )
        })
    });
    let arguments = json!({"to": "production"});
    let error = script.client.call_tool("deploy", &arguments).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InputRequired);
    assert!(error.to_string().contains("`elicitation/create`"), "{error}");
    script.got();

    let client = script.client.clone().on_request("elicitation/create", |_| json!({"action": "accept"}));
    assert_eq!(client.call_tool("deploy", &arguments).await.unwrap().text(), "deployed");
    let got = script.got();
    assert_eq!(got.len(), 2);
    assert_ne!(got[0].message["id"], got[1].message["id"], "the rounds are requests of their own");

    // One that never has enough.
    let params = json!({"name": "deploy", "arguments": arguments});
    let result = client.request("tools/call", &params).await.unwrap();
    assert_eq!(result["content"][0]["text"], "deployed");
    let question = client.start("tools/call", &params).await.unwrap().answer().await.unwrap();
    assert_eq!(question["resultType"], "input_required");
    let empty = Script::new(|got| json_reply(&got.result(json!({"resultType": "input_required"}))));
    let error = empty.client.call_tool("x", ()).await.unwrap_err();
    assert!(error.to_string().contains("`input_required` without `inputRequests` and `requestState`"), "{error}");

    let client = client.on_request("elicitation/create", |_| json!({"action": "decline"}));
    let error = client.call_tool("deploy", &arguments).await.unwrap_err();
    assert!(error.to_string().contains("still `input_required` after 16 rounds"), "{error}");
}
