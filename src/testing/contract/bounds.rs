//! Bounds: how much of logs is kept, and what gives way.

use std::time::Duration;

use bytes::Bytes;

use super::StoreFixture;
use super::subject::{Subject, first, last, next, only, subject, subject_with};
use crate::stores::{Appended, LogEntry, LogKey, LogLimits, LogPlace};

const LOG: LogKey = LogKey { group: 1, id: 1 };

/// Large, as entries go, so that what a store takes for each beside its bytes does not matter.
const LARGE: usize = 8 << 10;

fn large(place: LogPlace) -> LogEntry {
    LogEntry::new(Bytes::from(vec![b'x'; LARGE]), place)
}

/// The limits of a log of so many large entries.
fn limits(entries: usize, ttl: Duration) -> LogLimits {
    LogLimits::new(entries, entries * LARGE, ttl)
}

async fn numbers(store: &Subject, log: LogKey) -> Option<Vec<u64>> {
    let page = store.read(log).await?;
    let numbers: Vec<_> = page.entries.iter().map(|(number, _)| *number).collect();
    assert_eq!(
        page.first,
        numbers.first().copied().unwrap_or(page.last + 1),
        "read: `first` is the oldest that is kept"
    );
    Some(numbers)
}

/// Of a log at most so many entries are kept: the newest.
pub async fn the_newest_entries_are_kept(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let limits = LogLimits::new(3, 1 << 20, store.long);
    for number in 1..=10_u64 {
        let entry = if number == 1 { first("1") } else { next(&number.to_string()) };
        assert_eq!(
            store.append_within(LOG, entry, limits).await,
            Appended::Seq(number),
            "append: the oldest gives way"
        );
        let newest: Vec<_> = (number.saturating_sub(2).max(1)..=number).collect();
        assert_eq!(numbers(&store, LOG).await, Some(newest), "append: the newest three are kept");
    }
    let page = store.read(LOG).await.expect("read: it is there");
    assert_eq!((page.first, page.last), (8, 10), "read: what is kept, and the newest there was");
    assert_eq!(store.append_within(LOG, last("11"), limits).await, Appended::Seq(11), "append: the oldest gives way");
    assert_eq!(numbers(&store, LOG).await, Some(vec![9, 10, 11]), "append: the newest three are kept, also at the end");
    // Each entry brings the limits that hold from then on.
    let log = LogKey::new(1, 2);
    for number in 1..=4 {
        let entry = if number == 1 { first("1") } else { next("n") };
        let limits = LogLimits::new(if number == 4 { 2 } else { 10 }, 1 << 20, store.long);
        assert_eq!(store.append_within(log, entry, limits).await, Appended::Seq(number), "append: there is room");
    }
    assert_eq!(numbers(&store, log).await, Some(vec![3, 4]), "append: the limits of the newest entry hold");
}

/// Of a log at most so many bytes are kept: the newest entries, and at least one.
pub async fn the_newest_bytes_are_kept(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let limits = LogLimits::new(100, 1_000, store.long);
    let entry = |bytes: usize, place| LogEntry::new(Bytes::from(vec![b'x'; bytes]), place);
    let append = async |bytes, place| store.append_within(LOG, entry(bytes, place), limits).await;
    assert_eq!(append(250, LogPlace::First).await, Appended::Seq(1), "append: it begins");
    for number in 2..=6 {
        assert_eq!(append(250, LogPlace::Next).await, Appended::Seq(number), "append: the oldest gives way");
    }
    assert_eq!(numbers(&store, LOG).await, Some(vec![3, 4, 5, 6]), "append: a thousand bytes are kept");
    assert_eq!(append(251, LogPlace::Next).await, Appended::Seq(7), "append: the oldest give way");
    assert_eq!(numbers(&store, LOG).await, Some(vec![5, 6, 7]), "append: no more than a thousand bytes");
    assert_eq!(append(5_000, LogPlace::Next).await, Appended::Seq(8), "append: the newest may be larger");
    assert_eq!(numbers(&store, LOG).await, Some(vec![8]), "append: the newest is kept, whatever its size");
    assert_eq!(append(0, LogPlace::Last).await, Appended::Seq(9), "append: the oldest gives way");
    assert_eq!(numbers(&store, LOG).await, Some(vec![9]), "append: the entry that was too large gives way");
}

/// All logs together take what they may and no more, and the newest entry of a log that goes on is kept.
pub async fn all_logs_share_the_budget(fixture: &mut impl StoreFixture) {
    const BUDGET: usize = 128 * LARGE;
    const GROUPS: u128 = 60;
    let store = subject_with(fixture, BUDGET).await;
    let logs = || (1..=GROUPS).map(|group| LogKey::new(group, 1));
    for number in 1..=8 {
        for log in logs() {
            let entry = large(if number == 1 { LogPlace::First } else { LogPlace::Next });
            let appended = store.append_within(log, entry, limits(8, store.long)).await;
            assert_eq!(appended, Appended::Seq(number), "append: older entries of others give way");
        }
        let readable = store.readable(logs()).await;
        assert!(readable <= BUDGET + LARGE, "append: {readable} bytes are kept, though logs may take {BUDGET}");
    }
    for log in logs() {
        let numbers = numbers(&store, log).await.unwrap_or_default();
        assert_eq!(numbers.last(), Some(&8), "append: of a log that goes on the newest entry is kept");
        let by_one = numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        assert!(by_one, "append: what gives way is the oldest of a log: {numbers:?} are kept");
    }
    let readable = store.readable(logs()).await;
    assert!(readable >= BUDGET / 2, "append: only {readable} bytes are kept, though logs may take {BUDGET}");
}

/// A group does not push out what others have.
pub async fn a_group_does_not_take_all(fixture: &mut impl StoreFixture) {
    const BUDGET: usize = 128 * LARGE;
    let store = subject_with(fixture, BUDGET).await;
    let limits = limits(8, store.long);
    for number in 1..=4 {
        let entry = large(if number == 1 { LogPlace::First } else { LogPlace::Next });
        assert_eq!(store.append_within(LOG, entry, limits).await, Appended::Seq(number), "append: there is room");
    }
    let others = || (1..=40).map(|id| LogKey::new(2, id));
    for log in others() {
        for number in 1..=8 {
            let place = match number {
                1 => LogPlace::First,
                8 if log.id % 2 == 0 => LogPlace::Last,
                _ => LogPlace::Next,
            };
            // Whether it is refused or its own older ones give way is the store's matter.
            store.append_within(log, large(place), limits).await;
        }
    }
    assert_eq!(
        numbers(&store, LOG).await,
        Some(vec![1, 2, 3, 4]),
        "append: a group that takes much pays for it itself"
    );
    let readable = store.readable(others()).await;
    assert!(readable <= BUDGET / 2 + LARGE, "append: one group has {readable} bytes of {BUDGET}");
}

/// The logs of a group are bounded in number, too; those that have ended give way.
pub async fn a_group_has_so_many_logs(fixture: &mut impl StoreFixture) {
    const MOST: u128 = 1_024;
    let store = subject(fixture).await;
    let mut begun = 0;
    let full = loop {
        match store.append(LogKey::new(1, begun), first("f")).await {
            Appended::Seq(1) if begun < MOST => begun += 1,
            appended => break appended,
        }
    };
    assert_eq!(full, Appended::Full, "append: a group may have {MOST} logs that go on at the most");
    assert!(begun >= 16, "append: a group may have more than {begun} small logs");
    assert_eq!(store.append(LogKey::new(1, 0), next("n")).await, Appended::Seq(2), "append: the logs go on");
    assert_eq!(store.append(LogKey::new(2, 0), first("f")).await, Appended::Seq(1), "append: other groups have room");
    assert_eq!(store.append(LogKey::new(1, 3), last("l")).await, Appended::Seq(2), "append: one ends");
    for turn in 0..3 {
        let log = LogKey::new(1, 5_000 + turn);
        assert_eq!(store.append(log, only("o")).await, Appended::Seq(1), "append: what has ended gives way");
        assert_eq!(store.kept(log).await, Some(vec![(1, "o".to_owned())]), "append: the new log is there");
    }
    assert_eq!(store.read(LogKey::new(1, 3)).await, None, "append: the log that ended first has given way");
    for id in (0..begun).filter(|id| *id != 3) {
        assert!(store.read(LogKey::new(1, id)).await.is_some(), "append: a log that goes on does not give way");
    }
}

/// An entry that is larger than all logs may be is refused, and nothing gives way to it.
pub async fn what_is_too_large_is_refused(fixture: &mut impl StoreFixture) {
    const BUDGET: usize = 32 * LARGE;
    let store = subject_with(fixture, BUDGET).await;
    let limits = LogLimits::new(100, 4 * BUDGET, store.long);
    assert_eq!(
        store.append_within(LOG, large(LogPlace::First), limits).await,
        Appended::Seq(1),
        "append: there is room"
    );
    let huge = |place| LogEntry::new(Bytes::from(vec![b'x'; BUDGET + 1]), place);
    let other = LogKey::new(2, 1);
    for place in [LogPlace::First, LogPlace::Only] {
        let appended = store.append_within(other, huge(place), limits).await;
        assert_eq!(appended, Appended::Full, "append: it is larger than all logs may be together");
        assert_eq!(store.read(other).await, None, "append: an entry that is refused makes no log");
    }
    let appended = store.append_within(LOG, huge(LogPlace::Next), limits).await;
    assert_eq!(appended, Appended::Full, "append: it is larger than all logs may be together");
    assert_eq!(numbers(&store, LOG).await, Some(vec![1]), "append: nothing gives way to what is refused");
    assert_eq!(
        store.append_within(LOG, large(LogPlace::Next), limits).await,
        Appended::Seq(2),
        "append: the log goes on"
    );
}

/// A group that has as many logs as it may have loses none of them to an entry that is refused for another reason.
pub async fn nothing_gives_way_to_what_is_refused(fixture: &mut impl StoreFixture) {
    const BUDGET: usize = 128 * LARGE;
    let store = subject_with(fixture, BUDGET).await;
    let limits = limits(1, store.long);
    let mut begun = 0;
    while begun < 1_024 && store.append_within(LogKey::new(1, begun), first("f"), limits).await == Appended::Seq(1) {
        begun += 1;
    }
    // Of one that goes on the newest is kept: a second one that is as large would be more than the group may have.
    let large = |size, place| LogEntry::new(Bytes::from(vec![b'x'; size]), place);
    let mut size = BUDGET / 2;
    while store.append_within(LogKey::new(1, 0), large(size, LogPlace::Next), limits).await == Appended::Full {
        size /= 2;
        assert!(size > 0, "append: a log goes on");
    }
    let ended = LogKey::new(1, 1);
    assert_eq!(store.append_within(ended, last("l"), limits).await, Appended::Seq(2), "append: a log ends");
    for place in [LogPlace::First, LogPlace::Only] {
        let appended = store.append_within(LogKey::new(1, 5_000), large(size, place), limits).await;
        assert_eq!(appended, Appended::Full, "append: the group may not have as much");
        assert_eq!(numbers(&store, ended).await, Some(vec![2]), "append: nothing gives way to what is refused");
    }
    let appended = store.append_within(LogKey::new(1, 5_000), first("f"), limits).await;
    assert_eq!(appended, Appended::Seq(1), "append: what has ended gives way to what there is room for");
    for id in (0..begun).filter(|id| *id != 1) {
        assert!(store.read(LogKey::new(1, id)).await.is_some(), "append: a log that goes on does not give way");
    }
}

/// Where all that is kept is the newest of logs that go on, there is no room until one of them ends.
pub async fn what_has_ended_gives_way_first(fixture: &mut impl StoreFixture) {
    const BUDGET: usize = 32 * LARGE;
    let (store, step) = (subject_with(fixture, BUDGET).await, fixture.step());
    let limits = limits(1, store.long);
    let mut begun = 0;
    let full = loop {
        match store.append_within(LogKey::new(begun, 1), large(LogPlace::First), limits).await {
            Appended::Seq(1) if begun < 100 => begun += 1,
            appended => break appended,
        }
    };
    assert_eq!(full, Appended::Full, "append: there is no room, since of logs that go on the newest entry is kept");
    assert!((8..=32).contains(&begun), "append: {begun} logs are there, though 32 of their size would take all");
    for group in 0..begun {
        assert_eq!(numbers(&store, LogKey::new(group, 1)).await, Some(vec![1]), "append: none has given way");
    }
    let ended = LogKey::new(2, 1);
    let appended = store.append_within(ended, large(LogPlace::Last), limits).await;
    assert_eq!(appended, Appended::Seq(2), "append: a log's own older entry gives way to its end");
    // That there is no room may be remembered for a moment.
    fixture.pass(step).await;
    let more = LogKey::new(1_000, 1);
    let appended = store.append_within(more, large(LogPlace::First), limits).await;
    assert_eq!(appended, Appended::Seq(1), "append: what has ended gives way");
    assert_eq!(store.read(ended).await, None, "append: the log that has ended has given way");
    assert_eq!(numbers(&store, LogKey::new(0, 1)).await, Some(vec![1]), "append: those that go on have not");
}
