//! Changes, and a store that cannot be reached, forgets, or loses what was told.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use mcp_mount::McpService;
use tokio::time::Instant;

use crate::{
    rig::session,
    suite::{
        feeds::{ALL, moved, sorted, streams, two},
        resuming::{begins_after, next},
    },
    support::{pass, secs, soon},
    told::{everything, listen, told},
};

const NOTHING: [&str; 0] = [];

#[tokio::test(start_paused = true)]
async fn while_the_store_is_down_changes_wait_and_open_streams_stay() {
    let ([a, b], [down, other]) = two();
    let mut heard = [streams(&a).await, streams(&b).await];
    for stream in heard.iter_mut().flatten() {
        assert_eq!(told(stream).await, NOTHING);
    }
    let session = session(&a).await;
    for handle in [&down, &other] {
        handle.down.store(true, SeqCst);
    }
    for round in 0..30 {
        a.notify().tools_list_changed();
        a.notify().resource_updated("test://a");
        if round % 10 == 0 {
            let refused = session.get().to(&a).await;
            assert_eq!(refused.status, 503, "{refused}");
            assert!(refused.header("retry-after").is_some(), "{refused}");
            assert_eq!(listen(1, everything()).to(&b).await.status, 503);
        }
        pass(secs(1)).await;
    }
    for handle in [&down, &other] {
        handle.down.store(false, SeqCst);
    }
    let begun = Instant::now();
    for stream in heard.iter_mut().flatten() {
        let news = [soon("news", stream.message()).await.unwrap(), soon("news", stream.message()).await.unwrap()];
        assert!(news[0].to_string().contains("tools") && news[1].to_string().contains("test://a"), "{news:?}");
    }
    assert!(begun.elapsed() <= secs(15), "{:?}", begun.elapsed());
    for stream in heard.iter_mut().flatten() {
        assert_eq!(told(stream).await, NOTHING, "each once");
        assert!(!stream.ended);
    }
    session.stream().await;
}

#[tokio::test(start_paused = true)]
async fn too_much_while_the_store_is_down_is_everything() {
    for distinct in [900, 1_100] {
        let ([a, b], [down, _]) = two();
        let mut heard = [streams(&a).await, streams(&b).await];
        for stream in heard.iter_mut().flatten() {
            assert_eq!(told(stream).await, NOTHING);
        }
        down.down.store(true, SeqCst);
        for n in 0..distinct {
            a.notify().resource_updated(format!("other://{n}"));
        }
        pass(secs(30)).await;
        down.down.store(false, SeqCst);
        pass(secs(6)).await;
        for [get, listen] in &mut heard {
            let everything = sorted(get).await;
            assert_eq!(everything, if distinct > 1_000 { ALL.to_vec() } else { vec![] }, "{distinct}");
            assert_eq!(sorted(listen).await.len(), if distinct > 1_000 { 5 } else { 0 }, "{distinct}");
        }
        a.notify().prompts_list_changed();
        for stream in heard.iter_mut().flatten() {
            assert_eq!(told(stream).await, ["prompts"], "and it goes on");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_missed_more_than_is_kept_is_told_everything() {
    let ([a, b], [_, away]) = two();
    let here = session(&a).await;
    here.subscribed("test://a").await;
    let primer = next(&mut here.stream().await).await.id.unwrap();
    let mut heard = streams(&b).await;
    for stream in &mut heard {
        assert_eq!(told(stream).await, NOTHING);
    }
    away.down.store(true, SeqCst);
    for round in 0..3 {
        for n in 0..500 {
            a.notify().resource_updated(format!("other://{round}/{n}"));
        }
        pass(secs(1)).await;
    }
    away.down.store(false, SeqCst);
    pass(secs(6)).await;
    assert_eq!(sorted(&mut heard[0]).await, ALL);
    assert_eq!(sorted(&mut heard[1]).await.len(), 5);
    for mcp in [&a, &b] {
        let mut resumed = moved(&here, mcp).resume(&primer).await;
        assert_eq!(begins_after(&resumed), "earliest");
        assert_eq!(sorted(&mut resumed).await, ALL);
    }
}

/// Whoever is connected is told that everything may have changed, at the end of this time at the latest, and whoever comes
/// back with an id of before.
async fn begins_anew([a, b]: &[McpService; 2], within: Duration, happens: impl FnOnce()) {
    let here = session(a).await;
    here.subscribed("test://a").await;
    let mut own = here.stream().await;
    let primer = next(&mut own).await.id.unwrap();
    let [[one, two], [three, four]] = [streams(a).await, streams(b).await];
    let mut heard = [own, one, three, two, four];
    a.notify().prompts_list_changed();
    for stream in &mut heard {
        assert_eq!(told(stream).await, ["prompts"]);
    }
    happens();
    let listening = heard.iter_mut().map(|stream| stream.listen(within));
    for (at, mut events) in futures::future::join_all(listening).await.into_iter().enumerate() {
        events.retain(|event| !event.data.is_empty());
        assert_eq!(events.len(), if at < 3 { 4 } else { 5 }, "three lists, and what it subscribed to: {events:?}");
        let ids: Vec<_> = events.iter().map(|event| event.id.is_some()).collect();
        assert!(at >= 3 || ids == [false, false, false, true], "who has heard all may go on from there: {events:?}");
    }
    b.notify().tools_list_changed();
    for stream in &mut heard {
        assert_eq!(told(stream).await, ["tools"], "and it goes on");
    }
    for mcp in [a, b] {
        let mut resumed = moved(&here, mcp).resume(&primer).await;
        assert_eq!(begins_after(&resumed), "earliest");
        let again = next(&mut resumed).await.id.unwrap();
        let told = resumed.listen(secs(1)).await;
        assert_eq!(told.iter().filter(|event| !event.data.is_empty()).count(), 4);
        let last = told.last().and_then(|event| event.id.clone()).unwrap();
        drop(resumed);
        assert_eq!(begins_after(&moved(&here, mcp).resume(&again).await), "earliest");
        assert_eq!(begins_after(&moved(&here, mcp).resume(&last).await), last);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lost_everything_is_signalled_in_every_stream() {
    let (servers, [handle, _]) = two();
    begins_anew(&servers, secs(1), || handle.lose()).await;
}

#[tokio::test(start_paused = true)]
async fn so_is_one_that_may_have_lost_something() {
    let (servers, [handle, _]) = two();
    begins_anew(&servers, secs(16), || handle.store.epoch.store(8, SeqCst)).await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_expired_begins_anew_and_one_that_is_kept_does_not() {
    let (servers, [handle, _]) = two();
    let [a, b] = &servers;
    let mut heard = streams(b).await;
    let primer = next(&mut heard[0]).await.id.unwrap();
    drop(heard);
    pass(secs(72 * 3600)).await;
    let session = session(a).await;
    let mut stream = session.stream().await;
    let later = next(&mut stream).await.id.unwrap();
    assert_eq!(later.split_once('-').unwrap().0, primer.split_once('-').unwrap().0, "the same numbers after days");
    drop(stream);
    begins_anew(&servers, secs(25 * 3600), || handle.store.forgets.store(true, SeqCst)).await;
}
