//! The family `(x-)rate(-)limit-…`: one header for each thing that is told, and many words for each of them.

use super::answer::{Answer, name};
use super::{Reading, number, reset};

/// How the first part of the names is spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `RateLimit-…`, as the draft has it.
    Draft,
    /// `X-RateLimit-…`.
    Joined,
    /// `X-Rate-Limit-…` and `Rate-Limit-…`.
    Hyphened,
}

/// What a header tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Limit,
    Remaining,
    Used,
    /// Seconds until the reset.
    ResetAfter,
    /// Milliseconds until the reset.
    ResetAfterMilliseconds,
    /// The reset in some form.
    Reset,
    WindowSeconds,
    WindowMilliseconds,
    /// How much comes back in each interval, and how long that is.
    Fill,
    FillInterval,
    Name,
    /// Whether the limit is the one of all endpoints together.
    Global,
}

/// The ends of the names; of several that tell the same, the first is believed.
const PARTS: &[(&str, Part)] = &[
    ("limit", Part::Limit),
    // HighLevel, https://help.gohighlevel.com/support/solutions/articles/48001060529-highlevel-api
    ("max", Part::Limit),
    // Freshdesk, https://developers.freshdesk.com/api/#ratelimit
    ("total", Part::Limit),
    // BigCommerce,
    // https://docs.bigcommerce.com/developer/api-reference/rest/admin/content/page-widgets/get-page-widgets
    ("requests-quota", Part::Limit),
    // Zendesk's `X-Rate-Limit: 700`,
    // https://developer.zendesk.com/documentation/api-basics/best-practices/best-practices-for-avoiding-rate-limiting
    ("", Part::Limit),
    ("remaining", Part::Remaining),
    ("requests-left", Part::Remaining),
    // GitHub, https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    ("used", Part::Used),
    // GitLab, https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/
    ("observed", Part::Used),
    // Discord, https://docs.discord.com/developers/topics/rate-limits
    ("reset-after", Part::ResetAfter),
    ("time-reset-ms", Part::ResetAfterMilliseconds),
    ("reset", Part::Reset),
    ("resettime", Part::Reset),
    // Opsgenie; Airbyte's connector for it waits for as long.
    ("period-in-sec", Part::WindowSeconds),
    ("interval-milliseconds", Part::WindowMilliseconds),
    ("time-window-ms", Part::WindowMilliseconds),
    // Jira and Confluence Data Center, https://confluence.atlassian.com/doc/_ratelimiting_httpheaders-992678779.html
    ("fillrate", Part::Fill),
    ("interval-seconds", Part::FillInterval),
    ("resource", Part::Name),
    ("bucket", Part::Name),
    ("name", Part::Name),
    ("global", Part::Global),
];

/// The headers of the family that an answer has, in the order of [`PARTS`].
pub(super) struct Fields<'a> {
    texts: Vec<(usize, Spelling, &'a str)>,
}

/// What is told, each with all the ends of names that tell it.
pub(super) fn told() -> impl Iterator<Item = (Vec<&'static str>, &'static str)> {
    let parts =
        PARTS.iter().enumerate().filter(|(row, (_, part))| !PARTS[..*row].iter().any(|(_, known)| known == part));
    parts.map(|(_, (_, part))| {
        let ends = PARTS.iter().filter(|(_, other)| other == part).map(|(end, _)| *end);
        (ends.collect(), part.meaning())
    })
}

impl Part {
    fn meaning(self) -> &'static str {
        match self {
            Self::Limit => "how much is allowed",
            Self::Remaining => "how much is left",
            Self::Used => "how much is used",
            Self::ResetAfter => "in how many seconds all of it is there again",
            Self::ResetAfterMilliseconds => "in how many milliseconds all of it is there again",
            Self::Reset => {
                "when all of it is there again: in so many seconds, as seconds or milliseconds since 1970, as a date, or \
                 as a length of time such as `1m30s`"
            }
            Self::WindowSeconds => "the window's length in seconds",
            Self::WindowMilliseconds => "the window's length in milliseconds",
            Self::Fill => "how much comes back in each interval",
            Self::FillInterval => "how long that interval is, in seconds",
            Self::Name => "which limit it is",
            Self::Global => "`true`: it is the limit of all endpoints together",
        }
    }
}

impl<'a> Fields<'a> {
    /// Those whose names are spelled as `wanted` has it.
    pub(super) fn of(answer: &Answer<'a>, wanted: impl Fn(Spelling) -> bool) -> Self {
        let mut texts: Vec<_> = answer.names().filter_map(|name| field(answer, name)).collect();
        texts.retain(|(_, spelling, _)| wanted(*spelling));
        texts.sort_by_key(|(row, ..)| *row);
        Self { texts }
    }

    pub(super) fn reading(&self, answer: &Answer<'_>) -> Option<Reading> {
        let fill_interval = self.find(Part::FillInterval, number::seconds);
        let fill = self.find(Part::Fill, number::count);
        let reading = Reading {
            limit: self.find(Part::Limit, number::count),
            remaining: self.find(Part::Remaining, number::count),
            window: self
                .find(Part::WindowSeconds, number::seconds)
                .or_else(|| self.find(Part::WindowMilliseconds, number::milliseconds))
                // BoldDesk, https://support.bolddesk.com/kb/article/808, sends the period as the limit.
                .or_else(|| self.find(Part::Limit, number::period)),
            restore: fill.zip(fill_interval).map(|(fill, interval)| fill / interval.as_secs_f64()),
            ..Reading::of_requests(self.name())
        };
        reading.with_used(self.find(Part::Used, number::count)).with_reset(self.reset(answer)).if_told()
    }

    fn name(&self) -> Box<str> {
        if self.find(Part::Global, |text| text.eq_ignore_ascii_case("true").then_some(())).is_some() {
            return "global".into();
        }
        self.find(Part::Name, |text| Some(name(text))).unwrap_or_default()
    }

    fn reset(&self, answer: &Answer<'_>) -> Option<reset::Reset> {
        self.find(Part::ResetAfter, reset::in_seconds)
            .or_else(|| self.find(Part::ResetAfterMilliseconds, reset::in_milliseconds))
            .or_else(|| self.telling(Part::Reset).find_map(|(spelling, text)| reset_of(spelling, text, answer)))
    }

    fn find<T>(&self, part: Part, read: impl Fn(&'a str) -> Option<T>) -> Option<T> {
        self.telling(part).find_map(|(_, text)| read(text))
    }

    fn telling(&self, part: Part) -> impl Iterator<Item = (Spelling, &'a str)> {
        let of_part = self.texts.iter().filter(move |(row, ..)| PARTS[*row].1 == part);
        of_part.map(|(_, spelling, text)| (*spelling, *text))
    }
}

/// Prisjakt, <https://developer.prisjakt.nu/docs/sections/rate-limit>, tells milliseconds in `X-Rate-Limit-Reset`.
fn reset_of(spelling: Spelling, text: &str, answer: &Answer<'_>) -> Option<reset::Reset> {
    match spelling {
        Spelling::Hyphened => reset::decode_doubtful(text, answer),
        Spelling::Draft | Spelling::Joined => reset::decode(text, answer),
    }
}

fn field<'a>(answer: &Answer<'a>, name: &str) -> Option<(usize, Spelling, &'a str)> {
    let (spelling, end) = spelled(name)?;
    let row = PARTS.iter().position(|(known, _)| *known == end)?;
    Some((row, spelling, answer.text(name)?))
}

/// How `name` is spelled, and what comes after that.
fn spelled(name: &str) -> Option<(Spelling, &str)> {
    let own = name.strip_prefix("x-");
    let rest = own.unwrap_or(name);
    let (spelling, end) = match rest.strip_prefix("ratelimit") {
        Some(end) if own.is_none() => (Spelling::Draft, end),
        Some(end) => (Spelling::Joined, end),
        None => (Spelling::Hyphened, rest.strip_prefix("rate-limit")?),
    };
    if end.is_empty() { Some((spelling, end)) } else { Some((spelling, end.strip_prefix('-')?)) }
}
