//! What a scalar means: the YAML 1.2 core schema.
//!
//! In: the text of a scalar and whether it was quoted. Out: its value. `yes`, `no`, `on`, `off`
//! and dates are text here, as YAML 1.2 says; numbers keep their text beside them.

use crate::tree::Value;

/// Resolves a plain (unquoted) scalar.
pub(crate) fn resolve_plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    if let Some(value) = integer(text) {
        return value;
    }
    float(text).map_or(Value::Text, Value::Float)
}

/// Resolves a scalar that carries one of the core schema's tags, such as `!!str` or `!!int`.
pub(crate) fn resolve_tagged(tag: &str, text: &str) -> Option<Value> {
    match tag {
        "str" => Some(Value::Text),
        "null" => matches!(resolve_plain(text), Value::Null).then_some(Value::Null),
        "bool" => Some(resolve_plain(text)).filter(|value| matches!(value, Value::Bool(_))),
        "int" => integer(text),
        "float" => match integer(text) {
            Some(Value::Int(Some(_))) => text.parse().ok().map(Value::Float),
            _ => float(text).map(Value::Float),
        },
        _ => None,
    }
}

fn integer(text: &str) -> Option<Value> {
    let (digits, radix) = match text.get(..2) {
        Some("0x") => (&text[2..], 16),
        Some("0o") => (&text[2..], 8),
        _ => (text.strip_prefix(['-', '+']).unwrap_or(text), 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let signed = if radix == 10 { text } else { digits };
    Some(Value::Int(i64::from_str_radix(signed, radix).ok()))
}

fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = mantissa.chars().filter(|c| *c != '.').count();
    let shaped = digits > 0
        && mantissa.chars().all(|c| c.is_ascii_digit() || c == '.')
        && mantissa.matches('.').count() <= 1
        && exponent.is_none_or(|exponent| {
            let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            !exponent.is_empty() && exponent.chars().all(|c| c.is_ascii_digit())
        });
    if shaped { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (text, value) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("Null", Value::Null),
            ("true", Value::Bool(true)),
            ("FALSE", Value::Bool(false)),
            ("12", Value::Int(Some(12))),
            ("-7", Value::Int(Some(-7))),
            ("+7", Value::Int(Some(7))),
            ("0x1F", Value::Int(Some(31))),
            ("0o17", Value::Int(Some(15))),
            ("18446744073709551616", Value::Int(None)),
            ("1.5", Value::Float(1.5)),
            (".5", Value::Float(0.5)),
            ("1.", Value::Float(1.0)),
            ("1e3", Value::Float(1000.0)),
            ("-.inf", Value::Float(f64::NEG_INFINITY)),
        ] {
            assert_eq!(resolve_plain(text), value, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_value_is_text() {
        for text in ["yes", "no", "on", "nULL", "tRue", "2022-11-28", "1.2.3", "1e", "0x", "-", ".", "1_000", "5s", "é"]
        {
            assert_eq!(resolve_plain(text), Value::Text, "{text}");
        }
    }

    #[test]
    fn a_core_tag_decides_and_must_fit() {
        assert_eq!(resolve_tagged("str", "12"), Some(Value::Text));
        assert_eq!(resolve_tagged("float", "12"), Some(Value::Float(12.0)));
        assert_eq!(resolve_tagged("int", "twelve"), None);
        assert_eq!(resolve_tagged("binary", "AA=="), None);
    }
}
