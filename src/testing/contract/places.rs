//! Places: where in its log an entry belongs, and that it is refused elsewhere.

use super::StoreFixture;
use super::subject::{Subject, bytes, first, last, next, only, subject};
use super::together::at_once;
use crate::stores::{Appended, LogEntry, LogKey, LogLimits};

const LOG: LogKey = LogKey { group: 1, id: 1 };

async fn begin(store: &Subject, entries: u64) {
    for number in 1..=entries {
        let entry = if number == 1 { first("1") } else { next(&number.to_string()) };
        assert_eq!(store.append(LOG, entry).await, Appended::Seq(number), "append: there is room");
    }
}

/// Asserts that an entry is refused, and that the log is what it was.
async fn refused(store: &Subject, entry: LogEntry, how: Appended, why: &str) {
    let before = store.read(LOG).await;
    assert_eq!(store.append(LOG, entry).await, how, "append: {why}");
    assert_eq!(store.read(LOG).await, before, "append: what is refused changes nothing ({why})");
}

/// `Next` and `Last` make no log.
pub async fn a_log_begins_with_a_first_entry(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    for entry in [next("n"), last("l"), next("n").after(0), last("l").after(3)] {
        refused(&store, entry, Appended::Closed, "only a first entry makes a log").await;
    }
    assert_eq!(store.read(LOG).await, None, "append: what is refused makes no log");
    assert_eq!(store.append(LOG, first("f")).await, Appended::Seq(1), "append: what was refused took no number");
}

/// `First` and `Only` find no log.
pub async fn a_log_begins_once(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    begin(&store, 2).await;
    for entry in [first("f"), only("o"), first("f").after(2), first("f").about(bytes("a"))] {
        refused(&store, entry, Appended::Closed, "the log is there already").await;
    }
    assert_eq!(store.append(LOG, last("3")).await, Appended::Seq(3), "append: the log goes on all the same");
    for entry in [first("f"), only("o")] {
        refused(&store, entry, Appended::Closed, "the log is there, though it has ended").await;
    }
}

/// What comes after `Last` is refused.
pub async fn nothing_is_appended_to_a_log_that_has_ended(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    begin(&store, 2).await;
    assert_eq!(store.append(LOG, last("3")).await, Appended::Seq(3), "append: it ends");
    for entry in [next("n"), last("l"), next("n").after(3), last("l").after(3), next("n").after(1)] {
        refused(&store, entry, Appended::Closed, "the log has ended, whatever place was meant").await;
    }
    let page = store.read(LOG).await.expect("read: a log that has ended is kept");
    assert!(page.closed, "read: it has ended");
    assert_eq!((page.entries.len(), page.first, page.last), (3, 1, 3), "read: all of it");
}

/// `Only` makes a log that has ended.
pub async fn one_entry_is_a_whole_log(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    assert_eq!(store.append(LOG, only("all").after(9)).await, Appended::Seq(1), "append: `after` means nothing here");
    let page = store.read(LOG).await.expect("read: it is there");
    assert!(page.closed, "read: it has ended");
    assert_eq!((page.entries, page.first, page.last), (vec![(1, bytes("all"))], 1, 1), "read: the one entry");
    for entry in [next("n"), last("l"), only("o"), first("f")] {
        refused(&store, entry, Appended::Closed, "the log has ended").await;
    }
}

/// An entry that has to come right behind another is appended there or not at all.
pub async fn an_entry_comes_right_behind_another(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    assert_eq!(store.append(LOG, first("1").after(9)).await, Appended::Seq(1), "append: `after` means nothing here");
    assert_eq!(store.append(LOG, next("2").after(1)).await, Appended::Seq(2), "append: right behind the newest");
    for after in [0, 1, 3, u64::MAX] {
        for entry in [next("n"), last("l")] {
            let why = "not right behind the newest, whose number is told";
            refused(&store, entry.after(after), Appended::Misplaced(2), why).await;
        }
    }
    assert_eq!(store.append(LOG, next("3")).await, Appended::Seq(3), "append: without `after` anywhere");
    // The newest is known by its number also when those before it are gone.
    let limits = LogLimits::new(1, 1 << 20, store.long);
    assert_eq!(store.append_within(LOG, next("4").after(3), limits).await, Appended::Seq(4), "append: behind it");
    refused(&store, next("n").after(1), Appended::Misplaced(4), "not right behind the newest").await;
    assert_eq!(store.append(LOG, last("5").after(4)).await, Appended::Seq(5), "append: an end behind the newest");
}

/// Who does not know whether an entry was appended appends it again, and learns that it was.
pub async fn an_entry_that_was_appended_is_not_appended_again(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    begin(&store, 1).await;
    for number in 2..6 {
        let entry = next(&number.to_string()).after(number - 1);
        assert_eq!(store.append(LOG, entry.clone()).await, Appended::Seq(number), "append: right behind the newest");
        for _ in 0..2 {
            refused(&store, entry.clone(), Appended::Misplaced(number), "it is there already, as the newest").await;
        }
    }
}

/// Of many that end a log behind the same entry, one does: so it is judged once that a writer is dead.
pub async fn one_of_many_ends_a_log(fixture: &mut impl StoreFixture) {
    let store = subject(fixture).await;
    begin(&store, 3).await;
    let handles = [store.clone(), store.another(fixture).await];
    let appended = at_once(30, move |task| {
        let store = handles[task % 2].clone();
        let text = task.to_string();
        // One in three goes on instead.
        let entry = if task % 3 == 0 { next(&text) } else { last(&text) };
        async move { (task, store.append(LOG, entry.after(3)).await) }
    })
    .await;
    let through: Vec<_> = appended.iter().filter(|(_, appended)| *appended == Appended::Seq(4)).collect();
    assert_eq!(through.len(), 1, "append: one of many comes right behind an entry: {appended:?}");
    let (winner, _) = through[0];
    let others = if winner % 3 == 0 { Appended::Misplaced(4) } else { Appended::Closed };
    assert!(
        appended.iter().all(|(task, appended)| task == winner || *appended == others),
        "append: all others are told {others:?}: {appended:?}"
    );
    let kept = store.kept(LOG).await.unwrap_or_default();
    assert_eq!(kept.last(), Some(&(4, winner.to_string())), "append: the one that was told so is there");
    assert_eq!(kept.len(), 4, "append: nobody else is");
}
