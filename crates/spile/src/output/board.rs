//! What is known of a run while it goes on: events in, one line's worth of facts per stream out.

use std::time::Duration;

use spile_model::event::Outcome;
use spile_model::{RunEvent, StreamName, StreamReport};
use tokio::time::Instant;

/// A rate is told over so much time: long enough to be calm, short enough to be true.
const RATE_OVER: Duration = Duration::from_secs(3);

/// The streams of a run, in the order in which they began.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) streams: Vec<Line>,
    /// Streams that the run reads in all.
    pub(crate) expected: usize,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) stream: StreamName,
    pub(crate) began: Instant,
    pub(crate) rows: u64,
    pub(crate) rejected: u64,
    pub(crate) bytes: u64,
    pub(crate) requests: u64,
    pub(crate) pages: u64,
    pub(crate) wait: Option<Wait>,
    pub(crate) ended: Option<StreamReport>,
    rate: Rate,
}

/// Why a stream waits, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    pub(crate) reason: String,
    pub(crate) until: Instant,
}

impl Board {
    /// Takes an event in. What belongs to no stream, and what a line does not show, changes nothing.
    pub(crate) fn hear(&mut self, event: &RunEvent, now: Instant) {
        match event {
            RunEvent::RunStarted { streams, .. } => self.expected = streams.len(),
            RunEvent::StreamStarted { stream, .. } => {
                self.line(stream, now);
            }
            RunEvent::Responded { stream, bytes, .. } => {
                let line = self.line(stream, now);
                line.requests += 1;
                line.bytes += bytes;
            }
            RunEvent::Waiting { stream, reason, wait, .. } => {
                self.line(stream, now).wait = Some(Wait { reason: reason.clone(), until: now + *wait });
            }
            RunEvent::PageRead { stream, page, rows, rejected, .. } => {
                let line = self.line(stream, now);
                line.pages = *page;
                line.rows += rows;
                line.rejected += rejected;
                line.rate.note(line.rows, now);
            }
            RunEvent::StreamFinished(report) => {
                let line = self.line(&report.stream, now);
                line.rows = report.rows;
                line.ended = Some(report.clone());
            }
            RunEvent::Retrying { .. }
            | RunEvent::SchemaChanged { .. }
            | RunEvent::Committed { .. }
            | RunEvent::Notice { .. }
            | RunEvent::Warning { .. } => {}
        }
    }

    /// Rows of all streams.
    pub(crate) fn rows(&self) -> u64 {
        self.streams.iter().map(|line| line.rows).sum()
    }

    /// Bytes of all streams.
    pub(crate) fn bytes(&self) -> u64 {
        self.streams.iter().map(|line| line.bytes).sum()
    }

    /// Requests of all streams.
    pub(crate) fn requests(&self) -> u64 {
        self.streams.iter().map(|line| line.requests).sum()
    }

    /// Rows per second of all streams that are being read.
    pub(crate) fn rate(&self, now: Instant) -> f64 {
        self.streams.iter().filter(|line| line.ended.is_none()).map(|line| line.rate(now)).sum()
    }

    /// Streams that have ended.
    pub(crate) fn ended(&self) -> usize {
        self.streams.iter().filter(|line| line.ended.is_some()).count()
    }

    fn line(&mut self, stream: &StreamName, now: Instant) -> &mut Line {
        let at = self.streams.iter().position(|line| line.stream == *stream).unwrap_or_else(|| {
            self.streams.push(Line::new(stream, now));
            self.streams.len() - 1
        });
        &mut self.streams[at]
    }
}

impl Line {
    fn new(stream: &StreamName, now: Instant) -> Self {
        Self {
            stream: stream.clone(),
            began: now,
            rows: 0,
            rejected: 0,
            bytes: 0,
            requests: 0,
            pages: 0,
            wait: None,
            ended: None,
            rate: Rate::default(),
        }
    }

    /// Why it waits, and for how long still; nothing when the time is over.
    pub(crate) fn waiting(&self, now: Instant) -> Option<(&str, Duration)> {
        let wait = self.wait.as_ref().filter(|wait| wait.until > now && self.ended.is_none())?;
        Some((&wait.reason, wait.until - now))
    }

    /// Rows per second, lately.
    pub(crate) fn rate(&self, now: Instant) -> f64 {
        self.rate.rows_per_second(self.began, self.rows, now)
    }

    /// How it ended, where it has.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.ended.as_ref().map(|report| report.outcome)
    }
}

/// How many rows there were, and when, some time ago and at the last change of window.
#[derive(Debug, Default)]
struct Rate {
    earlier: Option<(Instant, u64)>,
    later: Option<(Instant, u64)>,
}

impl Rate {
    fn note(&mut self, rows: u64, now: Instant) {
        if self.later.is_none_or(|(at, _)| now - at >= RATE_OVER) {
            self.earlier = self.later.replace((now, rows));
        }
    }

    fn rows_per_second(&self, began: Instant, rows: u64, now: Instant) -> f64 {
        let (since, before) = self.earlier.unwrap_or((began, 0));
        let seconds = (now - since).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "shown in whole rows")]
        let came = rows.saturating_sub(before) as f64;
        if seconds > 0.0 { came / seconds } else { 0.0 }
    }
}
