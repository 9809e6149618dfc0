//! Clients that come back for their session's own stream.

use serde_json::json;

use crate::{
    rig::{Session, session},
    suite::resuming::{begins_after, events, next},
    support::{SESSION_REVISIONS, secs, soon},
    told::{server, told},
};

const NOTHING: [&str; 0] = [];

#[tokio::test(start_paused = true)]
async fn it_begins_with_a_position_and_every_event_has_one() {
    let mcp = server();
    for revision in SESSION_REVISIONS {
        let session = Session::open(&mcp, revision, None).await;
        session.subscribed("test://a").await;
        let mut stream = session.stream().await;
        assert_eq!(begins_after(&stream), "", "nobody asked");
        mcp.notify().resource_updated("test://a");
        mcp.notify().tools_list_changed();
        let heard = stream.listen(secs(1)).await;
        let primers = usize::from(revision == "2025-11-25");
        assert_eq!(heard.len(), primers + 2, "{revision}: {heard:?}");
        assert!(heard[..primers].iter().all(|event| event.retry.is_some() && event.data.is_empty()));
        let ids: std::collections::HashSet<_> = heard.iter().filter_map(|event| event.id.clone()).collect();
        assert_eq!(ids.len(), if revision == "2024-11-05" { 0 } else { heard.len() }, "{revision}: {heard:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_is_told_what_changed_meanwhile() {
    let mcp = server();
    let session = session(&mcp).await;
    session.subscribed("test://a").await;
    let mut stream = session.stream().await;
    let primer = next(&mut stream).await.id.unwrap();
    mcp.notify().tools_list_changed();
    let first = next(&mut stream).await.id.unwrap();
    drop(stream);
    for uri in ["test://b", "test://a", "test://a"] {
        mcp.notify().resource_updated(uri);
    }
    mcp.notify().prompts_list_changed();
    let mut ids = std::collections::HashSet::from([primer.clone(), first.clone()]);
    for (id, expected) in [(&first, &["test://a", "prompts"][..]), (&primer, &["tools", "test://a", "prompts"][..])] {
        let mut resumed = session.resume(id).await;
        assert_eq!(begins_after(&resumed), id, "nothing is missing");
        let begin = soon("a primer", resumed.next()).await.expect("open");
        let position = begin.id.filter(|_| begin.data.is_empty()).expect("a position");
        assert!(ids.insert(position.clone()), "{position} was there before");
        drop(resumed);
        let mut resumed = session.resume(&position).await;
        assert_eq!(begins_after(&resumed), position, "and who left then may come back");
        assert_eq!(told(&mut resumed).await, expected);
    }
    let mut resumed = session.resume(&first).await;
    assert_eq!(told(&mut resumed).await, ["test://a", "prompts"]);
    mcp.notify().resources_list_changed();
    assert_eq!(told(&mut resumed).await, ["resources"], "and then what comes");
    drop(resumed);
    mcp.notify().resources_list_changed();
    assert_eq!(told(&mut session.stream().await).await, NOTHING, "who does not come back begins anew");
}

#[tokio::test(start_paused = true)]
async fn between_two_events_of_one_piece_nothing_is_lost() {
    let mcp = server();
    let session = session(&mcp).await;
    for uri in ["test://a", "test://b"] {
        session.subscribed(uri).await;
    }
    let mut stream = session.stream().await;
    next(&mut stream).await;
    mcp.notify().resource_updated("test://b");
    mcp.notify().tools_list_changed();
    mcp.notify().resource_updated("test://a");
    let heard = stream.listen(secs(1)).await;
    assert_eq!(heard.len(), 3, "{heard:?}");
    for (at, event) in heard.iter().enumerate() {
        let mut resumed = session.resume(event.id.as_deref().unwrap()).await;
        let after: Vec<_> = resumed.listen(secs(1)).await.into_iter().filter(|event| !event.data.is_empty()).collect();
        assert_eq!(after, heard[at + 1..], "the same events, with the same ids");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_missed_too_much_is_told_everything() {
    let (mcp, elsewhere) = (server(), server());
    let session = session(&mcp).await;
    session.subscribed("test://a").await;
    let mut stream = session.stream().await;
    let primer = next(&mut stream).await.id.unwrap();
    drop(stream);
    let foreign = next(&mut crate::rig::session(&elsewhere).await.stream().await).await.id.unwrap();
    for n in 0..2_000 {
        mcp.notify().resource_updated(format!("other://{n}"));
    }
    for id in [&primer, &foreign] {
        let mut resumed = session.resume(id).await;
        assert_eq!(begins_after(&resumed), "earliest", "something may be missing");
        let again = next(&mut resumed).await.id.unwrap();
        let mut all = told(&mut resumed).await;
        all.sort();
        assert_eq!(all, ["prompts", "resources", "test://a", "tools"], "so that the client looks again");
        mcp.notify().tools_list_changed();
        assert_eq!(told(&mut resumed).await, ["tools"], "and it is the session's stream again");
        let mut twice = session.resume(&again).await;
        assert_eq!(begins_after(&twice), "earliest", "who left before it was told is told again");
        assert_eq!(told(&mut twice).await.len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn it_takes_the_seat_as_any_other_does() {
    let mcp = server();
    let session = session(&mcp).await;
    let mut first = session.stream().await;
    let id = next(&mut first).await.id.unwrap();
    mcp.notify().tools_list_changed();
    let mut second = session.resume(&id).await;
    assert_eq!(told(&mut second).await, ["tools"], "once");
    assert!(events(&mut first).await.is_empty(), "the first has left");
    let mut third = session.stream().await;
    assert!(second.ends_within(secs(0)).await);
    mcp.notify().prompts_list_changed();
    let heard = third.listen(secs(1)).await;
    assert_eq!(
        heard.last().map(|event| event.json()["method"].clone()),
        Some(json!("notifications/prompts/list_changed"))
    );
    assert_eq!(session.delete().to(&mcp).await.status, 204);
    assert!(third.ends_within(secs(0)).await);
}
