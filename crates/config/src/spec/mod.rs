//! What the YAML says, as types. The documentation of their fields is the user's manual: it is
//! generated into it, shown by editors, and quoted in messages.
//!
//! In: JSON that was checked against [`schema::json_schema`]. Out: [`PipelineSpec`]. The schema is
//! generated from these types, so that there is one description of the format and not three. They
//! hold what was written, without defaults and without meaning: that is the plan's. What the schema
//! requires is an `Option` where it holds much else together: its lack has been reported, and the rest
//! is looked at all the same.

mod destination;
mod pagination;
pub(crate) mod schema;
mod source;
mod stream;
mod values;
mod variable;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use destination::{CommitSpec, DestinationSpec, DuckDbForm, DuckDbSpec, NamedDestination};
pub(crate) use pagination::{
    InjectionSpec, OffsetSpec, PageNumberSpec, PageTokenSpec, PaginationSpec, PlaceSpec, TokenPlace, TokenSpec,
};
pub(crate) use source::{ApiKeySpec, AuthSpec, SourceSpec, WindowSpec};
pub(crate) use stream::{
    BodySpec, CursorForm, CursorSpec, ListsSpec, LookbackSpec, MethodSpec, MissingRecordsSpec, NamesSpec, NestedSpec,
    OrderSpec, StreamDefaults, StreamSpec, WriteSpec,
};
pub(crate) use values::{DurationText, Exact, Named, OneOrMany, SizeText, Text};
pub(crate) use variable::{DefaultSpec, VariableForm, VariableSpec};

/// A pipeline: records of an API into tables.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Spile pipeline")]
pub(crate) struct PipelineSpec {
    /// The name of the pipeline. Its progress is kept in the destination under this name, so a
    /// pipeline that is renamed starts anew. Letters, digits, `_`, `-` and `.`.
    #[schemars(required, length(min = 1))]
    pub(crate) name: Option<String>,

    /// Values that templates use as `{{ name }}`. The value of a variable is, in this order: what
    /// `--set name=value` says, what its environment variable says, its default.
    pub(crate) variables: Option<Named<VariableForm>>,

    /// The API: where it is, who asks, and how politely.
    #[schemars(with = "SourceSpec")]
    pub(crate) source: Option<SourceSpec>,

    /// Settings for all streams. A setting that a stream has itself takes the place of the one here, as a whole.
    #[expect(dead_code, reason = "put into each stream before the types are read")]
    pub(crate) defaults: Option<StreamDefaults>,

    /// What to read, by name. Each stream becomes one table.
    #[schemars(required, extend("minProperties" = 1))]
    pub(crate) streams: Option<Named<StreamSpec>>,

    /// Where the tables live: `duckdb:file.duckdb`.
    #[schemars(with = "DestinationSpec")]
    pub(crate) destination: Option<DestinationSpec>,
}

impl PipelineSpec {
    /// The streams, in the file's order.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (&str, &StreamSpec)> {
        self.streams.iter().flat_map(Named::iter)
    }
}
