//! Exactly once: runs are killed wherever it hurts, and after at most one more run the tables are those of a run that
//! nobody disturbed.
//!
//! A [`scenario::Scenario`] says how a stream is written and what its origin holds, round by round; [`trial`] plays it
//! against an API on loopback with kills at seeded moments; [`tally`] counts where they fell. `SPILE_CRASH_RUNS` (10)
//! is the number of kills for each scenario, `SPILE_CRASH_SEED` their seed, and `SPILE_CRASH_TABLE` a file that each
//! scenario adds its line to: `cargo xtask crash` sets them.

mod draws;
mod origin;
mod pipeline;
mod scenario;
mod syscalls;
mod tables;
mod tally;
mod trial;

pub(crate) use pipeline::Pipeline;
pub(crate) use tables::{ITEMS, snapshot};

use std::time::Duration;

use scenario::Scenario;

/// Plays a scenario with as many kills as are asked for, and fails if a table came out different.
fn survives(scenario: &Scenario) {
    let kills = setting("SPILE_CRASH_RUNS", 10) / scenario.weight;
    let tally = trial::play(scenario, kills, setting("SPILE_CRASH_SEED", 1));
    tally.tell();
    assert!(tally.differences.is_empty(), "{}", tally.differences.join("\n\n"));
}

/// Waits on a thread that has no runtime.
#[allow(
    clippy::disallowed_methods,
    reason = "these tests watch a child process: there is no runtime and no clock to pause"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A number from the environment.
fn setting(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

#[test]
fn append_of_everything_ends_with_one_copy() {
    survives(&scenario::APPEND);
}

#[test]
fn append_of_several_streams_ends_with_one_copy_of_each() {
    survives(&scenario::APPEND_TWO_STREAMS);
}

#[test]
fn append_in_the_order_of_the_cursor_misses_and_doubles_nothing() {
    survives(&scenario::APPEND_ASCENDING);
}

#[test]
fn append_of_long_texts_survives_kills_while_the_log_is_written_into_the_file() {
    survives(&scenario::APPEND_LARGE);
}

#[test]
fn append_in_any_order_misses_and_doubles_nothing() {
    survives(&scenario::APPEND_UNORDERED);
}

#[test]
fn append_with_a_key_and_a_lookback_misses_and_doubles_nothing() {
    survives(&scenario::APPEND_LOOKBACK);
}

#[test]
fn append_with_child_tables_keeps_children_with_their_parents() {
    survives(&scenario::APPEND_CHILDREN);
}

#[test]
fn replace_shows_the_old_table_or_the_new_one() {
    survives(&scenario::REPLACE);
}

#[test]
fn merge_keeps_the_last_write_of_each_key() {
    survives(&scenario::MERGE);
}

#[test]
fn merge_in_the_order_of_the_cursor_brings_every_change() {
    survives(&scenario::MERGE_ASCENDING);
}

#[test]
fn merge_in_any_order_brings_every_change() {
    survives(&scenario::MERGE_UNORDERED);
}

#[test]
fn merge_with_child_tables_keeps_children_with_their_parents() {
    survives(&scenario::MERGE_CHILDREN);
}

#[test]
fn merge_of_remembered_pages_brings_every_change() {
    survives(&scenario::MERGE_CACHED);
}

#[test]
fn append_of_remembered_pages_misses_and_doubles_nothing() {
    survives(&scenario::APPEND_CACHED);
}
