//! How the pages of a stream follow each other.

use schemars::JsonSchema;
use serde::Deserialize;

use super::OneOrMany;

/// How pages follow each other. Without it, there is one page.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PaginationSpec {
    /// There is one page.
    None,
    /// The `Link` header names the next page (`rel="next"`).
    LinkHeader,
    /// The body holds the address of the next page, at this path: `next_url: $.next`. When it is absent, null or
    /// empty, the page was the last one.
    NextUrl(#[schemars(extend("format" = "json_path"))] String),
    /// The response hands out a token that is sent back to get the next page.
    PageToken(PageTokenSpec),
    /// Pages are numbered. An empty page is the last one.
    PageNumber(PageNumberSpec),
    /// A page begins at an offset into the list of all records. An empty page is the last one.
    Offset(OffsetSpec),
}

/// Pages by a token of the response.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageTokenSpec {
    /// Where the token is: a path into the body (`$.meta.next`), or `{ header: X-Next }`. When it is absent, null,
    /// false or empty, the page was the last one.
    pub(crate) token: TokenSpec,

    /// Where it is sent: the name of a query parameter, or `{ query: … }`, `{ header: … }`, `{ body: … }`.
    pub(crate) param: InjectionSpec,

    /// The path of a value that says whether another page follows; `false` ends paging even where there is a token.
    #[schemars(extend("format" = "json_path"))]
    pub(crate) has_more: Option<String>,
}

/// Where a response keeps a value, such as its page token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum TokenSpec {
    /// A path into the body.
    Path(#[schemars(extend("format" = "json_path"))] String),
    /// A named place.
    Place(TokenPlace),
}

/// A named place in a response.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenPlace {
    /// A path into the body.
    Body(#[schemars(extend("format" = "json_path"))] String),
    /// The name of a header.
    Header(#[schemars(length(min = 1))] String),
}

/// Numbered pages.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageNumberSpec {
    /// Where the number is sent. Default: the query parameter `page`.
    pub(crate) param: Option<InjectionSpec>,

    /// The number of the first page. Default: 1.
    #[schemars(range(min = 0))]
    pub(crate) start: Option<u64>,

    /// How many records a page holds.
    #[schemars(range(min = 1))]
    pub(crate) size: Option<u64>,

    /// Where the size is sent: the name of a query parameter. Default: it is not sent.
    pub(crate) size_param: Option<InjectionSpec>,

    /// The path of the number of pages, if the response tells it.
    #[schemars(extend("format" = "json_path"))]
    pub(crate) total_pages: Option<String>,

    /// The path of a value that says whether another page follows.
    #[schemars(extend("format" = "json_path"))]
    pub(crate) has_more: Option<String>,

    /// Whether a page of fewer records than `size` is the last one. It saves one request; an API that returns
    /// shorter pages than it was asked for would lose records. Default: false.
    pub(crate) stop_on_short_page: Option<bool>,
}

/// Pages by offset.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OffsetSpec {
    /// Where the offset is sent. Default: the query parameter `offset`.
    pub(crate) param: Option<InjectionSpec>,

    /// The first offset. Default: 0.
    #[schemars(range(min = 0))]
    pub(crate) start: Option<u64>,

    /// How many records to ask for in a page. The next offset is the last one and the records that came.
    #[schemars(range(min = 1))]
    pub(crate) limit: u64,

    /// Where the limit is sent. Default: the query parameter `limit`.
    pub(crate) limit_param: Option<InjectionSpec>,

    /// The path of the number of all records, if the response tells it.
    #[schemars(extend("format" = "json_path"))]
    pub(crate) total: Option<String>,

    /// The path of a value that says whether another page follows.
    #[schemars(extend("format" = "json_path"))]
    pub(crate) has_more: Option<String>,

    /// Whether a page of fewer records than `limit` is the last one. It saves one request; an API that returns
    /// shorter pages than it was asked for would lose records. Default: false.
    pub(crate) stop_on_short_page: Option<bool>,
}

/// Where a value is sent: the name of a query parameter, or a named place.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum InjectionSpec {
    /// The name of a query parameter.
    Param(#[schemars(length(min = 1), extend("x-spile-words" = "the name of a query parameter"))] String),
    /// A named place.
    Place(PlaceSpec),
}

/// A place in a request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PlaceSpec {
    /// The name of a query parameter.
    Query(#[schemars(length(min = 1))] String),
    /// The name of a header.
    Header(#[schemars(length(min = 1))] String),
    /// A member of the JSON body, as keys with points between them (`variables.after`) or as a list of keys; or the
    /// name of a form field.
    Body(OneOrMany<String>),
}
