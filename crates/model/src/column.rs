//! Column types as Spile sees them, and the rule by which they widen.
//!
//! The types form a lattice: `Null` below everything, `Json` (the exact JSON text) above everything. Widening never
//! loses a value: what cannot be held exactly by a narrower type moves up.

use serde::{Deserialize, Serialize};

/// The largest number of decimal digits that [`ColumnType::Decimal`] holds.
pub const MAX_DECIMAL_PRECISION: u8 = 38;

/// The type of a column, or of a value inside one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Only nulls so far. A column of this type is not created in the table yet.
    Null,
    /// true or false.
    Bool,
    /// An integer that a double holds exactly too (at most 2^53 away from zero), so that the column may still become
    /// [`ColumnType::Float`]. Stored as a 64-bit integer.
    Int,
    /// Any 64-bit signed integer.
    BigInt,
    /// A double, used only for numbers that it holds exactly as they were written (shortest round trip).
    Float,
    /// An exact decimal with `precision` digits in all, `scale` of them after the point.
    Decimal {
        /// 1 to 38.
        precision: u8,
        /// 0 to `precision`.
        scale: u8,
    },
    /// An instant with microseconds, in UTC.
    Timestamp,
    /// A date and time without a zone, with microseconds.
    LocalTimestamp,
    /// A calendar date.
    Date,
    /// Text.
    Text,
    /// Any JSON value, kept as its exact text.
    Json,
    /// An object with known fields.
    Struct(Vec<Field>),
    /// A list of values of one type.
    List(Box<ColumnType>),
}

/// A column of a table, or a field of a [`ColumnType::Struct`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name in the table.
    pub name: String,
    /// The key in the records.
    pub source: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
}

/// What is known of a table's columns, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TableSchema {
    /// The columns.
    pub columns: Vec<Field>,
}

impl TableSchema {
    /// The column of that name (as the table has it).
    pub fn column(&self, name: &str) -> Option<&Field> {
        self.columns.iter().find(|field| field.name == name)
    }
}

impl ColumnType {
    /// The narrowest type that holds every value of both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        use ColumnType::{
            BigInt, Date, Decimal, Float, Int, Json, List, LocalTimestamp, Null, Struct, Text, Timestamp,
        };
        match (self, other) {
            (a, b) if a == b => a.clone(),
            (Null, other) | (other, Null) => other.clone(),
            (Int, Float) | (Float, Int) => Float,
            (Int, BigInt) | (BigInt, Int) => BigInt,
            (Int | BigInt, Decimal { precision, scale }) | (Decimal { precision, scale }, Int | BigInt) => {
                decimal_holding(precision - scale, *scale, INT_DIGITS, 0)
            }
            (Decimal { precision: p, scale: s }, Decimal { precision: q, scale: t }) => {
                decimal_holding(p - s, *s, q - t, *t)
            }
            (Timestamp | LocalTimestamp | Date | Text, Timestamp | LocalTimestamp | Date | Text) => Text,
            (Struct(a), Struct(b)) => Struct(join_fields(a, b)),
            (List(a), List(b)) => List(Box::new(a.join(b))),
            _ => Json,
        }
    }

    /// Whether a table can hold a column of this type: all but [`ColumnType::Null`].
    pub fn is_known(&self) -> bool {
        *self != Self::Null
    }

    /// The type in a few words, for messages: `decimal(38,4)`, `struct`, `list of text`.
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Int | Self::BigInt => "int".to_owned(),
            Self::Float => "float".to_owned(),
            Self::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            Self::Timestamp => "timestamp".to_owned(),
            Self::LocalTimestamp => "local_timestamp".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Json => "json".to_owned(),
            Self::Struct(_) => "struct".to_owned(),
            Self::List(inner) => format!("list of {}", inner.describe()),
        }
    }
}

/// A 64-bit integer has at most this many decimal digits.
const INT_DIGITS: u8 = 19;

fn decimal_holding(whole_a: u8, scale_a: u8, whole_b: u8, scale_b: u8) -> ColumnType {
    let (whole, scale) = (whole_a.max(whole_b), scale_a.max(scale_b));
    if whole + scale > MAX_DECIMAL_PRECISION {
        ColumnType::Json
    } else {
        ColumnType::Decimal { precision: whole + scale, scale }
    }
}

fn join_fields(a: &[Field], b: &[Field]) -> Vec<Field> {
    let mut joined = a.to_vec();
    for field in b {
        match joined.iter_mut().find(|known| known.source == field.source) {
            Some(known) => known.column_type = known.column_type.join(&field.column_type),
            None => joined.push(field.clone()),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_widen_without_loss() {
        let wide = ColumnType::Decimal { precision: 38, scale: 0 };
        assert_eq!(ColumnType::Int.join(&wide), wide);
        assert_eq!(
            ColumnType::Int.join(&ColumnType::Decimal { precision: 20, scale: 18 }),
            ColumnType::Decimal { precision: 37, scale: 18 }
        );
        assert_eq!(ColumnType::Int.join(&ColumnType::Float), ColumnType::Float);
        assert_eq!(ColumnType::BigInt.join(&ColumnType::Float), ColumnType::Json, "a double would round it");
        assert_eq!(wide.join(&ColumnType::Decimal { precision: 3, scale: 1 }), ColumnType::Json);
    }

    #[test]
    fn mixed_kinds_become_json_and_dates_with_other_text_become_text() {
        assert_eq!(ColumnType::Int.join(&ColumnType::Text), ColumnType::Json);
        assert_eq!(ColumnType::Timestamp.join(&ColumnType::Text), ColumnType::Text);
        assert_eq!(ColumnType::Null.join(&ColumnType::Bool), ColumnType::Bool);
        let list = |inner| ColumnType::List(Box::new(inner));
        assert_eq!(list(ColumnType::Null).join(&list(ColumnType::Int)), list(ColumnType::Int));
        assert_eq!(list(ColumnType::Int).join(&ColumnType::Int), ColumnType::Json);
    }

    #[test]
    fn structs_join_field_by_field() {
        let field = |name: &str, column_type| Field { name: name.into(), source: name.into(), column_type };
        let a = ColumnType::Struct(vec![field("x", ColumnType::Int)]);
        let b = ColumnType::Struct(vec![field("y", ColumnType::Bool), field("x", ColumnType::Float)]);
        let joined = ColumnType::Struct(vec![field("x", ColumnType::Float), field("y", ColumnType::Bool)]);
        assert_eq!(a.join(&b), joined);
    }
}
