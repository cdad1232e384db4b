//! A look at a stream without a destination: what `preview` and `check` show.

use std::sync::{Arc, Mutex, PoisonError};

use spile_columnar::{Admit, TableBuilder};
use spile_http::{Client, Exchange};
use spile_model::{Failure, Reject, RunId, TableSchema};
use spile_plan::{PipelinePlan, StreamPlan};
use spile_source::{Pages, Source, Start};

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
    /// The last request and its answer; none where nothing was sent.
    pub last: Option<Exchange>,
    /// What ended the look early: what a run would fail with at this place.
    pub failure: Option<Failure>,
}

/// Reads pages of `stream`, from its beginning, until `limit` records are there (one page for a limit of 0). Touches
/// no destination. A failure is a part of what is seen: how far it got, and what was sent and answered last, are worth
/// most where something is wrong.
pub async fn look(plan: &Arc<PipelinePlan>, stream: &StreamPlan, limit: usize, world: &World) -> Look {
    let mut look = Look::default();
    let client = match Client::new(plan, world.of_client()) {
        Ok(client) => client,
        Err(failure) => return Look { failure: Some(failure.in_stream(&stream.name)), ..look },
    };
    let last = Arc::new(Mutex::new(None));
    let seen = last.clone();
    client.watch(move |exchange| *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(exchange));
    let pages = Source::new(plan.clone(), client.clone()).pages(stream, Start::default());
    let read = look.read(pages, stream, limit).await;
    client.settled().await;
    look.failure = read.err().map(|failure| failure.in_stream(&stream.name));
    look.last = last.lock().unwrap_or_else(PoisonError::into_inner).take();
    look
}

impl Look {
    async fn read(&mut self, mut pages: Pages, stream: &StreamPlan, limit: usize) -> Result<(), Failure> {
        let mut builder = TableBuilder::new(stream, RunId(0), None);
        while let Some(page) = pages.next_page().await? {
            self.requests.push(page.request.to_string());
            self.found += page.records.len();
            let wanted = page.records.len().min(limit.saturating_sub(self.records.len()));
            self.records.extend((0..wanted).map(|index| String::from_utf8_lossy(page.record(index)).into_owned()));
            for part in page.parts() {
                let built = builder.build(&page, part, &|_, _| Admit::Load);
                self.schema = built.record_schema.as_ref().clone();
                self.rejects.extend(built.rejects);
            }
            self.more = !page.last;
            if page.last || self.records.len() >= limit {
                break;
            }
        }
        Ok(())
    }
}
