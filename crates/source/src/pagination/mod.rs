//! How pages follow each other: one kind per file, registered in [`Paginator::new`].
//!
//! Enters: where a page was and what its response said. Leaves: where the next page is, or that there is none.
//! Invariant: it is a function of the response alone; nothing is remembered here, so that pages can be fetched out of
//! order. Going in circles is noticed by `guard`, which sees the pages in order.

mod link_header;
mod next_url;
mod offset;
mod page_number;
mod page_token;

use std::fmt;

use serde_json::Value;
use spile_expression::{RecordPath, Scope};
use spile_http::{HeaderMap, Url};
use spile_model::{Failure, FailureKind};
use spile_plan::{Injection, PageLimit, PaginationKind};

use self::link_header::LinkHeader;
use self::next_url::NextUrl;
use self::offset::Offset;
use self::page_number::PageNumber;
use self::page_token::PageToken;
use crate::extract::{Signal, Signals};

/// Where a page is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Position {
    /// The one that is asked for without saying which.
    First,
    /// By its number.
    Page(u64),
    /// By the number of records before it.
    Offset(u64),
    /// By a token; in JSON, for it may be a string or a number.
    Token(Value),
    /// At a URL of its own.
    Url(Url),
}

/// What follows a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    At(Position),
    End,
}

/// A page as a paginator sees it.
pub(crate) struct Seen<'a> {
    pub(crate) position: &'a Position,
    /// How many records came, those included that could not be read.
    pub(crate) records: u64,
    pub(crate) signals: &'a Signals,
    pub(crate) headers: &'a HeaderMap,
    /// What was asked, after redirects.
    pub(crate) url: &'a Url,
}

/// A value that paging puts into a request.
pub(crate) struct Inject<'a> {
    pub(crate) place: &'a Injection,
    pub(crate) value: Value,
}

/// A way of paging.
pub(crate) enum Paginator {
    None,
    PageNumber(PageNumber),
    Offset(Offset),
    PageToken(PageToken),
    NextUrl(NextUrl),
    LinkHeader(LinkHeader),
}

/// The paths at which values are read from bodies, for paging and for prices. Each has a number, by which its value is found in [`Signals`].
#[derive(Default)]
pub(crate) struct Wanted(pub(crate) Vec<RecordPath>);

impl Wanted {
    pub(crate) fn add(&mut self, path: &RecordPath) -> usize {
        self.0.push(path.clone());
        self.0.len() - 1
    }

    fn add_if(&mut self, path: Option<&RecordPath>) -> Option<usize> {
        path.map(|path| self.add(path))
    }
}

impl Paginator {
    /// The paginator of `plan`; the paths that it needs are added to `wanted`.
    pub(crate) fn new(plan: &PaginationKind, wanted: &mut Wanted) -> Self {
        match plan {
            PaginationKind::None => Self::None,
            PaginationKind::PageNumber { page, start, size, total_pages, has_more, stop_on_short_page } => {
                Self::PageNumber(PageNumber {
                    place: page.clone(),
                    start: *start,
                    size: size.clone(),
                    total_pages: wanted.add_if(total_pages.as_ref()),
                    has_more: wanted.add_if(has_more.as_ref()),
                    stop_on_short_page: *stop_on_short_page,
                })
            }
            PaginationKind::Offset { offset, start, limit, total, has_more, stop_on_short_page } => {
                Self::Offset(Offset {
                    place: offset.clone(),
                    start: *start,
                    limit: limit.clone(),
                    total: wanted.add_if(total.as_ref()),
                    has_more: wanted.add_if(has_more.as_ref()),
                    stop_on_short_page: *stop_on_short_page,
                })
            }
            PaginationKind::PageToken { token, inject, has_more } => {
                Self::PageToken(PageToken::new(token, inject, has_more.as_ref(), wanted))
            }
            PaginationKind::NextUrl { url } => Self::NextUrl(NextUrl { url: wanted.add(url) }),
            PaginationKind::LinkHeader => Self::LinkHeader(LinkHeader),
        }
    }

    /// Where the first page is.
    pub(crate) fn first(&self) -> Position {
        match self {
            Self::PageNumber(pages) => pages.first(),
            Self::Offset(offsets) => offsets.first(),
            Self::None | Self::PageToken(_) | Self::NextUrl(_) | Self::LinkHeader(_) => Position::First,
        }
    }

    /// What follows the page that was seen.
    ///
    /// # Errors
    /// Where the response says something that cannot be followed.
    pub(crate) fn next(&self, seen: &Seen<'_>) -> Result<Next, Failure> {
        match self {
            Self::None => Ok(Next::End),
            Self::PageNumber(pages) => pages.next(seen),
            Self::Offset(offsets) => offsets.next(seen),
            Self::PageToken(token) => Ok(token.next(seen)),
            Self::NextUrl(next_url) => next_url.next(seen),
            Self::LinkHeader(link) => link.next(seen),
        }
    }

    /// Where the page after `position` most likely is, before `position` was seen; `None` where nobody can know, or
    /// where it lies at or beyond `end`.
    pub(crate) fn guess(&self, position: &Position, end: Option<u64>) -> Option<Position> {
        match self {
            Self::PageNumber(pages) => pages.guess(position, end),
            Self::Offset(offsets) => offsets.guess(position, end),
            Self::None | Self::PageToken(_) | Self::NextUrl(_) | Self::LinkHeader(_) => None,
        }
    }

    /// The number or offset at which nothing can be any more, where the response tells.
    ///
    /// # Errors
    /// Where it tells something that is not a whole number.
    pub(crate) fn end(&self, seen: &Seen<'_>) -> Result<Option<u64>, Failure> {
        match self {
            Self::PageNumber(pages) => pages.end(seen),
            Self::Offset(offsets) => offsets.end(seen),
            Self::None | Self::PageToken(_) | Self::NextUrl(_) | Self::LinkHeader(_) => Ok(None),
        }
    }

    /// Whether a page's headers name the next one, so that it can come to be without a change of the page's body.
    pub(crate) fn reads_headers(&self) -> bool {
        match self {
            Self::LinkHeader(_) => true,
            Self::PageToken(token) => token.is_in_header(),
            Self::None | Self::PageNumber(_) | Self::Offset(_) | Self::NextUrl(_) => false,
        }
    }

    /// What goes into the request for the page at `position`.
    pub(crate) fn injections(&self, position: &Position) -> Vec<Inject<'_>> {
        match self {
            Self::PageNumber(pages) => pages.injections(position),
            Self::Offset(offsets) => offsets.injections(position),
            Self::PageToken(token) => token.injections(position),
            Self::None | Self::NextUrl(_) | Self::LinkHeader(_) => Vec::new(),
        }
    }

    /// What to look at when pages repeat.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::PageNumber(pages) => ignored(&pages.place),
            Self::Offset(offsets) => ignored(&offsets.place),
            Self::PageToken(token) => ignored(token.place()),
            Self::NextUrl(_) => "does the `url` path select the next page's URL, or the present one's?".to_owned(),
            Self::LinkHeader(_) => "the API's `Link` header with rel=\"next\" leads back".to_owned(),
        }
    }
}

impl Position {
    /// `scope` with the name by which templates see the position: `page`, `offset` or `page_token`.
    pub(crate) fn name_in(&self, scope: Scope) -> Scope {
        match self {
            Self::Page(number) => scope.with("page", number),
            Self::Offset(offset) => scope.with("offset", offset),
            Self::Token(token) => scope.with("page_token", token),
            Self::First | Self::Url(_) => scope,
        }
    }
}

fn ignored(place: &Injection) -> String {
    format!("does the API know the {place}, or does it ignore it?", place = Shown(place))
}

/// An injection's place in words.
struct Shown<'a>(&'a Injection);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Injection::Query(name) => write!(f, "query parameter `{name}`"),
            Injection::Header(name) => write!(f, "header `{name}`"),
            Injection::Body(path) => write!(f, "body member `{}`", path.join(".")),
        }
    }
}

/// The page size as it goes into a request, if it does.
fn size_injection(limit: Option<&PageLimit>) -> Option<Inject<'_>> {
    let limit = limit?;
    Some(Inject { place: limit.inject.as_ref()?, value: limit.size.get().into() })
}

/// Whether the response says that nothing follows. One that says nothing about it does not.
fn says_no_more(signals: &Signals, has_more: Option<usize>) -> bool {
    has_more.and_then(|index| signals.get(index)).is_some_and(|signal| !signal.is_true())
}

/// A count that the response tells at the path of that number.
fn count(signals: &Signals, index: Option<usize>, what: &str) -> Result<Option<u64>, Failure> {
    let Some(signal) = index.and_then(|index| signals.get(index)) else { return Ok(None) };
    if *signal == Signal::Null {
        return Ok(None);
    }
    signal.as_count().map(Some).ok_or_else(|| {
        let message = format!("`pagination.{what}` selects {signal} in the response, which is not a whole number");
        Failure::new(FailureKind::Configuration, message)
    })
}

/// The next page's URL from what a response says, relative to what was asked.
fn follow(seen: &Seen<'_>, link: &str) -> Result<Next, Failure> {
    seen.url.join(link).map(|url| Next::At(Position::Url(url))).map_err(|error| {
        let message = format!("the response names the next page as `{link}`, which is not a URL: {error}");
        Failure::new(FailureKind::Configuration, message)
    })
}

#[cfg(test)]
mod tests;
