//! What a stream's answers mean, where that is not what their status says.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use spile_expression::RecordPath;

/// One rule: an answer that looks like that is treated so. Of a stream's rules the first that matches decides.
#[derive(Clone, Debug)]
pub struct ResponseRule {
    /// All of them must match; there is at least one.
    pub when: Vec<Matcher>,
    /// What follows.
    pub then: Treatment,
}

/// What an answer may look like.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// Its status is in one of these ranges, both ends included.
    Status(Vec<(u16, u16)>),
    /// It has this header; with a value that matches, where one is given.
    Header(String, Option<TextMatch>),
    /// The path selects something in its JSON body: a text, number or boolean that matches, or, where nothing is given,
    /// anything but null, false, and what is empty.
    Body(RecordPath, Option<TextMatch>),
    /// The beginning of its body matches.
    Text(TextMatch),
}

impl Matcher {
    /// Whether the body has to be known.
    pub fn reads_body(&self) -> bool {
        matches!(self, Self::Body(..) | Self::Text(_))
    }
}

/// What a text may look like.
#[derive(Clone, Debug)]
pub enum TextMatch {
    /// It is one of these.
    Is(Vec<String>),
    /// It contains one of these.
    Contains(Vec<String>),
    /// The expression matches somewhere in it.
    Pattern(Pattern),
}

impl TextMatch {
    /// Whether `text` looks so.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Is(texts) => texts.iter().any(|wanted| wanted == text),
            Self::Contains(texts) => texts.iter().any(|wanted| text.contains(wanted.as_str())),
            Self::Pattern(pattern) => pattern.0.is_match(text),
        }
    }
}

/// A regular expression, which takes linear time whatever it is matched against.
#[derive(Clone, Debug)]
pub struct Pattern(regex::Regex);

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// What is wrong with it, or that it would be too large.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        regex::Regex::new(text).map(Self).map_err(PatternError)
    }

    /// What the first group of the expression catches in `text`; the whole match, where it has no groups.
    pub fn first<'t>(&self, text: &'t str) -> Option<&'t str> {
        let captures = self.0.captures(text)?;
        captures.get(1).or_else(|| captures.get(0)).map(|found| found.as_str())
    }
}

/// Why a regular expression does not compile.
#[derive(Debug)]
pub struct PatternError(regex::Error);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The library draws a picture of it over several lines; the last of them says what is wrong.
        let text = self.0.to_string();
        let reason = text.lines().last().unwrap_or_default().trim();
        f.write_str(reason.strip_prefix("error: ").unwrap_or(reason))
    }
}

impl std::error::Error for PatternError {}

/// What follows from an answer.
#[derive(Clone, Debug)]
pub enum Treatment {
    /// It is an ordinary page, whatever its status.
    Page,
    /// It is a last page without records.
    Empty,
    /// The stream fails; with this message.
    Fail(String),
    /// The request is sent again, also where it is not idempotent.
    Retry(RetryRule),
    /// As a 429: no request leaves before the wait is over, and then it is sent again.
    RateLimited(RetryRule),
    /// It is sent again with new credentials, once.
    RenewCredentials,
}

/// When a request is sent again. The first of `after` and `wait` that says something is taken, then the backoff.
#[derive(Clone, Debug, Default)]
pub struct RetryRule {
    /// What the answer says.
    pub after: Option<WaitPlan>,
    /// Always so long.
    pub wait: Option<Duration>,
    /// Other backoff than that of [`crate::RetryPlan`]: the longest first wait, and the longest of all.
    pub backoff: Option<(Duration, Duration)>,
    /// Other tries of one request in all than those of [`crate::RetryPlan`].
    pub attempts: Option<NonZeroU32>,
}

/// Where an answer says how long to wait, or until when.
#[derive(Clone, Debug)]
pub struct WaitPlan {
    /// Where.
    pub place: WaitPlace,
    /// What of the text there says so; all of it, where nothing is given.
    pub pattern: Option<Pattern>,
    /// Whether a number is one of milliseconds. Otherwise it is one of seconds; from a thousand million on, since 1970.
    pub milliseconds: bool,
    /// Never a shorter wait than this.
    pub at_least: Duration,
}

/// A place in an answer.
#[derive(Clone, Debug)]
pub enum WaitPlace {
    /// The header of that name.
    Header(String),
    /// The body's value at that path.
    Body(RecordPath),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_text_is_one_of_several_or_contains_one_or_matches() {
        let texts = || vec!["a".to_owned(), "bc".to_owned()];
        let pattern = || TextMatch::Pattern(Pattern::new("(?i)^too many").unwrap());
        for (wanted, text, expected) in [
            (TextMatch::Is(texts()), "bc", true),
            (TextMatch::Is(texts()), "b", false),
            (TextMatch::Contains(texts()), "xbcx", true),
            (TextMatch::Contains(texts()), "b c", false),
            (pattern(), "Too Many Requests", true),
            (pattern(), "not too many", false),
        ] {
            assert_eq!(wanted.matches(text), expected, "{wanted:?} {text}");
        }
    }

    #[test]
    fn a_pattern_gives_its_first_group_or_all() {
        let first = |pattern, text| Pattern::new(pattern).unwrap().first(text).map(ToOwned::to_owned);
        assert_eq!(first(r"in (\d+) s", "again in 30 s").unwrap(), "30");
        assert_eq!(first(r"\d+", "again in 30 s").unwrap(), "30");
        assert_eq!(first(r"\d+", "soon"), None);
    }

    #[test]
    fn what_is_wrong_with_a_pattern_is_said_in_one_line() {
        let error = Pattern::new("(a").unwrap_err().to_string();
        assert_eq!(error, "unclosed group");
        assert!(!Pattern::new("(?:a{1000}){1000}").unwrap_err().to_string().contains('\n'));
    }
}
