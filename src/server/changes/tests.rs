use super::*;

fn filter(uris: &[&str]) -> Filter {
    let resource_subscriptions = uris.iter().map(ToString::to_string).collect();
    Filter { tools_list_changed: true, resource_subscriptions, ..Filter::default() }
}

const NOTHING: [&str; 0] = [];

fn short(change: &Change) -> String {
    match change {
        Change::List(list) => format!("{list:?}"),
        Change::Resource(uri) => uri.to_string(),
    }
}

fn told(watcher: &Watcher) -> Vec<String> {
    watcher.news().iter().map(|news| short(&news.change)).collect()
}

#[test]
fn only_what_was_asked_for_is_told_and_once() {
    let changes = Arc::new(Changes::default());
    let watcher = changes.watch(filter(&["a", "b"]));
    for _ in 0..3 {
        changes.list_changed(ChangedList::Tools);
        changes.list_changed(ChangedList::Prompts);
        changes.resource_updated("b");
        changes.resource_updated("c");
    }
    assert_eq!(told(&watcher), ["Tools", "b"]);
    assert_eq!(told(&watcher), NOTHING);
}

#[test]
fn a_resource_that_was_unsubscribed_from_is_no_longer_told() {
    let changes = Arc::new(Changes::default());
    let watcher = changes.watch(filter(&["a", "b"]));
    changes.resource_updated("a");
    changes.resource_updated("b");
    watcher.set_subscriptions(vec!["b".into()]);
    assert_eq!(told(&watcher), ["b"]);
}

#[test]
fn a_subscription_is_not_lost_to_what_was_read_before_it() {
    let changes = Arc::new(Changes::default());
    let watcher = changes.watch(filter(&["a"]));
    watcher.subscribe("b", true);
    watcher.set_subscriptions(vec!["a".into(), "c".into()]);
    for uri in ["a", "b", "c"] {
        changes.resource_updated(uri);
    }
    assert_eq!(told(&watcher).len(), 3);
    assert!(watcher.take_outdated());
    watcher.set_subscriptions(vec!["a".into()]);
    for uri in ["a", "b", "c"] {
        changes.resource_updated(uri);
    }
    assert_eq!(told(&watcher), ["a"]);
}

#[test]
fn nothing_is_kept_of_who_went_away() {
    let changes = Arc::new(Changes::default());
    drop(changes.watch(filter(&["a"])));
    assert!(lock(&changes.inner).watches.is_empty());
}

fn mark(changes: &Changes, number: u64) -> Mark {
    Mark { number, ..changes.known() }
}

/// One who has been told up to here.
fn since(changes: &Arc<Changes>, number: u64) -> Watcher {
    changes.watch_since(filter(&["a", "b"]), Some(mark(changes, number)), None)
}

#[test]
fn who_comes_back_is_told_what_came_after() {
    let changes = Arc::new(Changes::default());
    for uri in ["a", "b", "c", "a"] {
        changes.resource_updated(uri);
    }
    changes.list_changed(ChangedList::Tools);
    for (number, expected) in [
        (0, &["b", "a", "Tools"][..]),
        (1, &["b", "a", "Tools"][..]),
        (2, &["a", "Tools"][..]),
        (4, &["Tools"][..]),
        (5, &NOTHING[..]),
    ] {
        let watcher = since(&changes, number);
        assert_eq!(watcher.position(), Position::After(number));
        assert_eq!(told(&watcher), expected, "after {number}");
        assert_eq!(watcher.position(), Position::After(5));
    }
    let watcher = since(&changes, 2);
    changes.resource_updated("a");
    let numbers: Vec<_> = watcher.news().iter().map(|news| news.number).collect();
    assert_eq!(numbers, [Some(5), Some(6)], "each under the number of its latest change");
}

#[test]
fn who_has_missed_too_much_is_told_everything() {
    let changes = Arc::new(Changes::default());
    let lost = |watcher: &Watcher| {
        assert_eq!(watcher.position(), Position::Lost);
        let news = watcher.news();
        let numbers: Vec<_> = news.iter().map(|news| news.number).collect();
        assert!(
            numbers[..2] == [None, None] && numbers[2].is_some(),
            "only who has been told all may go on from there"
        );
        let mut told: Vec<_> = news.iter().map(|news| short(&news.change)).collect();
        told.sort();
        assert_eq!(told, ["Tools", "a", "b"]);
        assert_eq!(watcher.position(), Position::After(numbers[2].unwrap()));
        numbers[2].unwrap()
    };
    lost(&since(&changes, 1));
    lost(&changes.watch_since(filter(&["a", "b"]), Some(mark(&changes, u64::MAX)), None));
    for n in 0..3_000 {
        changes.resource_updated(&format!("other://{n}"));
    }
    let number = lost(&since(&changes, 10));
    assert_eq!(told(&since(&changes, number)), NOTHING, "and goes on from there");
}

#[test]
fn who_takes_over_is_as_far_as_who_was_there() {
    let changes = Arc::new(Changes::default());
    let before = changes.watch(filter(&["a", "b"]));
    changes.resource_updated("a");
    changes.resource_updated("b");
    changes.resource_updated("a");
    let after = changes.watch_since(filter(&["b"]), None, Some(&before));
    assert_eq!(after.position(), Position::After(0), "what it has not been told");
    assert_eq!(told(&after), ["b", "a"], "and what it has subscribed to");
    changes.resource_updated("a");
    assert_eq!((told(&after), told(&before)), (vec!["a".to_owned()], vec![]), "a change is told on one of them");
}

#[test]
fn what_was_told_before_the_seat_was_taken_is_not_told_again() {
    let changes = Arc::new(Changes::default());
    let before = changes.watch(filter(&["a"]));
    changes.resource_updated("a");
    assert_eq!(told(&before), ["a"]);
    let after = changes.watch_since(filter(&["a"]), None, Some(&before));
    assert_eq!((told(&after), told(&before)), (vec![], vec![]));
    let again = changes.watch_since(filter(&["a"]), Some(mark(&changes, 0)), Some(&after));
    assert_eq!(told(&again), ["a"], "but to who comes back for it");
    drop((before, after));
    changes.resource_updated("a");
    assert_eq!(told(&again), ["a"], "who leaves late does not take the place along");
}

/// What was read of a log that keeps `first` to `last`.
fn page(entries: &[(u64, &'static str)], first: u64, last: u64) -> LogPage {
    let entries = entries.iter().map(|(number, entry)| (*number, (*entry).into())).collect();
    LogPage::new(entries, first, last, false)
}

#[test]
fn what_is_read_of_a_log_is_told_once_under_its_numbers() {
    let changes = Arc::new(Changes::default());
    let epoch = changes.known().epoch;
    let watcher = changes.watch(filter(&["a", "b"]));
    changes.take(epoch, &page(&[(1, ""), (2, "ua"), (3, "t")], 1, 3));
    changes.take(epoch, &page(&[(2, "ua"), (3, "t"), (4, "ub")], 1, 4));
    let news: Vec<_> = watcher.news().iter().map(|news| (news.number, short(&news.change))).collect();
    assert_eq!(news, [(Some(2), "a".to_owned()), (Some(3), "Tools".to_owned()), (Some(4), "b".to_owned())]);
    assert_eq!(told(&since(&changes, 2)), ["Tools", "b"]);
}

#[test]
fn what_is_missing_of_a_log_is_everything() {
    for (missing, number) in [
        (page(&[(5, ""), (6, "")], 5, 6), 4),
        (page(&[], 5, 4), 4),
        (page(&[], 1, 2), 2),
        (page(&[(4, "*")], 1, 4), 4),
        (page(&[(4, "of a later version")], 1, 4), 4),
    ] {
        let changes = Arc::new(Changes::default());
        let epoch = changes.known().epoch;
        let watcher = changes.watch(filter(&["a"]));
        changes.take(epoch, &page(&[(1, ""), (2, "ua"), (3, "")], 1, 3));
        changes.take(epoch, &missing);
        let news = watcher.news();
        let last = news.last().map(|news| (news.number, news.everything));
        assert_eq!((news.len(), last), (2, Some((Some(number), true))), "{missing:?}");
        assert_eq!(since(&changes, 1).position(), Position::Lost, "{missing:?}");
    }
}

#[test]
fn another_log_has_other_numbers() {
    let changes = Arc::new(Changes::default());
    let (epoch, watcher) = (changes.known().epoch, changes.watch(filter(&["a"])));
    changes.take(epoch, &page(&[(1, ""), (2, "ua")], 1, 2));
    let before = mark(&changes, 2);
    changes.take(epoch ^ 1, &page(&[(1, ""), (2, "ua"), (3, "")], 1, 3));
    assert_eq!(watcher.stand(), (epoch ^ 1, Position::Lost));
    let news: Vec<_> = watcher.news().iter().map(|news| (news.epoch, news.number, short(&news.change))).collect();
    assert_eq!(news, [(epoch ^ 1, None, "Tools".to_owned()), (epoch ^ 1, Some(2), "a".to_owned())]);
    let back = changes.watch_since(filter(&["a"]), Some(before), None);
    assert_eq!(back.position(), Position::Lost, "the same number is another change");
}
