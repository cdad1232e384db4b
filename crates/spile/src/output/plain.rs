//! Lines that stay: for logs, pipes and terminals that cannot move.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use spile_model::units::show_duration;
use spile_model::{ByteSize, RunEvent, StreamReport};
use tokio::time::Instant;

use crate::output::board::{Board, Line};
use crate::output::number::{per_second, plural};
use crate::output::terminal::Terminal;

/// A log of a long run stays short with one line in so much time for each stream.
const EVERY: Duration = Duration::from_secs(10);

/// Shorter waits are the rate limit at work, and not worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(2);

/// Writes a line for what a person would want to know.
pub(crate) struct Plain {
    told: Mutex<Told>,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

#[derive(Default)]
struct Told {
    board: Board,
    /// When each stream was last told of, in the order of the board.
    last: Vec<Instant>,
}

impl Plain {
    pub(crate) fn start(terminal: Terminal) -> Arc<Self> {
        Arc::new(Self::to(move |line| terminal.tell(line)))
    }

    fn to(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { told: Mutex::default(), write: Box::new(write) }
    }

    pub(crate) fn hear(&self, event: &RunEvent) {
        let line = self.told.lock().unwrap_or_else(PoisonError::into_inner).line(event, Instant::now());
        if let Some(line) = line {
            (self.write)(&line);
        }
    }

    pub(crate) fn tell(&self, line: &str) {
        (self.write)(line);
    }
}

impl Told {
    /// The line that this event is worth, if any.
    fn line(&mut self, event: &RunEvent, now: Instant) -> Option<String> {
        self.board.hear(event, now);
        self.last.resize(self.board.streams.len(), now);
        match event {
            RunEvent::RunStarted { pipeline, run, streams, destination } => {
                Some(format!("run {run} of {pipeline}: {} into {destination}", plural(streams.len() as u64, "stream")))
            }
            RunEvent::StreamStarted { stream, cursor: Some(cursor) } => {
                Some(format!("{stream}: started, from {cursor} on"))
            }
            RunEvent::StreamStarted { stream, cursor: None } => Some(format!("{stream}: started")),
            RunEvent::Waiting { stream, reason, wait, .. } if *wait >= WORTH_A_LINE => {
                Some(format!("{stream}: waiting {}: {reason}", show_duration(*wait)))
            }
            RunEvent::Retrying { stream, attempt, reason } => {
                Some(format!("{stream}: tries again ({attempt}): {reason}"))
            }
            RunEvent::PageRead { stream, .. } => {
                let at = self.board.streams.iter().position(|line| line.stream == *stream)?;
                if now - self.last[at] < EVERY {
                    return None;
                }
                self.last[at] = now;
                Some(so_far(&self.board.streams[at], now))
            }
            RunEvent::SchemaChanged { stream, change, .. } => Some(format!("{stream}: {change}")),
            RunEvent::Warning { stream: Some(stream), message } => Some(format!("{stream}: warning: {message}")),
            RunEvent::Warning { stream: None, message } => Some(format!("warning: {message}")),
            RunEvent::StreamFinished(report) => Some(ended(report)),
            // Notices are for the end of the run, where they are not lost among other lines.
            RunEvent::Waiting { .. }
            | RunEvent::Responded { .. }
            | RunEvent::Notice { .. }
            | RunEvent::Committed { .. } => None,
        }
    }
}

fn so_far(line: &Line, now: Instant) -> String {
    if line.requests == 0 {
        // Nothing is asked yet, or nothing will be: what is recorded or remembered need not be.
        return format!("{}: {} so far ({})", line.stream, plural(line.rows, "row"), per_second(line.rate(now)));
    }
    format!(
        "{}: {}, {}, {} so far ({})",
        line.stream,
        plural(line.rows, "row"),
        ByteSize(line.bytes),
        plural(line.requests, "request"),
        per_second(line.rate(now))
    )
}

fn ended(report: &StreamReport) -> String {
    format!(
        "{}: {} after {}: {} committed",
        report.stream,
        report.outcome.as_str(),
        show_duration(report.took),
        plural(report.rows, "row")
    )
}

#[cfg(test)]
mod tests;
