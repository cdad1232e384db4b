//! A stream: one kind of record from one endpoint, which becomes one table.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{
    DurationText, InjectionSpec, Named, OneOrMany, PaginationSpec, PriceSpec, ResponseRuleSpec, Text, TokenSpec,
};

/// A stream: one kind of record from one endpoint, which becomes one table.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-spile-partial" = true))]
pub(crate) struct StreamSpec {
    /// The path of the endpoint, put behind the base URL. May be a template.
    #[schemars(required, length(min = 1))]
    pub(crate) path: Option<String>,

    /// The HTTP method. Default: `GET`, or `POST` where there is a body.
    pub(crate) method: Option<MethodSpec>,

    /// Query parameters. Values may be templates; one that renders to nothing is left out, as
    /// `since: "{{ cursor }}"` is while there is no cursor yet. A list sends the parameter several times.
    pub(crate) query: Option<Named<OneOrMany<Text>>>,

    /// Headers. Values may be templates; one that renders to nothing is left out.
    pub(crate) headers: Option<Named<Text>>,

    /// The body of the request: `{ json: … }` or `{ form: … }`.
    pub(crate) body: Option<BodySpec>,

    /// What a request costs, where a limit counts cost: a whole number, or where the answer tells it. Default: 1; for a
    /// query of GraphQL (a JSON body with a `query`), what its answer tells in the way of Shopify or GitHub.
    pub(crate) cost: Option<CostForm>,

    /// What the requests cost in money: `{ per_request: 0.002, currency: USD }`. It is summed up in the report of a run
    /// and in `_spile_requests`, and `budget` can limit it.
    pub(crate) price: Option<PriceSpec>,

    /// Whether the request changes nothing, or nothing more when it is sent twice, such as a search by `POST`: then it
    /// is tried again after server errors and broken connections too. Default: true for `GET` and `PUT`, false for
    /// `POST` and `PATCH`.
    pub(crate) idempotent: Option<bool>,

    /// What answers mean, where that is not what their status says: a rule such as `{ status: 404, then: empty }`, or a
    /// list of rules, of which the first that matches decides.
    pub(crate) responses: Option<OneOrMany<ResponseRuleSpec>>,

    /// How pages follow each other. Default: `none`, there is one page.
    pub(crate) pagination: Option<PaginationSpec>,

    /// More pages than this are taken for a loop and fail the run. Default: 100000.
    #[schemars(range(min = 1))]
    pub(crate) max_pages: Option<u64>,

    /// Where the records are in a response: a JSONPath (RFC 9535) such as `$.data.items`. A list that it finds stands
    /// for its items. Default: `$`, the whole response.
    #[schemars(extend("format" = "json_path"))]
    pub(crate) records: Option<String>,

    /// What it means when `records` finds nothing in a response. An empty list is an empty page, unless a
    /// list of `errors` stands beside it. Default: `fail`.
    pub(crate) missing_records: Option<MissingRecordsSpec>,

    /// The key of the record that identifies it, or a list of keys that do together.
    #[schemars(extend("x-spile-words" = "the name of a key, or a list of them"))]
    pub(crate) primary_key: Option<OneOrMany<String>>,

    /// The key of the record that says how far the stream has got, for reading only what is new: a name, or a map.
    pub(crate) cursor: Option<CursorForm>,

    /// How rows meet the table. Default: `merge` where there is a primary key; else `append` where there is a
    /// cursor; else `replace`.
    pub(crate) write: Option<WriteSpec>,

    /// Remembers what was answered, so that pages that have not changed are not loaded again: `true`, or a map. See
    /// [Pages that have not changed](#pages-that-have-not-changed). Default: `false`.
    pub(crate) cache: Option<CacheForm>,

    /// The name of the table. Default: the name of the stream.
    #[schemars(length(min = 1))]
    pub(crate) table: Option<String>,

    /// What an object inside a record becomes. Default: `struct`.
    pub(crate) nested: Option<NestedSpec>,

    /// What a list inside a record becomes. Default: `list`.
    pub(crate) lists: Option<ListsSpec>,

    /// Types of columns, by the record's key, where they should not be found out from the data: `bool`, `int`,
    /// `float`, `decimal(18,4)`, `timestamp`, `local_timestamp`, `date`, `text`, `json`, `list(text)`. A record whose
    /// value does not fit is a reject.
    pub(crate) columns: Option<Named<ColumnText>>,

    /// How keys become names of columns. Default: `as_is`.
    pub(crate) names: Option<NamesSpec>,

    /// Whether text that looks like a date or a time (ISO 8601) becomes one. Default: true.
    pub(crate) detect_dates: Option<bool>,

    /// A record that would give its table more columns than this is a reject. Default: 2000.
    #[schemars(range(min = 1, max = 100000))]
    pub(crate) max_columns: Option<usize>,

    /// Objects and lists below this depth stay JSON. Default: 16.
    #[schemars(range(min = 1, max = 64))]
    pub(crate) max_depth: Option<usize>,
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub(crate) enum MethodSpec {
    Get,
    Post,
    Put,
    Patch,
}

impl MethodSpec {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

/// The body of a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BodySpec {
    /// A JSON value. Text in it may be a template; a text that is one `{{ … }}` keeps the value's type, and a member
    /// that renders to nothing is left out.
    Json(Json),
    /// Form fields. Values may be templates; one that renders to nothing is left out.
    Form(Named<OneOrMany<Text>>),
}

/// What a request costs: a number, or a map.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum CostForm {
    Fixed(#[schemars(range(min = 1))] u32),
    Told(CostSpec),
}

/// Where an answer tells what its request cost. Before a request leaves, it is taken for what the last one of the stream
/// cost; its answer puts that right.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CostSpec {
    /// A path into the body (`$.extensions.complexity`), or `{ header: X-Request-Cost }`.
    pub(crate) told: TokenSpec,

    /// What the first request is taken for. Without it, the first one goes ahead alone.
    #[schemars(range(min = 1))]
    pub(crate) estimate: Option<u32>,
}

/// The cursor: the record's key, or a map.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum CursorForm {
    Field(#[schemars(length(min = 1), extend("x-spile-words" = "the name of a key"))] String),
    Settings(CursorSpec),
}

/// How far a stream has got, and how that is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-spile-partial" = true))]
pub(crate) struct CursorSpec {
    /// The record's key whose largest value is the cursor, such as `updated_at`.
    #[schemars(required, length(min = 1))]
    pub(crate) field: Option<String>,

    /// Where the cursor is sent: the name of a query parameter, or `{ query: … }`, `{ header: … }`, `{ body: … }`. It
    /// can also be used in templates of the stream as `{{ cursor }}`.
    pub(crate) param: Option<InjectionSpec>,

    /// How the cursor is written into requests, as a template: `"{{ cursor | format_date('%Y-%m-%d') }}"`. Default: as
    /// it came; times in RFC 3339, in UTC.
    #[schemars(length(min = 1))]
    pub(crate) format: Option<String>,

    /// What is sent while there is no cursor yet. Default: nothing, so that the first run reads all.
    pub(crate) start: Option<Text>,

    /// How far requests go back behind the cursor, for records that appear late: a time such as `5m`, or a whole
    /// number for cursors that are numbers.
    pub(crate) lookback: Option<LookbackSpec>,

    /// In what order the API returns records. Default: `unordered`.
    pub(crate) order: Option<OrderSpec>,
}

/// A time, or a whole number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum LookbackSpec {
    Time(DurationText),
    Count(#[schemars(range(min = 0))] i64),
}

/// In what order an API returns records.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum OrderSpec {
    /// By the cursor, smallest first: progress is kept page by page, and a run that stops goes on from there.
    Ascending,
    /// In any order: progress is kept when the last page has been read.
    Unordered,
}

/// How rows meet the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum WriteSpec {
    /// They are added.
    Append,
    /// They take the place of all that was there, at once, when the last page has been read.
    Replace,
    /// A row takes the place of the one with the same primary key.
    Merge,
}

/// Whether answers are remembered: true or false, or a map.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum CacheForm {
    Switch(bool),
    Settings(CacheSpec),
}

/// How answers are remembered.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CacheSpec {
    /// When a remembered answer stands for a new one without asking. Default: `never`.
    pub(crate) reuse: Option<ReuseSpec>,

    /// So many pages are remembered from one run to the next; those beyond are read and loaded by each run. Each takes
    /// some 200 bytes of the state. Default: 1000.
    #[schemars(range(min = 1, max = 10000))]
    pub(crate) pages: Option<usize>,
}

/// When a remembered answer stands for a new one without asking.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum ReuseSpec {
    /// Never: the API is asked whether it still holds.
    Never,
    /// While it is fresh by what the API says (`Cache-Control: max-age`, `Expires`): no request is sent, and a change is
    /// seen when that time is over.
    Fresh,
    /// Also where the API says nothing of it, for a tenth of the time since `Last-Modified`.
    Heuristic,
}

/// What it means when the record path finds nothing.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum MissingRecordsSpec {
    /// The response is not what was expected: the run fails.
    Fail,
    /// A page without records.
    Empty,
}

/// What an object inside a record becomes.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum NestedSpec {
    /// A struct column.
    Struct,
    /// A column of JSON text.
    Json,
    /// A column for each of its fields, named `outer__inner`.
    Flatten,
}

/// What a list inside a record becomes.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum ListsSpec {
    /// A list column.
    List,
    /// A column of JSON text.
    Json,
    /// A table of its own, named `table__list`, whose rows name their parent row.
    ChildTables,
}

/// How keys become names of columns.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum NamesSpec {
    /// As they are.
    AsIs,
    /// In snake_case: `createdAt` becomes `created_at`.
    SnakeCase,
}

/// The type of a column, such as `decimal(18,4)`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(crate) struct ColumnText(#[schemars(extend("format" = "column_type"))] pub(crate) String);

/// Settings for all streams: a stream without what only one stream can have.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct StreamDefaults(#[expect(dead_code, reason = "only its schema is needed")] Map<String, Json>);

/// What belongs to one stream alone.
const NOT_SHARED: [&str; 4] = ["path", "table", "cursor", "columns"];

impl JsonSchema for StreamDefaults {
    fn schema_name() -> Cow<'static, str> {
        "StreamDefaults".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = StreamSpec::json_schema(generator);
        schema.remove("required");
        schema.insert("description".to_owned(), "Settings for all streams.".into());
        if let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) {
            properties.retain(|key, _| !NOT_SHARED.contains(&key.as_str()));
        }
        schema
    }
}
