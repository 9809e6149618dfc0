//! Logs in Redis.

use std::time::Duration;

use bytes::Bytes;
use mcp_mount::stores::{Appended, LogEntry, LogKey, LogLimits, LogPage, LogPlace};
use mcp_mount::{Redis, Store};

use crate::redis_server::RedisServer;

const TTL: Duration = Duration::from_secs(60);

fn key(group: u128, id: u128) -> LogKey {
    LogKey::new(group, id)
}

fn limits() -> LogLimits {
    LogLimits::new(4, 100, TTL)
}

/// Logs of a size that only the budget bounds.
fn wide() -> LogLimits {
    LogLimits::new(1_000, 1_000, TTL)
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

struct Logs {
    server: RedisServer,
    store: Redis,
}

impl Logs {
    async fn new(budget: usize) -> Self {
        let server = RedisServer::start();
        let store = Redis::builder(&server.url()).log_budget(budget).connect().await.unwrap();
        Self { server, store }
    }

    async fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> Appended {
        self.store.append(log, entry, limits).await.unwrap()
    }

    async fn page(&self, log: LogKey) -> LogPage {
        self.store.read(log, 0, usize::MAX).await.unwrap().unwrap()
    }

    /// The numbers of what is kept.
    async fn kept(&self, log: LogKey) -> Option<Vec<u64>> {
        let page = self.store.read(log, 0, usize::MAX).await.unwrap();
        page.map(|page| page.entries.iter().map(|(seq, _)| *seq).collect())
    }

    fn number(&self, command: &[&str]) -> u64 {
        self.server.ask::<Option<u64>>(command).unwrap_or_default()
    }

    /// What all logs cost, by all ways to count it.
    fn cost(&self) -> u64 {
        let counted = self.number(&["GET", "{mcp-mount}:lc"]);
        let groups: Vec<(String, u64)> = self.server.ask(&["ZRANGE", "{mcp-mount}:lg", "0", "-1", "WITHSCORES"]);
        let members: Vec<String> = self.server.ask(&["KEYS", "{mcp-mount}:g:*"]);
        assert_eq!(groups.len(), members.len(), "no group is left without logs");
        for (group, cost) in &groups {
            let logs: Vec<(String, u64)> = self.server.ask(&["HGETALL", &format!("{{mcp-mount}}:g:{group}")]);
            assert_eq!(*cost, logs.iter().map(|(_, cost)| cost).sum::<u64>());
            for (log, cost) in logs {
                let of = |field: &str| self.number(&["HGET", &format!("{{mcp-mount}}:m:{group}:{log}"), field]);
                let entries = of("l") + 1 - of("f");
                assert_eq!(entries, self.number(&["LLEN", &format!("{{mcp-mount}}:l:{group}:{log}")]));
                assert_eq!(cost, of("b") + of("s") + 64 * (entries + 1));
            }
        }
        assert_eq!(counted, groups.iter().map(|(_, cost)| cost).sum::<u64>());
        counted
    }
}

#[tokio::test]
async fn a_log_begins_grows_and_ends() {
    let logs = Logs::new(1 << 20).await;
    let log = key(u128::MAX, 1 << 127);
    assert_eq!(logs.append(log, entry(1), limits()).await, Appended::Closed, "it has not begun");
    assert_eq!(logs.kept(log).await, None);
    let about = Bytes::from_static(&[0, 1, 255]);
    assert_eq!(logs.append(log, first(1).about(about.clone()), limits()).await, Appended::Seq(1));
    assert_eq!(logs.append(log, first(1), limits()).await, Appended::Closed, "it has begun");
    assert_eq!(logs.append(log, entry(1).after(2), limits()).await, Appended::Misplaced(1));
    assert_eq!(logs.append(log, entry(2).after(1), limits()).await, Appended::Seq(2));
    assert_eq!(logs.append(log, entry(2).after(1), limits()).await, Appended::Misplaced(2), "once");
    assert!(!logs.page(log).await.closed);
    assert_eq!(logs.append(log, last(3), limits()).await, Appended::Seq(3));
    assert_eq!(logs.append(log, entry(1).after(3), limits()).await, Appended::Closed, "it has ended");
    let page = logs.store.read(log, 1, 1).await.unwrap().unwrap();
    assert_eq!(page, LogPage::new(vec![(2, Bytes::from_static(b"xx"))], 1, 3, true).about(about));
    for (after, max) in [(u64::MAX, 9), (3, 9), (0, 0)] {
        assert!(logs.store.read(log, after, max).await.unwrap().unwrap().entries.is_empty());
    }
    for other in [key(u128::MAX, 1), key(1, 1 << 127)] {
        assert_eq!(logs.kept(other).await, None);
    }
    logs.cost();
}

#[tokio::test]
async fn the_oldest_entries_give_way() {
    let logs = Logs::new(1 << 20).await;
    let log = key(1, 1);
    logs.append(log, first(10).about(Bytes::from_static(b"whose")), limits()).await;
    for _ in 0..5 {
        logs.append(log, entry(10), limits()).await;
    }
    assert_eq!(logs.kept(log).await, Some(vec![3, 4, 5, 6]), "by their number");
    logs.append(log, entry(75), limits()).await;
    assert_eq!(logs.kept(log).await, Some(vec![5, 6, 7]), "by their bytes");
    logs.append(log, entry(200), limits()).await;
    let page = logs.page(log).await;
    assert_eq!((page.entries.len(), page.first, page.last), (1, 8, 8), "the newest is kept whatever its size");
    assert_eq!(page.about, "whose");
    assert_eq!(logs.cost(), 200 + 5 + 128);
}

#[tokio::test]
async fn a_log_lives_from_its_last_entry_or_from_when_it_was_kept() {
    let logs = Logs::new(1 << 20).await;
    let log = key(1, 1);
    logs.append(log, first(1), limits()).await;
    logs.store.advance(Duration::from_secs(59));
    logs.append(log, entry(1), limits()).await;
    logs.store.advance(Duration::from_secs(59));
    assert!(logs.store.keep(log, TTL).await.unwrap());
    logs.store.advance(Duration::from_secs(59));
    assert_eq!(logs.kept(log).await, Some(vec![1, 2]));
    logs.store.advance(Duration::from_secs(2));
    assert_eq!(logs.kept(log).await, None);
    assert!(!logs.store.keep(log, TTL).await.unwrap());
    assert_eq!(logs.append(log, entry(1), limits()).await, Appended::Closed, "it does not begin anew in the middle");
    assert_eq!(logs.cost(), 0, "what has expired is swept by what comes next");
    assert_eq!(logs.append(log, first(1), limits()).await, Appended::Seq(1));
    logs.store.advance(TTL);
    assert_eq!(logs.append(log, first(1), limits()).await, Appended::Seq(1));
    assert_eq!(logs.cost(), 129);
}

#[tokio::test]
async fn a_group_keeps_64_logs() {
    let logs = Logs::new(1 << 20).await;
    for id in 0..64 {
        assert_eq!(logs.append(key(1, id), first(1), limits()).await, Appended::Seq(1));
    }
    assert_eq!(logs.append(key(1, 64), first(1), limits()).await, Appended::Full, "none has ended");
    assert_eq!(logs.append(key(2, 1), first(1), limits()).await, Appended::Seq(1), "another group");
    logs.append(key(1, 7), last(1), limits()).await;
    logs.append(key(1, 3), last(1), limits()).await;
    assert_eq!(logs.append(key(1, 64), first(1), limits()).await, Appended::Seq(1));
    assert_eq!((logs.kept(key(1, 7)).await, logs.kept(key(1, 3)).await), (None, Some(vec![1, 2])), "what ended first");
    logs.cost();
    logs.store.forget(1).await.unwrap();
    assert_eq!(logs.cost(), 129);
}

#[tokio::test]
async fn all_logs_together_have_a_budget() {
    let logs = Logs::new(100_000).await;
    logs.append(key(0, 0), first(1_000), wide()).await;
    for id in 1..400 {
        assert_eq!(logs.append(key(id, id), placed(1_000, LogPlace::Only), wide()).await, Appended::Seq(1));
        assert!(logs.number(&["GET", "{mcp-mount}:lc"]) <= 100_000);
    }
    assert_eq!(logs.kept(key(0, 0)).await, Some(vec![1]), "what has not ended stays");
    assert_eq!(logs.kept(key(399, 399)).await, Some(vec![1]), "and what is new");
    assert!(logs.cost() > 90_000, "no more gives way than has to");
}

#[tokio::test]
async fn one_group_does_not_push_out_what_others_have() {
    let (logs, limits) = (Logs::new(800_000).await, LogLimits::new(100, 5_000, TTL));
    let other = key(2, 1);
    for entry in [first(1_000), entry(1_000), last(1_000)] {
        logs.append(other, entry, limits).await;
    }
    for round in 0..20 {
        for id in 0..60 {
            let entry = if round == 0 { first(1_000) } else { entry(1_000) };
            assert_eq!(logs.append(key(1, id), entry, limits).await, Appended::Seq(round + 1));
            let page = logs.page(key(1, id)).await;
            assert_eq!(page.entries.last().map(|(seq, _)| *seq), Some(round + 1), "what got a number is there");
        }
    }
    assert_eq!(logs.kept(other).await, Some(vec![1, 2, 3]), "another group's");
    let cost = logs.cost();
    assert!((90_000..=100_000 + 5 * 1_064).contains(&cost), "an eighth: {cost}");
    logs.append(key(1, 7), last(1), limits).await;
    logs.append(key(1, 0), entry(900), limits).await;
    logs.append(key(1, 0), entry(900), limits).await;
    assert_eq!(logs.kept(key(1, 7)).await, None, "its own that has ended gives way first");
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_and_nothing_gives_way_to_it() {
    let logs = Logs::new(10_000).await;
    let (small, large) = (key(1, 1), key(1, 2));
    logs.append(small, placed(500, LogPlace::Only), limits()).await;
    assert_eq!(logs.append(large, first(10_000), limits()).await, Appended::Full);
    assert_eq!((logs.kept(large).await, logs.kept(small).await), (None, Some(vec![1])));
    assert_eq!(logs.append(large, first(900), limits()).await, Appended::Seq(1), "there is room for one alone");
    assert_eq!(logs.append(large, entry(1_200), limits()).await, Appended::Full);
    assert_eq!(logs.kept(large).await, Some(vec![1]));
    assert_eq!(logs.append(key(9, 1), first(10_000), limits()).await, Appended::Full);
    assert_eq!(logs.cost(), 900 + 128);
    let whole = LogLimits::new(4, 5_000, TTL);
    for entry in [first(1_000), entry(1_000), entry(1_000), entry(1_000)] {
        assert!(matches!(logs.append(key(3, 1), entry, whole).await, Appended::Seq(_)));
    }
    assert_eq!(logs.kept(key(3, 1)).await, Some(vec![1, 2, 3, 4]), "one whole log, however small the budget");
    logs.cost();
}

#[tokio::test]
async fn a_log_gives_its_place_only_to_one_that_there_is_room_for() {
    let logs = Logs::new(80_000).await;
    let narrow = LogLimits::new(1, 1_000, TTL);
    for id in 0..64 {
        assert_eq!(logs.append(key(1, id), first(10), narrow).await, Appended::Seq(1));
    }
    assert_eq!(logs.append(key(1, 7), last(10), narrow).await, Appended::Seq(2));
    let before = logs.cost();
    // The group may have 10,000, of which it has about 8,000 that do not give way.
    assert_eq!(logs.append(key(1, 64), first(5_000), narrow).await, Appended::Full);
    assert_eq!(logs.kept(key(1, 7)).await, Some(vec![2]), "nothing gave way to what was refused");
    assert_eq!(logs.cost(), before);
    assert_eq!(logs.append(key(1, 64), first(5), narrow).await, Appended::Seq(1));
    assert_eq!(logs.kept(key(1, 7)).await, None);
    assert_eq!(logs.cost(), before - 5, "it took the place of the other, which had as much but for this");
}

#[tokio::test]
async fn no_room_is_looked_for_in_vain_for_what_its_group_may_not_have() {
    let logs = Logs::new(80_000).await;
    let narrow = LogLimits::new(2, 2_000, TTL);
    assert_eq!(logs.append(key(1, 0), first(5_000), narrow).await, Appended::Seq(1));
    // Others have the rest.
    for group in 2..40 {
        logs.append(key(group, 1), first(1_000), narrow).await;
        logs.append(key(group, 1), entry(1_000), narrow).await;
    }
    assert!(logs.cost() > 75_000);
    let searches = || {
        let stats: String = logs.server.ask(&["INFO", "commandstats"]);
        stats.lines().filter(|line| line.starts_with("cmdstat_zrevrange:")).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = searches();
    for _ in 0..20 {
        assert_eq!(logs.append(key(1, 1), first(9_000), narrow).await, Appended::Full);
    }
    assert_eq!(searches(), before);
    assert_eq!(logs.append(key(1, 1), first(4_500), narrow).await, Appended::Seq(1), "there is room for less");
    assert_ne!(searches(), before, "this is how a search is seen");
}

#[tokio::test]
async fn the_groups_that_have_the_most_give_way_first() {
    let (logs, limits) = (Logs::new(80_000).await, LogLimits::new(100, 8_000, TTL));
    let small = key(99, 1);
    logs.append(small, placed(1_000, LogPlace::Only), limits).await;
    for group in 0..40 {
        logs.append(key(group, 1), first(1_000), limits).await;
        for _ in 0..6 {
            assert!(matches!(logs.append(key(group, 1), entry(1_000), limits).await, Appended::Seq(_)));
        }
        assert!(logs.cost() <= 80_000);
    }
    assert_eq!(logs.kept(small).await, Some(vec![1]), "who has little keeps it");
    for group in 0..40 {
        let page = logs.page(key(group, 1)).await;
        assert_eq!(page.entries.last().map(|(seq, _)| *seq), Some(7), "the newest of what runs is there");
    }
}

#[tokio::test]
async fn where_nothing_gives_way_an_entry_is_refused_until_something_may() {
    let logs = Logs::new(20_000).await;
    let mut open = 0;
    while logs.append(key(open, 1), first(1_000), wide()).await == Appended::Seq(1) {
        open += 1;
    }
    assert_eq!(open, 20_000 / 1_128);
    assert_eq!(logs.append(key(0, 1), entry(900), wide()).await, Appended::Seq(2), "in the place of its own oldest");
    assert_eq!(logs.append(key(1, 1), entry(2_000), wide()).await, Appended::Full);
    assert_eq!(logs.append(key(1, 1), last(1_000), wide()).await, Appended::Seq(2));
    assert_eq!(logs.append(key(99, 1), first(1_000), wide()).await, Appended::Seq(1), "in that of what has ended");
    assert_eq!(logs.kept(key(1, 1)).await, None);
    logs.store.advance(TTL);
    assert_eq!(logs.append(key(100, 1), first(1_000), wide()).await, Appended::Seq(1), "and of what has expired");
    assert!(logs.cost() <= 20_000);
}

#[tokio::test]
async fn several_writers_at_one_place_append_each_number_once() {
    let logs = Logs::new(1 << 20).await;
    let other = logs.server.store().await;
    let log = key(1, 1);
    logs.append(log, first(1), wide()).await;
    let writers = (0..20_u64).map(|at| {
        let store = if at % 2 == 0 { logs.store.clone() } else { other.clone() };
        async move {
            let (mut after, value) = (1, Bytes::from(at.to_string()));
            loop {
                let entry = LogEntry::new(value.clone(), LogPlace::Next).after(after);
                match store.append(log, entry, wide()).await.unwrap() {
                    Appended::Seq(seq) => return seq,
                    Appended::Misplaced(newest) => after = newest,
                    refused => panic!("{refused:?}"),
                }
            }
        }
    });
    let mut numbers = futures::future::join_all(writers).await;
    numbers.sort_unstable();
    assert_eq!(numbers, (2..22).collect::<Vec<_>>());
    let mut said: Vec<_> = logs.page(log).await.entries.into_iter().skip(1).map(|(_, value)| value).collect();
    said.sort_unstable();
    said.dedup();
    assert_eq!(said.len(), 20);
}

#[tokio::test]
async fn nothing_lives_for_ever() {
    let logs = Logs::new(1 << 20).await;
    for id in 0..3 {
        logs.append(key(1, id), first(10), limits()).await;
    }
    let keys: Vec<String> = logs.server.ask(&["KEYS", "*"]);
    for key in &keys {
        let left: i64 = logs.server.ask(&["TTL", key]);
        let counter = [":ends", ":appends", ":epoch", ":run"].iter().any(|end| key.ends_with(end));
        assert!(counter || (61..=1_000).contains(&left), "{key}: {left} s");
    }
    // All of a group has ended by itself, and is still counted.
    for key in keys.iter().filter(|key| [":m:", ":l:", ":g:"].iter().any(|part| key.contains(part))) {
        logs.server.ask::<u64>(&["DEL", key]);
    }
    assert_eq!(logs.append(key(1, 9), first(10), limits()).await, Appended::Seq(1));
    assert_eq!(logs.cost(), 138);
    logs.store.advance(TTL);
    logs.append(key(2, 1), first(10), limits()).await;
    assert_eq!(logs.cost(), 138);
}
