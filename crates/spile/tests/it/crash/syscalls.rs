//! SIGKILL at exactly the n-th call that touches the database file or its log, and a disk that is full from the n-th
//! write on: strace strikes where chance would seldom fall.
//!
//! How many calls there are depends on threads and timing; n rises until a run gets through unharmed.

use std::path::PathBuf;

use spile_testkit::crash::{Exit, Injection, KillPoint};

use super::pipeline::Pipeline;
use super::scenario::{self, Scenario};
use super::tables::{Snapshot, snapshot};
use super::trial::Origin;
use super::{setting, tally};

/// Every call by which DuckDB changes its file or its log.
const CHANGES: &str = "pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename";

/// Those by which it writes its log into the file.
const CHECKPOINT: &str = "pwrite64,ftruncate,unlink,rename";

/// The calls that need room.
const WRITES: &str = "pwrite64,write,ftruncate";

/// Exit code of a run whose destination failed.
const FAILED: i32 = 1;

/// A scenario's first round, into one fresh file after the other.
struct Strikes {
    scenario: &'static Scenario,
    origin: Origin,
    expected: Snapshot,
}

impl Strikes {
    fn on(scenario: &'static Scenario) -> Self {
        let origin = Origin::of(scenario);
        let pipeline = Pipeline::new(&origin.api.url(), "", scenario.streams);
        pipeline.completes();
        let expected = snapshot(&pipeline.database(), scenario.tables);
        Self { scenario, origin, expected }
    }

    fn pipeline(&self) -> Pipeline {
        Pipeline::new(&self.origin.api.url(), "", self.scenario.streams)
    }

    /// Runs a fresh pipeline under `injection`, confined to its database.
    fn strike(&self, pipeline: &Pipeline, injection: Injection) -> Exit {
        let database = pipeline.database();
        let mut log = database.clone().into_os_string();
        log.push(".wal");
        let injection = injection.only_path(database).only_path(PathBuf::from(log));
        pipeline.program().inject(injection).run(&KillPoint::Never)
    }

    #[track_caller]
    fn is_complete(&self, pipeline: &Pipeline, story: &str) {
        let found = snapshot(&pipeline.database(), self.scenario.tables);
        let difference = self.expected.difference(&found);
        assert!(difference.is_none(), "{}, {story}:\n{}", self.scenario.name, difference.unwrap_or_default());
    }

    /// Kills at the n-th call, runs again, and compares; until a run has fewer calls. Returns how many were killed.
    fn kill_at_each(&self, calls: &str, steps: &Steps) -> usize {
        let mut killed = 0;
        for n in steps.clone() {
            let pipeline = self.pipeline();
            let exit = self.strike(&pipeline, Injection::kill(calls, n));
            if exit.success() {
                break;
            }
            assert!(exit.killed, "call {n}: {exit:?}");
            killed += 1;
            let moment = tally::Moment::of(&exit, self.scenario.streams.len());
            pipeline.completes();
            self.is_complete(&pipeline, &format!("killed at call {n}, {moment:?}"));
        }
        killed
    }

    /// Fails every write from the n-th on for want of room, makes room, runs again, and compares.
    fn fill_the_disk_at_each_write(&self, steps: &Steps) -> usize {
        let mut failed = 0;
        for n in steps.clone() {
            let pipeline = self.pipeline();
            let exit = self.strike(&pipeline, Injection::no_space(WRITES, n));
            if exit.injected == 0 {
                break;
            }
            failed += 1;
            let told_all = exit.stdout.contains("\"event\":\"run_finished\"");
            let succeeded = exit.success() && told_all;
            assert!(succeeded || exit.code == Some(FAILED), "write {n}: {exit:?}");
            if !succeeded {
                let clear = exit.stderr.contains("make room") && exit.stderr.contains("No space left");
                assert!(clear, "write {n}: {}", exit.stderr);
            }
            pipeline.completes();
            self.is_complete(&pipeline, &format!("no room from write {n} on"));
        }
        failed
    }
}

/// 1, 2, 3 … and then in growing steps, as far as there are calls.
#[derive(Clone)]
struct Steps {
    next: usize,
    /// Of so many calls so far, one more is left out at each step; 0 leaves out none.
    growth: usize,
}

impl Steps {
    /// A few in the tests; each call where a longer run is asked for.
    fn growing(growth: usize) -> Self {
        let growth = if setting("SPILE_CRASH_RUNS", 10) > 100 { 0 } else { growth };
        Self { next: 1, growth }
    }
}

impl Iterator for Steps {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let now = self.next;
        let skipped = now.checked_div(self.growth).unwrap_or(0);
        self.next += 1 + skipped;
        Some(now)
    }
}

#[test]
fn a_kill_at_any_write_of_a_merge_costs_nothing() {
    let killed = Strikes::on(&scenario::MERGE).kill_at_each(CHANGES, &Steps::growing(2));
    assert!(killed >= 5, "only {killed} runs were killed");
}

#[test]
fn a_kill_at_any_write_of_an_append_costs_nothing() {
    let killed = Strikes::on(&scenario::APPEND_UNORDERED).kill_at_each(CHANGES, &Steps::growing(2));
    assert!(killed >= 5, "only {killed} runs were killed");
}

#[test]
fn a_kill_at_any_write_of_a_replace_costs_nothing() {
    let killed = Strikes::on(&scenario::REPLACE).kill_at_each(CHANGES, &Steps::growing(2));
    assert!(killed >= 5, "only {killed} runs were killed");
}

#[test]
fn a_kill_while_the_log_is_written_into_the_file_costs_nothing() {
    let killed = Strikes::on(&scenario::APPEND_LARGE).kill_at_each(CHECKPOINT, &Steps::growing(1));
    assert!(killed >= 4, "only {killed} runs were killed");
}

#[test]
fn a_full_disk_fails_clearly_and_costs_nothing_once_there_is_room() {
    let failed = Strikes::on(&scenario::MERGE_ASCENDING).fill_the_disk_at_each_write(&Steps::growing(2));
    assert!(failed >= 5, "only {failed} runs met a full disk");
}
