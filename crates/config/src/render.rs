//! Problems as text: the message, the source line, a caret, what was expected, what to do.
//!
//! In: [`Diagnostics`] and the source with its secrets masked. Out: text, with or without colour.
//! Everything shown passes through the renderer's own normalisation, so that control characters
//! of a hostile file never reach a terminal.

use annotate_snippets::{AnnotationKind, Group, Level, Message, Renderer, Snippet, normalize_untrusted_str};

use crate::diagnostic::{Diagnostic, Diagnostics, RenderStyle, Severity};
use crate::source::{Source, Span};

pub(crate) fn render(diagnostics: &Diagnostics, shown_text: &str, style: RenderStyle) -> String {
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(style.width);
    let sorted = diagnostics.sorted();
    let mut out = String::new();
    for diagnostic in sorted.iter().take(style.shown) {
        out.push_str(&renderer.render(&[group(diagnostic, diagnostics.source(), shown_text)]));
        out.push_str("\n\n");
    }
    let hidden = diagnostics.total() - sorted.len().min(style.shown);
    out.push_str(&closing_line(diagnostics, hidden));
    out
}

fn group<'a>(diagnostic: &'a Diagnostic, source: &'a Source, shown_text: &'a str) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()));
    if let Some(span) = diagnostic.span {
        let mut snippet = Snippet::source(shown_text)
            .path(source.name())
            .annotation(AnnotationKind::Primary.span(visible(source, span).range()).label(diagnostic.label.as_deref()));
        for related in &diagnostic.related {
            snippet = snippet.annotation(
                AnnotationKind::Context.span(visible(source, related.span).range()).label(related.label.as_str()),
            );
        }
        group = group.element(snippet);
    }
    if let Some(expected) = &diagnostic.expected {
        group = group.element(remark(Level::NOTE.with_name("expected"), expected));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(remark(Level::HELP, help));
    }
    group
}

fn remark<'a>(level: Level<'a>, text: &str) -> Message<'a> {
    level.message(normalize_untrusted_str(text))
}

/// A caret underlines one line: a whole map would drown the message in its own text.
fn visible(source: &Source, span: Span) -> Span {
    source.first_line(span)
}

fn closing_line(diagnostics: &Diagnostics, hidden: usize) -> String {
    let name = diagnostics.source().name();
    let (total, warnings) = (diagnostics.total(), diagnostics.warnings());
    let counted = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{count} {word}s")),
    };
    let problems: Vec<_> =
        [counted(total - warnings, "problem"), counted(warnings, "warning")].into_iter().flatten().collect();
    let problems = problems.join(", ");
    match hidden {
        0 => format!("{name}: {problems}\n"),
        _ => format!("{name}: {problems}, {hidden} of them not shown\n"),
    }
}
