//! The ways in which a run is shown, and which of them is chosen.

use std::sync::Arc;

use spile_engine::RunReport;
use spile_model::Events;

use crate::output::json;
use crate::output::live::Live;
use crate::output::plain::Plain;
use crate::output::terminal::Terminal;

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Lines that move, on a terminal.
    Live,
    /// Lines that stay.
    Plain,
    /// Events as lines of JSON on stdout.
    Json,
    /// Not at all.
    Quiet,
}

/// The consumer of a run's events.
pub(crate) enum Progress {
    Live(Live),
    Plain(Arc<Plain>),
    Json,
    Quiet,
}

impl Style {
    pub(crate) fn choose(json: bool, quiet: bool, verbose: bool, terminal: &Terminal) -> Self {
        match (json, quiet) {
            (true, _) => Self::Json,
            (_, true) => Self::Quiet,
            // Log lines between moving lines would tear them.
            _ if terminal.moving && !verbose => Self::Live,
            _ => Self::Plain,
        }
    }

    /// Whether a report for people follows.
    pub(crate) fn shows_closing(self) -> bool {
        matches!(self, Self::Live | Self::Plain)
    }
}

impl Progress {
    /// Begins to show. To be called on the runtime, whose clock paces it.
    pub(crate) fn start(style: Style, terminal: &Terminal) -> Self {
        match style {
            Style::Live => Self::Live(Live::start(*terminal)),
            Style::Plain => Self::Plain(Plain::start(*terminal)),
            Style::Json => Self::Json,
            Style::Quiet => Self::Quiet,
        }
    }

    /// Where the run's events go.
    pub(crate) fn events(&self) -> Events {
        match self {
            Self::Live(live) => live.events(),
            Self::Plain(plain) => {
                let plain = plain.clone();
                Events::to(move |event| plain.hear(&event))
            }
            Self::Json => Events::to(|event| json::event(&event)),
            Self::Quiet => Events::nowhere(),
        }
    }

    /// The user has asked to stop.
    pub(crate) fn stopping(&self) {
        const STOPPING: &str = "stopping: the pages at work are finished and committed (Ctrl-C again ends at once)";
        match self {
            Self::Live(live) => live.tell(STOPPING),
            Self::Plain(plain) => plain.tell(STOPPING),
            Self::Json | Self::Quiet => {}
        }
    }

    /// Ends the display; without a report where the run was cut off.
    pub(crate) fn finish(&self, report: Option<&RunReport>) {
        match self {
            Self::Live(live) => live.finish(),
            Self::Json => report.into_iter().for_each(json::report),
            Self::Plain(_) | Self::Quiet => {}
        }
    }
}
