//! Mistakes in the pipeline file: nothing is sent, and the exit code is 2.

use insta::assert_snapshot;

use super::{pipeline, place, told};

const URL: &str = "https://api.example.com";

#[test]
fn a_wrong_key() {
    assert_snapshot!(told(&pipeline(URL, "", "{ path: /orders, primary_kye: id }"), &[]));
}

#[test]
fn a_wrong_key_for_one_that_must_be_there() {
    assert_snapshot!(told(&pipeline(URL, "", "{ pth: /orders }"), &[]));
}

#[test]
fn a_line_that_is_indented_too_little() {
    let text = "name: shop\nsource:\n  base_url: https://api.example.com\nstreams:\n  orders:\n  path: /orders\ndestination: duckdb:shop.duckdb\n";
    assert_snapshot!(told(&place(text), &[]));
}

#[test]
fn a_line_that_is_indented_too_far() {
    let text = "name: shop\nsource:\n  base_url: https://api.example.com\nstreams:\n  orders:\n    path: /orders\n     write: replace\ndestination: duckdb:shop.duckdb\n";
    assert_snapshot!(told(&place(text), &[]));
}

#[test]
fn a_tab_in_the_indentation() {
    let text = "name: shop\nsource:\n\tbase_url: https://api.example.com\nstreams:\n  orders: { path: /orders }\ndestination: duckdb:shop.duckdb\n";
    assert_snapshot!(told(&place(text), &[]));
}

#[test]
fn a_variable_whose_environment_variable_is_not_set() {
    let text = "name: shop\nvariables:\n  token: { secret: true, env: SPILE_TEST_NOT_SET }\nsource:\n  base_url: https://api.example.com\n  auth: { bearer: \"{{ token }}\" }\nstreams:\n  orders: { path: /orders }\ndestination: duckdb:shop.duckdb\n";
    assert_snapshot!(told(&place(text), &[]));
}

#[test]
fn a_variable_that_does_not_exist() {
    let place = pipeline(URL, "  auth: { bearer: \"{{ tokn }}\" }\n", "{ path: /orders }");
    assert_snapshot!(told(&place, &[]));
}

#[test]
fn a_template_without_quotes() {
    assert_snapshot!(told(&pipeline(URL, "", "{ path: {{ path }} }"), &[]));
}

#[test]
fn a_time_without_its_unit_and_one_with_a_wrong_one() {
    let source = "  timeouts: { read: 30, total: 5min }\n  limits: { body: 10mb }\n";
    assert_snapshot!(told(&pipeline(URL, source, "{ path: /orders }"), &[]));
}

#[test]
fn a_file_that_is_not_there() {
    let place = super::place("");
    std::fs::remove_file(place.path("pipeline.yaml")).unwrap();
    assert_snapshot!(told(&place, &[]));
}
