//! What a session's stream tells of changes (2025-11-25, basic/transports, «Listening for Messages from the Server»).

use mcp_mount::{Limits, McpService};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    rig::{Session, owned, server as server_of, session},
    support::{LATEST_SESSION, Live, SESSION_REVISIONS, modern_call, pass, secs, soon},
    told::{messages, server, server_with, told},
};

const NOTHING: [&str; 0] = [];

#[tokio::test(start_paused = true)]
async fn each_list_that_changed_is_told_as_every_revision_writes_it() {
    let mcp = server();
    for revision in SESSION_REVISIONS {
        let session = Session::open(&mcp, revision, None).await;
        let mut stream = session.stream().await;
        for (list, change) in lists(&mcp) {
            change();
            let expected = json!({"jsonrpc": "2.0", "method": format!("notifications/{list}/list_changed")});
            assert_eq!(messages(&mut stream).await, [expected], "{revision}");
        }
        assert!(!stream.ended, "{revision}");
    }
}

/// A list, and what says that it has changed.
type List = (&'static str, Box<dyn Fn()>);

fn lists(mcp: &McpService) -> [List; 3] {
    let [tools, resources, prompts] = [mcp.notify(), mcp.notify(), mcp.notify()];
    [
        ("tools", Box::new(move || tools.tools_list_changed())),
        ("resources", Box::new(move || resources.resources_list_changed())),
        ("prompts", Box::new(move || prompts.prompts_list_changed())),
    ]
}

#[tokio::test(start_paused = true)]
async fn news_come_at_once() {
    let mcp = server();
    let session = session(&mcp).await;
    let mut stream = session.stream().await;
    stream.listen(secs(40)).await;
    let (changed, notify) = (Instant::now(), mcp.notify());
    tokio::spawn(async move {
        pass(secs(2)).await;
        notify.tools_list_changed();
    });
    let message = soon("news", stream.message()).await.expect("the stream is open");
    assert_eq!(message["method"], json!("notifications/tools/list_changed"), "{message}");
    assert_eq!(changed.elapsed(), secs(2), "whoever waits is woken");
}

#[tokio::test(start_paused = true)]
async fn news_stay_until_they_are_read_and_are_told_once() {
    let mcp = server();
    let session = session(&mcp).await;
    let mut stream = session.stream().await;
    session.subscribed("test://a").await;
    session.subscribed("test://b").await;
    for _ in 0..1_000 {
        mcp.notify().tools_list_changed();
        mcp.notify().resource_updated("test://b");
        mcp.notify().resource_updated("test://a");
    }
    pass(secs(20 * 60)).await;
    let mut heard = told(&mut stream).await;
    heard.sort();
    assert_eq!(heard, ["test://a", "test://b", "tools"], "a thousand changes of a thing nobody has read are one");
    assert_eq!(told(&mut stream).await, NOTHING);
    mcp.notify().resource_updated("test://a");
    assert_eq!(told(&mut stream).await, ["test://a"], "what is read is told anew");
}

#[tokio::test(start_paused = true)]
async fn a_change_before_the_first_read_is_not_lost() {
    let mcp = server();
    let session = session(&mcp).await;
    session.subscribed("test://a").await;
    let mut stream = session.stream().await;
    // The headers are on their way; nobody has asked the body for anything yet.
    mcp.notify().prompts_list_changed();
    mcp.notify().resource_updated("test://a");
    assert_eq!(told(&mut stream).await, ["prompts", "test://a"]);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_is_kept_alive_and_a_busy_one_needs_no_comments() {
    let mcp = server();
    let session = session(&mcp).await;
    let mut stream = session.stream().await;
    for _ in 0..10 {
        pass(secs(10)).await;
        mcp.notify().tools_list_changed();
        let event = soon("an event", stream.next()).await.expect("open");
        assert!(!event.comment, "{event:?}");
    }
    let begun = Instant::now();
    let event = soon("a comment", stream.next()).await.expect("open");
    assert!(event.comment && begun.elapsed() >= secs(14), "{event:?} after {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_over_gets_the_news_and_nobody_else() {
    let mcp = server();
    let session = session(&mcp).await;
    session.subscribed("test://a").await;
    let mut first = session.stream().await;
    assert_eq!(told(&mut first).await, NOTHING);
    let mut second = session.stream().await;
    mcp.notify().tools_list_changed();
    mcp.notify().resource_updated("test://a");
    assert_eq!(told(&mut first).await, NOTHING);
    assert!(first.ended, "the one that was taken over ends");
    assert_eq!(told(&mut second).await, ["tools", "test://a"]);
    // Its end does not take the news from the other.
    drop(first);
    mcp.notify().resource_updated("test://a");
    assert_eq!(told(&mut second).await, ["test://a"]);
}

/// A client whose connection has stalled opens another: what it was not told on the one, it is told on the other.
#[tokio::test(start_paused = true)]
async fn what_was_not_read_before_a_takeover_is_told_after_it() {
    let mcp = server();
    let session = session(&mcp).await;
    session.subscribed("test://a").await;
    let mut first = session.stream().await;
    assert_eq!(told(&mut first).await, NOTHING);
    mcp.notify().tools_list_changed();
    mcp.notify().resource_updated("test://a");
    let mut second = session.stream().await;
    assert_eq!(told(&mut second).await, ["tools", "test://a"]);
    assert_eq!(told(&mut first).await, NOTHING, "on one stream only");
    assert!(first.ended);
}

#[tokio::test(start_paused = true)]
async fn subscriptions_survive_a_reconnect() {
    let mcp = server();
    let session = session(&mcp).await;
    let mut stream = session.stream().await;
    session.subscribed("test://a").await;
    session.subscribed("item://7").await;
    session.unsubscribed("test://a").await;
    for _ in 0..3 {
        mcp.notify().resource_updated("test://a");
        mcp.notify().resource_updated("item://7");
        assert_eq!(told(&mut stream).await, ["item://7"]);
        drop(stream);
        pass(secs(60)).await;
        // Nobody is there to be told.
        mcp.notify().tools_list_changed();
        stream = session.stream().await;
        assert_eq!(told(&mut stream).await, NOTHING);
    }
}

#[tokio::test(start_paused = true)]
async fn each_session_is_told_what_it_subscribed_to() {
    let mcp = server_with(owned);
    let alice = Session::open(&mcp, LATEST_SESSION, Some("alice")).await;
    let also_alice = Session::open(&mcp, LATEST_SESSION, Some("alice")).await;
    let bob = Session::open(&mcp, LATEST_SESSION, Some("bob")).await;
    let mut streams = [alice.stream().await, also_alice.stream().await, bob.stream().await];
    alice.subscribed("test://a").await;
    bob.subscribed("test://b").await;
    let refused = alice.subscribe("test://b").user("bob").to(&mcp).await;
    assert_eq!(refused.status, 404, "nobody subscribes for somebody else\n{refused}");
    let refused = alice.unsubscribe("test://a").user("bob").to(&mcp).await;
    assert_eq!(refused.status, 404, "nor unsubscribes\n{refused}");
    for uri in ["test://a", "test://b"] {
        mcp.notify().resource_updated(uri);
    }
    let [alices, others, bobs] = &mut streams;
    assert_eq!(told(alices).await, ["test://a"]);
    assert_eq!(told(others).await, NOTHING);
    assert_eq!(told(bobs).await, ["test://b"]);
    mcp.notify().tools_list_changed();
    for stream in &mut streams {
        assert_eq!(told(stream).await, ["tools"], "the lists are everybody's");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_streams_are_told_by_one_call() {
    let mcp = server();
    let mut streams = Vec::new();
    for n in 0..1_000 {
        let session = session(&mcp).await;
        if n % 2 == 0 {
            session.subscribed("test://a").await;
        }
        streams.push(session.stream().await);
    }
    let waiting: Vec<_> =
        streams.into_iter().map(|mut stream| tokio::spawn(async move { told(&mut stream).await })).collect();
    // All of them wait by now.
    tokio::task::yield_now().await;
    mcp.notify().resource_updated("test://a");
    mcp.notify().prompts_list_changed();
    for (n, waiting) in waiting.into_iter().enumerate() {
        let mut heard = soon("the news", waiting).await.expect("no panic");
        heard.sort();
        let expected: &[&str] = if n % 2 == 0 { &["prompts", "test://a"] } else { &["prompts"] };
        assert_eq!(heard, expected, "stream {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_gone_hold_no_place() {
    let mcp = server_with(|mcp| mcp.limits(Limits::new().open_streams(2)));
    let (session, other) = (session(&mcp).await, session(&mcp).await);
    let _other = other.stream().await;
    for round in 0..1_000 {
        let mut stream = session.stream().await;
        if round % 3 == 0 {
            mcp.notify().tools_list_changed();
        }
        if round % 2 == 0 {
            stream.listen(secs(1)).await;
        }
    }
    let mut last = session.stream().await;
    let refused = session.get().to(&mcp).await;
    assert_eq!(refused.status, 503, "two, and no more\n{refused}");
    assert!(refused.header("retry-after").is_some(), "{refused}");
    mcp.notify().tools_list_changed();
    assert_eq!(told(&mut last).await, ["tools"], "who was refused took nothing from it");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ended_is_told_nothing_more() {
    let mcp = server();
    let session = session(&mcp).await;
    session.subscribed("test://a").await;
    let mut stream = session.stream().await;
    assert_eq!(told(&mut stream).await, NOTHING);
    assert_eq!(session.delete().to(&mcp).await.status, 204);
    mcp.notify().tools_list_changed();
    mcp.notify().resource_updated("test://a");
    assert_eq!(told(&mut stream).await, NOTHING);
    assert!(stream.ended);
    for ask in [session.subscribe("test://b"), session.unsubscribe("test://a"), session.get()] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.status, 404, "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_keeps_no_news_back() {
    let mcp = server();
    let session = session(&mcp).await;
    let mut stream = session.stream().await;
    assert_eq!(told(&mut stream).await, NOTHING);
    mcp.notify().resources_list_changed();
    let lifespan = mcp.lifespan();
    let drain = tokio::spawn(async move { lifespan.shutdown().await });
    tokio::task::yield_now().await;
    let heard = stream.listen(secs(1)).await;
    assert!(stream.ended, "{heard:?}");
    let told: Vec<_> = heard.iter().filter(|event| !event.data.is_empty()).map(crate::reply::Event::json).collect();
    assert_eq!(told, [json!({"jsonrpc": "2.0", "method": "notifications/resources/list_changed"})]);
    assert!(heard.last().is_some_and(|event| event.retry.is_some()), "and then when to come back: {heard:?}");
    assert_eq!(soon("the drain", drain).await.expect("no panic").streams, 1);
}

/// 2025-11-25, basic/lifecycle, «Operation»: only capabilities that were negotiated are used.
#[tokio::test(start_paused = true)]
async fn a_kind_that_was_not_declared_is_not_told_of() {
    let mcp = server_of([mcp_mount::tool_fn("one", "One", || "1")]);
    let session = session(&mcp).await;
    let mut stream = session.stream().await;
    for (_, change) in lists(&mcp) {
        change();
    }
    assert_eq!(told(&mut stream).await, ["tools"]);
}

#[tokio::test(start_paused = true)]
async fn answers_and_calls_do_not_meet_the_news() {
    let mcp = server();
    let session = session(&mcp).await;
    let mut stream: Live = session.stream().await;
    mcp.notify().tools_list_changed();
    for ask in [session.post(crate::support::call("one", Value::Null)), modern_call("one", json!({}))] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.messages().len(), 1, "{reply}");
    }
    assert_eq!(told(&mut stream).await, ["tools"]);
}
