//! Salesforce: `Sforce-Limit-Info: api-usage=18/5000`, the organisation's requests within a rolling day.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm>. The page does not
//! say what `api-bursts`, which may come with it, counts.

use std::time::Duration;

use super::answer::{Answer, MOST_ITEMS};
use super::{Reading, number};

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
