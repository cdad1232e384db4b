//! Reading tables back so that expectations are short: chosen columns, in a fixed order, spelled one way.

use serde_json::{Map, Value};

use super::Subject;

/// The rows of a table as they were read.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    rows: Vec<Map<String, Value>>,
}

/// Reads a table of the subject, which must not be open.
pub async fn table(subject: &dyn Subject, name: &str) -> Table {
    Table { rows: subject.rows(name).await }
}

impl Table {
    /// These columns of every row, as a list of lists that is sorted by its JSON text. A column that a row does not
    /// have is null.
    pub fn only(&self, columns: &[&str]) -> Value {
        let mut rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| columns.iter().map(|name| row.get(*name).map_or(Value::Null, normal)).collect())
            .collect();
        rows.sort_by_key(Value::to_string);
        Value::Array(rows)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows as objects.
    pub fn rows(&self) -> &[Map<String, Value>] {
        &self.rows
    }

    /// How many rows mention this text: in some column, at any depth.
    pub fn rows_mentioning(&self, text: &str) -> usize {
        self.rows.iter().filter(|row| row.values().any(|value| mentions(value, text))).count()
    }

    /// How many rows hold exactly this value in some column.
    pub fn rows_with(&self, value: &Value) -> usize {
        self.rows.iter().filter(|row| row.values().any(|held| held == value)).count()
    }
}

fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::String(held) => held.contains(text),
        Value::Array(values) => values.iter().any(|value| mentions(value, text)),
        Value::Object(fields) => fields.values().any(|value| mentions(value, text)),
        Value::Number(number) => number.to_string() == text,
        Value::Null | Value::Bool(_) => false,
    }
}

/// One spelling for what destinations spell differently: whole floats are integers, fields that are null are left
/// out of objects, times have a `T` and end with `Z`.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => whole(number).map_or_else(|| value.clone(), Value::from),
        Value::String(text) => Value::String(normal_time(text).unwrap_or_else(|| text.clone())),
        Value::Array(values) => values.iter().map(normal).collect(),
        Value::Object(fields) => {
            let present = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(present.map(|(name, value)| (name.clone(), normal(value))).collect())
        }
        other => other.clone(),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "checked by converting back")]
fn whole(number: &serde_json::Number) -> Option<i64> {
    let float = number.as_f64().filter(|_| !number.is_i64() && !number.is_u64())?;
    let whole = float as i64;
    (whole as f64 == float).then_some(whole)
}

/// `2024-01-31 10:00:00.500+00` as `2024-01-31T10:00:00.5Z`; nothing for what is not a time.
fn normal_time(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let shape_fits = bytes.len() > 18
        && [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')].iter().all(|(at, byte)| bytes[*at] == *byte)
        && matches!(bytes[10], b' ' | b'T')
        && bytes[..4].iter().all(u8::is_ascii_digit);
    if !shape_fits {
        return None;
    }
    let rest = &text[11..];
    let end = rest.find(['+', '-', 'Z']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(end);
    let clock = if clock.contains('.') { clock.trim_end_matches('0').trim_end_matches('.') } else { clock };
    let zone = if matches!(zone, "+00" | "+00:00" | "+0000") { "Z" } else { zone };
    Some(format!("{}T{clock}{zone}", &text[..10]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spellings_that_mean_the_same_become_the_same() {
        for (read, meant) in [
            (json!(1.0), json!(1)),
            (json!(1.5), json!(1.5)),
            (json!("2024-01-31 10:00:00+00"), json!("2024-01-31T10:00:00Z")),
            (json!("2024-01-31T10:00:00.500Z"), json!("2024-01-31T10:00:00.5Z")),
            (json!("2024-01-31 10:00:00"), json!("2024-01-31T10:00:00")),
            (json!("2024-01-31 or so, we think"), json!("2024-01-31 or so, we think")),
            (json!({"a": null, "b": [{"c": null}]}), json!({"b": [{}]})),
        ] {
            assert_eq!(normal(&read), meant);
        }
    }
}
