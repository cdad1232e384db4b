//! Counts what a stream does, tells it as events, and sums it up.

use spile_columnar::Built;
use spile_destination::{Committed, StreamTotals};
use spile_model::event::Outcome;
use spile_model::{CursorValue, Events, Failure, Page, RunEvent, StreamName, StreamReport, Usage};
use spile_plan::StreamPlan;
use tokio::time::Instant;
use tracing::{debug, trace};

use crate::report::in_one_line;

/// The counts of one stream in one run.
pub(crate) struct Tally {
    stream: StreamName,
    table: String,
    events: Events,
    began: Instant,
    rows: u64,
    known: u64,
    rejected: u64,
    pages: u64,
    unchanged: u64,
    cursor: Option<CursorValue>,
}

impl Tally {
    pub(crate) fn begin(plan: &StreamPlan, events: Events) -> Self {
        Self {
            stream: plan.name.clone(),
            table: plan.table.clone(),
            events,
            began: Instant::now(),
            rows: 0,
            known: 0,
            rejected: 0,
            pages: 0,
            unchanged: 0,
            cursor: None,
        }
    }

    /// The stream goes on from `committed`, reading from `from`.
    pub(crate) fn started(&mut self, committed: Option<&CursorValue>, from: Option<&CursorValue>) {
        self.cursor = committed.cloned();
        let from_where = from.map_or_else(|| "the beginning".to_owned(), ToString::to_string);
        debug!(stream = %self.stream, "begins, reading from {from_where}");
        self.events.emit(RunEvent::StreamStarted { stream: self.stream.clone(), cursor: from.cloned() });
    }

    /// A part of a page was typed; a page in several parts is told in several events.
    pub(crate) fn typed(&mut self, page: &Page, bytes: u64, built: &Built) {
        self.pages = page.number;
        self.unchanged += u64::from(page.unchanged);
        self.known += built.known;
        self.rejected += built.rejects.len() as u64;
        trace!(
            stream = %self.stream,
            "page {}: {} rows, {} known, {} rejected, {bytes} bytes",
            page.number, built.rows, built.known, built.rejects.len()
        );
        self.events.emit(RunEvent::PageRead {
            stream: self.stream.clone(),
            page: page.number,
            rows: built.rows,
            known: built.known,
            rejected: built.rejects.len() as u64,
            bytes,
            unchanged: page.unchanged,
        });
    }

    /// The one page of a table that stays as it is.
    pub(crate) fn kept(&mut self, page: &Page) {
        self.pages = page.number;
        self.unchanged += 1;
        trace!(stream = %self.stream, "page {}: unchanged, the table stays as it is", page.number);
        self.events.emit(RunEvent::PageRead {
            stream: self.stream.clone(),
            page: page.number,
            rows: 0,
            known: 0,
            rejected: 0,
            bytes: 0,
            unchanged: true,
        });
    }

    pub(crate) fn committed(&mut self, committed: Committed) {
        self.rows += committed.rows;
        self.known += committed.known;
        self.cursor = committed.progress.cursor;
        for (table, change) in committed.changes {
            trace!(stream = %self.stream, "table `{table}`: {change}");
            self.events.emit(RunEvent::SchemaChanged { stream: self.stream.clone(), table, change });
        }
        let cursor = self.cursor.as_ref().map_or_else(String::new, |cursor| format!(", the cursor is now {cursor}"));
        debug!(stream = %self.stream, "committed {} rows{cursor}", committed.rows);
        self.events.emit(RunEvent::Committed {
            stream: self.stream.clone(),
            rows: committed.rows,
            cursor: self.cursor.clone(),
        });
    }

    pub(crate) fn warn(&self, message: String) {
        self.events.emit(RunEvent::Warning { stream: Some(self.stream.clone()), message });
    }

    /// The sum of it all, which is told as the stream's last event.
    pub(crate) fn close(self, outcome: Outcome, usage: Vec<Usage>, failure: Option<&Failure>) -> StreamReport {
        let report = StreamReport {
            stream: self.stream,
            outcome,
            table: self.table,
            rows: self.rows,
            known: self.known,
            rejected: self.rejected,
            pages: self.pages,
            unchanged: self.unchanged,
            requests: usage.iter().map(|usage| usage.requests).sum(),
            bytes: usage.iter().map(|usage| usage.bytes).sum(),
            waited: usage.iter().map(|usage| usage.waited + usage.backoff).sum(),
            endpoints: usage,
            took: self.began.elapsed(),
            cursor: self.cursor,
            error: failure.map(in_one_line),
            remedy: failure.map(|failure| failure.kind.remedy().to_owned()),
        };
        self.events.emit(RunEvent::StreamFinished(report.clone()));
        report
    }
}

/// The report as the destination records it.
pub(crate) fn totals(report: &StreamReport) -> StreamTotals {
    StreamTotals {
        stream: report.stream.clone(),
        outcome: report.outcome,
        rows: report.rows,
        rejected: report.rejected,
        pages: report.pages,
        requests: report.requests,
        bytes: report.bytes,
        took: report.took,
        error: report.error.clone(),
    }
}
