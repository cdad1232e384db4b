//! Texts of a column, end to end in one buffer.

use arrow_array::StringArray;
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

/// Appended texts. Their bytes are UTF-8, because the page that they come from was checked.
#[derive(Debug)]
pub(crate) struct Texts {
    ends: Vec<i32>,
    bytes: Vec<u8>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { ends: vec![0], bytes: Vec::new() }
    }
}

impl Texts {
    /// Appends one text, written by `write` onto the buffer that it is handed.
    #[inline]
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(end(self.bytes.len()));
    }

    pub(crate) fn push_empty(&mut self, count: usize) {
        self.ends.resize(self.ends.len() + count, end(self.bytes.len()));
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        if len < self.len() {
            self.ends.truncate(len + 1);
            self.bytes.truncate(usize::try_from(self.ends[len]).unwrap_or(0));
        }
    }

    pub(crate) fn get(&self, at: usize) -> &[u8] {
        let place = |end: i32| usize::try_from(end).unwrap_or(0);
        &self.bytes[place(self.ends[at])..place(self.ends[at + 1])]
    }

    /// The texts as an array; what stays behind is empty, with room for as much again.
    pub(crate) fn take(&mut self, nulls: Option<NullBuffer>) -> StringArray {
        let next = Self { ends: Vec::with_capacity(self.ends.len()), bytes: Vec::with_capacity(self.bytes.len()) };
        let full = std::mem::replace(self, next);
        self.ends.push(0);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(full.ends));
        StringArray::new(offsets, Buffer::from_vec(full.bytes), nulls)
    }
}

/// A part of a page is far below 2 GiB (see `spile_model::page::PART_BYTES`), so offsets fit.
fn end(len: usize) -> i32 {
    i32::try_from(len).expect("a part of a page holds less than 2 GiB of text")
}
