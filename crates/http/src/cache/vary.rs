//! Which stored answer fits a request (RFC 9111, 4.1).

use http::header::{ACCEPT_LANGUAGE, VARY};
use http::{HeaderMap, HeaderName};

/// The request's values of the headers that an answer says it depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variant(Vec<(HeaderName, Vec<String>)>);

impl Variant {
    /// What `answer` says it depends on, in `request`; `None` where that is nothing that can be known (`*`).
    pub(super) fn of(answer: &HeaderMap, request: &HeaderMap) -> Option<Self> {
        let mut names = Vec::new();
        for line in answer.get_all(VARY) {
            for name in line.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                names.push(HeaderName::try_from(name).ok().filter(|name| name.as_str() != "*")?);
            }
        }
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        Some(Self(names.into_iter().map(|name| (name.clone(), members(&name, request))).collect()))
    }

    /// Whether `request` has these values.
    pub(super) fn fits(&self, request: &HeaderMap) -> bool {
        self.0.iter().all(|(name, values)| members(name, request) == *values)
    }
}

/// The members of a header, however its lines and blanks are set.
fn members(name: &HeaderName, request: &HeaderMap) -> Vec<String> {
    let lines = request.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
    let mut members: Vec<String> =
        lines.flat_map(|line| line.split(',').map(|member| member.trim().to_owned()).collect::<Vec<_>>()).collect();
    if *name == ACCEPT_LANGUAGE {
        // Its order says nothing, for each member has its weight, and languages are written in any case.
        members.iter_mut().for_each(|member| member.make_ascii_lowercase());
        members.sort();
    }
    members
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn fits(vary: &'static str, stored: &[(&'static str, &'static str)], now: &[(&'static str, &'static str)]) -> bool {
        let variant = Variant::of(&headers(&[("vary", vary)]), &headers(stored));
        variant.is_some_and(|variant| variant.fits(&headers(now)))
    }

    #[test]
    fn a_request_fits_by_the_headers_that_the_answer_names_and_by_no_others() {
        assert!(fits("Foo", &[("foo", "1"), ("bar", "2")], &[("foo", "1"), ("bar", "3")]));
        assert!(!fits("Foo", &[("foo", "1")], &[("foo", "2")]));
        assert!(!fits("Foo", &[("foo", "1")], &[]));
        assert!(!fits("Foo", &[], &[("foo", "1")]));
        assert!(fits("Foo, Bar", &[("foo", "1")], &[("foo", "1")]));
        assert!(!fits("Foo, Bar", &[("foo", "1")], &[("foo", "1"), ("bar", "1")]));
    }

    #[test]
    fn how_a_header_is_written_makes_no_difference() {
        assert!(fits("Foo", &[("foo", "1,2")], &[("foo", " 1 ,  2")]));
        assert!(fits("Foo", &[("foo", "1, 2")], &[("foo", "1"), ("foo", "2")]));
        assert!(!fits("Foo", &[("foo", "1, 2")], &[("foo", "2, 1")]));
        assert!(fits("Accept-Language", &[("accept-language", "en, de")], &[("accept-language", "De,eN")]));
    }

    #[test]
    fn nothing_fits_an_answer_that_depends_on_everything() {
        for vary in ["*", "*, *", ", *", "Foo, *"] {
            assert!(!fits(vary, &[], &[]), "{vary}");
        }
    }
}
