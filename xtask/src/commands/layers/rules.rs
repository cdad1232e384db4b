//! The design's arrows (§3) as data: which room may use which, and which outside crates belong to which rooms.

use std::collections::BTreeSet;

/// The scriptable fake API; allowed in every crate's tests and nowhere else.
pub(super) const TESTKIT: &str = "testkit";

/// A room and its arrow: it may use these rooms and everything below them.
pub(super) struct Room {
    pub(super) name: &'static str,
    uses: &'static [&'static str],
}

/// A `*` at the end of a name stands for any ending.
const ROOMS: &[Room] = &[
    // The cli assembles: it hands the engine the destinations that this build has.
    Room { name: "spile", uses: &["server", "discover", "config", "credentials", "engine", "destination-*"] },
    Room { name: "server", uses: &["engine", "webhook"] },
    Room { name: "discover", uses: &["config", "http"] },
    Room { name: "engine", uses: &["source", "webhook", "columnar", "destination"] },
    Room { name: "source", uses: &["http"] },
    Room { name: "webhook", uses: &["http"] },
    Room { name: "destination-*", uses: &["destination"] },
    Room { name: "destination", uses: &["columnar"] },
    Room { name: "config", uses: &["plan"] },
    Room { name: "credentials", uses: &["http"] },
    Room { name: "http", uses: &["plan", "archive"] },
    Room { name: "archive", uses: &["model"] },
    Room { name: "columnar", uses: &["plan"] },
    Room { name: "plan", uses: &["expression"] },
    Room { name: "expression", uses: &["model"] },
    Room { name: "model", uses: &[] },
    // For developers: holds the contract that every destination must pass.
    Room { name: TESTKIT, uses: &["destination"] },
];

/// Outside crates that only some rooms may use.
pub(super) struct Outside {
    crates: &'static [&'static str],
    rooms: Rooms,
    pub(super) why: &'static str,
}

enum Rooms {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

pub(super) const OUTSIDE: &[Outside] = &[
    Outside {
        crates: &["serde-saphyr", "saphyr*", "granit-parser", "serde_yaml*", "serde_norway", "yaml-rust*"],
        rooms: Rooms::Only(&["config", "discover"]),
        why: "only config and discover touch YAML; hand the room a plan",
    },
    Outside {
        crates: &["reqwest*", "hyper", "hyper-util", "ureq"],
        rooms: Rooms::Only(&["http"]),
        why: "there is one polite HTTP client, in http; use that",
    },
    Outside {
        crates: &["axum*", "tower-http"],
        rooms: Rooms::Only(&["server", "spile", TESTKIT]),
        why: "only server owns a web server (spile for the demo's sample API and a login's answer, testkit for the fake one)",
    },
    Outside {
        crates: &["duckdb", "libduckdb-sys", "tokio-postgres", "sqlx*", "adbc*", "deltalake*", "iceberg*"],
        rooms: Rooms::Only(&["destination-*"]),
        why: "a database driver belongs to its destination-* crate; go through the destination's contract",
    },
    Outside {
        crates: &["rusqlite"],
        rooms: Rooms::Only(&["destination-*", "webhook"]),
        why: "only destinations and the webhook inbox own an embedded store",
    },
    Outside {
        crates: &["arrow*", "parquet"],
        rooms: Rooms::Only(&["columnar", "destination", "destination-*", TESTKIT]),
        why: "Arrow is made in columnar and read in destinations; other rooms pass batches on unopened",
    },
    Outside {
        crates: &["age", "keyring*", "secret-service", "zbus*", "apple-native-keyring-store"],
        rooms: Rooms::Only(&["credentials"]),
        why: "secrets are kept by credentials; use the SecretStore of model",
    },
    Outside {
        crates: &["clap*", "indicatif", "console", "comfy-table", "inquire", "ratatui"],
        rooms: Rooms::Only(&["spile"]),
        why: "only the cli writes to the terminal; emit a RunEvent",
    },
    Outside {
        crates: &["minijinja*", "jsonpath-rust"],
        rooms: Rooms::Only(&["expression"]),
        why: "expressions are compiled once, in expression; use its types",
    },
    Outside {
        crates: &["tokio*", "futures*", "async-trait", "reqwest*", "memmap2", "tempfile"],
        rooms: Rooms::AllBut(&["model", "expression", "plan"]),
        why: "model, expression and plan have no I/O and no async; move this to the room that acts",
    },
];

impl Outside {
    pub(super) fn forbids(&self, crate_name: &str, room: &str) -> bool {
        let listed = |patterns: &[&str], name: &str| patterns.iter().any(|pattern| matches(pattern, name));
        let allowed = match self.rooms {
            Rooms::Only(rooms) => listed(rooms, room),
            Rooms::AllBut(rooms) => !listed(rooms, room),
        };
        !allowed && listed(self.crates, crate_name)
    }
}

pub(super) fn room(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| matches(room.name, name))
}

/// The name that the crate in `crates/<room>` must have.
pub(super) fn crate_name(room: &str) -> String {
    if room == "spile" { room.to_owned() } else { format!("spile-{room}") }
}

/// Whether an arrow leads from `from` to `to`, directly or over others.
pub(super) fn reaches(from: &str, to: &str) -> bool {
    below(from).iter().any(|pattern| matches(pattern, to))
}

/// Everything below the arrow of `name`.
pub(super) fn below(name: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<_> = room(name).map_or(&[][..], |room| room.uses).to_vec();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(room(next).map_or(&[][..], |room| room.uses));
        }
    }
    found
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}
