//! Opening the file: its lock keeps a second run away.

use std::path::Path;

use duckdb::{Config, Connection};
use spile_model::{ByteSize, Failure, FailureKind};

use crate::failure::explain;
use crate::sql::text;
use crate::unborn;

/// Opens or creates the file.
pub(crate) fn open(path: &Path, memory: ByteSize) -> Result<Connection, Failure> {
    match connect(path, memory) {
        Err(error) if error.to_string().contains("replaying WAL") => {
            recover(path)
                .map_err(|error| explain(error, &format!("the log of {} could not be replayed", path.display())))?;
            connect(path, memory)
        }
        // What cannot be looked into stays as it is, and the first error says why.
        Err(_) if unborn::remove(path).unwrap_or(false) => connect(path, memory),
        outcome => outcome,
    }
    .map_err(|error| cannot_open(path, error))
}

fn connect(path: &Path, memory: ByteSize) -> duckdb::Result<Connection> {
    let config = Config::default()
        // A load gains nothing from a second thread, which the requests and the typing need.
        .with("threads", "1")?
        .with("memory_limit", format!("{}B", memory.0))?
        // Full row groups go to the file at once instead of waiting in memory for others.
        .with("write_buffer_row_group_count", "1")?
        // Merging small row groups at each checkpoint would write the table again and again.
        .with("max_vacuum_tasks", "0")?
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")?;
    let connection = Connection::open_with_flags(path, config)?;
    // The analysis for dictionaries costs a fifth of a load and saves a twentieth of the file. (As a setting of the
    // opening it is taken without a word and has no effect.)
    connection.execute_batch("SET GLOBAL disabled_compression_methods = 'dictionary'")?;
    Ok(connection)
}

/// Some logs that DuckDB 1.5 writes can be replayed only when the file is attached to another database.
fn recover(path: &Path) -> duckdb::Result<()> {
    let memory = Connection::open_in_memory()?;
    let file = text(&path.to_string_lossy());
    memory.execute_batch(&format!("ATTACH {file} AS recovered; CHECKPOINT recovered; DETACH recovered"))
}

fn cannot_open(path: &Path, error: duckdb::Error) -> Failure {
    let failure = explain(error, "");
    let said = failure.source.as_ref().map(ToString::to_string).unwrap_or_default();
    let shown = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let (kind, message) = match (failure.kind, folder) {
        (FailureKind::DestinationLocked, _) => {
            let holder = holder(&said).map_or_else(String::new, |pid| format!(": {}", describe(pid)));
            (FailureKind::DestinationLocked, format!("{shown} is being written by another process{holder}"))
        }
        (_, Some(folder)) => {
            let message =
                format!("the database file {shown} cannot be made, for there is no folder {}", folder.display());
            (FailureKind::DestinationMissing, message)
        }
        _ if said.contains("not a valid DuckDB database file") => {
            (FailureKind::DestinationForeign, format!("{shown} is not a DuckDB database"))
        }
        (kind, None) => (kind, format!("the database file {shown} could not be opened")),
    };
    Failure { kind, message, ..failure }
}

/// DuckDB names the process that holds the lock as `(PID 123)`.
fn holder(text: &str) -> Option<u32> {
    let rest = &text[text.find("(PID ")? + 5..];
    rest[..rest.find(')')?].parse().ok()
}

/// The process by its number and, where the system tells, its command.
fn describe(pid: u32) -> String {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> = command
        .split(|&byte| byte == 0)
        .filter(|word| !word.is_empty())
        .take(3) // program, command and pipeline; what follows may be a secret (`--set`)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    if words.is_empty() { format!("process {pid}") } else { format!("process {pid} (`{}`)", words.join(" ")) }
}
