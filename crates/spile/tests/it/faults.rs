//! Broken answers, broken runs, and other runs: the table equals the origin, or the run fails in words that name the
//! page and nothing partial is left, so that a later run completes it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::json;
use spile_testkit::crash::{KillPoint, KillSwitch};
use spile_testkit::fake_api::{FakeApi, Response, get};
use spile_testkit::paged_api::{FaultMix, PagedApi, Paging};

use crate::crash::{ITEMS, Pipeline, pause, snapshot};

const PAGES: usize = 16;
const PAGE: usize = 10;

/// Retries without waiting long.
const HASTY: &str = ", retries: { attempts: 3, base_wait: 1ms, max_backoff: 2ms, max_wait: 2s }";

/// The same with little patience.
const IMPATIENT: &str =
    ", retries: { attempts: 3, base_wait: 1ms, max_backoff: 2ms, max_wait: 2s }, timeouts: { read: 400ms }";

const APPEND: &[(&str, &str)] = &[("items", "write: append")];

/// A page of about 2 KB.
fn page(number: usize) -> Response {
    let items: Vec<_> = (number * PAGE..(number + 1) * PAGE)
        .map(|id| json!({ "id": id, "text": "é".repeat(60), "list": [id, { "deep": [true, null] }] }))
        .collect();
    let next = (number + 1 < PAGES).then(|| (number + 1).to_string());
    Response::json(json!({ "items": items, "next": next }))
}

/// Serves the pages; `broken` is handed each whole answer with its page and the number of its try, from 1.
fn api(broken: impl Fn(Response, usize, usize) -> Response + Send + Sync + 'static) -> FakeApi {
    let api = FakeApi::start_blocking();
    let tries: Mutex<HashMap<usize, usize>> = Mutex::default();
    api.route(get("/items"), move |request| {
        let number = request.query("token").map_or(0, |token| token.parse().unwrap());
        let mut tries = tries.lock().unwrap_or_else(PoisonError::into_inner);
        let tried = tries.entry(number).or_default();
        *tried += 1;
        broken(page(number), number, *tried)
    });
    api
}

/// How many rows the table has; it must hold the first records, each once, and nothing else.
#[track_caller]
fn first_records(pipeline: &Pipeline) -> usize {
    let sound = "SELECT count(*), count(DISTINCT id), coalesce(min(id), 0), coalesce(max(id) + 1, 0), \
                 count(*) FILTER (len(text) = 60) FROM items";
    let table = spile_destination_duckdb::query_text(&pipeline.database(), sound);
    let Ok(table) = table else { return 0 }; // no page was ever read
    let counts: Vec<usize> = table.rows[0].iter().flatten().map(|cell| cell.parse().unwrap()).collect();
    let rows = counts[0];
    assert_eq!(counts, [rows, rows, 0, rows, rows], "rows, keys, lowest, highest, whole texts");
    rows
}

#[track_caller]
fn is_whole(pipeline: &Pipeline) {
    assert_eq!(first_records(pipeline), PAGES * PAGE);
}

#[test]
fn pages_cut_at_any_place_are_read_again() {
    let framings: [fn(Response) -> Response; 4] =
        [|whole| whole, |whole| whole.chunked(100), Response::until_close, Response::gzip];
    for frame in framings {
        let api = api(move |whole, number, tried| {
            let framed = frame(whole);
            let length = framed.body().len();
            // The first byte, the last one, and places in between.
            if tried == 1 { framed.truncate_at(number * (length - 1) / (PAGES - 1)) } else { framed }
        });
        let pipeline = Pipeline::new(&api.url(), HASTY, APPEND);
        pipeline.completes();
        is_whole(&pipeline);
        assert_eq!(api.request_count(), 2 * PAGES, "each page was asked for twice");
    }
}

/// A way of breaking an answer for good, and what the user must be told.
type Broken = (&'static str, fn(Response) -> Response, &'static str);

const FOR_GOOD: &[Broken] = &[
    ("cut", |whole| whole.truncate_at(700), ""),
    ("cut in a chunk", |whole| whole.chunked(64).truncate_at(700), ""),
    ("cut without a length", |whole| whole.until_close().truncate_at(700), ""),
    ("cut before the first byte", |whole| whole.truncate_at(0), ""),
    ("empty without a length", |whole| whole.until_close().truncate_at(0), ""),
    ("longer than announced", |whole| whole.wrong_length(-9), ""),
    ("shorter than announced", |whole| whole.wrong_length(9), ""),
    ("cut in the head", |whole| whole.truncate_head_at(20), ""),
    ("reset", |whole| whole.reset_after(700), ""),
    ("reset at once", |_| Response::reset(), ""),
    ("hung up", |_| Response::hang_up(), ""),
    ("stalled", |whole| whole.stall_after(700), "400 ms"),
    ("silent", |_| Response::stall(), "400 ms"),
    ("a web page", |_| Response::html("<html>please log in</html>"), "HTML"),
    ("a server error", |_| Response::text("oh no").with_status(500), "500"),
    ("too busy for too long", |_| Response::status(429).header("Retry-After", 3600), "429"),
    ("a refusal", |_| Response::status(403), "403"),
    ("an error in place of records", |_| Response::json(json!({ "error": "quota" })), "$.items"),
];

#[test]
fn a_page_that_stays_broken_fails_the_run_and_leaves_nothing_of_itself() {
    for (name, damage, told) in FOR_GOOD {
        let broken = Arc::new(AtomicBool::new(true));
        let still = broken.clone();
        let api = api(
            move |whole, number, _| {
                if number == 5 && still.load(Ordering::SeqCst) { damage(whole) } else { whole }
            },
        );
        let pipeline = Pipeline::new(&api.url(), IMPATIENT, APPEND);
        let exit = pipeline.run(&KillPoint::Never);
        assert_eq!(exit.code, Some(1), "{name}: {exit:?}");
        let clear = exit.stderr.contains("stream `items`, page 6: ") && exit.stderr.contains("to do: ");
        assert!(clear && exit.stderr.contains(told), "{name}: {}", exit.stderr);
        assert_eq!(first_records(&pipeline), 5 * PAGE, "{name}: what was read before stays");
        broken.store(false, Ordering::SeqCst);
        pipeline.completes();
        is_whole(&pipeline);
    }
}

#[test]
fn an_api_that_fails_now_and_then_is_read_whole() {
    let api = FakeApi::start_blocking();
    let paging = Paging::TokenInBody { at: "/next".to_owned(), parameter: "token".to_owned() };
    let mix =
        FaultMix::seeded(11).status(500, 0.1).status(503, 0.05).reset(0.05).reset_inside(0.1).truncate(0.1).stall(0.05);
    let served = PagedApi::generated(600, |id| json!({ "id": id, "text": "x".repeat(60) }))
        .paging(paging)
        .records_at("/items")
        .page_size(PAGE)
        .faults(mix)
        .serve(&api);
    let pipeline = Pipeline::new(&api.url(), IMPATIENT, APPEND);
    pipeline.completes();
    assert_eq!(first_records(&pipeline), 600);
    assert!(served.faults() > 10, "{} faults", served.faults());
}

#[test]
fn too_many_requests_are_waited_out_as_the_api_asks() {
    let api = api(
        |whole, number, tried| {
            if number == 3 && tried == 1 { Response::status(429).header("Retry-After", 1) } else { whole }
        },
    );
    let pipeline = Pipeline::new(&api.url(), HASTY, APPEND);
    let exit = pipeline.completes();
    is_whole(&pipeline);
    assert!(exit.stdout.contains("\"event\":\"waiting\""), "{}", exit.stdout);
    assert_eq!(api.request_count(), PAGES + 1);
}

#[test]
fn a_second_run_at_the_same_time_is_refused_and_the_first_goes_on() {
    let api = FakeApi::start_blocking();
    // The fourth page never comes while the first run waits for it.
    api.route(get("/items"), |request| match request.query("token") {
        Some("3") => Response::stall(),
        token => page(token.map_or(0, |token| token.parse().unwrap())),
    });
    let pipeline = Pipeline::new(&api.url(), "", APPEND);
    let (switch, program) = (KillSwitch::interrupting(), pipeline.program());
    let first = thread::spawn({
        let switch = switch.clone();
        move || program.run(&KillPoint::Pulled(switch))
    });
    while api.request_count() < 4 {
        pause(Duration::from_millis(1));
    }
    let second = pipeline.run(&KillPoint::Never);
    assert_eq!(second.code, Some(3), "{second:?}");
    let names_it =
        second.stderr.contains("is being written by another process: process ") && second.stderr.contains("spile run");
    assert!(names_it, "{}", second.stderr);
    assert_eq!(api.request_count(), 4, "the second run asked for nothing");
    switch.pull();
    let first = first.join().unwrap();
    assert_eq!(first.code, Some(130), "{first:?}");
    assert_eq!(first_records(&pipeline), 3 * PAGE, "the first run was not disturbed");
}

/// The ways of writing that a stop must not harm.
const WAYS: &[&[(&str, &str)]] = &[
    APPEND,
    &[("items", "write: append"), ("others", "write: append")],
    &[("items", "write: append, cursor: { field: id, param: since }")],
    &[("items", "write: append, cursor: { field: id, param: since, order: ascending }")],
    &[("items", "write: merge, primary_key: id")],
    &[("items", "write: replace")],
];

#[test]
fn after_ctrl_c_a_second_run_completes_the_table() {
    for (turn, streams) in WAYS.iter().enumerate() {
        let api = api(|whole, _, _| whole.delay(Duration::from_millis(3)));
        let pipeline = Pipeline::new(&api.url(), "", streams);
        let switch = KillSwitch::interrupting();
        api.after_answers(3 + 4 * turn % 11, switch.puller());
        let exit = pipeline.run(&KillPoint::Pulled(switch));
        assert_eq!(exit.code, Some(130), "{streams:?}: {exit:?}");
        assert!(exit.stdout.contains("\"outcome\":\"interrupted\""), "{streams:?}: {}", exit.stdout);
        first_records(&pipeline);
        pipeline.completes();
        is_whole(&pipeline);
    }
}

#[test]
fn a_stream_that_was_complete_when_the_run_was_stopped_is_not_added_twice() {
    for switch in [KillSwitch::new(), KillSwitch::interrupting()] {
        let waiting = Arc::new(AtomicBool::new(true));
        let still = waiting.clone();
        let api = FakeApi::start_blocking();
        api.route(get("/items"), move |request| {
            let number = request.query("token").map_or(0, |token| token.parse().unwrap());
            let stalls = number == 2 && request.header("x-slow").is_some() && still.load(Ordering::SeqCst);
            if stalls { Response::stall() } else { page(number) }
        });
        let slow = "write: append, headers: { X-Slow: \"1\" }";
        let pipeline = Pipeline::new(&api.url(), "", &[("items", "write: append"), ("others", slow)]);
        // All pages of the one and three of the other, and mostly enough time for the commit. (If it was not enough,
        // the stream was incomplete, and must be whole afterwards as well.)
        let delayed = switch.clone();
        api.after_answers(PAGES + 2, move || {
            let switch = delayed.clone();
            thread::spawn(move || {
                pause(Duration::from_millis(300));
                switch.pull();
            });
        });
        let stopped = pipeline.run(&KillPoint::Pulled(switch));
        assert!(!stopped.success(), "{stopped:?}");
        waiting.store(false, Ordering::SeqCst);
        pipeline.completes();
        is_whole(&pipeline);
        let others = snapshot(&pipeline.database(), &["SELECT * FROM others"]);
        assert_eq!(snapshot(&pipeline.database(), &[ITEMS]).difference(&others), None);
    }
}

#[test]
fn pipelines_that_share_a_file_do_not_touch_each_other() {
    let api = api(|whole, _, _| whole.delay(Duration::from_millis(2)));
    let one = Pipeline::new(&api.url(), "", APPEND);
    let two = one.program_beside("other", &api.url(), &[("things", "write: append")]);
    one.completes();
    let before = snapshot(&one.database(), &[ITEMS]);
    let switch = KillSwitch::new();
    api.after_answers(9, switch.puller());
    let killed = two.run(&KillPoint::Pulled(switch));
    assert!(killed.killed, "{killed:?}");
    assert!(two.run_to_the_end().success());
    assert_eq!(before.difference(&snapshot(&one.database(), &[ITEMS])), None);
    assert_eq!(before.difference(&snapshot(&one.database(), &["SELECT * FROM things"])), None);
    assert_eq!(one.run(&KillPoint::Never).code, Some(0));
    assert_eq!(snapshot(&one.database(), &["SELECT * FROM things"]).rows(), PAGES * PAGE);
}

#[test]
fn a_file_whose_creation_was_cut_short_is_made_anew() {
    let api = api(|whole, _, _| whole);
    let pipeline = Pipeline::new(&api.url(), "", APPEND);
    std::fs::write(pipeline.database(), "").unwrap();
    pipeline.completes();
    is_whole(&pipeline);
}
