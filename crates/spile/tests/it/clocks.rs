//! A machine whose clock is wrong, jumps, or meets the end of summer time: waits are as long as the API means, nothing is
//! asked too early, and no cursor skips a record.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use spile_model::{Clock, SystemClock};
use spile_testkit::fake_api::{FakeApi, Request, Response, get};
use spile_testkit::place::tool;

use crate::place::{Called, Place};

/// Names libfaketime.
const FAKETIME: &str = "SPILE_TEST_FAKETIME";

const STREAMS: &str = "  items: { path: /items, records: $.items, pagination: { page_token: { token: $.next, param: token } },\
                       \n    primary_key: id, cursor: { field: at, param: since }, write: merge }";

const PAGES: usize = 4;

/// An API whose own clock is right. Its second page refuses once and says until when; behind its third one its limit is
/// spent until a time that it says. It counts who comes before.
struct Api {
    api: FakeApi,
    early: Arc<AtomicUsize>,
}

impl Api {
    fn start(on_page: impl Fn(usize) + Send + Sync + 'static) -> Self {
        let api = FakeApi::start_blocking();
        let early: Arc<AtomicUsize> = Arc::default();
        let (counter, closed_until) = (early.clone(), Mutex::new(Timestamp::MIN));
        let refused = AtomicUsize::new(0);
        api.route(get("/items"), move |request| {
            let page = request.query("token").map_or(0, |token| token.parse().unwrap());
            on_page(page);
            let (now, mut closed_until) = (SystemClock.now(), closed_until.lock().unwrap());
            if now < *closed_until {
                counter.fetch_add(1, Ordering::SeqCst);
            }
            if page == 1 && refused.fetch_add(1, Ordering::SeqCst) == 0 {
                *closed_until = whole_second(now, 2);
                let answer = dated(Response::status(429), now);
                return answer.header("Retry-After", http_date(*closed_until));
            }
            let answer = dated(answer(request, page), now);
            if page != 2 {
                return answer;
            }
            *closed_until = whole_second(now, 2);
            let reset = closed_until.as_second();
            answer
                .header("X-RateLimit-Limit", 100)
                .header("X-RateLimit-Remaining", 0)
                .header("X-RateLimit-Reset", reset)
        });
        Self { api, early }
    }
}

/// Records behind `since`; their times are around the present, so that a wrong clock could matter.
fn answer(request: &Request, page: usize) -> Response {
    let since = request.query("since").unwrap_or_default();
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let ids = page * 5..(page + 1) * 5;
    let items = ids.map(|id| (id, start + SignedDuration::from_hours(i64::try_from(id).unwrap() * 7)));
    let items: Vec<_> = items.filter(|(_, at)| at.to_string().as_str() >= since).collect();
    let items: Vec<_> = items.iter().map(|(id, at)| json!({"id": id, "at": at.to_string()})).collect();
    let next = (page + 1 < PAGES).then(|| (page + 1).to_string());
    Response::json(json!({"items": items, "next": next}))
}

fn dated(answer: Response, now: Timestamp) -> Response {
    answer.header("Date", http_date(now))
}

fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn whole_second(now: Timestamp, later: i64) -> Timestamp {
    Timestamp::from_second(now.as_second() + later).unwrap()
}

/// Runs the pipeline with that time, in that zone.
fn run_at(place: &Place, setting: &(&str, String), zone: &str) -> Called {
    let mut command = place.command(&["run", "pipeline.yaml", "--json"]);
    command.env("LD_PRELOAD", tool(FAKETIME)).env("TZ", zone).env(setting.0, &setting.1);
    // Timers run on the clock that never jumps, as they do on a machine whose clock is set.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1").env("FAKETIME_NO_CACHE", "1");
    Called::from(&command.output().unwrap()).succeeded()
}

/// A run with that time, and a second one: all records are there, and nobody came too early.
fn is_read_whole(name: &str, setting: &(&str, String), zone: &str, api: &Api, place: &Place) {
    let told = run_at(place, setting, zone).stdout;
    assert_eq!(api.api.request_count(), PAGES + 1, "{name}: {told}");
    assert!(told.contains("\"event\":\"waiting\""), "{name}: {told}");
    run_at(place, setting, zone);
    assert_eq!(api.early.load(Ordering::SeqCst), 0, "{name}: nobody comes before the API says");
    let rows = place.query("test.duckdb", "SELECT count(*), count(DISTINCT id), max(id) FROM items");
    assert_eq!(rows, [format!("{0}|{0}|{1}", PAGES * 5, PAGES * 5 - 1)], "{name}");
    let since = api.api.requests()[PAGES + 1].query("since").map(ToOwned::to_owned);
    assert!(
        since.is_some_and(|since| since.starts_with("2026-01-06T13:00:00")),
        "{name}: {:?}",
        api.api.requests()[PAGES + 1]
    );
}

#[test]
fn a_clock_that_is_wrong_by_a_day_or_in_another_zone_changes_nothing() {
    for (name, time, zone) in [
        ("a day ahead", "+1d", "UTC"),
        ("a day behind", "-1d", "UTC"),
        ("the hour that summer time skips", "@2026-03-29 01:59:58", "Europe/Berlin"),
        ("the hour that comes twice", "@2026-10-25 02:59:58", "Europe/Berlin"),
    ] {
        let api = Api::start(|_| {});
        let place = Place::with_pipeline(&api.api.url(), STREAMS);
        is_read_whole(name, &("FAKETIME", time.to_owned()), zone, &api, &place);
    }
}

#[test]
fn a_clock_that_jumps_in_the_middle_of_a_run_changes_nothing() {
    for (name, jump) in [("an hour back", "-1h"), ("a day ahead", "+1d")] {
        let place = Place::new();
        let file = place.path("time");
        std::fs::write(&file, "+0").unwrap();
        let jumping = file.clone();
        let api = Api::start(move |page| {
            if page > 0 {
                std::fs::write(&jumping, jump).unwrap();
            }
        });
        let text = format!(
            "name: test\nsource:\n  base_url: {}\nstreams:\n{STREAMS}\ndestination: duckdb:test.duckdb\n",
            api.api.url()
        );
        std::fs::write(place.path("pipeline.yaml"), text).unwrap();
        is_read_whole(name, &("FAKETIME_TIMESTAMP_FILE", file.display().to_string()), "UTC", &api, &place);
    }
}
