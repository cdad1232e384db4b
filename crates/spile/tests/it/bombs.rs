//! Bodies that grow when they are read: what is beyond `limits.body` is refused by name, and neither memory nor disk pays
//! for it.

use std::process::{Child, Output, Stdio};
use std::time::Duration;

use spile_testkit::bombs;
use spile_testkit::fake_api::{FakeApi, Response, any};

use crate::crash::pause;
use crate::place::{Called, Place};

/// What a body of a quarter of a megabyte becomes.
const LARGE: u64 = 256 << 20;

/// The most that a run may have in memory, whatever it reads.
const MOST_MEMORY: u64 = 300 << 20;

/// Runs it to its end; with its peak memory in bytes, which the system counts and which is looked at until then.
fn peak_of(mut child: Child) -> (Output, u64) {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let now = std::fs::read_to_string(&status).unwrap_or_default();
        let highest =
            now.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(highest.unwrap_or(0) * 1024);
        pause(Duration::from_millis(2));
    }
    (child.wait_with_output().unwrap(), peak)
}

#[test]
fn bodies_that_are_a_thousand_times_larger_when_they_are_read_stop_at_the_limit_that_the_error_names() {
    let encoded =
        |body: Vec<u8>, encoding: &str| Response::bytes("application/json", body).header("Content-Encoding", encoding);
    let limit = "at most 64 MiB (`limits.body`)";
    let nested = ["gzip"; 10].join(", ");
    for (name, answer, told) in [
        ("gzip", encoded(bombs::gzip(LARGE), "gzip"), limit),
        ("gzip in chunks", encoded(bombs::gzip(LARGE), "gzip").chunked(4096), limit),
        ("zstd", encoded(bombs::zstd(LARGE), "zstd"), limit),
        ("deflate", encoded(bombs::deflate(LARGE), "deflate"), limit),
        ("brotli", encoded(bombs::brotli(LARGE), "br"), limit),
        ("gzip ten times over", encoded(bombs::gzip(LARGE), &nested), "which was not asked for"),
    ] {
        let api = FakeApi::start_blocking();
        api.route(any(), move |_| answer.clone());
        let source = format!("{}\n  retries: {{ attempts: 1 }}\n  limits: {{ body: 64MiB }}", api.url());
        let place = Place::with_pipeline(&source, "  items: { path: /items }");
        let mut command = place.command(&["run", "pipeline.yaml", "--quiet"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (output, peak) = peak_of(child);
        let called = Called::from(&output);
        assert_eq!(called.code, 1, "{name}: {}", called.stderr);
        assert!(called.stderr.contains(told), "{name}: {}", called.stderr);
        assert!(peak > 0 && peak < MOST_MEMORY, "{name}: {} MiB", peak >> 20);
    }
}
