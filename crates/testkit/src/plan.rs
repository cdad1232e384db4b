//! The simplest plans that can run, for tests to change what they are about.
//!
//! ```
//! use spile_plan::{StreamPlan, WriteMode};
//! use spile_testkit::plan;
//!
//! let orders = StreamPlan { write: WriteMode::Replace, records: plan::path("$.data"), ..plan::stream("orders") };
//! let pipeline = plan::pipeline("http://127.0.0.1:9", vec![orders]);
//! assert_eq!(pipeline.streams[0].request.path.source(), "/orders");
//! ```
//!
//! # Panics
//! Every function that takes a template or a path does so where it does not compile: a test that writes one is wrong.

use std::num::{NonZeroU32, NonZeroU64};

use spile_expression::{RecordPath, Template};
use spile_model::StreamName;
use spile_plan::{
    AuthPlan, BudgetPlan, CommitPlan, CostPlan, CursorOrder, CursorPlan, DestinationPlan, DuckDbPlan, Injection,
    LimitPlan, Lookback, MissingRecords, NamedTemplate, PaginationKind, PaginationPlan, PipelinePlan, ProxyPlan,
    RequestPlan, RetryPlan, SecretStorePlan, ShapePlan, SourcePlan, StreamPlan, TimeoutPlan, TlsPlan, Variables,
    WriteMode,
};

/// More pages than any test reads, and few enough that paging without end is soon over.
const MAX_PAGES: NonZeroU64 = NonZeroU64::MIN.saturating_add(999);

/// What pipeline files have where they say nothing.
const CONCURRENCY: NonZeroU32 = NonZeroU32::MIN.saturating_add(7);

/// A stream and a table of that name: one page at `/name` whose body is its records, appended.
pub fn stream(name: &str) -> StreamPlan {
    StreamPlan {
        name: StreamName::new(name),
        table: name.to_owned(),
        request: RequestPlan {
            method: "GET".to_owned(),
            path: template(&format!("/{name}")),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            idempotent: true,
        },
        cost: CostPlan::default(),
        price: None,
        responses: Vec::new(),
        pagination: PaginationPlan { kind: PaginationKind::None, max_pages: MAX_PAGES },
        records: RecordPath::root(),
        missing_records: MissingRecords::Fail,
        primary_key: Vec::new(),
        cursor: None,
        write: WriteMode::Append,
        cache: None,
        shape: ShapePlan::default(),
    }
}

/// A cursor in that field, of which the API is told nothing, over records that come in its order.
pub fn cursor(field: &str) -> CursorPlan {
    CursorPlan {
        field: field.to_owned(),
        inject: None,
        format: None,
        start: None,
        lookback: Lookback::None,
        order: CursorOrder::Ascending,
    }
}

/// A pipeline of these streams, without variables, credentials and rate limits. Its destination is for no test to open.
pub fn pipeline(base_url: &str, streams: Vec<StreamPlan>) -> PipelinePlan {
    PipelinePlan {
        name: "test".to_owned(),
        variables: Variables::default(),
        secrets: SecretStorePlan::AgeFile("unused.secrets.age".into()),
        source: SourcePlan {
            base_url: base_url.to_owned(),
            allowed_origins: Vec::new(),
            private_hosts: Vec::new(),
            tls: TlsPlan::default(),
            proxy: ProxyPlan::default(),
            auth: AuthPlan::None,
            api_version: None,
            headers: Vec::new(),
            query: Vec::new(),
            rate_limits: Vec::new(),
            concurrency: CONCURRENCY,
            timeouts: TimeoutPlan::default(),
            retries: RetryPlan::default(),
            limits: LimitPlan::default(),
        },
        streams,
        budget: BudgetPlan::default(),
        destination: DestinationPlan::DuckDb(DuckDbPlan {
            path: "unused.duckdb".into(),
            schema: "main".to_owned(),
            memory: None,
            commit: CommitPlan::default(),
        }),
        archive: None,
    }
}

/// A compiled template.
pub fn template(text: &str) -> Template {
    Template::compile(text).expect("the test's template compiles")
}

/// A compiled record path.
pub fn path(text: &str) -> RecordPath {
    RecordPath::compile(text).expect("the test's record path compiles")
}

/// A name with the template of its value.
pub fn named(name: &str, value: &str) -> NamedTemplate {
    NamedTemplate { name: name.to_owned(), value: template(value) }
}

/// Into the query parameter of that name.
pub fn query(name: &str) -> Injection {
    Injection::Query(name.to_owned())
}
