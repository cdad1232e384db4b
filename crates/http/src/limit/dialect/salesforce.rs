//! Salesforce: `Sforce-Limit-Info: api-usage=18/5000`, the organisation's requests within a rolling day.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm>. The page does not
//! say what `api-bursts`, which may come with it, counts.

use std::time::Duration;

use super::answer::{Answer, MOST_ITEMS};
use super::gathered::Standing;
use super::reference::{Reads, Reference, Vendor, words};
use super::{Dialect, Reading, number};

pub(super) const DIALECT: Dialect = Dialect { reference: REFERENCE, read, standing: Standing::Particular };

const REFERENCE: Reference = Reference {
    name: "salesforce",
    title: "Salesforce",
    about: "How many of the organisation's requests within a rolling day are used, by everybody together.",
    reads: &[Reads::Fields(&[
        ("Sforce-Limit-Info: api-usage=18/5000", "of 5000 requests in a day, 18 are used"),
        ("Sforce-Limit-Info: per-app-api-usage=17/250(appName=…)", "the same of one app's own limit"),
    ])],
    notes: &["What `api-bursts` counts, which may come with it, Salesforce does not say: it is left alone."],
    vendors: &[Vendor::new(
        "Salesforce",
        "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm",
        "Sforce-Limit-Info: api-usage=25/5000; per-app-api-usage=17/250(appName=an-app)",
    )],
    spent: "When requests of a rolling day come back is not told: one request at a time goes to ask, and where it is \
            refused, after a longer wait each time. To leave a part of the day's requests to others, end a run earlier \
            by [`budget`](../pipeline.md#budget): `max_requests`.",
    understands: words::of_headers,
};

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn read(answer: &Answer<'_>) -> Vec<Reading> {
    let usages = answer.lines("sforce-limit-info").flat_map(|line| line.split(';'));
    usages.take(MOST_ITEMS).filter_map(reading).collect()
}

fn reading(text: &str) -> Option<Reading> {
    let (name, usage) = text.split_once('=')?;
    let name = name.trim();
    if !["api-usage", "per-app-api-usage"].contains(&name) {
        return None;
    }
    // `17/250(appName=some-app)`
    let (used, limit) = usage.split('(').next()?.split_once('/')?;
    let limit = number::count(limit.trim())?;
    let reading = Reading { limit: Some(limit), window: Some(DAY), ..Reading::of_requests(name) };
    Some(reading.with_used(Some(number::count(used.trim())?)))
}
