//! Where things are: the binary under test, tools, folders to work in, test data outside the checkout.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Names the binary that end-to-end tests run.
const BINARY: &str = "SPILE_BIN";
/// Says that tests over shared data must run.
const REQUIRE_SHARED: &str = "SPILE_REQUIRE_SHARED";

/// The `spile` binary: the one that `SPILE_BIN` names, or the one in the target folder that this test was built into.
///
/// # Panics
/// When there is none; the message says how to build it.
#[track_caller]
pub fn spile_binary() -> PathBuf {
    if let Some(path) = std::env::var_os(BINARY).map(PathBuf::from) {
        assert!(path.is_file(), "{BINARY} is {}, where there is no file", path.display());
        // A test that changes folder must still find it.
        return path.canonicalize().expect("a file that exists has a full path");
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/PROFILE/deps/test-… has its binary in target/PROFILE.
    let found = test.ancestors().skip(1).take(2).map(|folder| folder.join("spile")).find(|path| path.is_file());
    let Some(binary) = found else {
        panic!("there is no `spile` beside {}: build it with `cargo build -p spile`, or set {BINARY}", test.display());
    };
    binary
}

/// A fresh folder that is removed when the value is dropped.
///
/// # Panics
/// When it cannot be made.
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new().prefix("spile-test-").tempdir().expect("a temporary folder can be made")
}

/// A program that a test needs, at the path that this environment variable names. `.cargo/config.toml` names the place
/// where `cargo xtask setup` puts it.
///
/// # Panics
/// When there is none: a test does not pass without what it needs.
#[track_caller]
pub fn tool(variable: &str) -> PathBuf {
    const REMEDY: &str = "run `cargo xtask setup`, which installs what the tests need, and start them through cargo";
    let Some(path) = std::env::var_os(variable).map(PathBuf::from) else {
        panic!("{variable} names no program: {REMEDY}");
    };
    assert!(path.is_file(), "{variable} is {}, where there is no program: {REMEDY}", path.display());
    path
}

/// A file or folder of the shared test data, which lies beside the checkout in `shared`. Where it is missing, prints
/// that the test was not run and returns nothing.
///
/// # Panics
/// When it is missing although `SPILE_REQUIRE_SHARED` is `1`.
#[track_caller]
#[allow(clippy::print_stderr, reason = "a test that did not run says so")]
pub fn shared(path: &str) -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    let found = checkout.join("../shared").join(path);
    if found.exists() {
        return Some(found);
    }
    let required = std::env::var_os(REQUIRE_SHARED).is_some_and(|value| value == "1");
    assert!(!required, "{REQUIRE_SHARED} is 1, but ../shared/{path} is missing");
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("not run: {name} (it needs ../shared/{path})");
    None
}
