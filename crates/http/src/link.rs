//! The `Link` header (RFC 8288): text in, links out. What cannot be read is passed over, as the RFC wants it.

/// One link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// As written; may be relative.
    pub target: String,
    /// The first `rel`, which is the one that counts; relations divided by spaces.
    pub relations: Option<String>,
    /// What the link is about, where that is not the answer's own resource.
    pub anchor: Option<String>,
}

impl Link {
    /// Whether it is of that relation. Registered relations do not depend on case.
    pub fn has_relation(&self, name: &str) -> bool {
        let relations = self.relations.as_deref().unwrap_or_default();
        relations.split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case(name))
    }
}

/// The links of one header line.
pub fn parse(line: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start + 1..].find('>') else { break };
        let mut link = Link { target: rest[start + 1..start + 1 + length].trim().to_owned(), ..Link::default() };
        rest = parameters(&rest[start + length + 2..], &mut link);
        links.push(link);
    }
    links
}

/// Reads the parameters behind a target into `link`, and returns what follows the link.
fn parameters<'t>(text: &'t str, link: &mut Link) -> &'t str {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        match rest.strip_prefix(';') {
            Some(after) => rest = after.trim_start(),
            // A comma, the end, or something that no parameter begins with.
            None => return rest,
        }
        let name_end = rest.find(|c: char| matches!(c, '=' | ';' | ',') || c.is_whitespace()).unwrap_or(rest.len());
        let name = rest[..name_end].to_ascii_lowercase();
        rest = rest[name_end..].trim_start();
        let Some(after) = rest.strip_prefix('=') else { continue };
        let (value, after) = parameter_value(after.trim_start());
        rest = after;
        match name.as_str() {
            "rel" => _ = link.relations.get_or_insert(value),
            "anchor" => _ = link.anchor.get_or_insert(value),
            _ => {}
        }
    }
}

/// A token or a quoted string, and what follows it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| matches!(c, ';' | ',') || c.is_whitespace()).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    // The closing quote is missing: all of the rest is the value.
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn next_of(line: &str) -> Option<String> {
        parse(line).into_iter().find(|link| link.has_relation("next")).map(|link| link.target)
    }

    #[test]
    fn the_usual_header_is_read() {
        let line = r#"<https://a.test/x?page=1>; rel="prev", <https://a.test/x?page=3>; rel="next", <https://a.test/x?page=9>; rel="last""#;
        assert_eq!(next_of(line).unwrap(), "https://a.test/x?page=3");
        assert_eq!(parse(line).len(), 3);
    }

    #[test]
    fn commas_and_semicolons_inside_targets_and_quotes_do_not_divide() {
        let line = r#"<https://a.test/x;a,b?c=1,2;3>; title="one, two; \"three\" <four>"; rel="next""#;
        assert_eq!(next_of(line).unwrap(), "https://a.test/x;a,b?c=1,2;3");
        assert_eq!(parse(line).len(), 1);
    }

    #[test]
    fn every_way_to_write_a_relation_is_read() {
        for line in [
            "</b>;rel=next",
            "</b> ; rel = next",
            "</b>; REL=\"NEXT\"",
            "</b>; rel=\"prefetch  next\"",
            "</b>; crossorigin; rel=next",
            "</b>; title*=UTF-8''%e2%82%ac; rel=next",
            ",, </b>; rel=next ,",
            "< /b >; rel=next",
        ] {
            assert_eq!(next_of(line).as_deref(), Some("/b"), "{line}");
        }
    }

    #[test]
    fn only_the_first_rel_counts_and_other_relations_are_not_next() {
        assert_eq!(next_of("</b>; rel=prev; rel=next"), None);
        assert_eq!(next_of("</b>; rel=\"nextish https://a.test/next\""), None);
        assert_eq!(next_of("</b>"), None);
        assert_eq!(next_of("</b; rel=next"), None);
        assert_eq!(next_of(""), None);
    }

    #[test]
    fn an_anchor_is_read() {
        assert_eq!(parse("</b>; rel=next; anchor=\"/other\"")[0].anchor.as_deref(), Some("/other"));
    }

    proptest! {
        #[test]
        fn no_header_panics(line in "[<>;,=\"\\\\ a-z/é]{0,60}") {
            parse(&line);
        }
    }
}
