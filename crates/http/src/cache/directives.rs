//! The directives of `Cache-Control` (RFC 9111, 5.2), of requests and of responses.
//!
//! Names are read in any case, values bare or quoted, several lines as one list. A directive with a value that cannot
//! be read is there all the same: it says that freshness was meant, and nothing about how long.

use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};

/// The directives that Spile heeds. Those for shared caches (`s-maxage`, `proxy-revalidate`) are not for it, and what
/// would allow stale answers (`stale-while-revalidate`, `stale-if-error`, `max-stale`) it never uses: a stale answer
/// means wrong rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Directives {
    pub(super) no_store: bool,
    pub(super) no_cache: bool,
    pub(super) public: bool,
    pub(super) must_understand: bool,
    /// Seconds; 0 where the value cannot be read, the smallest where there are several.
    pub(super) max_age: Option<u64>,
    /// Seconds; of a request.
    pub(super) min_fresh: Option<u64>,
}

impl Directives {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        let lines = headers.get_all(CACHE_CONTROL).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
        for line in lines {
            for (name, value) in list(&line) {
                directives.take(&name, value.as_deref());
            }
        }
        // What HTTP/1.0 said instead (RFC 9111, 5.4).
        if !headers.contains_key(CACHE_CONTROL) {
            let mut pragmas = headers.get_all(PRAGMA).iter().filter_map(|line| line.to_str().ok());
            directives.no_cache = pragmas.any(|line| list(line).iter().any(|(name, _)| name == "no-cache"));
        }
        directives
    }

    fn take(&mut self, name: &str, value: Option<&str>) {
        match name {
            "no-store" => self.no_store = true,
            // With names of fields it concerns those alone; to heed it for the whole answer is allowed.
            "no-cache" => self.no_cache = true,
            "public" => self.public = true,
            "must-understand" => self.must_understand = true,
            "max-age" => {
                let seconds = value.and_then(seconds).unwrap_or(0);
                self.max_age = Some(self.max_age.map_or(seconds, |before| before.min(seconds)));
            }
            "min-fresh" => self.min_fresh = value.and_then(seconds),
            _ => {}
        }
    }
}

/// Whole seconds (RFC 9111, 1.2.2); so many that a number cannot hold them are as many as it can.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// `name` or `name=value`, separated by commas outside of quotes; names in small letters, values without their quotes.
fn list(line: &str) -> Vec<(String, Option<String>)> {
    let mut members = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for character in line.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                members.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(member) = members.last_mut() {
            member.push(character);
        }
    }
    members.iter().filter_map(|member| directive(member)).collect()
}

fn directive(member: &str) -> Option<(String, Option<String>)> {
    let (name, value) = member.split_once('=').map_or((member, None), |(name, value)| (name, Some(value)));
    let name = name.trim().to_ascii_lowercase();
    let unquoted = |value: &str| {
        let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        inner.unwrap_or(value).to_owned()
    };
    (!name.is_empty()).then(|| (name, value.map(|value| unquoted(value.trim()))))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn directives(lines: &[&str]) -> Directives {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, HeaderValue::from_str(line).unwrap());
        }
        Directives::of(&headers)
    }

    #[test]
    fn directives_are_read_in_any_case_quoted_or_not_and_over_several_lines() {
        assert!(directives(&["No-CaChE"]).no_cache);
        assert!(directives(&["max-age=5", "nO-StOrE"]).no_store);
        assert!(directives(&["no-cache=\"set-cookie\""]).no_cache);
        assert_eq!(directives(&["MaX-AgE=3600"]).max_age, Some(3600));
        assert_eq!(directives(&["max-age=\"60\""]).max_age, Some(60));
        assert_eq!(directives(&["public , max-age = 003600"]).max_age, Some(3600));
        assert_eq!(directives(&["a, public"]), Directives { public: true, ..Directives::default() });
    }

    #[test]
    fn what_stands_in_quotes_is_no_directive() {
        assert_eq!(directives(&["extension=\"max-age=3600, no-store\", max-age=1"]).max_age, Some(1));
        assert!(!directives(&[r#"extension="a\", no-store""#]).no_store);
    }

    #[test]
    fn freshness_that_cannot_be_read_is_none_and_of_two_the_shorter_holds() {
        for line in ["max-age", "max-age=", "max-age=-1", "max-age='3600'", "max-age=1.5", "max-age=a1"] {
            assert_eq!(directives(&[line]).max_age, Some(0), "{line}");
        }
        assert_eq!(directives(&["max-age=1800, max-age=1"]).max_age, Some(1));
        assert_eq!(directives(&["max-age=99999999999999999999999"]).max_age, Some(u64::MAX));
    }

    #[test]
    fn pragma_counts_only_where_there_is_no_cache_control() {
        let headers = |pairs: &[(http::HeaderName, &'static str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
        };
        assert!(Directives::of(&headers(&[(PRAGMA, "No-Cache")])).no_cache);
        assert!(!Directives::of(&headers(&[(PRAGMA, "no-cache"), (CACHE_CONTROL, "max-age=5")])).no_cache);
    }
}
