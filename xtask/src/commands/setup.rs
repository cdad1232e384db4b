//! `setup`: everything that building and testing need beside Rust.
//!
//! Invariant: this is the only way by which it comes; `test` and `crash` begin with it too, so that plain `cargo test`
//! after `setup` finds what they find.

use crate::arguments::Arguments;
use crate::commands::Command;
use crate::problem::{Context, Result};
use crate::tools::{debian, duckdb, node, python};
use crate::workspace::Workspace;

pub(crate) const COMMAND: Command = Command {
    name: "setup",
    arguments: "",
    summary: "fetch what building and testing need, once; then plain `cargo build` and `cargo test` work",
    details: "Puts into target/: the prebuilt DuckDB library (through npm, compared with the pinned hash), a Python\n\
              environment with Datasette and one with the servers that tests run against (through pip), the\n\
              authorization server oidc-provider, express-rate-limit and http-cache-tests (through npm), and nginx, Apache, libfaketime,\n\
              strace, D-Bus and GNOME Keyring where the machine lacks them (Debian's packages). `.cargo/config.toml` says where each lies; where CARGO_TARGET_DIR is set, a\n\
              link there leads to the library. Nothing that is there is fetched again. The other commands fetch by\n\
              themselves what they need.",
    run,
};

fn run(workspace: &Workspace, arguments: Arguments) -> Result {
    arguments.finish()?;
    prepare(workspace)?;
    println!("setup: all that the build and the tests need is in {}", workspace.root().join("target").display());
    Ok(())
}

/// The library that everything links, and the programs that tests start.
pub(crate) fn prepare(workspace: &Workspace) -> Result {
    duckdb::install(workspace)?;
    python::DATASETTE.install(workspace).context("the test over real data sets needs Datasette")?;
    python::SERVERS.install(workspace).context("the tests against servers that others wrote need them")?;
    node::OIDC_PROVIDER.install(workspace).context("the tests of OAuth need an authorization server")?;
    node::EXPRESS_RATE_LIMIT.install(workspace).context("the tests of limits need a server that limits")?;
    debian::NGINX.install_for_tests(workspace).context("the tests of TLS need nginx")?;
    debian::APACHE.install_for_tests(workspace).context("the tests of Digest authentication need Apache")?;
    debian::FAKETIME.install_for_tests(workspace).context("the tests of wrong clocks need libfaketime")?;
    debian::DBUS.install_for_tests(workspace).context("the tests of the system keyring need a bus")?;
    debian::KEYRING.install_for_tests(workspace).context("the tests of the system keyring need one")?;
    node::CACHE_TESTS.install(workspace).context("the tests of caching need the suite for HTTP caches")?;
    debian::STRACE.install_for_tests(workspace).context("the crash tests need strace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_tells_the_tests_where_things_were_put() {
        let workspace = Workspace::locate().unwrap();
        let config = std::fs::read_to_string(workspace.root().join(".cargo/config.toml")).unwrap();
        let places = [
            workspace.in_target("duckdb"),
            python::DATASETTE.python(&workspace),
            python::SERVERS.python(&workspace),
            node::OIDC_PROVIDER.entry(&workspace),
            node::EXPRESS_RATE_LIMIT.entry(&workspace),
            debian::NGINX.for_tests(&workspace),
            debian::APACHE.for_tests(&workspace),
            debian::FAKETIME.for_tests(&workspace),
            debian::DBUS.for_tests(&workspace),
            debian::KEYRING.for_tests(&workspace),
            node::CACHE_TESTS.entry(&workspace),
            debian::STRACE.for_tests(&workspace),
        ];
        for place in places {
            let place = place.strip_prefix(workspace.root()).unwrap().display();
            assert!(config.contains(&format!("{{ value = \"{place}\", relative = true }}")), "{place}");
        }
    }
}
