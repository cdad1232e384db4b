//! Plays a scenario: an undisturbed run of each round for reference, then trials with kills at seeded moments.

use std::thread;
use std::time::Duration;

use serde_json::Value;
use spile_destination_duckdb::query_text;
use spile_testkit::crash::{KillPoint, KillSwitch};
use spile_testkit::fake_api::FakeApi;
use spile_testkit::paged_api::{Comparison, PagedApi, Paging, Served};

use super::draws::Draws;
use super::pause;
use super::pipeline::Pipeline;
use super::scenario::Scenario;
use super::tables::{Snapshot, snapshot};
use super::tally::{Moment, Tally};

/// Records in a page.
pub(super) const PAGE: usize = 12;

/// What each page takes, so that a run lasts long enough for kills to fall everywhere.
const LATENCY: Duration = Duration::from_millis(2);

/// What an undisturbed run came to.
struct Undisturbed {
    tables: Snapshot,
    took: Duration,
    answers: usize,
}

/// An origin behind an API on loopback.
pub(super) struct Origin {
    pub(super) api: FakeApi,
    served: Served,
}

impl Origin {
    pub(super) fn of(scenario: &Scenario) -> Self {
        Self::serving((scenario.origin)(0), scenario.ascending)
    }

    fn serving(records: Vec<Value>, ascending: bool) -> Self {
        let api = FakeApi::start_blocking();
        let paging = Paging::TokenInBody { at: "/next".to_owned(), parameter: "token".to_owned() };
        let paged =
            PagedApi::over(records).paging(paging).page_size(PAGE).records_at("/items").latency(LATENCY).etags();
        let paged = paged.filter("at", Comparison::AtLeast, "since");
        let served = if ascending { paged.ordered_by("at") } else { paged }.serve(&api);
        Self { api, served }
    }

    pub(super) fn becomes(&self, records: Vec<Value>) {
        self.served.update(|now| *now = records);
    }
}

/// Plays the scenario until so many runs were killed.
pub(super) fn play(scenario: &Scenario, kills: u64, seed: u64) -> Tally {
    let origin = Origin::of(scenario);
    let undisturbed = undisturbed(scenario, &origin);
    let mut tally = Tally::new(scenario.name);
    let mut trial = 0;
    while tally.kills() < kills && tally.differences.len() < 3 {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(trial);
        play_once(scenario, &origin, &undisturbed, seed, &mut tally);
        trial += 1;
    }
    tally
}

/// Each round once, with nothing in its way.
fn undisturbed(scenario: &Scenario, origin: &Origin) -> Vec<Undisturbed> {
    let pipeline = Pipeline::new(&origin.api.url(), "", scenario.streams);
    let round = |round| {
        origin.becomes((scenario.origin)(round));
        let before = origin.api.request_count();
        let exit = pipeline.completes();
        let tables = snapshot(&pipeline.database(), scenario.tables);
        assert!(tables.rows() >= super::origin::RECORDS, "the run brought {} rows", tables.rows());
        Undisturbed { tables, took: exit.ran_for, answers: origin.api.request_count() - before }
    };
    (0..scenario.rounds).map(round).collect()
}

/// All rounds into one database. A killed run is mostly repeated at once, so that the tables must be right; now and
/// then the origin changes before that.
fn play_once(scenario: &Scenario, origin: &Origin, undisturbed: &[Undisturbed], seed: u64, tally: &mut Tally) {
    let mut draws = Draws::new(seed);
    let mut pipeline = Pipeline::new(&origin.api.url(), "", scenario.streams);
    let mut story = format!("{}, seed {seed}:", scenario.name);
    for (round, expected) in undisturbed.iter().enumerate() {
        origin.becomes((scenario.origin)(round));
        let point = kill_point(origin, expected, &mut draws);
        let exit = pipeline.run(&point);
        assert!(exit.killed || exit.success(), "{story} a run failed by itself: {}", exit.stderr);
        let moment = Moment::of(&exit, scenario.streams.len());
        tally.killed(moment);
        story += &format!(" round {round} killed {moment:?};");
        if round + 1 < undisturbed.len() && draws.fraction() < 0.3 {
            story += " not repeated;";
            continue;
        }
        if !(scenario.adds_all && exit.success()) {
            pipeline.completes();
        }
        let copies = if scenario.adds_all { successes(&pipeline) } else { 1 };
        let found = snapshot(&pipeline.database(), scenario.tables);
        let difference = expected.tables.times(copies).difference(&found);
        tally.compared(
            difference.map(|difference| format!("{story} kept in {}\n{difference}", pipeline.keep().display())),
        );
    }
}

/// How many runs succeeded, by the destination's own account.
fn successes(pipeline: &Pipeline) -> usize {
    let runs = query_text(&pipeline.database(), "SELECT run FROM _spile_runs WHERE status = 'succeeded'").unwrap();
    runs.rows.len()
}

/// Half of the kills fall at any time of the run, half around an answer of the API.
fn kill_point(origin: &Origin, undisturbed: &Undisturbed, draws: &mut Draws) -> KillPoint {
    if draws.coin() {
        return KillPoint::After(undisturbed.took.mul_f64(draws.fraction()));
    }
    let switch = KillSwitch::new();
    let (pull, pages_long) = (switch.puller(), 2 * undisturbed.took / u32::try_from(undisturbed.answers).unwrap_or(1));
    let delay = pages_long.mul_f64(draws.fraction());
    let pull = std::sync::Arc::new(pull);
    origin.api.after_answers(draws.one_to(undisturbed.answers), move || {
        let pull = std::sync::Arc::clone(&pull);
        thread::spawn(move || {
            pause(delay);
            pull();
        });
    });
    KillPoint::Pulled(switch)
}
