//! Whatever the file says: an answer, no panic, and never "passed every check and still cannot be read".

use proptest::prelude::*;
use spile_config::{Code, Diagnostics, RenderStyle, Settings, load_str};

const GITHUB: &str = include_str!("pipelines/github.yaml");

/// What YAML, templates and paths are made of.
const PIECES: [&str; 40] = [
    ":", ": ", " ", "  ", "\n", "\n  ", "- ", "[", "]", "{", "}", "{{", "}}", "\"", "'", "#", " #", "&a ", "*a",
    "<<: ", "|", ">", "!", "!!str ", "%", "@", "`", ",", "\t", "~", "null", "true", "1e999", "0x", "-1", "\u{feff}",
    "\r", "ü", "---\n", "? ",
];

/// Everything that is done with a file, done: planned, rendered, serialised.
fn survive(text: &str) {
    let Err(diagnostics) = load_str("pipeline.yaml", text, None, &Settings::none()) else { return };
    examine(text, &diagnostics);
}

fn examine(text: &str, diagnostics: &Diagnostics) {
    assert!(!diagnostics.is_empty(), "refused without a reason:\n{text}");
    for diagnostic in diagnostics.sorted() {
        assert_ne!(diagnostic.code, Code::Internal, "{}\n{text}", diagnostic.message);
        if let Some(span) = diagnostic.span {
            assert!(text.get(span.range()).is_some(), "{span:?} is not of the text\n{text}");
        }
    }
    let plain = diagnostics.render(RenderStyle::default());
    assert!(plain.contains("error"), "{plain}");
    let _ = diagnostics.render(RenderStyle { colour: true, shown: 3, width: 40 });
    serde_json::to_string(diagnostics).unwrap();
}

#[test]
fn any_value_in_the_place_of_any_other_is_answered() {
    let values = [
        "",
        "~",
        "true",
        "7",
        "-1",
        "1.5",
        ".nan",
        "18446744073709551616",
        "text",
        "\"\"",
        "[]",
        "{}",
        "[1]",
        "[[]]",
        "[{}]",
        "{ a: 1 }",
        "\"{{ x }}\"",
        "{{ x }}",
        "none",
        "duckdb:x",
        "30s",
        "8MiB",
        "$.a",
        "*none",
        "&a b",
    ];
    for (number, line) in GITHUB.lines().enumerate() {
        let Some((key, _)) = line.split_once(": ").or_else(|| line.split_once(':')) else { continue };
        for value in values {
            let mut lines: Vec<String> = GITHUB.lines().map(str::to_owned).collect();
            lines[number] = format!("{key}: {value}");
            survive(&lines.join("\n"));
        }
    }
}

#[test]
fn any_line_may_be_missing_or_twice_or_indented_otherwise() {
    let lines: Vec<&str> = GITHUB.lines().collect();
    for number in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(number);
        survive(&without.join("\n"));
        let mut twice = lines.clone();
        twice.insert(number, lines[number]);
        survive(&twice.join("\n"));
        for indent in ["", "  ", "      ", "\t"] {
            let moved = format!("{indent}{}", lines[number].trim_start());
            let mut otherwise = lines.clone();
            otherwise[number] = &moved;
            survive(&otherwise.join("\n"));
        }
    }
}

#[test]
fn a_file_cut_at_any_byte_is_answered() {
    for end in (0..GITHUB.len()).filter(|end| GITHUB.is_char_boundary(*end)) {
        survive(&GITHUB[..end]);
    }
}

#[test]
fn much_of_anything_is_answered() {
    const MANY: usize = 5_000;
    let keys: String = (0..MANY).map(|n| format!("token{n}: x\n")).collect();
    survive(&keys);
    survive(&format!("variables:\n  {}", keys.replace('\n', "\n  ")));
    survive(&"a: 1\n".repeat(MANY));
    for (open, close) in [("(", ")"), ("[", "]"), ("[?@", "]"), ("[?(", ")]"), ("!", ""), ("..", "")] {
        let deep = format!("$.a[?{}@.a{}]", open.repeat(MANY), close.repeat(MANY));
        survive(&GITHUB.replace("$.data.search.nodes", &format!("'{deep}'")));
    }
    for (open, close) in [("(", ")"), ("[", "]"), ("-", ""), ("not ", ""), ("{% if 1 %}", "{% endif %}")] {
        let deep = format!("{{{{ {}1{} }}}}", open.repeat(MANY), close.repeat(MANY));
        survive(&GITHUB.replace("{{ owner }}/rust/issues", &format!("'{deep}'")));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_with_random_slips_is_answered(
        slips in prop::collection::vec((0..GITHUB.len(), 0..8usize, prop::sample::select(&PIECES[..])), 1..6)
    ) {
        let mut text = GITHUB.to_owned();
        for (at, removed, piece) in slips {
            let start = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let end = (start + removed..).find(|at| *at >= text.len() || text.is_char_boundary(*at)).unwrap_or(start);
            text.replace_range(start..end.min(text.len()), piece);
        }
        survive(&text);
    }

    #[test]
    fn text_that_is_nothing_like_a_pipeline_is_answered(text in "\\PC{0,200}") {
        survive(&text);
    }

    #[test]
    fn yaml_that_is_nothing_like_a_pipeline_is_answered(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60)
    ) {
        survive(&pieces.concat());
    }
}
