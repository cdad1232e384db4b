//! Errors for people: what, where, why, and what to do.

use spile_config::{Diagnostics, RenderStyle};
use spile_model::Failure;

use crate::output::terminal::Terminal;
use crate::problem::{Problem, Text};

/// Shows what kept a command from doing its work.
pub(crate) fn show_problem(problem: &Problem, terminal: &Terminal) {
    terminal.tell(&problem_text(problem, terminal));
}

/// Shows which budget ended a run.
pub(crate) fn show_spent(spent: &Failure, terminal: &Terminal) {
    let head = terminal.attention("stopped:");
    terminal.tell(&sentence(&head, &spent.to_string(), &[], Some(spent.kind.remedy()), terminal));
}

/// Shows one failure of a run.
pub(crate) fn show_failure(failure: &Failure, terminal: &Terminal) {
    let head = terminal.bad("error:");
    terminal.tell(&sentence(&head, &failure.to_string(), &failure.causes(), Some(failure.kind.remedy()), terminal));
}

/// Shows what should not stay as it is in a pipeline that can run.
pub(crate) fn show_warnings(warnings: &Diagnostics, terminal: &Terminal) {
    if !warnings.is_empty() {
        terminal.tell(&warnings.render(style(terminal)));
    }
}

fn style(terminal: &Terminal) -> RenderStyle {
    RenderStyle { colour: terminal.colour, width: usize::from(terminal.width), ..RenderStyle::default() }
}

fn problem_text(problem: &Problem, terminal: &Terminal) -> String {
    match &problem.text {
        Text::Diagnostics(diagnostics) => diagnostics.render(style(terminal)),
        Text::Sentence { message, causes, remedy } => {
            sentence(&terminal.bad("error:"), message, causes, remedy.as_deref(), terminal)
        }
    }
}

fn sentence(head: &str, message: &str, causes: &[String], remedy: Option<&str>, terminal: &Terminal) -> String {
    let mut out = format!("{head} {message}");
    for cause in causes {
        out += &format!("\n  {} {cause}", terminal.quiet("cause:"));
    }
    if let Some(remedy) = remedy {
        out += &format!("\n  {} {remedy}", terminal.good("to do:"));
    }
    out
}

#[cfg(test)]
mod tests {
    use spile_model::{FailureKind, StreamName};

    use super::*;

    #[test]
    fn a_failure_says_what_where_why_and_what_to_do() {
        let failure = Failure::new(FailureKind::NotFound, "GET https://api.test/x was answered with 404")
            .in_stream(&StreamName::new("orders"))
            .at_page(3)
            .caused_by("there is no such page");
        let shown = sentence(
            "error:",
            &failure.to_string(),
            &failure.causes(),
            Some(failure.kind.remedy()),
            &Terminal::plain(),
        );
        insta::assert_snapshot!(shown);
    }
}
