//! A stream is read in one place of all, whatever becomes of the words by which the places tell each other.

use std::time::Duration;

use crate::{
    suite::{
        calls_elsewhere::{Replicas, id, left},
        lines::{Fault, Hears},
        resuming::{next, rest, short},
    },
    support::{pass, secs},
};

#[tokio::test(start_paused = true)]
async fn in_whatever_order_words_come_one_reads_on() {
    for hears in [Hears::All, Hears::OthersLate, Hears::OwnLate, Hears::ThatItMissedWords] {
        let replicas = Replicas::new(3);
        let [a, b, c] = &replicas.session().await[..] else { unreachable!() };
        replicas.lines.iter().for_each(|line| line.hears(hears));
        let [_, event] = &left(a, "mwm").await;
        // At once, and one after the other.
        for later in [0, 50, 3_000] {
            let other = async {
                pass(Duration::from_millis(later)).await;
                c.resume(id(event)).await
            };
            let (mut one, mut other) = tokio::join!(b.resume(id(event)), other);
            let ended = [one.ends_within(secs(3)).await, other.ends_within(secs(3)).await];
            assert!(ended == [true, false] || later == 0 && ended == [false, true], "{hears:?}, {later} ms: {ended:?}");
            if later == 3_000 {
                replicas.gate.open();
                assert_eq!(rest(&mut other).await, ["2", "done"], "{hears:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_missed_a_word_ends_all_the_same() {
    let replicas = Replicas::new(3);
    let [a, b, c] = &replicas.session().await[..] else { unreachable!() };
    replicas.lines.iter().for_each(|line| line.hears(Hears::ThatItMissedWords));
    let mut first = a.talk("mwm").open(&a.mcp).await;
    let event = &next(&mut first).await;
    replicas.lines[0].has_missed_something();
    assert!(!first.ends_within(secs(3)).await, "nobody reads it anywhere else");
    let mut second = b.resume(id(event)).await;
    assert!(first.ends_within(secs(1)).await && !second.ends_within(secs(3)).await);
    let mut third = c.resume(id(event)).await;
    assert!(second.ends_within(secs(1)).await && !third.ends_within(secs(3)).await);
    // One that hears nothing at all, not even that.
    replicas.lines[2].hears(Hears::Nothing);
    let mut fourth = a.resume(id(event)).await;
    assert!(third.ends_within(secs(16)).await && !fourth.ends_within(secs(60)).await);
    replicas.gate.open();
    assert_eq!(rest(&mut fourth).await, ["2", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_nothing_lets_streams_be_read() {
    let replicas = Replicas::new(2);
    let [here, there] = &replicas.session().await[..] else { unreachable!() };
    let [_, event] = &left(here, "mwm").await;
    replicas.lines[1].set(Fault::ReadOnly);
    let mut resumed = there.resume(id(event)).await;
    assert!(!resumed.ends_within(secs(60)).await);
    replicas.gate.open();
    assert_eq!(rest(&mut resumed).await, ["2", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_breaks_says_nothing_of_its_reader() {
    let replicas = Replicas::new(2);
    let [here, there] = &replicas.session().await[..] else { unreachable!() };
    let mut stream = here.talk("mwm").open(&here.mcp).await;
    let event = &next(&mut stream).await;
    assert!(!stream.ends_within(secs(60)).await);
    assert_eq!(replicas.lines[0].claims(), 0);
    let mut resumed = there.resume(id(event)).await;
    assert_eq!(short(&next(&mut resumed).await.json()), "0");
    assert!(!resumed.ends_within(secs(60)).await);
    assert_eq!([0, 1].map(|line: usize| replicas.lines[line].claims()), [0, 1], "once");
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_down_is_written_later() {
    let replicas = Replicas::new(2);
    let [a, b] = &replicas.session().await[..] else { unreachable!() };
    let mut first = a.talk("mwm").open(&a.mcp).await;
    let event = &next(&mut first).await;
    replicas.lines[1].set(Fault::ReadOnly);
    let mut second = b.resume(id(event)).await;
    assert!(!first.ends_within(secs(1)).await && !second.ends_within(secs(1)).await, "nobody could be told");
    replicas.lines[1].set(Fault::None);
    let (ended, still) = tokio::join!(first.ends_within(secs(20)), second.ends_within(secs(20)));
    assert!(ended && !still, "one of them reads on: the later one");
}
