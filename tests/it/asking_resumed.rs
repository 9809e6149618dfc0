//! Questions on streams that break: what is asked is kept and told like all else that a call says.

use std::time::Duration;

use mcp_mount::{AskError, Context, Limits, McpService, Sessions, Tool, tool_fn};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::{
    asking::everything,
    reply::{Event, Live},
    rig::{Probe, Session, patient, server, server_with},
    suite::resuming::{events, next},
    support::{LATEST_SESSION, call, message, notification, pass, post, secs, soon},
};

/// A session whose client can be asked everything.
pub async fn asked_session(mcp: &McpService) -> Session {
    let info = json!({"name": "it", "version": "0.1"});
    let params = json!({"protocolVersion": LATEST_SESSION, "capabilities": everything(), "clientInfo": info});
    Session::with(mcp, post(message("init", "initialize", params))).await
}

/// Asks for the roots, and says the first of them.
pub fn roots() -> Tool {
    tool_fn("roots", "", |ctx: Context| async move {
        Ok::<_, AskError>(ctx.roots("roots").await?.into_iter().map(|root| root.uri).collect::<Vec<_>>().join(" "))
    })
}

/// Asks, and tells the test how it ended.
fn telling() -> (Tool, UnboundedReceiver<String>) {
    let (tell, told) = unbounded_channel();
    let tool = tool_fn("roots", "", move |ctx: Context| {
        let tell = tell.clone();
        async move {
            let end = ctx.roots("roots").await.map_or_else(|error| error.to_string(), |roots| roots[0].uri.clone());
            tell.send(end.clone()).expect("the test listens");
            end
        }
    });
    (tool, told)
}

pub fn answer(id: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": {"roots": [{"uri": "file:///a"}]}})
}

/// The next message is the question. Its id, and the event's.
async fn question(stream: &mut Live) -> (Value, String) {
    let event = next(stream).await;
    let asked = event.json();
    assert_eq!(asked["method"], "roots/list", "{asked}");
    (asked["id"].clone(), event.id.expect("an id"))
}

/// The stream's primer.
async fn primer(stream: &mut Live) -> String {
    let event = next(stream).await;
    assert_eq!(event.data, "");
    event.id.expect("an id")
}

/// Answers; what comes then is the result, and the end.
async fn ends_with_the_result(session: &Session, id: &Value, mut stream: Live) {
    assert_eq!(session.post(answer(id)).to(&session.mcp).await.status, 202);
    let result = soon("the result", stream.message()).await.expect("the stream is open");
    assert_eq!((&result["id"], &result["result"]["content"][0]["text"]), (&json!(1), &json!("file:///a")), "{result}");
    assert_eq!(soon("the end", stream.message()).await, None);
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_is_asked_once_and_has_the_result() {
    let mcp = server([roots()]);
    for has_read_it in [false, true] {
        let session = asked_session(&mcp).await;
        let mut stream = session.post(call("roots", json!({}))).open(&mcp).await;
        let mut last = primer(&mut stream).await;
        let mut asked = None;
        if has_read_it {
            let (id, event) = question(&mut stream).await;
            (asked, last) = (Some(id), event);
        }
        drop(stream);
        pass(secs(5)).await;
        let mut resumed = session.resume(&last).await;
        let id = match asked {
            Some(id) => id,
            None => question(&mut resumed).await.0,
        };
        let more = resumed.listen(secs(40)).await;
        assert!(more.iter().all(|event| event.comment), "asked once, {has_read_it}: {more:?}");
        ends_with_the_result(&session, &id, resumed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_come_while_nobody_reads() {
    let mcp = server([roots()]);
    let session = asked_session(&mcp).await;
    let mut stream = session.post(call("roots", json!({}))).open(&mcp).await;
    primer(&mut stream).await;
    let (id, event) = question(&mut stream).await;
    drop(stream);
    assert_eq!(session.post(answer(&id)).to(&mcp).await.status, 202);
    pass(secs(5)).await;
    let reply = session.resume(&event).await.collect().await;
    assert_eq!(reply.messages().len(), 1, "{reply}");
    assert_eq!(reply.text(), "file:///a");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_comes_back_for_times_out() {
    let (tool, mut told) = telling();
    let mcp = server_with([tool], |mcp| mcp.limits(patient().ask_timeout(secs(60))));
    let session = asked_session(&mcp).await;
    let mut stream = session.post(call("roots", json!({}))).open(&mcp).await;
    primer(&mut stream).await;
    let (id, event) = question(&mut stream).await;
    drop(stream);
    pass(secs(59)).await;
    assert!(told.try_recv().is_err(), "its client may come back");
    pass(secs(2)).await;
    assert_eq!(told.try_recv().as_deref(), Ok("`roots` was not answered within 60000 ms"));
    let said = session.resume(&event).await.collect().await.messages();
    let [withdrawn, result] = &said[..] else { panic!("{said:#?}") };
    assert_eq!((&withdrawn["method"], &withdrawn["params"]["requestId"]), (&json!("notifications/cancelled"), &id));
    assert!(result["result"].is_object(), "{result}");
}

#[tokio::test(start_paused = true)]
async fn without_an_event_log_who_has_left_cannot_be_asked() {
    for has_read_it in [false, true] {
        let (tool, mut told) = telling();
        let mcp = server_with([tool], |mcp| {
            mcp.sessions(Sessions::new().event_log(false)).limits(Limits::new().ask_timeout(secs(3600)))
        });
        let session = asked_session(&mcp).await;
        let mut stream = session.post(call("roots", json!({}))).open(&mcp).await;
        if has_read_it {
            assert_eq!(soon("the question", stream.message()).await.expect("it is asked")["method"], "roots/list");
        }
        pass(secs(1)).await;
        assert!(told.try_recv().is_err(), "it waits");
        drop(stream);
        pass(secs(1)).await;
        let expected = "the client cannot be asked `roots`: it has gone away";
        assert_eq!(told.try_recv().as_deref(), Ok(expected), "at once, {has_read_it}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_is_the_end_of_its_questions() {
    let probe = Probe::new();
    let inner = probe.clone();
    let tool = tool_fn("roots", "", move |ctx: Context| {
        let probe = inner.clone();
        async move {
            let guard = probe.start();
            let end = ctx.roots("roots").await;
            guard.done();
            end.map(|_| "never")
        }
    });
    for log in [true, false] {
        let tool = tool.clone();
        let mcp = server_with([tool], |mcp| mcp.limits(patient()).sessions(Sessions::new().event_log(log)));
        let session = asked_session(&mcp).await;
        let mut stream = session.post(call("roots", json!({}))).open(&mcp).await;
        let asked = soon("the question", stream.message()).await.expect("it is asked");
        probe.started().await;
        assert_eq!((session.delete().to(&mcp).await.status.as_u16(), log), (204, log));
        probe.dropped().await;
        assert!(stream.ends_within(secs(1)).await, "log: {log}");
        assert_eq!(session.post(answer(&asked["id"])).to(&mcp).await.status, 404, "log: {log}");
        assert_eq!(probe.finished(), 0, "log: {log}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_after_the_connection_was_ended_is_on_the_next() {
    let tool = tool_fn("roots", "", |ctx: Context| async move {
        ctx.close_stream().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        let roots = ctx.roots("roots").await?;
        Ok::<_, AskError>(roots[0].uri.clone())
    });
    let mcp = server_with([tool], |mcp| mcp.sessions(Sessions::new().retry_interval(secs(2))));
    let session = asked_session(&mcp).await;
    let mut stream = session.post(call("roots", json!({}))).open(&mcp).await;
    let last = primer(&mut stream).await;
    let end = events(&mut stream).await;
    assert!(end.iter().all(|event| event.data.is_empty()), "{end:?}");
    assert_eq!(end.last().and_then(|event| event.retry.as_deref()), Some("2000"), "{end:?}");
    pass(secs(2)).await;
    let mut resumed = session.resume(&last).await;
    let (id, _) = question(&mut resumed).await;
    ends_with_the_result(&session, &id, resumed).await;
}

/// What is said in the same breath may still go out with what was said before; it is not said again.
#[tokio::test(start_paused = true)]
async fn a_question_right_behind_the_end_of_the_connection_is_asked_once() {
    let tool = tool_fn("roots", "", |ctx: Context| async move {
        ctx.close_stream().await;
        let roots = ctx.roots("roots").await?;
        Ok::<_, AskError>(roots[0].uri.clone())
    });
    let mcp = server([tool]);
    let session = asked_session(&mcp).await;
    let mut heard = events(&mut session.post(call("roots", json!({}))).open(&mcp).await).await;
    let last = heard.iter().rev().find_map(|event| event.id.clone()).expect("an id");
    let mut resumed = session.resume(&last).await;
    heard.extend(resumed.listen(secs(1)).await);
    let asked: Vec<_> = heard.iter().filter(|event| !event.data.is_empty()).map(Event::json).collect();
    let [asked] = &asked[..] else { panic!("{heard:?}") };
    assert_eq!(asked["method"], "roots/list", "{asked}");
    ends_with_the_result(&session, &asked["id"], resumed).await;
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal_is_kept_too() {
    let mcp = server_with([roots()], |mcp| mcp.limits(patient()));
    let session = asked_session(&mcp).await;
    let mut stream = session.post(call("roots", json!({}))).open(&mcp).await;
    primer(&mut stream).await;
    let (id, event) = question(&mut stream).await;
    drop(stream);
    let cancel = notification("notifications/cancelled", json!({"requestId": 1}));
    assert_eq!(session.post(cancel).to(&mcp).await.status, 202);
    let mut resumed = session.resume(&event).await;
    let withdrawn = soon("the withdrawal", resumed.message()).await.expect("the stream is open");
    assert_eq!((&withdrawn["method"], &withdrawn["params"]["requestId"]), (&json!("notifications/cancelled"), &id));
}
