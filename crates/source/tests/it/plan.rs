//! A plan of one stream.

use std::num::{NonZeroU32, NonZeroU64};

use spile_expression::{RecordPath, Template};
use spile_model::StreamName;
use spile_plan::{
    AuthPlan, CommitPlan, DestinationPlan, DuckDbPlan, LimitPlan, MissingRecords, PaginationKind, PaginationPlan,
    PipelinePlan, RequestPlan, RetryPlan, ShapePlan, SourcePlan, StreamPlan, TimeoutPlan, Variables, WriteMode,
};

/// One stream `items` at `/items`, on one page, whose body is its records.
pub(crate) fn plan(base_url: &str) -> PipelinePlan {
    PipelinePlan {
        name: "test".to_owned(),
        variables: Variables::default(),
        source: SourcePlan {
            base_url: base_url.to_owned(),
            auth: AuthPlan::None,
            headers: Vec::new(),
            query: Vec::new(),
            rate_limits: Vec::new(),
            concurrency: NonZeroU32::new(8).unwrap(),
            timeouts: TimeoutPlan::default(),
            retries: RetryPlan::default(),
            limits: LimitPlan::default(),
        },
        streams: vec![StreamPlan {
            name: StreamName::new("items"),
            table: "items".to_owned(),
            request: RequestPlan {
                method: "GET".to_owned(),
                path: Template::compile("/items").unwrap(),
                query: Vec::new(),
                headers: Vec::new(),
                body: None,
            },
            pagination: PaginationPlan { kind: PaginationKind::None, max_pages: NonZeroU64::new(1000).unwrap() },
            records: RecordPath::root(),
            missing_records: MissingRecords::Fail,
            primary_key: Vec::new(),
            cursor: None,
            write: WriteMode::Append,
            shape: ShapePlan::default(),
        }],
        destination: DestinationPlan::DuckDb(DuckDbPlan {
            path: "unused.duckdb".into(),
            schema: "main".to_owned(),
            memory: None,
            commit: CommitPlan::default(),
        }),
    }
}
