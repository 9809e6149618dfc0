//! Logs: entries have numbers, and are read as they were appended.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::FutureExt as _;

use super::StoreFixture;
use super::subject::{bytes, first, key, last, next, only, subject};
use super::together::at_once;
use crate::stores::{Appended, Expect, LogEntry, LogKey, LogLimits, LogPlace};

const LOG: LogKey = LogKey { group: 1, id: 1 };

/// Entries have the numbers 1, 2, 3 and so on, and are read in this order.
pub async fn entries_are_numbered_by_one(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let another = store.another(fixture).await;
    assert_eq!(store.read(LOG).await, None, "read: an empty store has no log");
    assert_eq!(store.append(LOG, first("e1")).await, Appended::Seq(1), "append: the first entry has the number 1");
    for number in 2..=20 {
        let writer = if number % 2 == 0 { &another } else { &store };
        let appended = writer.append(LOG, next(&format!("e{number}"))).await;
        assert_eq!(appended, Appended::Seq(number), "append: numbers grow by one, whoever appends");
    }
    let expected: Vec<_> = (1..=20).map(|number| (number, format!("e{number}"))).collect();
    for reader in [&store, &another] {
        assert_eq!(reader.kept(LOG).await.as_ref(), Some(&expected), "read: in the order of the numbers");
    }
    let page = store.read(LOG).await.expect("read: it is there");
    assert_eq!((page.first, page.last, page.closed), (1, 20, false), "read: what is kept of a log that goes on");
    assert_eq!(
        store.append(LogKey::new(1, 2), first("x")).await,
        Appended::Seq(1),
        "append: each log counts for itself"
    );
}

/// Where entries are appended at once, it is as one by one, until one is refused.
pub async fn entries_are_appended_in_a_row(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let entries = [first("e1"), next("e2").after(1), last("e3").after(2)];
    let three = (1..=3).map(|number| (number, format!("e{number}"))).collect();
    let Some(appended) = store.append_at_once(LOG, &entries) else {
        assert_eq!(store.read(LOG).await, None, "append_at_once: `None` is that nothing was appended");
        return;
    };
    assert_eq!(appended, Appended::Seq(3), "append_at_once: the number of the last");
    assert_eq!(store.kept(LOG).await.as_ref(), Some(&three), "append_at_once: all that was appended");
    let again = store.append_at_once(LOG, &entries);
    assert_eq!(again, Some(Appended::Closed), "append_at_once: a log that is there is not made again");
    assert_eq!(store.kept(LOG).await, Some(three), "append_at_once: nor written on");
    let log = LogKey::new(1, 2);
    let appended = store.append_at_once(log, &[first("e1"), next("e2").after(7), next("e3")]);
    assert_eq!(appended, Some(Appended::Misplaced(1)), "append_at_once: what became of the one that was refused");
    let kept = store.kept(log).await;
    assert_eq!(kept, Some(vec![(1, "e1".to_owned())]), "append_at_once: what came before it, and nothing after");
}

/// An entry may be empty, binary, and large.
pub async fn any_bytes_are_an_entry(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let binary: Vec<u8> = (0..=255).collect();
    let large = [0, 0xff, b'\n', b'\''].repeat(1 << 18);
    let values = [Vec::new(), binary, large, Vec::new()].map(Bytes::from);
    for (value, place) in values.iter().zip([LogPlace::First, LogPlace::Next, LogPlace::Next, LogPlace::Last]) {
        let appended = store.append(LOG, LogEntry::new(value.clone(), place)).await;
        assert!(matches!(appended, Appended::Seq(_)), "append: {} bytes are {appended:?}", value.len());
    }
    let page = store.read(LOG).await.expect("read: it is there");
    let read: Vec<_> = page.entries.into_iter().map(|(_, value)| value).collect();
    let lengths = |values: &[Bytes]| values.iter().map(Bytes::len).collect::<Vec<_>>();
    assert_eq!(lengths(&read), lengths(&values), "read: all bytes of all entries");
    assert!(read == values, "read: the bytes that were appended");
}

/// Logs whose names differ in any bit are others.
pub async fn all_bits_of_a_name_count(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let bits: Vec<u128> = vec![0, 1, 1 << 63, 1 << 64, 1 << 127, u128::from(u64::MAX), u128::MAX << 64, u128::MAX];
    let names = bits.iter().flat_map(|group| bits.iter().map(|id| LogKey::new(*group, *id)));
    let text = |log: LogKey| format!("{:x}/{:x}", log.group, log.id);
    for log in names.clone() {
        let appended = store.append(log, first(&text(log))).await;
        assert_eq!(appended, Appended::Seq(1), "append: no other log has the name {}", text(log));
    }
    store.forget(0).await;
    for log in names {
        let expected = (log.group != 0).then(|| vec![(1, text(log))]);
        assert_eq!(store.kept(log).await, expected, "read: the log with the name {}", text(log));
    }
}

/// A page has so many entries from a number on.
pub async fn a_log_is_read_by_pages(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let limits = LogLimits::new(4, 1 << 20, store.long);
    for number in 1..=6 {
        let entry = if number == 1 { first("1") } else { next(&number.to_string()) };
        assert_eq!(store.append_within(LOG, entry, limits).await, Appended::Seq(number), "append: there is room");
    }
    let numbers = async |after, max| {
        let page = store.page(LOG, after, max).await.expect("read: it is there");
        assert_eq!((page.first, page.last), (3, 6), "read: what is kept, whatever page was asked for");
        let text = |value: &Bytes| String::from_utf8_lossy(value).into_owned();
        assert!(
            page.entries.iter().all(|(number, value)| text(value) == number.to_string()),
            "read: entries with the numbers of others"
        );
        page.entries.iter().map(|(number, _)| *number).collect::<Vec<_>>()
    };
    assert_eq!(numbers(0, usize::MAX).await, [3, 4, 5, 6], "read: all that is kept");
    assert_eq!(numbers(0, 2).await, [3, 4], "read: the oldest that are kept, when those before are gone");
    assert_eq!(numbers(3, 2).await, [4, 5], "read: those that come after a number");
    assert_eq!(numbers(5, 9).await, [6], "read: fewer than asked for, when there are no more");
    assert_eq!(numbers(6, 9).await, [0_u64; 0], "read: nothing comes after the newest");
    assert_eq!(numbers(u64::MAX, usize::MAX).await, [0_u64; 0], "read: nothing comes after a number that is not there");
    assert_eq!(numbers(0, 0).await, [0_u64; 0], "read: no entries, only what is known of the log");
    assert_eq!(store.append(LOG, last("7")).await, Appended::Seq(7), "append: it goes on");
    let page = store.page(LOG, 7, 1).await.expect("read: it is there");
    assert!(page.closed && page.entries.is_empty() && page.last == 7, "read: it has ended, and all of it was read");
}

/// Who appends without `after` gets a number that nobody else has, for what it appended.
pub async fn writers_get_numbers_of_their_own(fixture: &mut impl StoreFixture) {
    const TASKS: usize = 60;
    let store = subject(fixture).await;
    let handles = [store.clone(), store.another(fixture).await];
    assert_eq!(store.append(LOG, first("begin")).await, Appended::Seq(1), "append: it begins");
    let appended = at_once(TASKS, move |task| {
        let store = handles[task % 2].clone();
        async move { (task, store.append(LOG, next(&task.to_string())).await) }
    })
    .await;
    let kept = store.kept(LOG).await.expect("read: it is there");
    let numbers: Vec<_> = kept.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=TASKS as u64 + 1).collect::<Vec<_>>(), "append: numbers grow by one, none is used twice");
    for (task, appended) in appended {
        let Appended::Seq(number) = appended else { panic!("append: there is room, but it is {appended:?}") };
        assert_eq!(kept.get(number as usize - 1), Some(&(number, task.to_string())), "append: the number of the entry");
    }
}

/// Writers that append behind the last entry they know of, and again where they are refused, append each entry once.
pub async fn writers_that_know_the_last_append_once(fixture: &mut impl StoreFixture) {
    const TASKS: usize = 8;
    const EACH: usize = 10;
    let store = subject(fixture).await;
    let handles = [store.clone(), store.another(fixture).await];
    assert_eq!(store.append(LOG, first("begin")).await, Appended::Seq(1), "append: it begins");
    at_once(TASKS, move |task| {
        let store = handles[task % 2].clone();
        async move {
            let mut newest = 1;
            for turn in 0..EACH {
                newest = append_behind(&store, &format!("{task}/{turn}"), newest).await;
            }
        }
    })
    .await;
    let kept = store.kept(LOG).await.expect("read: it is there");
    let numbers: Vec<_> = kept.iter().map(|(number, _)| *number).collect();
    let all = (TASKS * EACH) as u64 + 1;
    assert_eq!(numbers, (1..=all).collect::<Vec<_>>(), "append: numbers grow by one");
    let texts: HashSet<_> = kept.iter().map(|(_, text)| text).collect();
    assert_eq!(texts.len() as u64, all, "append: each entry once, since each was appended at one place only");
    for task in 0..TASKS {
        let own: Vec<_> = kept.iter().filter(|(_, text)| text.starts_with(&format!("{task}/"))).collect();
        let expected = (0..EACH).map(|turn| format!("{task}/{turn}"));
        assert!(own.iter().map(|(_, text)| text.clone()).eq(expected), "append: each writer's in its order: {own:?}");
    }
}

/// Appends behind the newest entry, which is number `newest` as far as is known. Answers its number.
async fn append_behind(store: &super::subject::Subject, text: &str, mut newest: u64) -> u64 {
    for _ in 0..1_000 {
        match store.append(LOG, next(text).after(newest)).await {
            Appended::Seq(number) => {
                assert_eq!(number, newest + 1, "append: right behind the entry that it has to");
                return number;
            }
            Appended::Misplaced(number) => {
                assert_ne!(number, newest, "append: it was the newest, and so the place was right");
                newest = number;
            }
            appended => panic!("append: there is room, but it is {appended:?}"),
        }
    }
    panic!("append: refused a thousand times, each time behind the entry that was the newest");
}

/// What the first entry says about the log is kept as long as the log is, and what others say is not.
pub async fn what_is_known_of_a_log_is_kept(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let about = Bytes::from([0, 0xff, b'"', b'\n'].repeat(256));
    let limits = LogLimits::new(2, 1 << 20, store.long);
    let begun = store.append_within(LOG, first("1").about(about.clone()), limits).await;
    assert_eq!(begun, Appended::Seq(1), "append: it begins, with 1 KiB about it");
    for number in 2..6 {
        let entry = if number == 5 { last("5") } else { next("n") };
        let appended = store.append_within(LOG, entry.about(bytes("other")), limits).await;
        assert_eq!(appended, Appended::Seq(number), "append: it goes on");
        let page = store.page(LOG, number, 1).await.expect("read: it is there");
        assert!(
            page.about == about,
            "read: what the first entry said about the log, which is not kept itself any more"
        );
    }
    let log = LogKey::new(1, 2);
    assert_eq!(store.append(log, only("x").about(bytes("y"))).await, Appended::Seq(1), "append: one entry is the log");
    assert_eq!(store.read(log).await.map(|page| page.about), Some(bytes("y")), "read: what is known of the log");
    let log = LogKey::new(1, 3);
    assert_eq!(store.append(log, first("x")).await, Appended::Seq(1), "append: it begins");
    assert_eq!(store.read(log).await.map(|page| page.about), Some(Bytes::new()), "read: nothing is known of the log");
}

/// All logs of a group are forgotten at once, and no others; they can begin anew.
pub async fn a_group_is_forgotten(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    let logs = [(1, 1), (1, 2), (1, 3), (2, 1)].map(|(group, id)| LogKey::new(group, id));
    for log in logs {
        assert_eq!(store.append(log, first("a")).await, Appended::Seq(1), "append: it begins");
        assert_eq!(store.append(log, next("b")).await, Appended::Seq(2), "append: it goes on");
    }
    assert_eq!(store.append(logs[2], last("c")).await, Appended::Seq(3), "append: it ends");
    assert!(store.put(key(1), "value", Expect::Absent).await, "put: it is absent");
    store.forget(1).await;
    for log in &logs[..3] {
        assert_eq!(store.read(*log).await, None, "forget: all logs of the group");
        assert!(!store.keep(*log, store.long).await, "forget: all logs of the group");
        let late = store.append(*log, next("late")).await;
        assert_eq!(late, Appended::Closed, "append: a log that was forgotten does not go on");
        assert_eq!(store.append(*log, first("new")).await, Appended::Seq(1), "append: it begins anew, with 1");
        assert_eq!(store.kept(*log).await, Some(vec![(1, "new".to_owned())]), "read: nothing of what was forgotten");
    }
    assert_eq!(store.kept(logs[3]).await.map(|kept| kept.len()), Some(2), "forget: no other group's logs");
    assert!(store.get(key(1)).await.is_some(), "forget: no values");
    store.forget(3).await;
}

/// The epoch is the same, as long as nothing is lost that was not to be.
pub async fn the_epoch_stays(fixture: &mut impl StoreFixture) {
    let (store, step) = (subject(fixture).await, fixture.step());
    let another = store.another(fixture).await;
    let epoch = store.epoch().await;
    let limits = LogLimits::new(2, 100, step);
    for entry in [first("a"), next("b"), next("c")] {
        store.append_within(LOG, entry, limits).await;
    }
    fixture.pass(step).await;
    store.append(LOG, only("x")).await;
    store.forget(1).await;
    assert!(store.put(key(1), "v", Expect::Any).await, "put: any write happens");
    store.take(key(1)).await;
    assert_eq!(store.epoch().await, epoch, "epoch: nothing is gone before its time");
    assert_eq!(another.epoch().await, epoch, "epoch: the same in all processes");
}

/// An operation that nobody waits for any more happens or does not, and the store goes on.
pub async fn work_that_nobody_waits_for_does_no_harm(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    assert_eq!(store.append(LOG, first("begin")).await, Appended::Seq(1), "append: it begins");
    for turn in 0..50 {
        // Polled once, and dropped.
        let _ = store.append(LOG, next("dropped")).now_or_never();
        let _ = store.put(key(1), "dropped", Expect::Any).now_or_never();
        let _ = store.read(LOG).now_or_never();
        if turn % 10 == 0 {
            let appended = store.append(LOG, next("kept")).await;
            assert!(matches!(appended, Appended::Seq(_)), "append: there is room, but it is {appended:?}");
        }
    }
    assert!(store.put(key(2), "v", Expect::Absent).await, "put: the store goes on");
    assert_eq!(store.value(key(2)).await, Some(bytes("v")), "get: the store goes on");
    let page = store.read(LOG).await.expect("read: it is there");
    let numbers: Vec<_> = page.entries.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=page.last).collect::<Vec<_>>(), "read: numbers grow by one, whatever was dropped");
}

/// A store works in several runtimes, and goes on when one that used it has ended.
pub async fn runtimes_share_a_store(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    for round in 0..3 {
        let shared = store.clone();
        let read = at_once(4, move |task| {
            let (store, log) = (shared.clone(), LogKey::new(round, task as u128));
            async move {
                assert_eq!(store.append(log, first("there")).await, Appended::Seq(1), "append: in another runtime");
                assert!(store.put(key(round << 8 | task as u128), "there", Expect::Absent).await, "put: in another");
                store.kept(log).await
            }
        })
        .await;
        for (task, read) in read.into_iter().enumerate() {
            assert_eq!(read, Some(vec![(1, "there".to_owned())]), "read: in another runtime");
            // The other runtimes have ended.
            let here = store.append(LogKey::new(round, task as u128), last("here")).await;
            assert_eq!(here, Appended::Seq(2), "append: a log that was begun in another runtime goes on");
            let value = store.value(key(round << 8 | task as u128)).await;
            assert_eq!(value, Some(bytes("there")), "get: a value that was put in another runtime");
        }
    }
}
