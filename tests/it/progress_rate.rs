//! Progress that comes too fast: a burst is sent as it is, and then the newest at a pace that somebody can follow.

use std::time::Duration;

use mcp_mount::{Context, Limits, McpService, Tool, tool_fn};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    rig::{server, server_with, session},
    support::{Ask, Live, Reply, call_with_progress, legacy, modern, pass, secs, soon},
};

const BURST: usize = 32;

/// Reports `1..=steps`, with so much time in between.
fn reports(name: &str, steps: u32, between: Duration) -> Tool {
    tool_fn(name, "Report", move |ctx: Context| async move {
        let begun = Instant::now();
        for step in 1..=steps {
            ctx.progress(f64::from(step)).await;
            if between > Duration::ZERO {
                sleep(between).await;
            }
        }
        begun.elapsed().as_secs_f64().to_string()
    })
}

/// The call in each era.
async fn asks(mcp: &McpService, tool: &str) -> [Ask; 3] {
    let meta = json!({"progressToken": "token", "io.modelcontextprotocol/logLevel": "info"});
    let call = call_with_progress(tool, json!({}));
    let in_session = session(mcp).await.post(call.clone());
    [in_session, legacy(call), modern("tools/call", json!({"name": tool, "arguments": {}, "_meta": meta}))]
}

/// The numbers that were told, which must grow; the answer must be the last message.
fn told(reply: &Reply) -> Vec<u64> {
    let messages = reply.messages();
    let (answer, before) = messages.split_last().expect("an answer");
    assert!(answer.get("result").is_some(), "{reply}");
    let reports = before.iter().filter(|message| message["method"] == "notifications/progress");
    let numbers: Vec<_> = reports.map(|report| report["params"]["progress"].as_u64().expect("a number")).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    numbers
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_sent_and_the_last_is_never_lost() {
    let mcp = server([reports("few", 32, Duration::ZERO), reports("many", 5_000, Duration::ZERO)]);
    for ask in asks(&mcp, "few").await {
        assert_eq!(told(&ask.to(&mcp).await), Vec::from_iter(1..=32), "as many as are sent at once");
    }
    for ask in asks(&mcp, "many").await {
        let numbers = told(&ask.to(&mcp).await);
        assert_eq!(numbers.last(), Some(&5_000), "the last one goes before the answer: {numbers:?}");
        // It takes no time, so that nothing but the burst and the last is due.
        assert_eq!(numbers.len(), BURST + 1, "{numbers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_steady_stream_comes_at_twenty_a_second() {
    let mcp =
        server([reports("steady", 10_000, Duration::from_millis(1)), reports("slow", 40, Duration::from_millis(60))]);
    for ask in asks(&mcp, "steady").await {
        let reply = ask.to(&mcp).await;
        let numbers = told(&reply);
        assert_eq!(numbers.last(), Some(&10_000));
        let most = BURST + 10 * 20 + 1;
        assert!((most - 5..=most).contains(&numbers.len()), "10 s: {} of at most {most}", numbers.len());
        let took: f64 = reply.text().parse().expect("seconds");
        assert!(took < 10.5, "nobody waits for progress: {took} s");
        let largest = numbers[BURST..].windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(largest <= Some(60), "evenly: {largest:?} ms between two");
    }
    for ask in asks(&mcp, "slow").await {
        assert_eq!(told(&ask.to(&mcp).await), Vec::from_iter(1..=40), "slower than the pace, all of it is sent");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_sent_when_its_time_comes_though_nothing_follows() {
    let tool = tool_fn("pauses", "Report, then work in silence", |ctx: Context| async move {
        for step in 1..=100 {
            ctx.progress(f64::from(step)).await;
        }
        sleep(secs(5)).await;
        "done"
    });
    let mcp = server([tool]);
    for ask in asks(&mcp, "pauses").await {
        let mut live = ask.open(&mcp).await;
        let begun = Instant::now();
        let mut last = Value::Null;
        while last != json!(100) {
            last = soon("progress", live.message()).await.expect("open")["params"]["progress"].clone();
        }
        assert!(begun.elapsed() <= Duration::from_millis(60), "{:?}", begun.elapsed());
        let answer = soon("the answer", live.message()).await.expect("open");
        assert_eq!(answer["result"]["content"][0]["text"], "done", "and nothing in between: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_before_what_follows_it() {
    let tool = tool_fn("logs", "Report and log", |ctx: Context| async move {
        for step in 1..=100 {
            ctx.progress(f64::from(step)).await;
            if step % 50 == 0 {
                ctx.info(step).await;
            }
        }
        "done"
    });
    let mcp = server([tool]);
    for ask in asks(&mcp, "logs").await {
        let reply = ask.to(&mcp).await;
        let messages = reply.messages();
        for (at, message) in messages.iter().enumerate() {
            if message["method"] == "notifications/message" {
                assert_eq!(messages[at - 1]["params"]["progress"], message["params"]["data"], "{reply}");
            }
        }
        let numbers = told(&reply);
        assert_eq!(&numbers[BURST..], [50, 100], "{numbers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_gets_the_newest() {
    async fn read(mut live: Live) -> Vec<Value> {
        let mut messages = Vec::new();
        while let Some(message) = soon("the next message or the end", live.message()).await {
            messages.push(message);
        }
        messages
    }

    let limits = Limits::new().stream_events(4);
    let mcp = server_with([reports("steady", 500, Duration::from_millis(10))], |mcp| mcp.limits(limits));
    for ask in asks(&mcp, "steady").await {
        let live = ask.open(&mcp).await;
        pass(secs(4)).await;
        let messages = read(live).await;
        let numbers: Vec<_> = messages.iter().filter_map(|one| one["params"]["progress"].as_u64()).collect();
        // In a session the stream's first event takes one of the four places.
        let room = numbers.iter().take_while(|number| **number <= 4).count();
        assert!((3..=4).contains(&room), "what had room: {numbers:?}");
        assert!(numbers[room] >= 390, "then the newest: {numbers:?}");
        assert_eq!(numbers.last(), Some(&500));
        assert!(messages.last().is_some_and(|last| last.get("result").is_some()), "{messages:?}");
    }
}
