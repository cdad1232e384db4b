//! A model of an API, of a table and of a machine that may stop at any moment, held against the accounting.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use proptest::prelude::*;
use spile_columnar::{Admit, CursorSummary};
use spile_model::{CheckpointDelta, CursorValue, Failure, FailureKind, Progress, RunId};
use spile_plan::{CursorOrder, CursorPlan, Lookback, StreamPlan, WriteMode};
use spile_testkit::plan;

use super::Accounting;

fn stream(write: WriteMode, keyed: bool, cursor: Option<(CursorOrder, Lookback)>) -> StreamPlan {
    StreamPlan {
        primary_key: if keyed { vec!["id".to_owned()] } else { Vec::new() },
        cursor: cursor.map(|(order, lookback)| CursorPlan { lookback, order, ..plan::cursor("at") }),
        write,
        ..plan::stream("things")
    }
}

/// A record of the model's API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    id: u32,
    at: i64,
}

impl Record {
    fn cursor(&self) -> CursorValue {
        CursorValue::Int(self.at)
    }

    fn text(&self) -> String {
        format!("{{\"id\":{},\"at\":{}}}", self.id, self.at)
    }
}

/// How the model's API understands the cursor that it is asked with.
#[derive(Clone, Copy, Debug)]
enum Bound {
    Included,
    LeftOut,
    Ignored,
}

/// The destination of the model: what is durable.
#[derive(Default)]
struct Table {
    rows: Vec<(RunId, Record)>,
    exists: bool,
    progress: Option<Progress>,
}

impl Table {
    fn commit(
        &mut self,
        plan: &StreamPlan,
        accepted: &mut Vec<(Vec<Record>, CheckpointDelta)>,
        run: RunId,
        accounts: &Accounted,
    ) {
        for (index, (rows, delta)) in accepted.drain(..).enumerate() {
            assert_eq!(delta.from, self.progress, "a delta goes on from what is stored");
            if let Some(discard) = accounts.discard.filter(|_| index == 0 && !accounts.committed.replace(true)) {
                self.rows.retain(|(row_run, _)| *row_run != discard);
            }
            for row in rows {
                match plan.write {
                    WriteMode::Merge => {
                        if let Some(at) = self.rows.iter().position(|(_, known)| known.id == row.id) {
                            if self.rows[at].1.at <= row.at {
                                self.rows[at] = (run, row);
                            }
                            continue;
                        }
                    }
                    WriteMode::Append if accounts.skip_known => {
                        if self.rows.iter().any(|(_, known)| *known == row) {
                            continue;
                        }
                    }
                    WriteMode::Append | WriteMode::Replace => {}
                }
                self.rows.push((run, row));
            }
            self.exists = true;
            self.progress = Some(delta.to);
        }
    }

    fn sorted(&self) -> Vec<Record> {
        let mut rows: Vec<Record> = self.rows.iter().map(|(_, record)| record.clone()).collect();
        rows.sort();
        rows
    }
}

struct Accounted {
    discard: Option<RunId>,
    skip_known: bool,
    committed: std::cell::Cell<bool>,
}

/// One run of the model: what comes, in which pages, which of them become durable at once, and when the machine stops.
#[derive(Clone, Debug)]
struct Run {
    /// Cursors of the records that appeared before this run, relative to the highest one, and copies of it.
    appeared: Vec<(i64, bool)>,
    shuffle: u64,
    page_size: usize,
    commit_every: usize,
    stop_after: Option<usize>,
}

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let run = (
        prop::collection::vec((0_i64..3, any::<bool>()), 0..12),
        any::<u64>(),
        1_usize..5,
        1_usize..4,
        prop::option::weighted(0.6, 0_usize..8),
    )
        .prop_map(|(appeared, shuffle, page_size, commit_every, stop_after)| Run {
            appeared,
            shuffle,
            page_size,
            commit_every,
            stop_after,
        });
    prop::collection::vec(run, 1..7)
}

fn shuffled(mut records: Vec<Record>, seed: u64) -> Vec<Record> {
    // A small generator of its own, so that a failing case is repeated by its seed.
    let mut state = seed | 1;
    for index in (1..records.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        records.swap(index, usize::try_from(state >> 33).unwrap() % (index + 1));
    }
    records
}

fn answer(origin: &[Record], plan: &StreamPlan, from: Option<i64>, bound: Bound, run: &Run) -> Vec<Vec<Record>> {
    let within = |record: &&Record| match (from, bound) {
        (None, _) | (_, Bound::Ignored) => true,
        (Some(from), Bound::Included) => record.at >= from,
        (Some(from), Bound::LeftOut) => record.at > from,
    };
    let mut found = shuffled(origin.iter().filter(within).cloned().collect(), run.shuffle);
    if plan.cursor.as_ref().is_some_and(|cursor| cursor.order == CursorOrder::Ascending) {
        found.sort_by_key(|record| record.at);
    }
    let mut pages: Vec<Vec<Record>> = found.chunks(run.page_size).map(<[Record]>::to_vec).collect();
    if pages.is_empty() {
        pages.push(Vec::new());
    }
    pages
}

fn execute(
    plan: &StreamPlan,
    table: &mut Table,
    origin: &[Record],
    number: i64,
    bound: Bound,
    run: &Run,
) -> Result<(), Failure> {
    let id = RunId(number);
    let mut accounting = Accounting::begin(plan, id, table.progress.clone())?;
    if !table.exists {
        accounting.start_over();
    }
    let accounts = Accounted {
        discard: accounting.discards(),
        skip_known: accounting.skips_known(),
        committed: std::cell::Cell::new(false),
    };
    let from = match accounting.reads_from() {
        Some(CursorValue::Int(from)) => Some(*from),
        _ => None,
    };
    let pages = answer(origin, plan, from, bound, run);
    let mut accepted = Vec::new();
    for (index, page) in pages.iter().enumerate() {
        if run.stop_after == Some(index) {
            return Ok(());
        }
        let texts: Vec<String> = page.iter().map(Record::text).collect();
        let cursors: Vec<_> = page.iter().map(|record| plan.cursor.is_some().then(|| record.cursor())).collect();
        let loaded = read(&mut accounting, &cursors, &texts)?;
        let rows = loaded.into_iter().map(|index| page[index].clone()).collect();
        accepted.push((rows, accounting.close_page(index + 1 == pages.len())?));
        if (index + 1) % run.commit_every == 0 {
            table.commit(plan, &mut accepted, id, &accounts);
        }
    }
    table.commit(plan, &mut accepted, id, &accounts);
    Ok(())
}

/// Plays all runs and then an undisturbed one; the table must hold exactly what the origin holds.
fn the_table_equals_the_origin(plan: &StreamPlan, bound: Bound, runs: &[Run], updates: bool) {
    let (mut origin, mut table) = (Vec::<Record>::new(), Table::default());
    let undisturbed = Run { appeared: vec![(1, false)], shuffle: 7, page_size: 3, commit_every: 2, stop_after: None };
    let all: Vec<&Run> = runs.iter().chain([&undisturbed]).collect();
    for (index, run) in all.iter().enumerate() {
        for (step, twin) in &run.appeared {
            let high = origin.iter().map(|record| record.at).max().unwrap_or(0);
            // An API that leaves its lower bound out never shows what appears late at it: not our loss.
            let step = if matches!(bound, Bound::LeftOut) { step + 1 } else { *step };
            let id = if updates && !origin.is_empty() && *twin {
                origin.remove(0).id
            } else if !updates && *twin && plan.primary_key.is_empty() {
                origin.last().map_or(0, |record| record.id)
            } else {
                u32::try_from(origin.len()).unwrap() + 100 * u32::try_from(index + 1).unwrap()
            };
            let twin_of_last = !updates && *twin && plan.primary_key.is_empty() && !origin.is_empty();
            origin.push(Record { id, at: if twin_of_last { high } else { high + step } });
        }
        let number = i64::try_from(index + 1).unwrap();
        execute(plan, &mut table, &origin, number, bound, run).unwrap();
    }
    origin.sort();
    assert_eq!(table.sorted(), origin);
    assert_eq!(table.progress.unwrap().unfinished, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn append_without_a_key_loads_every_record_once(runs in runs(), ascending: bool, ignored: bool) {
        let order = if ascending { CursorOrder::Ascending } else { CursorOrder::Unordered };
        let plan = stream(WriteMode::Append, false, Some((order, Lookback::None)));
        the_table_equals_the_origin(&plan, if ignored { Bound::Ignored } else { Bound::Included }, &runs, false);
    }

    #[test]
    fn append_with_a_key_loads_every_record_once(
        runs in runs(), ascending: bool, left_out: bool, lookback in 0_i64..3,
    ) {
        let order = if ascending { CursorOrder::Ascending } else { CursorOrder::Unordered };
        let plan = stream(WriteMode::Append, true, Some((order, Lookback::Count(lookback))));
        the_table_equals_the_origin(&plan, if left_out { Bound::LeftOut } else { Bound::Included }, &runs, false);
    }

    #[test]
    fn merge_ends_with_the_last_version_of_every_record(
        runs in runs(), ascending: bool, left_out: bool, lookback in 0_i64..3,
    ) {
        let order = if ascending { CursorOrder::Ascending } else { CursorOrder::Unordered };
        let plan = stream(WriteMode::Merge, true, Some((order, Lookback::Count(lookback))));
        the_table_equals_the_origin(&plan, if left_out { Bound::LeftOut } else { Bound::Included }, &runs, true);
    }

    #[test]
    fn merge_without_a_cursor_ends_with_every_record(runs in runs()) {
        the_table_equals_the_origin(&stream(WriteMode::Merge, true, None), Bound::Ignored, &runs, false);
    }
}

/// What the builders do with a page: asks about each record (twice, as for a page that widens) and sums up the rest.
fn read(accounting: &mut Accounting, cursors: &[Option<CursorValue>], texts: &[String]) -> Result<Vec<usize>, Failure> {
    let load = |index: &usize| {
        cursors[*index].as_ref().is_none_or(|value| accounting.admit(value, texts[*index].as_bytes()) == Admit::Load)
    };
    let first: Vec<usize> = (0..texts.len()).filter(load).collect();
    let loaded: Vec<usize> = (0..texts.len()).filter(load).collect();
    assert_eq!(first, loaded, "about one record there is one answer");
    let values: Vec<(usize, &CursorValue)> =
        loaded.iter().filter_map(|&index| cursors[index].as_ref().map(|value| (index, value))).collect();
    let max = values.iter().map(|(_, value)| *value).reduce(|a, b| if b > a { b } else { a });
    let min = values.iter().map(|(_, value)| *value).reduce(|a, b| if b < a { b } else { a });
    let summary = max.zip(min).map(|(max, min)| CursorSummary {
        min: min.clone(),
        max: max.clone(),
        at_max: values.iter().filter(|(_, value)| *value == max).map(|(index, _)| *index).collect(),
        ascending: values.is_sorted_by(|a, b| a.1 <= b.1),
    });
    let missing = u64::try_from(loaded.len() - values.len()).unwrap();
    accounting.note(summary.as_ref(), missing, |index| texts[index].as_bytes())?;
    Ok(loaded)
}

fn close(accounting: &mut Accounting, records: &[i64], last: bool) -> Result<CheckpointDelta, Failure> {
    let cursors: Vec<_> = records.iter().map(|value| at(*value)).collect();
    let texts: Vec<String> = records.iter().map(ToString::to_string).collect();
    read(accounting, &cursors, &texts)?;
    accounting.close_page(last)
}

const fn at(cursor: i64) -> Option<CursorValue> {
    Some(CursorValue::Int(cursor))
}

#[test]
fn append_without_a_cursor_marks_its_rows_until_the_last_page() {
    let plan = stream(WriteMode::Append, false, None);
    let stored = Progress { unfinished: Some(RunId(3)), ..Progress::default() };
    let mut accounting = Accounting::begin(&plan, RunId(4), Some(stored.clone())).unwrap();
    assert_eq!(accounting.discards(), Some(RunId(3)));
    let first = accounting.close_page(false).unwrap();
    assert_eq!((first.from, first.to.unfinished), (Some(stored), Some(RunId(4))));
    let last = accounting.close_page(true).unwrap().to;
    assert_eq!((last.unfinished, last.finished), (None, Some(RunId(4))));
}

#[test]
fn an_ascending_stream_moves_its_cursor_with_every_page() {
    let plan = stream(WriteMode::Append, false, Some((CursorOrder::Ascending, Lookback::None)));
    let mut accounting = Accounting::begin(&plan, RunId(1), None).unwrap();
    let first = close(&mut accounting, &[1, 2, 2], false).unwrap();
    assert_eq!((first.to.cursor, first.to.boundary.len()), (at(2), 2));
    let second = close(&mut accounting, &[2, 3], false).unwrap();
    assert_eq!((second.to.cursor, second.to.boundary.len()), (at(3), 1));
}

#[test]
fn a_keyed_ascending_stream_commits_below_the_value_that_may_go_on() {
    let plan = stream(WriteMode::Merge, true, Some((CursorOrder::Ascending, Lookback::None)));
    let mut accounting = Accounting::begin(&plan, RunId(1), None).unwrap();
    assert_eq!(close(&mut accounting, &[1, 2, 2], false).unwrap().to.cursor, at(1));
    assert_eq!(close(&mut accounting, &[2, 3], false).unwrap().to.cursor, at(2));
    assert_eq!(close(&mut accounting, &[3], true).unwrap().to.cursor, at(3));
}

#[test]
fn an_unordered_stream_moves_its_cursor_with_the_last_page_alone() {
    let plan = stream(WriteMode::Merge, true, Some((CursorOrder::Unordered, Lookback::Count(10))));
    let stored = Progress { cursor: at(50), ..Progress::default() };
    let mut accounting = Accounting::begin(&plan, RunId(2), Some(stored.clone())).unwrap();
    assert_eq!(accounting.reads_from(), at(40).as_ref());
    let first = close(&mut accounting, &[70, 41], false).unwrap();
    assert_eq!((first.from.as_ref(), &first.to), (Some(&stored), &stored));
    assert_eq!(close(&mut accounting, &[60], true).unwrap().to.cursor, at(70));
}

#[test]
fn a_stored_cursor_never_moves_back() {
    let plan = stream(WriteMode::Merge, true, Some((CursorOrder::Unordered, Lookback::Count(10))));
    let stored = Progress { cursor: at(50), ..Progress::default() };
    let mut accounting = Accounting::begin(&plan, RunId(2), Some(stored)).unwrap();
    assert_eq!(close(&mut accounting, &[42], true).unwrap().to.cursor, at(50));
}

#[test]
fn starting_over_leaves_nothing_of_the_old_cursor_from_the_first_commit_on() {
    let plan = stream(WriteMode::Append, false, Some((CursorOrder::Unordered, Lookback::None)));
    let stored = Progress { cursor: at(50), boundary: vec![7], ..Progress::default() };
    let mut accounting = Accounting::begin(&plan, RunId(2), Some(stored.clone())).unwrap();
    accounting.start_over();
    assert_eq!(accounting.reads_from(), None);
    let first = close(&mut accounting, &[1], false).unwrap();
    assert_eq!((first.from, first.to.cursor, first.to.boundary.len()), (Some(stored), None, 0));
    assert_eq!(close(&mut accounting, &[2], true).unwrap().to.cursor, at(2));
}

#[test]
fn a_record_out_of_the_declared_order_is_a_failure_that_says_so() {
    let plan = stream(WriteMode::Merge, true, Some((CursorOrder::Ascending, Lookback::None)));
    let mut accounting = Accounting::begin(&plan, RunId(1), None).unwrap();
    let failure = close(&mut accounting, &[5, 4], false).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Cursor);
    assert!(failure.message.contains("order of `at` (between 4 and 5)"), "{}", failure.message);
    let mut accounting = Accounting::begin(&plan, RunId(1), None).unwrap();
    close(&mut accounting, &[5], false).unwrap();
    let failure = close(&mut accounting, &[4, 5], false).unwrap_err();
    assert!(failure.message.contains("order of `at` (4 after 5)"), "{}", failure.message);
    assert!(failure.message.contains("order: unordered"), "{}", failure.message);
}

#[test]
fn records_without_a_cursor_are_loaded_and_counted() {
    let plan = stream(WriteMode::Merge, true, Some((CursorOrder::Unordered, Lookback::None)));
    let mut accounting = Accounting::begin(&plan, RunId(1), None).unwrap();
    assert_eq!(read(&mut accounting, &[None], &["{}".to_owned()]).unwrap(), [0]);
    assert_eq!(close(&mut accounting, &[5], true).unwrap().to.cursor, at(5));
    assert_eq!(accounting.missing(), 1);
}

#[test]
fn cursors_of_two_kinds_are_a_failure() {
    let plan = stream(WriteMode::Merge, true, Some((CursorOrder::Unordered, Lookback::None)));
    let mut accounting = Accounting::begin(&plan, RunId(1), None).unwrap();
    close(&mut accounting, &[1], false).unwrap();
    let text = [Some(CursorValue::Text("x".into()))];
    let failure = read(&mut accounting, &text, &[String::new()]).unwrap_err();
    assert!(failure.message.contains("holds texts (x) after whole numbers (1)"), "{}", failure.message);

    let stored = Progress { cursor: at(1), ..Progress::default() };
    let mut accounting = Accounting::begin(&plan, RunId(2), Some(stored)).unwrap();
    let failure = read(&mut accounting, &text, &[String::new()]).unwrap_err();
    assert!(failure.message.contains("spile state reset"), "{}", failure.message);
}

#[test]
fn a_lookback_in_time_does_not_fit_whole_numbers() {
    let lookback = Lookback::Time(Duration::from_secs(60));
    let plan = stream(WriteMode::Merge, true, Some((CursorOrder::Unordered, lookback)));
    let mut accounting = Accounting::begin(&plan, RunId(1), None).unwrap();
    let failure = close(&mut accounting, &[1], false).unwrap_err();
    assert!(failure.message.contains("`cursor.lookback` is a time"), "{}", failure.message);
}

#[test]
fn more_equal_cursors_than_the_state_can_name_ask_for_a_primary_key() {
    let plan = stream(WriteMode::Append, false, Some((CursorOrder::Unordered, Lookback::None)));
    let mut accounting = Accounting::begin(&plan, RunId(1), None).unwrap();
    let crowd = vec![1; Progress::BOUNDARY_LIMIT + 1];
    accounting.close_page(false).unwrap();
    let failure = close(&mut accounting, &crowd, true).unwrap_err();
    assert!(failure.message.contains("primary_key"), "{}", failure.message);

    let mut accounting = Accounting::begin(&plan, RunId(1), None).unwrap();
    close(&mut accounting, &crowd, false).unwrap();
    assert_eq!(close(&mut accounting, &[2], true).unwrap().to.cursor, at(2), "a crowd below the last value is no harm");
}

#[test]
fn equal_records_at_the_boundary_are_counted() {
    let plan = stream(WriteMode::Append, false, Some((CursorOrder::Unordered, Lookback::None)));
    let mut first = Accounting::begin(&plan, RunId(1), None).unwrap();
    let stored = close(&mut first, &[5, 5], true).unwrap().to;
    let mut second = Accounting::begin(&plan, RunId(2), Some(stored)).unwrap();
    let texts = ["5", "5", "5"].map(ToOwned::to_owned);
    assert_eq!(read(&mut second, &[at(5), at(5), at(5)], &texts).unwrap(), [2]);
}
