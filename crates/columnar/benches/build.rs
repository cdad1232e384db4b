//! How fast records become columns: `cargo bench -p spile-columnar`. Prints MB/s of one core, best and median.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, clippy::cast_precision_loss)]

#[path = "../tests/it/show.rs"]
#[allow(dead_code)]
mod show;

use std::fmt::Write;
use std::time::Instant;

use spile_columnar::Admit;
use spile_plan::ShapePlan;

const ROUNDS: usize = 15;
const PAGES: usize = 20;

fn main() {
    let pages: Vec<_> = (0..PAGES).map(page).collect();
    let bytes: usize = pages.iter().map(|page| page.body.len()).sum();
    let mut rates: Vec<f64> = (0..ROUNDS).map(|_| bytes as f64 / 1e6 / seconds(&pages)).collect();
    rates.sort_by(f64::total_cmp);
    println!(
        "{:.1} MB a round: best {:.0} MB/s, median {:.0} MB/s",
        bytes as f64 / 1e6,
        rates[ROUNDS - 1],
        rates[ROUNDS / 2]
    );
}

fn seconds(pages: &[spile_model::Page]) -> f64 {
    let mut builder = show::builder(ShapePlan::default());
    let start = Instant::now();
    for page in pages {
        let built = builder.build(page, 0..page.records.len(), &|_, _| Admit::Load);
        assert_eq!(built.rows, page.records.len() as u64);
    }
    start.elapsed().as_secs_f64()
}

/// A thousand records of twelve fields, about 390 bytes each.
fn page(number: usize) -> spile_model::Page {
    let records: Vec<String> = (0..1000).map(|at| record(number * 1000 + at)).collect();
    show::page(&records.iter().map(String::as_str).collect::<Vec<_>>())
}

fn record(id: usize) -> String {
    let mixed = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut record = String::new();
    write!(
        record,
        r#"{{"id":{id},"uuid":"{mixed:032x}","name":"alpha beta","email":"user{id}@example.com","status":"active","amount":{}.{:02},"quantity":{},"is_active":{},"created_at":"2025-{:02}-{:02}T10:{:02}:00Z","description":{},"address":{{"city":"gamma","zip":"{:05}","geo":{{"lat":{}.12345,"lon":-{}.54321}}}},"tags":["a","beta"]}}"#,
        mixed % 10_000,
        mixed % 90 + 10,
        mixed % 500,
        mixed.is_multiple_of(2),
        mixed % 12 + 1,
        mixed % 28 + 1,
        mixed % 60,
        if mixed.is_multiple_of(10) { "null" } else { r#""epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi""# },
        mixed % 100_000,
        mixed % 90,
        mixed % 180,
    )
    .unwrap();
    record
}
