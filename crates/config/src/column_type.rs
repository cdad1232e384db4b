//! Names of column types: `decimal(18,4)`, `list(text)`.
//!
//! In: what `columns:` says. Out: a [`ColumnType`]. Structs cannot be declared: their fields are found out.

use spile_model::ColumnType;
use spile_model::column::MAX_DECIMAL_PRECISION;

/// Lists of lists of lists are found out from the data; nobody declares deeper ones.
const MAX_NESTING: usize = 4;

const SIMPLE: [(&str, ColumnType); 8] = [
    ("bool", ColumnType::Bool),
    // A declared integer takes any 64-bit value, not only those that a double holds.
    ("int", ColumnType::BigInt),
    ("float", ColumnType::Float),
    ("timestamp", ColumnType::Timestamp),
    ("local_timestamp", ColumnType::LocalTimestamp),
    ("date", ColumnType::Date),
    ("text", ColumnType::Text),
    ("json", ColumnType::Json),
];

/// What other systems call our types.
const SYNONYMS: [(&str, &str); 12] = [
    ("boolean", "bool"),
    ("integer", "int"),
    ("bigint", "int"),
    ("long", "int"),
    ("double", "float"),
    ("number", "float"),
    ("string", "text"),
    ("varchar", "text"),
    ("datetime", "timestamp"),
    ("timestamptz", "timestamp"),
    ("numeric", "decimal(18,4)"),
    ("object", "json"),
];

/// Reads the name of a type.
pub(crate) fn parse(text: &str) -> Result<ColumnType, String> {
    parse_nested(text.trim(), 0)
}

fn parse_nested(text: &str, depth: usize) -> Result<ColumnType, String> {
    if let Some((_, simple)) = SIMPLE.iter().find(|(name, _)| *name == text) {
        return Ok(simple.clone());
    }
    if let Some(inner) = argument(text, "list") {
        if depth == MAX_NESTING {
            return Err("lists are nested too deeply: declare it as `json`".to_owned());
        }
        return Ok(ColumnType::List(Box::new(parse_nested(inner, depth + 1)?)));
    }
    if text == "list" {
        return Err("a list needs the type of its items: `list(text)`".to_owned());
    }
    if text == "decimal" {
        return Err("a decimal needs its digits: `decimal(18,4)` has 18, 4 of them after the point".to_owned());
    }
    if let Some(digits) = argument(text, "decimal") {
        return decimal(digits);
    }
    let plain = text.to_ascii_lowercase();
    let ours = SYNONYMS.iter().find(|(theirs, _)| *theirs == plain).map(|(_, ours)| *ours);
    let near = ours.or_else(|| crate::check::nearest(text, names()));
    Err(match near {
        Some(name) => format!("`{text}` is not a type of column: did you mean `{name}`?"),
        None => format!("`{text}` is not a type of column"),
    })
}

fn names() -> impl Iterator<Item = &'static str> {
    SIMPLE.iter().map(|(name, _)| *name).chain(["decimal", "list"])
}

fn decimal(digits: &str) -> Result<ColumnType, String> {
    let (precision, scale) = digits.split_once(',').unwrap_or((digits, "0"));
    match (precision.trim().parse::<u8>(), scale.trim().parse::<u8>()) {
        (Ok(precision @ 1..=MAX_DECIMAL_PRECISION), Ok(scale)) if scale <= precision => {
            Ok(ColumnType::Decimal { precision, scale })
        }
        _ => Err(format!(
            "`decimal({digits})` cannot be: it is `decimal(P,S)`, with P from 1 to {MAX_DECIMAL_PRECISION} digits, S of \
             them after the point"
        )),
    }
}

fn argument<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.strip_prefix(name)?.trim_start().strip_prefix('(')?.strip_suffix(')').map(str::trim)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn types_are_read_by_their_names() {
        assert_eq!(parse("int").unwrap(), ColumnType::BigInt);
        assert_eq!(parse("decimal(18, 4)").unwrap(), ColumnType::Decimal { precision: 18, scale: 4 });
        assert_eq!(parse("decimal(5)").unwrap(), ColumnType::Decimal { precision: 5, scale: 0 });
        assert_eq!(parse("list(list(text))").unwrap().describe(), "list of list of text");
    }

    #[test]
    fn other_names_get_ours_as_a_hint() {
        assert_eq!(parse("string").unwrap_err(), "`string` is not a type of column: did you mean `text`?");
        assert_eq!(parse("timestmap").unwrap_err(), "`timestmap` is not a type of column: did you mean `timestamp`?");
        assert!(parse("decimal").unwrap_err().contains("decimal(18,4)"));
        assert!(parse("decimal(39,1)").unwrap_err().contains("1 to 38"));
        assert!(parse("decimal(3,4)").is_err());
        assert!(parse("list(list(list(list(list(int)))))").unwrap_err().contains("too deeply"));
        assert!(parse("blob of things").is_err());
    }
}
