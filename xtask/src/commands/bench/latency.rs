//! An API that answers each request after 50 ms, in 500 numbered pages: how much of the ideal time is reached with eight
//! requests under way at once.
//!
//! The ideal is `pages × latency ÷ concurrency`; what is measured is the whole process, its start and commit included.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::race::remove;
use super::report::{Verdict, middle};
use super::{Part, measure};
use crate::commands::bench;
use crate::problem::{Context, Problem, Result};
use crate::workspace::Workspace;

const LATENCY: Duration = Duration::from_millis(50);
const PAGES: u64 = 500;
const CONCURRENCY: u64 = 8;
const RECORDS_PER_PAGE: u64 = 100;

/// What is promised of the ideal.
const SHARE: f64 = 0.9;

/// How the pipeline finds the last page.
struct Way {
    name: &'static str,
    page_number: &'static str,
}

const WAYS: [Way; 2] = [
    Way { name: "the response names the number of pages", page_number: "{ total_pages: $.total_pages }" },
    Way { name: "an empty page is the last", page_number: "{ start: 1 }" },
];

pub(super) fn run(workspace: &Workspace, folder: &Path, rounds: u64) -> Result<Part> {
    let binary = bench::release_binary(workspace)?;
    println!("\nlatency: {PAGES} numbered pages, {} ms each, concurrency {CONCURRENCY}", LATENCY.as_millis());
    let ideal = LATENCY.as_secs_f64() * PAGES as f64 / CONCURRENCY as f64;
    let mut walls: [Vec<f64>; WAYS.len()] = Default::default();
    for round in 1..=rounds {
        for (way, walls) in WAYS.iter().zip(&mut walls) {
            let (wall, requests) = run_once(&binary, folder, way)?;
            println!("  {round}/{rounds}  {:<40} {wall:>6.2} s  {requests} requests", way.name);
            walls.push(wall);
        }
    }
    println!("\n  {:<40} {:>8} {:>8} {:>8}", "median", "wall", "ideal", "share");
    let (mut figures, mut verdicts) = (Vec::new(), Vec::new());
    for (way, walls) in WAYS.iter().zip(walls) {
        let wall = middle(walls).ok_or_else(|| Problem::new("no round was run"))?;
        let share = ideal / wall;
        println!("  {:<40} {wall:>6.2} s {ideal:>6.2} s {:>6.1} %", way.name, 100.0 * share);
        figures.push(json!({"way": way.name, "wall_s": wall, "ideal_s": ideal, "share": share}));
        let promise = format!("at least 90 % of the ideal time where {}", way.name);
        verdicts.push(Verdict::at_least(promise, share, SHARE));
    }
    Ok(Part { name: "latency", figures: Value::from(figures), verdicts })
}

/// One run into a fresh file: its wall time, and how many requests the API had.
fn run_once(binary: &Path, folder: &Path, way: &Way) -> Result<(f64, u64)> {
    let server = SlowApi::start()?;
    let database = folder.join("latency.duckdb");
    remove(&database)?;
    remove(&database.with_extension("duckdb.wal"))?;
    let path = folder.join("latency.yaml");
    std::fs::write(&path, pipeline(server.port, way.page_number, &database)).at("cannot write", &path)?;
    let mut command = Command::new(binary);
    let measure = measure::run(command.args(["run", "--quiet"]).arg(&path), &folder.join("latency.log"))?;
    let requests = server.requests.load(Ordering::Relaxed);
    if requests < PAGES {
        return Err(Problem::new(format!("only {requests} of {PAGES} pages were asked for")));
    }
    Ok((measure.wall.as_secs_f64(), requests))
}

fn pipeline(port: u16, page_number: &str, database: &Path) -> String {
    format!(
        "name: latency\n\
         source:\n\
         \x20 base_url: http://127.0.0.1:{port}\n\
         \x20 concurrency: {CONCURRENCY}\n\
         streams:\n\
         \x20 items:\n\
         \x20   path: /items\n\
         \x20   pagination: {{ page_number: {page_number} }}\n\
         \x20   records: $.data\n\
         \x20   write: append\n\
         destination: duckdb:{}\n",
        database.display()
    )
}

/// A server of one thread per connection. Its threads end with their connections, the listener with this process.
struct SlowApi {
    port: u16,
    requests: Arc<AtomicU64>,
}

impl SlowApi {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("there is no free port on 127.0.0.1")?;
        let port = listener.local_addr().context("a listener has no address")?.port();
        let requests = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counter = Arc::clone(&counter);
                // A connection that breaks is the client's business; it is seen in what the client reports.
                std::thread::spawn(move || drop(serve(stream, &counter)));
            }
        });
        Ok(Self { port, requests })
    }
}

/// Answers the requests of one connection until the client closes it.
fn serve(mut stream: TcpStream, requests: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(page) = read_request(&mut reader)? {
        requests.fetch_add(1, Ordering::Relaxed);
        let due = Instant::now() + LATENCY;
        let body = body(page);
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        // Making the page is part of the 50 ms.
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    }
    Ok(())
}

/// Reads one request's head and answers the page that it asks for, or nothing at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<u64>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 && line != "\r\n" {
        line.clear();
    }
    let number =
        first.split_once("page=").map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    Ok(Some(number.and_then(|digits| digits.parse().ok()).unwrap_or(1)))
}

fn body(page: u64) -> String {
    let first = (page - 1) * RECORDS_PER_PAGE + 1;
    let ids = if page <= PAGES { first..first + RECORDS_PER_PAGE } else { 0..0 };
    let records: Vec<_> = ids.map(|id| format!("{{\"id\":{id},\"name\":\"record {id}\"}}")).collect();
    format!("{{\"data\":[{}],\"total_pages\":{PAGES}}}", records.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_page() {
        let mut head = &b"GET /items?page=17&x=1 HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n"[..];
        assert_eq!(read_request(&mut head).unwrap(), Some(17));
        assert_eq!(read_request(&mut head).unwrap(), Some(1));
        assert_eq!(read_request(&mut head).unwrap(), None);
    }

    #[test]
    fn pages_after_the_last_are_empty() {
        let rows = |page| serde_json::from_str::<Value>(&body(page)).unwrap()["data"].as_array().unwrap().len();
        assert_eq!((rows(1), rows(PAGES), rows(PAGES + 1)), (100, 100, 0));
    }
}
