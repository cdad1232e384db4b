//! What the API told of its own decay, at the end of a run: one line for each notice, with the streams that it is about.

use spile_model::{NoticeKind, Noticed};

use crate::output::number::plural;
use crate::output::terminal::Terminal;

/// More are for `--json`: nobody reads a longer list after a run.
const MOST: usize = 12;

/// So many streams are named in one line.
const NAMED: usize = 4;

/// The lines; what ends soonest is what matters most.
pub(crate) fn lines(notices: &[Noticed], terminal: &Terminal) -> Vec<String> {
    let mut groups: Vec<(&Noticed, Vec<&str>)> = Vec::new();
    for noticed in notices {
        match groups.iter_mut().find(|(first, _)| first.notice == noticed.notice) {
            Some((_, streams)) => streams.push(noticed.stream.as_str()),
            None => groups.push((noticed, vec![noticed.stream.as_str()])),
        }
    }
    groups.sort_by_key(|(first, _)| (first.notice.kind, first.notice.date));
    let hidden = groups.len().saturating_sub(MOST);
    let shown = groups.iter().take(MOST).map(|(first, streams)| line(first, streams, terminal));
    let more = (hidden > 0).then(|| format!("{} more: `--json` tells them", plural(hidden as u64, "notice")));
    shown.chain(more).collect()
}

fn line(first: &Noticed, streams: &[&str], terminal: &Terminal) -> String {
    let word = match first.notice.kind {
        NoticeKind::Sunset | NoticeKind::Deprecation | NoticeKind::Version => "notice:",
        NoticeKind::Warning => "the API warns:",
    };
    let named = streams.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let others = streams.len().saturating_sub(NAMED);
    let others = if others > 0 { format!(" and {others} more") } else { String::new() };
    let endpoint = if streams.len() == 1 { format!(" ({})", first.endpoint) } else { String::new() };
    let link = first.notice.link.as_ref().map_or_else(String::new, |link| format!(" ({link})"));
    format!("{} {named}{others}{endpoint}: {}{link}", terminal.attention(word), first.notice.message)
}

#[cfg(test)]
mod tests {
    use spile_model::{Notice, StreamName};

    use super::*;

    fn noticed(stream: &str, kind: NoticeKind, message: &str, link: Option<&str>) -> Noticed {
        let (message, link) = (message.to_owned(), link.map(ToOwned::to_owned));
        let notice = Notice { kind, date: None, message, link };
        Noticed { stream: StreamName::new(stream), endpoint: format!("GET /{stream}"), notice }
    }

    #[test]
    fn each_notice_is_one_line_with_its_streams_and_what_ends_comes_first() {
        let link = Some("https://docs.test/v1");
        let mut notices = vec![
            noticed("orders", NoticeKind::Warning, "use v2", None),
            noticed("orders", NoticeKind::Deprecation, "deprecated since 2025-01-01", link),
            noticed("users", NoticeKind::Sunset, "will stop working on 2026-01-01", None),
        ];
        notices.extend(
            ["b", "c", "d", "e"]
                .map(|name| noticed(name, NoticeKind::Deprecation, "deprecated since 2025-01-01", link)),
        );
        assert_eq!(
            lines(&notices, &Terminal::plain()),
            [
                "notice: users (GET /users): will stop working on 2026-01-01",
                "notice: orders, b, c, d and 1 more: deprecated since 2025-01-01 (https://docs.test/v1)",
                "the API warns: orders (GET /orders): use v2",
            ]
        );
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let notices: Vec<Noticed> =
            (0..15).map(|at| noticed("a", NoticeKind::Warning, &format!("warning {at}"), None)).collect();
        let lines = lines(&notices, &Terminal::plain());
        assert_eq!(lines.len(), MOST + 1);
        assert_eq!(lines[MOST], "3 notices more: `--json` tells them");
    }
}
