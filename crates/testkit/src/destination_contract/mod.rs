//! The contract of destinations as tests: what every kind of destination must do, whatever it is made of.
//!
//! A [`Subject`] goes in: a way to open one place again and again, and to read its tables back. Each case is a
//! function that panics where the destination breaks its word; `destination_contract!` makes a test of each. Records
//! go through the real builders of `columnar`, so that types, widening and child tables are those of a run. It
//! deliberately looks only at what a reader of the tables can see, and closes the destination before it looks.
//!
//! ```
//! # fn main() {}
//! use spile_testkit::memory_destination::MemoryPlace;
//!
//! // Any type that implements `Subject`, fresh for each test.
//! spile_testkit::destination_contract!(async { MemoryPlace::new() });
//! ```

pub mod append;
pub mod children;
pub mod evolution;
pub mod ledger;
pub mod merge;
pub mod names;
pub mod progress;
pub mod replace;
mod session;
pub mod values;
mod view;

use async_trait::async_trait;
use serde_json::{Map, Value};
use spile_destination::Destination;

pub use self::session::{Session, Stream, Writing, stream};
pub use self::view::{Table, table};

/// One place for tables, empty at first, that the cases open, write, close and read.
///
/// Values are read back so: integers and floats as numbers, decimals as text with all their digits, times as ISO 8601
/// text, JSON columns as the value that their text says, structs as objects, lists as arrays, absent values as null.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens the place for a run of the pipeline `contract`; what an earlier opening committed is there.
    async fn open(&self) -> Box<dyn Destination>;

    /// All rows of a table with all their columns, in any order; none where there is no such table. No destination is
    /// open while it is called.
    async fn rows(&self, table: &str) -> Vec<Map<String, Value>>;

    /// The names of all tables, Spile's own and staging tables included. No destination is open while it is called.
    async fn tables(&self) -> Vec<String>;
}

/// Makes a test of each case of the contract. Takes an expression whose future is a fresh [`Subject`].
///
/// It is a macro because a function cannot define tests; the list of cases is here and nowhere else.
#[macro_export]
macro_rules! destination_contract {
    ($subject:expr) => {
        $crate::destination_contract! { @each $subject;
            append: {
                rows_are_added_by_each_run,
                rows_of_an_unfinished_read_are_removed_by_the_one_that_reads_them_again,
                rows_of_an_unfinished_read_stay_until_the_first_commit_of_the_next,
                a_run_that_was_broken_off_leaves_no_copy,
                every_other_run_keeps_its_rows,
                rows_that_the_table_has_are_left_out_when_asked,
                a_batch_without_rows_moves_progress_alone,
            }
            replace: {
                a_first_run_fills_the_table,
                the_table_is_swapped_only_when_the_stream_is_complete,
                an_incomplete_stream_leaves_the_table,
                an_abandoned_run_leaves_nothing_behind,
                a_complete_run_without_rows_empties_the_table,
                the_new_rows_may_have_other_columns,
                a_stream_leaves_alone_what_another_with_a_similar_name_fills,
            }
            merge: {
                a_row_takes_the_place_of_the_one_with_its_key,
                a_row_with_an_earlier_cursor_does_not,
                a_row_without_a_cursor_is_older_than_any_that_has_one,
                the_last_write_wins_inside_a_batch_and_between_batches,
                without_a_cursor_the_last_write_wins,
                several_columns_may_be_the_key,
                writing_the_same_again_changes_nothing,
                a_row_is_replaced_whole,
                keys_may_become_wider,
            }
            evolution: {
                new_columns_are_added_and_old_rows_have_nulls_in_them,
                numbers_widen_and_keep_their_values,
                times_become_text_and_anything_becomes_json,
                structs_and_lists_widen_inside,
                objects_inside_lists_gain_fields,
                a_column_that_held_only_nulls_comes_to_be_later,
                what_is_known_of_the_records_is_handed_out_again,
                a_merged_table_widens_too,
            }
            progress: {
                rows_and_progress_are_committed_together_or_not_at_all,
                a_flush_makes_everything_durable,
                a_stored_state_that_is_not_the_expected_one_refuses_the_batch,
                a_refused_batch_takes_the_accepted_ones_with_it,
                partitions_and_streams_have_progress_of_their_own,
                partitions_may_alternate_in_one_writer,
                two_streams_may_be_written_at_once,
                a_wide_stream_and_a_narrow_one_may_be_written_at_once,
                all_of_a_progress_is_kept,
                states_are_listed_and_reset_forgets_them,
                reset_can_drop_the_tables,
            }
            children: {
                each_child_names_its_parent_over_batches_and_runs,
                merging_a_parent_replaces_its_children,
                replacing_a_table_replaces_its_children,
                discarding_unfinished_rows_discards_their_children,
                an_older_parent_that_loses_brings_no_children,
            }
            ledger: {
                runs_are_numbered_and_recorded,
                what_requests_came_to_is_recorded_with_the_end_of_the_run,
                a_run_that_was_killed_is_no_longer_running_when_the_next_begins,
                a_replayed_run_has_the_number_of_the_recorded_one,
                a_replay_where_the_run_ran_doubles_nothing_that_is_told_of_it,
                rejects_are_kept_with_their_rows_or_not_at_all,
            }
            values: {
                numbers_survive_at_their_limits,
                text_survives_whatever_it_holds,
                wide_rows_are_stored,
                a_text_of_many_megabytes_is_stored,
                many_long_texts_are_committed_at_once,
                times_survive_to_the_microsecond,
                json_columns_keep_their_text_as_a_value,
                thousands_of_rows_arrive_whole,
                thousands_of_rows_are_merged,
            }
            names: {
                tables_and_columns_may_have_any_name,
                a_name_that_looks_like_sql_does_nothing,
            }
        }
    };
    (@each $subject:expr; $($group:ident: { $($case:ident,)* })*) => {
        $(
            mod $group {
                #[allow(unused_imports)]
                use super::*;
                $(
                    #[tokio::test]
                    async fn $case() {
                        let subject = $subject.await;
                        $crate::destination_contract::$group::$case(&subject).await;
                    }
                )*
            }
        )*
    };
}
