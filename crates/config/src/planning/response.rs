//! What a stream's answers mean: statuses, texts and expressions, each with its place.

use std::num::NonZeroU32;
use std::time::Duration;

use spile_model::units::show_duration;
use spile_plan::{Matcher, Pattern, ResponseRule, RetryRule, TextMatch, Treatment, WaitPlace, WaitPlan};

use super::Planner;
use crate::diagnostic::{Code, Diagnostic};
use crate::spec::{
    AfterSpec, BodyMatchForm, DurationText, HeaderMatchForm, OneOrMany, ResponseRuleSpec, RetrySpec, StreamSpec, Text,
    TextMatchForm, TextMatchSpec, TreatmentSpec, UnitSpec,
};

/// What can be said of a text; one of them is.
struct TextSpec<'s> {
    is: Option<&'s OneOrMany<Text>>,
    contains: Option<&'s OneOrMany<Text>>,
    matches: Option<&'s String>,
}

impl Planner<'_, '_, '_> {
    /// The rules of a stream, in their order.
    pub(super) fn responses(&mut self, stream: &str, spec: &StreamSpec) -> Option<Vec<ResponseRule>> {
        let rules = spec.responses.as_ref().map_or(&[][..], |rules| rules.as_slice());
        let alone = matches!(spec.responses, Some(OneOrMany::One(_)));
        let mut planned = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let index = index.to_string();
            let whole = ["streams", stream, "responses", &index];
            let path = if alone { &whole[..3] } else { &whole[..] };
            planned.push(self.response_rule(path, rule));
        }
        planned.into_iter().collect()
    }

    fn response_rule(&mut self, path: &[&str], rule: &ResponseRuleSpec) -> Option<ResponseRule> {
        let matchers = [
            rule.status.as_ref().map(|status| self.statuses(&[path, &["status"]].concat(), status)),
            rule.header.as_ref().map(|header| self.header_match(&[path, &["header"]].concat(), header)),
            rule.body.as_ref().map(|body| self.body_match(&[path, &["body"]].concat(), body)),
            rule.text.as_ref().map(|text| self.text_match(&[path, &["text"]].concat(), text)),
        ];
        if matchers.iter().all(Option::is_none) {
            let message = "the rule says nothing of the answer, so every answer would be treated so";
            let help = "say which answers it is about: `status: 404`, `body: $.error`, `header: …`, `text: …`";
            self.report(path, Diagnostic::error(Code::MissingKey, message).with_help(help));
            return None;
        }
        let then = rule.then.as_ref().and_then(|then| self.treatment(&[path, &["then"]].concat(), then));
        let when = matchers.into_iter().flatten().collect::<Option<Vec<_>>>()?;
        Some(ResponseRule { when, then: then? })
    }

    fn statuses(&mut self, path: &[&str], statuses: &OneOrMany<Text>) -> Option<Matcher> {
        let many = matches!(statuses, OneOrMany::Many(_));
        let mut ranges = Vec::new();
        for (index, Text(text)) in statuses.as_slice().iter().enumerate() {
            let index = index.to_string();
            let place = if many { [path, &[index.as_str()]].concat() } else { path.to_vec() };
            match status_range(text) {
                Some(range) => ranges.push(range),
                None => {
                    let message = format!("`{text}` is no status of HTTP");
                    let expected = "a status such as `404`, a class such as `5xx`, or a range such as `500-504`";
                    self.report(&place, Diagnostic::error(Code::InvalidValue, message).with_expected(expected));
                }
            }
        }
        (ranges.len() == statuses.as_slice().len()).then_some(Matcher::Status(ranges))
    }

    fn header_match(&mut self, path: &[&str], header: &HeaderMatchForm) -> Option<Matcher> {
        match header {
            HeaderMatchForm::Name(name) => {
                self.check_header_name(path, name).then(|| Matcher::Header(name.clone(), None))
            }
            HeaderMatchForm::Value(spec) => {
                let named = self.check_header_name(&[path, &["name"]].concat(), &spec.name);
                let (is, contains) = (spec.is.as_ref(), spec.contains.as_ref());
                let value = self.text(path, &TextSpec { is, contains, matches: spec.matches.as_ref() })?;
                named.then(|| Matcher::Header(spec.name.clone(), value))
            }
        }
    }

    fn body_match(&mut self, path: &[&str], body: &BodyMatchForm) -> Option<Matcher> {
        match body {
            BodyMatchForm::Path(text) => self.record_path(path, text).map(|path| Matcher::Body(path, None)),
            BodyMatchForm::Value(spec) => {
                let at = self.record_path(&[path, &["at"]].concat(), &spec.at);
                let (is, contains) = (spec.is.as_ref(), spec.contains.as_ref());
                let value = self.text(path, &TextSpec { is, contains, matches: spec.matches.as_ref() })?;
                Some(Matcher::Body(at?, value))
            }
        }
    }

    fn text_match(&mut self, path: &[&str], text: &TextMatchForm) -> Option<Matcher> {
        Some(Matcher::Text(match text {
            TextMatchForm::Contains(text) => TextMatch::Contains(vec![text.clone()]),
            TextMatchForm::AnyOf(texts) => TextMatch::Contains(texts.clone()),
            TextMatchForm::Pattern(TextMatchSpec { matches }) => {
                TextMatch::Pattern(self.pattern(&[path, &["matches"]].concat(), matches)?)
            }
        }))
    }

    /// `Some(None)` where nothing is said of the text.
    fn text(&mut self, path: &[&str], spec: &TextSpec<'_>) -> Option<Option<TextMatch>> {
        let said = [spec.is.is_some(), spec.contains.is_some(), spec.matches.is_some()];
        if said.into_iter().filter(|said| *said).count() > 1 {
            let message = "only one of `is`, `contains` and `matches` can be said of a value";
            let help = "write several texts as a list, or more in one expression: `matches: \"^a|b$\"`";
            self.report(path, Diagnostic::error(Code::Conflict, message).with_help(help));
            return None;
        }
        if spec.contains.is_some_and(|texts| texts.as_slice().iter().any(|Text(text)| text.is_empty())) {
            let message = "an empty text is in every answer";
            let help = "write what must be there; for a value that is empty: `is: \"\"`";
            self.report(
                &[path, &["contains"]].concat(),
                Diagnostic::error(Code::InvalidValue, message).with_help(help),
            );
            return None;
        }
        let texts = |texts: &OneOrMany<Text>| texts.as_slice().iter().map(|Text(text)| text.clone()).collect();
        Some(match spec {
            TextSpec { is: Some(is), .. } => Some(TextMatch::Is(texts(is))),
            TextSpec { contains: Some(contains), .. } => Some(TextMatch::Contains(texts(contains))),
            TextSpec { matches: Some(matches), .. } => {
                Some(TextMatch::Pattern(self.pattern(&[path, &["matches"]].concat(), matches)?))
            }
            _ => None,
        })
    }

    fn pattern(&mut self, path: &[&str], text: &str) -> Option<Pattern> {
        Pattern::new(text)
            .map_err(|error| {
                let message = format!("`{text}` is no regular expression: {error}");
                let help = "a character that means something, such as `(` or `*`, is meant itself behind a `\\`";
                self.report(path, Diagnostic::error(Code::InvalidValue, message).with_help(help));
            })
            .ok()
    }

    fn treatment(&mut self, path: &[&str], then: &TreatmentSpec) -> Option<Treatment> {
        Some(match then {
            TreatmentSpec::Ignore => Treatment::Page,
            TreatmentSpec::Empty => Treatment::Empty,
            TreatmentSpec::Fail(message) => Treatment::Fail(self.rendered(&[path, &["fail"]].concat(), message)?),
            TreatmentSpec::Retry(retry) => Treatment::Retry(self.retry_rule(&[path, &["retry"]].concat(), retry)?),
            TreatmentSpec::RateLimited(retry) => {
                Treatment::RateLimited(self.retry_rule(&[path, &["rate_limited"]].concat(), retry)?)
            }
            TreatmentSpec::RefreshToken => {
                if self.renews == Some(false) {
                    let message = "`auth` has no way to get another credential";
                    let help = "write `fail`, or an `auth` that gets tokens: `oauth2`, `session` and their like";
                    let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(help);
                    self.places.report_with(path, &[&["source", "auth"]], diagnostic);
                    return None;
                }
                Treatment::RenewCredentials
            }
        })
    }

    fn retry_rule(&mut self, path: &[&str], spec: &RetrySpec) -> Option<RetryRule> {
        let retries = self.retries;
        let after = spec.after.as_ref().map(|after| self.after(&[path, &["after"]].concat(), after));
        let at_least = spec.after.as_ref().and_then(|after| after.at_least);
        let base_wait = spec.backoff.as_ref().and_then(|backoff| backoff.base_wait);
        for (place, wait) in
            [(&["wait"][..], spec.wait), (&["after", "at_least"], at_least), (&["backoff", "base_wait"], base_wait)]
        {
            self.is_waited_for(&[path, place].concat(), wait);
        }
        Some(RetryRule {
            after: match after {
                Some(after) => Some(after?),
                None => None,
            },
            wait: spec.wait.map(|wait| wait.0),
            backoff: spec.backoff.as_ref().map(|backoff| {
                let base = backoff.base_wait.map_or(retries.base_wait, |wait| wait.0);
                (base, backoff.max_backoff.map_or(retries.max_backoff, |wait| wait.0))
            }),
            attempts: spec.attempts.and_then(NonZeroU32::new),
        })
    }

    /// A wait that is longer than the run waits would end the stream.
    fn is_waited_for(&mut self, path: &[&str], wait: Option<DurationText>) {
        let most = self.retries.max_wait;
        let Some(wait) = wait.filter(|wait| wait.0 > most) else { return };
        let (most, wait) = (show_duration(most), show_duration(wait.0));
        let message = format!("a wait of {wait} is longer than any that the run waits ({most})");
        let help = "raise `retries.max_wait` of the source, or wait for less";
        let diagnostic = Diagnostic::error(Code::Conflict, message).with_help(help);
        self.places.report_with(path, &[&["source", "retries", "max_wait"]], diagnostic);
    }

    fn after(&mut self, path: &[&str], spec: &AfterSpec) -> Option<WaitPlan> {
        let place = match (&spec.header, &spec.body) {
            (Some(name), None) => {
                self.check_header_name(&[path, &["header"]].concat(), name).then(|| WaitPlace::Header(name.clone()))
            }
            (None, Some(body)) => self.record_path(&[path, &["body"]].concat(), body).map(WaitPlace::Body),
            _ => {
                let message = "`after` needs to know one place of the answer";
                let help = "write `after: { header: … }` or `after: { body: $.… }`";
                self.report(path, Diagnostic::error(Code::Conflict, message).with_help(help));
                None
            }
        };
        let pattern = spec.matches.as_ref().map(|text| self.pattern(&[path, &["matches"]].concat(), text));
        Some(WaitPlan {
            place: place?,
            pattern: match pattern {
                Some(pattern) => Some(pattern?),
                None => None,
            },
            milliseconds: spec.unit == Some(UnitSpec::Milliseconds),
            at_least: spec.at_least.map_or(Duration::ZERO, |least| least.0),
        })
    }
}

/// `404`, `4xx`, `400-499`; both ends included.
fn status_range(text: &str) -> Option<(u16, u16)> {
    let text = text.trim();
    let status = |text: &str| text.trim().parse::<u16>().ok().filter(|status| (100..=599).contains(status));
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        let class = class.parse::<u16>().ok().filter(|class| (1..=5).contains(class))?;
        return Some((class * 100, class * 100 + 99));
    }
    match text.split_once('-') {
        Some((from, to)) => Some((status(from)?, status(to)?)).filter(|(from, to)| from <= to),
        None => status(text).map(|status| (status, status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_a_class_or_a_range() {
        for (text, expected) in [
            ("404", Some((404, 404))),
            ("5xx", Some((500, 599))),
            ("4XX", Some((400, 499))),
            ("500-504", Some((500, 504))),
            (" 500 - 504 ", Some((500, 504))),
            ("504-500", None),
            ("99", None),
            ("600", None),
            ("0xx", None),
            ("6xx", None),
            ("40x", None),
            ("ok", None),
            ("", None),
        ] {
            assert_eq!(status_range(text), expected, "{text}");
        }
    }
}
