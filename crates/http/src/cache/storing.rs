//! What may be stored, and what of its headers (RFC 9111, 3).

use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LAST_MODIFIED, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, StatusCode};

use super::directives::Directives;
use super::freshness;

/// Headers of one connection, and those that the hop before us meant for itself.
const OF_THE_HOP: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What describes the stored body's bytes stays as it was when they came (RFC 9111, 3.2).
const OF_THE_BODY: [HeaderName; 3] = [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE];

/// Whether the whole answer to a GET with the headers `request` may be stored, and would be of use.
pub(super) fn may_be_stored(request: &HeaderMap, status: StatusCode, headers: &HeaderMap) -> bool {
    let directives = Directives::of(headers);
    let is_understood = matches!(status.as_u16(), 200..=206 | 300..=308 | 400..=417 | 421..=431 | 451 | 500..=511);
    let forbidden = if directives.must_understand { !is_understood } else { directives.no_store };
    let is_part = status == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE) && !status.is_success();
    let is_final = !status.is_informational() && status != StatusCode::NOT_MODIFIED && !is_of_now(status);
    let is_of_use = freshness::is_told(headers) || has_validator(headers);
    is_final && !is_part && !forbidden && is_of_use && !Directives::of(request).no_store
}

/// Whether a status speaks of who asks and when, and not of what was asked for.
pub(super) fn is_of_now(status: StatusCode) -> bool {
    let others = [StatusCode::UNAUTHORIZED, StatusCode::PROXY_AUTHENTICATION_REQUIRED, StatusCode::TOO_MANY_REQUESTS];
    others.contains(&status)
}

pub(super) fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(ETAG) || headers.contains_key(LAST_MODIFIED)
}

/// The headers of an answer that are kept: all but those of the connection.
pub(super) fn kept(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut kept = headers.clone();
    for name in OF_THE_HOP.iter().chain(&named) {
        kept.remove(name);
    }
    kept
}

/// Stored headers brought up to date by those of a 304 (RFC 9111, 3.2).
pub(super) fn updated(stored: &HeaderMap, by: &HeaderMap) -> HeaderMap {
    let by = kept(by);
    let mut updated = stored.clone();
    // What was told of its age then is over.
    updated.remove(http::header::AGE);
    for name in by.keys().filter(|name| !OF_THE_BODY.contains(name)) {
        updated.remove(name);
        for value in by.get_all(name) {
            updated.append(name.clone(), value.clone());
        }
    }
    updated
}

fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',').filter_map(|name| name.trim().parse().ok()).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn stored(status: u16, lines: &[(&str, &str)]) -> bool {
        may_be_stored(&HeaderMap::new(), StatusCode::from_u16(status).unwrap(), &headers(lines))
    }

    #[test]
    fn what_can_be_reused_or_asked_about_again_is_stored_and_nothing_else() {
        assert!(stored(200, &[("cache-control", "max-age=5")]));
        assert!(stored(200, &[("etag", "\"a\"")]));
        assert!(stored(404, &[("expires", "Sat, 01 Mar 2025 13:00:00 GMT")]));
        assert!(!stored(200, &[]));
        assert!(!stored(206, &[("etag", "\"a\"")]));
        assert!(!stored(304, &[("etag", "\"a\"")]));
        assert!(!stored(200, &[("etag", "\"a\""), ("cache-control", "max-age=5, no-store")]));
        let asked = headers(&[("cache-control", "no-store")]);
        assert!(!may_be_stored(&asked, StatusCode::OK, &headers(&[("etag", "\"a\"")])));
    }

    #[test]
    fn must_understand_takes_no_stores_place_for_statuses_that_are_understood() {
        let line = [("cache-control", "max-age=5, no-store, must-understand")];
        assert!(stored(200, &line));
        assert!(!stored(599, &line));
    }

    #[test]
    fn headers_of_the_connection_are_not_kept() {
        let lines = [("connection", "a, B"), ("a", "1"), ("b", "2"), ("c", "3"), ("upgrade", "x"), ("te", "y")];
        assert_eq!(kept(&headers(&lines)), headers(&[("c", "3")]));
    }

    #[test]
    fn a_304_brings_headers_up_to_date_but_not_those_of_the_body() {
        let before =
            headers(&[("a", "1"), ("b", "2"), ("age", "9"), ("content-length", "7"), ("content-encoding", "x")]);
        let update = headers(&[("a", "3"), ("a", "4"), ("content-length", "0"), ("keep-alive", "z")]);
        let expected =
            headers(&[("b", "2"), ("content-length", "7"), ("content-encoding", "x"), ("a", "3"), ("a", "4")]);
        assert_eq!(updated(&before, &update), expected);
    }
}
