//! Which of the recorded runs are replayed: all of them, or those that are named.

use jiff::Timestamp;
use spile_engine::Recorded;

use crate::problem::Problem;

/// A run that was named, or one and all behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    named: Named,
    and_later: bool,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Number(i64),
    /// To the second, as runs are listed.
    StartedAt(i64),
}

/// Why it is not clear which runs are meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    /// None is; these are there.
    Unknown { text: String, there: Vec<String> },
    /// Several runs have the number; these.
    Ambiguous { number: i64, there: Vec<String> },
}

impl Choice {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (run, and_later) = text.strip_suffix("..").map_or((text, false), |run| (run, true));
        let number = run.parse().map(Named::Number).ok();
        let started_at = || run.parse().map(|at: Timestamp| Named::StartedAt(at.as_second())).ok();
        let named = number.or_else(started_at);
        let named = named.ok_or("a run is named by its number or by when it started, such as 2026-03-01T12:00:00Z")?;
        Ok(Self { named, and_later, text: text.to_owned() })
    }

    fn names(&self, run: &Recorded) -> bool {
        match self.named {
            Named::Number(number) => run.head.run.0 == number,
            Named::StartedAt(second) => run.head.started_at.as_second() == second,
        }
    }
}

/// The places of the chosen runs in `runs`, the oldest first; all of them where nothing is chosen.
///
/// Runs that went into different databases, or into one that was deleted in between, may have the same number: such runs
/// do not follow each other.
pub(super) fn chosen(choices: &[Choice], runs: &[Recorded]) -> Result<Vec<usize>, Unclear> {
    for choice in choices {
        if let Named::Number(number) = choice.named
            && runs.iter().filter(|run| choice.names(run)).count() > 1
        {
            return Err(ambiguous(number, runs));
        }
    }
    let chosen = named(choices, runs)?;
    match repeated(chosen.iter().map(|at| &runs[*at])) {
        Some(number) => Err(ambiguous(number, runs)),
        None => Ok(chosen),
    }
}

/// The same, whatever runs have one number: to look at.
pub(super) fn named(choices: &[Choice], runs: &[Recorded]) -> Result<Vec<usize>, Unclear> {
    let mut chosen: Vec<usize> = if choices.is_empty() { (0..runs.len()).collect() } else { Vec::new() };
    for choice in choices {
        let named: Vec<usize> = (0..runs.len()).filter(|at| choice.names(&runs[*at])).collect();
        match &named[..] {
            [] => {
                let there = runs.iter().map(|run| run.head.run.to_string()).collect();
                return Err(Unclear::Unknown { text: choice.text.clone(), there });
            }
            [first, ..] if choice.and_later => chosen.extend(*first..runs.len()),
            _ => chosen.extend(named),
        }
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

/// Whether several of the runs have one number.
pub(super) fn repeats_a_number(runs: &[Recorded]) -> bool {
    repeated(runs.iter()).is_some()
}

fn repeated<'r>(runs: impl Iterator<Item = &'r Recorded>) -> Option<i64> {
    let mut numbers: Vec<i64> = runs.map(|run| run.head.run.0).collect();
    numbers.sort_unstable();
    numbers.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

fn ambiguous(number: i64, runs: &[Recorded]) -> Unclear {
    let there = runs.iter().map(|run| format!("{} ({:.0})", run.head.run, run.head.started_at)).collect();
    Unclear::Ambiguous { number, there }
}

impl Unclear {
    /// `pipeline`: whose runs they are, if only those of one were looked at.
    pub(super) fn problem(self, pipeline: Option<&str>) -> Problem {
        let whose = pipeline.map_or_else(String::new, |pipeline| format!(" of `{pipeline}`"));
        match self {
            Self::Unknown { text, there } => {
                let runs = if there.len() == 1 { "run" } else { "runs" };
                Problem::usage(format!("the archive holds no run {text}{whose}"))
                    .remedy(format!("it holds {runs} {}", there.join(", ")))
            }
            Self::Ambiguous { number, there } => Problem::usage(format!(
                "the archive holds more than one run {number}{whose}, from more than one database: {}",
                there.join(", ")
            ))
            .remedy("name those of one database by when they started: `--run 2026-03-01T12:00:00Z`, several times, or with two dots behind it for all later ones too"),
        }
    }
}
