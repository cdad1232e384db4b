//! The API: address, limits.

use std::num::NonZeroU32;
use std::time::Duration;

use spile_model::ByteSize;
use spile_model::units::show_duration;
use spile_plan::{
    AuthPlan, Counted, LimitPlan, OutagePlan, PathPattern, ProxyPlan, RateLimitPlan, RetryBudgetPlan, RetryPlan,
    SourcePlan, TimeoutPlan, TlsPlan, WindowKind,
};
use url::Url;

use super::credentials::Outside;
use super::version::Pinned;
use super::{Names, Planner};
use crate::diagnostic::{Code, Diagnostic};
use crate::spec::{AuthSpec, DurationText, OneOrMany, SourceSpec, WindowSpec};

/// Enough to hide the latency of most APIs, few enough for the shyest.
const DEFAULT_CONCURRENCY: NonZeroU32 = NonZeroU32::MIN.saturating_add(7);

/// A page is one body, whose places are counted in 32 bits, also after a repair has made it longer; and a column of one
/// part of it holds 2 GiB of text.
const LARGEST_BODY: ByteSize = ByteSize::mib(2048);

/// How the API is reached, and as whom.
struct Reach {
    tls: TlsPlan,
    proxy: ProxyPlan,
    auth: AuthPlan,
}

impl Planner<'_, '_, '_> {
    pub(super) fn source(&mut self, spec: &SourceSpec, outside: &Outside<'_>) -> Option<SourcePlan> {
        let mut base_url = spec.base_url.as_ref().and_then(|text| self.base_url(text));
        let allowed_origins = self.allowed_origins(spec);
        let private_hosts = self.private_hosts(spec);
        let reach = self.reach(spec, outside);
        let mut headers = self.headers(&["source", "headers"], spec.headers.as_ref(), Names::Variables);
        let mut query = self.named(&["source", "query"], spec.query.as_ref(), Names::Variables);
        let pinned = Pinned { base_url: base_url.as_mut(), headers: headers.as_mut(), query: query.as_mut() };
        let api_version = self.api_version(spec, pinned);
        let rate_limits = self.rate_limits(spec);
        let timeouts = self.timeouts(spec);
        let retries = self.retries(spec);
        self.retries = retries;
        let limits = self.limits(spec);
        let Reach { tls, proxy, auth } = reach?;
        Some(SourcePlan {
            base_url: base_url?,
            allowed_origins: allowed_origins?,
            private_hosts: private_hosts?,
            tls,
            proxy,
            auth,
            api_version: api_version?,
            headers: headers?,
            query: query?,
            rate_limits,
            concurrency: spec.concurrency.and_then(NonZeroU32::new).unwrap_or(DEFAULT_CONCURRENCY),
            timeouts,
            retries,
            limits,
        })
    }

    /// A replay reaches nothing: what it would take is not there, as its secrets need not be.
    fn reach(&mut self, spec: &SourceSpec, outside: &Outside<'_>) -> Option<Reach> {
        if outside.settings.replayed.is_some() {
            return Some(Reach { tls: TlsPlan::default(), proxy: ProxyPlan::None, auth: AuthPlan::None });
        }
        let tls = self.tls(spec.tls.as_ref(), outside);
        let proxy = self.proxy(spec.proxy.as_ref());
        let auth = spec.auth.as_ref().map_or(Some(AuthPlan::None), |auth| self.auth(auth));
        // Another choice than today's may have them.
        let is_chosen = matches!(spec.auth, Some(AuthSpec::Choose(_)));
        self.renews = auth.as_ref().filter(|_| !is_chosen).map(AuthPlan::renews);
        Some(Reach { tls: tls?, proxy: proxy?, auth: auth? })
    }

    fn base_url(&mut self, text: &str) -> Option<String> {
        let path = ["source", "base_url"];
        let rendered = self.rendered(&path, text)?;
        let complaint = match Url::parse(rendered.trim()) {
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                Some(("is not a whole address", "begin it with `https://`"))
            }
            Err(_) => Some(("is not an address", "write it like `https://api.example.com/v1`")),
            Ok(url) => {
                let complaint = complain_about(&url);
                self.base = Some(url);
                complaint
            }
        };
        let Some((problem, help)) = complaint else { return Some(rendered.trim().to_owned()) };
        self.report(&path, Diagnostic::error(Code::InvalidValue, format!("`base_url` {problem}")).with_help(help));
        None
    }

    fn rate_limits(&mut self, spec: &SourceSpec) -> Vec<RateLimitPlan> {
        let limits = spec.rate_limit.as_ref().map_or(&[][..], |limits| limits.as_slice());
        let alone = matches!(spec.rate_limit, Some(OneOrMany::One(_)));
        let mut out = Vec::new();
        for (index, limit) in limits.iter().enumerate() {
            let index = index.to_string();
            let place = if alone { vec!["source", "rate_limit"] } else { vec!["source", "rate_limit", &index] };
            self.above_zero(&[&place[..], &["per"]].concat(), limit.per);
            let counted = match (limit.requests, limit.cost) {
                (Some(requests), None) => Some((Counted::Requests, requests)),
                (None, Some(cost)) => Some((Counted::Cost, cost)),
                (None, None) => {
                    let message = "the limit does not say how much there may be";
                    let help = "add `requests:`, how many; or `cost:`, how much they may cost together";
                    self.report(&place, Diagnostic::error(Code::MissingKey, message).with_help(help));
                    None
                }
                (Some(_), Some(_)) => {
                    let message = "one limit counts requests or cost, not both";
                    let help = "write a list of two limits, which both hold";
                    self.report(&place, Diagnostic::error(Code::Conflict, message).with_help(help));
                    None
                }
            };
            let window = match limit.window.unwrap_or_default() {
                WindowSpec::Sliding => WindowKind::Sliding,
                WindowSpec::Fixed => WindowKind::Fixed,
            };
            let many = matches!(limit.paths, Some(OneOrMany::Many(_)));
            let paths = limit.paths.as_ref().map_or(&[][..], |paths| paths.as_slice());
            for (index, path) in paths.iter().enumerate().filter(|(_, path)| !path.starts_with(['/', '*'])) {
                let message = format!("`{path}` matches no path: paths begin with `/`");
                let help = format!("write `/{path}`");
                let index = index.to_string();
                let last: &[&str] = if many { &["paths", &index] } else { &["paths"] };
                let diagnostic = Diagnostic::error(Code::InvalidValue, message).with_help(help);
                self.report(&[&place[..], last].concat(), diagnostic);
            }
            let paths = paths.iter().map(|path| PathPattern::new(path)).collect();
            if let Some((counts, most)) = counted {
                let most = NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN);
                out.push(RateLimitPlan { counts, most, per: limit.per.0, window, paths });
            }
        }
        out
    }

    fn timeouts(&mut self, spec: &SourceSpec) -> TimeoutPlan {
        let mut plan = TimeoutPlan::default();
        let Some(timeouts) = &spec.timeouts else { return plan };
        for (key, given, slot) in [
            ("connect", timeouts.connect, &mut plan.connect),
            ("read", timeouts.read, &mut plan.read),
            ("total", timeouts.total, &mut plan.total),
        ] {
            if let Some(duration) = given {
                self.above_zero(&["source", "timeouts", key], duration);
                *slot = duration.0;
            }
        }
        plan
    }

    fn retries(&mut self, spec: &SourceSpec) -> RetryPlan {
        let default = RetryPlan::default();
        let Some(retries) = &spec.retries else { return default };
        let or = |given: Option<DurationText>, default: Duration| given.map_or(default, |given| given.0);
        let place = ["source", "retries"];
        for (keys, given) in [
            (&["base_wait"][..], retries.base_wait),
            (&["max_backoff"], retries.max_backoff),
            (&["outage", "give_up"], retries.outage.as_ref().and_then(|outage| outage.give_up)),
        ] {
            if let Some(given) = given {
                self.above_zero(&[&place[..], keys].concat(), given);
            }
        }
        let (base_wait, max_backoff) =
            (or(retries.base_wait, default.base_wait), or(retries.max_backoff, default.max_backoff));
        if base_wait > max_backoff && !max_backoff.is_zero() {
            let (first, longest) = (show_duration(base_wait), show_duration(max_backoff));
            let message = format!("the first wait is up to {first}, and none is longer than {longest}");
            let diagnostic = Diagnostic::error(Code::Conflict, message).with_help("raise `max_backoff`");
            self.places.report_with(
                &["source", "retries", "base_wait"],
                &[&["source", "retries", "max_backoff"]],
                diagnostic,
            );
        }
        RetryPlan {
            attempts: retries.attempts.and_then(NonZeroU32::new).unwrap_or(default.attempts),
            base_wait,
            max_backoff,
            max_wait: or(retries.max_wait, default.max_wait),
            budget: retries.budget.as_ref().map_or(default.budget, |budget| RetryBudgetPlan {
                percent: budget.percent.unwrap_or(default.budget.percent),
                floor: budget.floor.unwrap_or(default.budget.floor),
            }),
            outage: retries.outage.as_ref().map_or(default.outage, |outage| OutagePlan {
                failures: outage.failures.and_then(NonZeroU32::new).unwrap_or(default.outage.failures),
                give_up: or(outage.give_up, default.outage.give_up),
            }),
        }
    }

    fn limits(&mut self, spec: &SourceSpec) -> LimitPlan {
        let default = LimitPlan::default();
        let Some(limits) = &spec.limits else { return default };
        if limits.body.is_some_and(|size| size.0.0 == 0) {
            let message = "`body` must be more than nothing";
            self.report(&["source", "limits", "body"], Diagnostic::error(Code::InvalidValue, message));
        }
        if limits.body.is_some_and(|size| size.0 > LARGEST_BODY) {
            let message = format!("a body of more than {LARGEST_BODY} cannot be read as one page");
            let help = "ask for smaller pages, by `pagination` or a parameter in `query`";
            let path = ["source", "limits", "body"];
            self.report(&path, Diagnostic::error(Code::InvalidValue, message).with_help(help));
        }
        LimitPlan {
            body: limits.body.map_or(default.body, |size| size.0),
            spool_above: limits.spool_above.map_or(default.spool_above, |size| size.0),
            prefetch: limits.prefetch.map_or(default.prefetch, |size| size.0),
            cache: limits.cache.map_or(default.cache, |size| size.0),
        }
    }

    /// `path` ends with the key.
    pub(super) fn above_zero(&mut self, path: &[&str], duration: DurationText) {
        if duration.0.is_zero() {
            let message = format!("`{}` must be longer than nothing", path.last().copied().unwrap_or_default());
            self.report(path, Diagnostic::error(Code::InvalidValue, message));
        }
    }
}

/// What a base URL may not have, and where that belongs.
fn complain_about(url: &Url) -> Option<(&'static str, &'static str)> {
    if url.query().is_some() {
        return Some(("has a query in it", "put its parameters below `query:`"));
    }
    complain_about_address(url)
}

/// What no address may have.
pub(super) fn complain_about_address(url: &Url) -> Option<(&'static str, &'static str)> {
    if !matches!(url.scheme(), "http" | "https") {
        return Some(("is neither `http` nor `https`", "begin it with `https://`"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Some(("names no host", "write it like `https://api.example.com/v1`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some(("has credentials in it", "put them below `auth: { basic: { username: …, password: … } }`"));
    }
    if url.fragment().is_some() {
        return Some(("has a fragment (`#…`) in it", "remove it: a fragment is never sent"));
    }
    None
}
