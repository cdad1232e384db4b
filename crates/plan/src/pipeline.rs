//! The pipeline and its source.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use spile_expression::{Scope, Template};
use spile_model::{ByteSize, Secret};

use crate::{
    AuthPlan, BudgetPlan, DestinationPlan, NamedTemplate, ProxyPlan, RetryPlan, SecretStorePlan, StreamPlan, TlsPlan,
};

/// One pipeline, ready to run.
#[derive(Clone, Debug)]
pub struct PipelinePlan {
    /// Its name: the key of its state in the destination.
    pub name: String,
    /// The values of its variables.
    pub variables: Variables,
    /// Where secrets that rotate are kept.
    pub secrets: SecretStorePlan,
    /// Where records come from.
    pub source: SourcePlan,
    /// What is read, in the file's order.
    pub streams: Vec<StreamPlan>,
    /// What one run may send and spend.
    pub budget: BudgetPlan,
    /// Where tables live.
    pub destination: DestinationPlan,
    /// The folder of the archive that every run is recorded in.
    pub archive: Option<PathBuf>,
}

/// The value of a variable.
#[derive(Clone, Debug)]
pub enum Variable {
    /// May be shown.
    Plain(Value),
    /// May not.
    Secret(Secret),
}

/// The variables of a pipeline, by name.
#[derive(Clone, Debug, Default)]
pub struct Variables(pub BTreeMap<String, Variable>);

impl Variables {
    /// A scope that holds every variable, secrets included: only for what is sent.
    pub fn scope(&self) -> Scope {
        self.0.iter().fold(Scope::default(), |scope, (name, variable)| match variable {
            Variable::Plain(value) => scope.with(name, value),
            Variable::Secret(secret) => scope.with(name, secret.expose()),
        })
    }

    /// Every secret text, longest first: what a message that quotes a response must not contain.
    pub fn secrets(&self) -> Vec<Secret> {
        let mut secrets: Vec<Secret> = self
            .0
            .values()
            .filter_map(|variable| match variable {
                Variable::Secret(secret) if !secret.expose().is_empty() => Some(secret.clone()),
                _ => None,
            })
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        secrets
    }

    /// Whether `template` reads a secret, so that what it renders must not be shown.
    pub fn touches_secret(&self, template: &Template) -> bool {
        template.names().iter().any(|name| matches!(self.0.get(name), Some(Variable::Secret(_))))
    }
}

/// An API.
#[derive(Clone, Debug)]
pub struct SourcePlan {
    /// Absolute, `http` or `https`, rendered and checked; a stream's path is put behind it.
    pub base_url: String,
    /// Further origins that may be asked, without credentials: `http` or `https`, host and port, rendered and checked.
    pub allowed_origins: Vec<String>,
    /// Those of their host names that may lead to private addresses, as URLs write them.
    pub private_hosts: Vec<String>,
    /// What TLS connections trust, show and speak.
    pub tls: TlsPlan,
    /// Which proxy is between.
    pub proxy: ProxyPlan,
    /// How requests prove who sends them.
    pub auth: AuthPlan,
    /// The version of the API that is asked for; it is in `base_url`, `headers` or `query` already.
    pub api_version: Option<ApiVersionPlan>,
    /// Sent with every request.
    pub headers: Vec<NamedTemplate>,
    /// Sent with every request, before a stream's own.
    pub query: Vec<NamedTemplate>,
    /// What the client never exceeds; all of them hold at once.
    pub rate_limits: Vec<RateLimitPlan>,
    /// So many requests are under way at once, over all streams.
    pub concurrency: NonZeroU32,
    /// How long to wait for an answer.
    pub timeouts: TimeoutPlan,
    /// When to try again.
    pub retries: RetryPlan,
    /// What an answer may cost in memory and disk.
    pub limits: LimitPlan,
}

/// The version of an API that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiVersionPlan {
    /// As it is sent.
    pub value: String,
    /// The headers in which answers say which version they are of.
    pub told_in: Vec<String>,
}

/// So many requests, or so much cost, in so much time.
#[derive(Clone, Debug)]
pub struct RateLimitPlan {
    /// What is counted.
    pub counts: Counted,
    /// How much of it there may be.
    pub most: NonZeroU32,
    /// In what time; above zero.
    pub per: Duration,
    /// When that time begins.
    pub window: WindowKind,
    /// The paths of which the requests count; all, where none is given.
    pub paths: Vec<PathPattern>,
}

/// What a rate limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Each request as one.
    Requests,
    /// Each request as what it costs by its stream's [`CostPlan`](crate::CostPlan).
    Cost,
}

/// When the time of a rate limit begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// At any time: in no stretch of time as long as it there are more.
    Sliding,
    /// At whole multiples of its length since 1970 in UTC: with the hour, at midnight.
    Fixed,
}

/// A path with `*` for any run of characters and `?` for any one.
#[derive(Clone, Debug)]
pub struct PathPattern(wildmatch::WildMatch);

impl PathPattern {
    /// Every text is a pattern.
    pub fn new(pattern: &str) -> Self {
        Self(wildmatch::WildMatch::new(pattern))
    }

    /// Whether `path`, without its query, is one of them.
    pub fn matches(&self, path: &str) -> bool {
        self.0.matches(path)
    }
}

/// How long to wait for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeoutPlan {
    /// For the connection, TLS included.
    pub connect: Duration,
    /// Between two bytes of the answer; for the first one, from when the connection stood (of which the client only
    /// knows that it took at most `connect`).
    pub read: Duration,
    /// For one try from its start to the last byte.
    pub total: Duration,
}

impl Default for TimeoutPlan {
    fn default() -> Self {
        // Slow report endpoints answer after a minute or so; a connection that takes ten seconds will not come.
        Self { connect: Duration::from_secs(10), read: Duration::from_secs(120), total: Duration::from_secs(600) }
    }
}

/// What an answer may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitPlan {
    /// The largest body, decompressed.
    pub body: ByteSize,
    /// A body beyond this is written to a temporary file and mapped.
    pub spool_above: ByteSize,
    /// Bytes of pages that wait for being typed, over all streams.
    pub prefetch: ByteSize,
    /// Answers that are kept in memory for the length of a run, over all streams that are cached.
    pub cache: ByteSize,
}

impl Default for LimitPlan {
    fn default() -> Self {
        // A page above a gibibyte is a dump, which asks for an API that streams. 8 MiB in memory hold any usual page.
        // 32 MiB of pages keep eight requests of a usual size ahead of the typing, and as much of answers holds what
        // streams over the same pages ask for one after the other.
        Self {
            body: ByteSize::mib(1024),
            spool_above: ByteSize::mib(8),
            prefetch: ByteSize::mib(32),
            cache: ByteSize::mib(32),
        }
    }
}
