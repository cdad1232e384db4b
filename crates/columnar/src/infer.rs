//! The type that a single value asks for.

use spile_model::ColumnType;
use spile_plan::{Lists, Nested, ShapePlan};

use crate::datetime::Moment;
use crate::json::{Json, RawString};
use crate::number::Number;

/// The type of the next value, which is not null and stays where it is. Objects and lists are told without their
/// content: what they hold is learned as it is built.
pub(crate) fn next_type(json: &Json<'_>, shape: &ShapePlan, depth: usize) -> ColumnType {
    let mut json = json.clone();
    let deep = depth >= shape.max_depth.get();
    match json.peek() {
        b'"' => text_type(json.string(), shape),
        b't' | b'f' => ColumnType::Bool,
        b'{' if deep || shape.nested == Nested::Json => ColumnType::Json,
        b'{' => ColumnType::Struct(Vec::new()),
        b'[' if deep || shape.lists == Lists::Json => ColumnType::Json,
        b'[' => ColumnType::List(Box::new(ColumnType::Null)),
        _ => Number::parse(json.number()).column_type(),
    }
}

fn text_type(text: RawString<'_>, shape: &ShapePlan) -> ColumnType {
    if !shape.detect_dates || text.escaped {
        return ColumnType::Text;
    }
    match Moment::parse(text.bytes) {
        Some(Moment::Timestamp(_)) => ColumnType::Timestamp,
        Some(Moment::Local(_)) => ColumnType::LocalTimestamp,
        Some(Moment::Date(_)) => ColumnType::Date,
        None => ColumnType::Text,
    }
}
