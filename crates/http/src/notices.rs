//! What answers tell of the API's decay: `Deprecation` (RFC 9745, and the drafts before it), `Sunset` (RFC 8594), `Warning`
//! (RFC 7234, 5.5), what single vendors say in headers of their own, and a version that is not the one asked for.
//!
//! Enters: the headers of every answer. Leaves: each notice once for each stream and run, however many answers repeat it.
//! Invariant: what comes from outside is bounded in length and number, and shown without secrets and control characters.

mod warning;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use http::header::{LINK, WARNING};
use jiff::Timestamp;
use reqwest::Url;
use spile_model::StreamName;
use spile_model::notice::{Notice, NoticeKind, Noticed};
use spile_plan::ApiVersionPlan;

use crate::redact::Redactor;
use crate::retry_after::http_date;
use crate::{excerpt, link};

/// So many notices of one kind are told for one stream: an API that words each answer differently is not heard further.
const MOST: usize = 4;

/// So many characters of what an API says are shown.
const SHOWN: usize = 240;

/// A longer URL is none that a person would open.
const LONGEST_LINK: usize = 1_000;

/// The notices of a run.
#[derive(Default)]
pub(crate) struct Notices(Mutex<Told>);

#[derive(Default)]
struct Told {
    /// In the order of being told.
    all: Vec<Noticed>,
    count: HashMap<(StreamName, NoticeKind), usize>,
}

impl Notices {
    /// Those among `notices` that were not told of `stream` yet; from now on they are.
    pub(crate) fn news(
        &self,
        stream: &StreamName,
        endpoint: impl Fn() -> String,
        notices: Vec<Notice>,
    ) -> Vec<Noticed> {
        if notices.is_empty() {
            return Vec::new();
        }
        let mut told = self.lock();
        let mut news = Vec::new();
        for notice in notices {
            let known = told.all.iter().any(|known| known.stream == *stream && known.notice == notice);
            let count = told.count.entry((stream.clone(), notice.kind)).or_default();
            if known || *count == MOST {
                continue;
            }
            *count += 1;
            let noticed = Noticed {
                stream: stream.clone(),
                endpoint: excerpt::quote(&endpoint(), SHOWN, ToOwned::to_owned).unwrap_or_default(),
                notice,
            };
            told.all.push(noticed.clone());
            news.push(noticed);
        }
        news
    }

    pub(crate) fn all(&self) -> Vec<Noticed> {
        self.lock().all.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        // Whatever was noted before a panic elsewhere is true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer's head, and what is known where it came.
pub(crate) struct Heard<'a> {
    pub(crate) headers: &'a HeaderMap,
    /// What answered.
    pub(crate) url: &'a Url,
    pub(crate) version: Option<&'a ApiVersionPlan>,
    pub(crate) redactor: &'a Redactor,
    pub(crate) now: Timestamp,
}

impl Heard<'_> {
    /// All that it tells of the API's decay.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        let mut notices = Vec::new();
        notices.extend(self.sunset());
        notices.extend(self.deprecation());
        notices.extend(self.deprecated_reason());
        notices.extend(self.deprecated_version());
        notices.extend(self.other_version());
        notices.extend(self.warnings());
        notices
    }

    fn deprecation(&self) -> Option<Notice> {
        let date = deprecated_at(self.text("deprecation")?)?;
        let message = match date {
            None => "deprecated".to_owned(),
            Some(date) if date > self.now => format!("deprecated from {} on", day(date)),
            Some(date) => format!("deprecated since {}", day(date)),
        };
        let successor = self.link("successor-version").or_else(|| self.link("latest-version"));
        let message = match &successor {
            Some(successor) => format!("{message}; its successor is {successor}"),
            None => message,
        };
        Some(Notice { kind: NoticeKind::Deprecation, date, message, link: self.link("deprecation") })
    }

    fn sunset(&self) -> Option<Notice> {
        let date = http_date(self.text("sunset")?)?;
        let message = if date > self.now {
            format!("will stop working on {}", day(date))
        } else {
            format!("was to stop working on {}, and may at any time", day(date))
        };
        Some(Notice { kind: NoticeKind::Sunset, date: Some(date), message, link: self.link("sunset") })
    }

    /// Shopify's: a URL that says why, or words.
    fn deprecated_reason(&self) -> Option<Notice> {
        let reason = self.text("x-shopify-api-deprecated-reason")?;
        let link = self.shown_link(reason);
        let message = match &link {
            Some(_) => "the request uses what is deprecated".to_owned(),
            None => format!("the request uses what is deprecated: {}", self.quoted(reason)?),
        };
        Some(Notice { kind: NoticeKind::Deprecation, date: None, message, link })
    }

    /// ASP.NET's: the versions that are deprecated.
    fn deprecated_version(&self) -> Option<Notice> {
        let asked = self.version?.value.as_str();
        let deprecated = self.lines("api-deprecated-versions");
        if !deprecated.flat_map(|list| list.split(',')).any(|version| version.trim() == asked) {
            return None;
        }
        let supported = self.text("api-supported-versions").and_then(|list| self.quoted(list));
        let supported = supported.map_or_else(String::new, |list| format!("; supported are {list}"));
        let message = format!("version {} of the API is deprecated{supported}", self.quoted(asked)?);
        Some(Notice { kind: NoticeKind::Deprecation, date: None, message, link: None })
    }

    fn other_version(&self) -> Option<Notice> {
        let version = self.version?;
        let answered = version.told_in.iter().find_map(|name| self.text(name))?;
        if answered.eq_ignore_ascii_case(&version.value) {
            return None;
        }
        let (asked, answered) = (self.quoted(&version.value)?, self.quoted(answered)?);
        let message = format!("version {answered} of the API answers, and {asked} was asked for");
        Some(Notice { kind: NoticeKind::Version, date: None, message, link: None })
    }

    fn warnings(&self) -> Vec<Notice> {
        let words = self.lines(WARNING.as_str()).flat_map(warning::words).filter_map(|words| self.quoted(&words));
        words.map(|message| Notice { kind: NoticeKind::Warning, date: None, message, link: None }).collect()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.lines(name).next().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The values of the header, as far as they are text.
    fn lines(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.get_all(name).iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
    }

    fn quoted(&self, text: &str) -> Option<String> {
        excerpt::quote(text, SHOWN, |text| self.redactor.clean(text))
    }

    /// The first link of that relation.
    fn link(&self, relation: &str) -> Option<String> {
        let found = self.lines(LINK.as_str()).flat_map(link::parse).find(|link| link.has_relation(relation))?;
        let url = self.url.join(&found.target).ok()?;
        self.shown_link(url.as_str())
    }

    fn shown_link(&self, text: &str) -> Option<String> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        Some(self.redactor.show_url(&url)).filter(|shown| shown.len() <= LONGEST_LINK)
    }
}

/// When something is deprecated: a date of RFC 9651 as RFC 9745 has it, or, from the drafts before it, one of HTTP or
/// `true`, which names none. Anything else says nothing.
fn deprecated_at(text: &str) -> Option<Option<Timestamp>> {
    if let Some(seconds) = text.strip_prefix('@') {
        return Some(Some(Timestamp::from_second(seconds.parse().ok()?).ok()?));
    }
    if text.eq_ignore_ascii_case("true") || text == "?1" {
        return Some(None);
    }
    http_date(text).map(Some)
}

fn day(date: Timestamp) -> String {
    date.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests;
