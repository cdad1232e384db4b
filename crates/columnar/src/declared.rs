//! Values for a column whose type the pipeline file declares. Besides values of that very type it takes those whose
//! meaning under the type is beyond doubt; all others make their record a reject, for a declared column never widens.

use crate::column::{Data, Refusal};
use crate::datetime::Moment;
use crate::json::Json;
use crate::number::Number;

const DAY_MICROS: i64 = 86_400_000_000;

/// Appends the next value, which is not null and not of the type as JSON has it.
pub(crate) fn put(data: &mut Data, json: &mut Json<'_>) -> Result<(), Refusal> {
    let expected = data.column_type().describe();
    let raw = json.value();
    let inner = raw.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let taken = match (data, inner) {
        (Data::Text(texts), _) => {
            texts.push(|into| into.extend_from_slice(raw));
            true
        }
        (Data::Int { values, .. }, Some(text)) => match number(text) {
            Some(Number::Int(value)) => keep(values, Some(value)),
            _ => false,
        },
        (Data::Float(values), Some(text)) => match number(text) {
            Some(Number::Float(value)) => keep(values, Some(value)),
            #[expect(clippy::cast_precision_loss, reason = "checked to be exact")]
            Some(Number::Int(value)) if value.unsigned_abs() <= 1 << 53 => keep(values, Some(value as f64)),
            _ => false,
        },
        (Data::Decimal { values, precision, scale }, Some(text)) => {
            let value = number(text).and_then(|_| Number::parse_decimal(text).at_scale(*precision, *scale));
            keep(values, value)
        }
        (Data::Timestamp(values), Some(text)) => keep(values, Moment::parse(text).map(micros)),
        (Data::LocalTimestamp(values), Some(text)) => match Moment::parse(text) {
            Some(moment @ (Moment::Local(_) | Moment::Date(_))) => keep(values, Some(micros(moment))),
            _ => false,
        },
        _ => false,
    };
    if taken { Ok(()) } else { Err(refusal(raw, &expected)) }
}

fn keep<T>(values: &mut Vec<T>, value: Option<T>) -> bool {
    value.map(|value| values.push(value)).is_some()
}

/// A declared timestamp reads a time without a zone, and the midnight of a date, as UTC.
fn micros(moment: Moment) -> i64 {
    match moment {
        Moment::Timestamp(micros) | Moment::Local(micros) => micros,
        Moment::Date(days) => i64::from(days) * DAY_MICROS,
    }
}

/// A number inside a text, if that is all it holds.
fn number(text: &[u8]) -> Option<Number> {
    let is_json_number = serde_json::from_slice::<serde_json::Number>(text).is_ok();
    is_json_number.then(|| Number::parse(text))
}

fn refusal(raw: &[u8], expected: &str) -> Refusal {
    let shown: String = String::from_utf8_lossy(raw).chars().take(80).collect();
    format!("{shown} is not a value of the declared type {expected}").into()
}
