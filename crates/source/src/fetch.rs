//! One page: its request, its response, what the response holds, and where the next page is.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use spile_http::{Client, Receipt, Request, Response, StatusCode};
use spile_model::{Answer, CursorValue, Failure, FailureKind, RequestKey, StreamName};
use spile_plan::{PipelinePlan, StreamPlan};

use crate::cost::Costs;
use crate::extract::{Extracted, Extractor, Signals};
use crate::memory::{Known, Memory, may_be_followed};
use crate::pagination::{Next, Paginator, Position, Seen, Wanted};
use crate::priced::Priced;
use crate::request::Requests;
use crate::start::Start;
use crate::{guard, memory};

/// A body beyond this is taken apart on a blocking thread: it would keep the others waiting for a millisecond or more.
const INLINE_BODY: usize = 1024 * 1024;

/// Fetches the pages of one stream in one run; shared by the tasks that do.
pub(crate) struct Fetcher {
    client: Client,
    stream: StreamName,
    requests: Requests,
    extractor: Extractor,
    memory: Option<Memory>,
    pub(crate) paginator: Paginator,
    priced: Priced,
}

/// A page that has come, before its place in the order is known.
pub(crate) struct Fetched {
    /// The request, as it may be shown.
    pub(crate) request: Arc<str>,
    pub(crate) received_at: Timestamp,
    /// Where its answer stands in an archive.
    pub(crate) receipt: Option<Receipt>,
    pub(crate) extracted: Extracted,
    pub(crate) next: Next,
    /// The number or offset at which nothing can be any more, where the response tells.
    pub(crate) end: Option<u64>,
    /// The hash of its records, if it has any.
    pub(crate) contents: Option<u64>,
    /// What is to be remembered of it.
    pub(crate) answer: Option<(RequestKey, Answer)>,
    /// Whether the table has its rows already.
    pub(crate) unchanged: bool,
}

/// What came of asking for a page whose answer is known.
enum Came {
    Unchanged(Box<Fetched>),
    Whole(Box<(Response, Extracted)>),
}

/// How a page is asked for whose answer is known.
enum Way {
    /// Not at all.
    Fresh,
    /// By this request, which says what is known.
    IfChanged(Box<Request>),
    /// As if nothing were known.
    Whole,
}

impl Fetched {
    /// Its records are those that the table has: they are let go. `cursor` is the highest among them.
    fn recognised(&mut self, cursor: Option<CursorValue>) {
        self.unchanged = true;
        self.extracted = Extracted::default();
        if let Some((_, answer)) = &mut self.answer {
            answer.cursor = cursor;
        }
    }

    /// Bytes that it takes while it waits.
    pub(crate) fn weight(&self) -> u64 {
        self.extracted.weight()
    }
}

impl Fetcher {
    pub(crate) fn new(plan: &PipelinePlan, stream: &StreamPlan, start: Start, client: &Client) -> Self {
        let mut wanted = Wanted::default();
        let paginator = Paginator::new(&stream.pagination.kind, &mut wanted);
        let priced = Priced::new(stream.price.as_ref(), &mut wanted);
        let costs = Costs::new(&stream.cost, &mut wanted);
        Self {
            client: client.clone(),
            stream: stream.name.clone(),
            requests: Requests::new(plan, stream, start.cursor, client),
            extractor: Extractor::new(&stream.records, wanted.0, stream.missing_records).settling(costs),
            memory: Memory::new(plan, stream, client, start.answers),
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
        let Some(memory) = &self.memory else {
            let (response, extracted) = self.ask(&request).await?;
            return self.fetched(position, &request, &response, extracted);
        };
        let key = memory.key(&request);
        let known = memory.known(key);
        let came = match known {
            None => Came::Whole(Box::new(self.ask(&request).await?)),
            Some(known) => self.ask_knowing(position, &request, memory, known).await?,
        };
        let (response, extracted) = match came {
            Came::Unchanged(fetched) => return Ok(*fetched),
            Came::Whole(whole) => *whole,
        };
        let mut fetched = self.fetched(position, &request, &response, extracted)?;
        let Fetched { contents, next, end, .. } = &fetched;
        let records = fetched.extracted.records.len() as u64;
        let page = memory::Page { contents: *contents, records, next, end: *end };
        // What a rule of the file made of an answer is the rule's, and may be another at the next time.
        let answer = (!response.ends).then(|| memory.answer(&request, &response, &page)).flatten();
        fetched.answer = answer.map(|answer| (key, answer));
        let same = known.filter(|known| known.key == key && known.answer.contents.is_some());
        if let Some(Known { answer, .. }) = same.filter(|known| known.answer.contents == fetched.contents)
            && fetched.extracted.rejects.is_empty()
        {
            fetched.recognised(answer.cursor.clone());
        }
        Ok(fetched)
    }

    /// A page whose answer is known. A 304 that is about another version, or whose answer cannot be read any more, is not
    /// believed.
    async fn ask_knowing(
        &self,
        position: &Position,
        request: &Request,
        memory: &Memory,
        known: &Known,
    ) -> Result<Came, Failure> {
        let conditional = match self.way(request, memory, &known.answer) {
            Way::Fresh => match self.unchanged(position, request, known, None)? {
                Some(fetched) => return Ok(Came::Unchanged(Box::new(fetched))),
                None => None,
            },
            Way::IfChanged(conditional) => Some(conditional),
            Way::Whole => None,
        };
        let (response, extracted) = self.ask(conditional.as_deref().unwrap_or(request)).await?;
        if response.status != StatusCode::NOT_MODIFIED {
            return Ok(Came::Whole(Box::new((response, extracted))));
        }
        let is_about_another = known.answer.etag.as_ref().is_some_and(|etag| !response.speaks_of(etag));
        let unchanged =
            if is_about_another { None } else { self.unchanged(position, request, known, Some(&response))? };
        Ok(match unchanged {
            Some(fetched) => Came::Unchanged(Box::new(fetched)),
            None => Came::Whole(Box::new(self.ask(request).await?)),
        })
    }

    /// How a page is asked for whose answer is known: by what is known of it; in a replay, as the recorded run did, for
    /// what counts as full or fresh may be another matter in the file as it is now, and at another time.
    fn way(&self, request: &Request, memory: &Memory, answer: &Answer) -> Way {
        let conditional = memory.condition(request, answer).map(|(name, validator)| {
            let mut conditional = request.clone();
            conditional.headers.insert(name, validator);
            Box::new(conditional)
        });
        let asked = |request: &Request| self.client.was_asked(request, &self.stream);
        let Some(whole) = asked(request) else {
            return match conditional {
                _ if memory.is_fresh(answer) => Way::Fresh,
                Some(_) if self.paginator.reads_headers() && may_be_followed(answer) => Way::Whole,
                conditional => conditional.map_or(Way::Whole, Way::IfChanged),
            };
        };
        match conditional {
            Some(conditional) if asked(&conditional) == Some(true) => Way::IfChanged(conditional),
            _ if whole || !memory.is_fresh(answer) => Way::Whole,
            _ => Way::Fresh,
        }
    }

    async fn ask(&self, request: &Request) -> Result<(Response, Extracted), Failure> {
        self.client.send_and(request, &self.stream, |response| self.extract(response)).await
    }

    /// A page that came whole.
    fn fetched(
        &self,
        position: &Position,
        request: &Request,
        response: &Response,
        extracted: Extracted,
    ) -> Result<Fetched, Failure> {
        let records = &extracted.records;
        // What was not sent is not paid for.
        if !response.from_memory
            && let Some(content) = self.priced.content(response, &extracted)
        {
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
        let (received_at, receipt) = (response.received_at, response.receipt);
        let request = self.shown(request);
        Ok(Fetched { request, received_at, receipt, extracted, next, end, contents, answer: None, unchanged: false })
    }

    /// The page of `answer`, which still holds: by its freshness, or by what the API says. None where what is remembered of
    /// it cannot be read.
    fn unchanged(
        &self,
        position: &Position,
        request: &Request,
        Known { key, answer }: &Known,
        says: Option<&Response>,
    ) -> Result<Option<Fetched>, Failure> {
        let Some(mut next) = memory::next(answer) else { return Ok(None) };
        // Where the next page stands in a header, a 304 may name another than the answer did.
        if let Some(Response { headers, url, .. }) = says.filter(|_| self.paginator.reads_headers()) {
            let signals = &Signals::default();
            let now = self.paginator.next(&Seen { position, records: answer.records, signals, headers, url })?;
            next = if now == Next::End { next } else { now };
        }
        self.check(&next)?;
        let (mut answer, received_at) =
            (answer.clone(), says.map_or_else(|| self.client.now(), |says| says.received_at));
        answer.next = memory::next_page(&next);
        if let Some((memory, says)) = self.memory.as_ref().zip(says) {
            answer.fresh_until = memory.fresh_until(request, says);
        }
        let (contents, end) = (answer.contents, answer.end);
        let (request, extracted) = (self.shown(request), Extracted::default());
        // Under the key that it had: what has made its rows is what made them then.
        let answer = Some((*key, answer));
        Ok(Some(Fetched {
            request,
            received_at,
            receipt: says.and_then(|says| says.receipt),
            extracted,
            next,
            end,
            contents,
            answer,
            unchanged: true,
        }))
    }

    /// A request as it may be shown.
    fn shown(&self, request: &Request) -> Arc<str> {
        format!("{} {}", request.method, self.client.show_url(&request.url)).into()
    }

    /// Takes the body apart, and gives the response back without it.
    async fn extract(&self, mut response: Response) -> Result<(Response, Extracted), Failure> {
        if response.status == StatusCode::NOT_MODIFIED {
            return Ok((response, Extracted::default()));
        }
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

    /// A fetched page has its place in the order.
    pub(crate) fn used(&self, fetched: &Fetched) -> Result<(), Failure> {
        self.client.used(&self.stream, fetched.receipt)
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
