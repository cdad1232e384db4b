//! The `Warning` header (RFC 7234, 5.5; RFC 9111 retired it, and APIs still send it): `299 - "Deprecated API" "date"`.

/// What the warnings of a header line say, as far as they are about the API and not about caches: 199 and 299.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line;
    while let Some((warning, after)) = next(rest) {
        if matches!(warning.code, "199" | "299") {
            words.push(warning.text);
        }
        rest = after;
    }
    words
}

struct Warning<'t> {
    code: &'t str,
    text: String,
}

/// The first warning of the list, and what follows it.
fn next(list: &str) -> Option<(Warning<'_>, &str)> {
    let list = list.trim_start_matches([',', ' ', '\t']);
    let (code, rest) = list.split_once(' ')?;
    let (_agent, rest) = rest.split_once(" \"")?;
    let (text, rest) = quoted(rest);
    // A date may follow, as a quoted string too.
    let after_date = rest.trim_start().strip_prefix('"').map(|date| quoted(date).1);
    Some((Warning { code, text }, after_date.unwrap_or(rest)))
}

/// What stands up to the closing quote, and what follows that.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            character => value.push(character),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_of_the_api_are_read_and_those_of_caches_passed_over() {
        for (line, expected) in [
            (r#"299 - "Deprecated API""#, vec!["Deprecated API"]),
            (r#"299 api.test:80 "Use v2, \"now\"" "Sat, 01 Mar 2025 12:00:00 GMT""#, vec!["Use v2, \"now\""]),
            (
                r#"110 cache "Stale", 199 - "one", 299 - "two" "Sat, 01 Mar 2025 12:00:00 GMT", 299 - "three""#,
                vec!["one", "two", "three"],
            ),
            (r#"299 - "open"#, vec!["open"]),
            ("299", vec![]),
            ("299 - soon", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics_or_goes_on_without_end(line in "[0-9 ,\"\\\\a-zé-]{0,80}") {
            words(&line);
        }
    }
}
