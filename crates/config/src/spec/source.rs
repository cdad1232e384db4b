//! The API: where it is, who asks, and how politely.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{AuthSpec, DurationText, Named, OneOrMany, ProxyForm, SizeText, Text, TlsSpec};

/// The API that the streams are read from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-spile-partial" = true))]
pub(crate) struct SourceSpec {
    /// The address that all paths are put behind, such as `https://api.github.com`. Variables may be used in it.
    #[schemars(required, length(min = 1))]
    pub(crate) base_url: Option<String>,

    /// Further origins (scheme, host and port) that redirects, next pages and a stream's `path` may lead to, such as
    /// `https://files.example.com`. They get no credentials: nothing of `auth`, no body, no header but `Accept` and
    /// `User-Agent`.
    pub(crate) allowed_origins: Option<OneOrMany<String>>,

    /// Hosts of `base_url` and `allowed_origins` that may have private addresses although their names look public, such
    /// as `api.corp.example.com`. Addresses that are written as such, and names such as `localhost`, `db` and
    /// `api.internal`, need no entry.
    pub(crate) private_hosts: Option<OneOrMany<String>>,

    /// What TLS connections trust, and the certificate that they show.
    pub(crate) tls: Option<TlsSpec>,

    /// The proxy between this machine and others: its address, or a map with its credentials. `none` goes without, also
    /// where the environment names one. Default: what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    pub(crate) proxy: Option<ProxyForm>,

    /// How requests prove who sends them. Without it, they do not.
    pub(crate) auth: Option<AuthSpec>,

    /// The version of the API that the pipeline is written for: `{ header: X-GitHub-Api-Version, value: "2022-11-28" }`.
    /// Where another one answers, the report of the run says so.
    pub(crate) api_version: Option<ApiVersionSpec>,

    /// Headers of every request. Values may be templates; one that renders to nothing is left out.
    pub(crate) headers: Option<Named<Text>>,

    /// Query parameters of every request. A stream's own parameter of the same name takes the place of it.
    pub(crate) query: Option<Named<OneOrMany<Text>>>,

    /// What is never exceeded: `{ requests: 5000, per: 1h }`, `{ cost: 1000, per: 1m }`, or a list of such limits that
    /// all hold. What the API's responses say about its limits, in any of the usual headers, is respected in any case.
    pub(crate) rate_limit: Option<OneOrMany<RateLimitSpec>>,

    /// How many requests may be under way at once, over all streams. Default: 8.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) concurrency: Option<u32>,

    /// How long to wait for an answer.
    pub(crate) timeouts: Option<TimeoutsSpec>,

    /// When to try again. Server errors, broken connections and "too many requests" are tried again; refusals are not.
    pub(crate) retries: Option<RetriesSpec>,

    /// What one answer may cost in memory and on disk.
    pub(crate) limits: Option<LimitsSpec>,
}

/// The version of the API: its value, and where it is asked for, which is one of `header`, `query`, `path` and
/// `media_type`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiVersionSpec {
    /// The version, such as `"2022-11-28"` or `v3`. Variables may be used in it.
    pub(crate) value: Text,

    /// The name of the header that asks for it.
    #[schemars(length(min = 1))]
    pub(crate) header: Option<String>,

    /// The name of the query parameter that asks for it.
    #[schemars(length(min = 1))]
    pub(crate) query: Option<String>,

    /// What stands before it in the path of all requests, behind `base_url`: with `/admin/api`, streams are at
    /// `/admin/api/2024-01/…`; with `/`, at `/v3/…`.
    #[schemars(length(min = 1))]
    pub(crate) path: Option<String>,

    /// The parameter of the media type in `Accept` that asks for it: `version` sends `Accept: application/json;
    /// version=2`, or what `headers` say of `Accept` in the place of `application/json`.
    #[schemars(length(min = 1))]
    pub(crate) media_type: Option<String>,

    /// The header in which answers say their version. Default: the one in `header`; for the other places
    /// `X-Shopify-API-Version`.
    #[schemars(length(min = 1))]
    pub(crate) answered_in: Option<String>,
}

/// So many requests, or so much cost, in so much time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimitSpec {
    /// How many requests. Either this or `cost` is given.
    #[schemars(range(min = 1))]
    pub(crate) requests: Option<u32>,

    /// How much the requests may cost together, in the API's own unit (points, credits, complexity). What a request
    /// costs, its stream says: `cost`.
    #[schemars(range(min = 1))]
    pub(crate) cost: Option<u32>,

    /// In what time: `1s`, `1h`.
    pub(crate) per: DurationText,

    /// When that time begins. Default: `sliding`, which keeps every API's limit.
    pub(crate) window: Option<WindowSpec>,

    /// Which requests count: those whose path is one of these, such as `/search/*` (`*` stands for anything). The path
    /// is what follows the host in the address, without the query. Default: all requests.
    pub(crate) paths: Option<OneOrMany<String>>,
}

/// When the time of a rate limit begins.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WindowSpec {
    /// At any time: in no stretch of time that long there is more.
    #[default]
    Sliding,
    /// With the minute, the hour, at midnight UTC: at whole multiples of `per`. For quotas that the API renews then.
    Fixed,
}

/// How long to wait for an answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeoutsSpec {
    /// For the connection, TLS included. Default: `10s`.
    pub(crate) connect: Option<DurationText>,

    /// Between two bytes of the answer. The first byte may take this time after that of `connect`. Default: `2m`.
    pub(crate) read: Option<DurationText>,

    /// For one try, from its start to the last byte. Default: `10m`.
    pub(crate) total: Option<DurationText>,
}

/// When to try again: the wait doubles with each try, with a random part.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetriesSpec {
    /// How often one request is tried in all. 1 means never again. Default: 6.
    #[schemars(range(min = 1, max = 100))]
    pub(crate) attempts: Option<u32>,

    /// The longest first wait. Default: `1s`.
    pub(crate) base_wait: Option<DurationText>,

    /// The longest wait that doubling comes to. Default: `1m`.
    pub(crate) max_backoff: Option<DurationText>,

    /// The longest wait that the API may ask for (`Retry-After`). When it asks for more, the run fails instead of
    /// waiting. Default: `1h5m`.
    pub(crate) max_wait: Option<DurationText>,

    /// How many retries a run may have in all, so that an API in trouble does not get a multiple of its usual traffic.
    /// When they are spent, the next failure is final. What is tried again because the API asked to wait (429,
    /// `Retry-After`) and what asks whether an API that was down is back do not count.
    pub(crate) budget: Option<RetryBudgetSpec>,

    /// What is done while the API is down.
    pub(crate) outage: Option<OutageSpec>,
}

/// How many retries a run may have in all: `floor`, and `percent` of its requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryBudgetSpec {
    /// So many retries for a hundred requests. Default: 20.
    #[schemars(range(min = 0, max = 1000))]
    pub(crate) percent: Option<u32>,

    /// So many retries in any case. Default: 100.
    pub(crate) floor: Option<u32>,
}

/// When the API counts as down, and how long a run waits for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutageSpec {
    /// So many failures in a row, over all requests: connections that fail, 502 and 503; also time-outs, broken
    /// connections and other 5xx, where more than one stream has them. Default: 5.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) failures: Option<u32>,

    /// How long after the first of them the run gives up; what was committed is kept. Default: `10m`.
    pub(crate) give_up: Option<DurationText>,
}

/// What one answer may cost.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsSpec {
    /// The largest body, decompressed; may be set to at most `2GiB`. Default: `1GiB`.
    pub(crate) body: Option<SizeText>,

    /// A body beyond this is written to a temporary file. Default: `8MiB`.
    pub(crate) spool_above: Option<SizeText>,

    /// How much may be read ahead, over all streams. Default: `32MiB`.
    pub(crate) prefetch: Option<SizeText>,

    /// How much of the answers to streams with `cache` is kept in memory while a run lasts, over all streams. An answer
    /// that would take more than a quarter of it is not kept. Default: `32MiB`.
    pub(crate) cache: Option<SizeText>,
}
