//! 2026-07-28, `subscriptions/listen`: the stream (basic/patterns/subscriptions).

use mcp_mount::{Context, Limits, Revision, Sessions, tool_fn};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    connection::{Client, promptly},
    home,
    reply::Event,
    rig::{Probe, session},
    support::{Live, bare, modern, modern_call, pass, secs, soon},
    told::{everything, listen, listening, messages, server, server_with, told},
};

const NOTHING: [&str; 0] = [];
const ID: &str = "io.modelcontextprotocol/subscriptionId";

/// What a request may have for an id.
fn ids() -> Vec<Value> {
    vec![
        json!(1),
        json!(0),
        json!(-7),
        json!(9_007_199_254_740_993_u64),
        json!("listen"),
        json!("1"),
        json!(""),
        json!("é \"\\\n\u{1}"),
    ]
}

fn acknowledged(id: &Value, notifications: Value) -> Value {
    json!({
        "jsonrpc": "2.0",
        "method": "notifications/subscriptions/acknowledged",
        "params": {"_meta": {ID: id}, "notifications": notifications},
    })
}

#[tokio::test(start_paused = true)]
async fn the_acknowledgment_comes_first_and_at_once() {
    let mcp = server();
    for id in ids() {
        let begun = Instant::now();
        let mut stream = listen(id.clone(), json!({"toolsListChanged": true})).open(&mcp).await;
        // A change before the first read, and after the request was accepted.
        mcp.notify().tools_list_changed();
        assert_eq!(stream.status, 200);
        assert!(stream.is_sse(), "{:#?}", stream.headers);
        let first = soon("the acknowledgment", stream.message()).await.expect("open");
        assert_eq!(first, acknowledged(&id, json!({"toolsListChanged": true})));
        assert_eq!(begun.elapsed(), secs(0), "{id}");
        assert_eq!(told(&mut stream).await, ["tools"], "{id}: what changed meanwhile comes after it");
    }
}

#[tokio::test(start_paused = true)]
async fn the_reply_is_a_stream_that_no_proxy_keeps() {
    let stream = listen(1, json!({})).open(&server()).await;
    let header = |name: &str| stream.headers.get(name).map(|value| value.to_str().expect("text"));
    assert_eq!(header("content-type"), Some("text/event-stream"));
    assert_eq!(header("x-accel-buffering"), Some("no"));
    assert!(header("cache-control").is_some_and(|value| value.contains("no-store")));
    assert_eq!((header("content-length"), header("mcp-session-id")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn every_message_names_its_subscription() {
    let mcp = server();
    for id in ids() {
        let mut stream = listening(&mcp, id.clone(), everything()).await;
        mcp.notify().tools_list_changed();
        mcp.notify().resource_updated("test://a");
        mcp.notify().prompts_list_changed();
        mcp.notify().resources_list_changed();
        let mut heard = messages(&mut stream).await;
        heard.sort_by_key(|message| message["method"].to_string());
        let changed = |list: &str| {
            let method = format!("notifications/{list}/list_changed");
            json!({"jsonrpc": "2.0", "method": method, "params": {"_meta": {ID: id}}})
        };
        let updated = json!({
            "jsonrpc": "2.0", "method": "notifications/resources/updated",
            "params": {"_meta": {ID: id}, "uri": "test://a"},
        });
        assert_eq!(heard, [changed("prompts"), changed("resources"), updated, changed("tools")]);
    }
}

#[tokio::test(start_paused = true)]
async fn several_at_once_are_told_apart() {
    let mcp = server();
    let mut tools = listening(&mcp, "tools", json!({"toolsListChanged": true})).await;
    let mut a = listening(&mcp, 2, json!({"resourceSubscriptions": ["test://a"]})).await;
    let mut b = listening(&mcp, 3, json!({"resourceSubscriptions": ["test://b"]})).await;
    // Each POST is a request of its own; who cannot count is served all the same.
    let mut again = listening(&mcp, 2, json!({"resourceSubscriptions": ["test://a"], "toolsListChanged": true})).await;
    mcp.notify().tools_list_changed();
    mcp.notify().resource_updated("test://a");
    for (stream, id, expected) in [
        (&mut tools, json!("tools"), vec!["tools"]),
        (&mut a, json!(2), vec!["test://a"]),
        (&mut b, json!(3), vec![]),
        (&mut again, json!(2), vec!["tools", "test://a"]),
    ] {
        mcp.notify().prompts_list_changed();
        let heard = messages(stream).await;
        assert!(heard.iter().all(|message| message["params"]["_meta"] == json!({ID: id})), "{heard:?}");
        assert_eq!(heard.len(), expected.len(), "{id}: {heard:?}");
    }
    drop(tools);
    mcp.notify().resource_updated("test://b");
    assert_eq!(told(&mut b).await, ["test://b"], "the end of one is not the end of another");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_is_kept_alive() {
    for (limits, seconds) in [(Limits::new(), 15), (Limits::new().keep_alive(secs(4)), 4)] {
        let mcp = server_with(|mcp| mcp.limits(limits));
        let mut stream = listening(&mcp, 1, everything()).await;
        for _ in 0..20 {
            let begun = Instant::now();
            let event = soon("a comment", stream.next()).await.expect("open");
            assert_eq!(event, Event { comment: true, ..Event::default() });
            assert_eq!(begun.elapsed().as_secs(), seconds);
        }
        stream.listen(secs(48 * 3600)).await;
        assert!(!stream.ended, "it is open for as long as the client likes");
        mcp.notify().tools_list_changed();
        assert_eq!(told(&mut stream).await, ["tools"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_it_with_its_result() {
    for id in ids() {
        let mcp = server();
        let mut streams =
            [listening(&mcp, id.clone(), everything()).await, listen(id.clone(), json!({})).open(&mcp).await];
        mcp.notify().tools_list_changed();
        let (begun, lifespan) = (Instant::now(), mcp.lifespan());
        let drain = tokio::spawn(async move { lifespan.shutdown().await });
        tokio::task::yield_now().await;
        let mut heard = Vec::new();
        for stream in &mut streams {
            let mut said = messages(stream).await;
            assert!(stream.ended, "{said:?}");
            let result = said.pop().expect("a result");
            assert_eq!((&result["jsonrpc"], &result["id"]), (&json!("2.0"), &id), "{result}");
            assert_eq!(result["result"]["resultType"], json!("complete"), "{result}");
            assert_eq!(result["result"]["_meta"][ID], id, "{result}");
            let members: Vec<_> = result["result"].as_object().expect("an object").keys().collect();
            assert_eq!(members, ["_meta", "resultType"], "nothing else\n{result}");
            heard.push(said);
        }
        assert_eq!(heard[0].len(), 1, "what was not read yet is told before\n{heard:?}");
        assert_eq!(heard[1], [acknowledged(&id, json!({}))], "and what nobody has read at all begins as ever");
        let report = soon("the drain", drain).await.expect("no panic");
        assert_eq!((report.streams, report.finished, report.cut), (2, 0, 0), "streams are no calls");
        assert!(begun.elapsed() < secs(3), "{:?}", begun.elapsed());
        let late = listen(id.clone(), everything()).to(&mcp).await;
        assert_eq!((late.status.as_u16(), late.header("connection")), (503, Some("close")), "{late}");
        assert!(late.header("retry-after").is_some(), "{late}");
        assert_eq!(late.json()["id"], id, "{late}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_does_not_hold_the_shutdown() {
    let mcp = server();
    let unread = listening(&mcp, 1, everything()).await;
    let begun = Instant::now();
    let report = soon("the drain", mcp.lifespan().shutdown()).await;
    assert!(begun.elapsed() <= secs(12), "{:?}: the deadline holds", begun.elapsed());
    assert_eq!((report.finished, report.cut), (0, 0), "{report:?}");
    drop(unread);
}

#[tokio::test(start_paused = true)]
async fn who_closes_the_stream_is_gone() {
    let mcp = server_with(|mcp| mcp.limits(Limits::new().open_streams(2)));
    let (first, mut second) = (listening(&mcp, 1, everything()).await, listening(&mcp, 2, everything()).await);
    let refused = listen("third", everything()).to(&mcp).await;
    assert_eq!(refused.status, 503, "{refused}");
    assert!(refused.header("retry-after").is_some(), "{refused}");
    assert_eq!(refused.json()["id"], json!("third"), "{refused}");
    assert!(refused.error()["message"].as_str().is_some_and(|text| text.contains("open_streams")), "{refused}");
    let get = session(&mcp).await.get();
    assert_eq!(get.clone().to(&mcp).await.status, 503, "streams of sessions have the same bound");
    drop(first);
    drop(get.open(&mcp).await);
    for n in 0..500 {
        let stream = listen(n, everything()).open(&mcp).await;
        assert_eq!(stream.status, 200, "{n}: there is a place as soon as one has left");
        if n % 2 == 0 {
            let mut stream = stream;
            stream.listen(secs(1)).await;
        }
    }
    mcp.notify().tools_list_changed();
    assert_eq!(told(&mut second).await, ["tools"]);
    drop(second);
    let report = soon("the drain", mcp.lifespan().shutdown()).await;
    assert_eq!(report.streams, 0, "nobody is left");
}

#[tokio::test(start_paused = true)]
async fn it_takes_no_place_among_the_calls() {
    let probe = Probe::new();
    let limits = Limits::new().calls_in_flight(1);
    let mcp = server_with(|mcp| mcp.tool(probe.silent_tool()).limits(limits));
    let _streams = [listening(&mcp, 1, everything()).await, listening(&mcp, 2, everything()).await];
    let running = tokio::spawn(modern_call("wait", json!({})).owned_to(&mcp));
    probe.started().await;
    let mut third = listening(&mcp, 1, everything()).await;
    probe.release();
    assert_eq!(soon("the call", running).await.expect("no panic").text(), "done");
    assert_eq!(told(&mut third).await, NOTHING);
    pass(secs(3600)).await;
    assert!(!third.ended, "no timeout of a call's ends it");
}

#[tokio::test(start_paused = true)]
async fn what_calls_say_is_not_for_it() {
    let chatty = tool_fn("chatty", "Talk", |ctx: Context| async move {
        ctx.progress(1.0).await;
        ctx.error("a log message").await;
        "said"
    });
    let mcp = server_with(|mcp| mcp.tool(chatty));
    let mut stream = listening(&mcp, 1, everything()).await;
    let meta = json!({"progressToken": 1, "io.modelcontextprotocol/logLevel": "debug"});
    let reply = modern("tools/call", json!({"name": "chatty", "arguments": {}, "_meta": meta})).to(&mcp).await;
    assert_eq!((reply.text().as_str(), reply.messages().len()), ("said", 3), "{reply}");
    assert_eq!(messages(&mut stream).await, [json!(null); 0]);
}

#[tokio::test(start_paused = true)]
async fn the_streams_of_sessions_are_as_they_were() {
    let mcp = server();
    let session = session(&mcp).await;
    let mut listener = listening(&mcp, 1, everything()).await;
    let mut get: Live = session.stream().await;
    assert_eq!(told(&mut get).await, NOTHING);
    mcp.notify().tools_list_changed();
    mcp.notify().resource_updated("test://a");
    let plain = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    assert_eq!(messages(&mut get).await, [plain], "no subscription of 2026-07-28 is anything to a session");
    assert_eq!(told(&mut listener).await, ["tools", "test://a"]);
    assert_eq!(session.delete().to(&mcp).await.status, 204);
    assert!(get.ends_within(secs(1)).await);
    assert!(!listener.ends_within(secs(60)).await, "it belongs to no session");
}

#[tokio::test(start_paused = true)]
async fn a_server_of_2026_07_28_has_nothing_else() {
    let servers = [
        server_with(|mcp| mcp.revisions([Revision::V2026_07_28])),
        server_with(|mcp| mcp.sessions(Sessions::disabled())),
    ];
    for mcp in servers {
        let mut stream = listening(&mcp, 1, everything()).await;
        mcp.notify().tools_list_changed();
        assert_eq!(told(&mut stream).await, ["tools"]);
        for method in [http::Method::GET, http::Method::DELETE] {
            let reply = bare(method, "").header("accept", "text/event-stream").to(&mcp).await;
            assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, Some("POST")), "{reply}");
        }
    }
}

/// Where each connection has buffers of its own: what is said leaves at once, and who hangs up is gone.
#[tokio::test]
async fn over_real_sockets() {
    let mcp = server_with(|mcp| mcp.limits(Limits::new().open_streams(1)));
    let (notify, address) = (mcp.notify(), home::serve(mcp).await);
    for n in 0..4 {
        let [h1, h2] = Client::both(address).await;
        let mut client = if n % 2 == 0 { h1 } else { h2 };
        let mut stream = promptly("a place", async {
            loop {
                let stream = client.open(listen(n, everything())).await;
                if stream.status == 200 {
                    break stream;
                }
                assert_eq!(stream.status, 503);
                stream.collect().await;
            }
        })
        .await;
        let first = promptly("the acknowledgment", stream.message()).await.expect("open");
        assert_eq!(first["params"]["_meta"][ID], json!(n), "{first}");
        notify.resource_updated("test://a");
        let news = promptly("news", stream.message()).await.expect("open");
        assert_eq!(news["params"]["uri"], json!("test://a"), "{news}");
    }
}
