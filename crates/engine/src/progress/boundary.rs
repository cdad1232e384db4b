//! The records that stand exactly at the cursor, by hash: how `append` without a primary key tells what it has.
//!
//! The hash is XXH3 (64 bit, seed 0) of the record's text as it came. It is stored, so it can never change without a
//! new name in the state. Equal records are counted: two that look alike are two rows, in this run and over runs.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;

use spile_model::{CursorValue, Progress};
use twox_hash::XxHash3_64;

/// What is known at the committed cursor, and what stands at the highest one now.
pub(super) struct Boundary {
    /// The cursor committed by earlier runs.
    committed: Option<CursorValue>,
    recognised: RefCell<Recognised>,
    high: Option<CursorValue>,
    /// The hashes of the records at `high`, whichever run loaded them.
    at_high: Vec<u64>,
    /// There were more of them than the state can name.
    crowded: bool,
}

/// Which records at the committed cursor have come again.
struct Recognised {
    /// By hash, how many have not yet.
    waiting: HashMap<u64, u32>,
    /// The answers about the present page, by the place of the record's text: a page may be typed twice.
    answers: HashMap<usize, bool>,
}

impl Boundary {
    pub(super) fn new(committed: Option<CursorValue>, hashes: Vec<u64>) -> Self {
        let mut waiting = HashMap::with_capacity(hashes.len());
        for &hash in &hashes {
            *waiting.entry(hash).or_default() += 1;
        }
        let recognised = RefCell::new(Recognised { waiting, answers: HashMap::new() });
        Self { high: committed.clone(), committed, recognised, at_high: hashes, crowded: false }
    }

    /// Whether an earlier run has loaded this record.
    pub(super) fn knows(&self, value: &CursorValue, text: &[u8]) -> bool {
        match self.committed.as_ref().map_or(Some(Ordering::Greater), |committed| value.partial_cmp(committed)) {
            Some(Ordering::Less) => true,
            // Of two kinds there is no order: what is at the cursor can be recognised all the same.
            Some(Ordering::Equal) | None => self.recognised.borrow_mut().recognise(text),
            Some(Ordering::Greater) => false,
        }
    }

    /// Takes note of rows that are loaded now: of the records at the highest value among them, in the order of pages.
    pub(super) fn loaded<'t>(&mut self, highest: &CursorValue, records: impl Iterator<Item = &'t [u8]>) {
        match self.high.as_ref().map_or(Some(Ordering::Greater), |high| highest.partial_cmp(high)) {
            Some(Ordering::Greater) => {
                self.high = Some(highest.clone());
                self.at_high.clear();
                self.crowded = false;
            }
            Some(Ordering::Equal) => {}
            Some(Ordering::Less) | None => return,
        }
        for text in records {
            if self.at_high.len() < Progress::BOUNDARY_LIMIT {
                self.at_high.push(hash(text));
            } else {
                self.crowded = true;
            }
        }
    }

    /// Nothing stands at the highest cursor: it is none. What was loaded at the committed one is still recognised.
    pub(super) fn forget_cursor(&mut self) {
        self.high = None;
        self.at_high.clear();
        self.crowded = false;
    }

    /// Forgets the answers about a page that is left behind; its memory may be used by another now.
    pub(super) fn close_page(&mut self) {
        self.recognised.borrow_mut().answers.clear();
    }

    /// The hashes to be stored with the highest cursor.
    ///
    /// # Errors
    /// The cursor at which more records stand than can be stored.
    pub(super) fn hashes(&self) -> Result<Vec<u64>, CursorValue> {
        match &self.high {
            Some(high) if self.crowded => Err(high.clone()),
            _ => Ok(self.at_high.clone()),
        }
    }
}

impl Recognised {
    fn recognise(&mut self, text: &[u8]) -> bool {
        let waiting = &mut self.waiting;
        *self.answers.entry(text.as_ptr().addr()).or_insert_with(|| match waiting.get_mut(&hash(text)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        })
    }
}

fn hash(text: &[u8]) -> u64 {
    XxHash3_64::oneshot(text)
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn the_hash_in_stored_states_never_changes() {
        assert_eq!(hash(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(hash(br#"{"id":1}"#), 16_926_639_223_295_321_920);
    }
}
