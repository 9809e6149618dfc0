//! Changes that are told on one replica and heard on others, through the store that they share.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use mcp_mount::{Limits, Mcp, McpService, tool_fn};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    rig::session,
    suite::{
        feeds::{Handle, moved, streams, two},
        resuming::{begins_after, next},
    },
    support::{modern_call, pass, secs, soon},
    told::{changing, everything, listen, listening, server_with, told},
};

const NOTHING: [&str; 0] = [];

#[tokio::test(start_paused = true)]
async fn what_is_told_on_one_replica_is_heard_on_all_once_and_in_order() {
    let ([a, b], _) = two();
    let mut heard = [streams(&a).await, streams(&b).await];
    for here in [&a, &b, &a] {
        here.notify().tools_list_changed();
        for _ in 0..3 {
            here.notify().resource_updated("test://a");
            here.notify().resource_updated("test://unheard");
            here.notify().prompts_list_changed();
        }
        for stream in heard.iter_mut().flatten() {
            assert_eq!(told(stream).await, ["tools", "test://a", "prompts"]);
            assert_eq!(told(stream).await, NOTHING, "and not again");
        }
    }
    a.notify().prompts_list_changed();
    b.notify().tools_list_changed();
    let mut orders = HashSet::new();
    for stream in heard.iter_mut().flatten() {
        orders.insert(told(stream).await);
    }
    assert_eq!(orders.len(), 1, "all agree on what came first: {orders:?}");
}

#[tokio::test(start_paused = true)]
async fn it_is_heard_at_once() {
    let ([a, b], _) = two();
    let mut stream = listening(&b, 1, everything()).await;
    let mut own = listening(&a, 1, everything()).await;
    let begun = Instant::now();
    a.notify().tools_list_changed();
    for stream in [&mut stream, &mut own] {
        soon("news", stream.message()).await.expect("open");
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_told_of_what_comes_after_it() {
    let ([a, b], _) = two();
    a.notify().tools_list_changed();
    pass(secs(1)).await;
    let mut heard = streams(&b).await;
    for stream in &mut heard {
        assert_eq!(told(stream).await, NOTHING);
    }
    a.notify().prompts_list_changed();
    for stream in &mut heard {
        assert_eq!(told(stream).await, ["prompts"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_streams_are_told_by_one_read() {
    let ([a, b], [_, reads]) = two();
    let mut open = Vec::new();
    for _ in 0..1_000 {
        let session = session(&b).await;
        session.subscribed("test://a").await;
        open.push(session.stream().await);
    }
    // Their pulses do not read logs, and nothing else is due within the next seconds.
    pass(secs(16)).await;
    for _ in 0..3 {
        let before = reads.reads.load(SeqCst);
        a.notify().resource_updated("test://a");
        let heard = futures::future::join_all(open.iter_mut().map(|stream| stream.listen(Duration::from_millis(10))));
        let told = heard.await.iter().flatten().filter(|event| event.data.contains("test://a")).count();
        assert_eq!((told, reads.reads.load(SeqCst) - before), (1_000, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_to_another_replica_misses_nothing_and_hears_nothing_twice() {
    let ([a, b], _) = two();
    let here = session(&a).await;
    here.subscribed("test://a").await;
    let there = moved(&here, &b);
    let mut stream = here.stream().await;
    let primer = next(&mut stream).await.id.unwrap();
    a.notify().tools_list_changed();
    let id = next(&mut stream).await.id.unwrap();
    drop(stream);
    let mut ids = HashSet::from([primer.clone(), id.clone()]);
    a.notify().resource_updated("test://a");
    b.notify().prompts_list_changed();
    pass(secs(1)).await;
    for (from, expected) in [(&id, &["test://a", "prompts"][..]), (&primer, &["tools", "test://a", "prompts"][..])] {
        for session in [&there, &here] {
            let mut resumed = session.resume(from).await;
            assert_eq!(begins_after(&resumed), from);
            let position = next(&mut resumed).await.id.unwrap();
            assert!(ids.insert(position.clone()), "{position} was there before, be it on another replica");
            assert_eq!(told(&mut resumed).await, expected);
        }
    }
    // On and on, each event on the other replica.
    let (mut last, sessions) = (id, [&there, &here]);
    let mut stream = there.resume(&last).await;
    for at in 0..6 {
        sessions[at % 2].mcp.notify().resource_updated("test://a");
        let events = stream.listen(secs(1)).await;
        let with_data: Vec<_> = events.iter().filter(|event| !event.data.is_empty()).collect();
        assert_eq!(with_data.len(), if at == 0 { 3 } else { 1 }, "{events:?}");
        last = events.last().and_then(|event| event.id.clone()).unwrap();
        drop(stream);
        stream = sessions[(at + 1) % 2].resume(&last).await;
        assert_eq!(begins_after(&stream), last);
    }
    assert_eq!(told(&mut stream).await, NOTHING);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_new_goes_on_for_the_clients_of_others() {
    let ([a, _], [handle, _]) = two();
    let session = session(&a).await;
    session.subscribed("test://a").await;
    let primer = next(&mut session.stream().await).await.id.unwrap();
    for n in 0..500 {
        a.notify().resource_updated(format!("other://{n}"));
    }
    a.notify().resource_updated("test://a");
    pass(secs(1)).await;
    let late = handle.replica().server();
    let mut resumed = moved(&session, &late).resume(&primer).await;
    assert_eq!(begins_after(&resumed), primer);
    assert_eq!(told(&mut resumed).await, ["test://a"]);
    drop(a);
    let latest = handle.replica().server();
    let again = moved(&session, &latest).resume(&primer).await;
    assert_eq!(begins_after(&again), primer, "whoever appended it may have ended");
}

#[tokio::test(start_paused = true)]
async fn what_is_only_on_its_way_is_known_before_a_stream_is_resumed() {
    let ([a, b], [_, handle]) = two();
    let here = session(&a).await;
    here.subscribed("test://a").await;
    let mut stream = here.stream().await;
    let idle = listening(&b, 1, everything()).await;
    // It hears of nothing until it looks.
    handle.down.store(true, SeqCst);
    a.notify().resource_updated("test://a");
    let id = stream.listen(secs(1)).await.last().and_then(|event| event.id.clone()).unwrap();
    handle.down.store(false, SeqCst);
    let resumed = moved(&here, &b).resume(&id).await;
    assert_eq!(begins_after(&resumed), id);
    drop(idle);
    let (head, number) = id.rsplit_once('-').unwrap();
    let ahead = format!("{head}-{}", number.parse::<u64>().unwrap() + 1);
    let resumed = moved(&here, &b).resume(&ahead).await;
    assert_eq!(begins_after(&resumed), "earliest", "a number that nobody has given out");
}

/// On the real clock: threads do not wait for a paused one.
#[tokio::test]
async fn a_thread_without_a_runtime_may_tell() {
    let ([a, b], _) = two();
    let mut stream = listening(&b, 1, everything()).await;
    let tell = |mcp: &McpService| {
        let notify = mcp.notify();
        std::thread::spawn(move || notify.tools_list_changed()).join().unwrap();
    };
    tell(&a);
    tell(&a);
    assert!(stream.listen(Duration::from_millis(50)).await.is_empty(), "nothing runs there yet");
    assert_eq!(modern_call("one", json!({})).to(&a).await.text(), "1");
    let news = tokio::time::timeout(secs(20), stream.message()).await.expect("news").expect("open");
    assert_eq!(news["method"], json!("notifications/tools/list_changed"), "{news}");
    tell(&a);
    tokio::time::timeout(secs(20), stream.message()).await.expect("at once from now on").expect("open");
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_tell_and_tools_that_come_tell_by_themselves() {
    let one = Handle::new(true);
    let tool = tool_fn("touch", "Touch", |ctx: mcp_mount::Context| ctx.notify().resource_updated("test://a"));
    let a = server_with(|mcp| mcp.store(one.clone()).tool(tool));
    let b = one.replica().server();
    let mut heard = streams(&b).await;
    assert_eq!(modern_call("touch", json!({})).to(&a).await.status, 200);
    for stream in &mut heard {
        assert_eq!(told(stream).await, ["test://a"]);
    }
    a.tools().add(tool_fn("two", "Two", || "2")).expect("added");
    for stream in &mut heard {
        assert_eq!(told(stream).await, ["tools"]);
    }
}

#[tokio::test(start_paused = true)]
async fn services_of_different_names_do_not_hear_each_other() {
    let one = Handle::new(true);
    let build = |name: &str| changing(Mcp::new(name, "1.0.0")).store(one.replica()).build().expect("builds");
    let (notes, tasks, again) = (build("notes"), build("tasks"), build("notes"));
    let mut streams = [&notes, &tasks, &again].map(|mcp| (mcp.clone(), None));
    for (mcp, stream) in &mut streams {
        *stream = Some(listening(mcp, 1, everything()).await);
    }
    notes.notify().tools_list_changed();
    let mut heard = Vec::new();
    for (_, stream) in &mut streams {
        heard.push(told(stream.as_mut().unwrap()).await.len());
    }
    assert_eq!(heard, [1, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_store_of_this_process_alone_has_nothing_to_do_with_changes() {
    let handle = Handle::new(false);
    let mcp = handle.server();
    let session = session(&mcp).await;
    session.subscribed("test://a").await;
    let mut stream = session.stream().await;
    let primer = next(&mut stream).await.id.unwrap();
    let mut listening = listening(&mcp, 1, everything()).await;
    for stream in [&mut stream, &mut listening] {
        mcp.notify().tools_list_changed();
        assert_eq!(told(stream).await, ["tools"]);
    }
    drop(stream);
    pass(secs(60)).await;
    assert_eq!(told(&mut session.resume(&primer).await).await, ["tools"]);
    assert_eq!(handle.operations.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_a_service_that_is_gone() {
    let handle = Handle::new(true);
    let store = Arc::downgrade(&handle.store);
    let mcp = handle.server();
    let late = handle.replica().server();
    let mut stream = listening(&late, 1, everything()).await;
    assert_eq!(told(&mut listening(&mcp, 1, everything()).await).await, NOTHING);
    mcp.notify().tools_list_changed();
    drop(mcp);
    assert_eq!(told(&mut stream).await, ["tools"], "what it told last is still told");
    drop((stream, late, handle));
    pass(secs(1)).await;
    assert!(store.upgrade().is_none(), "no task holds the store");
}

/// Without tokio's macro, to end one runtime before the other: as a worker of actix-web ends.
#[test]
fn a_runtime_that_ends_takes_nothing_along() {
    let ([a, b], _) = two();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    first.block_on(async { drop(listening(&a, 1, everything()).await) });
    drop(first);
    let mut stream = runtime().block_on(async { listening(&a, 1, everything()).await });
    runtime().block_on(async {
        b.notify().tools_list_changed();
        let mut again = listening(&a, 2, everything()).await;
        b.notify().prompts_list_changed();
        tokio::time::timeout(secs(20), again.message()).await.expect("news").expect("open");
        tokio::time::timeout(secs(20), stream.message()).await.expect("news").expect("open");
    });
}

#[tokio::test(start_paused = true)]
async fn opening_a_stream_costs_one_read_and_many_at_a_time_share_it() {
    let one = Handle::new(true);
    let mcp = server_with(|mcp| mcp.store(one.clone()).limits(Limits::new()));
    drop(listening(&mcp, 0, everything()).await);
    pass(secs(1)).await;
    let before = one.reads.load(SeqCst);
    drop(listening(&mcp, 1, everything()).await);
    assert_eq!(one.reads.load(SeqCst) - before, 1);
    let opening = (0..100).map(|n| listen(n, everything()).open(&mcp));
    let opened = futures::future::join_all(opening).await;
    assert!(opened.iter().all(|stream| stream.status == 200));
    assert!(one.reads.load(SeqCst) - before <= 4, "{}", one.reads.load(SeqCst) - before);
}
