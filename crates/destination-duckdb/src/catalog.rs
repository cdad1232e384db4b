//! Spile's own tables beside the user's: progress, runs and their requests, rejects, and what is known of each table's
//! columns.

mod totals;

use duckdb::{Connection, OptionalExt, params};
use jiff::Timestamp;
use serde_json::Value as Json;
use spile_destination::{ReplayedRun, RunEnd, RunStart, StreamState};
use spile_model::{
    Checkpoint, CheckpointDelta, Decimal, Failure, FailureKind, PartitionKey, Progress, Reject, RunId, StreamName,
    TableSchema, Usage,
};

use crate::catalog::totals::RunTotals;
use crate::failure::OrExplain;
use crate::sql::{ident, instant};

/// Reads and writes Spile's tables of one pipeline in one schema.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    pipeline: String,
    schema: String,
}

impl Catalog {
    pub(crate) fn new(pipeline: &str, schema: &str) -> Self {
        Self { pipeline: pipeline.to_owned(), schema: schema.to_owned() }
    }

    pub(crate) fn pipeline(&self) -> &str {
        &self.pipeline
    }

    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    /// A table of that name, quoted, with its schema.
    pub(crate) fn qualified(&self, table: &str) -> String {
        format!("{}.{}", ident(&self.schema), ident(table))
    }

    /// Creates what is not there.
    pub(crate) fn prepare(&self, connection: &Connection) -> Result<(), Failure> {
        let (state, runs) = (self.qualified("_spile_state"), self.qualified("_spile_runs"));
        let (rejects, tables) = (self.qualified("_spile_rejects"), self.qualified("_spile_tables"));
        let requests = self.qualified("_spile_requests");
        // Of a few rows: to look for the best compression at each checkpoint would cost a small run a tenth of its time.
        let text = "VARCHAR USING COMPRESSION uncompressed";
        let json = "JSON USING COMPRESSION uncompressed";
        connection
            .execute_batch(&format!(
                "CREATE SCHEMA IF NOT EXISTS {};
                 CREATE TABLE IF NOT EXISTS {state} (pipeline {text}, stream {text}, partition {text}, \
                     progress {json}, run BIGINT, updated_at TIMESTAMP WITH TIME ZONE);
                 CREATE TABLE IF NOT EXISTS {runs} (run BIGINT, pipeline {text}, version {text}, status {text}, \
                     started_at TIMESTAMP WITH TIME ZONE, finished_at TIMESTAMP WITH TIME ZONE, \
                     \"rows\" BIGINT, rejected BIGINT, requests BIGINT, bytes BIGINT, streams {json}, error {text});
                 CREATE TABLE IF NOT EXISTS {rejects} (run BIGINT, pipeline VARCHAR, stream VARCHAR, \
                     \"at\" TIMESTAMP WITH TIME ZONE, reason VARCHAR, loaded BOOLEAN, request VARCHAR, record VARCHAR);
                 CREATE TABLE IF NOT EXISTS {tables} (pipeline {text}, stream {text}, table_name {text}, \
                     parent {text}, columns {json}, record {json});
                 CREATE TABLE IF NOT EXISTS {requests} (run BIGINT, pipeline {text}, stream {text}, endpoint {text}, \
                     requests BIGINT, bytes BIGINT, status_2xx BIGINT, status_3xx BIGINT, status_4xx BIGINT, \
                     status_5xx BIGINT, unanswered BIGINT, retries BIGINT, rate_limited BIGINT, p50_seconds DOUBLE, \
                     p95_seconds DOUBLE, p99_seconds DOUBLE, waited_seconds DOUBLE, backoff_seconds DOUBLE, \
                     quota_left DOUBLE, quota_limit DOUBLE, quotas {json}, cost DECIMAL(38, 18), currency {text});",
                ident(&self.schema)
            ))
            .or_explain("Spile's own tables could not be made")
    }

    /// Gives a run its number; one that is still recorded as running was killed.
    pub(crate) fn begin_run(&self, connection: &Connection, start: &RunStart) -> Result<RunId, Failure> {
        let runs = self.qualified("_spile_runs");
        let killed = format!("UPDATE {runs} SET status = 'killed' WHERE pipeline = ? AND status = 'running'");
        connection.execute(&killed, params![self.pipeline]).or_explain("the run could not be recorded")?;
        if let Some(replayed) = &start.replays
            && self.begin_again(connection, replayed, start)?
        {
            return Ok(replayed.run);
        }
        let begin = || {
            connection.query_row(
                &format!(
                    "INSERT INTO {runs} (run, pipeline, version, status, started_at) \
                     SELECT coalesce(?, coalesce(max(run), 0) + 1), ?, ?, 'running', CAST(? AS TIMESTAMPTZ) FROM {runs} \
                     RETURNING run"
                ),
                params![
                    start.replays.as_ref().map(|replayed| replayed.run.0),
                    self.pipeline,
                    start.version,
                    instant(start.started_at)
                ],
                |row| row.get(0).map(RunId),
            )
        };
        begin().or_explain("the run could not be recorded")
    }

    /// Takes up the row of a run that is replayed where it ran, if it is there: what is recorded of the streams that are
    /// replayed gives way.
    fn begin_again(&self, connection: &Connection, replayed: &ReplayedRun, start: &RunStart) -> Result<bool, Failure> {
        for stream in &replayed.streams {
            self.discard_rejects(connection, stream, replayed.run)?;
        }
        let runs = self.qualified("_spile_runs");
        let (run, pipeline) = (replayed.run, &self.pipeline);
        let read = || {
            let sql = format!("SELECT pipeline FROM {runs} WHERE run = ?");
            connection.query_row(&sql, params![run.0], |row| row.get::<_, String>(0)).optional()
        };
        match read().or_explain("the runs could not be read")? {
            None => return Ok(false),
            Some(other) if other != *pipeline => {
                let message =
                    format!("the number {run} of the recorded run is in this database that of a run of `{other}`");
                return Err(Failure::new(FailureKind::ReplayPlace, message));
            }
            Some(_) => {}
        }
        let sql = format!(
            "UPDATE {runs} SET version = ?, status = 'running', finished_at = NULL, error = NULL \
             WHERE run = ? AND pipeline = ?"
        );
        let again = connection.execute(&sql, params![start.version, run.0, pipeline]);
        again.map(|_| true).or_explain("the run could not be recorded")
    }

    pub(crate) fn end_run(&self, connection: &Connection, run: RunId, end: &RunEnd) -> Result<(), Failure> {
        let before = self.streams_of(connection, run)?;
        let RunTotals { outcome, error, streams } = RunTotals::of(end, before);
        let sum = |count: &str| -> i64 { streams.iter().filter_map(|totals| totals[count].as_i64()).sum() };
        let sql = format!(
            "UPDATE {} SET status = ?, finished_at = CAST(? AS TIMESTAMPTZ), \"rows\" = ?, rejected = ?, requests = ?, \
             bytes = ?, streams = ?, error = ? WHERE run = ? AND pipeline = ?",
            self.qualified("_spile_runs")
        );
        let values = params![
            outcome.as_str(),
            instant(end.finished_at),
            sum("rows"),
            sum("rejected"),
            sum("requests"),
            sum("bytes"),
            Json::from(streams.clone()).to_string(),
            error,
            run.0,
            self.pipeline
        ];
        connection.execute(&sql, values).map(|_| ()).or_explain("the end of the run could not be recorded")?;
        self.add_requests(connection, run, &end.requests)
    }

    /// What is recorded of the run's streams already: where a run is replayed.
    fn streams_of(&self, connection: &Connection, run: RunId) -> Result<Vec<Json>, Failure> {
        let sql = format!(
            "SELECT CAST(streams AS VARCHAR) FROM {} WHERE run = ? AND pipeline = ?",
            self.qualified("_spile_runs")
        );
        let read = connection.query_row(&sql, params![run.0, self.pipeline], |row| row.get::<_, Option<String>>(0));
        let text = read.optional().or_explain("the runs could not be read")?.flatten();
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    fn add_requests(&self, connection: &Connection, run: RunId, usages: &[Usage]) -> Result<(), Failure> {
        let sql = format!(
            "INSERT INTO {} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
             CAST(? AS DECIMAL(38, 18)), ?)",
            self.qualified("_spile_requests")
        );
        let mut insert = connection.prepare(&sql).or_explain("what requests came to could not be stored")?;
        for usage in usages {
            let seconds = |time: Option<std::time::Duration>| time.map(|time| time.as_secs_f64());
            let tightest = usage.tightest_quota();
            let values = params![
                run.0,
                self.pipeline,
                usage.stream.as_str(),
                &*usage.endpoint,
                signed(usage.requests),
                signed(usage.bytes),
                signed(usage.statuses.status_2xx),
                signed(usage.statuses.status_3xx),
                signed(usage.statuses.status_4xx),
                signed(usage.statuses.status_5xx),
                signed(usage.statuses.unanswered),
                signed(usage.retries),
                signed(usage.rate_limited),
                seconds(usage.latency.p50),
                seconds(usage.latency.p95),
                seconds(usage.latency.p99),
                usage.waited.as_secs_f64(),
                usage.backoff.as_secs_f64(),
                tightest.map(|quota| quota.left),
                tightest.and_then(|quota| quota.limit),
                serde_json::to_string(&usage.quotas).expect("quotas are plain data"),
                usage.cost.as_ref().map(|cost| storable(cost.amount)),
                usage.cost.as_ref().map(|cost| &*cost.currency)
            ];
            insert.execute(values).or_explain("what requests came to could not be stored")?;
        }
        Ok(())
    }

    /// The run that last read the stream to its end, if that run was itself stopped before its own end.
    pub(crate) fn broken_off(&self, connection: &Connection, stream: &StreamName) -> Result<Option<RunId>, Failure> {
        let sql = format!(
            "SELECT max(r.run) FROM {} r JOIN {} s ON s.pipeline = r.pipeline \
             AND r.run = CAST(json_extract_string(s.progress, '$.finished') AS BIGINT) \
             WHERE s.pipeline = ? AND s.stream = ? AND r.status IN ('killed', 'interrupted')",
            self.qualified("_spile_runs"),
            self.qualified("_spile_state")
        );
        connection
            .query_row(&sql, params![self.pipeline, stream.as_str()], |row| {
                Ok(row.get::<_, Option<i64>>(0)?.map(RunId))
            })
            .or_explain("the runs could not be read")
    }

    pub(crate) fn states(&self, connection: &Connection) -> Result<Vec<StreamState>, Failure> {
        let sql = format!(
            "SELECT stream, partition, CAST(progress AS VARCHAR), run, epoch_us(updated_at) FROM {} \
             WHERE pipeline = ? ORDER BY stream, partition",
            self.qualified("_spile_state")
        );
        let read = || {
            let mut statement = connection.prepare(&sql)?;
            let rows = statement.query_map(params![self.pipeline], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            })?;
            rows.collect::<duckdb::Result<Vec<(String, String, String, i64, i64)>>>()
        };
        let mut states: Vec<StreamState> = Vec::new();
        for (stream, partition, progress, run, updated_at) in read().or_explain("the state could not be read")? {
            let progress = parse_progress(&stream, &progress)?;
            let updated_at = Timestamp::from_microsecond(updated_at).unwrap_or(Timestamp::UNIX_EPOCH);
            if states.last().is_none_or(|state| state.stream.as_str() != stream) {
                let checkpoint = Checkpoint::default();
                states.push(StreamState { stream: StreamName::new(stream), checkpoint, updated_at, run: RunId(run) });
            }
            if let Some(state) = states.last_mut() {
                state.checkpoint.partitions.insert(PartitionKey::new(partition), progress);
                state.updated_at = state.updated_at.max(updated_at);
                state.run = state.run.max(RunId(run));
            }
        }
        Ok(states)
    }

    /// Stores the new progress, inside the open transaction; refuses if what is stored is not what the run started
    /// from.
    pub(crate) fn advance(
        &self,
        connection: &Connection,
        delta: &CheckpointDelta,
        run: RunId,
        at: Timestamp,
    ) -> Result<(), Failure> {
        let state = self.qualified("_spile_state");
        let key = params![self.pipeline, delta.stream.as_str(), delta.partition.as_str()];
        let stored: Option<String> = connection
            .query_row(
                &format!(
                    "SELECT CAST(progress AS VARCHAR) FROM {state} WHERE pipeline = ? AND stream = ? AND partition = ?"
                ),
                key,
                |row| row.get(0),
            )
            .optional()
            .or_explain("the state could not be read")?;
        let stored = stored.map(|text| parse_progress(delta.stream.as_str(), &text)).transpose()?;
        if stored.clone().unwrap_or_default() != delta.from.clone().unwrap_or_default() {
            return Err(conflict(&delta.stream));
        }
        let progress = serde_json::to_string(&delta.to).expect("progress is plain data");
        let write = if stored.is_some() {
            format!(
                "UPDATE {state} SET progress = ?, run = ?, updated_at = CAST(? AS TIMESTAMPTZ) \
                 WHERE pipeline = ? AND stream = ? AND partition = ?"
            )
        } else {
            format!(
                "INSERT INTO {state} (progress, run, updated_at, pipeline, stream, partition) \
                 VALUES (?, ?, CAST(? AS TIMESTAMPTZ), ?, ?, ?)"
            )
        };
        let values =
            params![progress, run.0, instant(at), self.pipeline, delta.stream.as_str(), delta.partition.as_str()];
        connection.execute(&write, values).map(|_| ()).or_explain("the progress could not be stored")
    }

    pub(crate) fn add_rejects(
        &self,
        connection: &Connection,
        stream: &StreamName,
        run: RunId,
        at: Timestamp,
        request: &str,
        rejects: &[Reject],
    ) -> Result<(), Failure> {
        let sql = format!(
            "INSERT INTO {} VALUES (?, ?, ?, CAST(? AS TIMESTAMPTZ), ?, ?, ?, ?)",
            self.qualified("_spile_rejects")
        );
        let mut insert = connection.prepare(&sql).or_explain("rejects could not be stored")?;
        for reject in rejects {
            let values = params![
                run.0,
                self.pipeline,
                stream.as_str(),
                instant(at),
                reject.reason,
                reject.loaded,
                request,
                reject.record
            ];
            insert.execute(values).or_explain("a reject could not be stored")?;
        }
        Ok(())
    }

    /// What is known of a table of the stream: its columns, and for the stream's own table the records.
    pub(crate) fn known_table(&self, connection: &Connection, table: &str) -> Result<Option<KnownTable>, Failure> {
        let sql = format!(
            "SELECT stream, CAST(columns AS VARCHAR), CAST(record AS VARCHAR) FROM {} WHERE pipeline = ? AND table_name = ?",
            self.qualified("_spile_tables")
        );
        let row: Option<(String, String, Option<String>)> = connection
            .query_row(&sql, params![self.pipeline, table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()
            .or_explain("what is known of the tables could not be read")?;
        let Some((stream, columns, record)) = row else { return Ok(None) };
        Ok(Some(KnownTable {
            columns: parse_schema(&stream, &columns)?,
            record: record.map(|record| parse_schema(&stream, &record)).transpose()?.unwrap_or_default(),
        }))
    }

    pub(crate) fn remember_table(
        &self,
        connection: &Connection,
        stream: &StreamName,
        table: &str,
        parent: Option<&str>,
        columns: &TableSchema,
        record: Option<&TableSchema>,
    ) -> Result<(), Failure> {
        self.forget_table(connection, table)?;
        let json = |schema: &TableSchema| serde_json::to_string(schema).expect("a schema is plain data");
        let sql = format!("INSERT INTO {} VALUES (?, ?, ?, ?, ?, ?)", self.qualified("_spile_tables"));
        let values = params![self.pipeline, stream.as_str(), table, parent, json(columns), record.map(json)];
        connection.execute(&sql, values).map(|_| ()).or_explain("what is known of the table could not be stored")
    }

    pub(crate) fn forget_table(&self, connection: &Connection, table: &str) -> Result<(), Failure> {
        let sql = format!("DELETE FROM {} WHERE pipeline = ? AND table_name = ?", self.qualified("_spile_tables"));
        connection
            .execute(&sql, params![self.pipeline, table])
            .map(|_| ())
            .or_explain("what is known of the table could not be changed")
    }

    /// The tables of a stream: children before their parents.
    pub(crate) fn tables_of(
        &self,
        connection: &Connection,
        stream: &StreamName,
    ) -> Result<Vec<(String, Option<String>)>, Failure> {
        let sql = format!(
            "SELECT table_name, parent FROM {} WHERE pipeline = ? AND stream = ? ORDER BY length(table_name) DESC",
            self.qualified("_spile_tables")
        );
        let read = || {
            let mut statement = connection.prepare(&sql)?;
            let rows =
                statement.query_map(params![self.pipeline, stream.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<duckdb::Result<Vec<_>>>()
        };
        read().or_explain("what is known of the tables could not be read")
    }

    /// Forgets the stream's progress; whether there was any.
    pub(crate) fn forget_state(&self, connection: &Connection, stream: &StreamName) -> Result<bool, Failure> {
        let sql = format!("DELETE FROM {} WHERE pipeline = ? AND stream = ?", self.qualified("_spile_state"));
        connection
            .execute(&sql, params![self.pipeline, stream.as_str()])
            .map(|count| count > 0)
            .or_explain("the state could not be reset")
    }

    /// Removes the rejects of a stream's unfinished run, whose rows are read again.
    pub(crate) fn discard_rejects(
        &self,
        connection: &Connection,
        stream: &StreamName,
        run: RunId,
    ) -> Result<(), Failure> {
        let sql =
            format!("DELETE FROM {} WHERE pipeline = ? AND stream = ? AND run = ?", self.qualified("_spile_rejects"));
        connection
            .execute(&sql, params![self.pipeline, stream.as_str(), run.0])
            .map(|_| ())
            .or_explain("rejects of the unfinished run could not be removed")
    }
}

/// What is stored about a table.
pub(crate) struct KnownTable {
    pub(crate) columns: TableSchema,
    pub(crate) record: TableSchema,
}

/// Somebody else has written, or a batch does not follow the one before.
pub(crate) fn conflict(stream: &StreamName) -> Failure {
    let message = format!("the stored progress of `{stream}` is not the one that this run goes on from");
    Failure::new(FailureKind::StateConflict, message).in_stream(stream)
}

fn parse_progress(stream: &str, text: &str) -> Result<Progress, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!("the stored progress of `{stream}` cannot be read; was it written by a later version?");
        Failure::new(FailureKind::StateConflict, message).caused_by(error)
    })
}

fn parse_schema(stream: &str, text: &str) -> Result<TableSchema, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let message =
            format!("what is stored of the tables of `{stream}` cannot be read; was it written by a later version?");
        Failure::new(FailureKind::StateConflict, message).caused_by(error)
    })
}

/// The text of an amount that the column can hold: 20 digits before the point and 18 behind it.
fn storable(amount: Decimal) -> String {
    let most = Decimal::from_i128_with_scale(10_i128.pow(20) - 1, 0);
    amount.min(most).round_dp(18).to_string()
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
