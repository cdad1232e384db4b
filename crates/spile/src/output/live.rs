//! Lines that move: one for each stream that is being read, one for all, drawn ten times a second and no more.
//!
//! Streams that have ended are written above and stay, so the moving part is never taller than the streams at work.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use spile_model::event::Outcome;
use spile_model::units::show_duration;
use spile_model::{ByteSize, Events, RunEvent, StreamName};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::output::board::{Board, Line};
use crate::output::number::{per_second, plural};
use crate::output::terminal::Terminal;

/// Faster is unrest, slower looks stuck.
const DRAWN_PER_SECOND: u8 = 10;

/// A longer name is cut, so that the numbers stay in sight.
const LONGEST_NAME: usize = 28;

/// Says "still alive" where numbers stand still; one step with each drawing.
const TURNING: [&str; 8] = ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇", "⠏", "⠛"];

/// The moving lines of a run.
pub(crate) struct Live {
    screen: Arc<Screen>,
    drawing: JoinHandle<()>,
}

struct Screen {
    terminal: Terminal,
    lines: MultiProgress,
    shown: Mutex<Shown>,
}

struct Shown {
    board: Board,
    /// The moving line of each stream at work.
    bars: Vec<(StreamName, ProgressBar)>,
    total: ProgressBar,
    began: Instant,
    step: usize,
}

impl Live {
    pub(crate) fn start(terminal: Terminal) -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWN_PER_SECOND));
        let total = lines.add(line());
        let shown = Shown { board: Board::default(), bars: Vec::new(), total, began: Instant::now(), step: 0 };
        let screen = Arc::new(Screen { terminal, lines, shown: Mutex::new(shown) });
        let drawn = screen.clone();
        let drawing = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::from(DRAWN_PER_SECOND));
            loop {
                ticks.tick().await;
                drawn.draw();
            }
        });
        Self { screen, drawing }
    }

    pub(crate) fn events(&self) -> Events {
        let screen = self.screen.clone();
        Events::to(move |event| screen.hear(&event))
    }

    pub(crate) fn tell(&self, text: &str) {
        self.screen.tell(text);
    }

    pub(crate) fn finish(&self) {
        self.drawing.abort();
        self.screen.clear();
        // The report that follows stands by itself.
        self.screen.terminal.tell("");
    }
}

impl Screen {
    fn hear(&self, event: &RunEvent) {
        let now = Instant::now();
        let mut shown = self.shown();
        shown.board.hear(event, now);
        match event {
            RunEvent::StreamStarted { stream, .. } => {
                let bar = self.lines.insert_before(&shown.total, line());
                shown.bars.push((stream.clone(), bar));
            }
            RunEvent::StreamFinished(report) => {
                if let Some(at) = shown.bars.iter().position(|(stream, _)| *stream == report.stream) {
                    let (_, bar) = shown.bars.remove(at);
                    bar.finish_and_clear();
                    self.lines.remove(&bar);
                }
                let name_width = shown.name_width();
                let ended = shown.board.streams.iter().find(|line| line.stream == report.stream);
                let text = ended.map(|line| stream_line(line, name_width, "", now, &self.terminal));
                drop(shown);
                text.into_iter().for_each(|text| self.tell(&text));
            }
            RunEvent::Warning { stream, message } => {
                drop(shown);
                let place = stream.as_ref().map_or_else(String::new, |stream| format!("{stream}: "));
                self.tell(&format!("{} {place}{message}", self.terminal.attention("warning:")));
            }
            RunEvent::SchemaChanged { stream, change, .. } => {
                drop(shown);
                self.tell(&self.terminal.quiet(&format!("{stream}: {change}")));
            }
            _ => {}
        }
    }

    fn draw(&self) {
        let now = Instant::now();
        let mut shown = self.shown();
        shown.step += 1;
        let turning = TURNING[shown.step % TURNING.len()];
        let name_width = shown.name_width();
        for (stream, bar) in &shown.bars {
            if let Some(line) = shown.board.streams.iter().find(|line| line.stream == *stream) {
                bar.set_message(self.fit(&stream_line(line, name_width, turning, now, &self.terminal)));
            }
        }
        if shown.board.expected > 0 {
            let total = total_line(&shown.board, now - shown.began, now);
            shown.total.set_message(self.fit(&self.terminal.quiet(&total)));
        }
    }

    fn tell(&self, text: &str) {
        // A terminal that has gone away shows nothing, and the run goes on.
        let _ = self.lines.println(self.fit(text));
    }

    fn clear(&self) {
        let shown = self.shown();
        shown.bars.iter().for_each(|(_, bar)| bar.finish_and_clear());
        shown.total.finish_and_clear();
        let _ = self.lines.clear();
    }

    /// A line that is longer than the terminal is wide would be drawn over two, and tear the display.
    fn fit(&self, text: &str) -> String {
        console::truncate_str(text, usize::from(self.terminal.width).saturating_sub(1), "…").into_owned()
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    fn name_width(&self) -> usize {
        let longest = self.board.streams.iter().map(|line| console::measure_text_width(line.stream.as_str())).max();
        longest.unwrap_or(0).min(LONGEST_NAME)
    }
}

fn line() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    bar
}

fn stream_line(line: &Line, name_width: usize, turning: &str, now: Instant, terminal: &Terminal) -> String {
    let mark = match line.outcome() {
        None => terminal.attention(turning),
        Some(Outcome::Succeeded) => terminal.good("✓"),
        Some(Outcome::Failed) => terminal.bad("✗"),
        Some(Outcome::Interrupted) => terminal.attention("■"),
    };
    let name = console::truncate_str(line.stream.as_str(), name_width, "…");
    let name = terminal.strong(&console::pad_str(&name, name_width, console::Alignment::Left, None));
    // Nothing is told of requests where none were made: what is recorded or remembered need not be asked for.
    let asked = if line.requests > 0 {
        (ByteSize(line.bytes).to_string(), plural(line.requests, "request"))
    } else {
        (String::new(), plural(line.pages, "page"))
    };
    let facts = format!("{:>14}  {:>10}  {:>14}", plural(line.rows, "row"), asked.0, asked.1);
    let state = match (&line.ended, line.waiting(now)) {
        (Some(report), _) => terminal.quiet(&show_duration(report.took)),
        (None, Some((reason, left))) => terminal.attention(&format!("waits {} more: {reason}", countdown(left))),
        (None, None) => per_second(line.rate(now)),
    };
    format!("{mark} {name}  {facts}  {state}")
}

/// The time left in whole seconds, so that it does not flicker.
fn countdown(left: Duration) -> String {
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    if seconds < 60 { format!("{seconds} s") } else { show_duration(Duration::from_secs(seconds)) }
}

fn total_line(board: &Board, elapsed: Duration, now: Instant) -> String {
    format!(
        "{} of {}, {}, {}, {}, {}, {}",
        board.ended(),
        plural(board.expected as u64, "stream"),
        plural(board.rows(), "row"),
        ByteSize(board.bytes()),
        plural(board.requests(), "request"),
        per_second(board.rate(now)),
        show_duration(elapsed)
    )
}
