//! One run against the destination, told in the words of a run: begin, open a stream, write records, end.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use spile_columnar::{Admit, Built, TableBuilder};
use spile_destination::{
    Batch, Committed, Destination, ReplayedRun, RunEnd, RunStart, StreamTarget, StreamTotals, StreamWriter, Written,
};
use spile_model::event::Outcome;
use spile_model::{
    Checkpoint, CheckpointDelta, CursorValue, Failure, Page, PartitionKey, Progress, Reject, RunId, StreamName, Usage,
};
use spile_plan::{Lists, ShapePlan, StreamPlan, WriteMode};

use super::Subject;
use crate::plan;

/// A stream as the cases speak of it; every stream `x` fills the table `x`.
#[derive(Clone, Debug)]
#[must_use]
pub struct Stream {
    name: String,
    table: String,
    write: WriteMode,
    primary_key: Vec<String>,
    cursor: Option<String>,
    lists: Lists,
    skip_known: bool,
    discard: Option<RunId>,
    partition: PartitionKey,
}

/// A stream that appends.
pub fn stream(name: &str) -> Stream {
    Stream {
        name: name.to_owned(),
        table: name.to_owned(),
        write: WriteMode::Append,
        primary_key: Vec::new(),
        cursor: None,
        lists: Lists::List,
        skip_known: false,
        discard: None,
        partition: PartitionKey::whole(),
    }
}

impl Stream {
    /// Replaces its table.
    pub fn replace(self) -> Self {
        Self { write: WriteMode::Replace, ..self }
    }

    /// Merges by these keys.
    pub fn merge(self, keys: &[&str]) -> Self {
        Self { write: WriteMode::Merge, ..self }.key(keys)
    }

    /// Has a primary key.
    pub fn key(self, keys: &[&str]) -> Self {
        Self { primary_key: keys.iter().map(|key| (*key).to_owned()).collect(), ..self }
    }

    /// Has this cursor.
    pub fn cursor(self, key: &str) -> Self {
        Self { cursor: Some(key.to_owned()), ..self }
    }

    /// Puts lists into child tables.
    pub fn children(self) -> Self {
        Self { lists: Lists::ChildTables, ..self }
    }

    /// Leaves out rows that the table has.
    pub fn skip_known(self) -> Self {
        Self { skip_known: true, ..self }
    }

    /// Removes what this run left unfinished.
    pub fn discard(self, run: RunId) -> Self {
        Self { discard: Some(run), ..self }
    }

    /// Reads only this partition.
    pub fn partition(self, key: &str) -> Self {
        Self { partition: PartitionKey::new(key), ..self }
    }

    /// Its name as the destination knows it.
    pub fn name(&self) -> StreamName {
        StreamName::new(self.name.as_str())
    }

    fn target(&self, run: RunId) -> StreamTarget {
        StreamTarget {
            run,
            stream: self.name(),
            table: self.table.clone(),
            write: self.write,
            primary_key: self.primary_key.clone(),
            cursor: self.cursor.clone(),
            skip_known: self.skip_known,
            discard: self.discard,
        }
    }

    fn plan(&self) -> StreamPlan {
        StreamPlan {
            table: self.table.clone(),
            primary_key: self.primary_key.clone(),
            cursor: self.cursor.as_deref().map(plan::cursor),
            write: self.write,
            shape: ShapePlan { lists: self.lists, ..ShapePlan::default() },
            ..plan::stream(&self.name)
        }
    }
}

/// Progress up to this cursor.
pub(super) fn up_to(cursor: i64) -> Progress {
    Progress { cursor: Some(CursorValue::Int(cursor)), ..Progress::default() }
}

/// One run of the pipeline, with the destination open.
pub struct Session {
    destination: Box<dyn Destination>,
    run: RunId,
}

impl Session {
    /// Opens the subject and begins a run.
    pub async fn begin(subject: &dyn Subject) -> Self {
        Self::begin_as(subject, None).await
    }

    /// Opens the subject and begins a run, or the replay of one.
    pub async fn begin_as(subject: &dyn Subject, replays: Option<ReplayedRun>) -> Self {
        let destination = subject.open().await;
        let start = RunStart { started_at: Timestamp::UNIX_EPOCH, version: "contract".to_owned(), replays };
        let run = destination.begin_run(&start).await.expect("a run can begin");
        Self { destination, run }
    }

    /// The run's number.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The destination itself.
    pub fn destination(&self) -> &dyn Destination {
        self.destination.as_ref()
    }

    /// The stored progress of a stream.
    pub async fn checkpoint(&self, stream: &Stream) -> Checkpoint {
        self.destination.checkpoint(&stream.name()).await.expect("the state can be read")
    }

    /// Opens a stream for writing, from its stored progress.
    pub async fn open(&self, stream: &Stream) -> Writing {
        let stored = self.checkpoint(stream).await.partitions.get(&stream.partition).cloned();
        let writer = self.destination.open_stream(stream.target(self.run)).await.expect("a stream can be opened");
        let builder = TableBuilder::new(&stream.plan(), self.run, writer.known_schema());
        Writing { writer, builder, stream: stream.clone(), progress: stored, pages: 0 }
    }

    /// Records that the run ended well, and closes the destination.
    pub async fn end(self) {
        self.end_as(Outcome::Succeeded, Vec::new(), None).await;
    }

    /// Records that the run ended well and what its requests came to, and closes the destination.
    pub async fn end_with_requests(self, requests: Vec<Usage>) {
        let end = RunEnd { requests, ..ended(Outcome::Succeeded) };
        self.destination.end_run(self.run, &end).await.expect("the end of a run can be recorded");
    }

    /// Records how the run ended, and closes the destination.
    pub async fn end_as(self, outcome: Outcome, streams: Vec<StreamTotals>, error: Option<&str>) {
        let end = RunEnd { streams, error: error.map(ToOwned::to_owned), ..ended(outcome) };
        self.destination.end_run(self.run, &end).await.expect("the end of a run can be recorded");
    }

    /// Writes one whole run of one stream: these records in one batch, read to the end.
    pub async fn whole_run(subject: &dyn Subject, stream: &Stream, records: Value, to: i64) -> RunId {
        let session = Self::begin(subject).await;
        let mut writing = session.open(stream).await;
        writing.write(records, up_to(to)).await.expect("records can be written");
        writing.finish(true).await.expect("a stream can be finished");
        let run = session.run;
        session.end().await;
        run
    }
}

fn ended(outcome: Outcome) -> RunEnd {
    let finished_at = Timestamp::UNIX_EPOCH + Duration::from_secs(60);
    RunEnd { finished_at, outcome, streams: Vec::new(), requests: Vec::new(), error: None }
}

/// One stream being written. Dropping it abandons what is not committed.
pub struct Writing {
    writer: Box<dyn StreamWriter>,
    builder: TableBuilder,
    stream: Stream,
    progress: Option<Progress>,
    pages: u64,
}

impl Writing {
    /// Writes records (a list of objects), which bring the progress to `to`.
    ///
    /// # Errors
    /// What the destination says.
    pub async fn write(&mut self, records: Value, to: Progress) -> Result<Written, Failure> {
        let batch = self.batch(&records, to);
        self.writer.write(batch).await
    }

    /// The batch that these records make; nothing is written, but later batches go on from `to`.
    pub fn batch(&mut self, records: &Value, to: Progress) -> Batch {
        let records = records.as_array().expect("records are a list");
        let texts: Vec<String> = records.iter().map(Value::to_string).collect();
        self.batch_of_texts(&texts, to)
    }

    /// As [`Writing::batch`], of records as JSON text: for numbers that a value would round.
    pub fn batch_of_texts(&mut self, records: &[String], to: Progress) -> Batch {
        let built = self.build(records);
        let from = self.progress.replace(to.clone());
        Batch {
            tables: built.tables,
            record_schema: built.record_schema,
            rejects: built.rejects,
            request: format!("GET /{}?page={}", self.stream.name, self.pages).into(),
            delta: CheckpointDelta { stream: self.stream.name(), partition: self.stream.partition.clone(), from, to },
            bytes: 1000,
        }
    }

    /// Writes a batch that a case has changed.
    ///
    /// # Errors
    /// What the destination says.
    pub async fn write_batch(&mut self, batch: Batch) -> Result<Written, Failure> {
        self.writer.write(batch).await
    }

    /// What the destination knows of the stream's records.
    pub fn known_schema(&self) -> Option<&spile_model::TableSchema> {
        self.writer.known_schema()
    }

    /// Commits everything accepted.
    ///
    /// # Errors
    /// What the destination says.
    pub async fn flush(&mut self) -> Result<Option<Committed>, Failure> {
        self.writer.flush().await
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// What the destination says.
    pub async fn finish(self, complete: bool) -> Result<Option<Committed>, Failure> {
        self.writer.finish(complete).await
    }

    fn build(&mut self, records: &[String]) -> Built {
        self.pages += 1;
        let mut body = String::new();
        let mut places: Vec<Range<u32>> = Vec::new();
        for record in records {
            let begin = body.len();
            body.push_str(record);
            places.push(place(begin)..place(body.len()));
        }
        let page = Page {
            stream: self.stream.name(),
            partition: self.stream.partition.clone(),
            number: self.pages,
            request: Arc::from("GET /"),
            received_at: Timestamp::UNIX_EPOCH,
            body: Bytes::from(body),
            records: places,
            rejects: Vec::new(),
            last: false,
            answer: None,
            unchanged: false,
        };
        self.builder.build(&page, 0..records.len(), &|_, _| Admit::Load)
    }
}

fn place(at: usize) -> u32 {
    u32::try_from(at).expect("a case's page is small")
}

/// A reject as the builder makes them.
pub(super) fn reject(reason: &str, record: &str) -> Reject {
    Reject { reason: reason.to_owned(), record: record.to_owned(), loaded: false }
}
