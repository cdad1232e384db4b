//! Which rows of a column are null. Most columns never hold one: nothing is kept until the first.

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, NullBuffer};

/// Counts a column's rows too.
#[derive(Default)]
pub(crate) struct Nulls {
    len: usize,
    /// A set bit for each row that holds a value; `None` as long as all do.
    valid: Option<BooleanBufferBuilder>,
}

impl Nulls {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Appends a row that holds a value.
    #[inline]
    pub(crate) fn push_valid(&mut self) {
        self.len += 1;
        if let Some(valid) = &mut self.valid {
            valid.append(true);
        }
    }

    /// Appends rows that are null.
    pub(crate) fn push_nulls(&mut self, count: usize) {
        let before = self.len;
        let valid = self.valid.get_or_insert_with(|| {
            let mut valid = BooleanBufferBuilder::new(before + count);
            valid.append_n(before, true);
            valid
        });
        valid.append_n(count, false);
        self.len += count;
    }

    pub(crate) fn is_valid(&self, row: usize) -> bool {
        row < self.len && self.valid.as_ref().is_none_or(|valid| valid.get_bit(row))
    }

    /// Takes rows back, down to `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        if let Some(valid) = &mut self.valid {
            valid.truncate(self.len);
        }
    }

    /// The rows so far, of which none are left behind; `None` where no row is null.
    pub(crate) fn finish(&mut self) -> Option<NullBuffer> {
        let Self { valid, .. } = std::mem::take(self);
        let valid: BooleanBuffer = valid?.finish();
        Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart_from_the_first_null_on() {
        let mut nulls = Nulls::default();
        nulls.push_valid();
        assert!(nulls.is_valid(0) && !nulls.is_valid(1));
        nulls.push_nulls(2);
        nulls.push_valid();
        assert_eq!((nulls.len(), nulls.is_valid(0), nulls.is_valid(2), nulls.is_valid(3)), (4, true, false, true));
        assert_eq!(nulls.finish().map(|nulls| nulls.iter().collect()), Some(vec![true, false, false, true]));
        assert_eq!((nulls.len(), nulls.finish()), (0, None));
    }

    #[test]
    fn rows_taken_back_leave_no_null() {
        let mut nulls = Nulls::default();
        nulls.push_valid();
        nulls.push_nulls(1);
        nulls.truncate(1);
        nulls.push_valid();
        assert_eq!((nulls.len(), nulls.is_valid(1)), (2, true));
        assert_eq!(nulls.finish(), None);
    }
}
