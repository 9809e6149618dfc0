//! Handlers that end their connection, and not their call (2025-11-25, basic/transports, «Sending Messages to the Server»).

use std::{sync::Arc, time::Duration};

use mcp_mount::{
    Context, OnDisconnect, Revision, Sessions,
    testing::{Client, ErrorKind},
    tool_fn,
};
use serde_json::json;
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    connection::{Client as Connection, promptly},
    home,
    rig::{Session, server_with, session},
    suite::{
        logs::Log,
        resuming::{Gate, begins_after, events, rest, short},
    },
    support::{call, legacy, modern_call, pass, secs},
};

#[tokio::test(start_paused = true)]
async fn the_connection_ends_and_the_call_goes_on() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp.sessions(Sessions::new().retry_interval(secs(3))));
    let session = session(&mcp).await;
    for (script, before, after) in [
        ("cwm", &[][..], &["2", "done"][..]),
        ("mcwm", &["0"][..], &["3", "done"][..]),
        ("mymcwmcwm", &["0", "2"][..], &["5", "8", "done"][..]),
        ("ccwccm", &[][..], &["5", "done"][..]),
        ("ycyw", &[][..], &["done"][..]),
    ] {
        let begun = Instant::now();
        let heard = events(&mut session.talk(script).open(&mcp).await).await;
        assert_eq!(begun.elapsed(), secs(0), "{script}: at once");
        let (primer, last) = (&heard[0], &heard[heard.len() - 1]);
        assert!(primer.id.is_some() && primer.data.is_empty(), "{heard:?}");
        assert_eq!((last.retry.as_deref(), &last.id, last.data.as_str()), (Some("3000"), &None, ""), "{heard:?}");
        let said: Vec<_> = heard[1..heard.len() - 1].iter().map(|event| short(&event.json())).collect();
        assert_eq!(said, before, "{script}");
        let last_id = heard.iter().rev().find_map(|event| event.id.clone()).unwrap();
        gate.open();
        gate.open();
        pass(secs(100)).await;
        assert_eq!(rest(&mut session.resume(&last_id).await).await, after, "{script}: all the rest, and once");
        while gate.take() {}
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_at_once_waits_for_the_rest() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    let session = session(&mcp).await;
    let heard = events(&mut session.talk("cwmcwm").open(&mcp).await).await;
    let mut resumed = session.resume(heard[0].id.as_deref().unwrap()).await;
    let heard = resumed.listen(secs(20)).await;
    assert!(heard.iter().all(|event| event.comment), "{heard:?}");
    gate.open();
    let before = events(&mut resumed).await;
    let [said, retry] = &before[..] else { panic!("{before:?}") };
    assert_eq!((short(&said.json()).as_str(), retry.retry.as_deref()), ("2", Some("1000")), "and is sent away again");
    let mut resumed = session.resume(said.id.as_deref().unwrap()).await;
    gate.open();
    assert_eq!(rest(&mut resumed).await, ["5", "done"]);
}

#[tokio::test(start_paused = true)]
async fn it_is_no_disconnection() {
    let gate = Gate::new();
    let mcp = server_with([gate.tool().on_disconnect(OnDisconnect::Cancel)], |mcp| mcp);
    let session = session(&mcp).await;
    let heard = events(&mut session.talk("mcwm").open(&mcp).await).await;
    pass(secs(30)).await;
    gate.open();
    let last = heard.iter().rev().find_map(|event| event.id.clone()).unwrap();
    assert_eq!(rest(&mut session.resume(&last).await).await, ["3", "done"]);

    let mut left = session.talk("mwm").open(&mcp).await;
    let primer = left.next().await.and_then(|event| event.id).unwrap();
    drop(left);
    let mut resumed = session.resume(&primer).await;
    assert_eq!(resumed.message().await.map(|message| short(&message)).as_deref(), Some("0"));
    let answer = resumed.message().await.expect("an answer");
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("cancelled")), "{answer}");
    assert!(resumed.ends_within(secs(0)).await);
}

#[tokio::test(start_paused = true)]
async fn elsewhere_it_does_nothing() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    let without = gate.server(|mcp| mcp.sessions(Sessions::new().event_log(false)));
    let (before, without_log) = (Session::open(&mcp, "2025-06-18", None).await, session(&without).await);
    let talk = json!({"script": "ycymyym"});
    let asks = [
        ("2025-06-18", before.talk("ycymyym"), &mcp),
        ("no log", without_log.talk("ycymyym"), &without),
        ("no session", legacy(call("talk", talk.clone())), &mcp),
        ("2026-07-28", modern_call("talk", talk), &mcp),
    ];
    let log = Log::default();
    let guard = log.listen();
    let mut lines = 0;
    let mut is_told = |name: &str, more: usize| {
        lines += more;
        let text = log.text();
        let told = text.lines().filter(|line| line.contains("DEBUG") && line.contains("the stream is not closed"));
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), lines, "{name}: {told:#?}");
        assert!(told.iter().all(|line| line.contains("name=\"talk\"")), "whose it is: {told:#?}");
    };
    for (name, ask, mcp) in asks {
        let reply = ask.to(mcp).await;
        is_told(name, 1);
        assert_eq!(reply.text(), "done", "{name}: {reply}");
        assert!(!String::from_utf8_lossy(&reply.body).contains("retry:"), "{name}: {reply}");
    }
    let session = session(&mcp).await;
    let reply = session.talk("ycym").header("accept", "application/json").to(&mcp).await;
    assert_eq!((reply.is_sse(), reply.text().as_str()), (false, "done"), "who takes no stream: {reply}");
    is_told("who takes no stream", 1);
    let reply = session.talk("c").to(&mcp).await;
    assert_eq!((reply.is_sse(), reply.text().as_str()), (false, "done"), "there was nothing to end: {reply}");
    is_told("who could have come back", 0);
    drop(guard);
}

#[tokio::test(start_paused = true)]
async fn the_client_of_the_tests_comes_back_by_itself() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    let client = Client::new(mcp).revision(Revision::V2025_11_25).connect().await.expect("a session");
    let begun = Instant::now();
    let result = client.call_tool("talk", json!({"script": "mcsmcsm"})).await.expect("an answer");
    assert_eq!((result.text(), begun.elapsed()), ("done".to_owned(), Duration::from_millis(1400)), "{result:?}");
    let mut stream = client.start_tool("talk", json!({"script": "mcsm"})).await.expect("a stream");
    assert_eq!(
        stream.next().await.expect("a message").and_then(|message| message.method().map(str::to_owned)).as_deref(),
        Some("notifications/message")
    );
    assert_eq!(stream.next().await.expect_err("the connection ends").kind(), ErrorKind::Ended);
    stream.reconnect().await.expect("comes back");
    assert_eq!(stream.answer().await.expect("an answer")["content"][0]["text"], "done");
}

/// On the real clock: threads do not wait for a paused one.
#[tokio::test]
async fn handlers_on_threads_may_do_it() {
    let ended = Arc::new(Semaphore::new(0));
    let until = Arc::clone(&ended);
    let tool = tool_fn("thread", "End the connection, and go on", move |ctx: Context| {
        futures::executor::block_on(async {
            ctx.close_stream().await;
            ctx.info("after").await;
            until.acquire().await.expect("never closed").forget();
        });
        "done"
    });
    let mcp = server_with([tool.blocking(true)], |mcp| mcp);
    let session = session(&mcp).await;
    let mut stream = session.post(call("thread", json!({}))).open(&mcp).await;
    let heard = promptly("the end of the connection", events(&mut stream)).await;
    ended.add_permits(1);
    let last = heard.iter().rev().find_map(|event| event.id.clone()).unwrap();
    let mut said: Vec<_> =
        heard.iter().filter(|event| !event.data.is_empty()).map(|event| short(&event.json())).collect();
    assert_eq!(heard.last().and_then(|event| event.retry.as_deref()), Some("1000"), "{heard:?}");
    said.extend(rest(&mut session.resume(&last).await).await);
    assert_eq!(said, ["after", "done"]);
}

/// Where each connection has buffers of its own, and a client comes back over another.
#[tokio::test]
async fn over_real_sockets() {
    let gate = Gate::new();
    let mcp = gate.server(|mcp| mcp);
    let session = session(&mcp).await;
    let address = home::serve(mcp).await;
    let [mut first, mut second] = Connection::both(address).await;
    for (script, before, after) in [("mcwm", 1, &["3", "done"][..]), ("cwmcwm", 0, &["2", "5", "done"][..])] {
        let mut stream = first.open(session.talk(script)).await;
        let heard = promptly("the end of the connection", events(&mut stream)).await;
        assert_eq!(heard.iter().filter(|event| !event.data.is_empty()).count(), before, "{heard:?}");
        let mut last = heard.iter().rev().find_map(|event| event.id.clone()).expect("an id");
        let mut said = Vec::new();
        while said.last().is_none_or(|last| last != "done") {
            let mut resumed = second.open(session.get().header("last-event-id", &last)).await;
            assert_eq!(begins_after(&resumed), last);
            gate.open();
            for event in promptly("the end of the connection", events(&mut resumed)).await {
                said.extend((!event.data.is_empty()).then(|| short(&event.json())));
                last = event.id.unwrap_or(last);
            }
        }
        assert_eq!(said, after, "{script}");
    }
}
