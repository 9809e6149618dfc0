//! What a store is held to: the rules of the trait [`Store`], each as a test.
//!
//! A rule is a function that panics when a store breaks it. [`store_contract!`](super::store_contract) makes a test of each.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::Store;

pub mod bounds;
pub mod caps;
pub mod lives;
pub mod logs;
pub mod losses;
pub mod places;
mod subject;
mod together;
pub mod values;
pub mod watching;

/// Makes stores for [`store_contract!`](super::store_contract), and lets time pass for them.
///
/// Each rule has a fixture of its own, which is asked for one store.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use mcp_mount::testing::StoreFixture;
/// use mcp_mount::{Memory, Store};
///
/// struct InMemory;
///
/// impl InMemory {
///     async fn new() -> Self {
///         // Not for a store with a socket or a thread behind it: the clock would run ahead of its answers.
///         tokio::time::pause();
///         Self
///     }
/// }
///
/// impl StoreFixture for InMemory {
///     async fn store(&mut self, log_budget: usize) -> Arc<dyn Store> {
///         Arc::new(Memory::with_log_budget(log_budget))
///     }
///
///     async fn pass(&mut self, time: Duration) {
///         tokio::time::advance(time).await;
///     }
/// }
/// ```
pub trait StoreFixture {
    /// A store that is empty, whose logs may take `log_budget` bytes together.
    fn store(&mut self, log_budget: usize) -> impl Future<Output = Arc<dyn Store>>;

    /// The same store as another process has it: with a connection of its own. Default: the same handle, for a store that
    /// one process has for itself. With it the rules about several processes, such as
    /// [`watching::another_process_is_told`], see one, and show nothing of several.
    fn another(&mut self, store: &Arc<dyn Store>) -> impl Future<Output = Arc<dyn Store>> {
        std::future::ready(Arc::clone(store))
    }

    /// Loses all that the store keeps, as when what it is kept in starts anew with nothing on its disk. All handles go on,
    /// and answer again within a few seconds. Answers whether it did. Default: `false`, for what cannot be lost while it is
    /// in use, such as the memory of the process. With it the rules of [`losses`] show nothing.
    fn lose(&mut self, _store: &Arc<dyn Store>) -> impl Future<Output = bool> {
        std::future::ready(false)
    }

    /// Lets `time` pass for the store, in all its handles. By a clock of the store's that can be set, or by waiting for so
    /// long.
    fn pass(&mut self, time: Duration) -> impl Future<Output = ()>;

    /// By which steps the rules let time pass. A rule passes at most ten of them, and must do what it does in between within
    /// one. Default: a minute. A store whose fixture can only wait takes some hundred milliseconds.
    fn step(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// Makes a test of each rule of [`Store`](crate::Store), in a module of the given name.
///
/// The fixture is made anew for each test, in an async function. `tokio` must be among the dependencies, with the features
/// `macros`, `rt` and `time`; an attribute before the name replaces `#[tokio::test]`.
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use mcp_mount::{Memory, Store};
/// # use mcp_mount::testing::StoreFixture;
/// # struct InMemory;
/// # impl InMemory { async fn new() -> Self { tokio::time::pause(); Self } }
/// # impl StoreFixture for InMemory {
/// #     async fn store(&mut self, log_budget: usize) -> Arc<dyn Store> { Arc::new(Memory::with_log_budget(log_budget)) }
/// #     async fn pass(&mut self, time: Duration) { tokio::time::advance(time).await; }
/// # }
/// mcp_mount::testing::store_contract!(in_memory, InMemory::new().await);
/// # fn main() {}
/// ```
///
/// With threads: `store_contract!(#[tokio::test(flavor = "multi_thread")] my_store, MyFixture::new().await)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_contract {
    (#[$test:meta] $name:ident, $fixture:expr $(,)?) => {
        mod $name {
            #[allow(unused_imports, reason = "what the fixture is made of")]
            use super::*;

            $crate::__store_contract! { @ #[$test] $fixture;
                values::what_is_written_is_read
                values::any_bytes_are_a_value
                values::all_bits_of_an_id_count
                values::kinds_are_apart
                values::a_write_happens_if_what_is_there_is_expected
                values::a_refused_write_changes_nothing
                values::each_write_has_a_version_of_its_own
                values::no_update_is_lost
                values::one_of_many_makes_a_value
                values::one_of_many_takes_a_value
                lives::a_value_expires
                lives::a_touched_value_lives_from_then_on
                lives::a_write_begins_a_new_life
                lives::a_life_may_be_longer_than_can_be_counted
                lives::a_log_lives_from_its_last_entry
                lives::a_log_that_is_kept_lives_from_then_on
                lives::a_log_that_has_expired_is_gone
                caps::at_the_cap_nothing_in_use_gives_way
                caps::what_is_idle_the_longest_gives_way
                caps::reads_and_writes_that_touch_keep_a_value
                caps::a_live_value_never_gives_way
                caps::what_is_gone_leaves_room
                caps::all_values_of_a_kind_count
                caps::a_value_that_is_there_stays
                caps::one_of_many_reserves_a_value
                caps::a_group_is_full_by_itself
                caps::in_a_full_group_its_own_give_way
                caps::a_value_stays_in_its_group
                caps::a_refusal_takes_no_place
                caps::a_cap_that_became_smaller_is_come_down_to
                caps::no_more_than_the_cap_at_once
                logs::entries_are_numbered_by_one
                logs::entries_are_appended_in_a_row
                logs::any_bytes_are_an_entry
                logs::all_bits_of_a_name_count
                logs::a_log_is_read_by_pages
                logs::writers_get_numbers_of_their_own
                logs::writers_that_know_the_last_append_once
                logs::what_is_known_of_a_log_is_kept
                logs::a_group_is_forgotten
                logs::the_epoch_stays
                logs::work_that_nobody_waits_for_does_no_harm
                logs::runtimes_share_a_store
                losses::a_loss_is_another_epoch
                losses::no_version_is_used_again
                losses::watchers_are_told_of_a_loss
                places::a_log_begins_with_a_first_entry
                places::a_log_begins_once
                places::nothing_is_appended_to_a_log_that_has_ended
                places::one_entry_is_a_whole_log
                places::an_entry_comes_right_behind_another
                places::an_entry_that_was_appended_is_not_appended_again
                places::one_of_many_ends_a_log
                bounds::the_newest_entries_are_kept
                bounds::the_newest_bytes_are_kept
                bounds::all_logs_share_the_budget
                bounds::a_group_does_not_take_all
                bounds::a_group_has_so_many_logs
                bounds::what_is_too_large_is_refused
                bounds::nothing_gives_way_to_what_is_refused
                bounds::what_has_ended_gives_way_first
                watching::a_watcher_is_told_of_logs
                watching::a_watcher_is_told_words
                watching::each_watcher_is_told
                watching::another_process_is_told
                watching::who_wants_no_more_is_let_go
            }
        }
    };
    ($name:ident, $fixture:expr $(,)?) => {
        $crate::__store_contract!(#[tokio::test] $name, $fixture);
    };
    (@ #[$test:meta] $fixture:expr; $($topic:ident :: $rule:ident)*) => {
        $(
            #[$test]
            async fn $rule() {
                let mut fixture = $fixture;
                $crate::testing::contract::$topic::$rule(&mut fixture).await;
            }
        )*
    };
}
