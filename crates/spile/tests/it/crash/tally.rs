//! Where the kills of one scenario fell, and whether the tables were right afterwards.

use std::io::Write;

use spile_testkit::crash::Exit;

use super::pipeline::COMMIT_ROWS;

/// The environment variable that names a file for the lines of all scenarios.
const TABLE: &str = "SPILE_CRASH_TABLE";

/// A line for so many kills of a scenario, which take about half a minute.
const KILLS_PER_LINE: u64 = 50;

/// The moment of a run at which it was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    BeforeTheFirstCommit,
    BetweenCommits,
    AfterTheEnd,
}

impl Moment {
    /// The moment at which a run of so many streams was killed, by the events that it had told.
    pub(super) fn of(exit: &Exit, streams: usize) -> Self {
        let told = |event: &str| exit.stdout.matches(&format!("\"event\":\"{event}\"")).count();
        // `replace` tells of a commit only when the new table is swapped in.
        let committed = told("committed") > 0 || told("page_read") > COMMIT_ROWS.div_ceil(super::trial::PAGE);
        if told("stream_finished") >= streams {
            Self::AfterTheEnd
        } else if committed {
            Self::BetweenCommits
        } else {
            Self::BeforeTheFirstCommit
        }
    }
}

/// The account of one scenario.
pub(super) struct Tally {
    name: &'static str,
    moments: Vec<Moment>,
    compared: usize,
    /// What was wrong, in words.
    pub(super) differences: Vec<String>,
}

impl Tally {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, moments: Vec::new(), compared: 0, differences: Vec::new() }
    }

    /// Takes note of a kill; in a long command a person sees that it goes on.
    #[allow(clippy::print_stdout, reason = "the account of a crash test is for a person")]
    pub(super) fn killed(&mut self, moment: Moment) {
        self.moments.push(moment);
        if self.kills().is_multiple_of(KILLS_PER_LINE) {
            println!("{}: {} kills so far, {} different", self.name, self.kills(), self.differences.len());
        }
    }

    pub(super) fn compared(&mut self, difference: Option<String>) {
        self.compared += 1;
        self.differences.extend(difference);
    }

    pub(super) fn kills(&self) -> u64 {
        self.moments.len() as u64
    }

    /// Prints the scenario's line, and adds it to the table if one is wanted.
    #[allow(clippy::print_stdout, reason = "the account of a crash test is for a person")]
    pub(super) fn tell(&self) {
        let at = |moment: Moment| self.moments.iter().filter(|&&killed| killed == moment).count().to_string();
        let cells = [
            self.name.to_owned(),
            self.kills().to_string(),
            at(Moment::BeforeTheFirstCommit),
            at(Moment::BetweenCommits),
            at(Moment::AfterTheEnd),
            (self.compared - self.differences.len()).to_string(),
            self.differences.len().to_string(),
        ];
        println!(
            "{}: {} kills, {} before the first commit, {} between, {} after the end; {} equal, {} different",
            cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6]
        );
        if let Some(path) = std::env::var_os(TABLE) {
            // One write, so that the lines of scenarios that run side by side do not mix.
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(format!("{}\n", cells.join("\t")).as_bytes()).unwrap();
        }
    }
}
