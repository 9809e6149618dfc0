//! Stores that break one rule each, and the rule that finds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use mcp_mount::stores::{
    Appended, Cap, Expect, Key, Kind, LogEntry, LogKey, LogLimits, LogPage, LogPlace, LogWatcher, Reserved,
    StoreFuture, Stored,
};
use mcp_mount::testing::{StoreFixture, contract};
use mcp_mount::{Memory, Store};
use tokio::task::yield_now;

use super::finds;

/// What a store does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    LivesTooLong,
    TouchesNothing,
    TouchesAlways,
    ExpectsNothing,
    ComparesBeforeItSwaps,
    HasOneVersion,
    LeavesWhatIsTaken,
    TakesTwice,
    CutsIds,
    MixesKinds,
    HasNoCap,
    EvictsWhatIsInUse,
    HasNoGroups,
    ReservesOver,
    EvictsAllThatAreTooMany,
    LosesWhatOthersHaveInUse,
    MakesRoomForWhatItRefuses,
    ReadsBackwards,
    ReadsAll,
    AppendsAnywhere,
    GoesOnWhenRefused,
    AppendsInSilence,
    BeginsInTheMiddle,
    BeginsTwice,
    NeverEnds,
    AppendsWhatHasEnded,
    LosesWhatIsKnown,
    HasNoLimits,
    HasNoBudget,
    KeepsNothing,
    ForgetsNothing,
    ForgetsOthers,
    TellsNobody,
    SwallowsWords,
    HoldsOn,
    LosesItsEpoch,
}

struct Broken {
    memory: Memory,
    fault: Fault,
    counter: AtomicU64,
}

impl Broken {
    fn key(&self, key: Key) -> Key {
        match self.fault {
            Fault::CutsIds => Key::new(key.kind, u128::from(key.id as u64)),
            Fault::MixesKinds => Key::new(Kind::Session, key.id),
            _ => key,
        }
    }

    fn ttl(&self, ttl: Duration) -> Duration {
        if self.fault == Fault::LivesTooLong { ttl.saturating_add(Duration::from_secs(1)) } else { ttl }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

impl Store for Broken {
    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        let key = self.key(key);
        match self.fault {
            Fault::TouchesNothing => self.memory.get(key, None),
            Fault::TouchesAlways => self.memory.get(key, touch.or(Some(Duration::from_secs(3_600)))),
            Fault::HasOneVersion => {
                let stored = self.memory.get(key, touch).now_or_never().unwrap().unwrap();
                StoreFuture::ready(stored.map(|stored| Stored::new(stored.value, 1)))
            }
            _ => self.memory.get(key, touch),
        }
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        let (key, ttl) = (self.key(key), self.ttl(ttl));
        match (self.fault, expect) {
            (Fault::ExpectsNothing, _) => self.memory.put(key, value, ttl, Expect::Any),
            (Fault::ComparesBeforeItSwaps, Expect::Version(version)) => StoreFuture::Boxed(Box::pin(async move {
                let stored = self.memory.get(key, None).await?;
                if stored.is_none_or(|stored| stored.version != version) {
                    return Ok(false);
                }
                yield_now().await;
                self.memory.put(key, value, ttl, Expect::Any).await
            })),
            _ => self.memory.put(key, value, ttl, expect),
        }
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        let key = self.key(key);
        match self.fault {
            Fault::LeavesWhatIsTaken => self.memory.get(key, None),
            Fault::TakesTwice => StoreFuture::Boxed(Box::pin(async move {
                let stored = self.memory.get(key, None).await?;
                yield_now().await;
                self.memory.take(key).await?;
                Ok(stored)
            })),
            _ => self.memory.take(key),
        }
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, mut cap: Cap) -> StoreFuture<'_, Reserved> {
        match self.fault {
            Fault::HasNoCap => cap.max = usize::MAX,
            Fault::EvictsWhatIsInUse => cap.idle = Duration::ZERO,
            Fault::HasNoGroups => cap.group = None,
            Fault::ReservesOver => {
                let _ = self.memory.take(key).now_or_never();
            }
            _ => {}
        }
        let mut reserved = self.memory.reserve(self.key(key), value, self.ttl(ttl), cap);
        if self.is(Fault::EvictsAllThatAreTooMany)
            && let StoreFuture::Ready(Some(Ok(Reserved::Evicted(gone)))) = &mut reserved
        {
            let _ = self.memory.take(Key::new(gone.kind, gone.id + 1)).now_or_never();
        }
        reserved
    }

    fn append(&self, log: LogKey, mut entry: LogEntry, mut limits: LogLimits) -> StoreFuture<'_, Appended> {
        let there = self.memory.read(log, 0, 1).now_or_never().unwrap().unwrap();
        match (self.fault, entry.place) {
            (Fault::AppendsAnywhere, _) => entry.after = None,
            (Fault::BeginsInTheMiddle, _) if there.is_none() => entry.place = LogPlace::First,
            (Fault::BeginsTwice, LogPlace::First) if there.is_some() => entry.place = LogPlace::Next,
            (Fault::NeverEnds, LogPlace::Last) => entry.place = LogPlace::Next,
            (Fault::AppendsWhatHasEnded, LogPlace::Next | LogPlace::Last) => {
                (entry.place, entry.after) = (LogPlace::Next, None);
            }
            (Fault::LosesWhatIsKnown, _) => entry.about = Bytes::new(),
            (Fault::HasNoLimits, _) => (limits.entries, limits.bytes) = (usize::MAX, usize::MAX),
            // As a store would that drops whole logs, wherever they are.
            (Fault::LosesWhatOthersHaveInUse, LogPlace::First) => {
                let _ = self.memory.forget(log.group.wrapping_sub(1)).now_or_never();
            }
            _ => {}
        }
        let begins = entry.place.begins();
        let appended = self.memory.append(log, entry, limits);
        if begins
            && self.is(Fault::MakesRoomForWhatItRefuses)
            && matches!(appended, StoreFuture::Ready(Some(Ok(Appended::Full))))
        {
            let first = LogKey::new(log.group, 1);
            let page = self.memory.read(first, 0, 1).now_or_never().unwrap().unwrap();
            if page.is_some_and(|page| page.closed) {
                let _ = self.memory.keep(first, Duration::ZERO).now_or_never();
            }
        }
        appended
    }

    fn append_at_once(&self, log: LogKey, entries: &[LogEntry], limits: LogLimits) -> Option<Appended> {
        match self.fault {
            Fault::GoesOnWhenRefused => {
                let append = |entry: &LogEntry| self.memory.append(log, entry.clone(), limits).now_or_never();
                let appended: Vec<_> = entries.iter().map(|entry| append(entry).unwrap().unwrap()).collect();
                let refused = appended.iter().find(|appended| !matches!(appended, Appended::Seq(_)));
                refused.or(appended.last()).copied()
            }
            Fault::AppendsInSilence => {
                let _ = self.memory.append_at_once(log, entries, limits);
                None
            }
            _ => None,
        }
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        let max = if self.is(Fault::ReadsAll) { usize::MAX } else { max };
        let mut page = self.memory.read(log, after, max).now_or_never().unwrap().unwrap();
        if let Some(page) = page.as_mut().filter(|_| self.is(Fault::ReadsBackwards)) {
            page.entries.reverse();
        }
        StoreFuture::ready(page)
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        if self.is(Fault::KeepsNothing) { StoreFuture::ready(true) } else { self.memory.keep(log, ttl) }
    }

    fn watch(&self, watcher: LogWatcher) {
        match self.fault {
            Fault::TellsNobody => {}
            Fault::HoldsOn => self.memory.watch(LogWatcher::new(move |news| {
                let _ = watcher.tell(news);
                true
            })),
            _ => self.memory.watch(watcher),
        }
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        if self.is(Fault::SwallowsWords) { StoreFuture::ready(()) } else { self.memory.tell(log, word) }
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        if self.is(Fault::LosesItsEpoch) {
            return StoreFuture::ready(self.counter.fetch_add(1, Ordering::Relaxed));
        }
        self.memory.epoch()
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        match self.fault {
            Fault::ForgetsNothing => StoreFuture::ready(()),
            Fault::ForgetsOthers => {
                let _ = self.memory.forget(group + 1).now_or_never();
                self.memory.forget(group)
            }
            _ => self.memory.forget(group),
        }
    }
}

impl StoreFixture for Fault {
    async fn store(&mut self, log_budget: usize) -> Arc<dyn Store> {
        let log_budget = if *self == Fault::HasNoBudget { usize::MAX } else { log_budget };
        let memory = Memory::with_log_budget(log_budget);
        Arc::new(Broken { memory, fault: *self, counter: AtomicU64::new(0) })
    }

    async fn pass(&mut self, time: Duration) {
        tokio::time::advance(time).await;
    }
}

/// A test for each fault.
macro_rules! found_out {
    ($($test:ident: $fault:ident by $topic:ident :: $rule:ident, $text:literal;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $test() {
                let mut fixture = Fault::$fault;
                finds(contract::$topic::$rule(&mut fixture), $text).await;
            }
        )*
    };
}

found_out! {
    a_value_that_lives_too_long: LivesTooLong by lives::a_value_expires, "put: it lives no longer";
    a_touch_that_is_none: TouchesNothing by lives::a_touched_value_lives_from_then_on, "get: ";
    a_read_that_touches: TouchesAlways by lives::a_value_expires, "reading it did not lengthen its life";
    a_write_over_what_was_not_expected: ExpectsNothing by values::a_write_happens_if_what_is_there_is_expected, "put: ";
    a_swap_in_two_steps: ComparesBeforeItSwaps by values::no_update_is_lost, "put: an update by version was lost";
    versions_that_stay: HasOneVersion by values::each_write_has_a_version_of_its_own, "put: ";
    what_was_taken_is_there: LeavesWhatIsTaken by values::what_is_written_is_read, "take: removes the value";
    what_was_taken_twice: TakesTwice by values::one_of_many_takes_a_value, "take: of many at once, one gets";
    ids_cut_short: CutsIds by values::all_bits_of_an_id_count, "put: no other value has the id";
    kinds_in_one: MixesKinds by values::kinds_are_apart, "put: no other kind counts";
    more_than_the_cap: HasNoCap by caps::at_the_cap_nothing_in_use_gives_way, "reserve: ";
    more_than_the_cap_at_once: HasNoCap by caps::no_more_than_the_cap_at_once, "reserve: of forty at once";
    the_live_gave_way: EvictsWhatIsInUse by caps::a_live_value_never_gives_way, "reserve: ";
    groups_without_caps: HasNoGroups by caps::a_group_is_full_by_itself, "reserve: ";
    what_was_there_is_replaced: ReservesOver by caps::a_value_that_is_there_stays, "reserve: there is a value";
    more_than_one_gave_way: EvictsAllThatAreTooMany by caps::a_cap_that_became_smaller_is_come_down_to, "and no other";
    logs_gave_way_to_nothing: MakesRoomForWhatItRefuses by bounds::nothing_gives_way_to_what_is_refused, "append: nothing";
    logs_that_go_on_gave_way: LosesWhatOthersHaveInUse by bounds::all_logs_share_the_budget, "append: ";
    entries_read_backwards: ReadsBackwards by logs::entries_are_numbered_by_one, "read: in the order of the numbers";
    more_than_a_page: ReadsAll by logs::a_log_is_read_by_pages, "read: ";
    entries_at_any_place: AppendsAnywhere by places::an_entry_comes_right_behind_another, "append: ";
    entries_appended_twice: AppendsAnywhere by logs::writers_that_know_the_last_append_once, "append: ";
    entries_appended_after_a_hole: GoesOnWhenRefused by logs::entries_are_appended_in_a_row, "append_at_once: what came";
    entries_that_nobody_knows_of: AppendsInSilence by logs::entries_are_appended_in_a_row, "append_at_once: `None` is";
    logs_begun_in_the_middle: BeginsInTheMiddle by places::a_log_begins_with_a_first_entry, "append: ";
    logs_begun_twice: BeginsTwice by places::a_log_begins_once, "append: the log is there already";
    logs_without_an_end: NeverEnds by places::nothing_is_appended_to_a_log_that_has_ended, "append: the log has ended";
    logs_ended_twice: AppendsWhatHasEnded by places::one_of_many_ends_a_log, "append: ";
    logs_of_nobody: LosesWhatIsKnown by logs::what_is_known_of_a_log_is_kept, "read: what the first entry said";
    logs_without_limits: HasNoLimits by bounds::the_newest_entries_are_kept, "append: the newest three are kept";
    logs_without_a_budget: HasNoBudget by bounds::all_logs_share_the_budget, "though logs may take";
    room_for_anything: HasNoBudget by bounds::what_is_too_large_is_refused, "append: it is larger";
    logs_not_kept: KeepsNothing by lives::a_log_that_is_kept_lives_from_then_on, "keep: ";
    logs_not_forgotten: ForgetsNothing by logs::a_group_is_forgotten, "forget: all logs of the group";
    others_forgotten: ForgetsOthers by logs::a_group_is_forgotten, "forget: no other group's logs";
    news_for_nobody: TellsNobody by watching::a_watcher_is_told_of_logs, "watch: a log that is appended to";
    words_swallowed: SwallowsWords by watching::a_watcher_is_told_words, "tell: a word";
    watchers_held_for_ever: HoldsOn by watching::who_wants_no_more_is_let_go, "watch: who answers `false` is let go";
    an_epoch_that_moves: LosesItsEpoch by logs::the_epoch_stays, "epoch: ";
}
