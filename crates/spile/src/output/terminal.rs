//! What the terminal can do, and the two ways to write to it.

use std::io::{IsTerminal, Write};

use console::{Style, Term};

use crate::output::stdout;

/// Text that is not for a terminal is as wide as one usually is.
const USUAL_WIDTH: u16 = 100;

/// What is known of the terminal. Tests make their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Whether stderr can show moving lines.
    pub(crate) moving: bool,
    /// Whether text may be coloured.
    pub(crate) colour: bool,
    /// Whether lines may be drawn with more than ASCII.
    pub(crate) drawing: bool,
    /// Columns of a line on stderr.
    pub(crate) width: u16,
    /// Columns of a table on stdout; as many as it takes where that is no terminal.
    pub(crate) table_width: Option<u16>,
}

impl Terminal {
    /// The terminal of this process.
    pub(crate) fn of_process() -> Self {
        let (stdout, stderr) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let columns = |term: Term| term.size_checked().map(|(_, columns)| columns);
        Self {
            moving: stderr && !dumb,
            colour: stdout && stderr && !dumb && !set("NO_COLOR"),
            drawing: stdout && !dumb,
            width: columns(Term::stderr()).unwrap_or(USUAL_WIDTH),
            table_width: columns(Term::stdout()),
        }
    }

    /// A terminal that can do nothing: what files and pipes are written for.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { moving: false, colour: false, drawing: false, width: USUAL_WIDTH, table_width: None }
    }

    /// Writes a result to stdout, and a line end.
    #[allow(clippy::unused_self, reason = "who may write has a terminal")]
    pub(crate) fn say(&self, text: &str) {
        stdout::write_line(text);
    }

    /// Writes to stderr, and a line end.
    #[allow(clippy::unused_self, reason = "who may write has a terminal")]
    pub(crate) fn tell(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    pub(crate) fn good(&self, text: &str) -> String {
        self.styled(text, Style::new().green())
    }

    pub(crate) fn bad(&self, text: &str) -> String {
        self.styled(text, Style::new().red().bold())
    }

    pub(crate) fn attention(&self, text: &str) -> String {
        self.styled(text, Style::new().yellow())
    }

    pub(crate) fn strong(&self, text: &str) -> String {
        self.styled(text, Style::new().bold())
    }

    pub(crate) fn quiet(&self, text: &str) -> String {
        self.styled(text, Style::new().dim())
    }

    fn styled(self, text: &str, style: Style) -> String {
        if self.colour { style.force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
    }
}
