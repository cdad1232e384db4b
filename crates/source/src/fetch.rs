//! One page: its request, its response, what the response holds, and where the next page is.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use spile_http::{Client, Response};
use spile_model::{CursorValue, Failure, FailureKind, StreamName};
use spile_plan::{PipelinePlan, StreamPlan};

use crate::extract::{Extracted, Extractor};
use crate::guard;
use crate::pagination::{Next, Paginator, Position, Seen, Wanted};
use crate::priced::Priced;
use crate::request::Requests;

/// A body beyond this is taken apart on a blocking thread: it would keep the others waiting for a millisecond or more.
const INLINE_BODY: usize = 1024 * 1024;

/// Fetches the pages of one stream in one run; shared by the tasks that do.
pub(crate) struct Fetcher {
    client: Client,
    stream: StreamName,
    requests: Requests,
    extractor: Extractor,
    pub(crate) paginator: Paginator,
    priced: Priced,
}

/// A page that has come, before its place in the order is known.
pub(crate) struct Fetched {
    /// The request, as it may be shown.
    pub(crate) request: Arc<str>,
    pub(crate) received_at: Timestamp,
    pub(crate) extracted: Extracted,
    pub(crate) next: Next,
    /// The number or offset at which nothing can be any more, where the response tells.
    pub(crate) end: Option<u64>,
    /// The hash of its records, if it has any.
    pub(crate) contents: Option<u64>,
}

impl Fetched {
    /// Bytes that it takes while it waits.
    pub(crate) fn weight(&self) -> u64 {
        self.extracted.weight()
    }
}

impl Fetcher {
    pub(crate) fn new(plan: &PipelinePlan, stream: &StreamPlan, from: Option<CursorValue>, client: &Client) -> Self {
        let mut wanted = Wanted::default();
        let paginator = Paginator::new(&stream.pagination.kind, &mut wanted);
        let priced = Priced::new(stream.price.as_ref(), &mut wanted);
        Self {
            client: client.clone(),
            stream: stream.name.clone(),
            requests: Requests::new(plan, stream, from, client),
            extractor: Extractor::new(&stream.records, wanted.0, stream.missing_records),
            paginator,
            priced,
        }
    }

    /// The page at `position`. Its failures are not placed yet, and hold no secrets.
    pub(crate) async fn fetch(&self, position: &Position) -> Result<Fetched, Failure> {
        self.try_fetch(position).await.map_err(|mut failure| {
            failure.message = self.client.redact(&failure.message);
            failure
        })
    }

    async fn try_fetch(&self, position: &Position) -> Result<Fetched, Failure> {
        let request = self.requests.render(position, &self.paginator.injections(position))?;
        let shown = format!("{} {}", request.method, self.client.show_url(&request.url));
        let accept = |response| self.extract(response);
        let (response, extracted) = self.client.send_and(&request, &self.stream, accept).await?;
        let records = &extracted.records;
        if let Some(content) = self.priced.content(&response, &extracted) {
            self.client.received(&self.stream, content);
        }
        let seen = Seen {
            position,
            records: (records.len() + extracted.rejects.len()) as u64,
            signals: &extracted.signals,
            headers: &response.headers,
            url: &response.url,
        };
        let next = if response.ends { Next::End } else { self.paginator.next(&seen)? };
        self.check(&next)?;
        let contents =
            guard::contents(records.iter().map(|range| &extracted.body[range.start as usize..range.end as usize]));
        let end = if response.ends { None } else { self.paginator.end(&seen)? };
        Ok(Fetched { request: shown.into(), received_at: response.received_at, next, end, contents, extracted })
    }

    /// Takes the body apart, and gives the response back without it.
    async fn extract(&self, mut response: Response) -> Result<(Response, Extracted), Failure> {
        let extracted = if response.ends {
            Extracted::default()
        } else if response.body.len() > INLINE_BODY {
            let (extractor, whole, client) = (self.extractor.clone(), response.clone(), self.client.clone());
            let take_apart = move || extractor.extract(&whole, &|text| client.redact(text));
            let taken_apart = tokio::task::spawn_blocking(take_apart).await;
            taken_apart.unwrap_or_else(|error| match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Failure::new(FailureKind::Interrupted, "the run is ending")),
            })?
        } else {
            self.extractor.extract(&response, &|text| self.client.redact(text))?
        };
        response.body = Bytes::new();
        Ok((response, extracted))
    }

    /// A next page's URL must be one that may be asked.
    fn check(&self, next: &Next) -> Result<(), Failure> {
        let Next::At(Position::Url(url)) = next else { return Ok(()) };
        let Some(reason) = self.client.refusal(url) else { return Ok(()) };
        let message = format!("the response names {} as the next page, but {reason}", self.client.show_url(url));
        Err(Failure::new(FailureKind::OtherOrigin, message))
    }

    /// A position as it may be shown.
    pub(crate) fn show(&self, position: &Position) -> String {
        match position {
            Position::First => "the first page".to_owned(),
            Position::Page(number) | Position::Offset(number) => number.to_string(),
            Position::Token(Value::String(token)) => self.client.redact(token),
            Position::Token(token) => self.client.redact(&token.to_string()),
            Position::Url(url) => self.client.show_url(url),
        }
    }
}
