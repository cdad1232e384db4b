//! Values survive: kept exactly, or kept as text with a flag, or rejected with a reason, and the rest of the page with
//! them. Everything goes the real way, from an API's bytes into a file that is read back.

mod changing;
mod names;
mod numbers;
mod suite;
mod texts;

use spile_testkit::fake_api::{FakeApi, Response, get};

use crate::place::Place;

/// A stream whose pages have been loaded into the table `records`.
struct Loaded(Place);

/// Loads these pages, and expects the run to go well.
fn load(pages: &[&str]) -> Loaded {
    load_as("", pages)
}

/// As [`load`], with more settings of the stream (`, nested: json`).
fn load_as(settings: &str, pages: &[&str]) -> Loaded {
    let api = serving(pages.iter().map(|page| page.as_bytes().to_vec()).collect());
    let place = Place::new();
    // Each page is committed by itself: what comes later meets a table that is there.
    let text = format!(
        "name: values\nsource:\n  base_url: {}\n  retries: {{ attempts: 1 }}\nstreams:\n  records: {{ path: /records, write: append, pagination: page_number{settings} }}\ndestination: {{ duckdb: {{ path: values.duckdb, commit: {{ rows: 1 }} }} }}\n",
        api.url()
    );
    std::fs::write(place.path("pipeline.yaml"), text).unwrap();
    place.call(&["run", "pipeline.yaml", "--quiet"]).succeeded();
    Loaded(place)
}

/// An API with these pages, by number; behind the last one there is an empty one.
fn serving(pages: Vec<Vec<u8>>) -> FakeApi {
    let api = FakeApi::start_blocking();
    api.route(get("/records"), move |request| {
        let number: usize = request.query("page").unwrap().parse().unwrap();
        Response::json_text(pages.get(number - 1).cloned().unwrap_or_else(|| b"[]".to_vec()))
    });
    api
}

impl Loaded {
    /// The rows of a query, values joined by `|`.
    fn query(&self, sql: &str) -> Vec<String> {
        self.0.query("values.duckdb", sql)
    }

    /// The table's rows, in the order in which they came, of these columns.
    fn rows(&self, columns: &str) -> Vec<String> {
        self.query(&format!("SELECT {columns} FROM records"))
    }

    /// The type of a column.
    fn type_of(&self, column: &str) -> String {
        let sql =
            format!("SELECT data_type FROM duckdb_columns() WHERE table_name = 'records' AND column_name = '{column}'");
        self.query(&sql).concat()
    }

    /// The reason and the record of every reject; a record that was loaded all the same begins with `loaded`.
    fn rejects(&self) -> Vec<String> {
        self.query("SELECT CASE WHEN loaded THEN 'loaded: ' ELSE '' END || reason, record FROM _spile_rejects")
    }
}
