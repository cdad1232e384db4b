//! What the accounting complains about, in words.

use spile_model::{CursorValue, Failure, FailureKind, Progress};

use super::Accounting;

impl Accounting {
    pub(super) fn incomparable(&self, value: &CursorValue, other: &CursorValue) -> Failure {
        self.failure(format!(
            "the cursor field `{}` holds {} ({value}) after {} ({other}), and the two cannot be compared; if the field \
             was changed on purpose, read anew with `spile state reset`",
            self.field(),
            kind_of(value),
            kind_of(other)
        ))
    }

    pub(super) fn out_of_order(&self, seen: &str) -> Failure {
        self.failure(format!(
            "`cursor.order` is ascending, but the records are not in the order of `{}` ({seen}); set `order: \
             unordered`, and since earlier runs may have passed records over, read anew with `spile state reset`",
            self.field()
        ))
    }

    pub(super) fn unfit_lookback(&self, wanted: &str, value: &CursorValue) -> Failure {
        self.failure(format!(
            "`cursor.lookback` is {wanted}, but the values of `{}` are {} (such as {value}), which it cannot go back by",
            self.field(),
            kind_of(value)
        ))
    }

    pub(super) fn crowded(&self, at: &CursorValue) -> Failure {
        self.failure(format!(
            "more than {} records have the same `{}` ({at}), and without a `primary_key` `append` must remember each: \
             declare one",
            Progress::BOUNDARY_LIMIT,
            self.field()
        ))
    }

    fn field(&self) -> &str {
        self.cursor.as_ref().map_or("", |cursor| cursor.field.as_str())
    }

    fn failure(&self, message: String) -> Failure {
        Failure::new(FailureKind::Cursor, message).in_stream(&self.stream)
    }
}

/// The kind of a cursor's value, in the plural.
fn kind_of(value: &CursorValue) -> &'static str {
    match value {
        CursorValue::Int(_) => "whole numbers",
        CursorValue::Timestamp(_) => "timestamps",
        CursorValue::LocalTimestamp(_) => "timestamps without a zone",
        CursorValue::Date(_) => "dates",
        CursorValue::Text(_) => "texts",
    }
}
