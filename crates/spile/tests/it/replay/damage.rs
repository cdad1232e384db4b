//! Archives that were cut, changed, or written by others.

use std::path::PathBuf;

use super::{Shop, exported};
use crate::place::Place;

fn recorded() -> (Shop, Place, PathBuf) {
    let shop = Shop::open();
    let place = shop.place();
    shop.call(&place, &["run", "shop.yaml", "--quiet", "--record", "archive", "--stream", "items"]).succeeded();
    let index = std::fs::read_dir(place.path("archive/runs")).unwrap().next().unwrap().unwrap().path();
    (shop, place, index)
}

#[test]
fn the_index_of_a_killed_run_is_read_up_to_where_it_was_cut() {
    let (_shop, place, index) = recorded();
    let whole = std::fs::read(&index).unwrap();
    // As it is called while its run is under way.
    std::fs::remove_file(&index).unwrap();
    let index = PathBuf::from(index.to_str().unwrap().replace(".ndjson.zst", ".open.ndjson.zst"));
    let mut ended = 0;
    for length in (0..whole.len()).step_by(whole.len() / 12) {
        std::fs::write(&index, &whole[..length]).unwrap();
        let to = format!("cut-{length}.duckdb");
        let called = place.call(&["replay", "archive", "--to", &to, "--quiet"]);
        let said = ["holds no run", "it was killed, and its recording ends there", "read none of these"];
        let clear = called.code == 0 || said.iter().any(|said| called.stderr.contains(said));
        assert!(clear, "{length}: {}", called.stderr);
        ended += usize::from(called.code == 0);
    }
    assert!(ended < 3, "most cuts take an answer away");
    std::fs::write(&index, &whole[..whole.len() - 1]).unwrap();
    place.call(&["replay", "archive", "--to", "nearly.duckdb", "--quiet"]).succeeded();
    assert_eq!(exported(&place, "nearly.duckdb", "items"), exported(&place, "shop.duckdb", "items"));
}

#[test]
fn a_body_that_is_gone_or_changed_is_never_taken_for_a_page() {
    let (_shop, place, _) = recorded();
    let folders = std::fs::read_dir(place.path("archive/bodies")).unwrap();
    let bodies: Vec<PathBuf> = folders
        .flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|body| body.unwrap().path())
        .collect();
    let first = std::fs::read(&bodies[0]).unwrap();
    std::fs::write(&bodies[0], std::fs::read(&bodies[1]).unwrap()).unwrap();
    let called = place.call(&["replay", "archive", "--to", "changed.duckdb", "--quiet"]);
    assert!(called.code == 1 && called.stderr.contains("the archive cannot be read"), "{}", called.stderr);
    std::fs::write(&bodies[0], &first[..first.len() / 2]).unwrap();
    assert_eq!(place.call(&["replay", "archive", "--to", "cut.duckdb", "--quiet"]).code, 1);
    std::fs::remove_file(&bodies[0]).unwrap();
    let called = place.call(&["replay", "archive", "--to", "gone.duckdb", "--quiet"]);
    assert!(called.code == 1 && called.stderr.contains("No such file"), "{}", called.stderr);
    std::fs::write(&bodies[0], first).unwrap();
    place.call(&["replay", "archive", "--to", "whole.duckdb", "--quiet"]).succeeded();
}

#[test]
fn an_index_that_was_cut_or_changed_after_its_run_is_refused_and_the_other_runs_can_be_named() {
    let (shop, place, first) = recorded();
    shop.call(&place, &["run", "shop.yaml", "--quiet", "--record", "archive", "--stream", "orders"]).succeeded();
    let whole = std::fs::read(&first).unwrap();
    for position in (0..whole.len()).step_by(whole.len() / 5) {
        let mut flipped = whole.clone();
        flipped[position] ^= 0x55;
        for damaged in [&flipped[..], &whole[..position]] {
            std::fs::write(&first, damaged).unwrap();
            let called = place.call(&["replay", "archive", "--to", "all.duckdb", "--quiet"]);
            assert_eq!(called.code, 1, "{position}: {}", called.stderr);
            let name = first.file_name().unwrap().to_str().unwrap();
            assert!(called.stderr.contains(name) && called.stderr.contains("cannot be read"), "{}", called.stderr);
            assert!(!place.path("all.duckdb").exists());
        }
    }
    let listed = place.call(&["replay", "archive", "--list"]).succeeded().stdout;
    assert!(listed.contains("unreadable: ") && listed.contains("orders"), "{listed}");
    let called = place.call(&["replay", "archive", "--to", "second.duckdb", "--run", "2"]).succeeded();
    assert!(called.stderr.contains("warning: an index cannot be read"), "{}", called.stderr);
    assert_eq!(exported(&place, "second.duckdb", "orders"), exported(&place, "shop.duckdb", "orders"));
}
