//! How a stream's pages follow each other.

use std::num::NonZeroU64;

use spile_expression::RecordPath;

/// How pages follow each other, and when they must end.
#[derive(Clone, Debug)]
pub struct PaginationPlan {
    /// The way.
    pub kind: PaginationKind,
    /// More pages than this in one partition are a failure (a loop that no other guard saw).
    pub max_pages: NonZeroU64,
}

/// The ways of paging.
#[derive(Clone, Debug)]
pub enum PaginationKind {
    /// One page.
    None,
    /// Pages are numbered.
    PageNumber {
        /// Where the number goes.
        page: Injection,
        /// The first page's number, usually 1 or 0.
        start: u64,
        /// The page size asked for, if one is.
        size: Option<PageLimit>,
        /// When they end, besides at a page without records.
        total_pages: Option<RecordPath>,
        /// Says whether another page follows.
        has_more: Option<RecordPath>,
        /// A page of fewer records than `size` is the last one.
        stop_on_short_page: bool,
    },
    /// Pages are offsets into the list of all records.
    Offset {
        /// Where the offset goes.
        offset: Injection,
        /// The first offset, usually 0.
        start: u64,
        /// The page size asked for; the next offset is the last one plus the records that came.
        limit: PageLimit,
        /// Where the response tells how many records there are in all.
        total: Option<RecordPath>,
        /// Says whether another page follows.
        has_more: Option<RecordPath>,
        /// A page of fewer records than `limit` is the last one.
        stop_on_short_page: bool,
    },
    /// The response hands out a token for the next page.
    PageToken {
        /// Where the token is found. Absent, null, false or empty: the last page.
        token: TokenSource,
        /// Where it goes.
        inject: Injection,
        /// Says whether another page follows; `false` ends paging even where there is a token.
        has_more: Option<RecordPath>,
    },
    /// The body holds the URL of the next page, absolute or relative to the one just read.
    NextUrl {
        /// Where. Absent, null or empty: the last page.
        url: RecordPath,
    },
    /// The `Link` header names the next page (RFC 8288, `rel="next"`).
    LinkHeader,
}

/// Where a response keeps its page token, or another value that is read from it.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// In the body.
    Body(RecordPath),
    /// In a header of that name.
    Header(String),
}

/// Where a value goes in the next request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Injection {
    /// The query parameter of that name.
    Query(String),
    /// The header of that name.
    Header(String),
    /// The member of a JSON body at that path of keys (or the form field of that name).
    Body(Vec<String>),
}

/// A page size and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// Where; `None` where the API's size is fixed and only needs to be known.
    pub inject: Option<Injection>,
    /// How many records a page holds.
    pub size: NonZeroU64,
}
