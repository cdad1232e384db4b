//! Bytes → valid UTF-8, with note taken of what was not.

use std::ops::Range;

use bytes::Bytes;
use spile_model::Reject;

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// A body as text.
pub(super) struct Text {
    body: Bytes,
    /// How many bytes stood before it.
    mark: usize,
    damage: Vec<Damage>,
}

/// A stretch of bytes that was not UTF-8.
struct Damage {
    /// Where its replacement stands in the text.
    at: usize,
    /// Where it stood in the body, as the API sent it.
    offset: usize,
    byte: u8,
}

/// An encoding that is not UTF-8 throughout, by name.
pub(super) struct OtherEncoding(pub(super) &'static str);

impl Text {
    /// Takes a byte order mark off.
    ///
    /// # Errors
    /// Where the bytes are text in another encoding as a whole.
    pub(super) fn new(body: &Bytes) -> Result<Self, OtherEncoding> {
        if looks_wide(body) {
            return Err(OtherEncoding("UTF-16 or UTF-32"));
        }
        let mark = if body.starts_with(MARK) { MARK.len() } else { 0 };
        Ok(Self { body: body.slice(mark..), mark, damage: Vec::new() })
    }

    /// The text, if all of it is UTF-8. This reads every byte.
    pub(super) fn valid(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    /// A copy in which U+FFFD stands for what is not UTF-8.
    pub(super) fn repaired(&self) -> Self {
        let mut text = String::with_capacity(self.body.len() + self.body.len() / 8);
        let mut damage = Vec::new();
        let mut offset = self.mark;
        for chunk in self.body.utf8_chunks() {
            text.push_str(chunk.valid());
            offset += chunk.valid().len();
            if let Some(byte) = chunk.invalid().first() {
                damage.push(Damage { at: text.len(), offset, byte: *byte });
                text.push(char::REPLACEMENT_CHARACTER);
            }
            offset += chunk.invalid().len();
        }
        Self { body: text.into(), mark: self.mark, damage }
    }

    /// The records without damage, and the others as rejects.
    pub(super) fn divide(&self, records: Vec<Range<u32>>) -> (Vec<Range<u32>>, Vec<Reject>) {
        if self.damage.is_empty() {
            return (records, Vec::new());
        }
        let mut rejects = Vec::new();
        let whole = records.into_iter().filter(|record| match self.damage_in(record) {
            None => true,
            Some(damage) => {
                rejects.push(self.reject(record, damage));
                false
            }
        });
        (whole.collect(), rejects)
    }

    fn damage_in(&self, record: &Range<u32>) -> Option<&Damage> {
        let first = self.damage.partition_point(|damage| damage.at < record.start as usize);
        self.damage.get(first).filter(|damage| damage.at < record.end as usize)
    }

    fn reject(&self, record: &Range<u32>, damage: &Damage) -> Reject {
        let reason = format!(
            "the record is not UTF-8: byte 0x{:02X} at offset {} of the response; bytes like it are shown as U+FFFD",
            damage.byte, damage.offset
        );
        let record = String::from_utf8_lossy(&self.body[record.start as usize..record.end as usize]).into_owned();
        Reject { reason, record, loaded: false }
    }

    pub(super) fn into_body(self) -> Bytes {
        self.body
    }
}

/// JSON begins with two ASCII characters (or is one digit), so a zero among the first bytes means wider characters.
fn looks_wide(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") || bytes.iter().take(2).any(|byte| *byte == 0)
}
