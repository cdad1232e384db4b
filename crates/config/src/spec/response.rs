//! What a stream's answers mean, where that is not what their status says.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{DurationText, OneOrMany, Text};

/// An answer that looks like this is treated so. All that is said of the answer must hold, and something must be said.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-spile-partial" = true))]
pub(crate) struct ResponseRuleSpec {
    /// Its status: `404`, `5xx`, `500-504`, or a list of these.
    pub(crate) status: Option<OneOrMany<Text>>,

    /// A header that it has, `X-Error`; or one with such a value, `{ name: X-Error, contains: quota }`.
    pub(crate) header: Option<HeaderMatchForm>,

    /// Something that stands in its JSON body: a JSONPath (RFC 9535) such as `$.error`, where anything is meant but null,
    /// false, and what is empty; or with a value, `{ at: $.error.code, is: [17, 18] }`.
    pub(crate) body: Option<BodyMatchForm>,

    /// What the first 64 KiB of its body contain, as a text or a list of texts of which one is enough; or
    /// `{ matches: "(?i)too many" }`.
    pub(crate) text: Option<TextMatchForm>,

    /// What it means: `ignore`, `empty`, `fail`, `retry`, `rate_limited` or `refresh_token`.
    #[schemars(with = "TreatmentSpec")]
    pub(crate) then: Option<TreatmentSpec>,
}

/// A header, or a header with a value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum HeaderMatchForm {
    Name(#[schemars(length(min = 1), extend("x-spile-words" = "the name of a header"))] String),
    Value(HeaderMatchSpec),
}

/// A header with a value that looks like this: one of `is`, `contains`, `matches`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderMatchSpec {
    /// Its name.
    #[schemars(length(min = 1))]
    pub(crate) name: String,

    /// Its value is this, or one of these.
    pub(crate) is: Option<OneOrMany<Text>>,

    /// Its value contains this, or one of these.
    pub(crate) contains: Option<OneOrMany<Text>>,

    /// This regular expression matches somewhere in its value. `(?i)` at its beginning takes all letters for small ones.
    #[schemars(length(min = 1))]
    pub(crate) matches: Option<String>,
}

/// A path into the body, or a path with a value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum BodyMatchForm {
    Path(#[schemars(extend("format" = "json_path"))] String),
    Value(BodyMatchSpec),
}

/// A value in the body that looks like this: one of `is`, `contains`, `matches`. Numbers and booleans are compared as
/// they are written in the answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BodyMatchSpec {
    /// Where it is: a JSONPath. Where it selects several values, one is enough.
    #[schemars(extend("format" = "json_path"))]
    pub(crate) at: String,

    /// It is this, or one of these.
    pub(crate) is: Option<OneOrMany<Text>>,

    /// It contains this, or one of these.
    pub(crate) contains: Option<OneOrMany<Text>>,

    /// This regular expression matches somewhere in it.
    #[schemars(length(min = 1))]
    pub(crate) matches: Option<String>,
}

/// What a text contains, or what matches it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum TextMatchForm {
    Contains(#[schemars(length(min = 1), extend("x-spile-words" = "a text"))] String),
    AnyOf(#[schemars(length(min = 1), inner(length(min = 1)))] Vec<String>),
    Pattern(TextMatchSpec),
}

/// A body that a regular expression matches.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextMatchSpec {
    /// The regular expression, which matches somewhere in the text. It always takes linear time: without
    /// back-references and look-around.
    #[schemars(length(min = 1))]
    pub(crate) matches: String,
}

/// What an answer means.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TreatmentSpec {
    /// Its status is ignored: it is an ordinary page, with the records that it has.
    Ignore,
    /// There is nothing: it is the last page, without records.
    Empty,
    /// The stream fails, with this message. May use variables.
    Fail(#[schemars(length(min = 1))] String),
    /// The request is sent again, as `retries` say or otherwise; a `POST` too, for the rule says that it had no effect.
    Retry(RetrySpec),
    /// There were too many requests: none is sent before the wait is over, and then this one again. Without a wait, a
    /// second, and twice as long after each further one.
    RateLimited(RetrySpec),
    /// The credentials are refused: the request is sent again with a new token, once.
    RefreshToken,
}

/// When the request is sent again. What `after` finds goes before `wait`, and `wait` before `backoff`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetrySpec {
    /// Where the answer says how long to wait, or until when.
    pub(crate) after: Option<AfterSpec>,

    /// Always so long.
    pub(crate) wait: Option<DurationText>,

    /// A random part of a wait that doubles, as in `retries`, but of another length.
    pub(crate) backoff: Option<BackoffSpec>,

    /// How often one request is tried in all. Default: as in `retries`.
    #[schemars(range(min = 1, max = 100))]
    pub(crate) attempts: Option<u32>,
}

/// A header's or a body's value: seconds, a time since 1970 in seconds or milliseconds, or a date of HTTP or ISO 8601.
/// What cannot be read says nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AfterSpec {
    /// The name of the header.
    #[schemars(length(min = 1))]
    pub(crate) header: Option<String>,

    /// The JSONPath into the body.
    #[schemars(extend("format" = "json_path"))]
    pub(crate) body: Option<String>,

    /// A regular expression: its first group is the value, or its whole match where it has no group.
    pub(crate) matches: Option<String>,

    /// What a small number counts: `s` or `ms`. Default: `s`.
    pub(crate) unit: Option<UnitSpec>,

    /// Never a shorter wait than this.
    pub(crate) at_least: Option<DurationText>,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) enum UnitSpec {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ms")]
    Milliseconds,
}

/// A wait that doubles from try to try.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackoffSpec {
    /// The longest first wait. Default: as in `retries`.
    pub(crate) base_wait: Option<DurationText>,

    /// The longest wait that doubling comes to. Default: as in `retries`.
    pub(crate) max_backoff: Option<DurationText>,
}
