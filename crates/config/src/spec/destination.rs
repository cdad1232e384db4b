//! Where the tables live.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{DurationText, SizeText};

/// Where the tables live.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(extend("x-spile-words" = "`duckdb:FILE`, or a map with `duckdb`"))]
pub(crate) enum DestinationSpec {
    /// `duckdb:FILE`.
    Short(#[schemars(extend("format" = "destination"))] String),
    /// The kind as a key, and its settings below.
    Named(NamedDestination),
}

/// A destination with its settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NamedDestination {
    /// A DuckDB file.
    #[serde(rename = "duckdb")]
    DuckDb(DuckDbForm),
}

/// A DuckDB file: its path, or a map of its settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum DuckDbForm {
    Path(#[schemars(length(min = 1))] String),
    Settings(DuckDbSpec),
}

/// A DuckDB file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DuckDbSpec {
    /// The file. It is created where there is none. A relative path begins at the pipeline file's folder. Variables
    /// may be used in it.
    #[schemars(length(min = 1))]
    pub(crate) path: String,

    /// The schema that holds the tables. It is created where there is none. Default: `main`.
    #[schemars(length(min = 1))]
    pub(crate) schema: Option<String>,

    /// What DuckDB may keep in memory; beyond it, it works on disk. Without it, a load keeps what its rows need (some 40 MB,
    /// more for wide or long rows), and for a moment 1 GiB or more where keys meet, columns are added or long texts are
    /// committed.
    pub(crate) memory: Option<SizeText>,

    /// When rows are committed: as soon as one of these is reached, and at a stream's end.
    pub(crate) commit: Option<CommitSpec>,
}

/// When rows are committed. Larger commits are cheaper; what is not committed is read again after a crash.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommitSpec {
    /// So many rows. Default: 245760.
    #[schemars(range(min = 1))]
    pub(crate) rows: Option<u64>,

    /// So much text. Default: `512MiB`.
    pub(crate) bytes: Option<SizeText>,

    /// So long after the first of them. Default: `30s`.
    pub(crate) age: Option<DurationText>,
}
