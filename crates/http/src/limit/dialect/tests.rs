use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

/// 2026-01-01T12:00:00Z; the answers' own clocks are ten seconds behind.
const NOW: i64 = 1_767_268_800;
const DATE: &str = "Date: Thu, 01 Jan 2026 11:59:50 GMT";

fn headers(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
    }
    headers
}

fn told(lines: &str) -> Vec<Reading> {
    read(&headers(lines), Timestamp::from_second(NOW).unwrap())
}

/// A reading of requests with what the row says of it.
fn requests(name: &str, limit: impl Into<Option<f64>>, remaining: impl Into<Option<f64>>) -> Reading {
    Reading { limit: limit.into(), remaining: remaining.into(), ..Reading::of_requests(name) }
}

trait With {
    /// In so many seconds, told in whole ones.
    fn reset(self, seconds: u64) -> Reading;
    fn reset_exactly(self, milliseconds: u64) -> Reading;
    fn window(self, seconds: u64) -> Reading;
    fn restore(self, rate: f64) -> Reading;
}

impl With for Reading {
    fn reset(self, seconds: u64) -> Reading {
        Reading { reset: Some(Duration::from_secs(seconds)), precision: Duration::from_secs(1), ..self }
    }

    fn reset_exactly(self, milliseconds: u64) -> Reading {
        Reading { reset: Some(Duration::from_millis(milliseconds)), precision: Duration::ZERO, ..self }
    }

    fn window(self, seconds: u64) -> Reading {
        Reading { window: Some(Duration::from_secs(seconds)), ..self }
    }

    fn restore(self, rate: f64) -> Reading {
        Reading { restore: Some(rate), ..self }
    }
}

fn concurrent(name: &str, limit: impl Into<Option<f64>>, remaining: impl Into<Option<f64>>) -> Reading {
    Reading { unit: Unit::Concurrent, ..requests(name, limit, remaining) }
}

type Case = (&'static str, &'static str, Vec<Reading>);

fn check(cases: Vec<Case>) {
    for (what, lines, expected) in cases {
        assert_eq!(told(lines), expected, "{what}");
    }
}

#[test]
fn the_standard_is_read_as_lists_of_named_limits() {
    check(vec![
        (
            "a limit with its policy",
            "RateLimit-Policy: \"burst\";q=100;w=60\nRateLimit: \"burst\";r=50;t=30",
            vec![requests("burst", 100.0, 50.0).reset(30).window(60)],
        ),
        (
            "several on one line, and one on a line of its own",
            "RateLimit-Policy: \"burst\";q=100;w=60,\"daily\";q=1000;w=86400
             RateLimit-Policy: \"hourly\";q=500;w=3600
             RateLimit: \"daily\";r=900;t=4000
             RateLimit: \"burst\";r=99;t=1",
            vec![
                requests("daily", 1000.0, 900.0).reset(4000).window(86_400),
                requests("burst", 100.0, 99.0).reset(1).window(60),
                requests("hourly", 500.0, None).window(3600),
            ],
        ),
        ("a policy alone", "RateLimit-Policy: \"a\";q=10;w=1", vec![requests("a", 10.0, None).window(1)]),
        ("what is left alone", "RateLimit: \"a\";r=3", vec![requests("a", None, 3.0)]),
        (
            "requests under way at once",
            "RateLimit-Policy: \"c\";q=5;qu=\"concurrent-requests\"\nRateLimit: \"c\";r=4",
            vec![concurrent("c", 5.0, 4.0)],
        ),
        (
            "what counts something else",
            "RateLimit-Policy: \"b\";q=9;qu=\"content-bytes\", \"r\";q=8;qu=\"requests\"\nRateLimit: \"b\";r=4",
            vec![requests("r", 8.0, None)],
        ),
        (
            "a partition in both fields",
            "RateLimit-Policy: \"p\";q=5;w=1;pk=:YQ==:\nRateLimit: \"p\";r=4;t=1;pk=:YQ==:",
            vec![requests("p:YQ==", 5.0, 4.0).reset(1).window(1)],
        ),
        (
            "two partitions are two limits",
            "RateLimit-Policy: \"p\";q=5;w=1;pk=:YQ==:\nRateLimit: \"p\";r=4;t=1;pk=:Yg==:",
            vec![requests("p:Yg==", None, 4.0).reset(1), requests("p:YQ==", 5.0, None).window(1)],
        ),
        (
            "malformed lines, items and parameters are ignored one by one",
            "RateLimit-Policy: \"broken
             RateLimit-Policy: \"a\";w=60, (\"b\";q=1), 5;q=1, \"c\";q=-1, \"d\";q=7;w=0, \"e\";q=\"8\"
             RateLimit: \"d\";r=2;t=-4, \"f\";t=9",
            vec![requests("d", 7.0, 2.0)],
        ),
        (
            "express-rate-limit's draft-8, with the partition in the policy only",
            "ratelimit-policy: \"2-in-1min\"; q=2; w=60; pk=:MTJj:\nratelimit: \"2-in-1min\"; r=1; t=60",
            vec![requests("2-in-1min:MTJj", 2.0, 1.0).reset(60).window(60)],
        ),
    ]);
}

#[test]
fn the_older_drafts_are_read() {
    check(vec![
        (
            "draft-6",
            "ratelimit-limit: 2\nratelimit-remaining: 1\nratelimit-reset: 60\nratelimit-policy: 2;w=60",
            vec![requests("", 2.0, 1.0).reset(60).window(60)],
        ),
        (
            "draft-7",
            "ratelimit: limit=2, remaining=1, reset=60\nratelimit-policy: 2;w=60",
            vec![requests("", 2.0, 1.0).reset(60).window(60)],
        ),
        (
            "draft-7 without a policy",
            "ratelimit: limit=2, remaining=1, reset=60",
            vec![requests("", 2.0, 1.0).reset(60)],
        ),
        (
            "of several policies, the nearest to its end is told of",
            "RateLimit-Limit: 50\nRateLimit-Remaining: 3\nRateLimit-Reset: 9
             RateLimit-Policy: 10;w=1, 50;w=60;comment=\"x\"",
            vec![requests("50;w=60", 50.0, 3.0).reset(9).window(60), requests("10;w=1", 10.0, None).window(1)],
        ),
        (
            "the first drafts had the policies behind the limit",
            "RateLimit-Limit: 100, 100;w=10\nRateLimit-Remaining: 7\nRateLimit-Reset: 4",
            vec![requests("", 100.0, 7.0).reset(4).window(10)],
        ),
        ("a policy alone", "RateLimit-Policy: 100;w=10", vec![requests("", 100.0, None).window(10)]),
        (
            "Klaviyo",
            "RateLimit-Limit: 150\nRateLimit-Remaining: 149\nRateLimit-Reset: 33",
            vec![requests("", 150.0, 149.0).reset(33)],
        ),
        (
            "GitLab: a time, though named like the draft",
            "RateLimit-Limit: 60\nRateLimit-Name: throttle_authenticated_api\nRateLimit-Observed: 67
             RateLimit-Remaining: 0\nRateLimit-Reset: 1767268830",
            vec![requests("throttle_authenticated_api", 60.0, 0.0).reset(30)],
        ),
        (
            "GitLab of old: the same as a date",
            "RateLimit-Limit: 600\nRateLimit-Observed: 5\nRateLimit-ResetTime: Thu, 01 Jan 2026 12:01:00 GMT",
            vec![requests("", 600.0, 595.0).reset(60)],
        ),
    ]);
}

#[test]
fn the_generic_headers_are_read_in_their_variants() {
    check(vec![
        (
            "GitHub",
            "X-RateLimit-Limit: 5000\nX-RateLimit-Remaining: 4987\nX-RateLimit-Used: 13
             X-RateLimit-Reset: 1767270000\nX-RateLimit-Resource: core",
            vec![requests("core", 5000.0, 4987.0).reset(1200)],
        ),
        (
            "Okta, Front, Procore: hyphens, and a time",
            "X-Rate-Limit-Limit: 1200\nX-Rate-Limit-Remaining: 1199\nX-Rate-Limit-Reset: 1767268860",
            vec![requests("", 1200.0, 1199.0).reset(60)],
        ),
        (
            "Okta, where another limit was exceeded",
            "X-Rate-Limit-Limit: 0\nX-Rate-Limit-Remaining: 0\nX-Rate-Limit-Reset: 1767268860",
            vec![],
        ),
        ("without an X", "Rate-Limit-Limit: 9\nRate-Limit-Remaining: 8", vec![requests("", 9.0, 8.0)]),
        (
            "Reddit: a fraction, and no limit",
            "x-ratelimit-used: 4\nx-ratelimit-remaining: 596.0\nx-ratelimit-reset: 300",
            vec![requests("", None, 596.0).reset(300)],
        ),
        (
            "Pipedrive, whose day counts only what writes",
            "x-ratelimit-limit: 40\nx-ratelimit-remaining: 39\nx-ratelimit-reset: 2\nx-daily-requests-left: 9999",
            vec![requests("", 40.0, 39.0).reset(2)],
        ),
        (
            "Jira: an ISO date without seconds",
            "X-RateLimit-Limit: 350\nX-RateLimit-Remaining: 0\nX-RateLimit-NearLimit: true
             X-RateLimit-Reset: 2026-01-01T12:05Z\nRateLimit-Reason: jira-burst-based",
            vec![Reading { precision: Duration::from_secs(60), ..requests("jira-burst-based", 350.0, 0.0).reset(300) }],
        ),
        (
            "Jira Data Center: a bucket and how it fills",
            "X-RateLimit-Limit: 15\nX-RateLimit-Remaining: 12\nX-RateLimit-Interval-Seconds: 60\nX-RateLimit-FillRate: 30",
            vec![requests("", 15.0, 12.0).restore(0.5)],
        ),
        (
            "Discord: a bucket's name, and parts of a second",
            "X-RateLimit-Limit: 5\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1767268801.5
             X-RateLimit-Reset-After: 1.25\nX-RateLimit-Bucket: abcd1234",
            vec![requests("abcd1234", 5.0, 0.0).reset_exactly(1250)],
        ),
        (
            "Discord of old: the time alone",
            "X-RateLimit-Limit: 5\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1767268801.5\nX-RateLimit-Bucket: abcd1234",
            vec![requests("abcd1234", 5.0, 0.0).reset_exactly(1500)],
        ),
        (
            "Discord's limit of all endpoints together",
            "X-RateLimit-Global: true\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset-After: 64.57\nX-RateLimit-Bucket: abcd",
            vec![requests("global", None, 0.0).reset_exactly(64_570)],
        ),
    ]);
}

#[test]
fn the_generic_headers_are_read_in_their_stranger_variants() {
    check(vec![
        (
            "BigCommerce",
            "X-Rate-Limit-Requests-Left: 35\nX-Rate-Limit-Requests-Quota: 150
             X-Rate-Limit-Time-Reset-Ms: 15000\nX-Rate-Limit-Time-Window-Ms: 30000",
            vec![requests("", 150.0, 35.0).reset_exactly(15_000).window(30)],
        ),
        (
            "Prisjakt: milliseconds, which cannot be seconds",
            "X-Rate-Limit-Limit: 10000\nX-Rate-Limit-Remaining: 0\nX-Rate-Limit-Reset: 600000",
            vec![requests("", 10_000.0, 0.0).reset_exactly(600_000)],
        ),
        (
            "a quota of a month, in seconds",
            "X-RateLimit-Limit: 10000\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 2592000",
            vec![requests("", 10_000.0, 0.0).reset(2_592_000)],
        ),
        (
            "a quota of a month, as a time, and with hyphens",
            "X-Rate-Limit-Limit: 10000\nX-Rate-Limit-Remaining: 0\nX-Rate-Limit-Reset: 1769904000",
            vec![requests("", 10_000.0, 0.0).reset(1_769_904_000 - 1_767_268_800)],
        ),
        (
            "no quota is told of two months ahead",
            "X-RateLimit-Limit: 10000\nX-RateLimit-Remaining: 9\nX-RateLimit-Reset: 5184000",
            vec![requests("", 10_000.0, 9.0)],
        ),
        (
            "lemlist: what JavaScript makes of a date",
            "X-RateLimit-Limit: 20\nX-RateLimit-Remaining: 7
             X-RateLimit-Reset: Thu Jan 01 2026 13:00:02 GMT+0100 (Central European Standard Time)",
            vec![requests("", 20.0, 7.0).reset(2)],
        ),
        (
            "MailerLite classic: a date without an offset",
            "X-RateLimit-Limit: 60\nX-RateLimit-Remaining: 59\nX-RateLimit-Reset: 2026-01-01 12:00:42",
            vec![requests("", 60.0, 59.0).reset(42)],
        ),
        (
            "AspNetCoreRateLimit: the period as the limit",
            "x-rate-limit-limit: 1m\nx-rate-limit-remaining: 499\nx-rate-limit-reset: 2026-01-01T12:00:19.500Z",
            vec![requests("", None, 499.0).reset_exactly(19_500).window(60)],
        ),
        (
            "Opsgenie",
            "X-RateLimit-Limit: 90\nX-RateLimit-Remaining: 80\nX-RateLimit-Period-In-Sec: 60",
            vec![requests("", 90.0, 80.0).window(60)],
        ),
        (
            "Freshdesk, and what it took",
            "X-RateLimit-Total: 50\nX-RateLimit-Remaining: 49\nX-RateLimit-Used-CurrentRequest: 1",
            vec![requests("", 50.0, 49.0)],
        ),
        ("what is used, for what is left", "X-RateLimit-Limit: 9\nX-RateLimit-Used: 11", vec![requests("", 9.0, 0.0)]),
        ("a reset alone", "X-RateLimit-Reset: 17", vec![requests("", None, None).reset(17)]),
        (
            "lines that a proxy joined",
            "X-RateLimit-Limit: 10, 20\nX-RateLimit-Remaining: 9, 19\nX-RateLimit-Reset: 5, 6",
            vec![requests("", 10.0, 9.0).reset(5)],
        ),
    ]);
}

#[test]
fn vendors_own_headers_are_read() {
    check(vec![
        (
            "HubSpot: two limits",
            "X-HubSpot-RateLimit-Daily: 250000\nX-HubSpot-RateLimit-Daily-Remaining: 249991
             X-HubSpot-RateLimit-Interval-Milliseconds: 10000\nX-HubSpot-RateLimit-Max: 100
             X-HubSpot-RateLimit-Remaining: 99\nX-HubSpot-RateLimit-Secondly: 10\nX-HubSpot-RateLimit-Secondly-Remaining: 9",
            vec![requests("ten-secondly", 100.0, 99.0).window(10), requests("daily", 250_000.0, 249_991.0).window(86_400)],
        ),
        (
            "HighLevel: one generic, one of a day",
            "X-RateLimit-Limit-Daily: 200000\nX-RateLimit-Daily-Remaining: 199999
             X-RateLimit-Interval-Milliseconds: 10000\nX-RateLimit-Max: 100\nX-RateLimit-Remaining: 98",
            vec![requests("", 100.0, 98.0).window(10), requests("daily", 200_000.0, 199_999.0).window(86_400)],
        ),
        (
            "Xero: only what is left",
            "X-DayLimit-Remaining: 4999\nX-MinLimit-Remaining: 59\nX-AppMinLimit-Remaining: 9999",
            vec![
                requests("day", None, 4999.0).window(86_400),
                requests("minute", None, 59.0).window(60),
                requests("app-minute", None, 9999.0).window(60),
            ],
        ),
        (
            "Linear: milliseconds since 1970; complexity is not requests",
            "X-RateLimit-Requests-Limit: 2500\nX-RateLimit-Requests-Remaining: 2499
             X-RateLimit-Requests-Reset: 1767272400250\nX-Complexity: 2\nX-RateLimit-Complexity-Remaining: 7
             X-RateLimit-Endpoint-Name: issues\nX-RateLimit-Endpoint-Requests-Limit: 60
             X-RateLimit-Endpoint-Requests-Remaining: 0",
            vec![requests("requests", 2500.0, 2499.0).reset_exactly(3_600_250), requests("issues", 60.0, 0.0)],
        ),
        (
            "OpenAI: a length of time with its units; tokens are not requests",
            "x-ratelimit-limit-requests: 60\nx-ratelimit-remaining-requests: 59\nx-ratelimit-reset-requests: 6m1s
             x-ratelimit-limit-tokens: 150000\nx-ratelimit-remaining-tokens: 149984\nx-ratelimit-reset-tokens: 20ms",
            vec![requests("requests", 60.0, 59.0).reset(361)],
        ),
        (
            "Brevo",
            "x-sib-ratelimit-limit: 1000\nx-sib-ratelimit-remaining: 999\nx-sib-ratelimit-reset: 600",
            vec![requests("", 1000.0, 999.0).reset(600)],
        ),
        ("Amazon: a rate", "x-amzn-RateLimit-Limit: 0.5", vec![requests("", None, None).restore(0.5)]),
        (
            "Kong: a limit for each window; the draft's headers are of one of them",
            "X-RateLimit-Limit-Minute: 5\nX-RateLimit-Remaining-Minute: 3
             X-RateLimit-Limit-Hour: 90\nX-RateLimit-Remaining-Hour: 80
             RateLimit-Limit: 5\nRateLimit-Remaining: 3\nRateLimit-Reset: 43",
            vec![requests("minute", 5.0, 3.0).reset(43).window(60), requests("hour", 90.0, 80.0).window(3600)],
        ),
        (
            "Zendesk: the account's limit in two dialects, and an endpoint's",
            "x-rate-limit: 700\nratelimit-limit: 700\nx-rate-limit-remaining: 699\nratelimit-remaining: 699
             ratelimit-reset: 41\nzendesk-ratelimit-tickets-index: total=100; remaining=99; resets=41",
            vec![requests("", 700.0, 699.0).reset(41), requests("tickets-index", 100.0, 99.0).reset(41)],
        ),
        ("Shopify", "X-Shopify-Shop-Api-Call-Limit: 32/40", vec![requests("", 40.0, 8.0).restore(2.0)]),
        ("Shopify Plus", "X-Shopify-Shop-Api-Call-Limit: 1/400", vec![requests("", 400.0, 399.0).restore(20.0)]),
        (
            "Salesforce",
            "Sforce-Limit-Info: api-usage=25/5000; per-app-api-usage=17/250(appName=an-app); api-bursts=1/750",
            vec![
                requests("api-usage", 5000.0, 4975.0).window(86_400),
                requests("per-app-api-usage", 250.0, 233.0).window(86_400),
            ],
        ),
    ]);
}

#[test]
fn a_limit_that_is_told_in_two_dialects_is_one_limit() {
    let legacy = "X-RateLimit-Limit: 2\nX-RateLimit-Remaining: 1\nX-RateLimit-Reset: 1767268860\n";
    let draft_7 = "ratelimit: limit=2, remaining=1, reset=60\nratelimit-policy: 2;w=60\n";
    let draft_8 = "ratelimit: \"2-in-1min\"; r=1; t=60\nratelimit-policy: \"2-in-1min\"; q=2; w=60\n";
    let unnamed = vec![requests("", 2.0, 1.0).reset(60).window(60)];
    let named = vec![requests("2-in-1min", 2.0, 1.0).reset(60).window(60)];
    assert_eq!(told(&format!("{legacy}{draft_7}")), unnamed);
    assert_eq!(told(&format!("{legacy}{draft_8}")), named);
    check(vec![
        (
            "the worse one fills in what the better left out",
            "RateLimit-Policy: \"a\";q=2;w=60\nX-RateLimit-Limit: 2\nX-RateLimit-Remaining: 1\nX-RateLimit-Reset: 8",
            vec![requests("a", 2.0, 1.0).reset(8).window(60)],
        ),
        (
            "and corrects nothing",
            "RateLimit: \"a\";r=5;t=3\nX-RateLimit-Limit: 9\nX-RateLimit-Remaining: 4\nX-RateLimit-Reset: 8",
            vec![requests("a", None, 5.0).reset(3)],
        ),
        (
            "a limit of another kind is another one",
            "RateLimit-Policy: \"c\";q=5;qu=\"concurrent-requests\"\nX-RateLimit-Limit: 9\nX-RateLimit-Remaining: 4",
            vec![concurrent("c", 5.0, None), requests("", 9.0, 4.0)],
        ),
    ]);
}

#[test]
fn a_reset_is_read_in_every_form_relative_to_the_answer() {
    let minute = |reading: Reading| Reading { precision: Duration::from_secs(60), ..reading };
    let reset = || requests("", None, 1.0);
    let cases: Vec<(&str, Option<&str>, Reading)> = vec![
        ("0", None, reset().reset(0)),
        ("60", Some(DATE), reset().reset(60)),
        ("0.5", None, reset().reset_exactly(500)),
        ("1767268860", None, reset().reset(60)),
        ("1767268860", Some(DATE), reset().reset(70)),
        ("1767268860", Some("Date: nonsense"), reset().reset(60)),
        ("1767268860000", None, reset().reset_exactly(60_000)),
        ("1767268860000", Some(DATE), reset().reset(70)),
        ("2026-01-01T12:01:00Z", None, reset().reset(60)),
        ("2026-01-01T13:01:00+01:00", None, reset().reset(60)),
        ("2026-01-01T12:01:00.250Z", None, reset().reset_exactly(60_250)),
        ("2026-01-01T12:01Z", None, minute(reset().reset(60))),
        ("2026-01-01T13:01+0100", None, minute(reset().reset(60))),
        ("Thu, 01 Jan 2026 12:01:00 GMT", None, reset().reset(60)),
        ("Thursday, 01-Jan-26 12:01:00 GMT", None, reset().reset(60)),
        ("Thu, 1 Jan 2026 13:01:00 +0100", None, reset().reset(60)),
        ("Thu Jan 01 2026 12:01:00 GMT+0000 (Coordinated Universal Time)", None, reset().reset(60)),
        ("1m30s", None, reset().reset(90)),
        ("120ms", None, reset().reset_exactly(120)),
        // A little over, or as long as a month.
        ("1767268745", None, reset().reset(0)),
        ("86500", None, reset().reset(86_500)),
        ("2678400", None, reset().reset(2_678_400)),
        ("2026-02-01T12:00:00Z", None, reset().reset(2_678_400)),
        // Not to be believed.
        ("1767268700", None, reset()),
        ("2764801", None, reset()),
        ("1770033601", None, reset()),
        ("2030-01-01T00:00:00Z", None, reset()),
        ("99999999999999999999", None, reset()),
        // Not to be read.
        ("-5", None, reset()),
        ("NaN", None, reset()),
        ("inf", None, reset()),
        ("1e3", None, reset()),
        ("soon", None, reset()),
        ("12:00", None, reset()),
        ("2026-13-45T99:99Z", None, reset()),
        ("", None, reset()),
    ];
    for (text, date, expected) in cases {
        let lines = format!("X-RateLimit-Remaining: 1\nX-RateLimit-Reset: {text}\n{}", date.unwrap_or_default());
        assert_eq!(told(&lines), [expected], "{text:?} {date:?}");
    }
}

#[test]
fn what_cannot_be_true_is_not_told() {
    for value in ["-1", "NaN", "inf", "1e5", "9999999999999", "1".repeat(400).as_str(), "unlimited", "", "+5", "0x10"] {
        assert_eq!(told(&format!("X-RateLimit-Limit: {value}")), [], "{value}");
        assert_eq!(told(&format!("X-RateLimit-Remaining: {value}")), [], "{value}");
    }
    check(vec![
        ("nothing", "Content-Type: text/plain\nRetry-After: 5", vec![]),
        ("a window of nothing", "X-RateLimit-Period-In-Sec: 60", vec![]),
        ("a cut pair", "X-Shopify-Shop-Api-Call-Limit: 32/", vec![]),
        ("no pair", "Sforce-Limit-Info: api-usage, api-usage=, =1/2, x=1/2", vec![]),
        ("an endpoint without numbers", "Zendesk-RateLimit-Tickets-Index: total=x; a", vec![]),
        ("headers that are only alike", "X-RateLimiting-Limit: 5\nX-RateLimit-Limits: 5\nRatelimits: 5", vec![]),
    ]);
}

#[test]
fn an_answer_from_a_cache_tells_nothing() {
    let limit = "X-RateLimit-Limit: 9\nX-RateLimit-Remaining: 4\n";
    assert_eq!(told(&format!("{limit}Age: 3")), []);
    for fresh in ["Age: 0", "Age: -3", "Age: nonsense"] {
        assert_eq!(told(&format!("{limit}{fresh}")), [requests("", 9.0, 4.0)], "{fresh}");
    }
}

#[test]
fn the_work_is_bounded() {
    let policies: Vec<String> = (0..90).map(|index| format!("\"{index}\";q=1")).collect();
    assert_eq!(told(&format!("RateLimit-Policy: {}", policies.join(","))).len(), 64);
    let lines: Vec<String> = policies.iter().map(|policy| format!("RateLimit-Policy: {policy}")).collect();
    assert_eq!(told(&lines.join("\n")).len(), 64);
    assert_eq!(told(&format!("RateLimit-Policy: {}", ["\"a\";q=1"; 1000].join(","))), []);
    let usages = ["x=1/2"; 64].join(";");
    assert_eq!(told(&format!("Sforce-Limit-Info: {usages};api-usage=1/2")), []);
    let resource = "r".repeat(900);
    let readings = told(&format!("X-RateLimit-Limit: 5\nX-RateLimit-Resource: {resource}"));
    assert_eq!(readings[0].name.len(), 64);
}

const NAMES: [&str; 28] = [
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-rate-limit",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-used",
    "x-ratelimit-reset",
    "x-ratelimit-reset-after",
    "x-ratelimit-resource",
    "x-ratelimit-interval-seconds",
    "x-ratelimit-interval-milliseconds",
    "x-ratelimit-fillrate",
    "x-ratelimit-limit-minute",
    "x-rate-limit-reset",
    "x-rate-limit-time-reset-ms",
    "x-rate-limit-time-window-ms",
    "x-hubspot-ratelimit-max",
    "x-ratelimit-reset-requests",
    "x-amzn-ratelimit-limit",
    "sforce-limit-info",
    "x-shopify-shop-api-call-limit",
    "zendesk-ratelimit-tickets-index",
    "date",
    "age",
    "ratelimit-reason",
];

/// Any bytes that a header can have, and texts that are nearly what a dialect has.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        "[0-9a-zA-Z\"(),;:=./ +-]{0,60}".prop_map(String::into_bytes),
        "-?[0-9]{0,25}(\\.[0-9]{0,5})?(e[0-9]{1,4})?[smhd]?".prop_map(String::into_bytes),
        "(\"[a-z]{0,3}\"|[0-9]{1,16}|limit=)(;(q|w|r|t|pk|qu)=(-?[0-9]{1,16}|:YQ==:|\"x\")){0,4}"
            .prop_map(String::into_bytes),
        "[0-9]{0,25}/[0-9]{0,25}".prop_map(String::into_bytes),
        "(api-usage|total|remaining|resets)=[0-9]{0,20}(/[0-9]{0,20})?".prop_map(String::into_bytes),
        "-?[0-9]{1,6}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{4})?".prop_map(String::into_bytes),
        "(Thu|Mon) Jan [0-9]{2} [0-9]{1,6} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT[+-][0-9]{4}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_sent_every_number_is_one_that_can_be(
        lines in proptest::collection::vec((proptest::sample::select(&NAMES[..]), value()), 0..12),
        now in prop_oneof![Just(NOW), Timestamp::MIN.as_second()..Timestamp::MAX.as_second()],
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(name, value);
            }
        }
        for reading in read(&headers, Timestamp::from_second(now).unwrap()) {
            for number in [reading.limit, reading.remaining, reading.restore].into_iter().flatten() {
                prop_assert!(number.is_finite() && number >= 0.0, "{reading:?}");
            }
            prop_assert!(reading.reset.is_none_or(|reset| reset <= Duration::from_secs(32 * 86_400)), "{reading:?}");
            prop_assert!(reading.window.is_none_or(|window| !window.is_zero()), "{reading:?}");
            prop_assert!(reading.name.len() <= 64, "{reading:?}");
        }
    }
}
