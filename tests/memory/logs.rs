//! Logs in memory: what is live, beside what the budget counts.

use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use futures_util::FutureExt as _;
use mcp_mount::stores::{Appended, LogEntry, LogKey, LogLimits, LogPlace};
use mcp_mount::{Memory, Store as _};

/// What a log and an entry count beside their bytes.
const OVERHEAD: i64 = 64;

/// How many sessions have logs, and how many of its logs a session keeps.
const GROUPS: u128 = 50;
const LOGS: u128 = 64;

fn append(store: &Memory, log: LogKey, length: usize, place: LogPlace) {
    append_within(store, log, length, place, 1_000);
}

fn append_within(store: &Memory, log: LogKey, length: usize, place: LogPlace, entries: usize) {
    let limits = LogLimits::new(entries, 1 << 20, Duration::from_secs(60));
    let entry = LogEntry::new(Bytes::from(vec![b'x'; length]), place);
    let appended = store.append(log, entry, limits).now_or_never().expect("at hand").expect("it is well");
    assert!(matches!(appended, Appended::Seq(_)), "{appended:?}");
}

/// What the logs count that are kept.
fn counted(store: &Memory, ids: std::ops::Range<u128>) -> i64 {
    let mut counted = 0;
    for (group, id) in (1..=GROUPS).flat_map(|group| ids.clone().map(move |id| (group, id))) {
        let page = store.read(LogKey::new(group, id), 0, usize::MAX).now_or_never().expect("at hand");
        if let Some(page) = page.expect("it is well") {
            counted += OVERHEAD + page.entries.iter().map(|(_, value)| OVERHEAD + value.len() as i64).sum::<i64>();
        }
    }
    counted
}

/// Live bytes are within what [`Memory`] says of what is counted.
fn holds(what: &str, ids: u128, work: impl FnOnce(&Memory)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    let store = Memory::new();
    let live = measure(|| work(&store)).bytes_current;
    let counted = counted(&store, 0..ids);
    assert!(counted > 0, "{what}: {counted} are counted");
    assert!(live <= 3 * counted + GROUPS as i64 * 1_024, "{what}: {live} bytes are live, {counted} are counted");
}

#[test]
fn large_logs_leave_nothing_to_the_small_ones_after_them() {
    // Where each small one gets its place from a large one, and where it does from one that it could take over.
    for large in [3_900, 500, 200] {
        holds(&format!("{large} bytes, then 50"), 2 * LOGS, |store| {
            for (group, id) in (1..=GROUPS).flat_map(|group| (0..2 * LOGS).map(move |id| (group, id))) {
                let length = if id < LOGS { large } else { 50 };
                append(store, LogKey::new(group, id), length, LogPlace::Only);
            }
        });
    }
}

#[test]
fn what_a_log_has_dropped_takes_no_room() {
    for (large, small) in [(3_900, 50), (1_500, 1)] {
        holds(&format!("{large} bytes, then {small}, in one log"), 1, |store| {
            for log in (1..=GROUPS).map(|group| LogKey::new(group, 0)) {
                append(store, log, large, LogPlace::First);
                (0..3).for_each(|_| append_within(store, log, small, LogPlace::Next, 2));
            }
        });
    }
}

#[test]
fn many_entries_leave_no_table() {
    holds("600 empty entries, then two", 1, |store| {
        for log in (1..=GROUPS).map(|group| LogKey::new(group, 0)) {
            append(store, log, 0, LogPlace::First);
            (0..600).for_each(|_| append(store, log, 0, LogPlace::Next));
            append_within(store, log, 0, LogPlace::Next, 2);
        }
    });
}

#[test]
fn many_logs_leave_no_table() {
    holds("64 logs, then two", LOGS + 1, |store| {
        let logs = |from| (from..LOGS).flat_map(|id| (1..=GROUPS).map(move |group| LogKey::new(group, id)));
        logs(0).for_each(|log| append(store, log, 0, LogPlace::First));
        for log in logs(1) {
            let kept = store.keep(log, Duration::ZERO).now_or_never();
            assert!(matches!(kept, Some(Ok(true))), "{kept:?}");
        }
        for group in 1..=GROUPS {
            // What has expired goes when there is a new one.
            append(store, LogKey::new(group, LOGS), 0, LogPlace::Only);
        }
    });
}
