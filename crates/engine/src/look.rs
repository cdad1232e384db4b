//! A look at a stream without a destination: what `preview` and `check` show.

use std::sync::Arc;

use spile_columnar::{Admit, TableBuilder};
use spile_http::Client;
use spile_model::{Failure, Reject, RunId, TableSchema};
use spile_plan::{PipelinePlan, StreamPlan};
use spile_source::Source;

use crate::world::World;

/// What the first pages of a stream hold.
#[derive(Debug, Default)]
pub struct Look {
    /// The requests as they were sent, without secrets.
    pub requests: Vec<String>,
    /// The first records, as they came; at most as many as were asked for.
    pub records: Vec<String>,
    /// How many records the pages held.
    pub found: usize,
    /// The columns as far as these pages show them.
    pub schema: TableSchema,
    /// Records of these pages that would become rejects.
    pub rejects: Vec<Reject>,
    /// Whether another page follows.
    pub more: bool,
}

/// Reads pages of `stream`, from its beginning, until `limit` records are there (one page for a limit of 0). Touches
/// no destination.
///
/// # Errors
/// What a run would fail with at this place.
pub async fn look(plan: &Arc<PipelinePlan>, stream: &StreamPlan, limit: usize, world: &World) -> Result<Look, Failure> {
    let client = Client::new(plan, world.clock.clone(), world.events.clone(), world.seed)?;
    let source = Source::new(plan.clone(), client);
    let mut pages = source.pages(stream, None);
    let mut builder = TableBuilder::new(stream, RunId(0), None);
    let mut look = Look::default();
    while let Some(page) = pages.next_page().await.map_err(|failure| failure.in_stream(&stream.name))? {
        look.requests.push(page.request.to_string());
        look.found += page.records.len();
        let wanted = page.records.len().min(limit.saturating_sub(look.records.len()));
        look.records.extend((0..wanted).map(|index| String::from_utf8_lossy(page.record(index)).into_owned()));
        for part in page.parts() {
            let built = builder.build(&page, part, &|_, _| Admit::Load);
            look.schema = built.record_schema.as_ref().clone();
            look.rejects.extend(built.rejects);
        }
        look.more = !page.last;
        if page.last || look.records.len() >= limit {
            break;
        }
    }
    Ok(look)
}
