//! What an answer allows whoever wants to ask about it in a later run.

use http::header::{DATE, ETAG, LAST_MODIFIED};
use jiff::{SignedDuration, Timestamp};
use spile_plan::Reuse;

use super::directives::Directives;
use super::freshness::{self, Times, http_date};
use super::vary::Variant;
use crate::message::{Request, Response};

/// How one may ask later whether an answer still holds, and until when one need not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// `ETag`, for `If-None-Match`.
    pub etag: Option<String>,
    /// `Last-Modified`, for `If-Modified-Since`, where there is no `ETag`. Only one that lies at least a second before the
    /// answer's `Date`: until then the same second may have brought another change (RFC 9110, 8.8.2.2).
    pub last_modified: Option<String>,
    /// Until when it is fresh by `reuse`.
    pub fresh_until: Option<Timestamp>,
}

impl Terms {
    /// The terms of the answer to `request`; none of them where it must not be stored (`no-store`).
    pub fn of(request: &Request, response: &Response, reuse: Reuse) -> Self {
        let headers = &response.headers;
        let directives = Directives::of(headers);
        if directives.no_store || Directives::of(&request.headers).no_store {
            return Self::default();
        }
        let text = |name| headers.get(name).and_then(|value| Some(value.to_str().ok()?.trim().to_owned()));
        let etag = text(ETAG).filter(|etag| !etag.is_empty());
        let date = text(DATE).and_then(|date| http_date(&date));
        let last_modified = text(LAST_MODIFIED).filter(|modified| {
            let settled = |modified: Timestamp, date: Timestamp| date.duration_since(modified).as_secs() >= 1;
            etag.is_none() && http_date(modified).zip(date).is_some_and(|(modified, date)| settled(modified, date))
        });
        let times = Times { asked_at: response.received_at, received_at: response.received_at };
        let lifetime = freshness::lifetime(response.status, headers, times, reuse);
        let left = lifetime.saturating_sub(freshness::age(headers, times, response.received_at));
        let may_be_reused = reuse != Reuse::Never
            && left > 0
            && !directives.no_cache
            && Variant::of(headers, &request.headers).is_some();
        let fresh_until = may_be_reused.then(|| {
            let left = SignedDuration::from_secs(i64::try_from(left).unwrap_or(i64::MAX));
            response.received_at.checked_add(left).unwrap_or(Timestamp::MAX)
        });
        Self { etag, last_modified, fresh_until }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
    use reqwest::Url;

    use super::*;

    fn terms(lines: &[(&str, &str)], reuse: Reuse) -> Terms {
        let url = Url::parse("https://api.test/items").unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let received_at = "2025-03-01T12:00:00Z".parse().unwrap();
        let response = Response {
            status: StatusCode::OK,
            headers,
            body: "[]".into(),
            url: url.clone(),
            received_at,
            bill: crate::Bill::default(),
            from_memory: false,
            ends: false,
            receipt: None,
        };
        Terms::of(&Request::get(url), &response, reuse)
    }

    #[test]
    fn an_etag_is_kept_as_it_came_and_a_date_only_without_one() {
        let modified = ("last-modified", "Fri, 28 Feb 2025 12:00:00 GMT");
        let date = ("date", "Sat, 01 Mar 2025 12:00:00 GMT");
        let both = terms(&[("etag", "W/\"a b\""), modified, date], Reuse::Never);
        assert_eq!((both.etag.as_deref(), both.last_modified), (Some("W/\"a b\""), None));
        assert_eq!(terms(&[modified, date], Reuse::Never).last_modified.as_deref(), Some(modified.1));
    }

    #[test]
    fn a_last_change_in_the_very_second_of_the_answer_is_not_relied_on() {
        let just = ("last-modified", "Sat, 01 Mar 2025 12:00:00 GMT");
        assert_eq!(terms(&[just, ("date", just.1)], Reuse::Never), Terms::default());
        assert_eq!(terms(&[just], Reuse::Never), Terms::default());
    }

    #[test]
    fn freshness_counts_where_it_is_wanted_and_no_store_leaves_nothing() {
        let fresh = ("cache-control", "max-age=60");
        assert_eq!(terms(&[fresh], Reuse::Never).fresh_until, None);
        let until = terms(&[fresh, ("age", "20")], Reuse::Fresh).fresh_until;
        assert_eq!(until, Some("2025-03-01T12:00:40Z".parse().unwrap()));
        assert_eq!(terms(&[fresh, ("vary", "*")], Reuse::Fresh).fresh_until, None);
        assert_eq!(terms(&[("cache-control", "max-age=60, no-cache")], Reuse::Fresh).fresh_until, None);
        assert_eq!(
            terms(&[("cache-control", "max-age=60, no-store"), ("etag", "\"a\"")], Reuse::Fresh),
            Terms::default()
        );
    }
}
