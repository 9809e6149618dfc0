use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::store::LogPlace;

const LOG: LogKey = LogKey { group: 1, id: 1 };

fn limits() -> LogLimits {
    LogLimits::new(4, 100, Duration::from_secs(60))
}

fn placed(length: usize, place: LogPlace) -> LogEntry {
    LogEntry::new(Bytes::from(vec![b'x'; length]), place)
}

fn entry(length: usize) -> LogEntry {
    placed(length, LogPlace::Next)
}

fn first(length: usize) -> LogEntry {
    placed(length, LogPlace::First)
}

fn last(length: usize) -> LogEntry {
    placed(length, LogPlace::Last)
}

/// The numbers of what is kept after `after`.
fn kept(logs: &Logs, key: LogKey, after: u64, now: u64) -> Option<Vec<u64>> {
    logs.read(key, after, usize::MAX, now).map(|page| page.entries.iter().map(|(seq, _)| *seq).collect())
}

#[test]
fn a_log_begins_grows_and_ends() {
    let logs = Logs::new(1 << 20);
    assert_eq!(logs.append(LOG, &entry(1), limits(), 0), Appended::Closed, "it has not begun");
    assert_eq!(kept(&logs, LOG, 0, 0), None);
    assert_eq!(logs.append(LOG, &first(1), limits(), 0), Appended::Seq(1));
    assert_eq!(logs.append(LOG, &first(1), limits(), 0), Appended::Closed, "it has begun");
    assert_eq!(logs.append(LOG, &entry(2), limits(), 0), Appended::Seq(2));
    assert!(!logs.read(LOG, 0, 9, 0).unwrap().closed);
    assert_eq!(logs.append(LOG, &last(3), limits(), 0), Appended::Seq(3));
    assert_eq!(logs.append(LOG, &entry(1), limits(), 0), Appended::Closed, "it has ended");
    let page = logs.read(LOG, 1, 1, 0).unwrap();
    assert_eq!(page, LogPage::new(vec![(2, Bytes::from_static(b"xx"))], 1, 3, true));
    assert_eq!(kept(&logs, LOG, u64::MAX, 0), Some(vec![]));
    for other in [LogKey { group: 2, ..LOG }, LogKey { id: 2, ..LOG }] {
        assert_eq!(kept(&logs, other, 0, 0), None);
    }
}

#[test]
fn the_oldest_entries_give_way() {
    let logs = Logs::new(1 << 20);
    logs.append(LOG, &first(10), limits(), 0);
    for _ in 0..5 {
        logs.append(LOG, &entry(10), limits(), 0);
    }
    assert_eq!(kept(&logs, LOG, 0, 0), Some(vec![3, 4, 5, 6]), "by their number");
    logs.append(LOG, &entry(75), limits(), 0);
    assert_eq!(kept(&logs, LOG, 0, 0), Some(vec![5, 6, 7]), "by their bytes");
    logs.append(LOG, &entry(200), limits(), 0);
    let page = logs.read(LOG, 0, 9, 0).unwrap();
    assert_eq!((page.entries.len(), page.first, page.last), (1, 8, 8), "the newest is kept whatever its size");
}

#[test]
fn a_log_lives_from_its_last_entry_or_from_when_it_was_kept() {
    let logs = Logs::new(1 << 20);
    let ttl = Duration::from_secs(60);
    logs.append(LOG, &first(1), limits(), 0);
    logs.append(LOG, &entry(1), limits(), 59_999);
    assert!(logs.keep(LOG, ttl, 119_998));
    assert_eq!(kept(&logs, LOG, 0, 179_997), Some(vec![1, 2]));
    assert_eq!(kept(&logs, LOG, 0, 179_998), None);
    assert!(!logs.keep(LOG, ttl, 179_998));
    assert_eq!(
        logs.append(LOG, &entry(1), limits(), 179_998),
        Appended::Closed,
        "it does not begin anew in the middle"
    );
    assert_eq!(logs.cost.load(Ordering::Relaxed), 0, "what has expired is swept by what comes next");
    assert!(logs.shards.iter().all(|shard| lock(shard).groups.is_empty()));
}

#[test]
fn a_group_keeps_64_logs() {
    let logs = Logs::new(1 << 20);
    let key = |id| LogKey { group: 1, id };
    for id in 0..64 {
        assert_eq!(logs.append(key(id), &first(1), limits(), 0), Appended::Seq(1));
    }
    assert_eq!(logs.append(key(64), &first(1), limits(), 0), Appended::Full, "none has ended");
    assert_eq!(logs.append(LogKey { group: 2, id: 1 }, &first(1), limits(), 0), Appended::Seq(1), "another group");
    logs.append(key(7), &last(1), limits(), 0);
    logs.append(key(3), &last(1), limits(), 0);
    assert_eq!(logs.append(key(64), &first(1), limits(), 0), Appended::Seq(1));
    assert_eq!((kept(&logs, key(7), 0, 0), kept(&logs, key(3), 0, 0)), (None, Some(vec![1, 2])), "what ended first");
}

fn cost_of(logs: &Logs) -> usize {
    let counted = logs.cost.load(Ordering::Relaxed);
    let summed: usize =
        logs.shards.iter().flat_map(|shard| lock(shard).groups.values().map(Group::cost).collect::<Vec<_>>()).sum();
    assert_eq!(counted, summed);
    counted
}

/// Logs of a size that only the budget bounds.
fn wide() -> LogLimits {
    LogLimits::new(1_000, 1_000, Duration::from_secs(60))
}

#[test]
fn all_logs_together_have_a_budget() {
    let logs = Logs::new(600_000);
    let key = |id: u128| LogKey { group: id, id };
    logs.append(key(0), &first(1_000), wide(), 0);
    for id in 1..2_000 {
        assert_eq!(logs.append(key(id), &placed(1_000, LogPlace::Only), wide(), 0), Appended::Seq(1));
        assert!(cost_of(&logs) <= 600_000);
    }
    assert_eq!(kept(&logs, key(0), 0, 0), Some(vec![1]), "what has not ended stays");
    assert_eq!(kept(&logs, key(1_999), 0, 0), Some(vec![1]), "and what is new");
    assert!(cost_of(&logs) > 400_000, "no more gives way than has to");
}

#[test]
fn one_group_does_not_push_out_what_others_have() {
    let (logs, limits) = (Logs::new(800_000), LogLimits::new(100, 5_000, Duration::from_secs(60)));
    let other = LogKey { group: 2, id: 1 };
    for entry in [first(1_000), entry(1_000), last(1_000)] {
        logs.append(other, &entry, limits, 0);
    }
    let key = |id| LogKey { group: 1, id };
    for round in 0..20 {
        for id in 0..60 {
            let entry = if round == 0 { first(1_000) } else { entry(1_000) };
            assert_eq!(logs.append(key(id), &entry, limits, 0), Appended::Seq(round + 1));
            let page = logs.read(key(id), 0, usize::MAX, 0).unwrap();
            assert_eq!(page.entries.last().map(|(seq, _)| *seq), Some(round + 1), "what got a number is there");
        }
    }
    assert_eq!(kept(&logs, other, 0, 0), Some(vec![1, 2, 3]), "another group's");
    assert!((90_000..=100_000 + 5 * 1_064).contains(&cost_of(&logs)), "an eighth: {}", cost_of(&logs));
    logs.append(key(7), &last(1), limits, 0);
    logs.append(key(0), &entry(900), limits, 0);
    logs.append(key(0), &entry(900), limits, 0);
    assert_eq!(kept(&logs, key(7), 0, 0), None, "its own that has ended gives way first");
}

#[test]
fn a_group_may_have_one_whole_log_however_small_the_budget() {
    let (logs, limits) = (Logs::new(10_000), LogLimits::new(4, 5_000, Duration::from_secs(60)));
    logs.append(LOG, &first(1_000), limits, 0);
    for _ in 0..3 {
        logs.append(LOG, &entry(1_000), limits, 0);
    }
    assert_eq!(kept(&logs, LOG, 0, 0), Some(vec![1, 2, 3, 4]));
}

#[test]
fn what_cannot_be_kept_is_refused_and_nothing_gives_way_to_it() {
    let logs = Logs::new(10_000);
    logs.append(LOG, &placed(500, LogPlace::Only), limits(), 0);
    let large = LogKey { id: 2, ..LOG };
    assert_eq!(logs.append(large, &first(10_000), limits(), 0), Appended::Full);
    assert_eq!((kept(&logs, large, 0, 0), kept(&logs, LOG, 0, 0)), (None, Some(vec![1])));
    assert_eq!(logs.append(large, &first(900), limits(), 0), Appended::Seq(1), "there is room for one alone");
    assert_eq!(logs.append(large, &entry(9_000), limits(), 0), Appended::Full);
    assert_eq!(kept(&logs, large, 0, 0), Some(vec![1]));
    let alone = LogKey { group: 9, id: 1 };
    assert_eq!(logs.append(alone, &first(10_000), limits(), 0), Appended::Full);
    assert!(!lock(logs.shard(9)).groups.contains_key(&9), "nothing is left of it");
    cost_of(&logs);
}

#[test]
fn the_groups_that_have_the_most_give_way_first() {
    let (logs, limits) = (Logs::new(80_000), LogLimits::new(100, 8_000, Duration::from_secs(60)));
    let small = LogKey { group: 99, id: 1 };
    logs.append(small, &placed(1_000, LogPlace::Only), limits, 0);
    for group in 0..40 {
        logs.append(LogKey { group, id: 1 }, &first(1_000), limits, 0);
        for _ in 0..6 {
            assert!(matches!(logs.append(LogKey { group, id: 1 }, &entry(1_000), limits, 0), Appended::Seq(_)));
            assert!(cost_of(&logs) <= 80_000);
        }
    }
    assert_eq!(kept(&logs, small, 0, 0), Some(vec![1]), "who has little keeps it");
    for group in 0..40 {
        let page = logs.read(LogKey { group, id: 1 }, 0, usize::MAX, 0).unwrap();
        assert_eq!(page.entries.last().map(|(seq, _)| *seq), Some(7), "the newest of what runs is there");
    }
}

#[test]
fn no_more_is_held_than_is_counted() {
    let logs = Logs::new(1 << 20);
    let mut buffer = bytes::BytesMut::with_capacity(1 << 20);
    buffer.extend_from_slice(b"short");
    let value = buffer.freeze();
    logs.append(LOG, &LogEntry::new(value.clone(), LogPlace::First), limits(), 0);
    assert!(value.is_unique(), "the large buffer is not kept alive");
    assert_eq!(logs.read(LOG, 0, 1, 0).unwrap().entries, [(1, value)]);
}

#[test]
fn watchers_are_told_until_they_are_gone() {
    let logs = Logs::new(1 << 20);
    let (told, gone) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    logs.watch({
        let (told, gone) = (Arc::clone(&told), Arc::clone(&gone));
        LogWatcher::new(move |key| {
            lock(&told).push(key);
            !gone.load(Ordering::Relaxed)
        })
    });
    logs.append(LOG, &first(1), limits(), 0);
    logs.append(LOG, &last(1), limits(), 0);
    logs.append(LOG, &entry(1), limits(), 0);
    logs.forget(2);
    logs.forget(1);
    assert_eq!(lock(&told).len(), 3, "of what was appended, and of what was forgotten");
    assert_eq!((kept(&logs, LOG, 0, 0), logs.cost.load(Ordering::Relaxed)), (None, 0));
    gone.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        logs.append(LOG, &first(1), limits(), 0);
        logs.forget(1);
    }
    assert_eq!(lock(&told).len(), 4);
}

#[derive(Clone, Debug)]
enum Step {
    Append { id: u128, place: LogPlace, length: usize },
    Read { id: u128, after: u64, max: usize },
    Forget,
    Pass(u64),
}

fn place() -> impl Strategy<Value = LogPlace> {
    prop_oneof![
        9 => Just(LogPlace::First),
        9 => Just(LogPlace::Next),
        1 => Just(LogPlace::Last),
        1 => Just(LogPlace::Only),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3u128, place(), 0..60usize).prop_map(|(id, place, length)| Step::Append { id, place, length }),
        3 => (0..3u128, 0..12u64, 0..6usize).prop_map(|(id, after, max)| Step::Read { id, after, max }),
        1 => Just(Step::Forget),
        1 => (0..70_000u64).prop_map(Step::Pass),
    ]
}

/// A log as it is understood: everything that was appended, and how much of its end is kept.
#[derive(Default)]
struct Model {
    all: Vec<usize>,
    closed: bool,
    expires: u64,
}

impl Model {
    fn first(&self) -> usize {
        let mut first = self.all.len();
        while first > 0 {
            let kept = &self.all[first - 1..];
            if kept.len() > 1 && (kept.len() > 4 || kept.iter().sum::<usize>() > 100) {
                break;
            }
            first -= 1;
        }
        first
    }
}

proptest! {
    #[test]
    fn logs_are_as_they_are_understood(steps in vec(step(), 0..80)) {
        let (logs, mut now) = (Logs::new(1 << 20), 0);
        let mut models: BTreeMap<u128, Model> = BTreeMap::new();
        for step in steps {
            models.retain(|_, model| model.expires > now);
            match step {
                Step::Append { id, place, length } => {
                    let there = models.get(&id).is_some_and(|model| !model.closed);
                    let taken = if models.contains_key(&id) { there && !place.begins() } else { place.begins() };
                    let appended = logs.append(LogKey { group: 1, id }, &placed(length, place), limits(), now);
                    if taken {
                        let model = models.entry(id).or_default();
                        model.all.push(length);
                        (model.closed, model.expires) = (place.ends(), now + 60_000);
                        prop_assert_eq!(appended, Appended::Seq(model.all.len() as u64));
                    } else {
                        prop_assert_eq!(appended, Appended::Closed);
                    }
                }
                Step::Read { id, after, max } => {
                    let page = logs.read(LogKey { group: 1, id }, after, max, now);
                    let expected = models.get(&id).map(|model| {
                        let from = model.first().max(usize::try_from(after).unwrap().min(model.all.len()));
                        let kept = model.all.iter().copied().enumerate().skip(from).take(max);
                        let kept: Vec<_> = kept.map(|(at, length)| (at as u64 + 1, length)).collect();
                        (kept, model.first() as u64 + 1, model.all.len() as u64, model.closed)
                    });
                    let page = page.map(|page| {
                        let kept: Vec<_> = page.entries.iter().map(|(seq, value)| (*seq, value.len())).collect();
                        (kept, page.first, page.last, page.closed)
                    });
                    prop_assert_eq!(page, expected);
                }
                Step::Forget => {
                    logs.forget(1);
                    models.clear();
                }
                Step::Pass(time) => now += time,
            }
        }
        logs.forget(1);
        prop_assert_eq!(logs.cost.load(Ordering::Relaxed), 0);
    }
}
