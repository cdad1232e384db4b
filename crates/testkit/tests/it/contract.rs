//! The contract suite against the destination in memory: it passes when the destination keeps its word, however it
//! coalesces, and notices each promise that is broken.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use spile_testkit::destination_contract::{Subject, append, children, evolution, ledger, merge, progress, replace};
use spile_testkit::memory_destination::{Flaw, MemoryPlace};

mod each_write_is_durable {
    use spile_testkit::memory_destination::MemoryPlace;

    spile_testkit::destination_contract!(async { MemoryPlace::new() });
}

mod three_writes_are_one_commit {
    use spile_testkit::memory_destination::MemoryPlace;

    spile_testkit::destination_contract!(async { MemoryPlace::new().coalescing(3) });
}

type Case = for<'s> fn(&'s dyn Subject) -> Pin<Box<dyn Future<Output = ()> + 's>>;

/// Whether the case fails on a place with this flaw.
fn notices(flaw: Flaw, coalesce: usize, case: Case) -> bool {
    let place = MemoryPlace::new().coalescing(coalesce).with_flaw(flaw);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(case(&place)))).is_err()
}

#[test]
fn every_broken_promise_is_noticed() {
    let flaws: [(Flaw, usize, Case); 23] = [
        (Flaw::StateBeforeRows, 3, |s| Box::pin(progress::rows_and_progress_are_committed_together_or_not_at_all(s))),
        (Flaw::RowsBeforeState, 3, |s| Box::pin(progress::rows_and_progress_are_committed_together_or_not_at_all(s))),
        (Flaw::ForgivesOtherWriters, 1, |s| {
            Box::pin(progress::a_stored_state_that_is_not_the_expected_one_refuses_the_batch(s))
        }),
        (Flaw::OneProgressForAllPartitions, 1, |s| {
            Box::pin(progress::partitions_and_streams_have_progress_of_their_own(s))
        }),
        (Flaw::ReplacesEarly, 1, |s| Box::pin(replace::the_table_is_swapped_only_when_the_stream_is_complete(s))),
        (Flaw::ReplacesEarly, 1, |s| Box::pin(replace::an_incomplete_stream_leaves_the_table(s))),
        (Flaw::KeepsStaging, 1, |s| Box::pin(replace::an_abandoned_run_leaves_nothing_behind(s))),
        (Flaw::IgnoresTheCursor, 1, |s| Box::pin(merge::a_row_with_an_earlier_cursor_does_not(s))),
        (Flaw::IgnoresTheCursor, 1, |s| Box::pin(merge::a_row_without_a_cursor_is_older_than_any_that_has_one(s))),
        (Flaw::IgnoresTheCursor, 3, |s| Box::pin(merge::the_last_write_wins_inside_a_batch_and_between_batches(s))),
        (Flaw::PatchesRows, 1, |s| Box::pin(merge::a_row_is_replaced_whole(s))),
        (Flaw::LeavesOrphans, 1, |s| Box::pin(children::merging_a_parent_replaces_its_children(s))),
        (Flaw::LeavesOrphans, 1, |s| Box::pin(children::an_older_parent_that_loses_brings_no_children(s))),
        (Flaw::KeepsUnfinishedRows, 1, |s| {
            Box::pin(append::rows_of_an_unfinished_read_are_removed_by_the_one_that_reads_them_again(s))
        }),
        (Flaw::DiscardsAtOnce, 3, |s| {
            Box::pin(append::rows_of_an_unfinished_read_stay_until_the_first_commit_of_the_next(s))
        }),
        (Flaw::KeepsBrokenOffRuns, 1, |s| Box::pin(append::a_run_that_was_broken_off_leaves_no_copy(s))),
        (Flaw::RepeatsWhateverTheCursor, 1, |s| Box::pin(append::every_other_run_keeps_its_rows(s))),
        (Flaw::AddsKnownRows, 1, |s| Box::pin(append::rows_that_the_table_has_are_left_out_when_asked(s))),
        (Flaw::RejectsBeforeRows, 1, |s| Box::pin(ledger::rejects_are_kept_with_their_rows_or_not_at_all(s))),
        (Flaw::ForgetsTheSchema, 1, |s| Box::pin(evolution::what_is_known_of_the_records_is_handed_out_again(s))),
        (Flaw::LetsTheDeadRun, 1, |s| {
            Box::pin(ledger::a_run_that_was_killed_is_no_longer_running_when_the_next_begins(s))
        }),
        (Flaw::ForgetsTheRequests, 1, |s| {
            Box::pin(ledger::what_requests_came_to_is_recorded_with_the_end_of_the_run(s))
        }),
        (Flaw::ResetsHalf, 1, |s| Box::pin(progress::reset_can_drop_the_tables(s))),
    ];
    let missed: Vec<Flaw> =
        flaws.into_iter().filter(|(flaw, coalesce, case)| !notices(*flaw, *coalesce, *case)).map(|f| f.0).collect();
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}
