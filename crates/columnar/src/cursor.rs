//! What the rows of a page say about the stream's cursor.

use std::cmp::Ordering;

use spile_model::CursorValue;

use crate::column::Column;

/// The cursor values of the rows that were built, taken together.
#[derive(Clone, Debug, PartialEq)]
pub struct CursorSummary {
    /// The smallest.
    pub min: CursorValue,
    /// The largest.
    pub max: CursorValue,
    /// Which records of the page (by their index) stand at `max`.
    pub at_max: Vec<usize>,
    /// Whether each is at least as large as the one before.
    pub ascending: bool,
}

/// Sums up the column. `records` names the record of each row. The second value counts rows without a cursor.
pub(crate) fn summarise(column: Option<&Column>, records: &[usize]) -> (Option<CursorSummary>, u64) {
    let mut summary: Option<CursorSummary> = None;
    let mut last: Option<CursorValue> = None;
    let mut missing = 0;
    for (row, &record) in records.iter().enumerate() {
        let Some(value) = column.and_then(|column| column.cursor_value(row)) else {
            missing += 1;
            continue;
        };
        match &mut summary {
            None => {
                summary = Some(CursorSummary {
                    min: value.clone(),
                    max: value.clone(),
                    at_max: vec![record],
                    ascending: true,
                });
            }
            Some(summary) => {
                summary.ascending &= last.as_ref().is_none_or(|last| *last <= value);
                match value.partial_cmp(&summary.max) {
                    Some(Ordering::Greater) => {
                        summary.max = value.clone();
                        summary.at_max = vec![record];
                    }
                    Some(Ordering::Equal) => summary.at_max.push(record),
                    _ if value < summary.min => summary.min = value.clone(),
                    _ => {}
                }
            }
        }
        last = Some(value);
    }
    (summary, missing)
}
