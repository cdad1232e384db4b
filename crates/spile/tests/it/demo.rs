//! The demo, twice: a first sync, then an incremental one.

use crate::place::Place;

#[test]
fn a_second_demo_reads_only_what_is_new_or_changed() {
    let place = Place::new();
    let first = place.call(&["demo"]).succeeded().stdout;
    assert!(first.contains("wrote demo.yaml"), "{first}");
    assert!(first.contains("run 1 of demo succeeded: 10,000 rows"), "{first}");
    assert!(first.contains("revenue"), "{first}");
    let counts = "select (select count(*) from customers), (select count(*) from orders)";
    assert_eq!(place.query("demo.duckdb", counts), ["2000|8000"]);

    let second = place.call(&["demo"]).succeeded().stdout;
    assert!(second.contains("uses demo.yaml"), "{second}");
    assert!(second.contains("120 new"), "{second}");
    assert_eq!(place.query("demo.duckdb", counts), ["2015|8120"]);
    let doubled = "select count(*) from (select id from orders group by id having count(*) > 1)";
    assert_eq!(place.query("demo.duckdb", doubled), ["0"]);
}

#[test]
fn the_demo_touches_no_file_of_somebody_else() {
    let place = Place::new();
    std::fs::write(place.path("demo.yaml"), "name: mine\n").unwrap();
    let called = place.call(&["demo"]);
    assert_eq!(called.code, 2);
    assert!(called.stderr.contains("was not written by the demo"), "{}", called.stderr);
    assert_eq!(std::fs::read_to_string(place.path("demo.yaml")).unwrap(), "name: mine\n");
}
